//! Takes snapshots of this host and of every process on it, from `/proc` and `/sys`.
//!
//! Synchronous, for one thread. Each collector reads one part of the system into the row or block that is
//! its own; what one can not read is absent and costs the others nothing. Files stay open, buffers are used
//! again: once every process is known, a snapshot allocates nothing.
//!
//! Counters become deltas over the measured time between two calls. The first call has nothing to compare
//! with and gives states only.

pub mod accounts;
mod arrays;
mod cgroups;
mod connections;
mod cpu;
mod delta;
mod disks;
mod every;
mod facts;
mod filesystems;
mod gpus;
mod interfaces;
mod kernel;
mod kernel_log;
mod load;
mod logins;
mod memory;
mod nodes;
mod own;
mod parts;
mod patience;
mod pressure;
mod processes;
mod sensors;
mod sockets;
mod status;
mod traffic;
mod users;
mod ways;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tacho_model::{Block, CollectorStatus, HostFacts, ProcessIdentity, tables};
use tacho_proc::Buffer;

use connections::{Connections, Demand};
use cpu::Cpu;
use disks::Disks;
use filesystems::FileSystems;
use interfaces::Interfaces;
use load::Load;
use memory::Memory;
use own::Own;
use parts::Parts;
use pressure::Pressures;
use processes::{Processes, Surroundings};
use sockets::Sockets;
use status::Status;

pub use kernel::ReadClock;
pub use own::AgentCounters;
pub use parts::PartsConfig;
pub use sensors::TemperatureLevels;
pub use ways::{ExitsChoice, NetworkChoice, SamplerChoice};

/// Soft limit of open files that is asked for: two for each process whose files are kept, and room for the
/// rest of the agent.
const OPEN_FILES_WANTED: u64 = 8192;

/// Where to read, and how much to tell. The default is this machine.
#[derive(Debug, Clone)]
pub struct SamplerConfig {
    /// `/proc`, or a tree like it.
    pub proc_root: PathBuf,
    /// `/sys`, or a tree like it.
    pub sys_root: PathBuf,
    /// `/etc`, or a tree like it: account names and the name of the distribution.
    pub etc_root: PathBuf,
    /// How processes are read.
    pub sampler: SamplerChoice,
    /// Where it comes from what processes used that ended between two snapshots.
    pub exits: ExitsChoice,
    /// Where bytes on the network of each process come from.
    pub network: NetworkChoice,
    /// Most rows of processes in a snapshot, the `other` row not counted.
    pub process_rows: usize,
    /// How long a process may rest without being read, where reading each has a cost of its own; zero: not at all.
    pub longest_rest: Duration,
    /// How often a process that does nothing gets a row.
    pub idle_process_interval: Duration,
    /// Most rows of connections in a snapshot, those that carried most.
    pub connection_rows: usize,
    /// Bytes per second from which a connection has a row in any case; 0: from none.
    pub connection_threshold: u64,
    /// How often all listeners are told; in between those that come and go.
    pub listener_interval: Duration,
    /// How often file systems are looked at.
    pub filesystem_interval: Duration,
    /// When the host booted, in milliseconds since the epoch: start times of processes are reckoned from it.
    pub boot_time_ms: i64,
    /// Identities are numbered from the one after this.
    pub newest_identity: u32,
    /// What the parts beside CPU, memory, disks, network and processes read.
    pub parts: PartsConfig,
}

impl Default for SamplerConfig {
    /// This machine.
    fn default() -> Self {
        Self { parts: PartsConfig::default(), ..Self::below(Path::new("/")) }
    }
}

impl SamplerConfig {
    /// Reads below `root`, a tree that stands for a machine.
    pub fn below(root: &Path) -> Self {
        Self {
            proc_root: root.join("proc"),
            sys_root: root.join("sys"),
            etc_root: root.join("etc"),
            sampler: SamplerChoice::default(),
            exits: ExitsChoice::default(),
            network: NetworkChoice::default(),
            process_rows: 500,
            longest_rest: Duration::from_secs(30),
            idle_process_interval: Duration::from_secs(60),
            connection_rows: 20,
            connection_threshold: 0,
            listener_interval: Duration::from_secs(3600),
            filesystem_interval: Duration::from_secs(60),
            boot_time_ms: 0,
            newest_identity: 0,
            parts: PartsConfig::below(root),
        }
    }
}

