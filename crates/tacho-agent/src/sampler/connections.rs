//! TCP connections and what they carried, and who listens.
//!
//! All sockets of this network namespace are asked of the kernel at once; on a host with very many of them, or
//! with next to no traffic, less often than at every snapshot: the kernel walks a table that is sized by the
//! machine's memory, whatever is in it. Sockets for datagrams, and while all is quiet those that listen, are asked for
//! every fifteen seconds. Of connections those get a row that carried most bytes since the look before.
//! What connections carried is also summed up for the processes that hold them, for hosts where nothing better
//! tells what a process sends and receives. A connection that begins and ends between two looks is not seen, and
//! the kernel counts no bytes of UDP sockets.

mod listeners;
mod owners;
mod source;
mod top;
mod tracker;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use tacho_bpf::Holders;
use tacho_model::tables::connection;
use tacho_model::{Block, IntegerColumn, Row, TextColumn};
use tacho_proc::{Buffer, TcpStates, tcp_state_name};

use super::processes::Processes;
use super::sockets::{Activity, may_rest};
use super::status::Status;
use super::traffic::Traffic;
use super::{SamplerConfig, Tick};
use listeners::Listeners;
use owners::{Owners, Wanted};
use source::{Scope, Source};
use top::{Candidate, Top};
use tracker::{Tracked, Tracker};

pub(super) use owners::Owner;

/// The kernel takes about a microsecond for a socket: so many a second are 0.4 % of a core.
const SOCKETS_PER_SECOND: u64 = 4000;

/// While next to nothing happens, listeners are looked at so often. Those for datagrams always are: they are in tables
/// of their own, one walk for each IP version.
const LISTENERS_PAUSE_US: u64 = 15_000_000;

/// With more sockets than this at the start, owners are looked for as their connections carry something.
const MOST_AT_FIRST: usize = 20_000;

/// Why owners are absent.
const OWNERS_DENIED: &str =
    "denied for some; those of other users take CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH";

#[derive(Debug)]
pub(super) struct Connections {
    source: Source,
    tracker: Tracker,
    top: Top,
    listeners: Listeners,
    owners: Owners,
    wanted: Wanted,
    due_us: u64,
    udp_due_us: u64,
    looked_us: Option<u64>,
    /// The newest look at listeners, with or without connections.
    listened_us: Option<u64>,
    /// What the host's TCP had done at the newest look.
    looked: Option<Activity>,
    /// A look was taken for the snapshot that is being taken, at listeners at least.
    has_looked: bool,
    /// Since the look before.
    interval_us: Option<u64>,
    listeners_interval_us: Option<u64>,
    process_bytes: Vec<ProcessBytes>,
    /// The kernel counts what connections carry.
    has_counters: bool,
    /// Owners that turned out to have ended.
    ended: Vec<u32>,
    text: String,
    pub(super) status: Status,
}

/// What others want of a look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand<'d> {
    /// What each process carried, from every connection that carried something.
    pub(super) processes: bool,
    /// How many TCP sockets there are in each state, if it costs little.
    pub(super) states: bool,
    /// What the host's TCP did since its boot.
    pub(super) activity: Option<Activity>,
    /// Processes whose sockets [`Holders`] does not know.
    pub(super) hidden: &'d [u32],
}

/// What the connections of one process carried since the look before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessBytes {
    pub(super) owner: Owner,
    pub(super) traffic: Traffic,
}

impl Connections {
    /// `holders` tells who holds sockets, where there is more than `/proc`.
    pub(super) fn new(config: &SamplerConfig, holders: Option<Holders>) -> Self {
        Self {
            source: Source::new(&config.proc_root),
            tracker: Tracker::default(),
            top: Top::new(config.connection_rows, config.connection_threshold),
            listeners: Listeners::new(config.listener_interval),
            owners: Owners::new(&config.proc_root, holders),
            wanted: HashMap::new(),
            due_us: 0,
            udp_due_us: 0,
            looked_us: None,
            listened_us: None,
            looked: None,
            has_looked: false,
            interval_us: None,
            listeners_interval_us: None,
            process_bytes: Vec::new(),
            has_counters: false,
            ended: Vec::new(),
            text: String::new(),
            status: Status::new("connection"),
        }
    }

