//! Which processes get a row, and what stands in it.

use std::time::Duration;

use tacho_bpf::ExitStatus;
use tacho_model::tables::{host, process};
use tacho_model::{Block, Row};
use tacho_proc::ProcessIo;

use super::super::Tick;
use super::super::traffic::Traffic;
use super::Output;
use super::ended::Ended;
use super::entry::Entry;
use super::exits::Ends;
use super::identity::Identities;
use super::source::ProcessSource;
use super::usage::{CpuTime, Usage};

/// A change of resident memory earns a row from this size, and from this part of what the last row said.
const NOTABLE_BYTES: u64 = 1 << 20;
const NOTABLE_PART: u64 = 16;

/// Rows of processes that did nothing are spread over the interval in so many steps.
const SPREAD: u64 = 12;

/// Chooses and writes rows.
#[derive(Debug)]
pub(super) struct Rows {
    limit: usize,
    idle_interval_us: u64,
    candidates: Vec<Candidate>,
}

/// All there is to tell of.
pub(super) struct Population<'p> {
    pub(super) entries: &'p mut [Entry],
    pub(super) ended: &'p mut [Ended],
    /// CPU time of processes that no snapshot saw.
    pub(super) unseen: CpuTime,
    /// Where ends are told one by one.
    pub(super) ends: Option<Ends>,
    /// Processes of which nothing could be read.
    pub(super) unreadable: u64,
}

/// What the newest row of a process said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LastRow {
    /// When the next one is due even if nothing happens.
    due_us: u64,
    rss_bytes: u64,
    state: u8,
}

/// A process that could have a row. Ordered by importance, the first field first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    cpu_us: u64,
    disk_bytes: u64,
    network_bytes: u64,
    rss_bytes: u64,
    pid: u32,
    position: usize,
    is_ended: bool,
}

/// Sums over processes.
#[derive(Debug, Default)]
struct Sum {
    processes: u64,
    threads: u64,
    rss_bytes: u64,
    swap_bytes: Option<u64>,
    cpu: CpuTime,
    major_faults: u64,
    disk: Option<ProcessIo>,
    network: Option<Traffic>,
}

impl Rows {
    pub(super) fn new(limit: usize, idle_interval: Duration) -> Self {
        let idle_interval_us = u64::try_from(idle_interval.as_micros()).unwrap_or(u64::MAX);
        Self { limit, idle_interval_us, candidates: Vec::new() }
    }

    /// Whether a row is due by `until_us` even if nothing happened.
    pub(super) fn is_due(&self, entry: &Entry, until_us: u64) -> bool {
        entry.row.due_us <= until_us
    }

    pub(super) fn write(
        &mut self,
        tick: &Tick,
        population: Population<'_>,
        identities: &mut Identities,
        source: &mut ProcessSource,
        out: &mut Output<'_, '_>,
    ) {
        let Population { entries, ended, unseen, ends, unreadable } = population;
        self.choose(tick, entries, ended);
        for candidate in &self.candidates {
            if candidate.is_ended {
                let Some(ended) = ended.get_mut(candidate.position) else { continue };
                let id = match (ended.known.id(), &ended.end) {
                    (_, Some(end)) => {
                        let parent = entries.binary_search_by_key(&end.parent, |entry| entry.pid).ok();
                        let parent = parent.and_then(|parent| entries.get(parent));
                        identities.id_at_end(&mut ended.known, end, parent, out)
                    }
                    (Some(id), None) => id,
                    (None, None) => continue,
                };
                (ended.has_row, ended.last_id) = (true, Some(id));
                out.processes.push(id);
                write_ended(ended, out.block);
            } else {
                let Some(entry) = entries.get_mut(candidate.position) else { continue };
                entry.has_row = true;
                let id = identities.id_of(entry, tick.now_us, source, out);
                out.processes.push(id);
                let open_files = entry.count_open_files(source);
                write_alive(entry, open_files, out.block);
                entry.row = self.last_row(entry, tick);
            }
        }
        let (mut total, mut other) = (Sum::default(), Sum::default());
        for sum in [&mut total, &mut other] {
            sum.processes = unreadable;
            sum.cpu = unseen;
        }
        for entry in entries.iter() {
            total.add(entry);
            if !entry.has_row {
                other.add(entry);
            }
        }
        for ended in ended.iter() {
            total.add_usage(ended.usage.as_ref());
            if !ended.has_row {
                other.add_usage(ended.usage.as_ref());
            }
        }
        out.processes.push(0);
        other.write_row(tick, out.block);
        total.write_host(tick, out.host);
        if let Some(ends) = ends.filter(|_| tick.interval_us.is_some()) {
            out.host
                .unsigned(host::PROCESSES_ENDED, ends.told)
                .unsigned(host::PROCESSES_ENDED_UNSEEN, ends.lost);
        }
    }

