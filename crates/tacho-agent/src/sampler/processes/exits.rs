//! Ends of processes as the kernel tells them one by one, each with all that it used.
//!
//! Two things are told: that a process ends, while it is still listed until its parent has waited for it; and,
//! when it is freed some milliseconds after that, the whole of its CPU time. What is told of a process that is
//! still listed is kept until it is gone. What is gone waits for its last word, for two seconds or until the next
//! snapshot; its row comes then. A process that was known has used what its end says less what was told before;
//! one that no snapshot saw has its only row.
//!
//! That is BPF. Where threads are heard of instead ([`ThreadEnds`]), an end is all there is, and told before the
//! process can be waited for, while the kernel takes its memory and files away and its state says that it runs: ends are fetched before the list is made, so that parents are read after what they
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

/// How long a row waits at least for the last word on its process: the kernel frees a process when every CPU has
/// passed a quiet moment. Without the last word, what it used since the newest tick of the scheduler is missing, which of
/// one that lived for less than a tick is all.
const LAST_WORD_US: u64 = 2_000_000;

/// With more processes waiting than these, none waits longer than to the next snapshot. Some 2 MB.
const MAX_WAITING: usize = 4096;

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
    /// The snapshot from which on a process that was never seen waits for the last word.
    pub(super) waits_since_us: Option<u64>,
}

/// How long to wait for what is told of ends.
#[derive(Debug)]
pub(super) struct Waiting {
    now_us: u64,
    limit_us: u64,
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
        self.place_rest(moment, entries, ended);
        let told = ended.iter_mut().map(|ended| u64::from(ended.settle_heard())).sum();
        Some(Ends { told, lost })
    }

    fn place_rest(&mut self, moment: &Moment, entries: &mut [Entry], ended: &mut Vec<Ended>) {
        ended.sort_unstable_by_key(Ended::key);
        let known = ended.len();
        for end in self.listed.drain(..) {
            let before = ended.get_mut(..known).unwrap_or_default();
            // One whose end had not begun when it was read since is another process.
            let ending = entries.binary_search_by_key(&end.pid, |entry| entry.pid).ok();
            let ending = ending.and_then(|position| entries.get_mut(position));
            let ending = ending.filter(|entry| !entry.reading.is_alive());
            match slot_of_heard(&end, ending.map_or(&mut [], std::slice::from_mut), before) {
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
        let count = self.strangers.len().saturating_add(ended.len());
        let limit_us = if count <= MAX_WAITING { LAST_WORD_US } else { 0 };
        let waiting = Waiting { now_us: moment.tick.now_us, limit_us };
        self.place_strangers(moment, &waiting, entries, ended);
        let told = ended.iter_mut().map(|ended| u64::from(ended.settle_end(&waiting))).sum();
        Some(Ends { told, lost: self.lost.saturating_sub(lost_before) })
    }

    /// Strangers that are listed by now are none; the others have a row when the last word is in.
    fn place_strangers(
        &mut self,
        moment: &Moment,
        waiting: &Waiting,
        entries: &mut [Entry],
        ended: &mut Vec<Ended>,
    ) {
        let known = ended.len();
        for (_, mut end) in std::mem::take(&mut self.strangers) {
            let before = ended.get_mut(..known).unwrap_or_default();
            if let Some(slot) = slot(end.pid, end.start_us, entries, before) {
                take_more(slot, end);
            } else if moment.tick.interval_us.is_none() {
                // Before the first snapshot nothing counts.
            } else if !end.is_total && waiting.goes_on(&mut end.waits_since_us) {
                self.strangers.insert(end.key(), end);
            } else {
                ended.push(Ended::stranger(Box::new(end), moment));
            }
        }
    }
}

impl Waiting {
    /// Whether one that waits since `since_us` waits on. The first time it does.
    pub(super) fn goes_on(&self, since_us: &mut Option<u64>) -> bool {
        match since_us {
            Some(since_us) => self.now_us < since_us.saturating_add(self.limit_us),
            None => {
                *since_us = Some(self.now_us);
                true
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

#[cfg(test)]
mod tests {
    use super::super::super::ways::{ExitsChoice, SamplerChoice};
    use super::super::super::{SamplerConfig, Tick};
    use super::*;

    const PID: u32 = 70;
    const START_US: u64 = 10_000_000;
    const NOW_US: u64 = 20_000_000;

    /// What `/proc` says of a process that used 30 ms and whose memory is gone, and what was told of its end.
    fn ending(flags: u64) -> (tempfile::TempDir, ProcessSource, End) {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join(PID.to_string());
        std::fs::create_dir(&directory).unwrap();
        let ticks = START_US / 10_000;
        let stat = format!("{PID} (sh) R 1 1 1 0 -1 {flags} 0 0 0 0 3 0 0 0 20 0 1 0 {ticks} 0 0 9 0 0 0\n");
        for (name, text) in
            [("stat", stat.as_str()), ("io", "read_bytes: 0\nwrite_bytes: 0\n"), ("cmdline", "")]
        {
            std::fs::write(directory.join(name), text).unwrap();
        }
        let config = SamplerConfig {
            sampler: SamplerChoice::Proc,
            exits: ExitsChoice::Parent,
            proc_root: root.path().to_owned(),
            ..SamplerConfig::default()
        };
        let (source, _) = ProcessSource::open(&config, 1000).unwrap();
        let end = End {
            pid: PID,
            parent: 1,
            start_us: START_US,
            lifetime_us: NOW_US - START_US - 100_000,
            cpu: CpuTime { user_us: 30_000, system_us: 0 },
            major_faults: 0,
            disk: ProcessIo::default(),
            network: None,
            status: ExitStatus::Code(3),
            comm: Comm::new(b"sh"),
            is_kernel_thread: false,
            user_id: 0,
            cgroup_id: 0,
            arguments: Vec::new(),
            is_counted: true,
            heard: Some(Heard { boot_us: NOW_US, asleep_us: 0 }),
            is_total: true,
            waits_since_us: None,
        };
        (root, source, end)
    }

    #[test]
    fn one_that_is_read_between_the_news_of_its_end_and_its_end_is_told_once() {
        const EXITING: u64 = 4;
        for (flags, is_it) in [(EXITING, true), (0, false)] {
            let (_root, mut source, end) = ending(flags);
            let tick = Tick { number: 1, now_us: NOW_US, interval_us: Some(5_000_000) };
            let moment = Moment { tick, swap_used_bytes: None };
            let mut exits = Exits { heard: vec![end], ..Exits::default() };
            let (mut entries, mut ended) = (Vec::new(), Vec::new());
            exits.place_gone(&moment, &[PID], &mut entries, &mut ended);
            entries.push(Entry::first(PID, &moment, &mut source).unwrap());
            exits.place_rest(&moment, &mut entries, &mut ended);
            assert_eq!((entries[0].end.is_some(), ended.len()), (is_it, usize::from(!is_it)), "{flags}");
        }
    }
}
