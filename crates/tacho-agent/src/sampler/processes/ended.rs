//! Processes that ended since the snapshot before, and what they used at last.
//!
//! When a process is waited for, the kernel adds what it used in its whole life to its parent: CPU time to
//! counters of their own (`cutime`), disk use to the parent's own, where it would be counted twice. What was
//! counted for the process already is known from its last reading and is taken off. The rest of the CPU time
//! is what it used after that, and what children used that lived between two snapshots and were never seen.

use tacho_proc::ProcessIo;

use super::super::traffic::Traffic;
use super::entry::{Entry, Io, Moment, take_credit};
use super::exits::{End, Life, Waiting};
use super::identity::Known;
use super::source::Reading;
use super::usage::{CpuTime, Usage};

/// CPU time is told in ticks of 10 ms, user and system apart; so much is rounded away or there for nothing.
const SLACK_US: u64 = 20_000;

/// What may be missing of the CPU time that an ended thread told: a tick of the scheduler, at 100 Hz.
const UNTOLD_US: u64 = 10_000;

/// The kernel's first process inherits orphans.
const INIT: u32 = 1;

/// A process that ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) known: Known,
    /// The number of its last row.
    pub(super) last_id: Option<u32>,
    /// What it used after its last reading; absent when nobody waited for it.
    pub(super) usage: Option<Usage>,
    /// How it ended, where that is told.
    pub(super) end: Option<Box<End>>,
    pub(super) has_row: bool,
    reading: Reading,
    read_us: u64,
    alive_us: u64,
    io: Option<ProcessIo>,
    /// Disk use of its children that is in what was read.
    children_io: ProcessIo,
    peak_millicores: u64,
    /// CPU time of its children that was not passed on.
    left_behind: CpuTime,
    /// It was missing from the list, so its parent was read after its end; otherwise perhaps not.
    found_in_list: bool,
    /// Position of the process that waited for it.
    heir: Option<usize>,
    /// Its row comes with a later snapshot.
    pub(super) waits: bool,
    /// The snapshot from which on it waits for what is told of its end.
    waits_since_us: Option<u64>,
    /// What was used before its first reading is known to be none.
    is_counted: bool,
}

impl Ended {
    pub(super) fn new(entry: &mut Entry, found_in_list: bool) -> Self {
        let mut left_behind = entry.inherited.held;
        left_behind.add(entry.inherited.fresh);
        let io = match entry.io {
            Io::Known(io) => Some(io),
            Io::Unknown | Io::Denied => None,
        };
        Self {
            pid: entry.pid,
            parent: entry.reading.parent,
            known: std::mem::take(&mut entry.known),
            last_id: None,
            usage: None,
            end: entry.end.take(),
            has_row: false,
            reading: entry.reading,
            read_us: entry.read_us,
            alive_us: entry.life().alive_us,
            io,
            children_io: entry.children_io,
            peak_millicores: entry.peak_millicores,
            left_behind,
            found_in_list,
            heir: None,
            waits: false,
            waits_since_us: None,
            is_counted: true,
        }
    }

    /// One that no snapshot saw: all that it used comes with its end. What it used before the snapshot before,
    /// if it lived already and was not told apart, is not counted.
    pub(super) fn stranger(end: Box<End>, moment: &Moment) -> Self {
        let network = end.network.map(|_| Traffic::default());
        let nothing = Reading { start_us: end.start_us, network, ..Reading::default() };
        let (is_counted, waits_since_us) = (end.is_counted, end.waits_since_us);
        Self {
            pid: end.pid,
            parent: end.parent,
            known: Known::default(),
            last_id: None,
            usage: None,
            end: Some(end),
            has_row: false,
            reading: nothing,
            read_us: moment.tick.now_us,
            alive_us: moment.tick.now_us,
            io: Some(ProcessIo::default()),
            children_io: ProcessIo::default(),
            peak_millicores: 0,
            left_behind: CpuTime::default(),
            found_in_list: true,
            heir: None,
            waits: false,
            waits_since_us,
            is_counted,
        }
    }

    pub(super) fn key(&self) -> (u32, u64) {
        (self.pid, self.reading.start_us)
    }

    /// What the end says less what was told before. `false`: its row waits for a later snapshot.
    pub(super) fn settle_end(&mut self, waiting: &Waiting) -> bool {
        self.waits =
            !self.end.as_ref().is_some_and(|end| end.is_total) && waiting.goes_on(&mut self.waits_since_us);
        if self.waits {
            return false;
        }
        let Some(end) = self.end.as_ref() else { return true };
        if !self.is_counted {
            return true;
        }
        let before = self.reading.own();
        let disk = self.io.map(|io| ProcessIo {
            read_bytes: end.disk.read_bytes.saturating_sub(io.read_bytes),
            write_bytes: end.disk.write_bytes.saturating_sub(io.write_bytes),
        });
        self.usage = Some(Usage {
            cpu: end.cpu.kept_up_with(before).without(before),
            major_faults: end.major_faults.saturating_sub(self.reading.major_faults),
            disk,
            network: self.network_since(end),
        });
        true
    }

