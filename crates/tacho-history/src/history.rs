//! The handle that the rest of the server holds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use tacho_catalog::{Catalog, FileState, StreamKey};
use tacho_model::{HostKey, SequenceSet, Snapshot};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::directory::{Directory, Fault};
use crate::files::{FileEntry, FileSet};
use crate::head::Frame;
use crate::inner::Inner;
use crate::state::{Known, State};
use crate::{HistoryConfig, HistoryError, HistoryStats, NowMs, maintenance};

/// What became of a frame that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the head; the [`Commit`] that names it says when it is durable.
    Stored,
    /// It is stored already, or is in the head from an earlier time it was sent. In the second case the
    /// [`Commit`] of that one is still to come.
    Duplicate,
}

/// What one flush made durable: of each stream the frames that were not stored before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    pub stored: HashMap<StreamKey, SequenceSet>,
}

/// The history of all hosts. Cheap to clone.
#[derive(Clone)]
pub struct History {
    pub(crate) inner: Arc<Inner>,
}

impl History {
    /// Opens the history in the configured directory: reads the list of files from the catalog, sets aside
    /// files that are not as long as they should be, and removes from disk what no catalog row names (left by
    /// a crash between writing and committing). The directory must not be another server's.
    pub async fn open(config: HistoryConfig, catalog: Catalog, now: NowMs) -> Result<Self, HistoryError> {
        Self::open_with(config, catalog, now, None).await
    }

