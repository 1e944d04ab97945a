//! What processes used over a range.

mod peaks;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use tacho_model::ProcessKey;
use tacho_model::tables::process;

use crate::columns::{FIRST, INTERVAL, TIME};
use crate::inner::Inner;
use crate::scan::{Scan, read_files};
use crate::time::hour;
use crate::{History, HistoryError};
use peaks::Peaks;
use usage::Usages;

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
    /// Highest use in one snapshot, in cores, summed over a group's processes. Absent in
    /// [`ProcessesOver::other`] and [`ProcessesOver::totals`].
    pub cpu_ratio_max: Option<f64>,
    /// Highest resident memory at one time, summed over a group's processes. Absent there too.
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
}

impl History {
    /// What processes used over a range.
    pub async fn processes_over(&self, query: ProcessesQuery) -> Result<ProcessesOver, HistoryError> {
        if query.to_ms <= query.from_ms {
            return Err(HistoryError::EmptyRange { from_ms: query.from_ms, to_ms: query.to_ms });
        }
        let inner = Arc::clone(&self.inner);
        self.inner.blocking(move || processes_over(&inner, &query)).await
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

fn processes_over(inner: &Arc<Inner>, query: &ProcessesQuery) -> Result<ProcessesOver, HistoryError> {
    let columns =
        [TIME, INTERVAL].into_iter().chain(COLUMNS.iter().map(|column| FIRST + usize::from(*column)));
    let scan = Scan::new(&process::TABLE, &query.host_id, columns.collect(), query.from_ms..query.to_ms);
    let view = scan.view(inner);
    let scan = Arc::new(scan);
    let mut hours = Hours {
        usages: Usages::new(query.group),
        peaks: Peaks::new(query.group),
        head: BTreeMap::new(),
        current: i64::MIN,
    };
    for batch in scan.head_by_hour(&view)? {
        hours.head.entry(hour(usage::first_time(&batch))).or_default().push(batch);
    }
    read_files(inner, &scan, &view.files, |file, batches| {
        hours.begin(file.hour());
        batches.iter().for_each(|batch| hours.usages.add(batch, &mut hours.peaks));
        Ok(())
    })?;
    hours.begin(i64::MAX);
    Ok(hours.usages.into_answer(query))
}

/// Adds up hour by hour: a group's peaks need all rows of a moment together, and no more than an hour's should
/// be in memory. Rows of the head belong to hours that files may have rows of too.
struct Hours {
    usages: Usages,
    peaks: Peaks,
    head: BTreeMap<i64, Vec<RecordBatch>>,
    current: i64,
}

impl Hours {
    /// Ends all hours before this one.
    fn begin(&mut self, hour: i64) {
        if hour == self.current {
            return;
        }
        let of_current = self.head.remove(&self.current).unwrap_or_default();
        self.end(&of_current);
        while let Some(entry) = self.head.first_entry().filter(|entry| *entry.key() < hour) {
            let batches = entry.remove();
            self.end(&batches);
        }
        self.current = hour;
    }

    fn end(&mut self, head: &[RecordBatch]) {
        head.iter().for_each(|batch| self.usages.add(batch, &mut self.peaks));
        self.peaks.finish_hour(&mut self.usages);
    }
}

/// A sum in which an absent part counts as nothing, absent only when both are.
fn add(left: Option<i64>, right: Option<i64>) -> Option<i64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.saturating_add(right)),
        (left, right) => left.or(right),
    }
}
