//! What a process, or a group of them, used over a range.

use serde::Serialize;
use tacho_history::ProcessUsage;
use utoipa::ToSchema;

use crate::api::time::Time;

/// One line.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UsageEntry {
    /// Null for a group, as is `start_time`.
    pid: Option<i64>,
    start_time: Option<Time>,
    /// Of a group only what it is grouped by is set; the other texts are empty.
    name: String,
    command: String,
    user: String,
    unit: String,
    container: String,
    #[serde(flatten)]
    usage: Usage,
    first_seen: Option<Time>,
    last_seen: Option<Time>,
}

/// Null is not known.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Usage {
    /// User and system time.
    cpu_seconds: Option<f64>,
    cpu_user_us: Option<i64>,
    cpu_system_us: Option<i64>,
    /// Highest use in one snapshot, in cores.
    cpu_ratio_max: Option<f64>,
    /// Highest resident memory at one time.
    rss_bytes_max: Option<i64>,
    disk_read_bytes: Option<i64>,
    disk_write_bytes: Option<i64>,
    net_rx_bytes: Option<i64>,
    net_tx_bytes: Option<i64>,
    page_faults_major: Option<i64>,
    /// How many different processes.
    processes: u64,
}

impl From<ProcessUsage> for UsageEntry {
    fn from(row: ProcessUsage) -> Self {
        let usage = Usage::from(&row);
        let seen = row.last_seen_ms != 0;
        Self {
            pid: row.key.map(|key| key.pid),
            start_time: row.key.map(|key| Time(key.start_time_ms)),
            name: row.name,
            command: row.command,
            user: row.user,
            unit: row.unit,
            container: row.container,
            usage,
            first_seen: seen.then_some(Time(row.first_seen_ms)),
            last_seen: seen.then_some(Time(row.last_seen_ms)),
        }
    }
}

impl From<&ProcessUsage> for Usage {
    fn from(row: &ProcessUsage) -> Self {
        Self {
            cpu_seconds: row.cpu_seconds(),
            cpu_user_us: row.cpu_user_us,
            cpu_system_us: row.cpu_system_us,
            cpu_ratio_max: row.cpu_ratio_max,
            rss_bytes_max: row.rss_bytes_max,
            disk_read_bytes: row.disk_read_bytes,
            disk_write_bytes: row.disk_write_bytes,
            net_rx_bytes: row.net_rx_bytes,
            net_tx_bytes: row.net_tx_bytes,
            page_faults_major: row.page_faults_major,
            processes: row.processes,
        }
    }
}
