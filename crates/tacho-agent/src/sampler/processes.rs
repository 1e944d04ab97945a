//! Every process: who it is, what it used since the snapshot before, what it holds now.
//!
//! A process that did nothing in its last readings is read less often, in turn with others like it; what
//! it uses is never lost, as the next reading shows it, and a host that is busier than its processes account
//! for has them all read at once. A process is its pid and start time: a pid in use again is another one.
//!
//! Rows and the `other` row add up to what all processes used. What children used that ended between two
//! snapshots is known from their parents ([`ended`]).

mod ended;
mod entry;
mod exits;
mod identity;
mod memory;
mod rows;
mod source;
mod threads;
mod usage;

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tacho_model::{Block, ProcessIdentity, Row};
use tacho_proc::ProcError;

use super::connections::{Owner, ProcessBytes};
use super::status::Status;
use super::ways::{ExitSource, ExitsChoice, NetworkChoice, NetworkSource, Ways};
use super::{SamplerConfig, Tick};
use ended::Ended;
use entry::{Entry, Moment};
use exits::{Ends, Exits};
use identity::Identities;
use rows::Rows;
use source::ProcessSource;
use threads::ThreadEnds;
use usage::CpuTime;

/// Processes that are told apart; more than these count in the `other` row without their usage.
const MAX_ENTRIES: usize = 65_536;

/// A process is read at least at every so many snapshots.
const LONGEST_REST_SAMPLES: u64 = 8;

/// A row that is due by half an interval from now is due now; intervals are taken to be no longer than this.
const LONGEST_INTERVAL_US: u64 = 30_000_000;

/// A host busier than its processes account for by this share of a core, and of its own business, has a
/// process that woke up unread. The kernel counts the host by ticks and processes exactly, so the two never
/// agree to the last.
const UNACCOUNTED_CORE_SHARE: u64 = 25;
const UNACCOUNTED_BUSY_SHARE: u64 = 50;

/// What is missing where network use comes from connections.
const NETWORK_OF_CONNECTIONS: &str =
    "TCP only, from socket diagnostics; connections that close between two looks are missing";

/// What is other than what a process sends and receives where packets are counted.
const NETWORK_OF_PACKETS: &str =
    "payload of packets: what arrives counts whether or not it is read, what is sent as it leaves";

const NETWORK_NOT_TOLD: &str = "told by BPF on Linux 6.3 and later, else by socket diagnostics";
const NETWORK_NOT_WANTED: &str = r#"the settings say network = "none""#;

/// A process may start while its snapshot is taken.
const STARTED_SINCE_US: u64 = 1_000_000;

const TOO_MANY_ENDS: &str = "too many at once; counted in processes_ended_unseen";

/// Why disk use of some processes is absent.
const DISK_DENIED: &str =
    "denied for some processes; those of other users take CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH";

#[derive(Debug)]
pub(super) struct Processes {
    source: ProcessSource,
    identities: Identities,
    rows: Rows,
    /// Sorted by pid.
    entries: Vec<Entry>,
    ended: Vec<Ended>,
    exits: Exits,
    pids: Vec<u32>,
    /// As of the newest list of pids, read before it.
    listed_at: Option<(u64, u64)>,
    fresh_pids: Vec<u32>,
    /// Processes that are there and can not be read.
    unreadable: u64,
    ways: Ways,
    network: NetworkChoice,
    longest_rest_us: u64,
    pub(super) status: Status,
}

/// What other collectors found that this one needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'s> {
    /// CPU time that the host's programs used since the snapshot before.
    pub(super) busy_us: Option<u64>,
    /// Swap in use; with none in use no process is asked for its own.
    pub(super) swap_used_bytes: Option<u64>,
    /// Threads made since boot, and threads there are. While neither changes nothing came or went.
    pub(super) comings_and_goings: Option<(u64, u64)>,
    /// What the connections of processes carried, by pid.
    pub(super) network: Option<&'s [ProcessBytes]>,
    /// That is known, though perhaps not at every snapshot.
    pub(super) has_network: bool,
}

/// Where the readings go.
pub(super) struct Output<'o, 'b> {
    pub(super) host: &'o mut Row<'b>,
    pub(super) block: &'o mut Block,
    pub(super) processes: &'o mut Vec<u32>,
    pub(super) new_identities: &'o mut Vec<(u32, Arc<ProcessIdentity>)>,
    pub(super) retired: &'o mut Vec<u32>,
}

