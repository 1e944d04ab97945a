//! Processes, or groups of them.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use tacho_model::ProcessKey;
use tacho_model::tables::process;

use super::cells::{Cells, Number};
use super::{Asked, Changed, Period, ProcessLabel};
use crate::HistoryError;
use crate::columns::{FIRST, INTERVAL, TIME};
use crate::query::processes_at::text;
use crate::query::processes_over::ProcessGroup;
use crate::query::series::Numbers;
use crate::rollup::{Level, spec};
use crate::scan::{Scan, read_each};

const NUMBERS: [Number; 4] = [
    Number { column: "cpu_ratio", rate: Some(0.001), least: 0.02 },
    Number { column: "rss_bytes", rate: None, least: 16.0 * 1_048_576.0 },
    Number { column: "disk_bytes_per_second", rate: Some(1000.0), least: 262_144.0 },
    Number { column: "net_bytes_per_second", rate: Some(1000.0), least: 65_536.0 },
];

const RSS_NUMBER: usize = 1;

/// Columns of deltas after pid and start time, and which number each adds to.
const DELTAS: [(u16, usize); 6] = [
    (process::CPU_USER_US.0, 0),
    (process::CPU_SYSTEM_US.0, 0),
    (process::DISK_READ_BYTES.0, 2),
    (process::DISK_WRITE_BYTES.0, 2),
    (process::NET_RX_BYTES.0, 3),
    (process::NET_TX_BYTES.0, 3),
];

/// Where numbers are, after time and interval: pid, start time, deltas, then these.
const RSS: usize = 2 + DELTAS.len();
const RSS_COUNT: usize = RSS + 1;
const LAST_TIME: usize = RSS + 2;
/// Texts, counted with time and interval: state, then those of the label.
const STATE: usize = 2 + RSS + 3;

/// Processes whose memory is held; above it those that were not seen lately are let go.
const MOST_HELD: usize = 100_000;

/// What a row is put together by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Process(ProcessKey),
    Text(String),
}

/// Resident memory of a process in the bucket under way.
#[derive(Debug, Clone, Copy)]
struct Held {
    group: usize,
    bucket: usize,
    sum: f64,
    rows: f64,
    /// Since when it is there, and when it ended.
    started_ms: i64,
    ended_ms: Option<i64>,
}

/// How each process or group changed.
pub(crate) fn changed(asked: &Asked<'_>) -> Result<Vec<Changed<ProcessLabel>>, HistoryError> {
    let group = asked.query.group;
    let mut found =
        Found { group, cells: Cells::new(&NUMBERS), labels: HashMap::new(), held: HashMap::new() };
    for (number, period) in asked.periods.iter().enumerate() {
        for part in asked.plan(&process::TABLE, period).parts {
            let columns = columns_at(part.level, group);
            let scan = Scan::new(part.table, &asked.query.host_id, columns, part.range, asked.reading);
            read_each(asked.inner, scan, &part.files, &part.frames, |batch| {
                found.add(&batch, (number, period), part.level)
            })?;
        }
        found.finish((number, period))?;
    }
    let labels = found.labels;
    let mut changed = found
        .cells
        .changed(&asked.periods, |key, number| (key, labels.get(&number).cloned().unwrap_or_default()));
    changed.sort_by(|a, b| a.label.0.cmp(&b.label.0));
    let plain = |Changed { label: (_, label), score, changes }| Changed { label, score, changes };
    Ok(changed.into_iter().map(plain).collect())
}

/// Stored columns in the order that [`Found::add`] knows.
fn columns_at(level: Level, group: ProcessGroup) -> Vec<usize> {
    let deltas = DELTAS.iter().map(|(column, _)| *column);
    let texts = [process::STATE.0].into_iter().chain(texts(group).iter().copied());
    let (pid, start, rss) = (process::PID.0, process::START_TIME.0, process::RSS_BYTES.0);
    let keys = [pid, start].into_iter().chain(deltas).chain([rss]).map(usize::from);
    let texts = texts.map(usize::from);
    let own: Vec<usize> = match spec(&process::TABLE).filter(|_| level != Level::Raw) {
        // Rows need neither a count nor a last time: any column will do.
        None => keys.chain([usize::from(rss), usize::from(pid)]).chain(texts).collect(),
        Some(spec) => {
            let label = |position| {
                let label = spec.labels.iter().find(|(raw, _)| *raw == position);
                label.map_or(spec.rows, |(_, rolled)| *rolled)
            };
            let place = |position| spec.number(position).map_or_else(|| label(position), |number| number.sum);
            let count = spec.number(usize::from(rss)).map_or(spec.rows, |number| number.count);
            let numbers = keys.map(place).chain([count, spec.last_time]);
            numbers.chain(texts.map(label)).collect()
        }
    };
    [TIME, INTERVAL].into_iter().chain(own.into_iter().map(|position| FIRST + position)).collect()
}

/// What a label has; of a group the one that it is named by.
fn texts(group: ProcessGroup) -> &'static [u16] {
    match group {
        ProcessGroup::Process => {
            &[process::NAME.0, process::COMMAND.0, process::USER.0, process::UNIT.0, process::CONTAINER.0]
        }
        ProcessGroup::Name => &[process::NAME.0],
        ProcessGroup::User => &[process::USER.0],
        ProcessGroup::Unit => &[process::UNIT.0],
        ProcessGroup::Container => &[process::CONTAINER.0],
        ProcessGroup::Command => &[process::COMMAND.0],
    }
}

struct Found {
    group: ProcessGroup,
    cells: Cells<Key>,
    /// By number of the group.
    labels: HashMap<usize, ProcessLabel>,
    held: HashMap<ProcessKey, Held>,
}

