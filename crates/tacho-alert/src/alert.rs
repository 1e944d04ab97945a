//! One alert and how it changes from reading to reading.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::host::Host;
use crate::rule::{Rule, Severity};

/// Values of an alert that are kept: five minutes at one each 5 s. Older ones are dropped.
pub const MAX_POINTS: usize = 60;

/// Snapshots come by a schedule, some of them a little late: `for` is reached this much early.
const FOR_SLACK_MS: i64 = 500;

/// Times of firing that are remembered to find out what flaps.
const FLAPS: usize = 5;
/// Fired so often within this time means that it flaps.
const FLAP_WINDOW_MS: i64 = 3_600_000;
/// What flaps ends only when it was quiet for this long.
const FLAP_QUIET_MS: i64 = 600_000;

/// Which alert: a rule, a host by its stable id, and what of the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AlertKey {
    pub host_id: Arc<str>,
    pub rule: Arc<str>,
    /// Such as a mount point; empty for the host itself.
    pub entity: String,
}

/// An alert that is pending or firing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub key: AlertKey,
    /// Unique over all times; absent while it is pending.
    pub id: Option<String>,
    /// Name of the host.
    pub host: Arc<str>,
    /// Of the host. Absent in alerts that an earlier version stored.
    #[serde(default)]
    pub tags: Arc<[String]>,
    pub severity: Severity,
    pub labels: BTreeMap<String, String>,
    pub links: BTreeMap<String, String>,
    /// What happened, for people.
    pub text: String,
    /// Since when the condition has held, in the host's corrected time.
    pub since_ms: i64,
    /// When it fired; absent while it is pending.
    pub fired_ms: Option<i64>,
    /// When the condition held last.
    pub active_ms: i64,
    /// When it was looked at last.
    pub seen_ms: i64,
    /// Fires again and again: it is kept firing until it has been quiet for a while.
    pub flapping: bool,
    /// Something that was in an instant, and stays to be seen for a while.
    pub(crate) momentary: bool,
    pub evidence: Evidence,
    /// When it fired before, oldest first.
    fired_before_ms: VecDeque<i64>,
}

/// Something that became of an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub kind: ChangeKind,
    /// As it is after the change.
    pub alert: Alert,
}

impl Change {
    /// When it ended and how; absent when it fired.
    pub fn end(&self) -> Option<(i64, String)> {
        match &self.kind {
            ChangeKind::Fired => None,
            ChangeKind::Resolved { time_ms, reason } | ChangeKind::Dropped { time_ms, reason } => {
                Some((*time_ms, reason.clone()))
            }
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    Fired,
    /// It ended; the text says how.
    Resolved {
        time_ms: i64,
        reason: String,
    },
    /// The host was removed or the rule is gone: there is nothing to say about it any more.
    Dropped {
        time_ms: i64,
        reason: String,
    },
}

/// How long something that was in an instant stays to be seen.
const MOMENT_MS: i64 = 600_000;

/// What one look at the condition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing to tell.
    Same,
    Fired,
    /// Was pending, and the condition is gone.
    Cancelled,
    Resolved,
}

impl Alert {
    /// An alert whose condition holds for the first time.
    pub(crate) fn begin(
        key: AlertKey,
        host: &Host,
        rule: &Rule,
        time_ms: i64,
        fired_before_ms: VecDeque<i64>,
    ) -> Self {
        Self {
            key,
            id: None,
            host: Arc::clone(&host.key.name),
            tags: Arc::clone(&host.tags),
            severity: rule.severity,
            labels: rule.labels.clone(),
            links: rule.links.clone(),
            text: String::new(),
            since_ms: time_ms,
            fired_ms: None,
            active_ms: time_ms,
            seen_ms: time_ms,
            flapping: false,
            momentary: false,
            evidence: Evidence::default(),
            fired_before_ms,
        }
    }

    /// As it were if the rule's condition began to hold for a host, to find out who would be told of it.
    pub fn imagined(rule: &Rule, host: &Host, now_ms: i64) -> Self {
        let (host_id, rule_name) = (Arc::clone(&host.key.id), Arc::clone(&rule.name));
        let key = AlertKey { host_id, rule: rule_name, entity: String::new() };
        let id = Some(alert_id(&key, now_ms));
        Self { id, fired_ms: Some(now_ms), ..Self::begin(key, host, rule, now_ms, VecDeque::new()) }
    }

    pub fn is_firing(&self) -> bool {
        self.fired_ms.is_some()
    }

    /// The condition holds at `time_ms`. `gap_ms`: a longer time without a look leaves open what was in between,
    /// so what is pending starts anew.
    pub(crate) fn holds(&mut self, rule: &Rule, time_ms: i64, gap_ms: i64) -> Step {
        let gap = time_ms.saturating_sub(self.seen_ms);
        // A clock that was set back: nothing can have lasted for less than no time.
        let unusable = gap > gap_ms || gap < 0;
        if unusable && !self.is_firing() {
            self.since_ms = time_ms;
        }
        self.since_ms = self.since_ms.min(time_ms);
        (self.active_ms, self.seen_ms) = (time_ms, time_ms);
        let lasted_ms = time_ms.saturating_sub(self.since_ms);
        let long_enough = rule.for_ms == 0 || lasted_ms.saturating_add(FOR_SLACK_MS) >= rule.for_ms;
        if self.is_firing() || !long_enough {
            return Step::Same;
        }
        self.fire(time_ms);
        Step::Fired
    }

    /// The condition does not hold at `time_ms`.
    pub(crate) fn holds_not(&mut self, rule: &Rule, time_ms: i64) -> Step {
        self.active_ms = self.active_ms.min(time_ms);
        self.seen_ms = time_ms;
        if !self.is_firing() {
            return Step::Cancelled;
        }
        let keep_ms = if self.momentary && rule.keep_firing_ms == 0 {
            MOMENT_MS
        } else if self.flapping {
            rule.keep_firing_ms.max(FLAP_QUIET_MS)
        } else {
            rule.keep_firing_ms
        };
        let quiet_ms = time_ms.saturating_sub(self.active_ms);
        if quiet_ms >= keep_ms { Step::Resolved } else { Step::Same }
    }

    fn fire(&mut self, time_ms: i64) {
        let recent = |fired_ms: &i64| (0..FLAP_WINDOW_MS).contains(&time_ms.saturating_sub(*fired_ms));
        self.fired_before_ms.retain(recent);
        self.fired_before_ms.push_back(time_ms);
        while self.fired_before_ms.len() > FLAPS {
            self.fired_before_ms.pop_front();
        }
        self.flapping = self.fired_before_ms.len() >= FLAPS;
        self.fired_ms = Some(time_ms);
        self.id = Some(alert_id(&self.key, time_ms));
    }

    /// When it fired of late, to be remembered after its end.
    pub(crate) fn fired_times(&self) -> VecDeque<i64> {
        self.fired_before_ms.clone()
    }

    /// Can fired times that ended at `last_ms` still count?
    pub(crate) fn is_remembered(times: &VecDeque<i64>, now_ms: i64) -> bool {
        times.back().is_some_and(|last_ms| now_ms.saturating_sub(*last_ms) < FLAP_WINDOW_MS)
    }
}

/// Names one firing of one alert: the same on every server that sees it.
pub fn alert_id(key: &AlertKey, fired_ms: i64) -> String {
    // FNV-1a, 64 bits: stable over versions, and nobody gains by a collision.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in [&*key.rule, "\0", &*key.host_id, "\0", &*key.entity].concat().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{:011x}{hash:016x}", fired_ms.max(0))
}
