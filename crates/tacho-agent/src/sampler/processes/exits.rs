//! Ends of processes as the kernel tells them one by one, each with all that it used.
//!
//! Two things are told: that a process ends, while it is still listed until its parent has waited for it; and,
//! when it is freed some milliseconds after that, the whole of its CPU time. What is told of a process that is
//! still listed is kept until it is gone. What is gone waits for its last word until the next snapshot and no
//! longer; its row comes then. A process that was known has used what its end says less what was told before;
//! one that no snapshot saw has its only row.
//!
//! That is BPF. Where threads are heard of instead ([`ThreadEnds`]), an end is all there is, and told before the
//! process can be waited for: ends are fetched before the list is made, so that parents are read after what they
//! inherited, and again after the reading, for what ended meanwhile.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};

use tacho_bpf::ExitStatus;
use tacho_proc::{Comm, ProcError, ProcessIo};

use super::super::traffic::Traffic;
use super::ended::Ended;
use super::entry::{Entry, Moment, started_since};
use super::source::ProcessSource;
use super::threads::ThreadEnds;
use super::usage::CpuTime;

/// Lifetimes are compared by clocks that are read at different times, and starts that are rounded.
const LIFETIME_SLACK_US: u64 = 30_000;

/// How far off the start of a process may be that was only heard of.
const START_SLACK_US: u64 = 1_000_000;

/// The end of a process. Counters are since its start.
#[derive(Debug)]
pub(super) struct End {
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// Since boot, in whole ticks; about it where the end was only heard of.
    pub(super) start_us: u64,
    pub(super) lifetime_us: u64,
    pub(super) cpu: CpuTime,
    pub(super) major_faults: u64,
    pub(super) disk: ProcessIo,
    pub(super) network: Option<Traffic>,
    pub(super) status: ExitStatus,
    pub(super) comm: Comm,
    pub(super) is_kernel_thread: bool,
    pub(super) user_id: u32,
    pub(super) cgroup_id: u64,
    /// The beginning of its arguments, a zero byte between.
    pub(super) arguments: Vec<u8>,
    /// It began since the snapshot before the one that heard of its end first.
    pub(super) is_counted: bool,
    /// By when, where its start is not told.
    pub(super) heard: Option<Heard>,
    /// The last word is in it.
    pub(super) is_total: bool,
    /// A snapshot has waited for the last word.
    pub(super) has_waited: bool,
}

/// When a process began, and was seen alive last; since boot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub(super) start_us: u64,
    pub(super) alive_us: u64,
}

/// When an end was heard of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    /// At the latest.
    pub(super) boot_us: u64,
    /// Time asleep since boot, which lifetimes do not have in them.
    pub(super) asleep_us: u64,
}

/// What is told.
#[derive(Debug)]
pub(super) enum News {
    End(End),
    /// The last word on a process that has ended.
    Total {
        pid: u32,
        start_us: u64,
        cpu: CpuTime,
        major_faults: u64,
        /// Nothing where network use is not told.
        network: Traffic,
    },
}

/// Takes ends from the source to the processes that they are of.
#[derive(Debug, Default)]
pub(super) struct Exits {
    news: Vec<News>,
    /// Of processes that no snapshot saw so far, by pid and start.
    strangers: BTreeMap<(u32, u64), End>,
    lost: u64,
    threads: Option<ThreadEnds>,
    /// In the order in which they came.
    heard: Vec<End>,
    /// Of pids that are listed: not waited for yet, or in use again.
    listed: Vec<End>,
}

/// Ends in the snapshot being taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// Processes that ended.
    pub(super) told: u64,
    /// Ends that the kernel had no room to tell.
    pub(super) lost: u64,
}

impl Exits {
    /// `threads`: ends are heard of there.
    pub(super) fn new(threads: Option<ThreadEnds>) -> Self {
        Self { threads, ..Self::default() }
    }

    /// Ends are made of those of threads.
    pub(super) fn are_heard(&self) -> bool {
        self.threads.is_some()
    }

    /// Fetches the ends of threads that were told since the last call.
    pub(super) fn hear(&mut self) -> Result<(), ProcError> {
        let Self { threads, heard, .. } = self;
        threads.as_mut().map_or(Ok(()), |threads| threads.hear(heard))
    }

