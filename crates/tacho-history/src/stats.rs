//! What the history says about itself.

/// Numbers for `/metrics` and the live line. Totals count since the start of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryStats {
    /// Frames whose rows are durable.
    pub frames_stored_total: u64,
    /// Frames that were sent again though they are stored or about to be.
    pub frames_duplicate_total: u64,
    /// Frames that agents told to have dropped.
    pub frames_dropped_total: u64,
    /// Rows made durable.
    pub rows_total: u64,
    /// Files that readers see.
    pub files: u64,
    pub bytes_on_disk: u64,
    /// Rows that readers see in files.
    pub rows_on_disk: u64,
    /// Estimated memory of frames that are not durable yet, a flush under way included.
    pub head_bytes: u64,
    pub head_frames: u64,
    /// Appends that wait because the head is full.
    pub appends_waiting: u64,
    pub flushes_total: u64,
    pub flush_failures_total: u64,
    /// Why the newest flush failed; absent once one went well.
    pub last_flush_error: Option<String>,
    /// How long the newest successful flush took.
    pub last_flush_ms: u64,
    pub compactions_total: u64,
    pub compaction_failures_total: u64,
    /// Files removed by age, and because there were too many bytes.
    pub files_expired_total: u64,
    pub files_over_limit_total: u64,
    /// Files whose bytes were compared with their checksum in the background.
    pub files_scrubbed_total: u64,
    /// Files set aside because they could not be read.
    pub files_damaged_total: u64,
    /// What queries looked at and read, to see that pruning works.
    pub files_read_total: u64,
    pub row_groups_read_total: u64,
    pub rows_read_total: u64,
    pub bytes_read_total: u64,
}
