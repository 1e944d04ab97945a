//! What snapshots tell of bytes on the network, against what was sent:
//! `cargo run --release -p tacho-agent --example network_accuracy`, as root.
//!
//! Two processes move known amounts over loopback, and over a virtual cable between two network namespaces: TCP
//! both ways, sendfile, and UDP. Each way to count is asked in turn what both sent and received.

#![expect(clippy::print_stdout, reason = "a program that prints what it measured")]
#![expect(unsafe_code, reason = "network namespaces have no place in the standard library")]

#[path = "../tests/it/peer/sockets.rs"]
mod sockets;

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Write as _, stdin, stdout};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sockets::{DATAGRAMS_AT_ONCE, Sockets};
use tacho_agent::sampler::{NetworkChoice, Sample, Sampler, SamplerConfig};
use tacho_model::tables::process;

const MIB: usize = 1 << 20;

const WAYS: [(NetworkChoice, &str); 3] = [
    (NetworkChoice::Tracepoint, "tracepoint"),
    (NetworkChoice::Cgroup, "cgroup"),
    (NetworkChoice::Diag, "diag"),
];

/// The name of a transfer, and how it goes from the first process to the second or back.
const TRANSFERS: [(&str, Transfer); 4] = [
    ("TCP, 100 MiB there", Transfer { verb: "send", bytes: 100 * MIB, is_back: false }),
    ("TCP, 50 MiB back", Transfer { verb: "send", bytes: 50 * MIB, is_back: true }),
    ("UDP, 50 MB there", Transfer { verb: "send-datagrams", bytes: 50_000_000, is_back: false }),
    ("sendfile, 100 MiB there", Transfer { verb: "send-file", bytes: 100 * MIB, is_back: false }),
];

/// What is in flight arrives, and is told, within this.
const SETTLED: Duration = Duration::from_millis(500);

#[derive(Clone, Copy)]
struct Transfer {
    verb: &'static str,
    bytes: usize,
    is_back: bool,
}

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).is_some_and(|word| word == "peer") {
        return obey();
    }
    println!(
        "{:<12}{:<10}{:<26}{:>13}{:>15}{:>9}{:>15}{:>9}",
        "way", "path", "transfer", "true", "told: sent", "error", "received", "error"
    );
    for (way, name) in WAYS {
        measure((way, name), "loopback", &mut [Peer::start(false)?, Peer::start(false)?], ["127.0.0.1"; 2])?;
    }
    for (way, name) in WAYS {
        // From here on this process is in another network.
        leave_network().context("network namespaces take root")?;
        let mut peers = [Peer::start(false)?, Peer::start(true)?];
        lay_cable(peers[1].child.id())?;
        measure((way, name), "veth", &mut peers, ["192.0.2.1", "192.0.2.2"])?;
    }
    Ok(())
}

fn measure(
    (way, name): (NetworkChoice, &str),
    path: &str,
    peers: &mut [Peer; 2],
    hosts: [&str; 2],
) -> anyhow::Result<()> {
    let mut watch = Watch::new(way)?;
    let told = watch.sampler.facts().network;
    let is_told = told == name || way == NetworkChoice::Diag;
    if !is_told {
        println!("{name:<12}{path:<10}not on this machine");
        return Ok(());
    }
    connect(peers, hosts)?;
    for (what, transfer) in TRANSFERS {
        let before = watch.settle(peers)?;
        transfer.run(peers)?;
        let after = watch.settle(peers)?;
        let grown = |position: usize| {
            let ((rx_before, tx_before), (rx_after, tx_after)) = (before[position]?, after[position]?);
            Some((rx_after - rx_before, tx_after - tx_before))
        };
        let (from, to) = if transfer.is_back { (1, 0) } else { (0, 1) };
        let bytes = i64::try_from(transfer.bytes)?;
        let sent = cells(grown(from).map(|(_, tx_bytes)| tx_bytes), bytes);
        let received = cells(grown(to).map(|(rx_bytes, _)| rx_bytes), bytes);
        println!("{name:<12}{path:<10}{what:<26}{bytes:>13}{sent}{received}");
    }
    Ok(())
}

/// Bytes told, and by how much they are wrong.
fn cells(told: Option<i64>, bytes: i64) -> String {
    match told {
        Some(told) => {
            let error = (told - bytes) as f64 * 100.0 / bytes as f64;
            format!("{told:>15}{:>9}", if told == bytes { "0".to_owned() } else { format!("{error:+.4}%") })
        }
        None => format!("{:>15}{:>9}", "absent", ""),
    }
}

fn connect([near, far]: &mut [Peer; 2], hosts: [&str; 2]) -> anyhow::Result<()> {
    let listening = far.ask(&format!("listen {}:0", hosts[1]))?;
    near.ask(&format!("connect {listening}"))?;
    far.ask("accept")?;
    let of_near = near.ask(&format!("udp {}:0", hosts[0]))?;
    let of_far = far.ask(&format!("udp {}:0", hosts[1]))?;
    near.ask(&format!("peer {of_far}"))?;
    far.ask(&format!("peer {of_near}"))?;
    Ok(())
}

