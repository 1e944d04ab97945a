//! What processes used over a range.

mod peaks;
mod texts;
mod usage;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use tacho_model::ProcessKey;
use tacho_model::tables::process;

use crate::columns::{FIRST, INTERVAL, TIME};
use crate::inner::Inner;
use crate::levels::{Part, Plan};
use crate::rollup::{Level, spec};
use crate::scan::{ReadReport, Reading, Scan, read_files};
use crate::time::{DAY_MS, HOUR_MS, hour};
use crate::{History, HistoryError};
pub(crate) use peaks::Peaks;
pub(crate) use usage::{NAME, Usages, add_line, greatest_first};

/// What decides the order, greatest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProcessOrder {
    /// CPU time.
    #[default]
    Cpu,
    /// Highest resident memory.
    Memory,
    /// Bytes read and written.
    Disk,
    /// Bytes received and sent.
    Network,
}

/// What one line of the answer stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProcessGroup {
    #[default]
    Process,
    Name,
    User,
    /// systemd unit.
    Unit,
    Container,
    /// The whole command line; of kernel threads, which have none, "".
    Command,
}

/// Asks what used most over a range.
#[derive(Debug, Clone)]
pub struct ProcessesQuery {
    pub host_id: String,
    pub from_ms: i64,
    pub to_ms: i64,
    pub by: ProcessOrder,
    pub group: ProcessGroup,
    /// Most lines; the rest is in [`ProcessesOver::other`].
    pub limit: usize,
}

/// What used most over a range.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProcessesOver {
    /// By the order asked for.
    pub rows: Vec<ProcessUsage>,
    /// Everything without a line: beyond the limit, and what agents summed up in `other` rows. Rows plus
    /// this are the totals, to the microsecond and byte.
    pub other: ProcessUsage,
    /// Everything.
    pub totals: ProcessUsage,
    /// False when there were so many processes that the least of them were only summed up: a process that was among them
    /// for a while may have used more than its line says.
    pub complete: bool,
}

/// What a process, or a group of processes, used. A number that no row had is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProcessUsage {
    /// Set when each line is a process.
    pub key: Option<ProcessKey>,
    /// For a process its newest identity in the range; for a group only what the group is named by.
    pub name: String,
    pub command: String,
    pub user: String,
    pub unit: String,
    pub container: String,
    /// How many different processes; those that agents only summed up are not counted.
    pub processes: u64,
    pub cpu_user_us: Option<i64>,
    pub cpu_system_us: Option<i64>,
    /// Highest use in one snapshot, in cores, summed over a group's processes; over ranges that are read by the hour
    /// it is about this: the sum of the processes' peaks in one hour. Absent in [`ProcessesOver::other`] and
    /// [`ProcessesOver::totals`].
    pub cpu_ratio_max: Option<f64>,
    /// Highest resident memory at one time, in the same way. Absent there too.
    pub rss_bytes_max: Option<i64>,
    pub disk_read_bytes: Option<i64>,
    pub disk_write_bytes: Option<i64>,
    pub net_rx_bytes: Option<i64>,
    pub net_tx_bytes: Option<i64>,
    pub page_faults_major: Option<i64>,
    /// Time of the first and the last row in the range; 0 when there is none.
    pub first_seen_ms: i64,
    pub last_seen_ms: i64,
}

impl ProcessUsage {
    /// User and system time in seconds.
    pub fn cpu_seconds(&self) -> Option<f64> {
        self.cpu_us().map(|us| us as f64 / 1e6)
    }

    /// User and system time.
    pub fn cpu_us(&self) -> Option<i64> {
        add(self.cpu_user_us, self.cpu_system_us)
    }

    /// What it is ordered by.
    pub fn rank(&self, by: ProcessOrder) -> Option<i64> {
        match by {
            ProcessOrder::Cpu => self.cpu_us(),
            ProcessOrder::Memory => self.rss_bytes_max,
            ProcessOrder::Disk => add(self.disk_read_bytes, self.disk_write_bytes),
            ProcessOrder::Network => add(self.net_rx_bytes, self.net_tx_bytes),
        }
    }
}

impl History {
    /// What processes used over a range.
    pub async fn processes_over(&self, query: ProcessesQuery) -> Result<ProcessesOver, HistoryError> {
        Ok(self.processes_over_with_report(query).await?.0)
    }

    /// The same, and how it was found.
    pub async fn processes_over_with_report(
        &self,
        query: ProcessesQuery,
    ) -> Result<(ProcessesOver, ReadReport), HistoryError> {
        self.inner.reading(move |inner, reading| processes_over(inner, reading, &query)).await
    }
}

/// Columns of `process` that are read, in this order after time and interval; see [`usage`].
const COLUMNS: [u16; 15] = [
    process::PID.0,
    process::START_TIME.0,
    process::NAME.0,
    process::COMMAND.0,
    process::USER.0,
    process::UNIT.0,
    process::CONTAINER.0,
    process::CPU_USER_US.0,
    process::CPU_SYSTEM_US.0,
    process::RSS_BYTES.0,
    process::DISK_READ_BYTES.0,
    process::DISK_WRITE_BYTES.0,
    process::NET_RX_BYTES.0,
    process::NET_TX_BYTES.0,
    process::PAGE_FAULTS_MAJOR.0,
];

/// Processes of one host in memory; some 40 MB. Above it the greatest of every order stay.
pub(crate) const MOST_PROCESSES: usize = 100_000;

/// Ranges from this length on are read by the hour.
const BY_HOUR_MS: i64 = 3 * HOUR_MS;