    /// The same with a fault to inject into tests.
    pub(crate) async fn open_with(
        config: HistoryConfig,
        catalog: Catalog,
        now: NowMs,
        fault: Option<Fault>,
    ) -> Result<Self, HistoryError> {
        let directory = Directory::open(config.directory.clone(), fault)?;
        let live = catalog.live_files().await?;
        let removed = catalog.removed_files().await?;
        let on_disk: HashMap<_, _> = directory.list()?.into_iter().collect();

        let known: HashSet<_> =
            live.iter().chain(removed.iter().map(|(file, _)| file)).map(|file| &file.path).collect();
        for orphan in on_disk.keys().filter(|path| !known.contains(path)) {
            tracing::info!(path = %orphan.display(), "removing a file that was not committed");
            directory.remove(orphan)?;
        }
        let whole = |file: &Arc<FileEntry>| {
            on_disk.get(&file.record.path).is_some_and(|bytes| i64::try_from(*bytes) == Ok(file.record.bytes))
        };
        let (whole, damaged): (Vec<_>, Vec<_>) = live.into_iter().map(FileEntry::new).partition(whole);
        let mut state = State::default();
        state.files = FileSet::new(whole);
        // Deleted after the grace period, as if they had been removed now: other programs may be reading.
        let removed = removed.into_iter().filter(|(_, file_state)| *file_state == FileState::Removed);
        state.removed = removed.map(|(file, _)| (FileEntry::new(file), now())).collect();

        let inner = Inner::new(config, catalog, now, directory, state);
        for file in damaged {
            inner.set_aside(&file, "it is missing or not as long as it was written").await;
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Flushes on time and when the head is big, compacts, and removes what is too old, until told to
    /// stop; flushes once more then. A flush that fails is tried again with the next interval and costs
    /// nothing but memory; only the last one's failure is returned.
    pub async fn run(self, stop: CancellationToken) -> Result<(), HistoryError> {
        maintenance::run(&self, stop).await
    }

    /// Takes a frame into the head. Waits while the head is full.
    pub async fn append(
        &self,
        host: &HostKey,
        stream: &StreamKey,
        sequence: u64,
        snapshot: Arc<Snapshot>,
    ) -> Result<Appended, HistoryError> {
        let frame = Frame { host: host.clone(), stream: stream.clone(), sequence, snapshot };
        let mut waiting = None;
        loop {
            // Registered before the look at the head, so that room made in between is noticed.
            let room = self.inner.room.notified();
            match self.try_append(&frame) {
                Tried::Done(appended) => return Ok(appended),
                Tried::StreamUnknown => self.load_mark(stream).await?,
                Tried::Full => {
                    waiting.get_or_insert_with(|| Waiting::new(&self.inner));
                    self.inner.flush_wanted.notify_one();
                    room.await;
                }
            }
        }
    }

    fn try_append(&self, frame: &Frame) -> Tried {
        let inner = &self.inner;
        let mut state = inner.state();
        match state.knows(&frame.stream, frame.sequence, (inner.now)()) {
            Known::StreamUnknown => return Tried::StreamUnknown,
            Known::Duplicate => {
                inner.counters.frames_duplicate.add(1);
                return Tried::Done(Appended::Duplicate);
            }
            Known::New => {}
        }
        if state.head_bytes() >= inner.config.head_limit_bytes {
            return Tried::Full;
        }
        state.push(frame.clone());
        if state.head.bytes >= inner.config.flush_bytes {
            inner.flush_wanted.notify_one();
        }
        Tried::Done(Appended::Stored)
    }

    async fn load_mark(&self, stream: &StreamKey) -> Result<(), HistoryError> {
        let mark = self.inner.catalog.mark(stream).await?;
        self.inner.state().set_mark(stream.clone(), mark, (self.inner.now)());
        Ok(())
    }

    /// Frames of a stream that are durable; what waits in the head is not among them.
    pub async fn stored(&self, stream: &StreamKey) -> Result<SequenceSet, HistoryError> {
        if let Some(stored) = self.inner.state().stored(stream) {
            return Ok(stored);
        }
        Ok(self.inner.catalog.mark(stream).await?.stored)
    }

    /// What each flush makes durable, from now on. A receiver that falls behind by more than
    /// a few flushes gets `Lagged` and then asks [`Self::stored`].
    pub fn commits(&self) -> broadcast::Receiver<Arc<Commit>> {
        self.inner.commits.subscribe()
    }

    /// Makes durable what is in the head now. Runs to its end even when the caller stops waiting.
    pub async fn flush(&self) -> Result<(), HistoryError> {
        let guard = Arc::clone(&self.inner.flush_lock).lock_owned().await;
        let inner = Arc::clone(&self.inner);
        let flush = tokio::spawn(async move {
            let started = Instant::now();
            let result = inner.flush_head().await;
            inner.note_flush(&result, started);
            drop(guard);
            result
        });
        flush.await.unwrap_or_else(|error| Err(HistoryError::Job(error.to_string())))
    }

    /// Numbers about the history itself.
    pub fn stats(&self) -> HistoryStats {
        let (inner, counters) = (&self.inner, &self.inner.counters);
        let state = inner.state();
        let sum = |of: fn(&FileEntry) -> i64| {
            state.files.iter().map(|file| u64::try_from(of(file)).unwrap_or_default()).sum()
        };
        HistoryStats {
            frames_stored_total: counters.frames_stored.get(),
            frames_duplicate_total: counters.frames_duplicate.get(),
            rows_total: counters.rows.get(),
            files: state.files.iter().count() as u64,
            bytes_on_disk: sum(|file| file.record.bytes),
            rows_on_disk: sum(|file| file.record.rows),
            head_bytes: state.head_bytes() as u64,
            head_frames: state.head_frames() as u64,
            appends_waiting: counters.appends_waiting.get(),
            flushes_total: counters.flushes.get(),
            flush_failures_total: counters.flush_failures.get(),
            last_flush_error: inner.last_flush_error(),
            last_flush_ms: counters.last_flush_ms.get(),
            compactions_total: counters.compactions.get(),
            compaction_failures_total: counters.compaction_failures.get(),
            files_expired_total: counters.files_expired.get(),
            files_over_limit_total: counters.files_over_limit.get(),
            files_scrubbed_total: counters.files_scrubbed.get(),
            files_damaged_total: counters.files_damaged.get(),
            files_read_total: counters.files_read.get(),
            row_groups_read_total: counters.row_groups_read.get(),
            rows_read_total: counters.rows_read.get(),
            bytes_read_total: counters.bytes_read.get(),
        }
    }
}

enum Tried {
    Done(Appended),
    StreamUnknown,
    Full,
}

/// Counts an append that waits, also when it is given up.
struct Waiting<'a>(&'a Inner);

impl<'a> Waiting<'a> {
    fn new(inner: &'a Inner) -> Self {
        inner.counters.appends_waiting.add(1);
        Self(inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.counters.appends_waiting.subtract(1);
    }
}

#[cfg(test)]
mod tests;
