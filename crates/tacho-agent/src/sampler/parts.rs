//! The parts of a host beside CPU, memory, disks, network and processes, and the settings that only they have.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tacho_model::{Block, CollectorStatus, Row};
use tacho_proc::{Buffer, ProcError, clock_state};

use super::accounts::Places;
use super::arrays::Arrays;
use super::cgroups::Cgroups;
use super::gpus::Gpus;
use super::kernel::{Kernel, ReadClock};
use super::kernel_log::KernelLog;
use super::logins::Logins;
use super::nodes::Nodes;
use super::sensors::{Sensors, TemperatureLevels};
use super::status::Status;
use super::{SamplerConfig, Tick};

/// What changes slowly is read so often.
const SLOW_INTERVAL: Duration = Duration::from_secs(60);

/// A usual host has some tens of units; one that runs containers some hundreds.
const DEFAULT_CGROUPS: usize = 200;

/// The name under which NVIDIA's driver installs its management library.
const NVIDIA_LIBRARY: &str = "libnvidia-ml.so.1";

/// Where the parts read, and how much they tell. The default is this machine.
#[derive(Debug, Clone)]
pub struct PartsConfig {
    /// `/run`, or a tree like it: who is logged in.
    pub run_root: PathBuf,
    /// `/var`, or a tree like it: who was.
    pub var_root: PathBuf,
    /// `/dev`, or a tree like it: the kernel's log.
    pub dev_root: PathBuf,
    /// How often what changes slowly is read.
    pub slow_interval: Duration,
    /// From which temperatures on a sensor's level is no longer normal.
    pub temperature_levels: TemperatureLevels,
    /// Most control groups that are read.
    pub cgroups: usize,
    /// Asks how well the clock is kept.
    pub clock: ReadClock,
    /// NVIDIA's management library: a name that the loader finds, or a path.
    pub nvidia_library: OsString,
}

impl Default for PartsConfig {
    fn default() -> Self {
        Self { clock: clock_state, ..Self::below(Path::new("/")) }
    }
}

impl PartsConfig {
    /// Reads below `root`, a tree that stands for a machine; its clock can not be asked.
    pub fn below(root: &Path) -> Self {
        Self {
            run_root: root.join("run"),
            var_root: root.join("var"),
            dev_root: root.join("dev"),
            slow_interval: SLOW_INTERVAL,
            temperature_levels: TemperatureLevels::default(),
            cgroups: DEFAULT_CGROUPS,
            clock: || Err(ProcError::Missing { file: "adjtimex" }),
            nvidia_library: NVIDIA_LIBRARY.into(),
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
    pub(super) cgroup: &'o mut Block,
    pub(super) sensor: &'o mut Block,
    pub(super) numa: &'o mut Block,
    pub(super) raid: &'o mut Block,
    pub(super) gpu: &'o mut Block,
    pub(super) event: &'o mut Block,
}

/// One collector for each part.
#[derive(Debug)]
pub(super) struct Parts {
    kernel: Kernel,
    cgroups: Cgroups,
    sensors: Sensors,
    nodes: Nodes,
    arrays: Arrays,
    gpus: Gpus,
    logins: Logins,
    kernel_log: KernelLog,
}

impl Parts {
    pub(super) fn new(config: &SamplerConfig) -> Self {
        let (parts, boot_time_ms) = (&config.parts, config.boot_time_ms);
        let (proc_root, sys_root) = (config.proc_root.as_path(), config.sys_root.as_path());
        let slow = parts.slow_interval;
        Self {
            kernel: Kernel::new(proc_root, parts.clock),
            cgroups: Cgroups::new(proc_root, sys_root, parts.cgroups, slow),
            sensors: Sensors::new(sys_root, parts.temperature_levels, slow),
            nodes: Nodes::new(sys_root, slow),
            arrays: Arrays::new(proc_root, slow, boot_time_ms),
            gpus: Gpus::new(config),
            logins: Logins::new(parts.places(&config.etc_root), slow, boot_time_ms),
            kernel_log: KernelLog::new(&parts.dev_root, slow, boot_time_ms),
        }
    }

    pub(super) fn collect(&mut self, tick: &Tick, buffer: &mut Buffer, out: &mut Output<'_, '_>) {
        self.kernel.collect(buffer, out.host);
        self.cgroups.collect(tick, buffer, out.cgroup);
        self.sensors.collect(tick, buffer, out.host, out.sensor);
        self.nodes.collect(tick, buffer, out.numa);
        self.arrays.collect(tick, buffer, out.raid, out.event);
        self.gpus.collect(tick, buffer, out.gpu);
        self.logins.collect(tick, out.host, out.event);
        self.kernel_log.collect(tick, out.event);
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = CollectorStatus> {
        let statuses: [&Status; 8] = [
            &self.kernel.status,
            &self.cgroups.status,
            &self.sensors.status,
            &self.nodes.status,
            &self.arrays.status,
            &self.gpus.status,
            &self.logins.status,
            &self.kernel_log.status,
        ];
        statuses.into_iter().map(Status::tell)
    }
}
