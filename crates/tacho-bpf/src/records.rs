//! Records as the programs write them: the layout of `bpf/records.h`.

use crate::task::{Bytes, Cpu, Ending, Exit, ExitStatus, Total};

/// A task that ends, and one that is the kernel's own.
const EXITING: u32 = 0x4;
const KERNEL_THREAD: u32 = 0x20_0000;

/// In place of a record: the process with the rest of the bits as its pid is as it was told last.
const RESTS: u32 = 1 << 31;

/// The longest beginning of a command line in an exit record.
const COMMAND_BYTES: usize = 128;

const THREAD_BYTES: usize = 16 + 56;
const PROCESS_BYTES: usize = 16 + 56 + 32 + 8 * 8 + 4 * 4 + 16;
const EXIT_BYTES: usize = 2 * 4 + 6 * 8 + 32 + 2 * 8 + 4 * 4 + 16 + COMMAND_BYTES;
const TOTAL_BYTES: usize = 2 * 4 + 7 * 8;
pub(crate) const HOLDER_BYTES: usize = 8 + 2 * 4;

/// Counters of one thread.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) runtime_ns: u64,
    pub(crate) user_ns: u64,
    pub(crate) system_ns: u64,
    pub(crate) minor_faults: u64,
    pub(crate) major_faults: u64,
    pub(crate) disk: Bytes,
}