    fn choose(&mut self, tick: &Tick, entries: &mut [Entry], ended: &[Ended]) {
        let until_us = due_until_us(tick);
        self.candidates.clear();
        let alive = entries.iter().enumerate().filter(|(_, entry)| earns_row(entry, until_us));
        let candidates = &mut self.candidates;
        // Only who has been told of, or is told of by its end, can be told to have ended.
        let gone = ended.iter().enumerate();
        let gone =
            gone.filter(|(_, ended)| !ended.waits && (ended.known.id().is_some() || ended.end.is_some()));
        candidates.extend(alive.map(|(position, entry)| {
            Candidate::new(position, entry.pid, entry.usage.as_ref()).with_memory(entry.memory.rss_bytes)
        }));
        candidates.extend(gone.map(|(position, ended)| Candidate {
            is_ended: true,
            ..Candidate::new(position, ended.pid, ended.usage.as_ref())
        }));
        if candidates.len() > self.limit {
            candidates.select_nth_unstable_by(self.limit, |a, b| b.cmp(a));
            // Were those left out due again at once, all of a crowd would be read in every snapshot.
            for left_out in candidates.drain(self.limit..).filter(|candidate| !candidate.is_ended) {
                let Some(entry) = entries.get_mut(left_out.position) else { continue };
                if entry.row.due_us <= until_us {
                    entry.row.due_us = tick.now_us.saturating_add(turn_us(self.idle_interval_us, entry.pid));
                }
            }
        }
        candidates.sort_unstable_by_key(|candidate| (candidate.pid, !candidate.is_ended));
    }

    fn last_row(&self, entry: &Entry, tick: &Tick) -> LastRow {
        // Those known from the start would else all come at once, again and again.
        let wait_us = match tick.interval_us {
            Some(_) => self.idle_interval_us,
            None => turn_us(self.idle_interval_us, entry.pid),
        };
        LastRow {
            due_us: tick.now_us.saturating_add(wait_us),
            rss_bytes: entry.memory.rss_bytes,
            state: entry.reading.state,
        }
    }
}

/// Rows due by then are due now: one that comes half an interval early keeps to its interval better than one that is
/// as late.
pub(super) fn due_until_us(tick: &Tick) -> u64 {
    tick.now_us.saturating_add(tick.interval_us.unwrap_or(0) / 2)
}

/// In how long a process has its turn, in step with those in which resting processes are read.
fn turn_us(idle_interval_us: u64, pid: u32) -> u64 {
    idle_interval_us / SPREAD * (SPREAD - u64::from(pid) % SPREAD)
}

/// It did something, became another, or has not been told of for a while.
fn earns_row(entry: &Entry, until_us: u64) -> bool {
    let last = &entry.row;
    let notable = NOTABLE_BYTES.max(last.rss_bytes / NOTABLE_PART);
    entry.is_new
        || last.due_us <= until_us
        || entry.usage.is_some_and(|usage| usage.is_anything())
        || entry.memory.rss_bytes.abs_diff(last.rss_bytes) >= notable
        || state_class(entry.reading.state) != state_class(last.state)
}

/// Running, sleeping and idle are one: which of them a process is in at an instant says nothing.
fn state_class(state: u8) -> u8 {
    if matches!(state, b'R' | b'I') { b'S' } else { state }
}

impl Candidate {
    fn new(position: usize, pid: u32, usage: Option<&Usage>) -> Self {
        let disk = usage.and_then(|usage| usage.disk).unwrap_or_default();
        Self {
            cpu_us: usage.map_or(0, |usage| usage.cpu.total_us()),
            disk_bytes: disk.read_bytes.saturating_add(disk.write_bytes),
            network_bytes: usage.and_then(|usage| usage.network).unwrap_or_default().total_bytes(),
            rss_bytes: 0,
            pid,
            position,
            is_ended: false,
        }
    }

    fn with_memory(self, rss_bytes: u64) -> Self {
        Self { rss_bytes, ..self }
    }
}

