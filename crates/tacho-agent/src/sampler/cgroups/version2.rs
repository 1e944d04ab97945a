//! Files of version 2: all in one directory.

use std::path::Path;

use tacho_proc::{
    Buffer, GroupCpu, KeptFile, group_value, parse_cpu_max, parse_group_cpu, parse_group_io,
    parse_group_limit, parse_number, parse_pressure,
};

use super::files::{Readings, kept, read};

const NAMES: [&str; 12] = [
    "cpu.max",
    "memory.current",
    "memory.max",
    "memory.stat",
    "memory.swap.current",
    "memory.events",
    "pids.current",
    "pids.max",
    "io.stat",
    "cpu.pressure",
    "memory.pressure",
    "io.pressure",
];

#[derive(Debug)]
pub(super) struct Files2 {
    cpu: KeptFile,
    /// In the order of [`NAMES`].
    pub(super) rest: [KeptFile; 12],
}

impl Files2 {
    pub(super) fn new(directory: &Path) -> Self {
        Self { cpu: kept(directory, "cpu.stat"), rest: NAMES.map(|name| kept(directory, name)) }
    }

    pub(super) fn read_cpu(&mut self, buffer: &mut Buffer) -> Option<GroupCpu> {
        self.cpu.read_record(buffer).ok().map(parse_group_cpu)
    }

    pub(super) fn read_rest(&mut self, buffer: &mut Buffer) -> Readings {
        let [
            cpu_max,
            memory,
            memory_max,
            memory_stat,
            swap,
            events,
            tasks,
            tasks_max,
            io,
            cpu_pressure,
            memory_pressure,
            io_pressure,
        ] = &mut self.rest;
        Readings {
            throttled_us: None,
            cpu_limit: read(cpu_max, buffer, parse_cpu_max),
            memory: read(memory, buffer, parse_number),
            memory_limit: read(memory_max, buffer, parse_group_limit),
            anonymous: read(memory_stat, buffer, |text| group_value(text, b"anon")),
            swap: read(swap, buffer, parse_number),
            oom_kills: read(events, buffer, |text| group_value(text, b"oom_kill")),
            tasks: read(tasks, buffer, parse_number),
            tasks_limit: read(tasks_max, buffer, parse_group_limit),
            io: read(io, buffer, |text| Some(parse_group_io(text))),
            pressures: [cpu_pressure, memory_pressure, io_pressure]
                .map(|file| read(file, buffer, |text| Some(parse_pressure(text))).unwrap_or_default()),
        }
    }
}
