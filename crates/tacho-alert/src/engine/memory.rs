//! What outlives a restart, or comes from another server of the catalog.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tacho_model::HostKey;

use super::{Engine, HostState, uncount};
use crate::alert::{Alert, AlertKey, Change};
use crate::condition::Memory;

/// All that has to outlive a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineMemory {
    alerts: Vec<Alert>,
    hosts: BTreeMap<Arc<str>, Memory>,
    fired_before: Vec<(AlertKey, VecDeque<i64>)>,
}

impl EngineMemory {
    /// What was saved is a little old: what fires is what the catalog says that fires, which knows less of how it went on.
    pub fn reconcile(&mut self, firing: Vec<Alert>) {
        let (known, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.alerts).into_iter().partition(Alert::is_firing);
        let mut known: BTreeMap<Option<String>, Alert> =
            known.into_iter().map(|alert| (alert.id.clone(), alert)).collect();
        let fires: BTreeSet<AlertKey> = firing.iter().map(|alert| alert.key.clone()).collect();
        self.alerts = pending.into_iter().filter(|alert| !fires.contains(&alert.key)).collect();
        self.alerts.extend(firing.into_iter().map(|alert| known.remove(&alert.id).unwrap_or(alert)));
    }

    /// Adds what is remembered of other hosts.
    pub fn join(&mut self, other: Self) {
        self.alerts.extend(other.alerts);
        self.hosts.extend(other.hosts);
        self.fired_before.extend(other.fired_before);
    }

    fn add(&mut self, state: &HostState) {
        self.alerts.extend(state.alerts.values().cloned());
        self.hosts.insert(Arc::clone(&state.host.key.id), state.memory.clone());
        self.fired_before.extend(state.fired_before.clone());
    }
}

impl Engine {
    /// Goes on with what an earlier engine remembered; alerts of rules that are gone are dropped.
    pub fn restore(&mut self, memory: EngineMemory, now_ms: i64) -> Vec<Change> {
        for alert in memory.alerts {
            let key = HostKey { id: Arc::clone(&alert.key.host_id), name: Arc::clone(&alert.host) };
            let state = self.hosts.entry(Arc::clone(&key.id)).or_insert_with(|| HostState::unknown(key));
            *self.counts.entry(Arc::clone(&alert.key.rule)).or_default() += 1;
            state.alerts.insert(alert.key.clone(), alert);
        }
        for (id, remembered) in memory.hosts {
            let key = HostKey { name: Arc::clone(&id), id: Arc::clone(&id) };
            self.hosts.entry(id).or_insert_with(|| HostState::unknown(key)).memory = remembered;
        }
        for (key, times) in memory.fired_before {
            if let Some(state) = self.hosts.get_mut(&key.host_id) {
                state.fired_before.insert(key, times);
            }
        }
        self.replace_rules(Arc::clone(&self.rules), now_ms)
    }

    /// What has to outlive a restart.
    pub fn memory(&self) -> EngineMemory {
        let mut memory = EngineMemory::default();
        self.hosts.values().for_each(|state| memory.add(state));
        memory.alerts.sort_by(|left, right| left.key.cmp(&right.key));
        memory.fired_before.sort();
        memory
    }

    /// What of one host has to outlive a restart.
    pub fn memory_of(&self, host_id: &str) -> Option<EngineMemory> {
        let mut memory = EngineMemory::default();
        memory.add(self.hosts.get(host_id)?);
        Some(memory)
    }

    /// Goes on with what another server remembered of one host: what is pending here, and what rules remember of it,
    /// gives way. What fires stays, and goes on as it did there.
    pub fn adopt(&mut self, host_id: &str, memory: EngineMemory) {
        let key = HostKey { name: Arc::from(host_id), id: Arc::from(host_id) };
        let state = self.hosts.entry(Arc::from(host_id)).or_insert_with(|| HostState::unknown(key));
        let pending: Vec<_> =
            state.alerts.values().filter(|alert| !alert.is_firing()).map(|alert| alert.key.clone()).collect();
        for key in pending {
            state.alerts.remove(&key);
            uncount(&mut self.counts, &key.rule);
        }
        for alert in memory.alerts {
            if *alert.key.host_id != *host_id {
                continue;
            }
            match state.alerts.get_mut(&alert.key) {
                Some(here) if here.id == alert.id => *here = alert,
                Some(_) => {}
                None if alert.is_firing() => {}
                None => {
                    *self.counts.entry(Arc::clone(&alert.key.rule)).or_default() += 1;
                    state.alerts.insert(alert.key.clone(), alert);
                }
            }
        }
        if let Some(memory) =
            memory.hosts.into_iter().find_map(|(id, memory)| (*id == *host_id).then_some(memory))
        {
            state.memory = memory;
        }
        state.fired_before =
            memory.fired_before.into_iter().filter(|(key, _)| *key.host_id == *host_id).collect();
    }

    /// Takes up an alert that fires by another server's word; the one that it takes the place of, where that has
    /// fired under another id.
    pub fn take_firing(&mut self, alert: Alert) -> Option<Alert> {
        let key = HostKey { id: Arc::clone(&alert.key.host_id), name: Arc::clone(&alert.host) };
        let state = self.hosts.entry(Arc::clone(&key.id)).or_insert_with(|| HostState::unknown(key));
        let rule = Arc::clone(&alert.key.rule);
        let before = state.alerts.insert(alert.key.clone(), alert);
        if before.is_none() {
            *self.counts.entry(rule).or_default() += 1;
        }
        before.filter(Alert::is_firing)
    }

    /// An alert ended by another server's word; `false` when none with this id fires here.
    pub fn take_end(&mut self, ended: &Alert) -> bool {
        let Some(state) = self.hosts.get_mut(&ended.key.host_id) else { return false };
        if state.alerts.get(&ended.key).is_none_or(|alert| alert.id != ended.id) {
            return false;
        }
        state.alerts.remove(&ended.key);
        uncount(&mut self.counts, &ended.key.rule);
        state.fired_before.insert(ended.key.clone(), ended.fired_times());
        true
    }

    /// The alert of this key, pending or firing.
    pub fn alert(&self, key: &AlertKey) -> Option<&Alert> {
        self.hosts.get(&key.host_id)?.alerts.get(key)
    }
}
