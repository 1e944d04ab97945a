//! One pass over all tasks: threads are added to their processes.

use crate::records::{Counters, ProcessRecord, TaskRecord, ThreadRecord};
use crate::task::{Bytes, Cpu, Task, state_letter};

/// Adds up the records of a pass. Its memory is used again by the next, and so is what is known of processes that are
/// as they were.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// Disk use of ended threads is told by itself, and without that of children.
    tells_exits: bool,
    /// The process that came last.
    newest: Option<u32>,
    /// By pid: while a pass goes on, what the one before found.
    tasks: Vec<Task>,
    /// Where to look first for the next that rests.
    next: usize,
    /// Those told to rest, by pid.
    resting: Vec<u32>,
    /// Told in full, in the order in which they come: by pid, unless something is wrong.
    told: Vec<Task>,
    /// Of the process at the same position in `told`.
    sums: Vec<Counters>,
    /// Threads whose number is below their process's, which comes later: numbers have begun anew.
    early: Vec<ThreadRecord>,
    /// Something was told that can not be brought together with what is known.
    is_amiss: bool,
}

impl Pass {
    pub(crate) fn new(tells_exits: bool) -> Self {
        Self { tells_exits, ..Self::default() }
    }

    pub(crate) fn begin(&mut self) {
        (self.newest, self.next, self.is_amiss) = (None, 0, false);
        self.resting.clear();
        self.told.clear();
        self.sums.clear();
        self.early.clear();
    }

    pub(crate) fn take(&mut self, record: TaskRecord) {
        match record {
            TaskRecord::Process(process) => self.take_process(&process),
            TaskRecord::Rests(pid) => self.take_resting(pid),
            TaskRecord::Thread(thread) => {
                if !self.add_thread(&thread) {
                    self.early.push(thread);
                }
            }
        }
    }

    /// Something was missing or came twice: only a pass that tells everything in full is right again.
    pub(crate) fn is_amiss(&self) -> bool {
        self.is_amiss
    }

    /// All processes, by pid.
    pub(crate) fn end(&mut self) -> &[Task] {
        let early = std::mem::take(&mut self.early);
        for thread in &early {
            self.add_thread(thread);
        }
        self.early = early;
        for (task, sum) in self.told.iter_mut().zip(&self.sums) {
            task.cpu = Cpu::parted(sum.runtime_ns, sum.user_ns, sum.system_ns);
            (task.minor_faults, task.major_faults) = (sum.minor_faults, sum.major_faults);
            task.disk.add(sum.disk);
        }
        self.take_over();
        &self.tasks
    }

    /// Puts those told in full to those that rest, and forgets all others.
    fn take_over(&mut self) {
        let (mut from, mut known) = (0, self.tasks.len());
        for told in &self.told {
            let rest = self.tasks.get(from..known).unwrap_or_default();
            from += rest.partition_point(|task| task.pid < told.pid);
            match self.tasks.get_mut(from..known).and_then(<[Task]>::first_mut) {
                Some(task) if task.pid == told.pid => *task = *told,
                _ => self.tasks.push(*told),
            }
        }
        if self.tasks.len() > known {
            self.tasks.sort_unstable_by_key(|task| task.pid);
            known = self.tasks.len();
        }
        let Self { tasks, told, resting, .. } = self;
        if told.len() + resting.len() < known {
            tasks.retain(|task| {
                resting.binary_search(&task.pid).is_ok()
                    || told.binary_search_by_key(&task.pid, |task| task.pid).is_ok()
            });
        }
    }

    /// What the newest pass found.
    pub(crate) fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Processes come by pid. What comes again was moved in the kernel's list during the pass.
    fn is_next(&mut self, pid: u32) -> bool {
        let is_next = self.newest.is_none_or(|newest| newest < pid);
        self.is_amiss |= !is_next;
        self.newest = self.newest.max(Some(pid));
        is_next
    }

    fn take_resting(&mut self, pid: u32) {
        if !self.is_next(pid) {
            return;
        }
        let rest = self.tasks.get_mut(self.next..).unwrap_or_default();
        // Nearly always the next one.
        let ahead = rest.iter().position(|task| task.pid >= pid).unwrap_or(rest.len());
        match rest.get_mut(ahead) {
            Some(task) if task.pid == pid => {
                task.rests = true;
                self.resting.push(pid);
                self.next += ahead + 1;
            }
            _ => self.is_amiss = true,
        }
    }

    fn take_process(&mut self, record: &ProcessRecord) {
        if !self.is_next(record.pid) {
            return;
        }
        let (disk, mark) = match self.tells_exits {
            true => (record.kept.disk, record.kept.disk.read.saturating_add(record.kept.disk.written)),
            false => (record.inherited, 0),
        };
        self.told.push(Task {
            pid: record.pid,
            parent: record.parent,
            state: state_letter(record.state),
            is_kernel_thread: record.is_kernel_thread,
            is_exiting: record.is_exiting,
            threads: record.threads,
            user_id: record.user_id,
            cgroup_id: record.cgroup_id,
            exec_mark: record.exec_mark,
            start_boot_ns: record.start_boot_ns,
            resident_pages: record.resident_pages,
            children: record.children,
            disk,
            disk_mark: mark,
            network: record.kept.network,
            comm: record.comm,
            ..Task::default()
        });
        self.sums.push(self.counted(record.is_exiting, record.counters));
    }

