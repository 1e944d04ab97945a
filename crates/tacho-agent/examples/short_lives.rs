//! What snapshots tell of processes that live shortly:
//! `cargo run --release -p tacho-agent --example short_lives [PROCESSES]`.
//!
//! Starts so many processes (2000 unless told), two at a time, that each compute for 5 to 200 ms, write to disk,
//! send through loopback, and end with a code of their own. Snapshots are taken every second meanwhile: by BPF;
//! from `/proc` with ends from taskstats; and from `/proc` with ends from parents. What their rows say is compared with `wait4` (CPU time) and with what each process was told to do.

#![expect(clippy::print_stdout, reason = "a program that prints what it measured")]
#![expect(unsafe_code, reason = "wait4 has no place in the standard library")]

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tacho_agent::sampler::{ExitsChoice, Sample, Sampler, SamplerChoice, SamplerConfig};
use tacho_model::tables::{host, process};
use tacho_model::{Block, IntegerColumn, ProcessIdentity, Table};

const SPAWNERS: usize = 2;
const BLOCK_BYTES: usize = 4096;

/// What one process was told to do, and what the kernel said of it when it was waited for.
#[derive(Debug, Clone, Copy, Default)]
struct Life {
    cpu_us: i64,
    disk_bytes: i64,
    network_bytes: i64,
    code: i64,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|word| word == "live") {
        return live(&arguments);
    }
    let count = match arguments.get(1) {
        Some(text) => text.parse().context("the number of processes")?,
        None => 2000,
    };
    for (sampler, exits) in [
        (SamplerChoice::Auto, ExitsChoice::Auto),
        (SamplerChoice::Proc, ExitsChoice::Taskstats),
        (SamplerChoice::Proc, ExitsChoice::Parent),
    ] {
        measure(SamplerConfig { sampler, exits, process_rows: 10_000, ..SamplerConfig::default() }, count)?;
    }
    Ok(())
}

/// One process: computes, writes, sends, ends.
fn live(arguments: &[String]) -> anyhow::Result<()> {
    let number = |position: usize| -> anyhow::Result<u64> {
        Ok(arguments.get(position).context("an argument is missing")?.parse()?)
    };
    let (burn_ms, blocks, port, bytes, code) = (number(2)?, number(3)?, number(4)?, number(5)?, number(6)?);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(burn_ms) {
        std::hint::spin_loop();
    }
    if blocks > 0 {
        let path = format!("target/short-life-{}", std::process::id());
        let mut file = OpenOptions::new().create_new(true).write(true).open(&path)?;
        std::fs::remove_file(&path)?;
        file.write_all(&vec![7; usize::try_from(blocks)? * BLOCK_BYTES])?;
        file.sync_data()?;
    }
    if bytes > 0 {
        let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port)?))?;
        stream.write_all(&vec![7; usize::try_from(bytes)?])?;
    }
    std::process::exit(i32::try_from(code)?)
}

fn measure(config: SamplerConfig, count: usize) -> anyhow::Result<()> {
    let mut sampler = Sampler::new(config)?;
    let facts = sampler.facts();
    println!("\nsampler={} network={} exits={}", facts.sampler, facts.network, facts.exits);
    // What ended before the first snapshot does not count.
    let mut told = Told::default();
    told.take(&mut sampler)?;
    let lives = Arc::new(Mutex::new(HashMap::new()));
    let port = sink()?;
    let (next, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let spawners: Vec<_> = (0..SPAWNERS)
        .map(|_| {
            let (lives, next) = (Arc::clone(&lives), Arc::clone(&next));
            std::thread::spawn(move || spawn_all(&lives, &next, count, port))
        })
        .collect();
    let over = Arc::clone(&is_over);
    let waiter = std::thread::spawn(move || {
        let ended = spawners.into_iter().try_for_each(|spawner| spawner.join().unwrap_or_else(|_| Ok(())));
        over.store(true, Ordering::Relaxed);
        ended
    });
    let mut rounds_after = 0;
    // The kernel tells the last of it a moment after a process was waited for.
    while rounds_after < 3 {
        rounds_after += u32::from(is_over.load(Ordering::Relaxed));
        told.take(&mut sampler)?;
        std::thread::sleep(Duration::from_secs(1));
    }
    waiter.join().map_err(|_| anyhow::anyhow!("starting processes failed"))??;
    let lives = lives.lock().unwrap_or_else(PoisonError::into_inner);
    told.report(&lives);
    Ok(())
}

/// Takes in and forgets what others send.
fn sink() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        for mut stream in listener.incoming().flatten() {
            while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
        }
    });
    Ok(port)
}

