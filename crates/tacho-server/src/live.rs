//! What is known of each host right now: its agent's connection, facts, and newest snapshots. Held in
//! memory only; after a start it fills as agents connect. A snapshot is shared with the history's head,
//! not copied.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tacho_model::{Block, HostFacts, HostKey, Snapshot, Table, tables};
use tacho_runtime::clock::NowMs;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

mod conflict;
mod coverage;
mod host;

pub use conflict::{Conflict, Conflicts, Machine};
pub use coverage::{Coverages, DAY_MS, Missing};
pub use host::{Buffered, HostState, LiveHost, LiveProcess};

/// Events a slow subscriber may be behind before it misses some. It loses nothing that counts: an event only
/// says that there is something newer to look at.
const EVENTS: usize = 1024;

/// The live state of all hosts. Clones share it.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

struct Inner {
    now: NowMs,
    hosts: RwLock<Hosts>,
    conflicts: Conflicts,
    coverages: Coverages,
    events: broadcast::Sender<Arc<LiveEvent>>,
}

#[derive(Default)]
struct Hosts {
    by_id: HashMap<Arc<str>, Arc<LiveHost>>,
    id_by_name: HashMap<Arc<str>, Arc<str>>,
    /// That were set here, of hosts in the inventory, by their ids.
    own_tags: HashMap<Arc<str>, Arc<[String]>>,
}

/// Something about a host is new.
#[derive(Clone)]
pub struct LiveEvent {
    pub kind: LiveEventKind,
    pub host: Arc<LiveHost>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveEventKind {
    Connected,
    Disconnected,
    /// Taken out of the inventory.
    Removed,
    /// Called otherwise than before.
    Renamed,
    /// Has other tags than before.
    Tagged,
    /// A snapshot newer than all before.
    Snapshot,
}

impl Live {
    pub fn new(now: NowMs) -> Self {
        let (events, _) = broadcast::channel(EVENTS);
        let coverages = Coverages::new(now());
        let (hosts, conflicts) = (RwLock::default(), Conflicts::default());
        Self { inner: Arc::new(Inner { now, hosts, conflicts, coverages, events }) }
    }

    /// An agent speaks for this host from now on, until the token it gets tells that the host was removed.
    pub fn connected(&self, key: &HostKey, facts: Arc<HostFacts>) -> CancellationToken {
        let now_ms = (self.inner.now)();
        let host = self.write().insert(key);
        host.connected(facts, now_ms);
        let removed = host.removed().clone();
        self.send(LiveEventKind::Connected, host);
        removed
    }

    /// Newer facts of a host. Ignored for a host that never connected.
    pub fn facts(&self, host_id: &str, facts: Arc<HostFacts>) {
        if let Some(host) = self.by_id(host_id) {
            host.set_facts(facts);
        }
    }

    /// How far the clock that a host's agent goes by is ahead of this server's.
    pub fn clock_offset(&self, host_id: &str, offset_ms: i64) {
        if let Some(host) = self.by_id(host_id) {
            host.set_clock_offset(offset_ms);
        }
    }

    /// What a host's agent says to keep of one of its streams.
    pub fn buffered(&self, host_id: &str, stream: [u8; 16], buffered: Buffered) {
        if let Some(host) = self.by_id(host_id) {
            host.set_buffered(stream, buffered);
        }
    }

    /// A host's agent says anew what it keeps.
    pub fn nothing_buffered(&self, host_id: &str) {
        if let Some(host) = self.by_id(host_id) {
            host.nothing_buffered();
        }
    }

    /// The agent of this host is gone. The host stays, with what was last known.
    pub fn disconnected(&self, host_id: &str) {
        if let Some(host) = self.by_id(host_id) {
            host.disconnected();
            self.send(LiveEventKind::Disconnected, host);
        }
    }

    /// Forgets a host that was taken out of the inventory, and has its agent's stream ended.
    pub fn remove(&self, host_id: &str) {
        let removed = self.write().remove(host_id);
        if let Some(host) = removed {
            host.disconnected();
            host.removed().cancel();
            self.send(LiveEventKind::Removed, host);
        }
        self.inner.conflicts.forget(host_id);
        self.inner.coverages.forget(host_id);
    }

    /// A host is called otherwise from now on. Its agent's stream goes on under the old name until it is ended.
    pub fn rename(&self, key: &HostKey) {
        let Some(before) = self.by_id(&key.id).filter(|host| host.key().name != key.name) else { return };
        let renamed = {
            let mut hosts = self.write();
            hosts.remove(&key.id);
            hosts.add(Arc::new(before.renamed(key.clone())))
        };
        self.send(LiveEventKind::Renamed, renamed);
    }

    /// Takes the tags that were set of all hosts, as the catalog has them; hosts without any are left out.
    pub fn take_tags(&self, tags: HashMap<String, Vec<String>>) {
        let mut changed = Vec::new();
        {
            let mut hosts = self.write();
            hosts.own_tags = tags.into_iter().map(|(id, tags)| (id.into(), tags.into())).collect();
            for host in hosts.by_id.values() {
                if host.set_own_tags(hosts.tags_of(&host.key().id)) {
                    changed.push(Arc::clone(host));
                }
            }
        }
        changed.into_iter().for_each(|host| self.send(LiveEventKind::Tagged, host));
    }

