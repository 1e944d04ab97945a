//! From snapshots and the passing of time to alerts that fire and end.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tacho_model::{HostFacts, HostKey, Snapshot, derived, tables};

use crate::alert::{Alert, AlertKey, Change, ChangeKind, Step};
use crate::condition::hog::ProcessHog;
use crate::condition::{Condition, Look, Memory, filesystem};
use crate::host::Host;
use crate::load::RuleSet;
use crate::rule::Rule;
use crate::threshold::{HostThreshold, on_host};

mod apply;
mod memory;
mod silence;
mod text;

pub use memory::EngineMemory;
pub use silence::Presence;
pub use text::shown_value;

/// A snapshot that is older is told of as history, not as news: it never makes an alert.
const LATE_MS: i64 = 60_000;
/// A thing of which nothing was told for so long is not there any more.
const STALE_MS: i64 = 180_000;

/// How many alerts there may be. What would be more is counted and left out.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub alerts: usize,
    pub alerts_per_rule: usize,
    pub alerts_per_host: usize,
}

/// All alerts and what their rules remember.
#[derive(Debug)]
pub struct Engine {
    rules: Arc<RuleSet>,
    thresholds: Vec<HostThreshold>,
    limits: Limits,
    hosts: HashMap<Arc<str>, HostState>,
    /// Alerts by rule.
    counts: HashMap<Arc<str>, usize>,
    left_out: u64,
    ticked_ms: Option<i64>,
    /// Since when this server has listened without a break.
    listening_since_ms: i64,
}

#[derive(Debug)]
struct HostState {
    host: Host,
    /// Rules about this host; absent until the host is known.
    rules: Option<Vec<Arc<Rule>>>,
    alerts: BTreeMap<AlertKey, Alert>,
    fired_before: BTreeMap<AlertKey, VecDeque<i64>>,
    memory: Memory,
}

/// What `apply` needs beside the alert.
struct Moment<'a> {
    rule: &'a Rule,
    snapshot: Option<(&'a Snapshot, &'a [Arc<Snapshot>])>,
    time_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { alerts: 20_000, alerts_per_rule: 5_000, alerts_per_host: 200 }
    }
}

impl Engine {
    pub fn new(rules: Arc<RuleSet>, limits: Limits) -> Self {
        Self {
            rules,
            thresholds: Vec::new(),
            limits,
            hosts: HashMap::new(),
            counts: HashMap::new(),
            left_out: 0,
            ticked_ms: None,
            listening_since_ms: i64::MIN,
        }
    }

    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The rule called `name`.
    pub fn rule(&self, name: &str) -> Option<&Arc<Rule>> {
        self.rules.rules.iter().find(|rule| *rule.name == *name)
    }

