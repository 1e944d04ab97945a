//! How an answer was found, for `?debug=1`.

use serde::Serialize;
use tacho_history::ReadReport;
use utoipa::ToSchema;

use super::parameters::Problems;
use super::time::Time;

/// Which level answered, and what was looked at: to see why a question is slow.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Debug {
    /// Which level answered for which part of the range.
    levels: Vec<LevelOfRange>,
    /// Files that the catalog did not rule out by table, host and time.
    files: u64,
    /// Those of them that had to be decoded.
    files_read: u64,
    /// Those whose wanted rows were still in memory: not read, and not in what follows.
    files_kept: u64,
    row_groups: u64,
    row_groups_read: u64,
    /// Rows of the files.
    rows: u64,
    /// Rows in pages that statistics did not rule out.
    rows_read: u64,
    bytes_read: u64,
}

/// A part of the range.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct LevelOfRange {
    /// `raw`, `1m` or `1h`.
    level: &'static str,
    from: Time,
    to: Time,
}

impl From<ReadReport> for Debug {
    fn from(report: ReadReport) -> Self {
        let part = |(level, from_ms, to_ms): &(tacho_history::Level, i64, i64)| LevelOfRange {
            level: level.name(),
            from: Time(*from_ms),
            to: Time(*to_ms),
        };
        Self {
            levels: report.levels.iter().map(part).collect(),
            files: report.files,
            files_read: report.files_read,
            files_kept: report.files_kept,
            row_groups: report.row_groups,
            row_groups_read: report.row_groups_read,
            rows: report.rows,
            rows_read: report.rows_read,
            bytes_read: report.bytes_read,
        }
    }
}

/// Reads the parameter.
pub(crate) fn wanted(text: Option<&str>, problems: &mut Problems) -> bool {
    problems.choice("debug", text, &[("0", false), ("1", true)], false)
}
