//! One answer being read: what it looked at so far, and whether anyone still waits for it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::HistoryError;
use crate::counters::Counter;
use crate::levels::Plan;
use crate::rollup::Level;

/// Shared by all that work for one answer.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    cancelled: AtomicBool,
    pub(crate) files: Counter,
    pub(crate) files_read: Counter,
    pub(crate) files_kept: Counter,
    pub(crate) row_groups: Counter,
    pub(crate) row_groups_read: Counter,
    pub(crate) rows: Counter,
    pub(crate) rows_read: Counter,
    pub(crate) bytes_read: Counter,
}

/// Stops the reading when the one who asked goes away.
pub(crate) struct CancelOnDrop(pub(crate) Arc<Reading>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }
}

/// How an answer was found: to see that pruning works, and why a question is slow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Which level answered for which range, start included, end not.
    pub levels: Vec<(Level, i64, i64)>,
    /// Files that the catalog did not rule out by table, host and time, and those of them that had to be decoded.
    pub files: u64,
    pub files_read: u64,
    /// Files of which the rows that were wanted were still in memory; neither they nor their rows count below.
    pub files_kept: u64,
    /// Row groups of the files, and those that statistics did not rule out.
    pub row_groups: u64,
    pub row_groups_read: u64,
    /// Rows of the files, and those in pages that statistics did not rule out.
    pub rows: u64,
    pub rows_read: u64,
    /// Bytes read from files, footers that were not kept in memory among them.
    pub bytes_read: u64,
}

impl Reading {
    /// To be asked between batches.
    pub(crate) fn check(&self) -> Result<(), HistoryError> {
        if self.cancelled.load(Ordering::Relaxed) { Err(HistoryError::Cancelled) } else { Ok(()) }
    }

    pub(crate) fn report(&self, plan: &Plan) -> ReadReport {
        self.report_levels(&plan.levels)
    }

    /// The same for what was planned step by step.
    pub(crate) fn report_levels(&self, levels: &[(Level, Range<i64>)]) -> ReadReport {
        ReadReport {
            levels: levels.iter().map(|(level, range)| (*level, range.start, range.end)).collect(),
            files: self.files.get(),
            files_read: self.files_read.get(),
            files_kept: self.files_kept.get(),
            row_groups: self.row_groups.get(),
            row_groups_read: self.row_groups_read.get(),
            rows: self.rows.get(),
            rows_read: self.rows_read.get(),
            bytes_read: self.bytes_read.get(),
        }
    }
}
