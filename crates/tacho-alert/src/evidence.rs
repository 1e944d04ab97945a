//! What an alert can show: its value of late, and who was at it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tacho_model::tables::process;
use tacho_model::{Block, ProcessIdentity, Snapshot, derived};

use crate::alert::MAX_POINTS;
use crate::template::clean;

/// Processes that are listed with an alert.
pub const TOP_PROCESSES: usize = 5;

/// Characters of a command line that are kept.
const COMMAND_CHARS: usize = 300;

/// What an alert rests on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The value when the condition held last.
    pub value: Option<f64>,
    /// What it is compared with.
    pub threshold: Option<f64>,
    /// As of the tables: `ratio`, `bytes`, …
    pub unit: String,
    /// What the reading says where it is no number: a state, the text of an event.
    pub text: String,
    /// The culprit, where one is known.
    pub process: Option<ProcessLine>,
    /// Time and value, oldest first, at most [`MAX_POINTS`].
    pub values: VecDeque<(i64, f64)>,
    /// Who used most of what the rule is about when it fired, at most [`TOP_PROCESSES`].
    pub processes: Vec<ProcessLine>,
    /// By what they are ordered: `cpu`, `memory`, `disk` or `network`.
    pub order: String,
}

/// A process in an alert.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessLine {
    pub pid: i64,
    pub start_time_ms: i64,
    pub name: String,
    pub command: String,
    pub user: String,
    pub unit: String,
    /// Cores.
    pub cpu_ratio: Option<f64>,
    pub memory_bytes: Option<i64>,
    /// Read and written.
    pub disk_bytes_per_second: Option<f64>,
    /// Received and sent.
    pub network_bytes_per_second: Option<f64>,
}

/// What processes are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Order {
    #[default]
    Cpu,
    Memory,
    Disk,
    Network,
}

impl Evidence {
    pub(crate) fn add(&mut self, time_ms: i64, value: f64) {
        while self.values.len() >= MAX_POINTS {
            self.values.pop_front();
        }
        self.values.push_back((time_ms, value));
    }
}

impl ProcessLine {
    pub(crate) fn new(identity: &ProcessIdentity, block: &Block, row: usize) -> Self {
        Self {
            pid: identity.key.pid,
            start_time_ms: identity.key.start_time_ms,
            name: clean(&identity.name, COMMAND_CHARS),
            command: clean(&identity.command, COMMAND_CHARS),
            user: clean(&identity.user, COMMAND_CHARS),
            unit: clean(&identity.unit, COMMAND_CHARS),
            cpu_ratio: derived::value(block, row, "cpu_ratio"),
            memory_bytes: block.integer(process::RSS_BYTES, row),
            disk_bytes_per_second: sum(
                block,
                row,
                "disk_read_bytes_per_second",
                "disk_write_bytes_per_second",
            ),
            network_bytes_per_second: sum(block, row, "net_rx_bytes_per_second", "net_tx_bytes_per_second"),
        }
    }

    /// The same process, whatever it used.
    pub(crate) fn is(&self, other: &Self) -> bool {
        (self.pid, self.start_time_ms) == (other.pid, other.start_time_ms)
    }

    fn rank(&self, order: Order) -> f64 {
        let value = match order {
            Order::Cpu => self.cpu_ratio,
            Order::Memory => self.memory_bytes.map(|bytes| bytes as f64),
            Order::Disk => self.disk_bytes_per_second,
            Order::Network => self.network_bytes_per_second,
        };
        value.unwrap_or(0.0)
    }
}

impl Order {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Network => "network",
        }
    }
}

/// Who used most. What flows is of the newest snapshot alone; memory is also known of those that were at rest and
/// have their latest row in an older one.
pub(crate) fn top_processes(newest: &Snapshot, before: &[Arc<Snapshot>], order: Order) -> Vec<ProcessLine> {
    let mut lines: Vec<ProcessLine> = Vec::new();
    let mut seen = HashSet::new();
    let older = if order == Order::Memory { before } else { &[] };
    for snapshot in std::iter::once(newest).chain(older.iter().rev().map(|snapshot| &**snapshot)) {
        for (identity, row, block) in snapshot.process_rows() {
            let ended = block.text(process::STATE, row) == Some("X");
            if !identity.key.is_other() && seen.insert(identity.key) && !(ended && order == Order::Memory) {
                lines.push(ProcessLine::new(identity, block, row));
            }
        }
    }
    lines.retain(|line| line.rank(order) > 0.0);
    lines.sort_by(|left, right| right.rank(order).total_cmp(&left.rank(order)));
    lines.truncate(TOP_PROCESSES);
    lines
}

/// Of two numbers, one of which may be absent.
fn sum(block: &Block, row: usize, left: &str, right: &str) -> Option<f64> {
    let [left, right] = [left, right].map(|name| derived::value(block, row, name));
    match (left, right) {
        (None, None) => None,
        (left, right) => Some(left.unwrap_or(0.0) + right.unwrap_or(0.0)),
    }
}
