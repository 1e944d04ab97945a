//! Processes of a synthetic host: many that sleep, some that work, and short ones that come and go.

use tacho_model::tables::process;
use tacho_model::{Block, ProcessIdentity, ProcessKey};

use super::gauges::TICK_US;
use super::{HostShape, Tick};
use crate::random::Random;

const PAGE: u64 = 4096;
/// As the agent's default: an idle process has a row once a minute.
const IDLE_INTERVAL_MS: i64 = 60_000;
const NAMES: [&str; 12] = [
    "nginx",
    "postgres",
    "java",
    "redis-server",
    "python3",
    "node",
    "systemd-journal",
    "sshd",
    "kworker/2:1",
    "containerd",
    "prometheus",
    "mysqld",
];

#[derive(Debug)]
pub(super) struct Processes {
    shape: HostShape,
    alive: Vec<Process>,
    next_id: u32,
    next_pid: i64,
    boot_ms: i64,
}

#[derive(Debug)]
struct Process {
    id: u32,
    identity: ProcessIdentity,
    announced: bool,
    rss_bytes: u64,
    threads: u64,
    open_files: u64,
    /// Mean CPU time per second of interval, in µs; 0: asleep.
    cpu_per_second: f64,
    disk_per_second: f64,
    next_row_ms: i64,
    short: bool,
}

impl Processes {
    pub(super) fn new(shape: HostShape, boot_ms: i64, random: &mut Random) -> Self {
        let mut processes = Self { shape, alive: Vec::new(), next_id: 1, next_pid: 1, boot_ms };
        for index in 0..shape.processes {
            let started = boot_ms.saturating_add(i64::try_from(random.below(3_600_000)).unwrap_or(0));
            let process = processes.start(index, started, random);
            processes.alive.push(process);
        }
        processes
    }

    fn start(&mut self, index: usize, started_ms: i64, random: &mut Random) -> Process {
        let (id, pid) = (self.next_id, self.next_pid);
        self.next_id += 1;
        self.next_pid += 1 + i64::try_from(random.below(7)).unwrap_or(0);
        let name = NAMES[index % NAMES.len()];
        let user_id = i64::try_from(random.below(5)).unwrap_or(0) * 33;
        let active = index < self.shape.active;
        Process {
            id,
            identity: ProcessIdentity {
                key: ProcessKey { pid, start_time_ms: started_ms / 10 * 10 },
                parent_pid: 1,
                name: name.to_owned(),
                command: format!(
                    "/usr/bin/{name} --config /etc/{name}/{index}.conf --listen 0.0.0.0:{}",
                    8000 + index
                ),
                user_id,
                user: format!("user{user_id}"),
                cgroup: format!("/system.slice/{name}-{index}.service"),
                unit: format!("{name}-{index}.service"),
                container: String::new(),
            },
            announced: false,
            rss_bytes: (1 + random.below(100_000)) * PAGE,
            threads: 1 + random.below(30),
            open_files: 8 + random.below(200),
            cpu_per_second: if active { random.burst(40_000.0) + 5_000.0 } else { 0.0 },
            disk_per_second: if active && random.below(3) == 0 { random.burst(300_000.0) } else { 0.0 },
            next_row_ms: self.boot_ms,
            short: false,
        }
    }

    pub(super) fn tick(
        &mut self,
        time_ms: i64,
        interval_ms: i64,
        load: f64,
        random: &mut Random,
        tick: &mut Tick,
    ) {
        // A cron job, a health check: something short in every other snapshot.
        if random.below(2) == 0 {
            let mut process =
                self.start(self.shape.active.saturating_sub(1), time_ms - interval_ms / 2, random);
            process.short = true;
            self.alive.push(process);
        }
        let mut block = Block::new(&process::TABLE);
        block.interval_ms = interval_ms;
        let (mut others, mut other_rss, mut other_threads) = (0u64, 0u64, 0u64);
        for process in &mut self.alive {
            let active = process.cpu_per_second > 0.0;
            if !active && time_ms < process.next_row_ms {
                others += 1;
                other_rss += process.rss_bytes;
                other_threads += process.threads;
                continue;
            }
            if !std::mem::replace(&mut process.announced, true) {
                tick.new_identities.push((process.id, process.identity.clone()));
                // The first row of an idle process falls anywhere in its minute.
                process.next_row_ms = time_ms + i64::try_from(random.below(60_000)).unwrap_or(0);
            } else if !active {
                process.next_row_ms = time_ms + IDLE_INTERVAL_MS;
            }
            tick.processes.push(process.id);
            process.row(&mut block, load, random);
            if process.short {
                tick.retired.push(process.id);
            }
        }
        self.alive.retain(|process| !process.short);
        tick.processes.push(0);
        let mut row = block.push();
        row.unsigned(process::PROCESSES, others).unsigned(process::THREADS, other_threads);
        row.unsigned(process::RSS_BYTES, other_rss)
            .integer(process::CPU_USER_US, 0)
            .integer(process::CPU_SYSTEM_US, 0);
        row.integer(process::DISK_READ_BYTES, 0).integer(process::DISK_WRITE_BYTES, 0);
        tick.blocks.push(block);
    }
}

impl Process {
    fn row(&mut self, block: &mut Block, load: f64, random: &mut Random) {
        let seconds = block.interval_ms as f64 / 1000.0;
        let cpu = random.burst(self.cpu_per_second * seconds * load * 2.0) as u64;
        if random.below(4) == 0 && self.cpu_per_second > 0.0 {
            self.rss_bytes = (self.rss_bytes + random.below(50) * PAGE).saturating_sub(25 * PAGE).max(PAGE);
        }
        let ticks = |us: u64| us / TICK_US * TICK_US;
        let pages = |bytes: f64| bytes as u64 / PAGE * PAGE;
        let mut row = block.push();
        row.text(process::STATE, if self.short { "X" } else { "S" });
        row.unsigned(process::THREADS, self.threads);
        row.unsigned(process::CPU_USER_US, ticks(cpu * 4 / 5))
            .unsigned(process::CPU_SYSTEM_US, ticks(cpu / 5));
        row.unsigned(process::RSS_BYTES, self.rss_bytes).integer(process::SWAP_BYTES, 0);
        row.integer(process::DISK_READ_BYTES, 0);
        row.unsigned(process::DISK_WRITE_BYTES, pages(random.burst(self.disk_per_second * seconds)));
        row.integer(process::PAGE_FAULTS_MAJOR, 0).unsigned(process::OPEN_FILES, self.open_files);
        row.integer(process::PROCESSES, 1);
    }
}