impl Processes {
    pub(super) fn new(config: &SamplerConfig, open_files: u64) -> io::Result<Self> {
        let (source, mut ways) = ProcessSource::open(config, open_files)?;
        let exits = Exits::new(listen(config, &mut ways));
        let mut status = Status::new("process");
        status.remarks.extend(ways.refusals.iter().cloned());
        Ok(Self {
            source,
            identities: Identities::new(config),
            rows: Rows::new(config.process_rows, config.idle_process_interval),
            entries: Vec::new(),
            ended: Vec::new(),
            exits,
            pids: Vec::new(),
            listed_at: None,
            fresh_pids: Vec::new(),
            unreadable: 0,
            ways,
            network: config.network,
            longest_rest_us: u64::try_from(config.longest_rest.as_micros()).unwrap_or(u64::MAX),
            status,
        })
    }

    /// What tells who holds sockets, where there is more than `/proc`.
    pub(super) fn take_holders(&mut self) -> Option<tacho_bpf::Holders> {
        self.source.take_holders()
    }

    /// Processes that [`tacho_bpf::Holders`] does not know.
    pub(super) fn hidden(&self) -> &[u32] {
        self.source.hidden()
    }

    /// How processes are read.
    pub(super) fn ways(&self) -> &Ways {
        &self.ways
    }

    pub(super) fn collect(&mut self, tick: &Tick, surroundings: Surroundings<'_>, out: &mut Output<'_, '_>) {
        let heard = self.exits.hear();
        self.status.note("ends of processes", heard);
        self.ask(tick);
        if self.list(surroundings.comings_and_goings).is_none() {
            return;
        }
        if self.pids.first() == Some(&1) {
            self.status.present("processes of other users");
        } else {
            self.status.absent("processes of other users", "hidden from the agent's user");
        }
        let moment = Moment { tick: *tick, swap_used_bytes: surroundings.swap_used_bytes };
        self.start(&moment);
        self.read_due(&moment);
        self.read_new(&moment);
        if self.is_unaccounted(tick, surroundings.busy_us) {
            self.fresh_pids.clear();
            self.read_where(&moment, |entry| !entry.is_read);
            self.read_new(&moment);
        }
        self.bury(false);
        let (ends, unseen) = self.take_ends(&moment);
        self.check_identities(&moment);
        self.take_network(&surroundings);
        let population = rows::Population {
            entries: &mut self.entries,
            ended: &mut self.ended,
            unseen,
            ends,
            unreadable: self.unreadable,
        };
        self.rows.write(tick, population, &mut self.identities, &mut self.source, out);
        self.note_denied();
        let told = self.ended.extract_if(.., |ended| !ended.waits);
        out.retired.extend(told.filter_map(|ended| ended.last_id.or(ended.known.id())));
    }

    /// Brings the ends that were told to their processes. Answers how many there were, where they are told, and
    /// the CPU time of processes that no snapshot saw.
    fn take_ends(&mut self, moment: &Moment) -> (Option<Ends>, CpuTime) {
        let Self { exits, source, entries, ended, pids, status, .. } = self;
        let (ends, unseen) = if exits.are_heard() {
            status.note("ends of processes", exits.hear());
            let ends = exits.settle_heard(moment, pids, entries, ended);
            (ends, ended::settle(entries, ended, moment.tick.now_us))
        } else {
            match exits.collect(moment, source, entries, ended) {
                // What a parent inherits is nobody's news where every end is told.
                Some(ends) => (Some(ends), CpuTime::default()),
                None => (None, ended::settle(entries, ended, moment.tick.now_us)),
            }
        };
        let lost = ends.map_or(0, |ends| ends.lost);
        status.set_absent("some ends of processes", (lost > 0).then_some(TOO_MANY_ENDS));
        (ends, unseen)
    }

    /// Where those that rest are not told in full: what a row says of one that is due is as new as the row.
    fn ask(&mut self, tick: &Tick) {
        if !self.source.is_whole() {
            return;
        }
        let until_us = rows::due_until_us(tick);
        for entry in self.entries.iter().filter(|entry| self.rows.is_due(entry, until_us)) {
            self.source.ask(entry.pid);
        }
    }

    /// Lists the processes, unless the list can not have changed: making it is a third of the kernel's work for
    /// a snapshot in which most processes rest.
    fn list(&mut self, comings_and_goings: Option<(u64, u64)>) -> Option<()> {
        if !self.source.is_whole() && self.listed_at.is_some() && self.listed_at == comings_and_goings {
            return Some(());
        }
        self.listed_at = None;
        let listed = self.source.list(&mut self.pids);
        self.status.note("processes", listed)?;
        self.listed_at = comings_and_goings;
        Some(())
    }

    /// Compares the list with what is known: finds what ended and what is new.
    fn start(&mut self, moment: &Moment) {
        self.fresh_pids.clear();
        self.unreadable = 0;
        let mut listed = self.pids.iter().copied().peekable();
        for entry in &mut self.entries {
            entry.begin();
            while let Some(pid) = listed.next_if(|pid| *pid < entry.pid) {
                self.fresh_pids.push(pid);
            }
            entry.is_gone = listed.next_if_eq(&entry.pid).is_none();
        }
        self.fresh_pids.extend(listed);
        self.bury(true);
        if self.exits.are_heard() {
            self.exits.place_gone(moment, &self.pids, &mut self.entries, &mut self.ended);
        }
        self.wake(moment.rest(self.longest_rest_us));
    }