    /// The same where its threads were heard of; then what was seen of it is all that they told, and its parent
    /// has it. `false`: its end was not told.
    pub(super) fn settle_heard(&mut self) -> bool {
        let Some(end) = self.end.as_ref() else { return false };
        let before = self.reading.own();
        let cpu = end.cpu.kept_up_with(before);
        let of_children = self.children_io;
        let disk = self.io.map(|io| ProcessIo {
            read_bytes: end
                .disk
                .read_bytes
                .saturating_sub(io.read_bytes.saturating_sub(of_children.read_bytes)),
            write_bytes: end
                .disk
                .write_bytes
                .saturating_sub(io.write_bytes.saturating_sub(of_children.write_bytes)),
        });
        if self.is_counted {
            let major_faults = end.major_faults.saturating_sub(self.reading.major_faults);
            self.usage = Some(Usage { cpu: cpu.without(before), major_faults, disk, network: None });
        }
        (self.reading.user_us, self.reading.system_us) = (cpu.user_us, cpu.system_us);
        if let (Some(io), Some(disk)) = (&mut self.io, disk) {
            io.read_bytes = io.read_bytes.saturating_add(disk.read_bytes);
            io.write_bytes = io.write_bytes.saturating_add(disk.write_bytes);
        }
        true
    }

    pub(super) fn life(&self) -> Life {
        Life { start_us: self.reading.start_us, alive_us: self.alive_us }
    }

    /// Its threads were heard of.
    fn is_heard(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.heard.is_some())
    }

    /// Without the last word, sockets closed by the end may have been read already and not be in what it says.
    fn network_since(&self, end: &End) -> Option<Traffic> {
        let before = self.reading.network;
        let now = match end.is_total {
            true => end.network,
            false => end.network.zip(before).map(|(now, before)| now.larger(before)),
        };
        Traffic::grown(now, before)
    }

    /// All that it used of disks as far as it was seen.
    fn disk_bytes(&self) -> u64 {
        self.io.map_or(0, |io| io.read_bytes.saturating_add(io.write_bytes))
    }

    /// The most CPU time that it can have used since its last reading, by the pace it showed.
    fn unseen_limit_us(&self, now_us: u64) -> u64 {
        let elapsed_us = now_us.saturating_sub(self.read_us);
        let at_its_pace = elapsed_us.saturating_mul(self.peak_millicores) / 1000;
        at_its_pace.saturating_add(at_its_pace / 10).saturating_add(SLACK_US)
    }
}

/// The nearest process above `parent` that still lives, by pid. `ended` is sorted by pid.
pub(super) fn living_ancestor(ended: &[Ended], mut parent: u32) -> u32 {
    // A chain is no longer than there are links.
    for _ in 0..ended.len() {
        match ended.binary_search_by_key(&parent, |ended| ended.pid) {
            Ok(position) => parent = ended.get(position).map_or(INIT, |ended| ended.parent),
            Err(_) => break,
        }
    }
    parent
}

/// Takes off the heirs' counters what was counted for the ended already, gives the ended what they used at
/// last, and answers the CPU time of processes that no snapshot saw. What an heir got and nobody claims is kept
/// for one more snapshot where a child of it seems to live, because the heir may have been read after an end
/// that the list did not show yet.
pub(super) fn settle(entries: &mut [Entry], ended: &mut [Ended], now_us: u64) -> CpuTime {
    ended.sort_unstable_by_key(|ended| ended.pid);
    let mut unseen = CpuTime::default();
    for entry in entries.iter_mut() {
        entry.expected = entry.inherited.fresh.take(entry.expected);
    }
    for position in 0..ended.len() {
        let heir = find_heir(entries, ended, position);
        let Some(ended) = ended.get_mut(position) else { continue };
        unseen.add(ended.left_behind);
        claim(entries, ended, heir);
    }
    for ended in ended.iter_mut() {
        give_cpu_time(entries, ended, now_us);
    }
    for ended in ended.iter_mut() {
        give_disk_use(entries, ended);
    }
    note_living_children(entries);
    for entry in entries {
        if !entry.keeps_credit {
            entry.io_credit = ProcessIo::default();
        }
        unseen.add(entry.inherited.held);
        let fresh = std::mem::take(&mut entry.inherited.fresh);
        let held = fresh.scaled_to(fresh.total_us().min(entry.living_children_us));
        unseen.add(fresh.without(held));
        entry.inherited.held = held;
    }
    unseen
}

/// Adds up, for those who got CPU time that nobody claims, what was counted for their children who live.
fn note_living_children(entries: &mut [Entry]) {
    if entries.iter().all(|entry| entry.inherited.fresh == CpuTime::default()) {
        return;
    }
    for position in 0..entries.len() {
        let Some(child) = entries.get(position).map(|child| child.reading) else { return };
        if let Ok(parent) = entries.binary_search_by_key(&child.parent, |entry| entry.pid)
            && let Some(parent) = entries.get_mut(parent)
        {
            parent.living_children_us = parent.living_children_us.saturating_add(child.seen().total_us());
        }
    }
}

