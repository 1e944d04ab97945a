//! Merges the small files that flushes write into one per table and hour.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tacho_catalog::FileRecord;
use tacho_model::tables;

use crate::columns::layout;
use crate::directory::Directory;
use crate::files::FileEntry;
use crate::inner::Inner;
use crate::maintenance::chain;
use crate::merge::merge;
use crate::time::HOUR_MS;
use crate::writer::{Target, discard};
use crate::{HistoryError, scan};

/// As many files as flushes write in so many minutes are merged though their hour goes on.
const MANY: usize = 10;

/// An hour is taken as complete that long after its end, when nothing was written to it for as long.
const QUIET_MS: i64 = 2 * 60 * 1000;

/// Most files merged at once: each is open and has a page of every column in memory.
const MOST: usize = 100;

/// Merges whatever is due. A failure is logged and costs only its own table and hour.
pub(crate) async fn compact(inner: &Arc<Inner>) {
    let files: Vec<_> = inner.state().files.iter().cloned().collect();
    for group in due(files, (inner.now)()) {
        if inner.stopping.load(Ordering::Relaxed) {
            return;
        }
        match compact_one(inner, group).await {
            Ok(()) => inner.counters.compactions.add(1),
            Err(HistoryError::Stopped) => return,
            Err(error) => {
                inner.counters.compaction_failures.add(1);
                tracing::warn!(error = chain(&error), "cannot merge files of the history, will try again");
            }
        }
    }
}

/// Groups of files to be merged, the oldest first.
fn due(files: Vec<Arc<FileEntry>>, now_ms: i64) -> Vec<Vec<Arc<FileEntry>>> {
    let mut groups: BTreeMap<(i64, String), Vec<Arc<FileEntry>>> = BTreeMap::new();
    for file in files {
        groups.entry((file.hour(), file.record.table.clone())).or_default().push(file);
    }
    let is_due = |hour: i64, files: &[Arc<FileEntry>]| {
        let flushed = files.iter().filter(|file| file.record.level == 0).count();
        let over = now_ms >= hour.saturating_add(1).saturating_mul(HOUR_MS).saturating_add(QUIET_MS);
        let quiet = files.iter().all(|file| file.record.written_ms.saturating_add(QUIET_MS) <= now_ms);
        files.len() > 1 && (flushed >= MANY || over && quiet)
    };
    let due = groups.into_iter().filter(|((hour, _), files)| is_due(*hour, files));
    due.map(|(_, mut files)| {
        // The smallest first, so that a big one is not copied to add a little while others wait.
        files.sort_by_key(|file| file.record.rows);
        files.truncate(MOST);
        files
    })
    .collect()
}

async fn compact_one(inner: &Arc<Inner>, group: Vec<Arc<FileEntry>>) -> Result<(), HistoryError> {
    let ids: Vec<_> = group.iter().map(|file| file.record.id.clone()).collect();
    let job = Arc::clone(inner);
    let Some(merged) = inner.blocking(move || write_merged(&job, &group)).await? else { return Ok(()) };
    let paths = [&merged.path];
    match inner.replace(&ids, std::slice::from_ref(&merged)).await {
        Ok(true) => {}
        // One of them was set aside or expired in the meantime; the next round sees to the others.
        Ok(false) => discard(&inner.directory, paths),
        Err(error) => {
            // The commit may have happened: only when it surely did not is the file nobody's.
            if inner.catalog.knows_file(&merged.id).await.is_ok_and(|known| !known) {
                discard(&inner.directory, paths);
            } else {
                inner.reload_files().await?;
            }
            return Err(error);
        }
    }
    Ok(())
}

impl Inner {
    /// Takes the list of files from the catalog, after a change with an unknown outcome.
    async fn reload_files(&self) -> Result<(), HistoryError> {
        let _order = self.order.lock().await;
        let files = self.catalog.live_files().await?;
        self.state().set_files(files, (self.now)());
        Ok(())
    }
}

