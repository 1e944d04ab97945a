//! What connections cost in a snapshot of this machine:
//! `cargo run --release -p tacho-agent --example connection_cost [SOCKETS...]`.
//!
//! Opens so many TCP sockets over loopback (0, 1000 and 10 000 unless told), takes snapshots as if every five
//! seconds, and prints the CPU time of one: the kernel's list alone, whole snapshots while no connection does
//! anything, and while every one moves bytes.

#![expect(clippy::print_stdout, reason = "a program that prints what it measured")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use anyhow::Context as _;
use tacho_agent::sampler::{Sample, Sampler, SamplerConfig};
use tacho_model::tables::{connection, host};
use tacho_proc::{SocketDiag, thread_cpu_time_us};

/// Snapshots of one measurement, after so many in which owners are found, and those that can not be are given up.
const SAMPLES: usize = 40;
const WARM_UP: usize = 40;

const SECOND_US: u64 = 1_000_000;

/// Ports of one client address are some 28 000; so many connections go to one server address.
const PER_ADDRESS: usize = 5000;

/// Both ends of a connection.
type Pair = (TcpStream, TcpStream);

fn main() -> anyhow::Result<()> {
    let told: Result<Vec<usize>, _> = std::env::args().skip(1).map(|argument| argument.parse()).collect();
    let mut counts = told.context("numbers of sockets")?;
    if counts.is_empty() {
        counts = vec![0, 1000, 10_000];
    }
    tacho_proc::raise_open_files_limit(1 << 20);
    for sockets in counts {
        let mut pairs = connect(sockets / 2).context("opening connections")?;
        println!("{sockets} sockets:");
        measure("the kernel's list alone", &mut dump_cost()?)?;
        measure("snapshots, connections idle", &mut snapshot_cost(&mut [])?)?;
        measure("snapshots, all connections busy", &mut snapshot_cost(&mut pairs)?)?;
    }
    Ok(())
}

fn connect(pairs: usize) -> anyhow::Result<Vec<Pair>> {
    let mut connected = Vec::with_capacity(pairs);
    let mut listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 1), 0))?;
    for number in 0..pairs {
        if number % PER_ADDRESS == 0 {
            let host = u8::try_from(number / PER_ADDRESS + 1).context("too many sockets")?;
            listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, host), 0))?;
        }
        let client = TcpStream::connect(listener.local_addr()?)?;
        connected.push((client, listener.accept()?.0));
    }
    Ok(connected)
}

/// Answers the CPU time of one round.
type Round<'p> = Box<dyn FnMut() -> anyhow::Result<(u64, String)> + 'p>;

fn cpu_us() -> anyhow::Result<u64> {
    thread_cpu_time_us().context("the thread's clock")
}

/// Who holds a socket is checked by start times, so the clock has to be the machine's.
fn boot_us() -> anyhow::Result<u64> {
    let text = std::fs::read("/proc/uptime").context("reading the uptime")?;
    Ok(tacho_proc::parse_uptime(&text).context("parsing the uptime")? * SECOND_US)
}

fn dump_cost() -> anyhow::Result<Round<'static>> {
    let (mut diag, mut buffer) = (SocketDiag::open()?, Vec::new());
    Ok(Box::new(move || {
        let (before_us, mut sockets) = (cpu_us()?, 0);
        diag.tcp_sockets(&mut buffer, |_| {
            sockets += 1;
            true
        })?;
        Ok((cpu_us()? - before_us, format!("{sockets} told")))
    }))
}

fn snapshot_cost(pairs: &mut [Pair]) -> anyhow::Result<Round<'_>> {
    let mut sampler =
        Sampler::new(SamplerConfig { process_rows: 500, connection_rows: 20, ..SamplerConfig::default() })?;
    let (mut sample, mut now_us) = (Sample::default(), boot_us()?);
    Ok(Box::new(move || {
        for (client, server) in pairs.iter_mut() {
            client.write_all(&[0; 100])?;
            server.read_exact(&mut [0; 100])?;
        }
        now_us += 5 * SECOND_US;
        let before_us = cpu_us()?;
        sampler.sample(now_us, &mut sample);
        let cost_us = cpu_us()? - before_us;
        let rows = sample.blocks.iter().find(|block| block.table().id == connection::TABLE.id);
        let processes = sample.blocks.first().and_then(|block| block.integer(host::PROCESSES, 0));
        let seen = format!(
            "{} processes, {} rows of connections",
            processes.unwrap_or(0),
            rows.map_or(0, tacho_model::Block::len)
        );
        Ok((cost_us, seen))
    }))
}

fn measure(name: &str, round: &mut Round<'_>) -> anyhow::Result<()> {
    let (mut costs_us, mut seen) = (Vec::with_capacity(SAMPLES), String::new());
    for number in 0..WARM_UP + SAMPLES {
        let (cost_us, now_seen) = round()?;
        if number == 0 {
            println!("  {name:32} first  {cost_us:6} µs");
        }
        if number >= WARM_UP {
            costs_us.push(cost_us);
        }
        seen = now_seen;
    }
    costs_us.sort_unstable();
    let of = |position: usize| costs_us.get(position).copied().unwrap_or(0);
    println!(
        "  {name:32} median {:6} µs, least {:6} µs, most {:6} µs; {seen}",
        of(SAMPLES / 2),
        of(0),
        of(SAMPLES - 1)
    );
    Ok(())
}