/// Why there can be no sampler.
#[derive(Debug, thiserror::Error)]
pub enum SamplerError {
    #[error("{} can not be opened", path.display())]
    Open { path: PathBuf, source: io::Error },
}

/// All that one call of [`Sampler::sample`] read; its memory is used again by the next.
#[derive(Debug, Default)]
pub struct Sample {
    pub boot_clock_us: u64,
    /// One per table; an empty one has nothing to send.
    pub blocks: Vec<Block>,
    /// Identity of each process row; 0 is the `other` row.
    pub processes: Vec<u32>,
    /// Identities that rows name for the first time.
    pub new_identities: Vec<(u32, Arc<ProcessIdentity>)>,
    /// Identities that no later sample names.
    pub retired: Vec<u32>,
}

/// Reads this host.
#[derive(Debug)]
pub struct Sampler {
    config: SamplerConfig,
    buffer: Buffer,
    ticks: u64,
    previous_us: Option<u64>,
    cpu: Cpu,
    memory: Memory,
    load: Load,
    pressures: Pressures,
    disks: Disks,
    interfaces: Interfaces,
    sockets: Sockets,
    file_systems: FileSystems,
    processes: Processes,
    connections: Connections,
    own: Own,
    parts: Parts,
    process_cost_us: Option<u64>,
}

/// One call of [`Sampler::sample`].
#[derive(Debug, Clone, Copy)]
struct Tick {
    /// Counts from 0.
    number: u64,
    now_us: u64,
    /// Since the call before; `None` in the first.
    interval_us: Option<u64>,
}

/// Positions in [`Sample::blocks`], in the order of [`tables::ALL`].
struct Blocks<'s> {
    host: &'s mut Block,
    cpu: &'s mut Block,
    disk: &'s mut Block,
    filesystem: &'s mut Block,
    interface: &'s mut Block,
    process: &'s mut Block,
    cgroup: &'s mut Block,
    sensor: &'s mut Block,
    numa: &'s mut Block,
    raid: &'s mut Block,
    gpu: &'s mut Block,
    event: &'s mut Block,
    connection: &'s mut Block,
    listener: &'s mut Block,
}

impl Sampler {
    /// Opens what is read at every call. Raises the soft limit of open files, because files of processes are
    /// kept open.
    pub fn new(config: SamplerConfig) -> Result<Self, SamplerError> {
        let open_files = tacho_proc::raise_open_files_limit(OPEN_FILES_WANTED);
        let proc_root = config.proc_root.as_path();
        let mut processes = Processes::new(&config, open_files)
            .map_err(|source| SamplerError::Open { path: config.proc_root.clone(), source })?;
        Ok(Self {
            buffer: Buffer::default(),
            ticks: 0,
            previous_us: None,
            cpu: Cpu::new(proc_root),
            memory: Memory::new(proc_root),
            load: Load::new(proc_root),
            pressures: Pressures::new(proc_root),
            disks: Disks::new(proc_root, &config.sys_root),
            interfaces: Interfaces::new(proc_root, &config.sys_root),
            sockets: Sockets::new(proc_root),
            file_systems: FileSystems::new(proc_root, config.filesystem_interval),
            connections: Connections::new(&config, processes.take_holders()),
            processes,
            own: Own::new(proc_root),
            parts: Parts::new(&config),
            process_cost_us: None,
            config,
        })
    }

    /// What the next snapshot tells about the agent's own queue.
    pub fn set_agent_counters(&mut self, counters: AgentCounters) {
        self.own.counters = counters;
    }

    /// CPU time of the part of the last sample that reads processes; `None` where the thread's clock cannot be read.
    pub fn process_cost_us(&self) -> Option<u64> {
        self.process_cost_us
    }

    /// Reads everything that is due in place of what `sample` held. `now_us` is the boot clock.
    pub fn sample(&mut self, now_us: u64, sample: &mut Sample) {
        let started_us = tacho_proc::thread_cpu_time_us();
        let interval_us = self.previous_us.map(|previous| now_us.saturating_sub(previous));
        let tick = Tick { number: self.ticks, now_us, interval_us };
        self.previous_us = Some(now_us);
        self.ticks += 1;
        sample.boot_clock_us = now_us;
        sample.processes.clear();
        sample.new_identities.clear();
        sample.retired.clear();
        self.collect(&tick, sample);
        self.own.note_cost(started_us, tacho_proc::thread_cpu_time_us());
    }