/// Writes one file with the rows of all; `None` when they cannot be merged now.
fn write_merged(inner: &Arc<Inner>, group: &[Arc<FileEntry>]) -> Result<Option<FileRecord>, HistoryError> {
    let Some(first) = group.first() else { return Ok(None) };
    let Some(table) = tables::by_name(&first.record.table) else { return Ok(None) };
    let mut inputs = Vec::new();
    for file in group {
        match scan::FileRows::open_whole(inner, layout(table), file) {
            // Merging would lose the columns that only a newer version knows.
            Ok(None) => return Ok(None),
            Ok(Some(rows)) => inputs.push(rows),
            Err(failure) => {
                inner.handle(file, failure)?;
                return Ok(None);
            }
        }
    }
    let target = Target {
        layout: layout(table),
        time_ms: first.record.time_min_ms,
        level: 1,
        now_ms: (inner.now)(),
        written_ms: group.iter().map(|file| file.record.written_ms).max().unwrap_or_default(),
        directory: &inner.directory,
    };
    let rows: i64 = group.iter().map(|file| file.record.rows).sum();
    let merged = match merge(&target, inputs, &inner.stopping) {
        Ok(merged) => merged,
        Err((input, failure)) => {
            let Some(file) = input.and_then(|input| group.get(input)) else {
                return failure.into_result().map(|()| None);
            };
            inner.handle(file, failure)?;
            return Ok(None);
        }
    };
    finish(&inner.directory, merged, rows).map(Some)
}

/// A merge that lost or doubled a row must never replace anything.
fn finish(directory: &Directory, merged: FileRecord, rows: i64) -> Result<FileRecord, HistoryError> {
    if merged.rows != rows {
        discard(directory, [&merged.path]);
        return Err(HistoryError::RowsDiffer { merged: merged.rows, inputs: rows });
    }
    let synced = directory.sync([merged.path.as_path()].into_iter());
    if synced.is_err() {
        discard(directory, [&merged.path]);
    }
    synced.map(|()| merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 494_000;
    const START: i64 = HOUR * HOUR_MS;

    fn file(minute: i64, level: i64, rows: i64) -> Arc<FileEntry> {
        let time = START + minute * 60_000;
        FileEntry::new(FileRecord {
            id: format!("{minute}"),
            table: "host".into(),
            path: "x".into(),
            level,
            host_min: "a".into(),
            host_max: "a".into(),
            time_min_ms: time,
            time_max_ms: time + 55_000,
            rows,
            bytes: 1,
            checksum: 0,
            written_ms: time + 60_000,
        })
    }

    fn check(files: &[Arc<FileEntry>], now_ms: i64, expected: &[usize]) {
        let groups = due(files.to_vec(), now_ms);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn files_are_merged_when_there_are_many_or_their_hour_is_over() {
        let files: Vec<_> = (0..60).map(|minute| file(minute, 0, 12)).collect();
        check(&files[..9], START + 10 * 60_000, &[]);
        check(&files[..10], START + 11 * 60_000, &[10]);
        check(&files[50..], START + HOUR_MS + QUIET_MS - 1, &[10]);
        check(&files[55..], START + HOUR_MS + QUIET_MS - 1, &[]);
        check(&files[55..], START + HOUR_MS + QUIET_MS, &[5]);
        check(&files[..1], START + 2 * HOUR_MS, &[]);
    }

    #[test]
    fn an_hour_that_is_still_written_to_is_not_complete() {
        let late = Arc::new(FileEntry::clone_with(&file(5, 0, 12), START + 3 * HOUR_MS));
        check(&[file(1, 1, 700), late.clone()], START + 3 * HOUR_MS + QUIET_MS - 1, &[]);
        check(&[file(1, 1, 700), late], START + 3 * HOUR_MS + QUIET_MS, &[2]);
    }

    #[test]
    fn tables_and_hours_are_merged_each_on_its_own() {
        let mut files: Vec<_> = (50..70).map(|minute| file(minute, 0, 12)).collect();
        check(&files, START + 3 * HOUR_MS, &[10, 10]);
        files.extend((50..52).map(|minute| {
            let mut record = file(minute, 0, 1).record.clone();
            record.table = "disk".into();
            FileEntry::new(record)
        }));
        check(&files, START + 3 * HOUR_MS, &[2, 10, 10]);
    }
}
