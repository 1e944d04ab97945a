//! What all clones of the handle share.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::setpriority_process;
use tacho_catalog::{Catalog, FileRecord};
use tokio::runtime::Handle;
use tokio::sync::{Notify, broadcast, oneshot, watch};

use crate::counters::Counters;
use crate::directory::Directory;
use crate::scan::{CancelOnDrop, MetadataCache, Projections, Reading, RowsCache};
use crate::state::State;
use crate::{Commit, HistoryConfig, HistoryError, NowMs};

pub(crate) struct Inner {
    pub(crate) config: HistoryConfig,
    pub(crate) catalog: Catalog,
    pub(crate) now: NowMs,
    pub(crate) directory: Directory,
    pub(crate) counters: Arc<Counters>,
    pub(crate) metadata: MetadataCache,
    pub(crate) projections: Projections,
    pub(crate) rows: RowsCache,
    pub(crate) commits: broadcast::Sender<Arc<Commit>>,
    /// Changes when the head got smaller.
    pub(crate) room: watch::Sender<()>,
    /// Told when the head should be flushed before its time.
    pub(crate) flush_wanted: Notify,
    /// Held while flushing, so that there is one flush at a time.
    pub(crate) flush_lock: Arc<tokio::sync::Mutex<()>>,
    /// Held while compacting or expiring.
    pub(crate) maintenance_lock: Arc<tokio::sync::Mutex<()>>,
    /// Held from a change of the catalog's files to the same change of the list in memory, so that the two
    /// change in the same order.
    pub(crate) order: tokio::sync::Mutex<()>,
    /// The server stops: long work gives up.
    pub(crate) stopping: AtomicBool,
    pub(crate) last_flush_error: Mutex<Option<String>>,
    state: Mutex<State>,
    doubtful: Mutex<Vec<FileRecord>>,
}

impl Inner {
    pub(crate) fn new(
        config: HistoryConfig,
        catalog: Catalog,
        now: NowMs,
        directory: Directory,
        state: State,
    ) -> Self {
        Self {
            config,
            catalog,
            now,
            directory,
            counters: Arc::default(),
            metadata: MetadataCache::default(),
            projections: Projections::default(),
            rows: RowsCache::default(),
            commits: broadcast::Sender::new(COMMITS_KEPT),
            room: watch::Sender::new(()),
            flush_wanted: Notify::new(),
            flush_lock: Arc::default(),
            maintenance_lock: Arc::default(),
            order: tokio::sync::Mutex::default(),
            stopping: AtomicBool::new(false),
            last_flush_error: Mutex::default(),
            state: Mutex::new(state),
            doubtful: Mutex::default(),
        }
    }

    /// The state at this moment. What is done under the lock is short and cannot leave it half changed.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Files of commits whose outcome is not known yet.
    pub(crate) fn doubtful(&self) -> MutexGuard<'_, Vec<FileRecord>> {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs synchronous work on a thread that may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, HistoryError> {
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|error| Err(HistoryError::Job(error.to_string())))
    }

    /// The same for work that reads: it ends early when the caller stops waiting.
    pub(crate) async fn reading<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Self>, &Arc<Reading>) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, HistoryError> {
        let reading = Arc::new(Reading::default());
        let _cancel = CancelOnDrop(Arc::clone(&reading));
        let inner = Arc::clone(self);
        self.blocking(move || work(&inner, &reading)).await
    }

    /// Runs long synchronous work on a thread of its own, which gives way to queries and to ingest. It may block,
    /// and may wait for tasks of the runtime.
    pub(crate) async fn background<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, HistoryError> {
        let (sender, receiver) = oneshot::channel();
        let runtime = Handle::current();
        let run = move || {
            // On Linux this is the thread's own; the disk's scheduler derives its priority from it.
            if let Err(error) = setpriority_process(None, BACKGROUND_NICE) {
                tracing::debug!(%error, "compaction runs at normal priority");
            }
            let _runtime = runtime.enter();
            // Nobody waits any more when the server stopped without it.
            sender.send(work()).ok();
        };
        let thread = std::thread::Builder::new().name("history".to_owned()).spawn(run);
        thread.map_err(|error| HistoryError::Job(error.to_string()))?;
        receiver.await.unwrap_or_else(|_| Err(HistoryError::Job("it panicked".to_owned())))
    }

    /// Most bytes of the files of one table that are merged into those of a day.
    pub(crate) fn day_bytes(&self) -> i64 {
        // A limit is kept by removing whole files: none may be much of it.
        let of_limit = self.config.limit_bytes.map(|limit| i64::try_from(limit / 32).unwrap_or(i64::MAX));
        of_limit.unwrap_or(DAY_BYTES).min(DAY_BYTES)
    }
}

/// Niceness of compaction.
const BACKGROUND_NICE: i32 = 10;

/// Hours of this much together are big enough as they are: a day would take minutes to merge, again for each hour
/// that comes late.
const DAY_BYTES: i64 = 2 << 30;

/// Announcements that a slow listener can be behind; then it is told so and asks the catalog. One flush a
/// minute makes this an hour.
const COMMITS_KEPT: usize = 64;
