//! Merges the small files that flushes write into one per table and hour, completes an hour with its rollups, merges
//! hours into days (rollups into parts of the day before), and days of rollups of ten minutes and more into some more.
//!
//! A file is never merged while files that it replaced are still on disk: so each file's list of what it
//! replaces is all that is needed to tell, without a catalog, which files are superseded.

mod due;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tacho_catalog::{FileChange, FileRecord};

use crate::columns::layout;
use crate::directory::Directory;
use crate::files::FileEntry;
use crate::inner::Inner;
use crate::maintenance::chain;
use crate::merge::{MergeFailure, merge, roll};
use crate::notes::Notes;
use crate::rollup::{Roller, spec, stored_table};
use crate::writer::{Target, discard};
use crate::{HistoryError, scan};
use due::{DAY_LEVEL, Due, Job, PART_LEVEL, PERIOD_LEVEL, due};

/// Does whatever is due, one job after the other. A failure is logged and costs only its own job.
pub(crate) async fn compact(inner: &Arc<Inner>) {
    // A job that fails or is given up comes up again in the next round.
    let mut tried = Vec::new();
    loop {
        let jobs = {
            let state = inner.state();
            let files = state.files.iter().cloned().collect();
            let removed: Vec<_> = state.removed.iter().map(|(file, _)| Arc::clone(file)).collect();
            due(files, &removed, inner.day_bytes(), (inner.now)())
        };
        let Some(job) = jobs.into_iter().find(|job| !tried.contains(&job.key())) else { return };
        tried.push(job.key());
        if inner.stopping.load(Ordering::Relaxed) {
            return;
        }
        match run(inner, job).await {
            Ok(()) => inner.counters.compactions.add(1),
            Err(HistoryError::Stopped) => return,
            Err(error) => {
                inner.counters.compaction_failures.add(1);
                tracing::warn!(error = chain(&error), "cannot merge files of the history, will try again");
            }
        }
    }
}

async fn run(inner: &Arc<Inner>, job: Job) -> Result<(), HistoryError> {
    let worker = Arc::clone(inner);
    let Some(change) = inner.background(move || write(&worker, &job)).await? else { return Ok(()) };
    let paths = || change.added.iter().map(|file| &file.path);
    match inner.change(&change).await {
        Ok(true) => Ok(()),
        // One of them was set aside or expired in the meantime; the next round sees to the others.
        Ok(false) => {
            discard(&inner.directory, paths());
            Ok(())
        }
        Err(error) => {
            // The commit may have happened: only when it surely did not are the files nobody's.
            let first = change.added.first().map(|file| file.id.clone()).unwrap_or_default();
            if inner.catalog.knows_file(&first).await.is_ok_and(|known| !known) {
                discard(&inner.directory, paths());
            } else {
                inner.reload_files().await?;
            }
            Err(error)
        }
    }
}

impl Inner {
    /// Takes the list of files from the catalog, after a change with an unknown outcome.
    pub(crate) async fn reload_files(&self) -> Result<(), HistoryError> {
        let _order = self.order.lock().await;
        let files = self.catalog.live_files().await?;
        self.state().set_files(files, (self.now)());
        Ok(())
    }
}

/// Writes the files of a job and makes them durable; `None` when it cannot be done now. On failure none is left.
fn write(inner: &Arc<Inner>, job: &Job) -> Result<Option<FileChange>, HistoryError> {
    let Some(first) = job.files.first() else { return Ok(None) };
    let Some((table, raw, _)) = stored_table(&first.record.table) else { return Ok(None) };
    let completes = job.due == Due::Hour;
    let spec = if completes { spec(raw) } else { None };
    if completes && spec.is_none() && job.files.len() == 1 {
        return Ok(Some(FileChange { rolled: job.ids(), ..FileChange::default() }));
    }
    let mut inputs = Vec::new();
    let mut notes = Notes { replaces: job.ids(), ..Notes::default() };
    for file in &job.files {
        match scan::FileRows::open_whole(inner, layout(table), file) {
            // Merging would lose the columns that only a newer version knows.
            Ok(None) => return Ok(None),
            Ok(Some(rows)) => {
                let stated = rows.stated();
                notes.add_marks(&stated.notes.marks);
                notes.sources.extend(stated.notes.sources);
                inputs.push(rows);
            }
            Err(failure) => {
                inner.handle(file, failure)?;
                return Ok(None);
            }
        }
    }
    notes.sources.sort();
    notes.sources.dedup();
    let now_ms = (inner.now)();
    let merges = job.files.len() > 1;
    notes.job = (completes && merges).then(|| inner.directory.new_id(now_ms));
    let source = notes.job.clone().unwrap_or_else(|| first.record.id.clone());
    let rollup_notes = Notes { sources: vec![source], ..Notes::default() };
    let target = Target {
        layout: layout(table),
        time_ms: first.record.time_min_ms,
        level: job.level(),
        rolled: first.is_rolled() || completes,
        notes: Arc::new(notes),
        now_ms,
        written_ms: job.files.iter().map(|file| file.record.written_ms).max().unwrap_or_default(),
        directory: &inner.directory,
    };
    let rollups = Target { notes: Arc::new(rollup_notes), ..target.clone() };
    let mut roller = spec.map(|spec| Roller::new(spec, &rollups)).transpose()?;
    let written = match (merges, &mut roller) {
        (true, roller) => merge(&target, inputs, roller.as_mut(), &inner.stopping),
        (false, Some(roller)) => roll(inputs, roller, &inner.stopping).map(|()| Vec::new()),
        (false, None) => return Ok(None),
    };
    let mut added = match written {
        Ok(written) => written,
        Err(failure) => return failed(inner, job, failure),
    };
    if let Some(roller) = roller {
        match roller.finish() {
            Ok(rollups) => added.extend(rollups),
            Err(error) => {
                discard(&inner.directory, added.iter().map(|file| &file.path));
                return Err(error);
            }
        }
    }
    synced(&inner.directory, &added)?;
    let (removed, rolled) = if merges { (job.ids(), Vec::new()) } else { (Vec::new(), job.ids()) };
    Ok(Some(FileChange { removed, added, rolled }))
}

fn failed(
    inner: &Inner,
    job: &Job,
    (input, failure): MergeFailure,
) -> Result<Option<FileChange>, HistoryError> {
    match input.and_then(|input| job.files.get(input)) {
        Some(file) => inner.handle(file, failure).map(|()| None),
        None => failure.into_result().map(|()| None),
    }
}

fn synced(directory: &Directory, files: &[FileRecord]) -> Result<(), HistoryError> {
    let synced = directory.sync(files.iter().map(|file| file.path.as_path()));
    if synced.is_err() {
        discard(directory, files.iter().map(|file| &file.path));
    }
    synced
}

impl Job {
    fn ids(&self) -> Vec<String> {
        self.files.iter().map(|file| file.record.id.clone()).collect()
    }

    /// Tells it from other jobs of one round.
    fn key(&self) -> (Due, String) {
        (self.due, self.files.iter().map(|file: &Arc<FileEntry>| file.record.id.as_str()).collect())
    }

    fn level(&self) -> i64 {
        match self.due {
            Due::Flushes | Due::Hour => 1,
            Due::Part => PART_LEVEL,
            Due::Day => DAY_LEVEL,
            Due::Period => PERIOD_LEVEL,
        }
    }
}