/// The same with whole days by the day.
const BY_DAY_MS: i64 = 2 * DAY_MS;

pub(crate) fn processes_over(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    query: &ProcessesQuery,
) -> Result<(ProcessesOver, ReadReport), HistoryError> {
    let most = if query.group == ProcessGroup::Process { MOST_PROCESSES } else { usize::MAX };
    let kept = Kept { group: query.group, most };
    let (usages, plan) = usages(inner, reading, &query.host_id, query.from_ms..query.to_ms, kept)?;
    Ok((usages.into_answer(query), reading.report(&plan)))
}

/// Which lines there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) group: ProcessGroup,
    /// So many lines, for lines that are processes: above it the greatest of every order stay, and the others are
    /// summed up.
    pub(crate) most: usize,
}

/// What each process or group used.
pub(crate) fn usages(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    host_id: &str,
    range: Range<i64>,
    kept: Kept,
) -> Result<(Usages, Plan), HistoryError> {
    if range.is_empty() {
        return Err(HistoryError::EmptyRange { from_ms: range.start, to_ms: range.end });
    }
    let level = match (range.end.saturating_sub(range.start), kept.group) {
        // What a group's processes used at one time is told by the hour.
        (BY_DAY_MS.., ProcessGroup::Process) => Level::Day,
        (BY_HOUR_MS.., _) => Level::Hour,
        _ => Level::Raw,
    };
    let plan = inner.state().plan(&process::TABLE, host_id, range, level);
    let (usages, peaks) = (Usages::new(kept.group), Peaks::new(kept.group));
    let mut totals = Totals { usages, peaks, most: kept.most };
    for part in &plan.parts {
        totals.peaks.restart();
        let scan = Scan::new(part.table, host_id, columns_at(part.level), part.range.clone(), reading);
        let scan = Arc::new(scan);
        match part.level {
            Level::Raw => totals.add_rows(inner, &scan, part)?,
            _ => totals.add_buckets(inner, &scan, part)?,
        }
    }
    Ok((totals.usages, plan))
}

/// Stored columns in the order that [`usage`] knows.
pub(crate) fn columns_at(level: Level) -> Vec<usize> {
    let positions = COLUMNS.iter().map(|column| usize::from(*column));
    let own: Vec<_> = match spec(&process::TABLE).filter(|_| level != Level::Raw) {
        None => positions.collect(),
        Some(spec) => {
            let place = |position| match spec.number(position) {
                Some(number) if number.delta => number.sum,
                Some(number) => number.max,
                None => {
                    spec.labels.iter().find(|(raw, _)| *raw == position).map_or(spec.rows, |label| label.1)
                }
            };
            let cpu_ratio = spec.extremes_of("cpu_ratio").map_or(spec.rows, |extremes| extremes.max);
            positions.map(place).chain([cpu_ratio, spec.first_time, spec.last_time]).collect()
        }
    };
    [TIME, INTERVAL].into_iter().chain(own.into_iter().map(|position| FIRST + position)).collect()
}

/// What is added up so far.
struct Totals {
    usages: Usages,
    peaks: Peaks,
    most: usize,
}

/// All there are.
pub(crate) const ORDERS: [ProcessOrder; 4] =
    [ProcessOrder::Cpu, ProcessOrder::Memory, ProcessOrder::Disk, ProcessOrder::Network];

impl Totals {
    /// Adds up hour by hour: a group's peaks need all rows of a moment together.
    fn add_rows(&mut self, inner: &Arc<Inner>, scan: &Arc<Scan>, part: &Part) -> Result<(), HistoryError> {
        let mut hours: BTreeMap<i64, Vec<RecordBatch>> = BTreeMap::new();
        for batch in scan.head_by_hour(&part.frames)? {
            hours.entry(hour(usage::first_time(&batch))).or_default().push(batch);
        }
        read_files(inner, scan, &part.files, |file, batches| {
            // Files come by their first row: no later one has rows of the hours before.
            let going_on = hours.split_off(&file.hour());
            self.end(std::mem::replace(&mut hours, going_on));
            for batch in batches {
                for (hour, rows) in usage::by_hour(&batch) {
                    hours.entry(hour).or_default().push(rows);
                }
            }
            Ok(())
        })?;
        self.end(hours);
        Ok(())
    }

    fn end(&mut self, hours: BTreeMap<i64, Vec<RecordBatch>>) {
        for batches in hours.into_values() {
            batches.iter().for_each(|batch| self.usages.add(batch, &mut self.peaks));
            self.peaks.finish_hour(&mut self.usages);
            self.bound();
        }
    }

    fn bound(&mut self) {
        if self.usages.len() > self.most {
            self.usages.forget_least(&ORDERS, self.most / (2 * ORDERS.len()));
        }
    }

    /// Adds up buckets: a group's peak is taken for what its processes' peaks in one bucket come to.
    fn add_buckets(&mut self, inner: &Arc<Inner>, scan: &Arc<Scan>, part: &Part) -> Result<(), HistoryError> {
        read_files(inner, scan, &part.files, |_, batches| {
            for batch in &batches {
                self.usages.add(batch, &mut self.peaks);
                self.bound();
            }
            self.peaks.finish_hour(&mut self.usages);
            Ok(())
        })
    }
}

/// A sum in which an absent part counts as nothing, absent only when both are.
fn add(left: Option<i64>, right: Option<i64>) -> Option<i64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.saturating_add(right)),
        (left, right) => left.or(right),
    }
}
