//! `/proc/stat`: CPU time of the host and of each core, and a few counters.

use crate::ProcError;
use crate::bytes::{lines, number, words};

/// CPU time in clock ticks since boot. `user` includes `guest`, and `nice` includes `guest_nice`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTimes {
    pub user: u64,
    pub nice: u64,
    pub system: u64,
    pub idle: u64,
    pub iowait: u64,
    pub irq: u64,
    pub softirq: u64,
    pub steal: u64,
    pub guest: u64,
    pub guest_nice: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemStat {
    pub total: CpuTimes,
    /// Cores online, with their number.
    pub cores: Vec<(u32, CpuTimes)>,
    pub context_switches: Option<u64>,
    pub interrupts: Option<u64>,
    pub forks: Option<u64>,
    pub running: Option<u64>,
    pub blocked: Option<u64>,
}

/// Replaces `stat` by what `text` says and keeps its memory.
///
/// `cpu0 25182 0 3771 98594 203 0 12 37 0 0`; kernels before 2.6.33 have fewer numbers.
pub fn parse_stat(text: &[u8], stat: &mut SystemStat) -> Result<(), ProcError> {
    let mut cores = std::mem::take(&mut stat.cores);
    cores.clear();
    *stat = SystemStat { cores, ..SystemStat::default() };
    let mut total = None;
    for line in lines(text) {
        let mut words = words(line);
        let Some(key) = words.next() else { continue };
        if let Some(core) = key.strip_prefix(b"cpu") {
            match core {
                b"" => total = parse_times(words),
                core => stat.cores.extend(core_number(core).zip(parse_times(words))),
            }
            continue;
        }
        let field = match key {
            b"ctxt" => &mut stat.context_switches,
            b"intr" => &mut stat.interrupts,
            b"processes" => &mut stat.forks,
            b"procs_running" => &mut stat.running,
            b"procs_blocked" => &mut stat.blocked,
            _ => continue,
        };
        *field = words.next().and_then(number);
    }
    stat.total = total.ok_or(ProcError::Malformed { file: "stat" })?;
    Ok(())
}

fn core_number(text: &[u8]) -> Option<u32> {
    u32::try_from(number(text)?).ok()
}

fn parse_times<'t>(mut words: impl Iterator<Item = &'t [u8]>) -> Option<CpuTimes> {
    let mut required = || number(words.next()?);
    let (user, nice, system, idle) = (required()?, required()?, required()?, required()?);
    let mut later = || words.next().and_then(number).unwrap_or(0);
    Some(CpuTimes {
        user,
        nice,
        system,
        idle,
        iowait: later(),
        irq: later(),
        softirq: later(),
        steal: later(),
        guest: later(),
        guest_nice: later(),
    })
}