    fn collect(&mut self, tick: &Tick, sample: &mut Sample) {
        if sample.blocks.len() != tables::ALL.len() {
            sample.blocks = tables::ALL.iter().map(|table| Block::new(table)).collect();
        }
        let interval_ms =
            i64::try_from(tick.interval_us.unwrap_or(0).saturating_add(500) / 1000).unwrap_or(i64::MAX);
        for block in &mut sample.blocks {
            block.clear();
            block.interval_ms = interval_ms;
        }
        let Some(blocks) = Blocks::of(&mut sample.blocks) else { return };
        let (host, buffer) = (&mut blocks.host.push(), &mut self.buffer);
        let busy_us = self.cpu.collect(buffer, host, blocks.cpu);
        let swap_used_bytes = self.memory.collect(buffer, host);
        let threads = self.load.collect(buffer, host);
        self.pressures.collect(buffer, host);
        self.disks.collect(tick, buffer, host, blocks.disk);
        self.interfaces.collect(tick, buffer, host, blocks.interface);
        self.sockets.collect(buffer, host);
        self.file_systems.collect(tick, buffer, blocks.filesystem);
        let comings_and_goings = self.cpu.forks().zip(threads);
        let demand = Demand {
            processes: self.processes.wants_network(),
            states: self.sockets.wants_states(tick),
            activity: self.sockets.activity(),
            hidden: self.processes.hidden(),
        };
        let states = self.connections.look(tick, demand, buffer);
        self.sockets.write_states(tick, states, buffer, host);
        let surroundings = Surroundings {
            busy_us,
            swap_used_bytes,
            comings_and_goings,
            network: self.connections.process_bytes(),
            has_network: self.connections.has_counters(),
        };
        let mut out = processes::Output {
            host,
            block: blocks.process,
            processes: &mut sample.processes,
            new_identities: &mut sample.new_identities,
            retired: &mut sample.retired,
        };
        let started_us = tacho_proc::thread_cpu_time_us();
        self.processes.collect(tick, surroundings, &mut out);
        let ended_us = tacho_proc::thread_cpu_time_us();
        self.process_cost_us = ended_us.zip(started_us).map(|(ended, started)| ended.saturating_sub(started));
        self.connections.write(tick, &self.processes, blocks.connection, blocks.listener);
        self.own.collect(tick, buffer, host);
        let mut out = parts::Output {
            host,
            cgroup: blocks.cgroup,
            sensor: blocks.sensor,
            numa: blocks.numa,
            raid: blocks.raid,
            gpu: blocks.gpu,
            event: blocks.event,
        };
        self.parts.collect(tick, buffer, &mut out);
    }

    /// What this host is, and what can and can not be read of it. Reads a dozen small files.
    pub fn facts(&mut self) -> HostFacts {
        facts::read(&self.config, self.processes.ways(), self.collectors())
    }

    fn collectors(&self) -> Vec<CollectorStatus> {
        let statuses: [&Status; 11] = [
            &self.cpu.status,
            &self.memory.status,
            &self.load.status,
            &self.pressures.status,
            &self.disks.status,
            &self.interfaces.status,
            &self.sockets.status,
            &self.file_systems.status,
            &self.processes.status,
            &self.connections.status,
            &self.own.status,
        ];
        statuses.iter().map(|status| status.tell()).chain(self.parts.statuses()).collect()
    }
}

impl<'s> Blocks<'s> {
    fn of(blocks: &'s mut [Block]) -> Option<Self> {
        let [host, cpu, disk, filesystem, interface, process, connection, listener, later @ ..] = blocks
        else {
            return None;
        };
        let [cgroup, sensor, numa, raid, gpu, event, ..] = later else { return None };
        Some(Self {
            host,
            cpu,
            disk,
            filesystem,
            interface,
            process,
            connection,
            listener,
            cgroup,
            sensor,
            numa,
            raid,
            gpu,
            event,
        })
    }
}

#[cfg(test)]
mod tests;
