//! Ends of processes made of the ends of their threads, as the kernel's `taskstats` tells them.
//!
//! An end is told before the process can be waited for: one that is no longer listed has been told of. What it does
//! not know: bytes on the network, arguments, the control group, and when the process began, but to a second. So
//! an end is matched with a known process by its pid and by how long it lived.

use std::collections::BTreeMap;
use std::path::Path;

use tacho_bpf::{Cpu, ExitStatus};
use tacho_proc::{Clocks, Comm, ExitListener, ProcError, ProcessIo, ThreadEnd, clocks, read_small};

use super::exits::{End, Heard};
use super::usage::CpuTime;

/// Processes with threads that ended before them; of more than these, the threads that ended are not counted.
const MAX_PROCESSES: usize = 65_536;

/// Threads that end at once are told of in any order, the last of their process before others; what is apart by more
/// is of two processes.
const DISORDER_US: u64 = 1_000_000;

const SECOND_US: u64 = 1_000_000;
const NS_PER_US: u64 = 1000;

/// Hears of ends.
#[derive(Debug)]
pub(super) struct ThreadEnds {
    listener: ExitListener,
    threads: Threads,
    lost: u64,
}

/// What threads used, by their process.
#[derive(Debug, Default)]
struct Threads {
    /// Of those that did not end so far.
    processes: BTreeMap<u32, Sum>,
    /// Of those that did since the last call, in the order of their ends, each with its last thread.
    ended: Vec<(ThreadEnd, Sum)>,
    /// The newest of them by pid.
    newest: BTreeMap<u32, usize>,
    /// Counts calls.
    round: u64,
}

/// Threads of one process.
#[derive(Debug, Default)]
struct Sum {
    /// When a thread of it was told of last.
    round: u64,
    elapsed_us: u64,
    runtime_ns: u64,
    user_us: u64,
    system_us: u64,
    major_faults: u64,
    disk: ProcessIo,
    /// The thread that the process is named after.
    leader: Option<Leader>,
}

#[derive(Debug, Clone, Copy)]
struct Leader {
    status: u32,
    comm: Comm,
}

impl ThreadEnds {
    /// Begins to listen. The reason why not is for people.
    pub(super) fn open(sys_root: &Path) -> Result<Self, String> {
        let cpus =
            read_small(&sys_root.join("devices/system/cpu/possible")).map_err(|error| error.to_string())?;
        let listener =
            ExitListener::open(&cpus).map_err(|error| match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            })?;
        Ok(Self { listener, threads: Threads::default(), lost: 0 })
    }

    /// Adds the processes that ended since the last call, in the order of their ends.
    pub(super) fn hear(&mut self, ends: &mut Vec<End>) -> Result<(), ProcError> {
        let (now, threads) = (clocks(), &mut self.threads);
        let heard = self.listener.drain(|thread| threads.take(thread));
        threads.finish(&now, ends);
        heard.map_err(|error| ProcError::from_io("taskstats", &error))
    }

    /// How many threads ended since the last call that the kernel had no room to tell of. `pids` are listed, after
    /// the call of `hear` before the newest: what is kept of others is forgotten.
    pub(super) fn count_lost(&mut self, pids: &[u32]) -> u64 {
        self.threads.forget(pids);
        let before = std::mem::replace(&mut self.lost, self.listener.lost());
        self.lost.saturating_sub(before)
    }
}

impl Threads {
    /// Takes in the end of a thread.
    fn take(&mut self, thread: ThreadEnd) {
        if let Some(sum) = self.just_ended(&thread) {
            return sum.add(&thread);
        }
        let known = self.processes.remove(&thread.process);
        // What was lost left another process's threads under this pid.
        let known =
            known.filter(|sum| thread.process_elapsed_us.saturating_add(DISORDER_US) >= sum.elapsed_us);
        let mut sum = known.unwrap_or_default();
        sum.add(&thread);
        sum.round = self.round;
        if thread.is_last {
            self.newest.insert(thread.process, self.ended.len());
            self.ended.push((thread, sum));
        } else if self.processes.len() < MAX_PROCESSES {
            self.processes.insert(thread.process, sum);
        }
    }

    /// The process that it is of, when that is told to have ended already.
    fn just_ended(&mut self, thread: &ThreadEnd) -> Option<&mut Sum> {
        let position = *self.newest.get(&thread.process).filter(|_| !thread.is_last)?;
        let (last, sum) = self.ended.get_mut(position)?;
        (last.process_elapsed_us.abs_diff(thread.process_elapsed_us) < DISORDER_US).then_some(sum)
    }

    /// Adds the processes that ended.
    fn finish(&mut self, now: &Clocks, ends: &mut Vec<End>) {
        ends.extend(self.ended.drain(..).map(|(last, sum)| sum.end(&last, now)));
        self.newest.clear();
        self.round += 1;
    }

    /// What ended before `pids` were listed has been told, and what began later was told of in the newest round.
    fn forget(&mut self, pids: &[u32]) {
        let newest = self.round.saturating_sub(1);
        self.processes.retain(|pid, sum| sum.round == newest || pids.binary_search(pid).is_ok());
    }
}

impl Sum {
    fn add(&mut self, thread: &ThreadEnd) {
        self.elapsed_us = self.elapsed_us.max(thread.process_elapsed_us);
        for (sum, part) in [
            (&mut self.runtime_ns, thread.runtime_ns),
            (&mut self.user_us, thread.user_us),
            (&mut self.system_us, thread.system_us),
            (&mut self.major_faults, thread.major_faults),
            (&mut self.disk.read_bytes, thread.read_bytes),
            (&mut self.disk.write_bytes, thread.write_bytes),
        ] {
            *sum = sum.saturating_add(part);
        }
        if thread.thread == thread.process {
            self.leader = Some(Leader { status: thread.status, comm: thread.comm });
        }
    }