fn spawn_all(
    lives: &Mutex<HashMap<i64, Life>>,
    next: &AtomicUsize,
    count: usize,
    port: u16,
) -> anyhow::Result<()> {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(());
        }
        let (burn_ms, blocks, bytes) = (5 + number * 37 % 196, number % 4 * 16, number % 3 * 100_000);
        let code = number % 200;
        let words = [burn_ms, blocks, usize::from(port), bytes, code].map(|word| word.to_string());
        let mut command = Command::new(std::env::current_exe()?);
        let child = command.arg0(format!("life-{number}")).arg("live").args(words).spawn()?;
        let pid = i64::from(child.id());
        let cpu_us = wait(pid)?;
        let (disk_bytes, network_bytes) = (i64::try_from(blocks * BLOCK_BYTES)?, i64::try_from(bytes)?);
        let life = Life { cpu_us, disk_bytes, network_bytes, code: i64::try_from(code)? };
        lives.lock().unwrap_or_else(PoisonError::into_inner).insert(pid, life);
    }
}

/// Waits for a child and answers its CPU time.
fn wait(pid: i64) -> anyhow::Result<i64> {
    let (mut status, pid) = (0, libc::pid_t::try_from(pid)?);
    // SAFETY: all zeros is a valid rusage, and the kernel fills both places, which live across the call.
    let (result, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), usage)
    };
    anyhow::ensure!(result == pid, "waiting for {pid}: {}", std::io::Error::last_os_error());
    let us = |time: libc::timeval| time.tv_sec * 1_000_000 + time.tv_usec;
    Ok(us(usage.ru_utime) + us(usage.ru_stime))
}

/// What rows said, summed by pid.
#[derive(Debug, Default)]
struct Told {
    sample: Sample,
    identities: HashMap<u32, Arc<ProcessIdentity>>,
    by_pid: HashMap<i64, (Life, Arc<ProcessIdentity>)>,
    /// CPU time of the host's processes that no row has.
    other_us: i64,
    unseen: i64,
}

impl Told {
    fn take(&mut self, sampler: &mut Sampler) -> anyhow::Result<()> {
        let uptime = std::fs::read("/proc/uptime").context("reading the uptime")?;
        sampler
            .sample(tacho_proc::parse_uptime(&uptime).context("the uptime")? * 1_000_000, &mut self.sample);
        self.identities.extend(self.sample.new_identities.iter().cloned());
        let rows = block(&self.sample, &process::TABLE)?;
        for (row, id) in self.sample.processes.iter().enumerate() {
            let of = |column: IntegerColumn| rows.integer(column, row).unwrap_or(0);
            let cpu_us = of(process::CPU_USER_US) + of(process::CPU_SYSTEM_US);
            let Some(identity) = self.identities.get(id) else {
                self.other_us += cpu_us;
                continue;
            };
            let entry = self
                .by_pid
                .entry(identity.key.pid)
                .or_insert_with(|| (Life { code: -1, ..Life::default() }, Arc::clone(identity)));
            // Its first row may be from before it became what it is.
            entry.1 = Arc::clone(identity);
            let sum = &mut entry.0;
            sum.cpu_us += cpu_us;
            sum.disk_bytes += of(process::DISK_WRITE_BYTES);
            sum.network_bytes += of(process::NET_TX_BYTES);
            sum.code = rows.integer(process::EXIT_CODE, row).unwrap_or(sum.code);
        }
        let hosts = block(&self.sample, &host::TABLE)?;
        self.unseen += hosts.integer(host::PROCESSES_ENDED_UNSEEN, 0).unwrap_or(0);
        Ok(())
    }

    fn report(&self, lives: &HashMap<i64, Life>) {
        let (mut truth, mut told) = (Life::default(), Life::default());
        let (mut seen, mut codes, mut names) = (0, 0, 0);
        for (pid, life) in lives {
            truth.cpu_us += life.cpu_us;
            truth.disk_bytes += life.disk_bytes;
            truth.network_bytes += life.network_bytes;
            let Some((found, identity)) = self.by_pid.get(pid) else { continue };
            seen += 1;
            told.cpu_us += found.cpu_us;
            told.disk_bytes += found.disk_bytes;
            told.network_bytes += found.network_bytes;
            codes += usize::from(found.code == life.code);
            names += usize::from(identity.command.starts_with("life-"));
        }
        let share = |told: i64, truth: i64| told as f64 / truth.max(1) as f64 * 100.0;
        println!("{:44} {seen} of {}, {} ends not told", "processes with rows", lives.len(), self.unseen);
        println!("{:44} {names}", "under their own command");
        println!("{:44} {codes}", "with their exit code");
        for (what, told, truth) in [
            ("CPU time, µs", told.cpu_us, truth.cpu_us),
            ("bytes written to disk", told.disk_bytes, truth.disk_bytes),
            ("bytes sent", told.network_bytes, truth.network_bytes),
        ] {
            println!("{what:44} {told} of {truth} ({:.2} %)", share(told, truth));
        }
        println!("{:44} {}", "CPU time in rows `other`, µs", self.other_us);
    }
}

fn block<'s>(sample: &'s Sample, table: &Table) -> anyhow::Result<&'s Block> {
    sample.blocks.iter().find(|block| block.table().id == table.id).context("the block is there")
}