/// What the programs keep for a process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kept {
    pub(crate) network: Bytes,
    pub(crate) disk: Bytes,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ThreadRecord {
    pub(crate) process: u32,
    pub(crate) is_exiting: bool,
    pub(crate) counters: Counters,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProcessRecord {
    pub(crate) pid: u32,
    pub(crate) is_exiting: bool,
    pub(crate) is_kernel_thread: bool,
    pub(crate) state: u32,
    pub(crate) counters: Counters,
    pub(crate) kept: Kept,
    pub(crate) inherited: Bytes,
    pub(crate) children: Cpu,
    pub(crate) start_boot_ns: u64,
    pub(crate) cgroup_id: u64,
    pub(crate) exec_mark: u64,
    pub(crate) resident_pages: u64,
    pub(crate) parent: u32,
    pub(crate) user_id: u32,
    pub(crate) threads: u32,
    pub(crate) comm: [u8; 16],
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum TaskRecord {
    Process(ProcessRecord),
    Thread(ThreadRecord),
    /// The pid of a process that is as it was told last.
    Rests(u32),
}

/// Takes one record off the front of `bytes`. `None`: not all of it is there.
pub(crate) fn next_task(bytes: &mut &[u8]) -> Option<TaskRecord> {
    let mut ahead = Fields(bytes);
    let first = ahead.u32()?;
    if first & RESTS != 0 {
        *bytes = ahead.0;
        return Some(TaskRecord::Rests(first & !RESTS));
    }
    let is_process = first == ahead.u32()?;
    let (record, rest) = bytes.split_at_checked(if is_process { PROCESS_BYTES } else { THREAD_BYTES })?;
    let mut fields = Fields(record);
    let parsed = if is_process {
        TaskRecord::Process(fields.process()?)
    } else {
        TaskRecord::Thread(fields.thread()?)
    };
    *bytes = rest;
    Some(parsed)
}

/// The pid and the inode of a socket; inode 0: there is none.
pub(crate) fn parse_holder(record: &[u8; HOLDER_BYTES]) -> (u32, u64) {
    let mut fields = Fields(record);
    let inode = fields.u64().unwrap_or(0);
    (fields.u32().unwrap_or(0), inode)
}

/// A record of a process's end, which its length tells apart. `None`: it is neither.
pub(crate) fn parse_ending(bytes: &[u8]) -> Option<Ending<'_>> {
    match bytes.len() {
        EXIT_BYTES => Fields(bytes).exit().map(Ending::Exit),
        TOTAL_BYTES => Fields(bytes).total().map(Ending::Total),
        _ => None,
    }
}

/// Reads fields off the front.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_ne_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_ne_bytes)
    }

    fn bytes(&mut self) -> Option<Bytes> {
        Some(Bytes { read: self.u64()?, written: self.u64()? })
    }

    fn counters(&mut self) -> Option<Counters> {
        Some(Counters {
            runtime_ns: self.u64()?,
            user_ns: self.u64()?,
            system_ns: self.u64()?,
            minor_faults: self.u64()?,
            major_faults: self.u64()?,
            disk: self.bytes()?,
        })
    }

    fn kept(&mut self) -> Option<Kept> {
        Some(Kept { network: self.network()?, disk: self.bytes()? })
    }

    fn network(&mut self) -> Option<Bytes> {
        let (written, read) = (self.u64()?, self.u64()?);
        Some(Bytes { read, written })
    }

    fn thread(&mut self) -> Option<ThreadRecord> {
        let (process, _, flags, _) = (self.u32()?, self.u32()?, self.u32()?, self.u32()?);
        Some(ThreadRecord { process, is_exiting: flags & EXITING != 0, counters: self.counters()? })
    }

    fn process(&mut self) -> Option<ProcessRecord> {
        let (pid, _, flags) = (self.u32()?, self.u32()?, self.u32()?);
        let record = ProcessRecord {
            pid,
            is_exiting: flags & EXITING != 0,
            is_kernel_thread: flags & KERNEL_THREAD != 0,
            state: self.u32()?,
            counters: self.counters()?,
            kept: self.kept()?,
            inherited: self.bytes()?,
            children: Cpu { user_ns: self.u64()?, system_ns: self.u64()? },
            start_boot_ns: self.u64()?,
            cgroup_id: self.u64()?,
            exec_mark: self.u64()?,
            resident_pages: self.u64()?,
            parent: self.u32()?,
            user_id: self.u32()?,
            threads: self.u32()?,
            comm: [0; 16],
        };
        let _padding = self.u32()?;
        Some(ProcessRecord { comm: self.array()?, ..record })
    }

    fn total(&mut self) -> Option<Total> {
        let (pid, _) = (self.u32()?, self.u32()?);
        Some(Total {
            pid,
            start_boot_ns: self.u64()?,
            cpu: Cpu::parted(self.u64()?, self.u64()?, self.u64()?),
            major_faults: self.u64()?,
            network: self.network()?,
        })
    }

    fn exit(&mut self) -> Option<Exit<'b>> {
        let (pid, parent) = (self.u32()?, self.u32()?);
        let (start_boot_ns, ended_boot_ns) = (self.u64()?, self.u64()?);
        let cpu = Cpu::parted(self.u64()?, self.u64()?, self.u64()?);
        let major_faults = self.u64()?;
        let kept = self.kept()?;
        let (cgroup_id, resident_pages) = (self.u64()?, self.u64()?);
        let (user_id, status, flags, length) = (self.u32()?, self.u32()?, self.u32()?, self.u32()?);
        let comm = self.array()?;
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(self.0.len());
        Some(Exit {
            pid,
            parent,
            is_kernel_thread: flags & KERNEL_THREAD != 0,
            user_id,
            cgroup_id,
            start_boot_ns,
            ended_boot_ns,
            resident_pages,
            cpu,
            major_faults,
            disk: kept.disk,
            network: kept.network,
            status: ExitStatus::of(status),
            comm,
            arguments: self.0.get(..length).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_not_all_there_is_left() {
        let process = [7u32.to_ne_bytes(); PROCESS_BYTES / 4].concat();
        let mut thread = vec![0; THREAD_BYTES];
        thread[..8].copy_from_slice(&[7u32.to_ne_bytes(), 8u32.to_ne_bytes()].concat());
        let rests = (9u32 | RESTS).to_ne_bytes().to_vec();
        let all = [process, rests, thread].concat();
        for length in 0..=all.len() {
            let mut bytes = &all[..length];
            let (mut processes, mut threads, mut resting) = (0, 0, 0);
            while let Some(record) = next_task(&mut bytes) {
                match record {
                    TaskRecord::Process(process) => processes += process.pid,
                    TaskRecord::Thread(thread) => threads += thread.process,
                    TaskRecord::Rests(pid) => resting += pid,
                }
            }
            assert_eq!(processes > 0, length >= PROCESS_BYTES);
            assert_eq!(resting, if length >= PROCESS_BYTES + 4 { 9 } else { 0 });
            assert_eq!(threads > 0, length == all.len());
        }
    }

    #[test]
    fn an_exit_record_that_lies_about_its_length_ends_with_its_bytes() {
        let bytes = [0xffu8; EXIT_BYTES];
        assert!(parse_ending(&bytes[1..]).is_none());
        let Some(Ending::Exit(exit)) = parse_ending(&bytes) else { panic!("an exit record") };
        assert_eq!(exit.arguments.len(), COMMAND_BYTES);
    }
}
