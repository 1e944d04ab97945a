//! Compares two snapshots with `/proc` read beside them:
//! `cargo run --release -p tacho-agent --example compare [SECONDS]`.
//!
//! Every process is read with plain file reads right before and right after each snapshot. What a snapshot says
//! a process used must lie between the least and the most that those readings allow.

#![expect(clippy::print_stdout, reason = "a program that prints what it measured")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tacho_agent::sampler::{Sample, Sampler, SamplerChoice, SamplerConfig};
use tacho_model::tables::{host, process};
use tacho_model::{Block, IntegerColumn, Table};
use tacho_proc::{
    clock_ticks_per_second, page_size, parse_process_io, parse_process_stat, parse_statm_resident,
    parse_uptime,
};

/// What `/proc` says of a process: CPU µs, bytes on disk, resident bytes.
#[derive(Debug, Clone, Copy)]
struct Reading {
    start: u64,
    /// Of children that it waited for.
    children_ticks: u64,
    cpu_us: i64,
    disk_bytes: Option<i64>,
    rss_bytes: i64,
}

/// How many values were compared, how many agree, and how far the worst is off.
#[derive(Debug, Default)]
struct Agreement {
    compared: usize,
    within: usize,
    worst: i64,
}

fn main() -> anyhow::Result<()> {
    let seconds: u64 = match std::env::args().nth(1) {
        Some(argument) => argument.parse().context("seconds between the snapshots")?,
        None => 10,
    };
    let mut sampler = Sampler::new(SamplerConfig {
        proc_root: PathBuf::from("/proc"),
        sys_root: PathBuf::from("/sys"),
        etc_root: PathBuf::from("/etc"),
        sampler: SamplerChoice::Auto,
        process_rows: 100_000,
        idle_process_interval: Duration::ZERO,
        filesystem_interval: Duration::from_secs(3600),
        boot_time_ms: 0,
    })?;
    let mut sample = Sample::default();
    let before_first = read_all();
    sampler.sample(boot_us()?, &mut sample);
    let after_first = read_all();
    let mut pids: HashMap<u32, i64> = HashMap::new();
    pids.extend(sample.new_identities.iter().map(|(id, identity)| (*id, identity.key.pid)));
    std::thread::sleep(Duration::from_secs(seconds));
    let before_second = read_all();
    sampler.sample(boot_us()?, &mut sample);
    let after_second = read_all();
    pids.extend(sample.new_identities.iter().map(|(id, identity)| (*id, identity.key.pid)));

    let rows = block(&sample, &process::TABLE)?;
    let (mut cpu, mut disk, mut memory) = (Agreement::default(), Agreement::default(), Agreement::default());
    for (row, id) in sample.processes.iter().enumerate() {
        let Some(pid) = pids.get(id) else { continue };
        let readings =
            [&before_first, &after_first, &before_second, &after_second].map(|all| all.get(pid).copied());
        let [Some(first), Some(second), Some(third), Some(fourth)] = readings else { continue };
        if first.start != fourth.start {
            continue;
        }
        let of = |column: IntegerColumn| rows.integer(column, row);
        let tick_us = 1_000_000 / clock_ticks_per_second() as i64;
        if let Some(used_us) =
            of(process::CPU_USER_US).zip(of(process::CPU_SYSTEM_US)).map(|(user, system)| user + system)
        {
            cpu.compare(used_us, third.cpu_us - second.cpu_us, fourth.cpu_us - first.cpu_us, tick_us);
        }
        // The kernel's own figure takes in what ended children used before; the sampler takes it off again.
        if first.children_ticks == fourth.children_ticks
            && let (Some(read), Some(written)) = (of(process::DISK_READ_BYTES), of(process::DISK_WRITE_BYTES))
            && let [Some(a), Some(b), Some(c), Some(d)] =
                [first, second, third, fourth].map(|reading| reading.disk_bytes)
        {
            disk.compare(read + written, c - b, d - a, 0);
        }
        if let Some(rss_bytes) = of(process::RSS_BYTES) {
            let (least, most) =
                (third.rss_bytes.min(fourth.rss_bytes), third.rss_bytes.max(fourth.rss_bytes));
            memory.compare(rss_bytes, least, most, 0);
        }
    }
    cpu.print("CPU time, ±1 tick", "µs");
    disk.print("disk bytes", "bytes");
    memory.print("resident memory", "bytes");
    let hosts = block(&sample, &host::TABLE)?;
    let total = |column| hosts.integer(column, 0).unwrap_or(0);
    let of_host = total(host::CPU_USER_US) + total(host::CPU_NICE_US) + total(host::CPU_SYSTEM_US);
    let of_processes = total(host::PROCESSES_CPU_USER_US) + total(host::PROCESSES_CPU_SYSTEM_US);
    println!("host: {of_host} µs of CPU time; its processes: {of_processes} µs");
    Ok(())
}

impl Agreement {
    fn compare(&mut self, value: i64, least: i64, most: i64, tolerance: i64) {
        let off = (least - value).max(value - most).max(0);
        self.compared += 1;
        self.within += usize::from(off <= tolerance);
        self.worst = self.worst.max(off);
    }

    fn print(&self, what: &str, unit: &str) {
        let Self { compared, within, worst } = self;
        println!("{what}: {within} of {compared} processes agree, the worst is off by {worst} {unit}");
    }
}

fn read_all() -> HashMap<i64, Reading> {
    let directory = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = directory.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i64| Some((pid, read(pid)?))).collect()
}

fn read(pid: i64) -> Option<Reading> {
    let file = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).ok();
    let stat = parse_process_stat(&file("stat")?)?;
    let io = file("io").and_then(|text| parse_process_io(&text));
    Some(Reading {
        start: stat.start,
        children_ticks: stat.children_user + stat.children_system,
        cpu_us: ((stat.user + stat.system) * 1_000_000 / clock_ticks_per_second()) as i64,
        disk_bytes: io.map(|io| (io.read_bytes + io.write_bytes) as i64),
        rss_bytes: (parse_statm_resident(&file("statm")?)? * page_size()) as i64,
    })
}

fn boot_us() -> anyhow::Result<u64> {
    let text = std::fs::read("/proc/uptime").context("reading the uptime")?;
    Ok(parse_uptime(&text).context("parsing the uptime")? * 1_000_000)
}

fn block<'s>(sample: &'s Sample, table: &Table) -> anyhow::Result<&'s Block> {
    sample.blocks.iter().find(|block| block.table().id == table.id).context("the block is there")
}
