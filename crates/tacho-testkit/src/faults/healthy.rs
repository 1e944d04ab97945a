//! A healthy agent: connected, nothing wrong. What does it write to disks?

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::fleet::{Fleet, FleetOptions};
use super::watch::{state_of, written_bytes};
use super::{Say, agent_settings};

const SPOOL_BYTES: u64 = 16 << 20;
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);
/// The agent has said all that it says at its start once so many snapshots are there.
const SETTLED_SNAPSHOTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(180);

/// What to do.
#[derive(Debug, Clone)]
pub struct HealthyOptions {
    pub duration: Duration,
    pub interval: Duration,
    pub seed: u64,
    /// An empty directory, on a disk: what goes to a file system in memory is not written.
    pub root: PathBuf,
}

/// What it wrote.
#[derive(Debug, Clone)]
pub struct HealthyOutcome {
    pub duration: Duration,
    /// Snapshots stored meanwhile.
    pub snapshots: usize,
    /// By the kernel's count (`/proc/PID/io`).
    pub written_bytes: u64,
    /// Files of its directories that were made, changed or removed.
    pub changed_files: Vec<String>,
}

impl HealthyOutcome {
    /// Why the run shows that something is wrong; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.written_bytes > 0 {
            problems.push(format!("{} bytes written to disks", self.written_bytes));
        }
        problems.extend(self.changed_files.iter().map(|file| format!("{file} changed")));
        if self.snapshots == 0 {
            problems.push("no snapshot was stored".to_owned());
        }
        problems
    }
}

/// Runs it.
pub fn run(options: &HealthyOptions, say: Say<'_>) -> anyhow::Result<HealthyOutcome> {
    let mut agent_settings = agent_settings(options.interval);
    // Its log is a file here, and a line of it would count.
    agent_settings.push(("log_level".to_owned(), "info".to_owned()));
    let mut fleet = Fleet::start(&FleetOptions {
        root: options.root.clone(),
        agents: 1,
        seed: options.seed,
        agent_settings,
        spool_bytes: SPOOL_BYTES,
        server_settings: vec![("flush_interval".to_owned(), "2s".to_owned())],
    })?;
    let begin = Instant::now();
    while fleet.rows("agent-1")?.len() < SETTLED_SNAPSHOTS {
        ensure!(begin.elapsed() < PATIENCE, "no snapshots within {} s", PATIENCE.as_secs());
        std::thread::sleep(LOOK_INTERVAL);
    }
    let agent = fleet.agents.first().context("no agent")?;
    // Not the runtime directory, which is memory.
    let directories = [agent.data_dir.clone(), agent.disk.path().to_owned()];
    let look = || directories.iter().flat_map(|directory| state_of(directory)).collect::<Vec<_>>();
    let pid = agent.node.pid().context("the agent does not run")?;
    let (files, written) = (look(), written_bytes(pid).context("cannot read /proc/PID/io")?);
    let stored = fleet.rows("agent-1")?.len();
    say(&format!("the agent is connected; watching it for {} s", options.duration.as_secs()));
    let (begin, mut told) = (Instant::now(), Instant::now());
    while begin.elapsed() < options.duration {
        if told.elapsed() > PROGRESS_INTERVAL {
            told = Instant::now();
            let now = written_bytes(pid).context("the agent ended")?;
            say(&format!("{:.0} s: {} bytes written", begin.elapsed().as_secs_f64(), now - written));
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    let after = look();
    let differs =
        |file: &&(String, u64, std::time::SystemTime)| !(files.contains(file) && after.contains(file));
    let mut changed_files: Vec<String> =
        files.iter().chain(&after).filter(differs).map(|(path, ..)| path.clone()).collect();
    changed_files.sort();
    changed_files.dedup();
    Ok(HealthyOutcome {
        duration: begin.elapsed(),
        snapshots: fleet.rows("agent-1")?.len() - stored,
        written_bytes: written_bytes(pid).context("the agent ended")?.saturating_sub(written),
        changed_files,
    })
}
