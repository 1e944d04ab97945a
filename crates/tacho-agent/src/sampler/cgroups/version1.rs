//! Files of version 1: a directory for each controller.

use tacho_proc::{
    Buffer, GroupCpu, KeptFile, clock_ticks_per_second, cores_of_quota, group_value, parse_group_blkio,
    parse_group_cpu, parse_group_cpuacct, parse_group_limit, parse_number,
};

use super::files::{Readings, kept, read};
use super::walk::Controllers;

#[derive(Debug)]
pub(super) struct Files1 {
    cpuacct: KeptFile,
    ticks_per_second: u64,
    pub(super) rest: [KeptFile; 10],
}

impl Files1 {
    pub(super) fn new(trees: &Controllers, path: &str) -> Self {
        let [cpu, cpuacct, memory, pids, blkio] =
            [&trees.cpu, &trees.cpuacct, &trees.memory, &trees.pids, &trees.blkio]
                .map(|tree| tree.join(path));
        Self {
            cpuacct: kept(&cpuacct, "cpuacct.stat"),
            ticks_per_second: clock_ticks_per_second(),
            rest: [
                kept(&cpu, "cpu.stat"),
                kept(&cpu, "cpu.cfs_quota_us"),
                kept(&cpu, "cpu.cfs_period_us"),
                kept(&memory, "memory.usage_in_bytes"),
                kept(&memory, "memory.limit_in_bytes"),
                kept(&memory, "memory.stat"),
                kept(&memory, "memory.oom_control"),
                kept(&pids, "pids.current"),
                kept(&pids, "pids.max"),
                kept(&blkio, "blkio.throttle.io_service_bytes"),
            ],
        }
    }

    pub(super) fn read_cpu(&mut self, buffer: &mut Buffer) -> Option<GroupCpu> {
        let text = self.cpuacct.read_record(buffer).ok()?;
        Some(parse_group_cpuacct(text, self.ticks_per_second))
    }

    pub(super) fn read_rest(&mut self, buffer: &mut Buffer) -> Readings {
        let [cpu_stat, quota, period, memory, memory_limit, memory_stat, oom, tasks, tasks_max, io] =
            &mut self.rest;
        let period = read(period, buffer, parse_number);
        let quota = read(quota, buffer, parse_number);
        Readings {
            throttled_us: read(cpu_stat, buffer, |text| parse_group_cpu(text).throttled_us),
            cpu_limit: quota.zip(period).and_then(|(quota, period)| cores_of_quota(quota, period)),
            memory: read(memory, buffer, parse_number),
            memory_limit: read(memory_limit, buffer, parse_group_limit),
            // With the groups below it, as all else is counted.
            anonymous: read(memory_stat, buffer, |text| group_value(text, b"total_rss")),
            swap: read(memory_stat, buffer, |text| group_value(text, b"total_swap")),
            // Since Linux 4.13.
            oom_kills: read(oom, buffer, |text| group_value(text, b"oom_kill")),
            tasks: read(tasks, buffer, parse_number),
            tasks_limit: read(tasks_max, buffer, parse_group_limit),
            io: read(io, buffer, |text| Some(parse_group_blkio(text))),
            pressures: Default::default(),
        }
    }
}
