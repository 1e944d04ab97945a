//! One process that uses a large share of the machine.

use std::sync::Arc;

use tacho_model::tables::{host, process};
use tacho_model::{Block, ProcessIdentity, derived};

use super::{Finding, Look};
use crate::evidence::{Order, ProcessLine};
use crate::glob::{Glob, any_of};

/// Below this rate the largest share of a machine's disk or network traffic is nobody's trouble.
const BUSY_BYTES_PER_SECOND: f64 = 10_000_000.0;

/// Shares of the machine, 0 to 1, above which a process is a hog; absent where that is not looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessHog {
    pub cpu: Option<f64>,
    pub memory: Option<f64>,
    pub disk: Option<f64>,
    pub network: Option<f64>,
    /// Which processes.
    pub name: Vec<Glob>,
    pub user: Vec<Glob>,
    pub unit: Vec<Glob>,
}

/// What the machine has, or what all of it carried.
struct Machine {
    cores: Option<f64>,
    memory_bytes: Option<f64>,
    disk_bytes_per_second: Option<f64>,
    network_bytes_per_second: Option<f64>,
}

impl ProcessHog {
    pub(super) fn evaluate(&self, look: &Look<'_>) -> Vec<Finding> {
        let Some(machine) = Machine::new(look) else { return Vec::new() };
        let mut findings = Vec::new();
        for (identity, row, block) in look.snapshot.process_rows() {
            let wanted = any_of(&self.name, &identity.name)
                && any_of(&self.user, &identity.user)
                && any_of(&self.unit, &identity.unit);
            if identity.key.is_other() || !wanted {
                continue;
            }
            for (order, limit) in self.limits() {
                findings.extend(finding(look, &machine, (identity, row, block), order, limit));
            }
        }
        findings
    }

    fn limits(&self) -> impl Iterator<Item = (Order, f64)> {
        let limits = [
            (Order::Cpu, self.cpu),
            (Order::Memory, self.memory),
            (Order::Disk, self.disk),
            (Order::Network, self.network),
        ];
        limits.into_iter().filter_map(|(order, limit)| Some((order, limit?)))
    }

    /// Does silence about an entity say that it is over? A process without a row did nothing; its memory it has
    /// still.
    pub(crate) fn ends_without_row(entity: &str) -> bool {
        !entity.starts_with(Order::Memory.name())
    }
}

fn finding(
    look: &Look<'_>,
    machine: &Machine,
    (identity, row, block): (&Arc<ProcessIdentity>, usize, &Block),
    order: Order,
    limit: f64,
) -> Option<Finding> {
    let share = machine.share(order, block, row)?;
    let ended = block.text(process::STATE, row) == Some("X");
    let holds = share > limit && !ended;
    let entity = || {
        let key = identity.key;
        format!("{} {} [{}.{}]", order.name(), identity.name, key.pid, key.start_time_ms)
    };
    // Most processes are no hogs: nothing is made for them.
    if !holds && share <= limit / 4.0 && !(look.is_active)(&entity()) {
        return None;
    }
    let mut finding = Finding::new(entity(), holds);
    (finding.value, finding.threshold, finding.unit) = (Some(share), Some(limit), "ratio");
    finding.process = holds.then(|| ProcessLine::new(identity, block, row));
    finding.order = order;
    finding.text = format!("{} of the machine", order.name());
    Some(finding)
}

impl Machine {
    fn new(look: &Look<'_>) -> Option<Self> {
        let block = look.snapshot.block(&host::TABLE)?;
        let read = |name| derived::value(block, 0, name);
        let both = |left, right| Some(read(left)? + read(right)?);
        let facts = &look.host.facts;
        let known = |number: f64| (number > 0.0).then_some(number);
        Some(Self {
            cores: read("cpu_cores").or_else(|| known(f64::from(facts.cpu_cores))),
            memory_bytes: read("memory_total_bytes").or_else(|| known(facts.memory_bytes as f64)),
            disk_bytes_per_second: both("disk_read_bytes_per_second", "disk_write_bytes_per_second"),
            network_bytes_per_second: both("net_rx_bytes_per_second", "net_tx_bytes_per_second"),
        })
    }

    fn share(&self, order: Order, block: &Block, row: usize) -> Option<f64> {
        let read = |name| derived::value(block, row, name);
        let both = |left, right| Some(read(left).unwrap_or(0.0) + read(right).unwrap_or(0.0));
        let (used, all, least) = match order {
            Order::Cpu => (read("cpu_ratio"), self.cores, 0.0),
            Order::Memory => (read("rss_bytes"), self.memory_bytes, 0.0),
            Order::Disk => (
                both("disk_read_bytes_per_second", "disk_write_bytes_per_second"),
                self.disk_bytes_per_second,
                BUSY_BYTES_PER_SECOND,
            ),
            Order::Network => (
                both("net_rx_bytes_per_second", "net_tx_bytes_per_second"),
                self.network_bytes_per_second,
                BUSY_BYTES_PER_SECOND,
            ),
        };
        let (used, all) = (used?, all?);
        // What the devices count and what processes count differs by caching: never more than all.
        let used = used.min(all);
        (all > 0.0).then(|| if used < least { 0.0 } else { used / all })
    }
}