    /// Machines that share one identity.
    pub fn conflicts(&self) -> &Conflicts {
        &self.inner.conflicts
    }

    /// Of which of the last day there are snapshots.
    pub fn coverages(&self) -> &Coverages {
        &self.inner.coverages
    }

    /// Takes in a snapshot; one that is not newer than the newest (backfill) changes nothing but that the
    /// host was heard of.
    pub fn snapshot(&self, key: &HostKey, snapshot: Arc<Snapshot>) {
        let Some(host) = self.by_id(&key.id) else { return };
        let now_ms = (self.inner.now)();
        if let Some(block) = snapshot.block(&tables::host::TABLE) {
            self.inner.coverages.add(&key.id, snapshot.time_ms, block.interval_ms, now_ms);
        }
        if host.add(snapshot, now_ms) {
            self.send(LiveEventKind::Snapshot, host);
        }
    }

    /// All hosts that connected since the start, in no order.
    pub fn hosts(&self) -> Vec<Arc<LiveHost>> {
        self.read().by_id.values().cloned().collect()
    }

    /// The host with this name or id; where one host's name is another's id, the name counts.
    pub fn host(&self, name_or_id: &str) -> Option<Arc<LiveHost>> {
        let hosts = self.read();
        let id = hosts.id_by_name.get(name_or_id).map_or(name_or_id, |id| id);
        hosts.by_id.get(id).cloned()
    }

    /// What happens from now on. A subscriber that is too slow misses events and is told so.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<LiveEvent>> {
        self.inner.events.subscribe()
    }

    fn by_id(&self, host_id: &str) -> Option<Arc<LiveHost>> {
        self.read().by_id.get(host_id).cloned()
    }

    fn send(&self, kind: LiveEventKind, host: Arc<LiveHost>) {
        // Fails when nobody listens, which is fine.
        drop(self.inner.events.send(Arc::new(LiveEvent { kind, host })));
    }

    // No code panics while it holds the lock; were it to, the maps would still be whole.
    fn read(&self) -> RwLockReadGuard<'_, Hosts> {
        self.inner.hosts.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Hosts> {
        self.inner.hosts.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hosts {
    fn insert(&mut self, key: &HostKey) -> Arc<LiveHost> {
        self.id_by_name.insert(Arc::clone(&key.name), Arc::clone(&key.id));
        let own_tags = self.tags_of(&key.id);
        let host = self.by_id.entry(Arc::clone(&key.id));
        Arc::clone(host.or_insert_with(|| Arc::new(LiveHost::new(key.clone(), own_tags))))
    }

    fn tags_of(&self, host_id: &str) -> Arc<[String]> {
        self.own_tags.get(host_id).map(Arc::clone).unwrap_or_default()
    }

    fn add(&mut self, host: Arc<LiveHost>) -> Arc<LiveHost> {
        let key = host.key().clone();
        self.id_by_name.insert(key.name, Arc::clone(&key.id));
        self.by_id.insert(key.id, Arc::clone(&host));
        host
    }

    fn remove(&mut self, host_id: &str) -> Option<Arc<LiveHost>> {
        let host = self.by_id.remove(host_id)?;
        self.id_by_name.remove(&host.key().name);
        Some(host)
    }
}

/// How far back a process's latest row may be: an idle process has one each minute, and one may be late.
const PROCESS_WINDOW_MS: i64 = 75_000;

/// Snapshots kept per host whatever their times say: at the shortest interval (1 s) the window needs 76.
const SNAPSHOTS: usize = 80;

/// The newest snapshots of one host.
#[derive(Default)]
struct Window {
    /// Oldest first.
    snapshots: VecDeque<Arc<Snapshot>>,
    /// The newest snapshot that has a block of the table, by position in [`tables::ALL`]: some tables come
    /// with every snapshot, some once a minute.
    by_table: [Option<Arc<Snapshot>>; TABLES],
}

const TABLES: usize = 16;

impl Window {
    fn newest(&self) -> Option<&Arc<Snapshot>> {
        self.snapshots.back()
    }

    /// Adds a snapshot that is newer than all others; `false`, and nothing changes, when it is not.
    fn add(&mut self, snapshot: Arc<Snapshot>) -> bool {
        if self.newest().is_some_and(|newest| snapshot.time_ms <= newest.time_ms) {
            return false;
        }
        for (slot, table) in self.by_table.iter_mut().zip(tables::ALL) {
            if snapshot.block(table).is_some_and(|block| !block.is_empty()) {
                *slot = Some(Arc::clone(&snapshot));
            }
        }
        let oldest_ms = snapshot.time_ms.saturating_sub(PROCESS_WINDOW_MS);
        while self.snapshots.len() >= SNAPSHOTS
            || self.snapshots.front().is_some_and(|oldest| oldest.time_ms < oldest_ms)
        {
            self.snapshots.pop_front();
        }
        self.snapshots.push_back(snapshot);
        true
    }

    fn block_of(&self, table: &Table) -> Option<(&Snapshot, &Block)> {
        let position = tables::ALL.iter().position(|known| known.id == table.id)?;
        let snapshot = self.by_table.get(position)?.as_deref()?;
        Some((snapshot, snapshot.block(table)?))
    }
}

#[cfg(test)]
mod tests;
