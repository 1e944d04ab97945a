//! Hundreds of agents that lose their server at once and find the other one: their own code for connecting,
//! in one process, with synthetic snapshots.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde_json::Value;
use tacho_agent::join;
use tacho_agent::link::{Link, Return};
use tacho_agent::questions::{Desk, QuestionSettings, Times};
use tacho_agent::queue::{Clocks, NewFrame, Queue};
use tacho_model::HostFacts;
use tacho_runtime::clock;
use tacho_runtime::tls::{self, Identity, JoinToken, Trust};
use tacho_spool::Spool;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Say;
use super::fleet::time_ms;
use crate::daemons::{Server, free_addresses};
use crate::random::Random;
use crate::synthetic::{Host, HostShape};

const SHAPE: HostShape = HostShape { processes: 30, active: 5 };
const BOOT_ID: &str = "00000000-0000-0000-0000-000000000000";
/// Joins under way at one time.
const JOINS: usize = 8;
const STEP: Duration = Duration::from_millis(200);
/// How long connecting to the first server, or to the second, may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What to do.
#[derive(Debug, Clone)]
pub struct HerdOptions {
    pub agents: usize,
    pub interval: Duration,
    pub seed: u64,
    /// An empty directory.
    pub root: PathBuf,
}

/// What came of it. Times are from the end of the first server.
#[derive(Debug, Clone)]
pub struct HerdOutcome {
    pub agents: usize,
    /// Connections that were opened to the second server.
    pub connections: Vec<Duration>,
    /// Until every agent was up there with a snapshot taken after the loss; `None`: never.
    pub all_live_after: Option<Duration>,
    pub live: usize,
}

impl HerdOutcome {
    /// Connections opened in each second.
    pub fn per_second(&self) -> Vec<usize> {
        let last = self.connections.iter().max().map_or(0, Duration::as_secs);
        (0..=last).map(|second| self.connections.iter().filter(|at| at.as_secs() == second).count()).collect()
    }

    /// Most connections opened in any tenth of a second.
    pub fn most_in_a_tenth(&self) -> usize {
        let tenths: Vec<u128> = self.connections.iter().map(|at| at.as_millis() / 100).collect();
        tenths.iter().map(|tenth| tenths.iter().filter(|other| *other == tenth).count()).max().unwrap_or(0)
    }

    /// Why the run shows that something is wrong; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        match self.all_live_after {
            Some(_) => Vec::new(),
            None => vec![format!("{} of {} agents are live", self.live, self.agents)],
        }
    }
}

/// What an agent needs to be one.
struct Member {
    name: String,
    tls: Arc<rustls::ClientConfig>,
}

/// Runs it.
pub fn run(options: &HerdOptions, say: Say<'_>) -> anyhow::Result<HerdOutcome> {
    tokio::runtime::Runtime::new()?.block_on(lose_the_server(options, say))
}

async fn lose_the_server(options: &HerdOptions, say: Say<'_>) -> anyhow::Result<HerdOutcome> {
    let settings = [("flush_interval", "5s")];
    let mut first = Server::start(&options.root, &settings)?;
    let members = join_all(options, &first).await?;
    say(&format!("{} agents have joined", members.len()));
    ensure!(first.stop()? == 0, "the first server does not stop");
    // The second one knows the same authority and the same agents.
    let beside = options.root.join("second");
    copy_all(&first.data_dir, &beside.join("server"))?;
    let second = Server::start(&beside, &settings)?;
    first.restart()?;
    let relay = Relay::start(second.tls).await?;
    let servers = vec![first.tls.to_string(), relay.address.clone()];
    let stop = CancellationToken::new();
    let mut agents = JoinSet::new();
    for (number, member) in members.into_iter().enumerate() {
        let agent = Agent {
            member,
            servers: servers.clone(),
            number,
            interval: options.interval,
            seed: options.seed,
            root: options.root.join("agents"),
        };
        agents.spawn(agent.run(stop.clone()));
    }
    wait_for_live(&first, options.agents, clock::wall_ms()).await.context("at the first server")?;
    say("all are live at the first server, which is killed now");
    relay.forget();
    let (lost, lost_ms) = (Instant::now(), clock::wall_ms());
    first.kill();
    let waited = wait_for_live(&second, options.agents, lost_ms).await;
    let all_live_after = waited.is_ok().then(|| lost.elapsed());
    let live = live_hosts(&second, lost_ms).unwrap_or(0);
    let connections = relay.opened().iter().map(|at| at.saturating_duration_since(lost)).collect();
    stop.cancel();
    while agents.join_next().await.is_some() {}
    Ok(HerdOutcome { agents: options.agents, connections, all_live_after, live })
}

async fn join_all(options: &HerdOptions, server: &Server) -> anyhow::Result<Vec<Member>> {
    let token = server.create_token(&["join", "--uses", &options.agents.to_string()])?;
    let token: JoinToken = token.parse()?;
    let mut joins = JoinSet::new();
    let mut members = Vec::new();
    for number in 0..options.agents {
        if joins.len() >= JOINS {
            members.extend(joins.join_next().await.transpose()?.transpose()?);
        }
        let (server, token) = (server.tls.to_string(), token.clone());
        joins.spawn(async move { join_one(&server, &token, number).await });
    }
    while let Some(joined) = joins.join_next().await {
        members.push(joined??);
    }
    Ok(members)
}