    /// Brings what was heard before the list `pids` was made to those that the list shows to be gone; what no
    /// snapshot saw is added to `ended`. Before anything else is read.
    pub(super) fn place_gone(
        &mut self,
        moment: &Moment,
        pids: &[u32],
        entries: &mut [Entry],
        ended: &mut Vec<Ended>,
    ) {
        ended.sort_unstable_by_key(Ended::key);
        let known = ended.len();
        for end in self.heard.drain(..) {
            let before = ended.get_mut(..known).unwrap_or_default();
            if let Some(slot) = slot_of_heard(&end, entries, before) {
                *slot = Some(Box::new(end));
            } else if pids.binary_search(&end.pid).is_ok() {
                self.listed.push(end);
            } else {
                add_heard(end, moment, ended);
            }
        }
        ended.sort_unstable_by_key(Ended::key);
    }

    /// Brings the rest of what was heard to its processes, and answers how many ended.
    pub(super) fn settle_heard(
        &mut self,
        moment: &Moment,
        pids: &[u32],
        entries: &mut [Entry],
        ended: &mut Vec<Ended>,
    ) -> Option<Ends> {
        let lost = self.threads.as_mut()?.count_lost(pids);
        ended.sort_unstable_by_key(Ended::key);
        let known = ended.len();
        for end in self.listed.drain(..) {
            let before = ended.get_mut(..known).unwrap_or_default();
            // One that was read alive since is another process.
            let zombie = entries.binary_search_by_key(&end.pid, |entry| entry.pid).ok();
            let zombie = zombie.and_then(|position| entries.get_mut(position));
            let zombie = zombie.filter(|entry| !entry.reading.is_alive());
            match slot_of_heard(&end, zombie.map_or(&mut [], std::slice::from_mut), before) {
                Some(slot) => *slot = Some(Box::new(end)),
                None => add_heard(end, moment, ended),
            }
        }
        // What is left ended after the list was made, and its parent may have been read before that.
        let heard = std::mem::take(&mut self.heard);
        for end in heard {
            let before = ended.get_mut(..known).unwrap_or_default();
            match slot_of_heard(&end, entries, before) {
                Some(slot) => *slot = Some(Box::new(end)),
                None => self.heard.push(end),
            }
        }
        ended.sort_unstable_by_key(Ended::key);
        let told = ended.iter_mut().map(|ended| u64::from(ended.settle_heard())).sum();
        Some(Ends { told, lost })
    }

    /// Brings every end to the process that it is of, alive as far as anybody knew or found to be gone; those of
    /// processes that were never seen are added to `ended`. `None`: ends are not told here.
    pub(super) fn collect(
        &mut self,
        moment: &Moment,
        source: &mut ProcessSource,
        entries: &mut [Entry],
        ended: &mut Vec<Ended>,
    ) -> Option<Ends> {
        if !source.tells_exits() {
            return None;
        }
        let lost_before = self.lost;
        self.lost = source.drain_exits(&mut self.news);
        ended.sort_unstable_by_key(Ended::key);
        for news in self.news.drain(..) {
            match news {
                News::End(mut end) => {
                    end.is_counted = started_since(end.start_us, moment);
                    match slot(end.pid, end.start_us, entries, ended) {
                        Some(slot) => take_more(slot, end),
                        None => add_stranger(&mut self.strangers, end),
                    }
                }
                News::Total { pid, start_us, cpu, major_faults, network } => {
                    let known = slot(pid, start_us, entries, ended).and_then(Option::as_deref_mut);
                    // One of which nothing is kept has had its row.
                    if let Some(end) = known.or_else(|| self.strangers.get_mut(&(pid, start_us))) {
                        end.complete(cpu, major_faults, network);
                    }
                }
            }
        }
        self.place_strangers(moment, entries, ended);
        let told = ended.iter_mut().map(|ended| u64::from(ended.settle_end())).sum();
        Some(Ends { told, lost: self.lost.saturating_sub(lost_before) })
    }

