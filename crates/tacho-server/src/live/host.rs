//! One host's live state.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tacho_model::{Block, HostFacts, HostKey, ProcessIdentity, Snapshot, Table, tables};
use tokio_util::sync::CancellationToken;

use super::Window;

/// Interval assumed until a snapshot has told one.
const DEFAULT_INTERVAL_MS: i64 = 5_000;

/// How much later than three intervals a snapshot may come before its host counts as down.
const GRACE_MS: i64 = 10_000;

/// State letter of a process that ended since the snapshot before.
const ENDED: &str = "X";

/// What is known of one host.
pub struct LiveHost {
    key: HostKey,
    removed: CancellationToken,
    state: Mutex<State>,
}

/// Is a host being recorded?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostState {
    Up,
    Down,
}

/// A process that is alive: where its latest row is.
#[derive(Clone)]
pub struct LiveProcess {
    pub identity: Arc<ProcessIdentity>,
    pub snapshot: Arc<Snapshot>,
    /// Row in the snapshot's process block.
    pub row: usize,
}

#[derive(Default)]
struct State {
    connected: bool,
    facts: Arc<HostFacts>,
    /// When something was last received from the host, by this server's clock: a host's own clock may be
    /// wrong.
    heard_ms: Option<i64>,
    window: Window,
}

impl LiveHost {
    pub(super) fn new(key: HostKey) -> Self {
        Self { key, removed: CancellationToken::new(), state: Mutex::default() }
    }

    pub fn key(&self) -> &HostKey {
        &self.key
    }

    /// Cancelled when the host is taken out of the inventory.
    pub(super) fn removed(&self) -> &CancellationToken {
        &self.removed
    }

    /// The newest facts.
    pub fn facts(&self) -> Arc<HostFacts> {
        Arc::clone(&self.lock().facts)
    }

    /// Up means that an agent is connected and was heard of within three intervals and a little.
    pub fn state(&self, now_ms: i64) -> HostState {
        let state = self.lock();
        let interval_ms = state
            .window
            .newest()
            .and_then(|snapshot| snapshot.block(&tables::host::TABLE))
            .map(|block| block.interval_ms)
            .filter(|interval_ms| *interval_ms > 0)
            .unwrap_or(DEFAULT_INTERVAL_MS);
        let limit_ms = interval_ms.saturating_mul(3).saturating_add(GRACE_MS);
        let recent = state.heard_ms.is_some_and(|heard_ms| now_ms.saturating_sub(heard_ms) < limit_ms);
        if state.connected && recent { HostState::Up } else { HostState::Down }
    }

    pub fn is_connected(&self) -> bool {
        self.lock().connected
    }

    /// When something was last received from the host, by this server's clock.
    pub fn heard_ms(&self) -> Option<i64> {
        self.lock().heard_ms
    }

    /// The newest snapshot.
    pub fn newest(&self) -> Option<Arc<Snapshot>> {
        self.lock().window.newest().cloned()
    }

    /// The newest snapshots, oldest first.
    pub fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        self.lock().window.snapshots.iter().cloned().collect()
    }

    /// Calls `read` with the newest block of a table and the snapshot it came in.
    pub fn with_block<T>(&self, table: &Table, read: impl FnOnce(&Snapshot, &Block) -> T) -> Option<T> {
        let state = self.lock();
        state.window.block_of(table).map(|(snapshot, block)| read(snapshot, block))
    }

    /// Every process alive by its latest row, and last the `other` row when there is one.
    pub fn processes(&self) -> Vec<LiveProcess> {
        let snapshots: Vec<Arc<Snapshot>> = self.lock().window.snapshots.iter().rev().cloned().collect();
        let mut seen = HashSet::new();
        let mut processes = Vec::new();
        let mut other = None;
        for snapshot in &snapshots {
            for (identity, row, block) in snapshot.process_rows() {
                let process =
                    || LiveProcess { identity: Arc::clone(identity), snapshot: Arc::clone(snapshot), row };
                if identity.key.is_other() {
                    other.get_or_insert_with(process);
                    continue;
                }
                let ended = block.text(tables::process::STATE, row) == Some(ENDED);
                if seen.insert(identity.key) && !ended {
                    processes.push(process());
                }
            }
        }
        processes.extend(other);
        processes
    }

    pub(super) fn connected(&self, facts: Arc<HostFacts>, now_ms: i64) {
        let mut state = self.lock();
        state.connected = true;
        state.facts = facts;
        state.heard_ms = Some(now_ms);
    }

    pub(super) fn set_facts(&self, facts: Arc<HostFacts>) {
        self.lock().facts = facts;
    }

    pub(super) fn disconnected(&self) {
        self.lock().connected = false;
    }

    /// `true` when the snapshot is the newest.
    pub(super) fn add(&self, snapshot: Arc<Snapshot>, now_ms: i64) -> bool {
        let mut state = self.lock();
        state.heard_ms = Some(now_ms);
        state.window.add(snapshot)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
