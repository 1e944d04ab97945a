//! Servers and agents, each in a namespace of its own, with small disks and clocks that can be set wrong.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tacho_catalog::{Catalog, GapRecord};

use super::disk::{self, Damage, SmallDisk};
use super::network::{Network, address};
use super::node::{Node, Recipe};
use super::plan::{Fault, Kind, Wanted};
use super::truth::{Fingerprint, FrameKey, Produced};
use super::verdict::{Evidence, ReportedGap, StoredRow, Verdict, judge};
use super::wall_clock::WallClock;
use crate::daemons::{binary, get};
use crate::random::Random;

/// Two, on one data directory, of which one runs at a time.
pub const SERVERS: usize = 2;
const AGENTS_PORT: u16 = 9300;
const HTTP: &str = "127.0.0.1:9380";
/// Room of the servers' common disk, and of the runtime directory of an agent.
const SERVER_DISK_BYTES: u64 = 512 << 20;
const RUNTIME_BYTES: u64 = 32 << 20;
/// A segment of a spool in a run: small, so that there are several of them, packed ones too.
const SEGMENT: &str = "64KiB";
/// How long a daemon may take to be ready.
const PATIENCE: Duration = Duration::from_secs(180);
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// What to set up.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    pub root: PathBuf,
    pub agents: usize,
    pub seed: u64,
    pub agent_settings: Vec<(String, String)>,
    /// What an agent's spool may take on its disk, which is twice as large.
    pub spool_bytes: u64,
    pub server_settings: Vec<(String, String)>,
}

/// An agent, its name and its disk.
#[derive(Debug)]
pub struct FleetAgent {
    pub name: String,
    pub node: Node,
    /// Where its spool is.
    pub disk: SmallDisk,
    /// Where its runtime directory is: in memory, and never at fault but for damage.
    pub memory: SmallDisk,
    /// Its identity, and what else it keeps.
    pub data_dir: PathBuf,
}

impl FleetAgent {
    /// Bytes of files that hold frames, on its disk.
    pub fn frame_bytes_on_disk(&self) -> u64 {
        let files = disk::files_below(self.disk.path()).into_iter().filter(|path| holds_frames(path));
        files.filter_map(|path| std::fs::metadata(path).ok()).map(|file| file.len()).sum()
    }
}

/// What a map of gaps says of frames that were dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GapMap {
    pub frames: u64,
    /// By a server whose clock was ahead; the map shows them when their time has come.
    pub future_frames: u64,
    /// Ranges of time.
    pub dropped: Vec<(i64, i64)>,
}

/// All that takes part.
#[derive(Debug)]
pub struct Fleet {
    pub servers: Vec<Node>,
    pub agents: Vec<FleetAgent>,
    pub server_disk: SmallDisk,
    pub network: Network,
    token: String,
    random: Random,
    /// What was done to spool files.
    pub damages: Vec<Damage>,
}

impl Fleet {
    /// Starts a server and agents that have joined it.
    pub fn start(options: &FleetOptions) -> anyhow::Result<Self> {
        let root = &options.root;
        let network = Network::new(SERVERS + options.agents, options.seed)?;
        let server_disk = SmallDisk::mount(&root.join("server"), SERVER_DISK_BYTES)?;
        let servers = (0..SERVERS).map(|number| server(options, number)).collect::<anyhow::Result<_>>()?;
        let random = Random::new(options.seed);
        let (agents, damages) = (Vec::new(), Vec::new());
        let mut fleet = Self { servers, agents, server_disk, network, token: String::new(), random, damages };
        fleet.start_server()?;
        let output = fleet.run_server(&["token", "create", "api", "--role", "admin"])?;
        fleet.token = last_line(&output)?;
        let output = fleet.run_server(&["token", "create", "join", "--uses", &options.agents.to_string()])?;
        let token = last_line(&output)?;
        for number in 0..options.agents {
            let agent = agent(options, number)?;
            let place = fleet.network.place(SERVERS + number);
            let server = format!("{}:{AGENTS_PORT}", address(0));
            agent.node.recipe.run(place, &["join", &server, &token])?;
            fleet.agents.push(agent);
        }
        for number in 0..options.agents {
            fleet.start_agent(number)?;
        }
        Ok(fleet)
    }

