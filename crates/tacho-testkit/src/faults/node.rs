//! One daemon in its namespace: kept running, down, or standing still, as wanted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::namespace::{Namespace, ends_with_its_starter};
use super::wall_clock::WallClock;
use crate::daemons::Daemon;

/// A daemon that ended by itself is started again after this long, as the units do.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// A daemon that was told to stop is killed after this long.
const STOP_PATIENCE: Duration = Duration::from_secs(8);
/// How many of its own ends are kept with their reason.
const REASONS: usize = 20;

/// How to start a daemon.
#[derive(Debug, Clone)]
pub struct Recipe {
    pub binary: PathBuf,
    /// Of the environment variables that are its settings.
    pub prefix: &'static str,
    pub settings: Vec<(String, String)>,
    /// Its logs are this, a number for each start, and `.log`.
    pub log: PathBuf,
}

/// A daemon that may run or not.
#[derive(Debug)]
pub struct Node {
    pub recipe: Recipe,
    pub clock: Option<WallClock>,
    daemon: Option<Daemon>,
    starts: u32,
    paused: bool,
    /// Since when it was told to stop, if it was.
    stopping: Option<Instant>,
    not_before: Option<Instant>,
    /// Ends that nobody asked for, with the last line that it wrote.
    pub own_ends: Vec<String>,
    /// Stops that took longer than there was time for, and ended with SIGKILL.
    pub slow_stops: u32,
}

impl Recipe {
    /// Runs another command of the binary to its end; what it printed.
    pub fn run(&self, place: &Namespace, arguments: &[&str]) -> anyhow::Result<String> {
        let recipe = self.clone();
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        place.run(move || {
            let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let log = recipe.log.with_extension("command");
            Daemon::start(&recipe.binary, &words, recipe.prefix, &recipe.settings, &log)?.finish()
        })
    }

    fn start(&self, place: &Namespace, clock: Option<&WallClock>, log: &Path) -> anyhow::Result<Daemon> {
        let mut command = Command::new(&self.binary);
        ends_with_its_starter(&mut command);
        if let Some(clock) = clock {
            clock.apply(&mut command);
        }
        let (prefix, settings, log) = (self.prefix, self.settings.clone(), log.to_owned());
        place.run(move || Daemon::start_command(command, &["run"], prefix, &settings, &log))
    }
}

impl Node {
    pub fn new(recipe: Recipe, clock: Option<WallClock>) -> Self {
        Self {
            recipe,
            clock,
            daemon: None,
            starts: 0,
            paused: false,
            stopping: None,
            not_before: None,
            own_ends: Vec::new(),
            slow_stops: 0,
        }
    }

    /// Starts it unless it runs or has to wait after an end of its own.
    pub fn keep_up(&mut self, place: &Namespace) -> anyhow::Result<()> {
        self.notice_own_end();
        if self.stopping.is_some() {
            // Up again is wanted before it was down: it has had its time.
            self.slow_stops += 1;
            self.kill();
        }
        if self.daemon.is_some() || self.not_before.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        self.not_before = None;
        self.starts += 1;
        let log = self.log_of(self.starts);
        self.daemon = Some(self.recipe.start(place, self.clock.as_ref(), &log)?);
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.notice_own_end();
        self.daemon = None;
        (self.stopping, self.paused) = (None, false);
    }

    /// SIGTERM, and SIGKILL when it takes too long; see [`Self::is_up`] for its end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.set_paused(false)?;
        self.notice_own_end();
        if self.stopping.is_some_and(|since| since.elapsed() > STOP_PATIENCE) {
            self.slow_stops += 1;
            self.kill();
        }
        if let Some(daemon) = &self.daemon
            && self.stopping.is_none()
        {
            daemon.signal("TERM")?;
            self.stopping = Some(Instant::now());
        }
        Ok(())
    }

    /// Lets it stand still, or go on.
    pub fn set_paused(&mut self, paused: bool) -> anyhow::Result<()> {
        self.notice_own_end();
        if paused != self.paused
            && let Some(daemon) = &self.daemon
        {
            daemon.signal(if paused { "STOP" } else { "CONT" })?;
            self.paused = paused;
        }
        Ok(())
    }

    /// Whether there is a process, stopping or not.
    pub fn is_up(&mut self) -> bool {
        self.notice_own_end();
        self.daemon.is_some()
    }

    pub fn pid(&self) -> Option<u32> {
        self.daemon.as_ref().map(Daemon::pid)
    }

    /// How often it was started.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// Logs of all its starts, oldest first.
    pub fn logs(&self) -> Vec<PathBuf> {
        (1..=self.starts).map(|start| self.log_of(start)).collect()
    }

    fn log_of(&self, start: u32) -> PathBuf {
        self.recipe.log.with_added_extension(format!("{start}.log"))
    }

    fn notice_own_end(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        if daemon.is_running() {
            return;
        }
        if self.stopping.is_none() && self.own_ends.len() < REASONS {
            let log = fs::read_to_string(self.log_of(self.starts)).unwrap_or_default();
            self.own_ends.push(log.lines().last().unwrap_or("it wrote nothing").to_owned());
        }
        self.not_before = self.stopping.is_none().then(|| Instant::now() + RESTART_AFTER);
        self.daemon = None;
        (self.stopping, self.paused) = (None, false);
    }
}