impl Transfer {
    fn run(self, [near, far]: &mut [Peer; 2]) -> anyhow::Result<()> {
        let (from, to) = if self.is_back { (far, near) } else { (near, far) };
        let is_udp = self.verb == "send-datagrams";
        let (receive, piece) =
            if is_udp { ("receive-datagrams", DATAGRAMS_AT_ONCE) } else { ("receive", self.bytes) };
        let mut left = self.bytes;
        while left > 0 {
            let bytes = left.min(piece);
            to.order(&format!("{receive} {bytes}"))?;
            from.ask(&format!("{} {bytes}", self.verb))?;
            to.answer()?;
            left -= bytes;
        }
        Ok(())
    }
}

/// A process that moves bytes as it is told.
struct Peer {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(in_another_network: bool) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("peer").stdin(Stdio::piped()).stdout(Stdio::piped());
        if in_another_network {
            // SAFETY: after the fork only a system call is made.
            unsafe { command.pre_exec(leave_network) };
        }
        let mut child = command.spawn()?;
        let orders = child.stdin.take().context("a pipe to the peer")?;
        let answers = BufReader::new(child.stdout.take().context("a pipe from the peer")?);
        let mut peer = Self { child, orders, answers };
        peer.answer()?;
        Ok(peer)
    }

    fn order(&mut self, order: &str) -> io::Result<()> {
        writeln!(self.orders, "{order}")
    }

    fn answer(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        ensure!(self.answers.read_line(&mut line)? > 0, "the peer has ended");
        Ok(line.trim_end().to_owned())
    }

    fn ask(&mut self, order: &str) -> anyhow::Result<String> {
        self.order(order)?;
        self.answer()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn obey() -> anyhow::Result<()> {
    let mut sockets = Sockets::default();
    println!("ready");
    for order in stdin().lines() {
        let order = order?;
        let (verb, argument) = order.split_once(' ').unwrap_or((&order, ""));
        println!("{}", sockets.obey(verb, argument)?);
        stdout().flush()?;
    }
    Ok(())
}

/// Adds up what snapshots say.
struct Watch {
    sampler: Sampler,
    sample: Sample,
    pids: HashMap<u32, i64>,
    /// Bytes received and sent by pid; absent where the newest row has none.
    told: HashMap<i64, Option<(i64, i64)>>,
    begin: Instant,
    begin_us: u64,
}

impl Watch {
    fn new(network: NetworkChoice) -> anyhow::Result<Self> {
        let config = SamplerConfig { network, process_rows: 100_000, ..SamplerConfig::default() };
        let uptime = tacho_proc::parse_uptime(&std::fs::read("/proc/uptime")?).context("no uptime")?;
        let mut watch = Self {
            sampler: Sampler::new(config)?,
            sample: Sample::default(),
            pids: HashMap::new(),
            told: HashMap::new(),
            begin: Instant::now(),
            begin_us: uptime * 1_000_000,
        };
        watch.sample();
        Ok(watch)
    }

    /// What both processes received and sent so far, once all of it is told.
    fn settle(&mut self, peers: &mut [Peer; 2]) -> anyhow::Result<[Option<(i64, i64)>; 2]> {
        for _ in 0..3 {
            // A process that works has a row.
            peers.iter_mut().try_for_each(|peer| peer.ask("work 20000").map(drop))?;
            std::thread::sleep(SETTLED);
            self.sample();
        }
        let pids = [0, 1].map(|position| i64::from(peers[position].child.id()));
        Ok(pids.map(|pid| self.told.get(&pid).copied().flatten()))
    }

    /// Five seconds pass by the agent's clock for each half second.
    fn sample(&mut self) {
        let passed_us = u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.sampler.sample(self.begin_us.saturating_add(passed_us.saturating_mul(10)), &mut self.sample);
        let identities = self.sample.new_identities.iter();
        self.pids.extend(identities.map(|(id, identity)| (*id, identity.key.pid)));
        let blocks = &self.sample.blocks;
        let Some(block) = blocks.iter().find(|block| block.table().id == process::TABLE.id) else { return };
        for (row, id) in self.sample.processes.iter().enumerate() {
            let Some(pid) = self.pids.get(id) else { continue };
            let of = |column| block.integer(column, row);
            let bytes = of(process::NET_RX_BYTES).zip(of(process::NET_TX_BYTES));
            let before = self.told.get(pid).copied().flatten().unwrap_or_default();
            self.told.insert(*pid, bytes.map(|(rx, tx)| (before.0 + rx, before.1 + tx)));
        }
    }
}

fn leave_network() -> io::Result<()> {
    // SAFETY: no pointers; this thread alone gets another network.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Connects this network with that of process `pid`.
fn lay_cable(pid: u32) -> anyhow::Result<()> {
    let far = format!("nsenter --net=/proc/{pid}/ns/net ip");
    for command in [
        format!("ip link add tacho0 type veth peer name tacho1 netns {pid}"),
        "ip addr add 192.0.2.1/24 dev tacho0".to_owned(),
        "ip link set tacho0 up".to_owned(),
        format!("{far} addr add 192.0.2.2/24 dev tacho1"),
        format!("{far} link set tacho1 up"),
    ] {
        let mut words = command.split(' ');
        let run = Command::new(words.next().unwrap_or_default()).args(words).status()?;
        ensure!(run.success(), "{command} failed");
    }
    Ok(())
}
