//! What a snapshot of this machine costs: `cargo run --release -p tacho-agent --example sample_cost [IDLE [WAY]]`.
//!
//! Forks IDLE processes that do nothing (400 unless told), takes snapshots as if every five seconds, and prints the
//! CPU time (user and system) of one: by BPF; from `/proc` with processes that do nothing read in turn, as the
//! agent does without BPF; and from `/proc` with all of them read every time. Each back to back, and with
//! pauses, after which the CPU's caches are cold. WAY picks those whose name begins so, as `bpf`.

#![expect(clippy::print_stdout, reason = "a program that prints what it measured")]
#![expect(unsafe_code, reason = "the standard library does not fork")]

use std::time::Duration;

use anyhow::Context as _;
use tacho_agent::sampler::{Sample, Sampler, SamplerChoice, SamplerConfig};
use tacho_model::tables::host;
use tacho_proc::thread_cpu_time_us;

/// Snapshots of one measurement, after so many to warm up.
const SAMPLES: usize = 360;
const WARM_UP: usize = 24;

const SECOND_US: u64 = 1_000_000;

/// Time between snapshots as the sampler is told it.
const STEP_US: u64 = 5_000_000;

/// One way to take snapshots.
struct Way {
    name: &'static str,
    sampler: SamplerChoice,
    /// How long a process may not be read.
    rest: Duration,
    pause: Duration,
}

fn main() -> anyhow::Result<()> {
    let idle: usize = match std::env::args().nth(1) {
        Some(argument) => argument.parse().context("the number of idle processes")?,
        None => 400,
    };
    let mut children = Vec::with_capacity(idle);
    for _ in 0..idle {
        children.push(fork_sleeper()?);
    }
    let pause = Duration::from_millis(100);
    let way = |name, sampler, rest, pause| Way { name, sampler, rest, pause };
    let rest = SamplerConfig::default().longest_rest;
    let (auto, proc) = (SamplerChoice::Auto, SamplerChoice::Proc);
    let ways = [
        way("bpf, back to back", auto, rest, Duration::ZERO),
        way("bpf, with pauses", auto, rest, pause),
        way("proc resting, back to back", proc, rest, Duration::ZERO),
        way("proc resting, with pauses", proc, rest, pause),
        way("proc all read, back to back", proc, Duration::ZERO, Duration::ZERO),
        way("proc all read, with pauses", proc, Duration::ZERO, pause),
    ];
    let wanted = std::env::args().nth(2).unwrap_or_default();
    let measured = ways.iter().filter(|way| way.name.starts_with(&wanted)).try_for_each(measure);
    children.into_iter().for_each(end);
    measured
}

/// A copy of this process that does nothing, which takes less memory than a program would, and ends with it.
fn fork_sleeper() -> anyhow::Result<libc::pid_t> {
    // SAFETY: the child makes system calls only, until it is killed.
    let pid = unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            loop {
                libc::pause();
            }
        }
        pid
    };
    anyhow::ensure!(pid > 0, "forking: {}", std::io::Error::last_os_error());
    Ok(pid)
}

fn end(pid: libc::pid_t) {
    // SAFETY: no status is asked for.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
}

fn measure(way: &Way) -> anyhow::Result<()> {
    let mut sampler = Sampler::new(SamplerConfig {
        sampler: way.sampler,
        longest_rest: way.rest,
        ..SamplerConfig::default()
    })?;
    let used = sampler.facts().sampler;
    if way.sampler == SamplerChoice::Auto && used != "bpf" {
        println!("{:28} there is no BPF here", way.name);
        return Ok(());
    }
    let mut sample = Sample::default();
    // Who holds a socket is checked by start times, so the clock has to be the machine's.
    let uptime = std::fs::read("/proc/uptime").context("reading the uptime")?;
    let uptime_s = tacho_proc::parse_uptime(&uptime).context("parsing the uptime")?;
    let (mut now_us, mut rows) = (uptime_s * SECOND_US, 0);
    let mut costs_us = Vec::with_capacity(SAMPLES);
    let mut of_processes_us = Vec::with_capacity(SAMPLES);
    for number in 0..WARM_UP + SAMPLES {
        std::thread::sleep(way.pause);
        now_us += STEP_US;
        let before_us = thread_cpu_time_us().context("the thread's clock")?;
        sampler.sample(now_us, &mut sample);
        let after_us = thread_cpu_time_us().context("the thread's clock")?;
        if number >= WARM_UP {
            costs_us.push(after_us - before_us);
            of_processes_us.extend(sampler.process_cost_us());
            rows += sample.processes.len();
        }
    }
    costs_us.sort_unstable();
    of_processes_us.sort_unstable();
    let of_processes_us = of_processes_us.get(SAMPLES / 2).context("the thread's clock")?;
    let block = sample.blocks.first().context("the host's block")?;
    println!(
        "{:28} {:4} processes, {:3} rows: median {:5} µs, of which processes {:5} µs, mean {:5} µs, least {:5} µs, most {:5} µs; {} KiB resident",
        way.name,
        block.integer(host::PROCESSES, 0).unwrap_or(0),
        rows / SAMPLES,
        costs_us[SAMPLES / 2],
        of_processes_us,
        costs_us.iter().sum::<u64>() / SAMPLES as u64,
        costs_us[0],
        costs_us[SAMPLES - 1],
        block.integer(host::AGENT_RSS_BYTES, 0).unwrap_or(0) >> 10,
    );
    Ok(())
}
