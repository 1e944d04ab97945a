//! What all clones of the handle share.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tacho_catalog::{Catalog, FileRecord};
use tokio::sync::{Notify, broadcast, watch};

use crate::counters::Counters;
use crate::directory::Directory;
use crate::scan::MetadataCache;
use crate::state::State;
use crate::{Commit, HistoryConfig, HistoryError, NowMs};

pub(crate) struct Inner {
    pub(crate) config: HistoryConfig,
    pub(crate) catalog: Catalog,
    pub(crate) now: NowMs,
    pub(crate) directory: Directory,
    pub(crate) counters: Arc<Counters>,
    pub(crate) metadata: MetadataCache,
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
}

/// Announcements that a slow listener can be behind; then it is told so and asks the catalog. One flush a
/// minute makes this an hour.
const COMMITS_KEPT: usize = 64;