    fn start_server(&mut self) -> anyhow::Result<()> {
        let begin = Instant::now();
        let ends_before = self.servers.first().map_or(0, |node| node.own_ends.len());
        loop {
            let (node, place) = (self.servers.first_mut().context("no server")?, self.network.place(0));
            node.keep_up(place)?;
            if let Some(end) = node.own_ends.get(ends_before) {
                bail!("the server does not start: {end}");
            }
            if self.ask(0, "/-/ready").is_ok() {
                return Ok(());
            }
            ensure!(begin.elapsed() < PATIENCE, "the server is not ready within {} s", PATIENCE.as_secs());
            std::thread::sleep(BETWEEN_TRIES);
        }
    }

    /// Starts an agent unless it runs.
    pub fn start_agent(&mut self, number: usize) -> anyhow::Result<()> {
        let agent = self.agents.get_mut(number).context("no such agent")?;
        agent.node.keep_up(self.network.place(SERVERS + number))
    }

    fn run_server(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.servers.first().context("no server")?.recipe.run(self.network.place(0), arguments)
    }

    /// GETs a path of the API of a server; anything but 200 is an error.
    fn ask(&self, server: usize, path: &str) -> anyhow::Result<String> {
        let (asked, token) = (path.to_owned(), self.token.clone());
        let answer = self.network.place(server).run(move || get(HTTP.parse()?, &asked, &token))?;
        ensure!(answer.status == 200, "{path}: status {}: {}", answer.status, answer.body);
        Ok(answer.body)
    }

