//! One pass over all tasks: threads are added to their processes.

use crate::records::{Counters, ProcessRecord, TaskRecord, ThreadRecord};
use crate::task::{Bytes, Cpu, Task, state_letter};

/// Adds up the records of a pass; its memory is used again by the next.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// Disk use of ended threads is told by itself, and without that of children.
    tells_exits: bool,
    /// In the order in which they come: by pid, unless something is wrong.
    tasks: Vec<Task>,
    /// Of the process at the same position.
    sums: Vec<Counters>,
    /// Threads whose number is below their process's, which comes later: numbers have begun anew.
    early: Vec<ThreadRecord>,
}

impl Pass {
    pub(crate) fn new(tells_exits: bool) -> Self {
        Self { tells_exits, ..Self::default() }
    }

    pub(crate) fn begin(&mut self) {
        self.tasks.clear();
        self.sums.clear();
        self.early.clear();
    }

    pub(crate) fn take(&mut self, record: TaskRecord) {
        match record {
            TaskRecord::Process(process) => self.take_process(&process),
            TaskRecord::Thread(thread) => {
                if !self.add_thread(&thread) {
                    self.early.push(thread);
                }
            }
        }
    }

    /// All processes, by pid.
    pub(crate) fn end(&mut self) -> &[Task] {
        let early = std::mem::take(&mut self.early);
        for thread in &early {
            self.add_thread(thread);
        }
        self.early = early;
        for (task, sum) in self.tasks.iter_mut().zip(&self.sums) {
            task.cpu = Cpu::parted(sum.runtime_ns, sum.user_ns, sum.system_ns);
            (task.minor_faults, task.major_faults) = (sum.minor_faults, sum.major_faults);
            task.disk.add(sum.disk);
        }
        &self.tasks
    }

    /// What the newest pass found.
    pub(crate) fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn take_process(&mut self, record: &ProcessRecord) {
        // Processes come by pid. What comes again was moved in the kernel's list during the pass.
        if self.tasks.last().is_some_and(|last| last.pid >= record.pid) {
            return;
        }
        let (disk, mark) = match self.tells_exits {
            true => (record.kept.disk, record.kept.disk.read.saturating_add(record.kept.disk.written)),
            false => (record.inherited, 0),
        };
        self.tasks.push(Task {
            pid: record.pid,
            parent: record.parent,
            state: state_letter(record.state),
            is_kernel_thread: record.is_kernel_thread,
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
        let Ok(position) = self.tasks.binary_search_by_key(&thread.process, |task| task.pid) else {
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
}
