//! Ends of processes as the kernel tells them one by one, each with all that it used.
//!
//! A process that was known has used what the end says less what was told of it before. One that no snapshot
//! saw has its only row now. The end of one that is still listed, because nobody has waited for it yet, is kept
//! until it is gone.

use tacho_bpf::ExitStatus;
use tacho_proc::{Comm, ProcessIo};

use super::ended::Ended;
use super::entry::{CpuTime, Entry, Moment, Network};
use super::source::ProcessSource;

/// Two threads that end at the same moment both tell the process's end, close to each other.
const TWICE_WITHIN: usize = 16;

/// The end of a process. Counters are since its start.
#[derive(Debug)]
pub(super) struct End {
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// Since boot, in whole ticks.
    pub(super) start_us: u64,
    pub(super) ended_ns: u64,
    pub(super) lifetime_us: u64,
    pub(super) cpu: CpuTime,
    pub(super) major_faults: u64,
    pub(super) disk: ProcessIo,
    pub(super) network: Option<Network>,
    pub(super) status: ExitStatus,
    pub(super) comm: Comm,
    pub(super) is_kernel_thread: bool,
    pub(super) user_id: u32,
    pub(super) cgroup_id: u64,
    /// The beginning of its arguments, a zero byte between.
    pub(super) arguments: Vec<u8>,
}

/// Takes ends from the source to the processes that they are of.
#[derive(Debug, Default)]
pub(super) struct Exits {
    pending: Vec<End>,
    lost: u64,
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
        self.lost = source.drain_exits(&mut self.pending);
        ended.sort_unstable_by_key(Ended::key);
        let places = Places { moment, listed_ns: source.listed_ns(), known: ended.len() };
        for end in std::mem::take(&mut self.pending) {
            self.pending.extend(places.put(end, entries, ended));
        }
        ended.iter_mut().for_each(Ended::settle_end);
        let told = u64::try_from(ended.len()).unwrap_or(u64::MAX);
        Some(Ends { told, lost: self.lost.saturating_sub(lost_before) })
    }
}

struct Places<'m> {
    moment: &'m Moment,
    listed_ns: u64,
    /// So many of the ended were known before; they are sorted.
    known: usize,
}

impl Places<'_> {
    /// Gives back an end that is for the next snapshot.
    fn put(&self, end: End, entries: &mut [Entry], ended: &mut Vec<Ended>) -> Option<End> {
        let known = ended.get_mut(..self.known).unwrap_or_default();
        if let Ok(position) = entries.binary_search_by_key(&end.pid, |entry| entry.pid)
            && let Some(entry) = entries.get_mut(position)
            && entry.reading.start_us == end.start_us
        {
            merge(&mut entry.end, end);
        } else if let Ok(position) = known.binary_search_by_key(&end.key(), Ended::key)
            && let Some(ended) = known.get_mut(position)
        {
            merge(&mut ended.end, end);
        } else if end.ended_ns >= self.listed_ns {
            // It came after the list, and may be in the next one still.
            return Some(end);
        } else if self.moment.tick.interval_us.is_some() {
            let strangers = ended.get_mut(self.known..).unwrap_or_default();
            let newest = strangers.iter_mut().rev().take(TWICE_WITHIN);
            match newest.into_iter().find(|ended| ended.key() == end.key()) {
                Some(ended) => merge(&mut ended.end, end),
                None => ended.push(Ended::stranger(Box::new(end), self.moment)),
            }
        }
        None
    }
}

/// Told twice, what is more holds.
fn merge(known: &mut Option<Box<End>>, end: End) {
    match known {
        Some(known) => known.take_more(&end),
        None => *known = Some(Box::new(end)),
    }
}

impl End {
    pub(super) fn key(&self) -> (u32, u64) {
        (self.pid, self.start_us)
    }

    fn take_more(&mut self, other: &Self) {
        if other.cpu.total_us() > self.cpu.total_us() {
            self.cpu = other.cpu;
        }
        self.major_faults = self.major_faults.max(other.major_faults);
        self.disk.read_bytes = self.disk.read_bytes.max(other.disk.read_bytes);
        self.disk.write_bytes = self.disk.write_bytes.max(other.disk.write_bytes);
    }
}
