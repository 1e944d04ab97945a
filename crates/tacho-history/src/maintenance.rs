//! What runs beside ingest and queries: flushing on time, compaction, retention, deletion.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tacho_catalog::FileChange;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::files::FileEntry;
use crate::inner::Inner;
use crate::{History, HistoryError, compact};

/// How often housekeeping looks whether there is something to do.
const HOUSEKEEPING: Duration = Duration::from_secs(30);

/// The first flush after the start comes this soon: agents that held their frames while the server was away
/// are relieved, and whoever has just installed it sees that it stores.
const FIRST_FLUSH: Duration = Duration::from_secs(10);

/// How long a file that was replaced stays on disk for readers outside this process.
const GRACE_MS: i64 = 5 * 60 * 1000;

pub(crate) async fn run(history: &History, stop: CancellationToken) -> Result<(), HistoryError> {
    let stop = &stop;
    let stopping = async {
        stop.cancelled().await;
        // A merge of big files may be under way: it gives up at its next batch.
        history.inner.stopping.store(true, Ordering::Relaxed);
    };
    tokio::join!(flush_on_time(history, stop), keep_house(history, stop), stopping);
    history.flush().await
}

async fn flush_on_time(history: &History, stop: &CancellationToken) {
    let inner = &history.inner;
    let mut pause = inner.config.flush_interval.min(FIRST_FLUSH);
    loop {
        // While flushes fail, a full head is no reason to try more often than the interval.
        let failing = inner.last_flush_error().is_some();
        let wanted = async {
            match failing {
                true => std::future::pending().await,
                false => inner.flush_wanted.notified().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
            () = wanted => {}
        }
        pause = inner.config.flush_interval;
        // Its failure was logged and counted; the frames are in the head for the next time.
        history.flush().await.ok();
    }
}

async fn keep_house(history: &History, stop: &CancellationToken) {
    let mut ticks = interval(HOUSEKEEPING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => history.maintain().await,
        }
    }
}

impl History {
    /// One round of housekeeping now, as [`Self::run`] does from time to time: removes what is too old,
    /// merges small files, deletes from disk what nobody reads any more. What fails is logged and tried
    /// again in the next round.
    pub async fn maintain(&self) {
        let inner = &self.inner;
        let _one_at_a_time = inner.maintenance_lock.lock().await;
        // First: what goes by age is in rollups then.
        compact::compact(inner).await;
        if let Err(error) = inner.expire().await {
            tracing::warn!(error = chain(&error), "cannot remove what is too old");
        }
        inner.scrub().await;
        if let Err(error) = inner.delete_removed().await {
            tracing::warn!(error = chain(&error), "cannot delete files that were replaced");
        }
        inner.state().forget_idle_streams((inner.now)());
    }
}

impl Inner {
    /// Changes files in the catalog and for readers; `false` when one of them is not as it was any more.
    pub(crate) async fn change(&self, change: &FileChange) -> Result<bool, HistoryError> {
        let _order = self.order.lock().await;
        let changed = self.catalog.change_files(change).await?;
        if changed {
            self.state().change_files(change, (self.now)());
        }
        Ok(changed)
    }

    /// Deletes files from disk that were replaced long enough ago and that no query reads.
    async fn delete_removed(&self) -> Result<(), HistoryError> {
        let before_ms = (self.now)().saturating_sub(GRACE_MS);
        // Only the list itself holds on to it.
        let unused = |file: &Arc<FileEntry>| Arc::strong_count(file) == 1;
        let mut gone: Vec<Arc<FileEntry>> = Vec::new();
        {
            let mut state = self.state();
            let due = state.removed.extract_if(.., |(file, since)| *since <= before_ms && unused(file));
            gone.extend(due.map(|(file, _)| file));
        }
        let mut deleted = Vec::new();
        for file in gone {
            self.metadata.forget(&file.record.id);
            self.rows.forget(&file.record.id);
            match self.directory.remove(&file.record.path) {
                Ok(()) => deleted.push(file.record.id.clone()),
                Err(error) => {
                    tracing::warn!(error = chain(&error), "a replaced file stays for now");
                    self.state().removed.push((file, before_ms));
                }
            }
        }
        if !deleted.is_empty() {
            self.catalog.forget_files(&deleted).await?;
        }
        Ok(())
    }

    /// Takes a file from readers that cannot be read, renames it, and says so once.
    pub(crate) async fn set_aside(&self, file: &Arc<FileEntry>, why: &str) {
        if !file.set_damaged() {
            return;
        }
        let _order = self.order.lock().await;
        let record = &file.record;
        self.counters.files_damaged.add(1);
        self.state().files.remove(std::slice::from_ref(&record.id));
        self.metadata.forget(&record.id);
        self.rows.forget(&record.id);
        let path = self.directory.set_aside(&record.path).unwrap_or_else(|error| {
            tracing::warn!(error = chain(&error), "a damaged file keeps its name");
            record.path.clone()
        });
        tracing::error!(
            path = %self.directory.absolute(&path).display(),
            rows = record.rows,
            why,
            "a file of the history is damaged: it was set aside, its rows are missing from answers, all others are there"
        );
        if let Err(error) = self.catalog.set_damaged(&record.id, &path).await {
            tracing::warn!(error = chain(&error), "a damaged file is looked at again at the next start");
        }
    }

    pub(crate) fn last_flush_error(&self) -> Option<String> {
        self.last_flush_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a flush, and logs the first failure of an outage and its end.
    pub(crate) fn note_flush(&self, result: &Result<(), HistoryError>, started: Instant) {
        let mut last = self.last_flush_error.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                self.counters.flushes.add(1);
                self.counters
                    .last_flush_ms
                    .set(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
                if last.take().is_some() {
                    tracing::info!("the history can be written again; nothing was lost");
                }
            }
            Err(error) => {
                self.counters.flush_failures.add(1);
                if last.is_none() {
                    tracing::error!(
                        error = chain(error),
                        directory = %self.config.directory.display(),
                        "{}",
                        advice(error, &self.config.directory)
                    );
                }
                *last = Some(chain(error));
            }
        }
    }
}

/// What the operator should know and do.
fn advice(error: &HistoryError, directory: &Path) -> String {
    let waits = "new frames wait in memory and then with the agents, nothing is lost";
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
    if io_kind(error).is_some_and(|kind| full.contains(&kind)) {
        return format!("the disk is full: make room in {}; {waits}", directory.display());
    }
    format!("cannot write the history, will try again; {waits}")
}

/// The kind of the I/O error at the bottom of it.
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        next = error.source();
    }
    None
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
