//! Processes that should be there: by pid, name, command line, user, unit or listening port.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tacho_model::tables::{listener, process};
use tacho_model::{Block, ProcessIdentity, ProcessKey};

use super::{Finding, Found, Look, Memory};
use crate::evidence::ProcessLine;
use crate::glob::{Glob, any_of};

/// Processes (or listeners) remembered for one rule on one host; more count as this many.
const MAX_MATCHES: usize = 256;

/// A process at rest has a row once a minute, and one may be late: without a row for this long it is gone.
const GONE_MS: i64 = 90_000;

/// Which processes, and how many there have to be.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessWatch {
    pub name: Vec<Glob>,
    pub command: Vec<Glob>,
    pub user: Vec<Glob>,
    pub unit: Vec<Glob>,
    pub pid: Option<i64>,
    /// Counts listeners on this port instead of processes.
    pub port: Option<i64>,
    pub min: Option<u64>,
    pub max: Option<u64>,
    /// One that ended and another one that came within a minute and a half is told.
    pub restarted: bool,
}

/// What one rule remembers of one host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct WatchMemory {
    /// Pid and start time of the matching processes that live, or address and port of listeners, and when each
    /// was seen last.
    alive: BTreeMap<String, i64>,
    /// How the last one ended and when.
    ended: Option<(i64, String)>,
    last: Option<ProcessLine>,
}

impl ProcessWatch {
    pub(super) fn evaluate(&self, rule: &Arc<str>, look: &Look<'_>, memory: &mut Memory) -> Vec<Finding> {
        let time_ms = look.snapshot.time_ms;
        let since_ms = *memory.since_ms.get_or_insert(time_ms);
        let known = memory.watches.entry(Arc::clone(rule)).or_default();
        let came = match self.port {
            Some(port) => known.note_listeners(look, port),
            None => self.note_processes(look, known),
        };
        let Some(came) = came else { return Vec::new() };
        let restarted = known
            .ended
            .as_ref()
            .is_some_and(|(ended_ms, _)| came && time_ms.saturating_sub(*ended_ms) <= GONE_MS);
        let count = known.alive.len() as u64;
        // Until every process had a chance to show itself, too few may only be not seen yet.
        let warm = time_ms.saturating_sub(since_ms) >= GONE_MS || known.ended.is_some();
        let mut findings = Vec::new();
        let mut add = |entity: &str, found: Found, threshold: u64, text: String| {
            let mut finding = Finding::new(entity, true);
            (finding.found, finding.text) = (found, text);
            (finding.value, finding.threshold) = (Some(count as f64), Some(threshold as f64));
            finding.process = known.last.clone();
            findings.push(finding);
        };
        let of = |holds: bool| if holds { Found::Holds } else { Found::HoldsNot };
        let end = known.ended.as_ref().map_or_else(String::new, |(_, how)| format!(", {how}"));
        if let Some(min) = self.min.filter(|min| count >= *min || warm) {
            let text = if count == 0 { format!("is not running{end}") } else { format!("{count} run{end}") };
            add("missing", of(count < min), min, text);
        }
        if let Some(max) = self.max {
            add("too many", of(count > max), max, format!("{count} run"));
        }
        if self.restarted && restarted {
            add("restarted", Found::Happened, self.min.unwrap_or(1), format!("was started anew{end}"));
        }
        findings
    }

    /// Whether a process came that was not there; absent when the snapshot says nothing of processes.
    fn note_processes(&self, look: &Look<'_>, known: &mut WatchMemory) -> Option<bool> {
        look.snapshot.block(&process::TABLE)?;
        let time_ms = look.snapshot.time_ms;
        let mut came = false;
        for (identity, row, block) in look.snapshot.process_rows() {
            if identity.key.is_other() || !self.matches(identity) {
                continue;
            }
            let key = key(identity.key);
            if block.text(process::STATE, row) == Some("X") {
                // One that came and went between two snapshots counts as gone, not as come.
                known.alive.remove(&key);
                known.ended = Some((time_ms, how_it_ended(block, row)));
                known.last = Some(ProcessLine::new(identity, block, row));
            } else if known.alive.contains_key(&key) || known.alive.len() < MAX_MATCHES {
                came |= known.alive.insert(key, time_ms).is_none();
                known.last = Some(ProcessLine::new(identity, block, row));
            }
        }
        let before = known.alive.len();
        known.alive.retain(|_, seen_ms| time_ms.saturating_sub(*seen_ms) < GONE_MS);
        if known.alive.len() < before {
            known.ended = Some((time_ms, "how it ended is not known".to_owned()));
        }
        Some(came)
    }

    fn matches(&self, identity: &ProcessIdentity) -> bool {
        self.pid.is_none_or(|pid| pid == identity.key.pid)
            && any_of(&self.name, &identity.name)
            && any_of(&self.command, &identity.command)
            && any_of(&self.user, &identity.user)
            && any_of(&self.unit, &identity.unit)
    }
}

impl WatchMemory {
    /// Listeners are told when they come and go, and all of them once an hour: what is open stays so.
    fn note_listeners(&mut self, look: &Look<'_>, port: i64) -> Option<bool> {
        let time_ms = look.snapshot.time_ms;
        let Some(block) = look.snapshot.block(&listener::TABLE).filter(|block| !block.is_empty()) else {
            // Known before: it is as it was.
            return (!self.alive.is_empty() || self.ended.is_some()).then_some(false);
        };
        let mut came = false;
        for row in 0..block.len() {
            if block.integer(listener::PORT, row) != Some(port) {
                continue;
            }
            let text = |column| block.text(column, row).unwrap_or_default();
            let key = format!("{} {}", text(listener::PROTOCOL), text(listener::ADDRESS));
            if block.integer(listener::OPEN, row) == Some(0) {
                self.alive.remove(&key);
                self.ended = Some((time_ms, format!("{} stopped listening", text(listener::NAME))));
            } else if self.alive.len() < MAX_MATCHES {
                came |= self.alive.insert(key, time_ms).is_none();
            }
        }
        // The first list without the port says that nobody listens on it.
        self.ended.get_or_insert_with(|| (0, "nothing listens".to_owned()));
        Some(came)
    }
}

fn key(key: ProcessKey) -> String {
    format!("{}.{}", key.pid, key.start_time_ms)
}

fn how_it_ended(block: &Block, row: usize) -> String {
    let signal = block.integer(process::EXIT_SIGNAL, row).filter(|signal| *signal != 0);
    match (signal, block.integer(process::EXIT_CODE, row)) {
        (Some(signal), _) => format!("the last was ended by signal {signal}"),
        (None, Some(code)) => format!("the last ended with exit code {code}"),
        (None, None) => "the last has ended".to_owned(),
    }
}