    /// All that are pending or firing, in no order.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.hosts.values().flat_map(|state| state.alerts.values())
    }

    /// Alerts that were left out because there were too many.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Takes other rules. Alerts of rules that are gone, or are about other hosts now, are dropped.
    pub fn replace_rules(&mut self, rules: Arc<RuleSet>, now_ms: i64) -> Vec<Change> {
        self.rules = rules;
        let mut changes = Vec::new();
        for state in self.hosts.values_mut() {
            if state.rules.is_some() {
                state.rules = Some(matching(&self.rules, &self.thresholds, &state.host));
            }
            let keep = |name: &str| match &state.rules {
                Some(rules) => rules.iter().any(|rule| *rule.name == *name),
                None => self.rules.rules.iter().any(|rule| *rule.name == *name),
            };
            let gone: Vec<_> = state.alerts.keys().filter(|key| !keep(&key.rule)).cloned().collect();
            state.memory.watches.retain(|name, _| keep(name));
            for key in gone {
                changes.extend(drop_alert(state, &mut self.counts, &key, now_ms, "its rule is gone"));
            }
        }
        changes
    }

    /// Takes other thresholds of hosts, the last one set last. They hold from the next snapshot on.
    pub fn replace_thresholds(&mut self, thresholds: Vec<HostThreshold>) {
        self.thresholds = thresholds;
        for state in self.hosts.values_mut().filter(|state| state.rules.is_some()) {
            state.rules = Some(matching(&self.rules, &self.thresholds, &state.host));
        }
    }

    /// Takes in a snapshot as it arrives; `before` are the newest ones before it, oldest first. One that arrives
    /// late changes nothing.
    pub fn frame(
        &mut self,
        host: &Host,
        snapshot: &Snapshot,
        before: &[Arc<Snapshot>],
        now_ms: i64,
    ) -> Vec<Change> {
        if is_late(snapshot, now_ms) {
            return Vec::new();
        }
        let mut changes = self.know(host, now_ms);
        let Some(mut state) = self.hosts.remove(&host.key.id) else { return changes };
        for rule in state.rules.clone().unwrap_or_default() {
            self.look(&mut state, &rule, snapshot, before, &mut changes);
        }
        state.memory.since_ms.get_or_insert(snapshot.time_ms);
        let look = Look { host, snapshot, is_active: &|_| false };
        filesystem::remember(&look, &mut state.memory);
        let time_ms = snapshot.time_ms;
        state.fired_before.retain(|_, times| Alert::is_remembered(times, time_ms));
        self.hosts.insert(Arc::clone(&host.key.id), state);
        changes
    }

    /// Ends all alerts of a host that was taken out of the inventory, and forgets it.
    pub fn remove_host(&mut self, host_id: &str, now_ms: i64) -> Vec<Change> {
        let Some(mut state) = self.hosts.remove(host_id) else { return Vec::new() };
        let keys: Vec<_> = state.alerts.keys().cloned().collect();
        keys.iter()
            .filter_map(|key| drop_alert(&mut state, &mut self.counts, key, now_ms, "the host was removed"))
            .collect()
    }

    /// Ids of all hosts that there is something to remember of.
    pub fn host_ids(&self) -> Vec<Arc<str>> {
        self.hosts.keys().cloned().collect()
    }

    /// Takes up what a host is now. Alerts of rules that are about others from now on are dropped.
    fn know(&mut self, host: &Host, now_ms: i64) -> Vec<Change> {
        let id = &host.key.id;
        let state = self.hosts.entry(Arc::clone(id)).or_insert_with(|| HostState::unknown(host.key.clone()));
        let same = state.rules.is_some()
            && state.host.key == host.key
            && state.host.facts == host.facts
            && state.host.tags == host.tags;
        if same {
            return Vec::new();
        }
        for alert in state.alerts.values_mut() {
            (alert.host, alert.tags) = (Arc::clone(&host.key.name), Arc::clone(&host.tags));
        }
        state.host = host.clone();
        let rules = matching(&self.rules, &self.thresholds, host);
        let is_meant = |key: &AlertKey| rules.iter().any(|rule| rule.name == key.rule);
        let gone: Vec<_> = state.alerts.keys().filter(|key| !is_meant(key)).cloned().collect();
        state.rules = Some(rules);
        let mut drop =
            |key| drop_alert(state, &mut self.counts, key, now_ms, "its rule is about other hosts now");
        gone.iter().filter_map(&mut drop).collect()
    }

    fn look(
        &mut self,
        state: &mut HostState,
        rule: &Arc<Rule>,
        snapshot: &Snapshot,
        before: &[Arc<Snapshot>],
        changes: &mut Vec<Change>,
    ) {
        let mut active: Vec<AlertKey> =
            state.alerts.keys().filter(|key| key.rule == rule.name).cloned().collect();
        let is_active = |entity: &str| active.iter().any(|key| key.entity == entity);
        let look = Look { host: &state.host, snapshot, is_active: &is_active };
        let findings = rule.condition.evaluate(&rule.name, &look, &mut state.memory);
        let moment = Moment { rule, snapshot: Some((snapshot, before)), time_ms: snapshot.time_ms };
        for finding in findings {
            let entity = finding.entity.clone();
            changes.extend(self.apply(state, &moment, finding));
            active.retain(|key| key.entity != entity);
        }
        for key in active {
            changes.extend(self.unseen(state, &moment, &key));
        }
    }

    /// An alert about whose entity the snapshot says nothing.
    fn unseen(&mut self, state: &mut HostState, moment: &Moment<'_>, key: &AlertKey) -> Option<Change> {
        let alert = state.alerts.get_mut(key)?;
        let time_ms = moment.time_ms;
        alert.seen_ms = alert.seen_ms.min(time_ms);
        let told = |table| moment.snapshot.is_some_and(|(snapshot, _)| snapshot.block(table).is_some());
        let over = alert.momentary
            || matches!(moment.rule.condition, Condition::ProcessHog(_))
                && told(&tables::process::TABLE)
                && ProcessHog::ends_without_row(&key.entity);
        if over {
            let step = alert.holds_not(moment.rule, time_ms);
            return self.settle(state, key, step, time_ms, "");
        }
        if time_ms.saturating_sub(alert.seen_ms) < STALE_MS || !state.host_told(moment) {
            return None;
        }
        let step = if state.alerts.get(key)?.is_firing() { Step::Resolved } else { Step::Cancelled };
        self.settle(state, key, step, time_ms, "nothing is reported about it any more")
    }
}

impl HostState {
    fn unknown(key: HostKey) -> Self {
        let facts = Arc::new(HostFacts::default());
        Self {
            host: Host { key, facts, tags: Arc::from([]) },
            rules: None,
            alerts: BTreeMap::new(),
            fired_before: BTreeMap::new(),
            memory: Memory::default(),
        }
    }

    /// Silence about a thing counts only while the host tells of anything.
    fn host_told(&self, moment: &Moment<'_>) -> bool {
        moment.snapshot.is_some_and(|(snapshot, _)| snapshot.block(&tables::host::TABLE).is_some())
    }
}

fn matching(rules: &RuleSet, thresholds: &[HostThreshold], host: &Host) -> Vec<Arc<Rule>> {
    let of_host = rules.rules.iter().filter(|rule| rule.hosts.matches(host));
    of_host.map(|rule| on_host(rule, thresholds, host)).collect()
}

fn is_late(snapshot: &Snapshot, now_ms: i64) -> bool {
    let marked = snapshot
        .block(&tables::host::TABLE)
        .is_some_and(|block| derived::value(block, 0, "arrived_late_ms").is_some());
    marked || now_ms.saturating_sub(snapshot.time_ms) > LATE_MS
}

fn drop_alert(
    state: &mut HostState,
    counts: &mut HashMap<Arc<str>, usize>,
    key: &AlertKey,
    time_ms: i64,
    reason: &str,
) -> Option<Change> {
    let alert = state.alerts.remove(key)?;
    uncount(counts, &key.rule);
    let kind = ChangeKind::Dropped { time_ms, reason: reason.to_owned() };
    alert.is_firing().then_some(Change { kind, alert })
}

fn uncount(counts: &mut HashMap<Arc<str>, usize>, rule: &Arc<str>) {
    if let Some(count) = counts.get_mut(rule) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(rule);
        }
    }
}

#[cfg(test)]
mod tests;