    /// Moves what has ended out of the entries. `by_list`: it was missing from the list of processes.
    fn bury(&mut self, by_list: bool) {
        let Self { entries, ended, source, .. } = self;
        ended.extend(entries.extract_if(.., |entry| entry.is_gone).map(|mut entry| {
            source.close(&mut entry.files);
            Ended::new(&mut entry, by_list)
        }));
    }

    /// Decides which entries are read: those awake, those whose turn it is, and the relatives of what ended,
    /// as a parent's counters take in a child's and orphans get another parent.
    fn wake(&mut self, rest: Rest) {
        if self.source.is_whole() {
            self.entries.iter_mut().for_each(|entry| (entry.is_due, entry.wants_io) = (true, true));
            return;
        }
        for entry in &mut self.entries {
            // What was heard to have ended may be another process by now.
            entry.must_be_read =
                entry.keeps_credit || entry.end.is_some() || self.rows.is_due(entry, rest.soon_us);
            entry.is_due = entry.must_be_read || !entry.is_still() || rest.is_turn_of(entry.pid);
        }
        if self.ended.is_empty() {
            return;
        }
        for ended in &self.ended {
            let ancestor = ended::living_ancestor(&self.ended, ended.parent);
            if let Ok(position) = self.entries.binary_search_by_key(&ancestor, |entry| entry.pid)
                && let Some(ancestor) = self.entries.get_mut(position)
            {
                (ancestor.is_due, ancestor.wants_io) = (true, true);
            }
        }
        let is_ended = |pid: u32| self.ended.binary_search_by_key(&pid, |ended| ended.pid).is_ok();
        for entry in self.entries.iter_mut().filter(|entry| is_ended(entry.reading.parent)) {
            (entry.is_due, entry.must_be_read) = (true, true);
        }
    }

    fn read_due(&mut self, moment: &Moment) {
        self.read_where(moment, |entry| entry.is_due);
    }

    fn read_where(&mut self, moment: &Moment, wanted: impl Fn(&Entry) -> bool) {
        for entry in self.entries.iter_mut().filter(|entry| !entry.is_gone && wanted(entry)) {
            match entry.read(moment, &mut self.source) {
                Ok(true) => {}
                Err(error) if !error.is_gone() => {
                    self.status.note("a process", Err::<(), ProcError>(error)).unwrap_or_default();
                }
                // Another process has the pid now; or may have, as a kept file is of the one it was opened for.
                Ok(false) | Err(_) => {
                    entry.is_gone = true;
                    self.fresh_pids.push(entry.pid);
                }
            }
        }
    }

    fn read_new(&mut self, moment: &Moment) {
        if self.fresh_pids.is_empty() {
            return;
        }
        // Those whose pid is in use again make room first.
        self.bury(false);
        let known = self.entries.len();
        for pid in &self.fresh_pids {
            if self.entries.len() >= MAX_ENTRIES {
                self.unreadable += 1;
                continue;
            }
            match Entry::first(*pid, moment, &mut self.source) {
                Ok(entry) => self.entries.push(entry),
                Err(error) if error.is_gone() => {}
                Err(error) => {
                    self.unreadable += 1;
                    self.status.note("a process", Err::<(), ProcError>(error)).unwrap_or_default();
                }
            }
        }
        if self.entries.len() > known {
            self.entries.sort_unstable_by_key(|entry| entry.pid);
        }
    }

    /// The host was clearly busier than the processes that were read.
    fn is_unaccounted(&self, tick: &Tick, busy_us: Option<u64>) -> bool {
        let (Some(busy_us), Some(interval_us)) = (busy_us, tick.interval_us) else { return false };
        let accounted: u64 = self.entries.iter().map(Entry::accounted_us).fold(0, u64::saturating_add);
        let slack = interval_us / UNACCOUNTED_CORE_SHARE + busy_us / UNACCOUNTED_BUSY_SHARE;
        busy_us.saturating_sub(accounted) > slack
    }

    /// Looks now and then whether a process changed its user or control group.
    fn check_identities(&mut self, moment: &Moment) {
        for entry in self.entries.iter_mut().filter(|entry| entry.check_due_us <= moment.tick.now_us) {
            self.identities.check(entry, moment.tick.now_us, &mut self.source);
        }
    }

    /// Whether network use has to come from connections.
    pub(super) fn wants_network(&self) -> bool {
        let is_counted = matches!(self.ways.network, NetworkSource::Tracepoint | NetworkSource::Cgroup);
        !is_counted && self.network.takes_connections()
    }

