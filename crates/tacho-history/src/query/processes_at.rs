//! Which processes were alive at an instant.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use tacho_model::tables::{host, process};
use tacho_model::{Block, FloatColumn, IntegerColumn, ProcessIdentity, ProcessKey, Row, Table, TextColumn};

use super::series::{IDLE_MS, Wanted};
use crate::columns::{FIRST, INTERVAL, TIME};
use crate::inner::Inner;
use crate::rollup::{Level, spec};
use crate::scan::{Reading, Scan, read_all};
use crate::{History, HistoryError};

/// How far back a snapshot is looked for when there is none in the last [`IDLE_MS`]: agents sample at least
/// every 10 minutes.
pub(super) const SNAPSHOT_MS: i64 = 750_000;

/// All processes of a host at an instant.
#[derive(Debug, Clone)]
pub struct ProcessesAt {
    /// Time of the newest snapshot at or before the instant; absent when there is none shortly before.
    pub snapshot_time_ms: Option<i64>,
    /// Each process alive, with its latest row; by pid.
    pub processes: Vec<ProcessRow>,
    /// The latest `other` row: what all processes without a row in its snapshot used.
    pub other: Option<ProcessRow>,
    /// Rows of `processes` and `other`, of table `process`; identity columns are not set.
    pub block: Block,
    /// The latest row of the host as a whole.
    pub host: Option<HostRow>,
}

/// One process.
#[derive(Debug, Clone)]
pub struct ProcessRow {
    /// When this row was taken. Older than the snapshot for a process that did nothing since: then
    /// its deltas belong to that older interval, and since then it used nothing.
    pub time_ms: i64,
    /// What the row's deltas cover; 0 when they were not measured.
    pub interval_ms: i64,
    pub identity: Arc<ProcessIdentity>,
    /// Its row in [`ProcessesAt::block`].
    pub row: usize,
}

/// The host as a whole.
#[derive(Debug, Clone)]
pub struct HostRow {
    pub time_ms: i64,
    /// One row of table `host` with the columns that were asked for; [`Block::interval_ms`] is set.
    pub block: Block,
}

impl History {
    /// Which processes were alive at an instant: each with its newest row at or before it. Agents send a row
    /// of every idle process each minute, so one without a row in the 75 s before the newest snapshot is gone.
    /// Where only rollups are left, it is the minute or the hour of the instant: the sums of it, and its last row.
    /// Of the host as a whole it tells some columns of table `host`, stored or [derived](crate::derived).
    pub async fn processes_at(
        &self,
        host_id: &str,
        at_ms: i64,
        columns: &'static [&'static str],
    ) -> Result<ProcessesAt, HistoryError> {
        let host_id = host_id.to_owned();
        self.inner.reading(move |inner, reading| processes_at(inner, reading, &host_id, at_ms, columns)).await
    }
}

