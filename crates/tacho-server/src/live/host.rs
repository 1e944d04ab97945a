//! One host's live state.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tacho_model::{Block, HostFacts, HostKey, ProcessIdentity, Snapshot, Table, merge_tags, tables};
use tokio_util::sync::CancellationToken;

use super::Window;

/// Interval assumed until a snapshot has told one.
const DEFAULT_INTERVAL_MS: i64 = 5_000;

/// How much later than three intervals a snapshot may come before its host counts as silent.
pub(super) const GRACE_MS: i64 = 10_000;

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
    /// Its agent is connected and sends nothing.
    Silent,
    Down,
}

/// What an agent keeps of one stream until it is stored, as it said last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Buffered {
    pub frames: u64,
    pub bytes: u64,
    /// Of the first and the last of them, in milliseconds since the epoch.
    pub first_time_ms: i64,
    pub last_time_ms: i64,
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
    /// That were set here.
    own_tags: Arc<[String]>,
    /// Those, and those of the facts.
    tags: Arc<[String]>,
    /// When something was last received from the host, by this server's clock: a host's own clock may be
    /// wrong.
    heard_ms: Option<i64>,
    /// How far the clock that the agent goes by is ahead of this server's, as measured last.
    clock_offset_ms: Option<i64>,
    /// By stream. Stays when the agent leaves: it keeps them all the same.
    buffered: BTreeMap<[u8; 16], Buffered>,
    window: Window,
}

impl State {
    fn set_facts(&mut self, facts: Arc<HostFacts>) {
        self.facts = facts;
        self.merge_tags();
    }

    /// `true` when they are others than before.
    fn merge_tags(&mut self) -> bool {
        let tags = merge_tags(&self.own_tags, &self.facts.tags);
        let changed = *self.tags != *tags;
        if changed {
            self.tags = tags.into();
        }
        changed
    }
}

/// Streams of which one host's agent may keep something.
const BUFFERED_STREAMS: usize = 64;

impl LiveHost {
    pub(super) fn new(key: HostKey, own_tags: Arc<[String]>) -> Self {
        let state = State { tags: Arc::clone(&own_tags), own_tags, ..State::default() };
        Self { key, removed: CancellationToken::new(), state: Mutex::new(state) }
    }

    /// The same host under another name, with all that is known of it.
    pub(super) fn renamed(&self, key: HostKey) -> Self {
        let state = std::mem::take(&mut *self.lock());
        Self { key, removed: self.removed.clone(), state: Mutex::new(state) }
    }

    pub fn key(&self) -> &HostKey {
        &self.key
    }

    /// Cancelled when the host is taken out of the inventory.
    pub(crate) fn removed(&self) -> &CancellationToken {
        &self.removed
    }

    /// The newest facts.
    pub fn facts(&self) -> Arc<HostFacts> {
        Arc::clone(&self.lock().facts)
    }

    /// All its tags, in order.
    pub fn tags(&self) -> Arc<[String]> {
        Arc::clone(&self.lock().tags)
    }

    /// Up means that an agent is connected and was heard of within three intervals and a little; when it was not,
    /// it is silent.
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
        match (state.connected, recent) {
            (false, _) => HostState::Down,
            (true, true) => HostState::Up,
            (true, false) => HostState::Silent,
        }
    }

    /// How far the clock that the agent goes by is ahead of this server's, as measured last.
    pub fn clock_offset_ms(&self) -> Option<i64> {
        self.lock().clock_offset_ms
    }

    /// What the agent keeps until it is stored, as it said last.
    pub fn buffered(&self) -> Vec<Buffered> {
        self.lock().buffered.values().copied().collect()
    }

    /// Did the newest snapshot arrive late?
    pub fn is_late(&self) -> bool {
        let newest = self.newest();
        let block = newest.as_ref().and_then(|snapshot| snapshot.block(&tables::host::TABLE));
        block.is_some_and(|block| block.integer(tables::host::ARRIVED_LATE_MS, 0).is_some())
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
        state.set_facts(facts);
        state.heard_ms = Some(now_ms);
    }

    pub(super) fn set_facts(&self, facts: Arc<HostFacts>) {
        self.lock().set_facts(facts);
    }

    /// `true` when its tags are others than before.
    pub(super) fn set_own_tags(&self, own_tags: Arc<[String]>) -> bool {
        let mut state = self.lock();
        if state.own_tags == own_tags {
            return false;
        }
        state.own_tags = own_tags;
        state.merge_tags()
    }

    pub(super) fn set_clock_offset(&self, offset_ms: i64) {
        self.lock().clock_offset_ms = Some(offset_ms);
    }

    pub(super) fn set_buffered(&self, stream: [u8; 16], buffered: Buffered) {
        let mut state = self.lock();
        if buffered.frames == 0 {
            state.buffered.remove(&stream);
        } else if state.buffered.len() < BUFFERED_STREAMS || state.buffered.contains_key(&stream) {
            state.buffered.insert(stream, buffered);
        }
    }

    pub(super) fn nothing_buffered(&self) {
        self.lock().buffered.clear();
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
