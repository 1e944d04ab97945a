//! Hosts that do not exist: snapshots as an agent of a busy machine would take them, at any time, as fast
//! as they can be made. Counters and gauges move as real ones do (bursts, slow drift, whole kernel ticks,
//! whole pages), because how well a history compresses depends on it.

mod gauges;
mod processes;

use std::f64::consts::TAU;

use tacho_model::{Block, HostFacts, ProcessIdentity, tables};

use crate::random::Random;
use gauges::Walk;
use processes::Processes;

const CORES: u64 = 8;
const MEMORY_BYTES: u64 = 32 << 30;
const DISKS: [&str; 3] = ["nvme0n1", "nvme0n1p1", "nvme0n1p2"];
const INTERFACES: [&str; 2] = ["eth0", "lo"];
const MOUNT_POINTS: [&str; 2] = ["/", "/srv"];
/// As the agent's default: file systems once a minute.
const FILESYSTEM_INTERVAL_MS: i64 = 60_000;
const DAY_MS: f64 = 86_400_000.0;

/// What a synthetic host is like.
#[derive(Debug, Clone, Copy)]
pub struct HostShape {
    /// Processes alive.
    pub processes: usize,
    /// Of those, how many do something in each snapshot.
    pub active: usize,
}

/// One host that does not exist.
#[derive(Debug)]
pub struct Host {
    name: String,
    random: Random,
    processes: Processes,
    walks: Vec<Walk>,
    next_filesystem_ms: i64,
}

/// What one tick of it read, as an agent's sampler hands it on.
#[derive(Debug, Default)]
pub struct Tick {
    pub blocks: Vec<Block>,
    /// Identity of each process row; 0 is the `other` row.
    pub processes: Vec<u32>,
    pub new_identities: Vec<(u32, ProcessIdentity)>,
    pub retired: Vec<u32>,
}

impl Host {
    /// `boot_ms`: when its long-lived processes started.
    pub fn new(name: &str, seed: u64, shape: HostShape, boot_ms: i64) -> Self {
        let mut random = Random::new(seed);
        let processes = Processes::new(shape, boot_ms, &mut random);
        Self { name: name.to_owned(), random, processes, walks: Vec::new(), next_filesystem_ms: i64::MIN }
    }

    pub fn facts(&self, boot_ms: i64) -> HostFacts {
        HostFacts {
            host_name: self.name.clone(),
            os: "Synthetic Linux 1".to_owned(),
            kernel: "6.1.0-synthetic".to_owned(),
            architecture: "x86_64".to_owned(),
            cpu_model: "Synthetic CPU @ 3.00GHz".to_owned(),
            cpu_cores: CORES as u32,
            memory_bytes: MEMORY_BYTES,
            boot_time_ms: boot_ms,
            boot_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            virtualization: "kvm".to_owned(),
            addresses: vec!["192.0.2.1".to_owned()],
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            agent_user: "load".to_owned(),
            sampler: "proc".to_owned(),
            network: "none".to_owned(),
            exits: "parent".to_owned(),
            tags: vec!["synthetic".to_owned()],
            collectors: Vec::new(),
        }
    }

    /// The snapshot at `time_ms`, of the `interval_ms` before it.
    pub fn tick(&mut self, time_ms: i64, interval_ms: i64) -> Tick {
        let mut tick = Tick::default();
        let load = busy_share(time_ms, &mut self.random);
        let mut walks = std::mem::take(&mut self.walks).into_iter();
        let mut kept = Vec::new();
        let mut fill = |table, labels: &[&str], random: &mut Random| {
            let mut block = Block::new(table);
            block.interval_ms = interval_ms;
            for label in labels {
                let mut walk = walks.next().unwrap_or_else(|| Walk::new(table, random));
                walk.fill(&mut block, label, load, random);
                kept.push(walk);
            }
            block
        };
        let mut host = fill(&tables::host::TABLE, &[""], &mut self.random);
        let cores: Vec<String> = (0..CORES).map(|core| core.to_string()).collect();
        let cores: Vec<&str> = cores.iter().map(String::as_str).collect();
        let mut cpu = fill(&tables::cpu::TABLE, &cores, &mut self.random);
        let disk = fill(&tables::disk::TABLE, &DISKS, &mut self.random);
        let interface = fill(&tables::interface::TABLE, &INTERFACES, &mut self.random);
        let filesystem = fill(&tables::filesystem::TABLE, &MOUNT_POINTS, &mut self.random);
        self.walks = kept;
        gauges::share_cpu_time(&mut host, &mut cpu, load, &mut self.random);
        tick.blocks.extend([host, cpu, disk, interface]);
        if time_ms >= self.next_filesystem_ms {
            self.next_filesystem_ms = time_ms.saturating_add(FILESYSTEM_INTERVAL_MS);
            tick.blocks.push(filesystem);
        }
        self.processes.tick(time_ms, interval_ms, load, &mut self.random, &mut tick);
        tick
    }
}

/// Share of the machine that is busy: a day's wave, and noise upon it.
fn busy_share(time_ms: i64, random: &mut Random) -> f64 {
    let wave = 0.3 + 0.2 * (TAU * (time_ms as f64 / DAY_MS)).sin();
    (wave + random.burst(0.05)).clamp(0.02, 0.98)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tacho_model::tables::{host, process};

    use super::*;

    const SHAPE: HostShape = HostShape { processes: 200, active: 20 };

    fn block<'a>(tick: &'a Tick, table: &tacho_model::Table) -> &'a Block {
        tick.blocks.iter().find(|block| block.table().id == table.id).unwrap()
    }

    #[test]
    fn every_row_has_a_known_identity_and_idle_processes_come_once_a_minute() {
        let mut host = Host::new("load-1", 1, SHAPE, 0);
        let (mut known, mut seen) = (BTreeSet::from([0]), BTreeSet::new());
        for step in 1..=12 {
            let tick = host.tick(step * 5000, 5000);
            known.extend(tick.new_identities.iter().map(|(id, _)| *id));
            assert!(tick.processes.iter().all(|id| known.contains(id)));
            assert_eq!(tick.processes.len(), block(&tick, &process::TABLE).len());
            assert_eq!(tick.processes.iter().filter(|id| **id == 0).count(), 1);
            seen.extend(tick.processes);
        }
        assert!(seen.len() > SHAPE.processes, "{} of {}", seen.len(), SHAPE.processes);
    }

    #[test]
    fn cpu_time_adds_up_to_the_interval_of_all_cores() {
        let mut made = Host::new("load-1", 1, SHAPE, 0);
        let tick = made.tick(5000, 5000);
        let block = block(&tick, &host::TABLE);
        let sum: i64 = [
            host::CPU_USER_US,
            host::CPU_NICE_US,
            host::CPU_SYSTEM_US,
            host::CPU_IRQ_US,
            host::CPU_SOFTIRQ_US,
            host::CPU_STEAL_US,
            host::CPU_IOWAIT_US,
            host::CPU_IDLE_US,
        ]
        .into_iter()
        .filter_map(|column| block.integer(column, 0))
        .sum();
        assert_eq!(sum, 5_000_000 * CORES as i64);
    }

    #[test]
    fn a_seed_gives_the_same_history_again() {
        let snapshot = || {
            let mut host = Host::new("load-1", 9, SHAPE, 0);
            let ticks: Vec<_> = (1..5).map(|step| host.tick(step * 5000, 5000)).collect();
            format!("{ticks:?}")
        };
        assert_eq!(snapshot(), snapshot());
    }
}