    /// Where ends are told, a thread that ends has its disk use counted with the ended ones'.
    fn counted(&self, is_exiting: bool, counters: Counters) -> Counters {
        let disk = if is_exiting && self.tells_exits { Bytes::default() } else { counters.disk };
        Counters { disk, ..counters }
    }

    /// `false`: its process did not come yet.
    fn add_thread(&mut self, thread: &ThreadRecord) -> bool {
        let Ok(position) = self.told.binary_search_by_key(&thread.process, |task| task.pid) else {
            return false;
        };
        let counters = self.counted(thread.is_exiting, thread.counters);
        if let Some(sum) = self.sums.get_mut(position) {
            sum.add(&counters);
        }
        true
    }
}

impl Counters {
    fn add(&mut self, other: &Self) {
        for (sum, part) in [
            (&mut self.runtime_ns, other.runtime_ns),
            (&mut self.user_ns, other.user_ns),
            (&mut self.system_ns, other.system_ns),
            (&mut self.minor_faults, other.minor_faults),
            (&mut self.major_faults, other.major_faults),
        ] {
            *sum = sum.saturating_add(part);
        }
        self.disk.add(other.disk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, runtime_ns: u64) -> TaskRecord {
        let counters = Counters { runtime_ns, disk: Bytes { read: 1, written: 2 }, ..Counters::default() };
        let inherited = Bytes { read: 100, written: 200 };
        TaskRecord::Process(ProcessRecord { pid, counters, inherited, ..ProcessRecord::default() })
    }

    fn thread(process: u32, runtime_ns: u64, is_exiting: bool) -> TaskRecord {
        let counters = Counters { runtime_ns, disk: Bytes { read: 10, written: 20 }, ..Counters::default() };
        TaskRecord::Thread(ThreadRecord { process, is_exiting, counters })
    }

    fn pass(tells_exits: bool, records: &[TaskRecord]) -> Vec<(u32, u64, u64)> {
        let mut pass = Pass::new(tells_exits);
        for _ in 0..2 {
            pass.begin();
            records.iter().for_each(|record| pass.take(*record));
            pass.end();
        }
        pass.tasks.iter().map(|task| (task.pid, task.cpu.user_ns, task.disk.read)).collect()
    }

    #[test]
    fn threads_count_for_their_process_wherever_they_come() {
        let records = [
            thread(9, 1, false),
            process(5, 10),
            thread(5, 2, false),
            process(9, 20),
            thread(5, 4, false),
            thread(77, 1, false),
        ];
        assert_eq!(pass(true, &records), [(5, 16, 21), (9, 21, 11)]);
        assert_eq!(pass(false, &records), [(5, 16, 121), (9, 21, 111)]);
    }

    #[test]
    fn disk_use_of_a_thread_that_ends_is_not_counted_twice() {
        let records = [process(5, 10), thread(5, 2, true)];
        assert_eq!(pass(true, &records), [(5, 12, 1)]);
        assert_eq!(pass(false, &records), [(5, 12, 111)]);
    }

    #[test]
    fn a_process_counts_once() {
        assert_eq!(pass(true, &[process(5, 10), process(5, 10), process(4, 1)]), [(5, 10, 1)]);
    }

    /// What is known after one more pass, and whether all of it is.
    fn again(pass: &mut Pass, records: &[TaskRecord]) -> (Vec<(u32, u64, bool)>, bool) {
        pass.begin();
        records.iter().for_each(|record| pass.take(*record));
        let tasks = pass.end().iter().map(|task| (task.pid, task.cpu.user_ns, task.rests)).collect();
        (tasks, !pass.is_amiss())
    }

    #[test]
    fn what_rests_is_as_it_was_and_what_is_not_told_is_gone() {
        let mut pass = Pass::new(true);
        let all = [process(3, 1), process(5, 2), thread(5, 4, false), process(9, 8)];
        again(&mut pass, &all);
        let rests = |pid| TaskRecord::Rests(pid);
        let found = again(&mut pass, &[rests(3), process(5, 20), thread(5, 40, false), rests(9)]);
        assert_eq!(found, (vec![(3, 1, true), (5, 60, false), (9, 8, true)], true));
        let found = again(&mut pass, &[rests(3), process(4, 7), process(9, 9), process(12, 1)]);
        assert_eq!(found, (vec![(3, 1, true), (4, 7, false), (9, 9, false), (12, 1, false)], true));
        let found = again(&mut pass, &[rests(4), rests(12)]);
        assert_eq!(found, (vec![(4, 7, true), (12, 1, true)], true));
        assert_eq!(again(&mut pass, &[]), (vec![], true));
    }

    #[test]
    fn what_rests_and_is_not_known_is_noticed() {
        let mut pass = Pass::new(true);
        again(&mut pass, &[process(3, 1), process(9, 8)]);
        let rests = |pid| TaskRecord::Rests(pid);
        for strange in [[rests(3), rests(5)], [rests(9), rests(3)], [process(3, 1), rests(3)]] {
            assert!(!again(&mut pass, &strange).1, "{strange:?}");
            assert!(again(&mut pass, &[process(3, 1), process(9, 8)]).1);
        }
    }
}