fn write_alive(entry: &Entry, open_files: Option<u64>, block: &mut Block) {
    let mut row = block.push();
    write_state(entry.reading.state, &mut row);
    row.unsigned(process::THREADS, entry.reading.threads)
        .unsigned(process::RSS_BYTES, entry.memory.rss_bytes)
        .optional(process::SWAP_BYTES, entry.memory.swap_bytes)
        .optional(process::OPEN_FILES, open_files)
        .integer(process::PROCESSES, 1);
    if let Some(usage) = &entry.usage {
        write_usage(usage, &mut row);
        row.unsigned(process::PAGE_FAULTS_MAJOR, usage.major_faults);
    }
}

/// It holds nothing any more, and is not among the living.
fn write_ended(ended: &Ended, block: &mut Block) {
    let mut row = block.push();
    write_state(b'X', &mut row);
    row.integer(process::PROCESSES, 0);
    if let Some(usage) = &ended.usage {
        write_usage(usage, &mut row);
    }
    let Some(end) = &ended.end else { return };
    match end.status {
        ExitStatus::Code(code) => row.integer(process::EXIT_CODE, i64::from(code)),
        ExitStatus::Signal(signal) => row.integer(process::EXIT_SIGNAL, i64::from(signal)),
    };
    row.unsigned(process::LIFETIME_US, end.lifetime_us);
}

fn write_state(state: u8, row: &mut Row<'_>) {
    if state.is_ascii_alphabetic() {
        row.text(process::STATE, char::from(state).encode_utf8(&mut [0; 4]));
    }
}

fn write_usage(usage: &Usage, row: &mut Row<'_>) {
    row.unsigned(process::CPU_USER_US, usage.cpu.user_us)
        .unsigned(process::CPU_SYSTEM_US, usage.cpu.system_us)
        .optional(process::DISK_READ_BYTES, usage.disk.map(|disk| disk.read_bytes))
        .optional(process::DISK_WRITE_BYTES, usage.disk.map(|disk| disk.write_bytes))
        .optional(process::NET_RX_BYTES, usage.network.map(|network| network.rx_bytes))
        .optional(process::NET_TX_BYTES, usage.network.map(|network| network.tx_bytes));
}

impl Sum {
    fn add(&mut self, entry: &Entry) {
        self.processes += 1;
        self.threads = self.threads.saturating_add(entry.reading.threads);
        self.rss_bytes = self.rss_bytes.saturating_add(entry.memory.rss_bytes);
        super::super::delta::add(&mut self.swap_bytes, entry.memory.swap_bytes);
        self.add_usage(entry.usage.as_ref());
    }

    fn add_usage(&mut self, usage: Option<&Usage>) {
        let Some(usage) = usage else { return };
        self.cpu.add(usage.cpu);
        self.major_faults = self.major_faults.saturating_add(usage.major_faults);
        if let Some(disk) = usage.disk {
            let sum = self.disk.get_or_insert_default();
            sum.read_bytes = sum.read_bytes.saturating_add(disk.read_bytes);
            sum.write_bytes = sum.write_bytes.saturating_add(disk.write_bytes);
        }
        if let Some(network) = usage.network {
            self.network.get_or_insert_default().add(network);
        }
    }

    fn write_row(&self, tick: &Tick, block: &mut Block) {
        let mut row = block.push();
        row.unsigned(process::THREADS, self.threads)
            .unsigned(process::RSS_BYTES, self.rss_bytes)
            .optional(process::SWAP_BYTES, self.swap_bytes)
            .unsigned(process::PROCESSES, self.processes);
        if tick.interval_us.is_some() {
            let Self { cpu, major_faults, disk, network, .. } = *self;
            write_usage(&Usage { cpu, major_faults, disk, network }, &mut row);
            row.unsigned(process::PAGE_FAULTS_MAJOR, self.major_faults);
        }
    }

    fn write_host(&self, tick: &Tick, row: &mut Row<'_>) {
        row.unsigned(host::PROCESSES, self.processes).unsigned(host::PROCESSES_RSS_BYTES, self.rss_bytes);
        if tick.interval_us.is_some() {
            row.unsigned(host::PROCESSES_CPU_USER_US, self.cpu.user_us)
                .unsigned(host::PROCESSES_CPU_SYSTEM_US, self.cpu.system_us)
                .optional(host::PROCESSES_DISK_READ_BYTES, self.disk.map(|disk| disk.read_bytes))
                .optional(host::PROCESSES_DISK_WRITE_BYTES, self.disk.map(|disk| disk.write_bytes))
                .optional(host::PROCESSES_NET_RX_BYTES, self.network.map(|network| network.rx_bytes))
                .optional(host::PROCESSES_NET_TX_BYTES, self.network.map(|network| network.tx_bytes));
        }
    }
}