    /// Takes in what connections carried, sorted by pid. Who holds which can be told for the processes of this
    /// network whose files the agent may see; the others' use is unknown.
    fn take_network(&mut self, surroundings: &Surroundings<'_>) {
        if !self.wants_network() {
            return;
        }
        self.ways.network = if surroundings.has_network { NetworkSource::Diag } else { NetworkSource::None };
        let Some(network) = surroundings.network else { return };
        let mut network = network.iter().peekable();
        for entry in &mut self.entries {
            while network.next_if(|bytes| bytes.owner.pid < entry.pid).is_some() {}
            let bytes = network.next_if(|bytes| bytes.owner.pid == entry.pid);
            let own = bytes.filter(|bytes| is_owner(entry, bytes.owner)).map(|bytes| bytes.traffic);
            // Of another's process it would be known only while it uses the network.
            let shows_sockets = entry.shows_sockets(&mut self.source);
            if let Some(usage) = &mut entry.usage {
                usage.network = shows_sockets.then(|| own.unwrap_or_default());
            }
        }
    }

    /// The name of a process that lives and held a socket at some time.
    pub(super) fn name_of(&self, owner: Owner) -> Option<Cow<'_, str>> {
        let position = self.entries.binary_search_by_key(&owner.pid, |entry| entry.pid).ok()?;
        let entry = self.entries.get(position).filter(|entry| is_owner(entry, owner))?;
        Some(String::from_utf8_lossy(entry.reading.comm.as_bytes()))
    }

    fn note_denied(&mut self) {
        if self.entries.iter().any(|entry| entry.io.is_denied()) {
            self.status.absent("disk_read_bytes, disk_write_bytes", DISK_DENIED);
        } else {
            self.status.present("disk_read_bytes, disk_write_bytes");
        }
        if !self.source.tells_open_files() {
            self.status.absent("open_files", "not on this kernel");
        }
        match self.ways.network {
            NetworkSource::Tracepoint => {}
            NetworkSource::Diag => self.status.absent("net_rx_bytes, net_tx_bytes", NETWORK_OF_CONNECTIONS),
            NetworkSource::Cgroup => self.status.absent("net_rx_bytes, net_tx_bytes", NETWORK_OF_PACKETS),
            NetworkSource::None => {
                let is_wanted = self.network != NetworkChoice::None;
                let reason = if is_wanted { NETWORK_NOT_TOLD } else { NETWORK_NOT_WANTED };
                self.status.absent("net_rx_bytes, net_tx_bytes", reason);
            }
        }
        if self.unreadable == 0 {
            self.status.present("a process");
        }
    }
}

/// Begins to listen to ends where that is asked for, or the best there is.
fn listen(config: &SamplerConfig, ways: &mut Ways) -> Option<ThreadEnds> {
    let wanted = match config.exits {
        ExitsChoice::Auto => ways.exits == ExitSource::Parent,
        ExitsChoice::Taskstats => true,
        ExitsChoice::Bpf | ExitsChoice::Parent => false,
    };
    if config.exits == ExitsChoice::Bpf && ways.exits != ExitSource::Bpf {
        ways.refusals.push("ends of processes: not told by BPF, as the settings ask for".to_owned());
    }
    // The kernel knows nothing of another tree.
    if !wanted || config.proc_root != Path::new("/proc") {
        return None;
    }
    match ThreadEnds::open(&config.sys_root) {
        Ok(threads) => {
            ways.exits = ExitSource::Taskstats;
            Some(threads)
        }
        Err(refusal) => {
            tracing::info!(%refusal, "what processes used that ended is taken from their parents");
            ways.refusals.push(format!("ends of processes: {refusal}"));
            None
        }
    }
}

/// It is not another process with the same pid.
fn is_owner(entry: &Entry, owner: Owner) -> bool {
    entry.reading.start_us <= owner.found_us.saturating_add(STARTED_SINCE_US)
}

/// Whose turn it is among the processes that rest.
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// Rows due by then are due now.
    soon_us: u64,
    number: u64,
    every: u64,
}

impl Moment {
    fn rest(&self, longest_us: u64) -> Rest {
        let interval_us = self.tick.interval_us.unwrap_or(u64::MAX).max(1);
        let every = (longest_us / interval_us).clamp(1, LONGEST_REST_SAMPLES);
        let soon_us = self.tick.now_us.saturating_add(interval_us.min(LONGEST_INTERVAL_US) / 2);
        Rest { soon_us, number: self.tick.number, every }
    }
}

impl Rest {
    fn is_turn_of(self, pid: u32) -> bool {
        self.number.wrapping_add(u64::from(pid)).is_multiple_of(self.every)
    }
}
