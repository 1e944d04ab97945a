//! Counts that many threads add to.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

/// Totals since the start; see [`crate::HistoryStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) frames_stored: Counter,
    pub(crate) frames_duplicate: Counter,
    pub(crate) frames_dropped: Counter,
    pub(crate) rows: Counter,
    pub(crate) flushes: Counter,
    pub(crate) flush_failures: Counter,
    pub(crate) last_flush_ms: Counter,
    pub(crate) compactions: Counter,
    pub(crate) compaction_failures: Counter,
    pub(crate) files_expired: Counter,
    pub(crate) files_over_limit: Counter,
    pub(crate) files_scrubbed: Counter,
    pub(crate) files_damaged: Counter,
    pub(crate) files_read: Counter,
    pub(crate) row_groups_read: Counter,
    pub(crate) rows_read: Counter,
    pub(crate) bytes_read: Counter,
    /// Goes up and down.
    pub(crate) appends_waiting: Counter,
}

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
