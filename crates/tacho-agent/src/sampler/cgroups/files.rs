//! The files of one control group.

use tacho_model::tables::cgroup;
use tacho_model::{IntegerColumn, Row};
use tacho_proc::{Buffer, GroupCpu, GroupIo, KeptFile, Pressure};

use super::version1::Files1;
use super::version2::Files2;
use super::walk::Hierarchy;
use crate::sampler::delta::grown;

/// What errors call such a file; they are not told one by one.
const NAME: &str = "a file of a control group";

#[derive(Debug)]
pub(super) enum Files {
    Version1(Box<Files1>),
    Version2(Box<Files2>),
}

/// All but CPU time; what is not told is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Readings {
    /// Of version 1, which has it in a file of its own.
    pub(super) throttled_us: Option<u64>,
    pub(super) cpu_limit: Option<f64>,
    pub(super) memory: Option<u64>,
    pub(super) memory_limit: Option<u64>,
    pub(super) anonymous: Option<u64>,
    pub(super) swap: Option<u64>,
    pub(super) oom_kills: Option<u64>,
    pub(super) tasks: Option<u64>,
    pub(super) tasks_limit: Option<u64>,
    pub(super) io: Option<GroupIo>,
    /// CPU, memory, disk.
    pub(super) pressures: [Pressure; 3],
}

impl Files {
    pub(super) fn of(hierarchy: &Hierarchy, path: &str) -> Self {
        let below = path.trim_start_matches('/');
        match hierarchy {
            Hierarchy::Unified(root) => Self::Version2(Box::new(Files2::new(&root.join(below)))),
            Hierarchy::Controllers(trees) => Self::Version1(Box::new(Files1::new(trees, below))),
        }
    }

    pub(super) fn read_cpu(&mut self, buffer: &mut Buffer) -> Option<GroupCpu> {
        match self {
            Self::Version1(files) => files.read_cpu(buffer),
            Self::Version2(files) => files.read_cpu(buffer),
        }
    }

    pub(super) fn read_rest(&mut self, buffer: &mut Buffer) -> Readings {
        match self {
            Self::Version1(files) => files.read_rest(buffer),
            Self::Version2(files) => files.read_rest(buffer),
        }
    }

    /// Gives back all descriptors but the one for CPU time.
    pub(super) fn close(&mut self) {
        match self {
            Self::Version1(files) => files.rest.iter_mut().for_each(KeptFile::close),
            Self::Version2(files) => files.rest.iter_mut().for_each(KeptFile::close),
        }
    }
}

impl Readings {
    /// What the counters of a group are before anything was done in it.
    pub(super) fn at_creation() -> Self {
        Self {
            throttled_us: Some(0),
            oom_kills: Some(0),
            io: Some(GroupIo::default()),
            pressures: [Pressure { some_us: Some(0), full_us: Some(0) }; 3],
            ..Self::default()
        }
    }

    /// The group is still there.
    pub(super) fn is_any(&self) -> bool {
        self.memory.is_some() || self.tasks.is_some() || self.io.is_some()
    }

    pub(super) fn write(&self, row: &mut Row<'_>, before: &Self) {
        if let Some(cores) = self.cpu_limit {
            row.float(cgroup::CPU_LIMIT_CORES, cores);
        }
        if self.throttled_us.is_some() {
            row.optional(cgroup::CPU_THROTTLED_US, grown(self.throttled_us, before.throttled_us));
        }
        let read = |of: fn(GroupIo) -> u64| grown(self.io.map(of), before.io.map(of));
        row.optional(cgroup::MEMORY_BYTES, self.memory)
            .optional(cgroup::MEMORY_LIMIT_BYTES, self.memory_limit)
            .optional(cgroup::MEMORY_ANONYMOUS_BYTES, self.anonymous)
            .optional(cgroup::SWAP_BYTES, self.swap)
            .optional(cgroup::OOM_KILLS, grown(self.oom_kills, before.oom_kills))
            .optional(cgroup::TASKS, self.tasks)
            .optional(cgroup::TASKS_LIMIT, self.tasks_limit)
            .optional(cgroup::DISK_READ_BYTES, read(|io| io.read_bytes))
            .optional(cgroup::DISK_WRITE_BYTES, read(|io| io.write_bytes));
        // For a single CPU limit, waiting of all tasks is what throttling tells already.
        let columns: [(IntegerColumn, Option<IntegerColumn>); 3] = [
            (cgroup::CPU_PRESSURE_SOME_US, None),
            (cgroup::MEMORY_PRESSURE_SOME_US, Some(cgroup::MEMORY_PRESSURE_FULL_US)),
            (cgroup::IO_PRESSURE_SOME_US, Some(cgroup::IO_PRESSURE_FULL_US)),
        ];
        for ((some, full), (now, before)) in columns.iter().zip(self.pressures.iter().zip(&before.pressures))
        {
            row.optional(*some, grown(now.some_us, before.some_us));
            if let Some(full) = full {
                row.optional(*full, grown(now.full_us, before.full_us));
            }
        }
    }
}

/// A file that is kept open.
pub(super) fn kept(directory: &std::path::Path, name: &str) -> KeptFile {
    KeptFile::at(directory.join(name), NAME)
}

/// Reads and parses; what can not be read is absent.
pub(super) fn read<T>(
    file: &mut KeptFile,
    buffer: &mut Buffer,
    parse: impl FnOnce(&[u8]) -> Option<T>,
) -> Option<T> {
    file.read_long_record(buffer).ok().and_then(parse)
}
