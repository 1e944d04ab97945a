//! Removes what is too old, and what is too much.

use std::sync::Arc;

use tacho_catalog::FileChange;

use crate::HistoryError;
use crate::files::FileEntry;
use crate::inner::Inner;
use crate::rollup::{Level, spec, stored_table};
use crate::time::HOUR_MS;

/// How long marks outlive the rows that they stand for. An agent that was cut off that long would send only
/// frames that retention removes again.
const MARKS_KEPT_LONGER_MS: i64 = 24 * HOUR_MS;

/// Rows that came when they were too old already wait this long to be rolled up.
const ROLL_UP_MS: i64 = HOUR_MS;

impl Inner {
    /// Removes files whose rows are all too old, then the oldest raw ones while there are too many bytes. A row with a
    /// time in the future counts from when it was written, or a wrong clock would keep it for ever.
    pub(crate) async fn expire(&self) -> Result<(), HistoryError> {
        let now_ms = (self.now)();
        let before = |table: &str| {
            let keep_ms = i64::try_from(self.config.keep(table).as_millis()).unwrap_or(i64::MAX);
            now_ms.saturating_sub(keep_ms)
        };
        let files: Vec<_> = self.state().files.iter().cloned().collect();
        let expired: Vec<_> = files
            .iter()
            .filter(|file| is_expired(file, before(&file.record.table), now_ms))
            .cloned()
            .collect();
        self.counters.files_expired.add(self.remove(&expired).await?);
        if let Some(limit) = self.config.limit_bytes {
            let left = files.into_iter().filter(|file| !expired.iter().any(|gone| Arc::ptr_eq(gone, file)));
            let over = over_limit(left.collect(), i64::try_from(limit).unwrap_or(i64::MAX));
            self.counters.files_over_limit.add(self.remove(&over).await?);
        }
        let oldest = before("host");
        self.catalog.forget_gaps(oldest).await?;
        self.catalog.forget_marks(oldest.saturating_sub(MARKS_KEPT_LONGER_MS)).await?;
        Ok(())
    }

    /// Returns how many there were.
    async fn remove(&self, files: &[Arc<FileEntry>]) -> Result<u64, HistoryError> {
        if files.is_empty() {
            return Ok(0);
        }
        let removed = files.iter().map(|file| file.record.id.clone()).collect();
        let done = self.change(&FileChange { removed, ..FileChange::default() }).await?;
        Ok(if done { files.len() as u64 } else { 0 })
    }
}

fn is_expired(file: &FileEntry, before_ms: i64, now_ms: i64) -> bool {
    let record = &file.record;
    let rolled = file.is_rolled()
        || stored_table(&record.table).is_none_or(|(_, raw, _)| spec(raw).is_none())
        || record.written_ms.saturating_add(ROLL_UP_MS) < now_ms;
    rolled && record.time_max_ms.min(record.written_ms) < before_ms
}

/// What has to go so that no more than `limit` bytes are left: raw rows before minutes before what is coarser, each the
/// oldest first, and last what is in no rollup yet.
fn over_limit(mut files: Vec<Arc<FileEntry>>, limit: i64) -> Vec<Arc<FileEntry>> {
    let mut bytes: i64 = files.iter().map(|file| file.record.bytes).sum();
    files.sort_by_key(|file| {
        let level = stored_table(&file.record.table).map_or(Level::Raw, |(_, _, level)| level);
        (!file.is_rolled(), level, file.record.time_max_ms)
    });
    let over = files.into_iter().take_while(|file| {
        let too_much = bytes > limit;
        bytes -= file.record.bytes;
        too_much
    });
    over.collect()
}

#[cfg(test)]
mod tests {
    use tacho_catalog::FileRecord;

    use super::*;

    fn file(table: &str, hour: i64, rolled: bool) -> Arc<FileEntry> {
        FileEntry::new(FileRecord {
            id: format!("{table}{hour}"),
            table: table.into(),
            path: "x".into(),
            level: 1,
            host_min: "a".into(),
            host_max: "a".into(),
            time_min_ms: hour * HOUR_MS,
            time_max_ms: (hour + 1) * HOUR_MS - 1,
            rows: 1,
            bytes: 100,
            checksum: 0,
            written_ms: (hour + 1) * HOUR_MS,
            rolled,
        })
    }

    #[test]
    fn the_oldest_raw_rows_go_first_and_what_is_not_rolled_up_last() {
        let files = vec![
            file("host_1h", 0, true),
            file("host", 9, false),
            file("process", 2, true),
            file("host", 1, true),
            file("host_1m", 0, true),
        ];
        let gone = |limit| {
            over_limit(files.clone(), limit).iter().map(|file| file.record.id.clone()).collect::<Vec<_>>()
        };
        assert!(gone(500).is_empty());
        assert_eq!(gone(499), ["host1"]);
        assert_eq!(gone(0), ["host1", "process2", "host_1m0", "host_1h0", "host9"]);
    }

    #[test]
    fn rows_that_came_too_late_are_rolled_up_before_they_go() {
        let late = FileEntry::clone_with(&file("host", 0, false), 99 * HOUR_MS);
        assert!(!is_expired(&late, 50 * HOUR_MS, 99 * HOUR_MS));
        assert!(is_expired(&late, 50 * HOUR_MS, 100 * HOUR_MS + 1), "rolling up fails");
        let of_events = FileEntry::clone_with(&file("event", 0, false), 99 * HOUR_MS);
        assert!(is_expired(&of_events, 50 * HOUR_MS, 99 * HOUR_MS));
    }
}
