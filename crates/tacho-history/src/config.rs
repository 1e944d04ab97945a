//! What the history is told at start.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tacho_model::tables;

use crate::rollup::{Level, stored_table};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Wall time in milliseconds since the epoch.
pub type NowMs = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Settings of the history.
#[derive(Debug, Clone)]
pub struct HistoryConfig {
    /// Where the Parquet files are. Belongs to one server alone.
    pub directory: PathBuf,
    /// How often the head is written out. An agent holds its frames that long.
    pub flush_interval: Duration,
    /// A head of this size is written out at once.
    pub flush_bytes: usize,
    /// Appending waits while the head holds this much, so that a full disk ends in the agents' queues and
    /// not in the server's memory.
    pub head_limit_bytes: usize,
    /// Rows older than this are removed, whole files at a time.
    pub retention: Duration,
    /// The same of rollups of a minute, of ten, of an hour and of a day.
    pub retention_1m: Duration,
    pub retention_10m: Duration,
    pub retention_1h: Duration,
    pub retention_1d: Duration,
    /// What is kept shorter or longer than that.
    pub retention_of: Vec<TableRetention>,
    /// Most bytes of files. Above it the oldest raw rows are removed, then the oldest minutes, ten minutes, hours, days.
    pub limit_bytes: Option<u64>,
}

/// How long one table is kept at one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRetention {
    /// A raw table or a rollup: `process`, `process_1m`.
    pub table: String,
    pub keep: Duration,
}

impl TableRetention {
    /// `process=7d`, given how a duration is read.
    pub fn parse(text: &str, duration: impl Fn(&str) -> Result<Duration, String>) -> Result<Self, String> {
        let example = r#"write a table, an equals sign and a time, such as "process=7d" or "host_1m=180d""#;
        let (table, keep) = text.split_once('=').ok_or_else(|| format!("is {text:?}; {example}"))?;
        let table = table.trim();
        if stored_table(table).is_none() {
            let raw: Vec<_> = tables::ALL.iter().map(|table| table.name).collect();
            return Err(format!(
                "is {text:?}, but there is no table {table}; there are {}, and rollups such as host_1m and host_1h",
                raw.join(", ")
            ));
        }
        Ok(Self { table: table.to_owned(), keep: duration(keep.trim())? })
    }
}

impl HistoryConfig {
    /// Defaults for a history in `directory`.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            flush_interval: Duration::from_secs(60),
            flush_bytes: 64 << 20,
            head_limit_bytes: 256 << 20,
            retention: 14 * DAY,
            retention_1m: 90 * DAY,
            retention_10m: 180 * DAY,
            retention_1h: 730 * DAY,
            retention_1d: 3650 * DAY,
            retention_of: Vec::new(),
            limit_bytes: None,
        }
    }

    /// How long rows of a stored table are kept. Events are few and tell the most: as long as hours.
    pub(crate) fn keep(&self, table: &str) -> Duration {
        if let Some(rule) = self.retention_of.iter().find(|rule| rule.table == table) {
            return rule.keep;
        }
        match stored_table(table).map(|(_, raw, level)| (raw.name, level)) {
            Some(("event", _)) => self.retention.max(self.retention_1h),
            Some((_, Level::Minute)) => self.retention_1m,
            Some((_, Level::TenMinutes)) => self.retention_10m,
            Some((_, Level::Hour)) => self.retention_1h,
            Some((_, Level::Day)) => self.retention_1d,
            _ => self.retention,
        }
    }
}
