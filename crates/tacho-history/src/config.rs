//! What the history is told at start.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
}

impl HistoryConfig {
    /// Defaults for a history in `directory`.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            flush_interval: Duration::from_secs(60),
            flush_bytes: 64 << 20,
            head_limit_bytes: 256 << 20,
            retention: Duration::from_secs(14 * 24 * 3600),
        }
    }
}
