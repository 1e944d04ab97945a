//! Hosts of which nothing is heard.

use std::sync::Arc;

use super::{Engine, HostState, Moment};
use crate::alert::{AlertKey, Change};
use crate::condition::{Condition, Finding};
use crate::host::Host;
use crate::rule::Rule;

/// A longer time between two ticks means that this server stood still, which says nothing about hosts.
const STALL_MS: i64 = 30_000;

/// When a host was heard of last, by the clock that ticks.
#[derive(Debug, Clone)]
pub struct Presence {
    pub host: Host,
    pub heard_ms: i64,
    /// Between its snapshots.
    pub interval_ms: i64,
}

impl Engine {
    /// Looks who is silent. To be called every few seconds with all hosts of the inventory.
    pub fn tick(&mut self, hosts: &[Presence], now_ms: i64) -> Vec<Change> {
        let stood_still = self.ticked_ms.is_none_or(|before_ms| {
            let passed_ms = now_ms.saturating_sub(before_ms);
            !(0..=STALL_MS).contains(&passed_ms)
        });
        if stood_still {
            self.listening_since_ms = now_ms;
        }
        self.ticked_ms = Some(now_ms);
        let mut changes = Vec::new();
        for presence in hosts {
            changes.extend(self.know(&presence.host, now_ms));
            let Some(mut state) = self.hosts.remove(&presence.host.key.id) else { continue };
            for rule in state.rules.clone().unwrap_or_default() {
                changes.extend(self.listen(&mut state, &rule, presence, now_ms));
            }
            self.hosts.insert(Arc::clone(&presence.host.key.id), state);
        }
        changes
    }

    fn listen(
        &mut self,
        state: &mut HostState,
        rule: &Arc<Rule>,
        presence: &Presence,
        now_ms: i64,
    ) -> Option<Change> {
        let Condition::HostSilent { after_ms } = rule.condition else { return None };
        let key = AlertKey {
            host_id: Arc::clone(&presence.host.key.id),
            rule: Arc::clone(&rule.name),
            entity: String::new(),
        };
        // One snapshot that is late is no silence.
        let after_ms = after_ms.max(presence.interval_ms.saturating_mul(2).saturating_add(5_000));
        let silent_ms = now_ms.saturating_sub(presence.heard_ms);
        let listened_ms = now_ms.saturating_sub(self.listening_since_ms);
        let active = state.alerts.contains_key(&key);
        let mut finding = Finding::new("", silent_ms >= after_ms && (active || listened_ms >= after_ms));
        finding.value = Some((silent_ms / 1000) as f64);
        (finding.threshold, finding.unit) = (Some((after_ms / 1000) as f64), "seconds");
        finding.text = "was not heard of".to_owned();
        let moment = Moment { rule, snapshot: None, time_ms: now_ms };
        let change = self.apply(state, &moment, finding);
        if let Some(alert) = state.alerts.get_mut(&key) {
            alert.since_ms = alert.since_ms.min(presence.heard_ms);
        }
        change
    }
}