    /// GETs a path of the API of the server that runs; JSON.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Value> {
        let running = self.servers.iter_mut().position(Node::is_up).context("no server runs")?;
        serde_json::from_str(&self.ask(running, path)?).with_context(|| format!("{path}: not JSON"))
    }

    /// All `host` rows of an agent.
    pub fn rows(&mut self, host: &str) -> anyhow::Result<Vec<StoredRow>> {
        let answer = self.get(&format!(
            "/api/v1/hosts/{host}/rows?table=host&columns=time,agent_cpu_us,memory_available_bytes&from=0&to=4102444800000"
        ))?;
        let rows = answer["rows"].as_array().context("rows are not a list")?;
        rows.iter().map(stored_row).collect()
    }

    /// What an agent reported as dropped: from the catalog, because the API tells times, not sequences.
    pub fn gaps(&mut self, host: &str) -> anyhow::Result<Vec<ReportedGap>> {
        Ok(self.catalog_gaps(host)?.into_iter().map(reported).collect())
    }

    fn catalog_gaps(&mut self, host: &str) -> anyhow::Result<Vec<GapRecord>> {
        let host = self.get(&format!("/api/v1/hosts/{host}"))?;
        let id = host["id"].as_str().context("a host without id")?;
        let path = self.server_disk.path().join("data/catalog.sqlite");
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
            let catalog = Catalog::open(&path).await?;
            let gaps = catalog.gaps(id, i64::MIN, i64::MAX).await;
            catalog.close().await;
            Ok(gaps?)
        })
    }

    /// The API's map of gaps of a host, from an instant until now.
    pub fn gap_map(&mut self, host: &str, from_ms: i64) -> anyhow::Result<GapMap> {
        let answer = self.get(&format!("/api/v1/hosts/{host}/gaps?from={from_ms}"))?;
        let end_ms = time_ms(&answer["to"])?;
        let gaps = self.catalog_gaps(host)?;
        let mut map = GapMap {
            frames: answer["totals"]["dropped_frames"].as_u64().unwrap_or(0),
            future_frames: gaps.iter().filter(|gap| gap.first_time_ms >= end_ms).map(|gap| gap.frames).sum(),
            dropped: Vec::new(),
        };
        for segment in answer["segments"].as_array().context("segments are not a list")? {
            if segment["state"] == "dropped" {
                map.dropped.push((time_ms(&segment["from"])?, time_ms(&segment["to"])?));
            }
        }
        Ok(map)
    }

    /// Compares what an agent recorded with the history, as it can be read now.
    pub fn judge(
        &mut self,
        host: &str,
        produced: &BTreeMap<FrameKey, Produced>,
        boot_time_ms: i64,
    ) -> anyhow::Result<Verdict> {
        let (rows, gaps) = (self.rows(host)?, self.gaps(host)?);
        Ok(judge(Evidence { produced, rows: &rows, gaps: &gaps, boot_time_ms }))
    }

    /// What happens at the begin of a fault.
    pub fn begin(&mut self, fault: &Fault) -> anyhow::Result<()> {
        match (fault.kind, fault.agent) {
            (Kind::AgentKill | Kind::Rotation, Some(agent)) => self.agent(agent)?.node.kill(),
            (Kind::AgentStop, Some(agent)) => self.agent(agent)?.node.stop()?,
            (Kind::ServerKill, _) => self.servers.iter_mut().for_each(Node::kill),
            (Kind::Takeover, _) if fault.reverse => self.servers.iter_mut().for_each(Node::kill),
            (Kind::Damage, Some(agent)) => self.damage(agent)?,
            _ => {}
        }
        Ok(())
    }

    /// Brings everything nearer to what shall be. Call it often: what takes time is not waited for.
    pub fn strive(&mut self, wanted: &Wanted) -> anyhow::Result<()> {
        self.server_disk.set_full(wanted.server_disk_full)?;
        for (number, server) in self.servers.iter_mut().enumerate() {
            if let Some(clock) = &mut server.clock {
                clock.step_to(wanted.server_clock_seconds)?;
            }
            if wanted.server != Some(number) {
                server.stop()?;
            }
        }
        if let Some(number) = wanted.server {
            let others_are_down =
                self.servers.iter_mut().enumerate().all(|(n, node)| n == number || !node.is_up());
            let server = self.servers.get_mut(number).context("no such server")?;
            if others_are_down {
                server.keep_up(self.network.place(number))?;
            }
            server.set_paused(wanted.server_paused)?;
        }
        for (number, (agent, wanted)) in self.agents.iter_mut().zip(&wanted.agents).enumerate() {
            agent.disk.set_full(wanted.disk_full)?;
            agent.disk.set_read_only(wanted.read_only)?;
            if let Some(clock) = &mut agent.node.clock {
                clock.step_to(wanted.clock_seconds)?;
            }
            if !wanted.down {
                agent.node.keep_up(self.network.place(SERVERS + number))?;
            }
        }
        self.set_cables(wanted);
        Ok(())
    }

    fn set_cables(&self, wanted: &Wanted) {
        let mut conditions = HashMap::new();
        for (number, cable) in wanted.cables.iter().enumerate() {
            for server in 0..SERVERS {
                conditions.insert((SERVERS + number, server), cable.to_server);
                conditions.insert((server, SERVERS + number), cable.to_agent);
            }
        }
        self.network.set_conditions(conditions);
    }

    fn agent(&mut self, number: usize) -> anyhow::Result<&mut FleetAgent> {
        self.agents.get_mut(number).context("no such agent")
    }

    /// Damages one of the agent's spool files, if it has any.
    fn damage(&mut self, number: usize) -> anyhow::Result<()> {
        let agent = self.agent(number)?;
        let mut files = disk::files_below(agent.disk.path());
        files.extend(disk::files_below(agent.memory.path()));
        files.retain(|path| holds_frames(path));
        let picked = usize::try_from(self.random.below(files.len() as u64)).unwrap_or(0);
        let damaged = files.get(picked).and_then(|file| disk::damage(file, &mut self.random));
        self.damages.extend(damaged);
        Ok(())
    }

    /// Stops all in order, which writes what is in memory, and starts the server again.
    pub fn restart_in_order(&mut self) -> anyhow::Result<()> {
        for agent in &mut self.agents {
            stop_and_wait(&mut agent.node)?;
        }
        for server in &mut self.servers {
            stop_and_wait(server)?;
        }
        self.start_server()
    }
}

