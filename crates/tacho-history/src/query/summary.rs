//! A range of one host in plain figures.

use std::sync::Arc;

use tacho_model::Table;
use tacho_model::tables::{disk, filesystem, host, interface};

use super::events::{Events, events};
use super::figures::{Figures, figures};
use super::processes_over::{
    Kept, MOST_PROCESSES, ORDERS, ProcessGroup, ProcessOrder, ProcessUsage, Usages, usages,
};
use crate::inner::Inner;
use crate::scan::{ReadReport, Reading};
use crate::{History, HistoryError};

/// Asks for a range of one host in plain figures.
#[derive(Debug, Clone)]
pub struct SummaryQuery {
    pub host_id: String,
    pub from_ms: i64,
    pub to_ms: i64,
    /// Most processes in each order.
    pub processes: usize,
    /// Most events.
    pub events: usize,
}

/// A range of one host.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Of table `host`; `None` without a row.
    pub host: Option<Figures>,
    pub disks: Vec<Figures>,
    pub filesystems: Vec<Figures>,
    pub interfaces: Vec<Figures>,
    /// The greatest in each order.
    pub processes: Vec<(ProcessOrder, Vec<ProcessUsage>)>,
    /// All processes.
    pub totals: ProcessUsage,
    pub events: Events,
}

type Columns = (&'static Table, &'static [&'static str]);

const HOST: Columns = (
    &host::TABLE,
    &[
        "cpu_used_ratio",
        "cpu_iowait_ratio",
        "cpu_steal_ratio",
        "load1",
        "memory_used_bytes",
        "memory_used_ratio",
        "swap_used_bytes",
        "processes",
        "cpu_pressure_some_ratio",
        "memory_pressure_some_ratio",
        "io_pressure_some_ratio",
        "disk_read_bytes_per_second",
        "disk_write_bytes_per_second",
        "net_rx_bytes_per_second",
        "net_tx_bytes_per_second",
        "disk_read_bytes",
        "disk_write_bytes",
        "net_rx_bytes",
        "net_tx_bytes",
        "page_faults_major",
        "oom_kills",
        "forks",
        "tcp_retransmits",
        "temperature_max_celsius",
    ],
);

const DISK: Columns = (
    &disk::TABLE,
    &["busy_ratio", "await_ms", "queue_depth", "read_bytes", "write_bytes", "reads", "writes"],
);

const FILESYSTEM: Columns = (&filesystem::TABLE, &["used_bytes", "used_ratio", "inodes_used_ratio"]);

const INTERFACE: Columns = (
    &interface::TABLE,
    &[
        "rx_bits_per_second",
        "tx_bits_per_second",
        "rx_bytes",
        "tx_bytes",
        "rx_errors",
        "tx_errors",
        "rx_drops",
    ],
);

impl History {
    /// A range of one host in plain figures, and how it was found.
    pub async fn summary(&self, query: SummaryQuery) -> Result<(Summary, ReadReport), HistoryError> {
        self.inner.reading(move |inner, reading| summary(inner, reading, &query, MOST_PROCESSES)).await
    }
}

fn summary(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    query: &SummaryQuery,
    most: usize,
) -> Result<(Summary, ReadReport), HistoryError> {
    let range = query.from_ms..query.to_ms;
    let figures = |columns| figures(inner, reading, &query.host_id, columns, range.clone());
    let kept = Kept { group: ProcessGroup::Process, most };
    let (processes, plan) = usages(inner, reading, &query.host_id, range.clone(), kept)?;
    let (of_host, _) = figures(HOST)?;
    let summary = Summary {
        host: of_host.into_iter().next(),
        disks: figures(DISK)?.0,
        filesystems: figures(FILESYSTEM)?.0,
        interfaces: figures(INTERFACE)?.0,
        processes: ORDERS.iter().map(|by| (*by, greatest(&processes, *by, query.processes))).collect(),
        totals: processes.all_but(&[]),
        events: events(inner, reading, &query.host_id, range.clone(), query.events)?.0,
    };
    Ok((summary, reading.report(&plan)))
}

/// The greatest lines that used any of it.
fn greatest(usages: &Usages, by: ProcessOrder, limit: usize) -> Vec<ProcessUsage> {
    let lines = usages.greatest(by, limit).into_iter().map(|line| usages.named(line));
    lines.filter(|line| line.rank(by).is_some_and(|used| used > 0)).collect()
}

#[cfg(test)]
mod tests;
