//! CPU time of the host and of each core, and the counters beside it: `/proc/stat`.

use std::path::Path;

use tacho_model::tables::{cpu, host};
use tacho_model::{Block, IntegerColumn, Row};
use tacho_proc::{Buffer, CpuTimes, KeptFile, SystemStat, clock_ticks_per_second, parse_stat};

use super::delta::grown;
use super::status::Status;

/// A part of CPU time, and where it goes in both tables. The kernel counts guests into user time as well.
struct Part {
    host: IntegerColumn,
    core: IntegerColumn,
    of: fn(&CpuTimes) -> u64,
}

const PARTS: [Part; 9] = [
    Part { host: host::CPU_USER_US, core: cpu::USER_US, of: |times| times.user.saturating_sub(times.guest) },
    Part {
        host: host::CPU_NICE_US,
        core: cpu::NICE_US,
        of: |times| times.nice.saturating_sub(times.guest_nice),
    },
    Part { host: host::CPU_SYSTEM_US, core: cpu::SYSTEM_US, of: |times| times.system },
    Part { host: host::CPU_IRQ_US, core: cpu::IRQ_US, of: |times| times.irq },
    Part { host: host::CPU_SOFTIRQ_US, core: cpu::SOFTIRQ_US, of: |times| times.softirq },
    Part { host: host::CPU_STEAL_US, core: cpu::STEAL_US, of: |times| times.steal },
    Part { host: host::CPU_IOWAIT_US, core: cpu::IOWAIT_US, of: |times| times.iowait },
    Part { host: host::CPU_IDLE_US, core: cpu::IDLE_US, of: |times| times.idle },
    Part {
        host: host::CPU_GUEST_US,
        core: cpu::GUEST_US,
        of: |times| times.guest.saturating_add(times.guest_nice),
    },
];

/// The kernel takes back up to this much idle, I/O wait or stolen time that it had guessed; that is no reset.
const CORRECTION_TICKS: u64 = 100;

#[derive(Debug)]
pub(super) struct Cpu {
    file: KeptFile,
    tick_us: u64,
    now: SystemStat,
    before: SystemStat,
    /// `before` holds a reading.
    comparable: bool,
    pub(super) status: Status,
}

impl Cpu {
    pub(super) fn new(proc_root: &Path) -> Self {
        Self {
            file: KeptFile::new(proc_root, "stat"),
            tick_us: 1_000_000 / clock_ticks_per_second().min(1_000_000),
            now: SystemStat::default(),
            before: SystemStat::default(),
            comparable: false,
            status: Status::new("cpu"),
        }
    }

    /// Processes and threads made since boot.
    pub(super) fn forks(&self) -> Option<u64> {
        self.now.forks.filter(|_| self.comparable)
    }

    /// Answers how much CPU time programs and the kernel's own threads used since the call before.
    pub(super) fn collect(
        &mut self,
        buffer: &mut Buffer,
        host: &mut Row<'_>,
        cores: &mut Block,
    ) -> Option<u64> {
        std::mem::swap(&mut self.now, &mut self.before);
        let comparable = std::mem::take(&mut self.comparable);
        let read = self.file.read_long_record(buffer).and_then(|text| parse_stat(text, &mut self.now));
        self.status.note("cpu", read)?;
        self.comparable = true;
        host.unsigned(host::CPU_CORES, self.now.cores.len() as u64)
            .optional(host::TASKS_RUNNING, self.now.running)
            .optional(host::TASKS_BLOCKED, self.now.blocked);
        if !comparable {
            return None;
        }
        let (now, before) = (&self.now, &self.before);
        host.optional(host::CONTEXT_SWITCHES, grown(now.context_switches, before.context_switches))
            .optional(host::INTERRUPTS, grown(now.interrupts, before.interrupts))
            .optional(host::FORKS, grown(now.forks, before.forks));
        for part in &PARTS {
            host.optional(part.host, self.spent(part, &now.total, &before.total));
        }
        self.collect_cores(cores);
        let busy = |times: &CpuTimes| times.user.saturating_add(times.nice).saturating_add(times.system);
        Some(busy(&now.total).saturating_sub(busy(&before.total)).saturating_mul(self.tick_us))
    }

    fn collect_cores(&self, cores: &mut Block) {
        for (core, now) in &self.now.cores {
            // A core that was not online before has nothing to compare with; it shows from the next snapshot on.
            let Ok(position) = self.before.cores.binary_search_by_key(core, |(core, _)| *core) else {
                continue;
            };
            let Some((_, before)) = self.before.cores.get(position) else { continue };
            let mut row = cores.push();
            row.unsigned(cpu::CORE, u64::from(*core));
            for part in &PARTS {
                row.optional(part.core, self.spent(part, now, before));
            }
        }
    }

    fn spent(&self, part: &Part, now: &CpuTimes, before: &CpuTimes) -> Option<u64> {
        let (now, before) = ((part.of)(now), (part.of)(before));
        let ticks = match now.checked_sub(before) {
            Some(ticks) => ticks,
            None if before - now <= CORRECTION_TICKS => 0,
            None => return None,
        };
        Some(ticks.saturating_mul(self.tick_us))
    }
}