    fn cpu(&self, last: &ThreadEnd) -> CpuTime {
        // Knows of threads, too, that ended before anybody listened.
        let runtime_ns = self.runtime_ns.max(last.process_runtime_ns.unwrap_or(0));
        if runtime_ns == 0 {
            return CpuTime { user_us: self.user_us, system_us: self.system_us };
        }
        let cpu = Cpu::parted(runtime_ns, self.user_us, self.system_us);
        let system_us = cpu.system_ns / NS_PER_US;
        CpuTime { user_us: (cpu.total_ns() / NS_PER_US).saturating_sub(system_us), system_us }
    }

    fn end(&self, last: &ThreadEnd, now: &Clocks) -> End {
        let leader = self.leader.unwrap_or(Leader { status: last.status, comm: last.comm });
        // Who ends a whole process leaves the status with all threads that still live, the last one at least.
        let status = if last.status == 0 { leader.status } else { last.status };
        End {
            pid: last.process,
            parent: last.parent,
            start_us: start_us(last, now),
            lifetime_us: last.process_elapsed_us,
            cpu: self.cpu(last),
            major_faults: self.major_faults,
            disk: self.disk,
            network: None,
            status: ExitStatus::of(status),
            comm: leader.comm,
            is_kernel_thread: last.is_kernel_thread,
            user_id: last.user_id,
            cgroup_id: 0,
            arguments: Vec::new(),
            heard: Some(Heard { boot_us: now.boot_us, asleep_us: now.boot_us.saturating_sub(now.awake_us) }),
            is_counted: true,
            is_total: true,
            waits_since_us: None,
        }
    }
}

/// About when it began, from the second in which it ended; never after it was heard of.
fn start_us(last: &ThreadEnd, now: &Clocks) -> u64 {
    let ended_wall_us = last.ended_s.saturating_mul(SECOND_US).saturating_add(SECOND_US / 2);
    let ago_us = now.wall_us.saturating_sub(ended_wall_us);
    now.boot_us.saturating_sub(ago_us).saturating_sub(last.process_elapsed_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Clocks = Clocks { boot_us: 100_000_000, awake_us: 90_000_000, wall_us: 1_000_000_000 };

    fn thread(thread: u32, runtime_ns: u64, is_last: bool) -> ThreadEnd {
        ThreadEnd {
            thread,
            process: 7,
            is_last,
            runtime_ns,
            user_us: 4000,
            process_elapsed_us: 3_000_000,
            ended_s: 998,
            write_bytes: 10,
            comm: Comm::new(if thread == 7 { b"leader" } else { b"worker" }),
            ..ThreadEnd::default()
        }
    }

    fn ends(threads: &mut Threads) -> Vec<End> {
        let mut ends = Vec::new();
        threads.finish(&NOW, &mut ends);
        ends
    }

    #[test]
    fn threads_are_folded_into_their_process() {
        let mut threads = Threads::default();
        threads.take(thread(7, 1_000_000, false));
        assert!(ends(&mut threads).is_empty());
        threads.take(thread(8, 2_000_000, false));
        let last = ThreadEnd { status: 5 << 8, ..thread(9, 4_000_000, true) };
        threads.take(last);
        // Ended at the same time, and is told of later.
        threads.take(thread(10, 1_000_000, false));
        let [end] = ends(&mut threads).try_into().unwrap();
        assert_eq!((end.pid, end.cpu.total_us(), end.disk.write_bytes), (7, 8000, 40));
        assert_eq!((end.comm.as_bytes(), end.status), (b"leader".as_slice(), ExitStatus::Code(5)));
        assert_eq!((end.start_us, end.lifetime_us), (100_000_000 - 1_500_000 - 3_000_000, 3_000_000));
        assert!(threads.processes.is_empty());
        threads.take(ThreadEnd { process_runtime_ns: Some(9_000_000), ..last });
        assert_eq!(ends(&mut threads)[0].cpu.total_us(), 9000, "with threads of before");
    }

    #[test]
    fn a_pid_in_use_again_has_none_of_the_threads_of_before() {
        let mut threads = Threads::default();
        threads.take(ThreadEnd { process_elapsed_us: 60_000_000, ..thread(8, 50_000_000, false) });
        threads.take(thread(7, 1_000_000, true));
        threads.take(ThreadEnd { process_elapsed_us: 1000, ..thread(7, 2_000_000, true) });
        let told: Vec<_> = ends(&mut threads).iter().map(|end| end.cpu.total_us()).collect();
        assert_eq!(told, [1000, 2000]);
    }

    #[test]
    fn what_is_kept_is_bound_and_forgotten_with_its_process() {
        let mut threads = Threads::default();
        for process in 0..MAX_PROCESSES as u32 + 10 {
            threads.take(ThreadEnd { process, ..thread(1, 1, false) });
        }
        assert_eq!(threads.processes.len(), MAX_PROCESSES);
        ends(&mut threads);
        threads.forget(&[]);
        assert_eq!(threads.processes.len(), MAX_PROCESSES, "of the newest round");
        ends(&mut threads);
        threads.forget(&[3, 5]);
        assert_eq!(threads.processes.len(), 2);
    }
}