pub(crate) fn processes_at(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    host_id: &str,
    at_ms: i64,
    columns: &[&str],
) -> Result<ProcessesAt, HistoryError> {
    let moment = Moment { inner, reading, host_id, at_ms };
    let columns = host_columns(columns)?;
    let host = match moment.newest_host_row(&columns, IDLE_MS)? {
        Some(row) => Some(row),
        None => moment.newest_host_row(&columns, SNAPSHOT_MS)?,
    };
    let look_back_ms = host.as_ref().map_or(0, |host| host.block.interval_ms.saturating_mul(5) / 4);
    // A silent host has lost nobody: who is there is told by the newest snapshot and what came shortly before it.
    // The bucket of a rollup can tell of one that is older than what is looked for, or newer than the instant.
    let newest_ms = host.as_ref().map(|host| host.time_ms);
    let shortly_before = at_ms.saturating_sub(SNAPSHOT_MS)..=at_ms;
    let newest_ms = newest_ms.filter(|time_ms| shortly_before.contains(time_ms)).unwrap_or(at_ms);
    let from_ms = newest_ms.saturating_sub(look_back_ms.clamp(IDLE_MS, SNAPSHOT_MS));
    // Rows of processes that a reboot ended.
    let from_ms = host.as_ref().and_then(boot_ms).map_or(from_ms, |boot_ms| from_ms.max(boot_ms));

    let table = &process::TABLE;
    let all: Vec<_> = (0..table.columns.len()).collect();
    let batches = moment.read(table, &all, from_ms)?;
    // Where the newest row of each process is. Of two at the same time the later one read is the newer.
    let mut newest: HashMap<ProcessKey, (i64, usize, usize)> = HashMap::new();
    for (number, (level, batch)) in batches.iter().enumerate() {
        for row in 0..batch.num_rows() {
            let (key, time_ms) = (key_of(batch, row), time_of(batch, row));
            // A bucket is longer than the moment: who had ended before it or started after it is in it too.
            if time_ms < from_ms || key.start_time_ms > at_ms && *level != Level::Raw {
                continue;
            }
            let found = newest.entry(key).or_insert((time_ms, number, row));
            if found.0 <= time_ms {
                *found = (time_ms, number, row);
            }
        }
    }
    let mut newest: Vec<_> = newest.into_iter().collect();
    newest.sort_by_key(|(key, _)| *key);

    let mut answer = ProcessesAt {
        snapshot_time_ms: host.as_ref().map(|host| host.time_ms),
        processes: Vec::new(),
        other: None,
        block: Block::new(table),
        host,
    };
    for (key, (time_ms, number, row)) in newest {
        let (_, batch) = &batches[number];
        if text(column(batch, process::STATE.0), row) == Some("X") {
            continue;
        }
        let to = answer.block.len();
        let (identity, own) = all.split_at(usize::from(process::CONTAINER.0) + 1);
        fill(&batch.columns()[2 + identity.len()..], row, answer.block.push(), own);
        let found = ProcessRow {
            time_ms,
            interval_ms: interval_of(batch, row),
            identity: identity_of(batch, row),
            row: to,
        };
        if key.is_other() {
            answer.other = Some(found);
        } else {
            answer.processes.push(found);
        }
        answer.snapshot_time_ms = answer.snapshot_time_ms.max(Some(time_ms));
    }
    Ok(answer)
}

/// One host at one instant.
struct Moment<'a> {
    inner: &'a Arc<Inner>,
    reading: &'a Arc<Reading>,
    host_id: &'a str,
    at_ms: i64,
}

impl Moment<'_> {
    /// Rows with a time from then up to the instant, or the buckets that these are in, as rows of the table; and
    /// which of the two they are.
    fn read(
        &self,
        table: &'static Table,
        positions: &[usize],
        from_ms: i64,
    ) -> Result<Vec<(Level, RecordBatch)>, HistoryError> {
        let end_ms = self.at_ms.saturating_add(1);
        let plan = |from_ms| self.inner.state().plan(table, self.host_id, from_ms..end_ms, Level::Raw);
        let level = plan(self.at_ms).levels.first().map_or(Level::Raw, |(level, _)| *level);
        let length = level.bucket_ms();
        let from_ms = from_ms.min(self.at_ms).div_euclid(length).saturating_mul(length);
        let mut batches = Vec::new();
        for part in plan(from_ms).parts {
            let columns = columns_at(table, positions, part.level);
            let scan = Scan::new(part.table, self.host_id, columns, part.range, self.reading);
            let read = read_all(self.inner, scan, &part.files, &part.frames)?;
            batches.extend(read.into_iter().map(|batch| (part.level, batch)));
        }
        Ok(batches)
    }

    fn newest_host_row(
        &self,
        positions: &[usize],
        look_back_ms: i64,
    ) -> Result<Option<HostRow>, HistoryError> {
        let table = &host::TABLE;
        let batches = self.read(table, positions, self.at_ms.saturating_sub(look_back_ms))?;
        let rows = batches.iter().flat_map(|(_, batch)| (0..batch.num_rows()).map(move |row| (batch, row)));
        let newest = rows.max_by_key(|(batch, row)| time_of(batch, *row));
        Ok(newest.map(|(batch, row)| {
            let mut block = Block::new(table);
            fill(&batch.columns()[2..], row, block.push(), positions);
            block.interval_ms = interval_of(batch, row);
            HostRow { time_ms: time_of(batch, row), block }
        }))
    }
}

/// When the host booted, at most a second late.
fn boot_ms(host: &HostRow) -> Option<i64> {
    let uptime = host.block.integer(host::UPTIME_SECONDS, 0)?;
    Some(host.time_ms.saturating_sub(uptime.saturating_add(1).saturating_mul(1000)))
}