    /// Looks at all sockets, if it is time, and finds the owners of those that matter. Answers how many there are in
    /// each state, if it came to that.
    pub(super) fn look(&mut self, tick: &Tick, demand: Demand<'_>, buffer: &mut Buffer) -> Option<TcpStates> {
        let Demand { processes: for_processes, states, activity, hidden } = demand;
        self.has_looked = false;
        self.process_bytes.clear();
        // A snapshot may come a little early.
        let soon_us = tick.now_us.saturating_add(tick.interval_us.unwrap_or(0) / 8);
        if self.due_us > soon_us {
            return None;
        }
        let may_rest = !for_processes && self.may_rest(soon_us, activity);
        let listeners_due_us = self.listened_us.unwrap_or(0).saturating_add(LISTENERS_PAUSE_US);
        if may_rest && soon_us < listeners_due_us {
            return None;
        }
        self.has_looked = true;
        let since = |looked: &mut Option<u64>| {
            looked.replace(tick.now_us).map(|looked| tick.now_us.saturating_sub(looked))
        };
        self.listeners_interval_us = since(&mut self.listened_us);
        self.forget_ended();
        let udp = self.udp_due_us <= soon_us;
        if udp {
            self.udp_due_us = tick.now_us.saturating_add(LISTENERS_PAUSE_US);
        }
        if may_rest {
            self.take_in(Scope { connections: false, states: false, udp }, false, buffer);
            self.find_owners(tick, hidden, false);
            return None;
        }
        self.interval_us = since(&mut self.looked_us);
        self.looked = activity;
        let connections = for_processes || self.top.limit() > 0;
        let scope = Scope { connections, states, udp };
        let (has_counters, states) = self.take_in(scope, for_processes, buffer);
        self.has_counters = has_counters;
        self.top.choose(self.interval_us);
        let pause_us = pause_us(self.tracker.len()).max(self.source.pause_us());
        self.due_us = tick.now_us.saturating_add(pause_us);
        self.find_owners(tick, hidden, for_processes);
        if for_processes && self.has_counters {
            self.sum_up();
        }
        states
    }

    fn may_rest(&self, until_us: u64, now: Option<Activity>) -> bool {
        self.looked_us.is_some_and(|looked_us| may_rest(self.looked, now, until_us.saturating_sub(looked_us)))
    }

    /// What processes received and sent over TCP, by pid; `None` when that is not known for this snapshot.
    pub(super) fn process_bytes(&self) -> Option<&[ProcessBytes]> {
        (self.has_looked && self.has_counters).then_some(self.process_bytes.as_slice())
    }

    /// The kernel tells what connections carry, though perhaps not at every snapshot.
    pub(super) fn has_counters(&self) -> bool {
        self.has_counters
    }

    /// Writes the rows. Of the processes it takes who lives, and their names.
    pub(super) fn write(
        &mut self,
        tick: &Tick,
        processes: &Processes,
        connections: &mut Block,
        listeners: &mut Block,
    ) {
        if !self.has_looked {
            return;
        }
        for (block, interval_us) in
            [(&mut *connections, self.interval_us), (&mut *listeners, self.listeners_interval_us)]
        {
            let interval_us = interval_us.unwrap_or(0);
            block.interval_ms = i64::try_from(interval_us.saturating_add(500) / 1000).unwrap_or(i64::MAX);
        }
        for bytes in &self.process_bytes {
            if processes.name_of(bytes.owner).is_none() {
                self.ended.push(bytes.owner.pid);
            }
        }
        for candidate in self.top.chosen() {
            let owner = self.tracker.get(candidate.record.cookie).and_then(|tracked| tracked.owner);
            let name = owner.and_then(|owner| processes.name_of(owner));
            if let (Some(owner), None) = (owner, &name) {
                self.ended.push(owner.pid);
            }
            let owner = owner.zip(name.as_deref());
            write_row(&mut self.text, candidate, owner, connections);
        }
        self.listeners.write(tick.now_us, |owner| processes.name_of(owner), listeners);
    }

    /// Asks for the sockets; answers whether their counters are known, and their states where they were asked for.
    fn take_in(
        &mut self,
        scope: Scope,
        for_processes: bool,
        buffer: &mut Buffer,
    ) -> (bool, Option<TcpStates>) {
        let Self { source, tracker, top, listeners, status, .. } = self;
        if scope.connections {
            tracker.begin();
        }
        top.begin();
        listeners.begin(scope.udp);
        let mut lacks_counters = false;
        let answer = source.read(scope, buffer, listeners, |record| {
            lacks_counters |= record.tcp.received_bytes.is_none();
            let Some(change) = tracker.note(record) else { return };
            top.offer(record, change);
            if for_processes && let Some(tracked) = tracker.get_mut(record.cookie) {
                tracked.unclaimed.add(change.traffic);
            }
        });
        if scope.connections {
            tracker.end(answer.is_complete);
        }
        answer.tell(scope, status);
        let too_many = [
            ("connections beyond the first 200000", tracker.left_some_out()),
            ("listeners beyond the first 4096", listeners.left_some_out()),
        ];
        for (reading, left_some_out) in too_many {
            status.set_absent(reading, left_some_out.then_some("too many"));
        }
        if scope.connections {
            // Linux 4.1 brought them.
            status.set_absent("rx_bytes, tx_bytes", lacks_counters.then_some("not on this kernel"));
        }
        (answer.has_counters && !lacks_counters, answer.states)
    }

