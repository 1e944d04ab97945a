//! The parts of a host beside CPU, memory, disks, network and processes, and the settings that only they have.

use std::path::Path;
use std::time::Duration;

use tacho_model::{Block, CollectorStatus, Row};
use tacho_proc::Buffer;

use super::accounts::Places;
use super::logins::Logins;
use super::status::Status;
use super::{SamplerConfig, Tick};

/// What changes slowly is read so often.
const SLOW_INTERVAL: Duration = Duration::from_secs(60);

/// Where the parts read, and how much they tell. The default is this machine.
#[derive(Debug, Clone)]
pub struct PartsConfig {
    /// `/run`, or a tree like it: who is logged in.
    pub run_root: std::path::PathBuf,
    /// `/var`, or a tree like it: who was.
    pub var_root: std::path::PathBuf,
    /// `/dev`, or a tree like it: the kernel's log.
    pub dev_root: std::path::PathBuf,
    /// How often what changes slowly is read.
    pub slow_interval: Duration,
}

impl Default for PartsConfig {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl PartsConfig {
    /// Reads below `root`, which is `/` or a tree like it.
    pub fn below(root: &Path) -> Self {
        Self {
            run_root: root.join("run"),
            var_root: root.join("var"),
            dev_root: root.join("dev"),
            slow_interval: SLOW_INTERVAL,
        }
    }

    fn places(&self, etc_root: &Path) -> Places {
        Places {
            etc_root: etc_root.to_owned(),
            run_root: self.run_root.clone(),
            var_root: self.var_root.clone(),
            dev_root: self.dev_root.clone(),
        }
    }
}

/// Where the parts write.
pub(super) struct Output<'o, 'h> {
    pub(super) host: &'o mut Row<'h>,
    pub(super) event: &'o mut Block,
}

/// One collector for each part.
#[derive(Debug)]
pub(super) struct Parts {
    logins: Logins,
}

impl Parts {
    pub(super) fn new(config: &SamplerConfig) -> Self {
        let parts = &config.parts;
        let places = parts.places(&config.etc_root);
        Self { logins: Logins::new(places, parts.slow_interval, config.boot_time_ms) }
    }

    pub(super) fn collect(&mut self, tick: &Tick, _buffer: &mut Buffer, out: &mut Output<'_, '_>) {
        self.logins.collect(tick, out.host, out.event);
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = CollectorStatus> {
        let statuses: [&Status; 1] = [&self.logins.status];
        statuses.into_iter().map(Status::tell)
    }
}