/// Where the columns of table `host` are that these are made of, and the one that tells when it booted.
fn host_columns(names: &[&str]) -> Result<Vec<usize>, HistoryError> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut positions = Wanted::new(&host::TABLE, &names)?.positions().to_vec();
    let uptime = usize::from(host::UPTIME_SECONDS.0);
    if !positions.contains(&uptime) {
        positions.push(uptime);
    }
    Ok(positions)
}

/// Time, interval, and some of the table's own columns. A bucket is taken for its last row, with the sums of all.
fn columns_at(table: &Table, positions: &[usize], level: Level) -> Vec<usize> {
    let spec = spec(table).filter(|_| level != Level::Raw);
    let Some(spec) = spec else {
        let own = positions.iter().map(|position| FIRST + position);
        return [TIME, INTERVAL].into_iter().chain(own).collect();
    };
    let own = positions.iter().map(|position| match spec.number(*position) {
        Some(number) => number.last.unwrap_or(number.sum),
        None => spec.labels.iter().find(|(raw, _)| raw == position).map_or(spec.rows, |(_, rolled)| *rolled),
    });
    [FIRST + spec.last_time, INTERVAL].into_iter().chain(own.map(|position| FIRST + position)).collect()
}

/// The column at a position of the table, of which all were read.
fn column(batch: &RecordBatch, position: u16) -> &ArrayRef {
    batch.column(2 + usize::from(position))
}

fn time_of(batch: &RecordBatch, row: usize) -> i64 {
    batch.column(0).as_primitive::<TimestampMillisecondType>().value(row)
}

fn interval_of(batch: &RecordBatch, row: usize) -> i64 {
    batch.column(1).as_primitive::<Int64Type>().value(row)
}

fn key_of(batch: &RecordBatch, row: usize) -> ProcessKey {
    let part = |position| integer(column(batch, position), row).unwrap_or_default();
    ProcessKey { pid: part(process::PID.0), start_time_ms: part(process::START_TIME.0) }
}

fn identity_of(batch: &RecordBatch, row: usize) -> Arc<ProcessIdentity> {
    let number = |position| integer(column(batch, position), row).unwrap_or_default();
    let text = |position| text(column(batch, position), row).unwrap_or_default().to_owned();
    Arc::new(ProcessIdentity {
        key: key_of(batch, row),
        parent_pid: number(process::PARENT_PID.0),
        name: text(process::NAME.0),
        command: text(process::COMMAND.0),
        user_id: number(process::USER_ID.0),
        user: text(process::USER.0),
        cgroup: text(process::CGROUP.0),
        unit: text(process::UNIT.0),
        container: text(process::CONTAINER.0),
    })
}

/// Copies columns into a row of a block, to these positions.
fn fill(columns: &[ArrayRef], row: usize, mut to: Row<'_>, positions: &[usize]) {
    for (from, position) in columns.iter().zip(positions) {
        let Ok(position) = u16::try_from(*position) else { continue };
        if let Some(value) = integer(from, row) {
            to.integer(IntegerColumn(position), value);
        } else if let Some(value) = float(from, row) {
            to.float(FloatColumn(position), value);
        } else if let Some(value) = text(from, row) {
            to.text(TextColumn(position), value);
        }
    }
}

pub(super) fn integer(column: &ArrayRef, row: usize) -> Option<i64> {
    match column.data_type() {
        DataType::Int64 if column.is_valid(row) => Some(column.as_primitive::<Int64Type>().value(row)),
        DataType::Timestamp(..) if column.is_valid(row) => {
            Some(column.as_primitive::<TimestampMillisecondType>().value(row))
        }
        _ => None,
    }
}

fn float(column: &ArrayRef, row: usize) -> Option<f64> {
    let is_float = *column.data_type() == DataType::Float64;
    (is_float && column.is_valid(row)).then(|| column.as_primitive::<Float64Type>().value(row))
}

pub(super) fn text(column: &ArrayRef, row: usize) -> Option<&str> {
    let dictionary = column.as_dictionary_opt::<Int32Type>()?;
    dictionary.key(row).map(|key| dictionary.values().as_string::<i32>().value(key))
}