fn reported(gap: GapRecord) -> ReportedGap {
    ReportedGap {
        stream: format!("{:032x}", u128::from_be_bytes(gap.key.stream)),
        first: gap.first_sequence,
        last: gap.last_sequence,
        reason: gap.reason.as_str().to_owned(),
    }
}

fn stop_and_wait(node: &mut Node) -> anyhow::Result<()> {
    while node.is_up() {
        node.stop()?;
        std::thread::sleep(BETWEEN_TRIES);
    }
    Ok(())
}

fn holds_frames(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".spool") || name.ends_with(".spool.zst")
}

fn server(options: &FleetOptions, number: usize) -> anyhow::Result<Node> {
    let name = format!("server-{}", number + 1);
    let mut settings = options.server_settings.clone();
    for (key, value) in [
        ("data_dir", options.root.join("server/data").display().to_string()),
        ("listen", format!("{}:{AGENTS_PORT}", address(number))),
        ("http_listen", HTTP.to_owned()),
    ] {
        settings.push((key.to_owned(), value));
    }
    let recipe = Recipe {
        binary: binary("tacho-server")?,
        prefix: "TACHO_SERVER",
        settings,
        log: options.root.join(&name),
    };
    Ok(Node::new(recipe, WallClock::new(&options.root.join(format!("{name}.clock")))?))
}

fn agent(options: &FleetOptions, number: usize) -> anyhow::Result<FleetAgent> {
    let name = format!("agent-{}", number + 1);
    let directory = options.root.join(&name);
    let disk = SmallDisk::mount(&directory.join("disk"), options.spool_bytes * 2)?;
    let memory = SmallDisk::mount(&directory.join("memory"), RUNTIME_BYTES)?;
    let data_dir = directory.join("data");
    let servers: Vec<String> =
        (0..SERVERS).map(|server| format!("{}:{AGENTS_PORT}", address(server))).collect();
    let mut settings = options.agent_settings.clone();
    for (key, value) in [
        ("data_dir", data_dir.display().to_string()),
        ("runtime_dir", memory.path().join("run").display().to_string()),
        ("spool_dir", disk.path().join("spool").display().to_string()),
        ("spool_cold_dir", disk.path().join("cold").display().to_string()),
        ("spool_bytes", format!("{}KiB", options.spool_bytes >> 10)),
        ("spool_segment", SEGMENT.to_owned()),
        ("host_name", name.clone()),
        ("servers", servers.join(",")),
        ("log_format", "json".to_owned()),
    ] {
        settings.push((key.to_owned(), value));
    }
    let recipe = Recipe {
        binary: binary("tacho-agent")?,
        prefix: "TACHO_AGENT",
        settings,
        log: options.root.join(&name),
    };
    let clock = WallClock::new(&options.root.join(format!("{name}.clock")))?;
    Ok(FleetAgent { name, node: Node::new(recipe, clock), disk, memory, data_dir })
}

/// A time of the API or of a log in milliseconds since the epoch.
pub fn time_ms(value: &Value) -> anyhow::Result<i64> {
    let text = value.as_str().context("a time is not text")?;
    let time: jiff::Timestamp = text.parse().with_context(|| format!("{text} is not a time"))?;
    Ok(time.as_millisecond())
}

fn stored_row(row: &Value) -> anyhow::Result<StoredRow> {
    let fingerprint = Fingerprint {
        agent_cpu_us: row["agent_cpu_us"].as_i64(),
        memory_available_bytes: row["memory_available_bytes"].as_i64(),
    };
    Ok(StoredRow { time_ms: time_ms(&row["time"])?, fingerprint })
}

fn last_line(output: &str) -> anyhow::Result<String> {
    Ok(output.lines().last().context("no token was printed")?.trim().to_owned())
}