async fn join_one(server: &str, token: &JoinToken, number: usize) -> anyhow::Result<Member> {
    let name = format!("herd-{}", number + 1);
    let joined = join::join(server, token, &name, name.as_bytes().to_vec()).await?;
    let directory = tempfile::tempdir()?;
    let [certificate, key, authority] =
        ["agent.pem", "key.pem", "ca.pem"].map(|file| directory.path().join(file));
    std::fs::write(&certificate, &joined.certificate_pem)?;
    std::fs::write(&key, &joined.key_pem)?;
    std::fs::write(&authority, &joined.authority_pem)?;
    let trust = Trust::Authority(tls::read_certificate(&authority)?);
    let tls = Arc::new(tls::client_config(trust, Some(Identity::read(&certificate, &key)?))?);
    Ok(Member { name, tls })
}

/// One agent: the real link and queue, a synthetic recorder.
struct Agent {
    member: Member,
    servers: Vec<String>,
    number: usize,
    interval: Duration,
    seed: u64,
    root: PathBuf,
}

fn spool_config(directory: &Path) -> tacho_spool::Config {
    tacho_spool::Config {
        runtime_dir: directory.join("run"),
        dir: directory.join("spool"),
        cold_dir: directory.join("cold"),
        hot_bytes: 4 << 20,
        group: 10,
        segment_bytes: 1 << 20,
        disk_bytes: 16 << 20,
        age_ms: 86_400_000,
    }
}

impl Agent {
    async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let boot_us = clock::boot_us();
        let epoch_ms = clock::wall_ms().saturating_sub(i64::try_from(boot_us / 1000)?);
        let seed = self.seed.wrapping_add(self.number as u64);
        let mut host = Host::new(&self.member.name, seed, SHAPE, epoch_ms);
        let facts: HostFacts = host.facts(epoch_ms);
        let (_facts, receiver) = watch::channel(Arc::new(facts));
        let spool = Spool::open(&spool_config(&self.root.join(&self.member.name)))?;
        let clocks = Clocks { boot_us, wall_ms: clock::wall_ms() };
        let queue = Arc::new(Queue::new(spool, BOOT_ID, clocks));
        let (_tls, tls) = watch::channel(Arc::clone(&self.member.tls));
        let mut start = [0; 16];
        start.copy_from_slice(&tls::random_secret()[..16]);
        let link = Link {
            servers: self.servers.clone(),
            tls,
            queue: Arc::clone(&queue),
            facts: receiver,
            start,
            backfill_bytes_per_second: 256 << 10,
            going_back: Return::default(),
            reachability: watch::Sender::default(),
            duty: watch::Sender::default(),
            sentinel_address: String::new(),
            machine: Vec::new(),
            desk: Arc::new(Desk::new(
                QuestionSettings { open_files: false },
                "/proc".into(),
                0,
                Times::default(),
            )),
        };
        let linked = tokio::spawn(link.run(stop.clone()));
        // Agents were not all started at one instant.
        tokio::time::sleep(self.interval.mul_f64(Random::new(seed).ratio())).await;
        let mut ticks = tokio::time::interval(self.interval);
        loop {
            tokio::select! {
                _ = ticks.tick() => drop(queue.push(self.frame(&mut host, epoch_ms)?)),
                () = stop.cancelled() => break,
            };
        }
        linked.await??;
        Ok(())
    }

    fn frame(&self, host: &mut Host, epoch_ms: i64) -> anyhow::Result<NewFrame> {
        let boot_clock_us = clock::boot_us();
        let time_ms = epoch_ms.saturating_add(i64::try_from(boot_clock_us / 1000)?);
        let tick = host.tick(time_ms, i64::try_from(self.interval.as_millis())?);
        let blocks =
            tacho_wire::encode_blocks(&tick.blocks, &tick.processes).context("cannot pack a snapshot")?;
        Ok(NewFrame {
            boot_clock_us,
            blocks: Bytes::from(blocks),
            processes: tick.processes,
            identities: tick
                .new_identities
                .into_iter()
                .map(|(id, identity)| (id, Arc::new(identity)))
                .collect(),
            retired: tick.retired,
        })
    }
}

async fn wait_for_live(server: &Server, agents: usize, since_ms: i64) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let live = live_hosts(server, since_ms)?;
        if live >= agents {
            return Ok(());
        }
        ensure!(
            begin.elapsed() < PATIENCE,
            "{live} of {agents} agents are live after {} s",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(STEP).await;
    }
}

/// Hosts with an agent that is connected and a snapshot taken after an instant.
fn live_hosts(server: &Server, since_ms: i64) -> anyhow::Result<usize> {
    let answer = server.get("/api/v1/hosts")?;
    let is_live = |host: &&Value| {
        host["state"] == "up" && time_ms(&host["latest"]["time"]).is_ok_and(|time| time >= since_ms)
    };
    Ok(answer["hosts"].as_array().context("hosts are not a list")?.iter().filter(is_live).count())
}

/// Stands before a server and notes when connections are opened to it.
struct Relay {
    address: String,
    opened: Arc<Mutex<Vec<Instant>>>,
}

impl Relay {
    async fn start(server: std::net::SocketAddr) -> anyhow::Result<Self> {
        let [address, _] = free_addresses()?;
        let listener = TcpListener::bind(address).await?;
        let opened = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&opened);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                noted.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(server).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        Ok(Self { address: address.to_string(), opened })
    }

    /// What was opened so far does not count.
    fn forget(&self) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn opened(&self) -> Vec<Instant> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn copy_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else if kind.is_file() {
            // Sockets stay: the next server makes its own.
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_by_the_second() {
        let connections = [100, 900, 2500].map(Duration::from_millis).to_vec();
        let outcome = HerdOutcome { agents: 3, connections, all_live_after: None, live: 2 };
        assert_eq!(outcome.per_second(), [2, 0, 1]);
        assert_eq!(outcome.most_in_a_tenth(), 1);
        assert_eq!(outcome.problems().len(), 1);
    }
}
