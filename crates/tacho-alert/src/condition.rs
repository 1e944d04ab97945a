//! What rules look for. Each kind takes a snapshot and says for each thing on the host whether it holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tacho_model::Snapshot;

use crate::evidence::{Order, ProcessLine};
use crate::glob::Glob;
use crate::host::Host;

pub(crate) mod event;
pub(crate) mod filesystem;
pub(crate) mod hog;
pub(crate) mod reading;
pub(crate) mod watch;

use filesystem::{DiskFilling, FilesystemMemory};
use hog::ProcessHog;
use reading::{ClockOffset, State, Threshold};
use watch::{ProcessWatch, WatchMemory};

/// Kinds of conditions, as rules name them.
pub(crate) const KINDS: &[&str] = &[
    "threshold",
    "state",
    "process_hog",
    "process_watch",
    "host_silent",
    "disk_filling",
    "clock_offset",
    "temperature",
    "read_only",
    "event",
    "oom_kill",
    "script",
    "login",
    "agent_over_budget",
];

/// What a rule looks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A number is above or below another.
    Threshold(Threshold),
    /// A text is one of some.
    State(State),
    /// One process uses a large share of the machine.
    ProcessHog(ProcessHog),
    /// Processes that should be there, and how many.
    ProcessWatch(ProcessWatch),
    /// Nothing was heard of a host for so many milliseconds.
    HostSilent { after_ms: i64 },
    /// A file system will be full before long.
    DiskFilling(DiskFilling),
    /// A host's clock is off.
    ClockOffset(ClockOffset),
    /// A file system that could be written can not be written any more.
    ReadOnly { fs_type: Vec<Glob>, mount_point: Vec<Glob> },
    /// Something happened.
    Event(event::EventMatch),
}

/// One look at a host.
pub(crate) struct Look<'a> {
    pub(crate) host: &'a Host,
    pub(crate) snapshot: &'a Snapshot,
    /// Is an alert of this rule pending or firing for an entity?
    pub(crate) is_active: &'a dyn Fn(&str) -> bool,
}

/// What is found about one entity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) entity: String,
    pub(crate) found: Found,
    pub(crate) value: Option<f64>,
    pub(crate) threshold: Option<f64>,
    pub(crate) unit: &'static str,
    pub(crate) text: String,
    pub(crate) process: Option<ProcessLine>,
    pub(crate) order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Holds,
    HoldsNot,
    /// It was in an instant: it holds now and not at the next look, unless it happens again.
    Happened,
}

/// What conditions remember of one host between looks. Bounded in each of its parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Time of the first snapshot that was looked at.
    pub(crate) since_ms: Option<i64>,
    /// By mount point.
    pub(crate) filesystems: BTreeMap<String, FilesystemMemory>,
    /// By rule.
    pub(crate) watches: BTreeMap<Arc<str>, WatchMemory>,
}

impl Condition {
    /// As rules name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Threshold(_) => "threshold",
            Self::State(_) => "state",
            Self::ProcessHog(_) => "process_hog",
            Self::ProcessWatch(_) => "process_watch",
            Self::HostSilent { .. } => "host_silent",
            Self::DiskFilling(_) => "disk_filling",
            Self::ClockOffset(_) => "clock_offset",
            Self::ReadOnly { .. } => "read_only",
            Self::Event(_) => "event",
        }
    }

    /// What the snapshot says. Entities that it says nothing about are left out.
    pub(crate) fn evaluate(&self, rule: &Arc<str>, look: &Look<'_>, memory: &mut Memory) -> Vec<Finding> {
        match self {
            Self::Threshold(threshold) => threshold.evaluate(look),
            Self::State(state) => state.evaluate(look),
            Self::ProcessHog(hog) => hog.evaluate(look),
            Self::ProcessWatch(watch) => watch.evaluate(rule, look, memory),
            Self::HostSilent { .. } => Vec::new(),
            Self::DiskFilling(filling) => filling.evaluate(look, memory),
            Self::ClockOffset(offset) => offset.evaluate(look),
            Self::ReadOnly { fs_type, mount_point } => {
                filesystem::read_only(look, memory, fs_type, mount_point)
            }
            Self::Event(event) => event.evaluate(look),
        }
    }
}

impl Finding {
    pub(crate) fn new(entity: impl Into<String>, holds: bool) -> Self {
        Self {
            entity: entity.into(),
            found: if holds { Found::Holds } else { Found::HoldsNot },
            value: None,
            threshold: None,
            unit: "",
            text: String::new(),
            process: None,
            order: Order::Cpu,
        }
    }
}
