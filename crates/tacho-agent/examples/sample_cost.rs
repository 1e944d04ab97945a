//! What a snapshot of this machine costs: `cargo run --release -p tacho-agent --example sample_cost [IDLE]`.
//!
//! Starts IDLE sleeping processes (400 unless told), takes snapshots as if every five seconds, and prints the
//! CPU time of one: with processes that do nothing read in turn, as the agent does, and with all of them read
//! every time; back to back, and with pauses, after which the CPU's caches are cold.

#![expect(clippy::print_stdout, reason = "a program that prints what it measured")]

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::Context as _;
use tacho_agent::sampler::{Sample, Sampler, SamplerConfig};
use tacho_model::tables::host;
use tacho_proc::thread_cpu_time_us;

/// Snapshots of one measurement, after so many to warm up.
const SAMPLES: usize = 120;
const WARM_UP: usize = 24;

const SECOND_US: u64 = 1_000_000;

/// One way to take snapshots.
struct Way {
    name: &'static str,
    /// Time between snapshots as the sampler is told it; at thirty seconds nothing rests.
    step_us: u64,
    pause: Duration,
}

fn main() -> anyhow::Result<()> {
    let idle: usize = match std::env::args().nth(1) {
        Some(argument) => argument.parse().context("the number of idle processes")?,
        None => 400,
    };
    let mut children: Vec<Child> = Vec::new();
    for _ in 0..idle {
        children.push(Command::new("sleep").arg("3600").spawn().context("starting sleep")?);
    }
    let pause = Duration::from_millis(100);
    let ways = [
        Way { name: "resting, back to back", step_us: 5 * SECOND_US, pause: Duration::ZERO },
        Way { name: "resting, with pauses", step_us: 5 * SECOND_US, pause },
        Way { name: "all read, back to back", step_us: 30 * SECOND_US, pause: Duration::ZERO },
        Way { name: "all read, with pauses", step_us: 30 * SECOND_US, pause },
    ];
    let measured = ways.iter().try_for_each(measure);
    for child in &mut children {
        child.kill().context("ending sleep")?;
        child.wait().context("ending sleep")?;
    }
    measured
}

fn measure(way: &Way) -> anyhow::Result<()> {
    let mut sampler = Sampler::new(SamplerConfig {
        proc_root: PathBuf::from("/proc"),
        sys_root: PathBuf::from("/sys"),
        etc_root: PathBuf::from("/etc"),
        process_rows: 500,
        // Thirty seconds of steps would else give every process a row in every other snapshot.
        idle_process_interval: Duration::from_secs(12 * way.step_us / SECOND_US),
        connection_rows: 20,
        connection_threshold: 0,
        filesystem_interval: Duration::from_secs(12 * way.step_us / SECOND_US),
        boot_time_ms: 0,
    })?;
    let mut sample = Sample::default();
    // Who holds a socket is checked by start times, so the clock has to be the machine's.
    let uptime = std::fs::read("/proc/uptime").context("reading the uptime")?;
    let uptime_s = tacho_proc::parse_uptime(&uptime).context("parsing the uptime")?;
    let (mut now_us, mut rows) = (uptime_s * SECOND_US, 0);
    let mut costs_us = Vec::with_capacity(SAMPLES);
    for number in 0..WARM_UP + SAMPLES {
        std::thread::sleep(way.pause);
        now_us += way.step_us;
        let before_us = thread_cpu_time_us().context("the thread's clock")?;
        sampler.sample(now_us, &mut sample);
        let after_us = thread_cpu_time_us().context("the thread's clock")?;
        if number >= WARM_UP {
            costs_us.push(after_us - before_us);
            rows += sample.processes.len();
        }
    }
    costs_us.sort_unstable();
    let block = sample.blocks.first().context("the host's block")?;
    println!(
        "{:24} {:4} processes, {:3} rows: median {:5} µs, least {:5} µs, most {:5} µs; {} KiB resident",
        way.name,
        block.integer(host::PROCESSES, 0).unwrap_or(0),
        rows / SAMPLES,
        costs_us[SAMPLES / 2],
        costs_us[0],
        costs_us[SAMPLES - 1],
        block.integer(host::AGENT_RSS_BYTES, 0).unwrap_or(0) >> 10,
    );
    Ok(())
}