    fn find_owners(&mut self, tick: &Tick, hidden: &[u32], for_processes: bool) {
        let Self { tracker, top, listeners, owners, wanted, .. } = self;
        wanted.clear();
        wanted.extend(listeners.unowned().map(|inode| (inode, None)));
        for candidate in top.chosen() {
            let tracked = tracker.get(candidate.record.cookie);
            let unowned = tracked.filter(|tracked| tracked.owner.is_none() && tracked.inode != 0);
            wanted.extend(unowned.map(|tracked| (tracked.inode, None)));
        }
        // The first search goes through all processes in any case.
        let wants_all = self.interval_us.is_none() && tracker.len() <= MOST_AT_FIRST;
        if for_processes || wants_all {
            let unowned = tracker.iter_mut().filter(|tracked| tracked.owner.is_none() && tracked.inode != 0);
            let matters = |tracked: &&mut Tracked| wants_all || tracked.unclaimed != Traffic::default();
            wanted.extend(unowned.filter(matters).map(|tracked| (tracked.inode, None)));
        }
        owners.search(tick, hidden, wanted);
        let owner_of = |inode: u64| wanted.get(&inode).copied().flatten();
        listeners.set_owners(owner_of);
        if wanted.values().any(Option::is_some) {
            for tracked in tracker.iter_mut().filter(|tracked| tracked.owner.is_none()) {
                tracked.owner = owner_of(tracked.inode);
            }
        }
        self.status.set_absent("pid, name", owners.is_denied().then_some(OWNERS_DENIED));
    }

    /// Gives the owners what their connections carried. What is nobody's as far as can be seen is forgotten.
    fn sum_up(&mut self) {
        let Self { tracker, owners, process_bytes, .. } = self;
        for tracked in tracker.iter_mut().filter(|tracked| tracked.unclaimed != Traffic::default()) {
            match tracked.owner {
                Some(owner) => {
                    let traffic = std::mem::take(&mut tracked.unclaimed);
                    process_bytes.push(ProcessBytes { owner, traffic });
                }
                None if owners.is_missed(tracked.inode) || tracked.inode == 0 => {
                    tracked.unclaimed = Traffic::default();
                }
                None => {}
            }
        }
        process_bytes.sort_unstable_by_key(|bytes| (bytes.owner.pid, bytes.owner.found_us));
        process_bytes.dedup_by(|next, kept| {
            let is_same = next.owner.pid == kept.owner.pid;
            if is_same {
                kept.traffic.add(next.traffic);
                kept.owner.found_us = next.owner.found_us;
            }
            is_same
        });
    }

    fn forget_ended(&mut self) {
        if self.ended.is_empty() {
            return;
        }
        for tracked in self.tracker.iter_mut() {
            tracked.owner = tracked.owner.filter(|owner| !self.ended.contains(&owner.pid));
        }
        self.ended.clear();
    }
}

/// How long to wait after a look at so many sockets.
fn pause_us(sockets: usize) -> u64 {
    (sockets as u64).saturating_mul(1_000_000) / SOCKETS_PER_SECOND
}

fn write_row(text: &mut String, candidate: &Candidate, owner: Option<(Owner, &str)>, block: &mut Block) {
    let Candidate { record, change } = candidate;
    let mut row = block.push();
    row.text(connection::PROTOCOL, "tcp");
    write_endpoint(text, record.local, (connection::LOCAL_ADDRESS, connection::LOCAL_PORT), &mut row);
    write_endpoint(text, record.remote, (connection::REMOTE_ADDRESS, connection::REMOTE_PORT), &mut row);
    if let Some((owner, name)) = owner {
        row.integer(connection::PID, owner.pid.into()).text(connection::NAME, name);
    }
    if let Some(state) = tcp_state_name(record.state) {
        row.text(connection::STATE, state);
    }
    row.unsigned(connection::RX_BYTES, change.traffic.rx_bytes)
        .unsigned(connection::TX_BYTES, change.traffic.tx_bytes)
        .unsigned(connection::RETRANSMITS, change.retransmits)
        .optional(connection::RTT_US, record.tcp.rtt_us.map(u64::from));
}

fn write_endpoint(
    text: &mut String,
    endpoint: SocketAddr,
    (address, port): (TextColumn, IntegerColumn),
    row: &mut Row<'_>,
) {
    text.clear();
    // Writing to a String cannot fail.
    write!(text, "{}", endpoint.ip()).ok();
    row.text(address, text).integer(port, endpoint.port().into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_very_many_connections_is_looked_at_less_often() {
        let interval_us = 5_000_000;
        assert!(pause_us(20_000) <= interval_us, "at each snapshot");
        assert!(pause_us(30_000) > interval_us + interval_us / 8, "at every second one");
        assert!(pause_us(tracker::MAX_SOCKETS) <= 60_000_000);
    }
}