impl Found {
    fn add(
        &mut self,
        batch: &RecordBatch,
        (number, period): (usize, &Period),
        level: Level,
    ) -> Result<(), HistoryError> {
        let numbers = Numbers::new(batch, 2);
        let mut before: Option<(ProcessKey, &str, usize)> = None;
        for row in 0..batch.num_rows() {
            let (time_ms, _) = numbers.time_and_interval(row);
            let integer = |place| numbers.get(place, row).map_or(0, |value| value as i64);
            let key = ProcessKey { pid: integer(0), start_time_ms: integer(1) };
            let Some(bucket) = period.bucket(time_ms).filter(|_| !key.is_other()) else { continue };
            let name = text(batch.column(STATE + 1), row).unwrap_or_default();
            let group = match before {
                // Rows of a process are neighbours.
                Some((last, called, group)) if last == key && called == name => group,
                _ => self.group_of(batch, row, key),
            };
            before = Some((key, name, group));
            for (place, (_, to)) in DELTAS.iter().enumerate() {
                if let Some(value) = numbers.get(2 + place, row) {
                    self.cells.add(group, (number, bucket), *to, value)?;
                }
            }
            let rss = numbers.get(RSS, row);
            let (rows, last_ms) = match level {
                Level::Raw => (1.0, time_ms),
                _ => (numbers.get(RSS_COUNT, row).unwrap_or_default(), integer(LAST_TIME)),
            };
            let held = Held {
                group,
                bucket,
                sum: rss.unwrap_or_default(),
                rows: rss.map_or(0.0, |_| rows),
                started_ms: key.start_time_ms,
                ended_ms: (text(batch.column(STATE), row) == Some("X")).then_some(last_ms),
            };
            self.hold(key, held, (number, period))?;
        }
        self.let_go((number, period))
    }

    fn group_of(&mut self, batch: &RecordBatch, row: usize, key: ProcessKey) -> usize {
        let text = |place: usize| text(batch.column(STATE + 1 + place), row).unwrap_or_default();
        let group = match self.group {
            ProcessGroup::Process => self.cells.group(Key::Process(key)),
            _ => self.cells.group(Key::Text(text(0).to_owned())),
        };
        let of_group = self.group;
        self.labels.entry(group).or_insert_with(|| {
            let (text, mut label) = (|place| text(place).to_owned(), ProcessLabel::default());
            match of_group {
                ProcessGroup::Process => {
                    let [name, command, user, unit, container] = std::array::from_fn(text);
                    return ProcessLabel { key: Some(key), name, command, user, unit, container };
                }
                ProcessGroup::Name => label.name = text(0),
                ProcessGroup::User => label.user = text(0),
                ProcessGroup::Unit => label.unit = text(0),
                ProcessGroup::Container => label.container = text(0),
                ProcessGroup::Command => label.command = text(0),
            }
            label
        });
        group
    }

    /// Puts the memory of a process's rows in one bucket together.
    fn hold(
        &mut self,
        key: ProcessKey,
        held: Held,
        (number, period): (usize, &Period),
    ) -> Result<(), HistoryError> {
        let Some(before) = self.held.get_mut(&key) else {
            self.held.insert(key, held);
            return Ok(());
        };
        if (before.bucket, before.group) == (held.bucket, held.group) {
            before.sum += held.sum;
            before.rows += held.rows;
            before.ended_ms = held.ended_ms.or(before.ended_ms);
            return Ok(());
        }
        let before = std::mem::replace(before, held);
        self.settle(before, (number, period))?;
        // An idle process has a row a minute, and now and then none in one.
        let minutes = period.bucket_ms == Level::Minute.bucket_ms();
        if minutes && before.ended_ms.is_none() && held.bucket == before.bucket + 2 {
            self.settle(Held { bucket: before.bucket + 1, ..before }, (number, period))?;
        }
        Ok(())
    }

    /// Counts the memory of a process for the share of a bucket in which it lived.
    fn settle(&mut self, held: Held, (number, period): (usize, &Period)) -> Result<(), HistoryError> {
        if held.rows <= 0.0 {
            return Ok(());
        }
        let (start_ms, end_ms) = period.bounds(held.bucket);
        let lived_ms = held.ended_ms.unwrap_or(end_ms).min(end_ms) - held.started_ms.max(start_ms);
        let share = lived_ms.max(0) as f64 / (end_ms - start_ms).max(1) as f64;
        let value = held.sum / held.rows * share;
        self.cells.add(held.group, (number, held.bucket), RSS_NUMBER, value)
    }

    /// Bounds how many are held: those that were not seen lately are settled.
    fn let_go(&mut self, (number, period): (usize, &Period)) -> Result<(), HistoryError> {
        if self.held.len() <= MOST_HELD {
            return Ok(());
        }
        let newest = self.held.values().map(|held| held.bucket).max().unwrap_or_default();
        let older: Vec<_> =
            self.held.extract_if(|_, held| held.bucket + 2 < newest).map(|(_, held)| held).collect();
        older.into_iter().try_for_each(|held| self.settle(held, (number, period)))?;
        match self.held.len() > MOST_HELD {
            true => self.finish((number, period)),
            false => Ok(()),
        }
    }

    fn finish(&mut self, (number, period): (usize, &Period)) -> Result<(), HistoryError> {
        let mut held: Vec<_> = self.held.drain().collect();
        // Sums of floats depend on the order.
        held.sort_by_key(|(key, _)| *key);
        held.into_iter().try_for_each(|(_, held)| self.settle(held, (number, period)))
    }
}
