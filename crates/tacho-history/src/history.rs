//! The handle that the rest of the server holds.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use tacho_catalog::{Catalog, FileState, StreamKey};
use tacho_model::{GapReason, HostKey, SequenceSet, Snapshot};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::directory::{Directory, Fault};
use crate::files::{FileEntry, FileSet};
use crate::head::{Frame, PendingGap};
use crate::inner::Inner;
use crate::rollup::Level;
use crate::state::{Known, State};
use crate::{HistoryConfig, HistoryError, HistoryStats, NowMs, lake, maintenance};

/// What became of a frame that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the head; the [`Commit`] that names it says when it is durable.
    Stored,
    /// It is stored already, or is in the head from an earlier time it was sent. In the second case the
    /// [`Commit`] of that one is still to come.
    Duplicate,
}

/// How a frame comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// As it was taken.
    Live,
    /// From the backlog. The last tenth of the head is not for it, so that live frames pass it when the head
    /// is filling up.
    Backfill,
}

/// What became of a frame or gap that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It is in the head; the [`Commit`] that names it says when it is durable.
    Taken,
    /// As [`Appended::Duplicate`].
    Duplicate,
    /// There is no room for it in the head; see [`History::room`].
    Full,
    /// The stream has too many holes; it is not taken.
    TooManyHoles,
}

/// Frames that an agent had to drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub sequences: RangeInclusive<u64>,
    /// Of the first and the last of them, in milliseconds since the epoch.
    pub first_time_ms: i64,
    pub last_time_ms: i64,
    pub reason: GapReason,
}