/// Who waited for it: the nearest ancestor alive, or whoever inherits orphans, if it got enough CPU time.
fn find_heir(entries: &[Entry], ended: &[Ended], position: usize) -> (Option<usize>, bool) {
    let Some(this) = ended.get(position) else { return (None, false) };
    let position_of = |pid: u32| entries.binary_search_by_key(&pid, |entry| entry.pid).ok();
    let ancestor = position_of(living_ancestor(ended, this.parent));
    let got_enough = |position: &usize| {
        let got_us = entries.get(*position).map_or(0, |entry| entry.inherited.total_us());
        got_us > 0 && got_us.saturating_add(SLACK_US) >= this.reading.seen().total_us()
    };
    match [ancestor, position_of(INIT)].into_iter().flatten().find(got_enough) {
        Some(heir) => (Some(heir), true),
        None => (ancestor, false),
    }
}

fn claim(entries: &mut [Entry], ended: &mut Ended, (heir, waited): (Option<usize>, bool)) {
    let Some(entry) = heir.and_then(|heir| entries.get_mut(heir)) else { return };
    if let Some(io) = ended.io {
        entry.io_credit.read_bytes = entry.io_credit.read_bytes.saturating_add(io.read_bytes);
        entry.io_credit.write_bytes = entry.io_credit.write_bytes.saturating_add(io.write_bytes);
        entry.keeps_credit |= !ended.found_in_list;
    }
    if ended.is_heard() {
        let missing = entry.inherited.take(ended.reading.seen());
        // More than ticks can explain does not come: nobody waited for it.
        let mut expected = entry.expected;
        expected.add(missing);
        entry.expected = expected.scaled_to(expected.total_us().min(SLACK_US));
        entry.told_children += 1;
        ended.heir = heir;
    } else if waited {
        entry.inherited.take(ended.reading.seen());
        entry.waited_for += 1;
        entry.waited_for_disk_bytes = entry.waited_for_disk_bytes.saturating_add(ended.disk_bytes());
        ended.heir = heir;
    }
    if let Some(usage) = &mut entry.usage
        && let Some(disk) = &mut usage.disk
        && entry.is_read
    {
        take_credit(disk, &mut entry.io_credit, &mut entry.children_io);
    }
}

/// What the heir got beyond what was seen is the ended one's, up to what it can have used.
fn give_cpu_time(entries: &mut [Entry], ended: &mut Ended, now_us: u64) {
    let Some(entry) = ended.heir.and_then(|heir| entries.get_mut(heir)) else { return };
    let left = entry.inherited.sum();
    if ended.is_heard() {
        // All of one parent share what it has beyond what they told.
        let share_us = left.total_us() / entry.told_children.max(1);
        entry.told_children = entry.told_children.saturating_sub(1);
        let cpu = left.scaled_to(share_us.min(UNTOLD_US));
        if let Some(usage) = &mut ended.usage {
            entry.inherited.take(cpu);
            usage.cpu.add(cpu);
        }
        return;
    }
    let limit_us = ended.unseen_limit_us(now_us);
    let cpu = left.scaled_to(left.total_us().min(limit_us));
    entry.inherited.take(cpu);
    ended.usage = Some(Usage { cpu, ..Usage::default() });
}

/// Disk use is its children's when the heir did nothing itself and had no children that were not seen. Several
/// that ended together share it as they used disks before.
fn give_disk_use(entries: &mut [Entry], ended: &mut Ended) {
    let heir = ended.heir.filter(|_| !ended.is_heard());
    let Some(entry) = heir.and_then(|heir| entries.get_mut(heir)) else { return };
    let (weight, weights) = (ended.disk_bytes(), entry.waited_for_disk_bytes);
    entry.waited_for_disk_bytes = weights.saturating_sub(weight);
    let (share, of) = match entry.waited_for {
        1 => (1, 1),
        _ if weight == 0 => return,
        _ => (weight, weights),
    };
    let is_childs = entry.inherited.total_us() <= SLACK_US;
    let Some(of_heir) = entry.usage.as_mut().filter(|usage| is_childs && usage.cpu.total_us() <= SLACK_US)
    else {
        return;
    };
    let (Some(usage), Some(_), Some(disk)) = (&mut ended.usage, ended.io, &mut of_heir.disk) else { return };
    let part = |bytes: u64| {
        u64::try_from(u128::from(bytes) * u128::from(share) / u128::from(of.max(1))).unwrap_or(bytes)
    };
    let given = ProcessIo { read_bytes: part(disk.read_bytes), write_bytes: part(disk.write_bytes) };
    disk.read_bytes -= given.read_bytes;
    disk.write_bytes -= given.write_bytes;
    usage.disk = Some(given);
}
