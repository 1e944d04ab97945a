//! One process at one moment.

use serde::Serialize;
use tacho_model::tables::process;
use tacho_model::{Block, IntegerColumn, ProcessIdentity};
use utoipa::ToSchema;

use crate::api::time::Time;
use crate::live::LiveProcess;

/// A process by its latest row.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ProcessEntry {
    pid: i64,
    start_time: Time,
    parent_pid: i64,
    name: String,
    /// Arguments with secrets taken out; empty for kernel threads.
    command: String,
    user: String,
    user_id: i64,
    /// systemd unit; empty where there is none.
    unit: String,
    /// Container id; empty where there is none.
    container: String,
    cgroup: String,
    /// State letter of the kernel: R running, S sleeping, D blocked, Z zombie, T stopped, I idle.
    state: Option<String>,
    #[serde(flatten)]
    numbers: Numbers,
    /// When its latest row was taken. Older than the snapshot for a process that did nothing since.
    seen: Time,
}

/// All processes without a row of their own, added up.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct OtherEntry {
    /// How many.
    processes: Option<i64>,
    #[serde(flatten)]
    numbers: Numbers,
    seen: Time,
}

/// Null is not known.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct Numbers {
    threads: Option<i64>,
    /// In cores: 1 is one core all the time.
    cpu_ratio: Option<f64>,
    cpu_user_us: Option<i64>,
    cpu_system_us: Option<i64>,
    rss_bytes: Option<i64>,
    swap_bytes: Option<i64>,
    disk_read_bytes_per_second: Option<f64>,
    disk_write_bytes_per_second: Option<f64>,
    net_rx_bytes_per_second: Option<f64>,
    net_tx_bytes_per_second: Option<f64>,
    page_faults_major: Option<i64>,
    open_files: Option<i64>,
}

/// Where the numbers of a process are.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) block: &'a Block,
    pub(crate) row: usize,
    pub(crate) time_ms: i64,
    pub(crate) interval_ms: i64,
    /// Time of the snapshot that is shown.
    pub(crate) newest_ms: i64,
}

impl ProcessEntry {
    pub(crate) fn new(identity: &ProcessIdentity, reading: Reading<'_>) -> Self {
        Self {
            pid: identity.key.pid,
            start_time: Time(identity.key.start_time_ms),
            parent_pid: identity.parent_pid,
            name: identity.name.clone(),
            command: identity.command.clone(),
            user: identity.user.clone(),
            user_id: identity.user_id,
            unit: identity.unit.clone(),
            container: identity.container.clone(),
            cgroup: identity.cgroup.clone(),
            state: reading.block.text(process::STATE, reading.row).map(str::to_owned),
            numbers: reading.numbers(),
            seen: Time(reading.time_ms),
        }
    }
}

impl ProcessEntry {
    /// CPU use in cores for sorting; what is not known comes last.
    pub(crate) fn cpu_ratio(&self) -> f64 {
        self.numbers.cpu_ratio.unwrap_or(-1.0)
    }
}

impl OtherEntry {
    pub(crate) fn new(reading: Reading<'_>) -> Self {
        let processes = reading.gauge(process::PROCESSES);
        Self { processes, numbers: reading.numbers(), seen: Time(reading.time_ms) }
    }
}

impl<'a> Reading<'a> {
    /// The numbers of a live process, in the view of the snapshot at `newest_ms`.
    pub(crate) fn of_live(process: &'a LiveProcess, newest_ms: i64) -> Option<Self> {
        let block = process.snapshot.block(&process::TABLE)?;
        let (time_ms, interval_ms) = (process.snapshot.time_ms, block.interval_ms);
        Some(Self { block, row: process.row, time_ms, interval_ms, newest_ms })
    }

    fn numbers(self) -> Numbers {
        let user_us = self.delta(process::CPU_USER_US);
        let system_us = self.delta(process::CPU_SYSTEM_US);
        let cpu_us = user_us.zip(system_us).map(|(user_us, system_us)| user_us.saturating_add(system_us));
        Numbers {
            threads: self.gauge(process::THREADS),
            cpu_ratio: self.per_second(cpu_us).map(|us| us / 1e6),
            cpu_user_us: user_us,
            cpu_system_us: system_us,
            rss_bytes: self.gauge(process::RSS_BYTES),
            swap_bytes: self.gauge(process::SWAP_BYTES),
            disk_read_bytes_per_second: self.per_second(self.delta(process::DISK_READ_BYTES)),
            disk_write_bytes_per_second: self.per_second(self.delta(process::DISK_WRITE_BYTES)),
            net_rx_bytes_per_second: self.per_second(self.delta(process::NET_RX_BYTES)),
            net_tx_bytes_per_second: self.per_second(self.delta(process::NET_TX_BYTES)),
            page_faults_major: self.delta(process::PAGE_FAULTS_MAJOR),
            open_files: self.gauge(process::OPEN_FILES),
        }
    }

    fn gauge(self, column: IntegerColumn) -> Option<i64> {
        self.block.integer(column, self.row)
    }

    /// What was used in the interval of the snapshot that is shown: a process whose latest row is older has
    /// used nothing since. What could not be read then is not known now either.
    fn delta(self, column: IntegerColumn) -> Option<i64> {
        let value = self.gauge(column)?;
        Some(if self.time_ms < self.newest_ms { 0 } else { value })
    }

    fn per_second(self, delta: Option<i64>) -> Option<f64> {
        (self.interval_ms > 0).then(|| delta.map(|delta| delta as f64 * 1000.0 / self.interval_ms as f64))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Block {
        let mut block = Block::new(&process::TABLE);
        let mut row = block.push();
        row.text(process::STATE, "S").integer(process::CPU_USER_US, 2_000_000).integer(process::RSS_BYTES, 7);
        row.integer(process::CPU_SYSTEM_US, 500_000).integer(process::DISK_READ_BYTES, 10);
        block
    }

    fn reading(block: &Block, interval_ms: i64, newest_ms: i64) -> Reading<'_> {
        Reading { block, row: 0, time_ms: 1_000, interval_ms, newest_ms }
    }

    #[test]
    fn usage_is_of_the_interval() {
        let numbers = reading(&block(), 5_000, 1_000).numbers();
        assert_eq!((numbers.cpu_ratio, numbers.cpu_user_us), (Some(0.5), Some(2_000_000)));
        assert_eq!(
            (numbers.disk_read_bytes_per_second, numbers.disk_write_bytes_per_second),
            (Some(2.0), None)
        );
        assert_eq!(reading(&block(), 0, 1_000).numbers().cpu_ratio, None, "not measured");
    }

    #[test]
    fn a_process_that_did_nothing_since_used_nothing_and_keeps_its_memory() {
        let numbers = reading(&block(), 5_000, 1_001).numbers();
        assert_eq!((numbers.cpu_ratio, numbers.cpu_user_us), (Some(0.0), Some(0)));
        assert_eq!(
            (numbers.disk_read_bytes_per_second, numbers.disk_write_bytes_per_second),
            (Some(0.0), None)
        );
        assert_eq!(numbers.rss_bytes, Some(7));
    }
}