/// What one flush made durable: of each stream the frames that were not stored before, and the sequences of
/// gaps.
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
        let since = catalog.levels_since().await?;
        state.levels_since_ms =
            since.into_iter().filter_map(|(name, ms)| Some((Level::by_name(&name)?, ms))).collect();
        // Deleted after the grace period, as if they had been removed now: other programs may be reading.
        let removed = removed.into_iter().filter(|(_, file_state)| *file_state == FileState::Removed);
        state.removed = removed.map(|(file, _)| (FileEntry::new(file), now())).collect();

        let inner = Inner::new(config, catalog, now, directory, state);
        for file in damaged {
            inner.set_aside(&file, "it is missing or not as long as it was written").await;
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Says in the catalog what files hold and where they are, so that DuckDB can attach it. Writes only what is new.
    pub async fn describe(&self) -> Result<(), HistoryError> {
        lake::describe(&self.inner.catalog, &self.inner.directory).await
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
        let mut room = self.room();
        let mut waiting = None;
        loop {
            let offered = self.offer(host, stream, sequence, &snapshot, Lane::Live).await?;
            match offered {
                Offered::Taken => return Ok(Appended::Stored),
                Offered::Duplicate => return Ok(Appended::Duplicate),
                Offered::TooManyHoles => return Err(HistoryError::TooManyHoles),
                Offered::Full => {
                    waiting.get_or_insert_with(|| Waiting::new(&self.inner));
                    // The sender lives as long as the history.
                    room.changed().await.ok();
                }
            }
        }
    }

    /// Takes a frame into the head when there is room, and never waits for it.
    pub async fn offer(
        &self,
        host: &HostKey,
        stream: &StreamKey,
        sequence: u64,
        snapshot: &Arc<Snapshot>,
        lane: Lane,
    ) -> Result<Offered, HistoryError> {
        let frame =
            Frame { host: host.clone(), stream: stream.clone(), sequence, snapshot: Arc::clone(snapshot) };
        loop {
            match self.try_append(&frame, lane) {
                Tried::Done(offered) => return Ok(offered),
                Tried::StreamUnknown => self.load_mark(stream).await?,
            }
        }
    }

    /// Takes what an agent had to drop: its sequences will be in the stream's mark, and so in a [`Commit`], as
    /// if they had been stored. What of it is stored or in the head stays as it is.
    pub async fn offer_gap(
        &self,
        host: &HostKey,
        stream: &StreamKey,
        gap: &Gap,
    ) -> Result<Offered, HistoryError> {
        loop {
            match self.try_gap(host, stream, gap) {
                Tried::Done(offered) => return Ok(offered),
                Tried::StreamUnknown => self.load_mark(stream).await?,
            }
        }
    }

    fn try_append(&self, frame: &Frame, lane: Lane) -> Tried {
        let inner = &self.inner;
        let mut state = inner.state();
        match state.knows(&frame.stream, frame.sequence, (inner.now)()) {
            Known::StreamUnknown => return Tried::StreamUnknown,
            Known::Duplicate => {
                inner.counters.frames_duplicate.add(1);
                return Tried::Done(Offered::Duplicate);
            }
            Known::TooManyHoles => return Tried::Done(Offered::TooManyHoles),
            Known::New => {}
        }
        if !inner.has_room(&state, lane) {
            return Tried::Done(Offered::Full);
        }
        state.push(frame.clone());
        if state.head.bytes >= inner.config.flush_bytes {
            inner.flush_wanted.notify_one();
        }
        Tried::Done(Offered::Taken)
    }

    fn try_gap(&self, host: &HostKey, stream: &StreamKey, gap: &Gap) -> Tried {
        let inner = &self.inner;
        let mut state = inner.state();
        let sequences = match state.knows_gap(stream, &gap.sequences, (inner.now)()) {
            Ok(sequences) => sequences,
            Err(Known::StreamUnknown) => return Tried::StreamUnknown,
            Err(Known::TooManyHoles) => return Tried::Done(Offered::TooManyHoles),
            Err(_) => return Tried::Done(Offered::Duplicate),
        };
        if !inner.has_room(&state, Lane::Live) {
            return Tried::Done(Offered::Full);
        }
        state.push_gap(PendingGap {
            host_id: Arc::clone(&host.id),
            stream: stream.clone(),
            sequences,
            first_time_ms: gap.first_time_ms,
            last_time_ms: gap.last_time_ms,
            reason: gap.reason,
        });
        Tried::Done(Offered::Taken)
    }

    /// Changes when the head got smaller, so that what was refused may be offered again.
    pub fn room(&self) -> watch::Receiver<()> {
        self.inner.room.subscribe()
    }

    /// How full the head is: 1 and above takes nothing.
    pub fn head_fill(&self) -> f64 {
        self.inner.state().head_bytes() as f64 / self.inner.config.head_limit_bytes.max(1) as f64
    }

    async fn load_mark(&self, stream: &StreamKey) -> Result<(), HistoryError> {
        let mark = self.inner.catalog.mark(stream).await?;
        self.inner.state().set_mark(stream.clone(), mark, (self.inner.now)());
        Ok(())
    }

    /// Frames of a stream that are durable, also by other servers of the catalog; what waits in the head is not
    /// among them.
    pub async fn stored(&self, stream: &StreamKey) -> Result<SequenceSet, HistoryError> {
        let known = {
            let state = self.inner.state();
            if state.is_idle(stream) { None } else { state.stored(stream) }
        };
        if let Some(stored) = known {
            return Ok(stored);
        }
        let mark = self.inner.catalog.mark(stream).await?;
        self.inner.state().refresh_mark(stream, mark.clone(), (self.inner.now)());
        Ok(mark.stored)
    }

    /// Is this frame durable, as far as is known here? For one that was called a duplicate.
    pub fn is_stored(&self, stream: &StreamKey, sequence: u64) -> bool {
        self.inner.state().is_stored(stream, sequence)
    }

    /// Forgets what is in memory of an agent's streams, when its host was removed.
    pub fn forget_agent(&self, agent_id: &str) {
        self.inner.state().forget_agent(agent_id);
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
            frames_dropped_total: counters.frames_dropped.get(),
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
    Done(Offered),
    StreamUnknown,
}

impl Inner {
    /// Is there room in the head for one more? When there is none, a flush is asked for.
    fn has_room(&self, state: &State, lane: Lane) -> bool {
        let limit = self.config.head_limit_bytes;
        let limit = match lane {
            Lane::Live => limit,
            Lane::Backfill => limit - limit / 10,
        };
        let room = state.head_bytes() < limit;
        if !room {
            self.flush_wanted.notify_one();
        }
        room
    }
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
mod delivery_tests;
#[cfg(test)]
mod soak_tests;
#[cfg(test)]
mod tests;