    /// Strangers that are listed by now are none; the others have a row when the last word is in.
    fn place_strangers(&mut self, moment: &Moment, entries: &mut [Entry], ended: &mut Vec<Ended>) {
        let known = ended.len();
        for (_, mut end) in std::mem::take(&mut self.strangers) {
            let before = ended.get_mut(..known).unwrap_or_default();
            if let Some(slot) = slot(end.pid, end.start_us, entries, before) {
                take_more(slot, end);
            } else if moment.tick.interval_us.is_none() {
                // Before the first snapshot nothing counts.
            } else if end.is_total || end.has_waited {
                ended.push(Ended::stranger(Box::new(end), moment));
            } else {
                end.has_waited = true;
                self.strangers.insert(end.key(), end);
            }
        }
    }
}

/// Before the first snapshot nothing counts.
fn add_heard(mut end: End, moment: &Moment, ended: &mut Vec<Ended>) {
    if moment.tick.interval_us.is_none() {
        return;
    }
    end.is_counted = started_since(end.start_us.saturating_add(START_SLACK_US), moment);
    ended.push(Ended::stranger(Box::new(end), moment));
}

/// Where an end that was heard of belongs: the oldest process with its pid that can have lived so long, of whose
/// end nothing is known. `ended` is sorted by its key.
fn slot_of_heard<'p>(
    end: &End,
    entries: &'p mut [Entry],
    ended: &'p mut [Ended],
) -> Option<&'p mut Option<Box<End>>> {
    let first = ended.partition_point(|ended| ended.pid < end.pid);
    let mut same_pid = ended.iter_mut().skip(first).take_while(|ended| ended.pid == end.pid);
    if let Some(ended) = same_pid.find(|ended| ended.end.is_none() && end.is_of(ended.life())) {
        return Some(&mut ended.end);
    }
    let entry = entries.binary_search_by_key(&end.pid, |entry| entry.pid).ok()?;
    let entry = entries.get_mut(entry)?;
    (entry.end.is_none() && end.is_of(entry.life())).then_some(&mut entry.end)
}

/// Where the end of a process that is known is kept. `ended` is sorted by its key.
fn slot<'p>(
    pid: u32,
    start_us: u64,
    entries: &'p mut [Entry],
    ended: &'p mut [Ended],
) -> Option<&'p mut Option<Box<End>>> {
    let entry = entries.binary_search_by_key(&pid, |entry| entry.pid).ok();
    if let Some(entry) = entry.and_then(|position| entries.get_mut(position))
        && entry.reading.start_us == start_us
    {
        return Some(&mut entry.end);
    }
    let position = ended.binary_search_by_key(&(pid, start_us), Ended::key).ok()?;
    ended.get_mut(position).map(|ended| &mut ended.end)
}

fn add_stranger(strangers: &mut BTreeMap<(u32, u64), End>, end: End) {
    match strangers.entry(end.key()) {
        Occupied(mut known) => known.get_mut().take_more(&end),
        Vacant(place) => {
            place.insert(end);
        }
    }
}

/// Told twice, what is more holds.
fn take_more(known: &mut Option<Box<End>>, end: End) {
    match known {
        Some(known) => known.take_more(&end),
        None => *known = Some(Box::new(end)),
    }
}

impl End {
    fn key(&self) -> (u32, u64) {
        (self.pid, self.start_us)
    }

    /// Whether it can be the end of one that began then and was seen alive then.
    fn is_of(&self, life: Life) -> bool {
        let Some(heard) = self.heard else { return self.start_us == life.start_us };
        let most = heard.boot_us.saturating_sub(life.start_us).saturating_add(LIFETIME_SLACK_US);
        let least = life.alive_us.saturating_sub(life.start_us);
        let least = least.saturating_sub(heard.asleep_us.saturating_add(LIFETIME_SLACK_US));
        (least..=most).contains(&self.lifetime_us)
    }

    /// Sockets that the process still had are closed by its end, so bytes may come with the last word only.
    fn complete(&mut self, cpu: CpuTime, major_faults: u64, network: Traffic) {
        self.cpu = cpu.kept_up_with(self.cpu);
        self.major_faults = self.major_faults.max(major_faults);
        self.network = self.network.map(|told| told.larger(network));
        self.is_total = true;
    }

    fn take_more(&mut self, other: &Self) {
        self.cpu = other.cpu.kept_up_with(self.cpu);
        self.major_faults = self.major_faults.max(other.major_faults);
        self.disk.read_bytes = self.disk.read_bytes.max(other.disk.read_bytes);
        self.disk.write_bytes = self.disk.write_bytes.max(other.disk.write_bytes);
        self.is_total |= other.is_total;
    }
}
