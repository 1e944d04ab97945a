//! What is told, once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::shared::shared;
use crate::alert::Alert;
use crate::host::Host;
use crate::rule::Severity;

/// Alerts of each kind that are told with their evidence; the rest are counted.
const MAX_TOLD: usize = 20;

/// One message about one or many alerts of one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    pub rule: Arc<str>,
    pub severity: Severity,
    pub time_ms: i64,
    /// One line for people.
    pub title: String,
    /// New, or in a repeated message all that go on; the worst first.
    pub firing: Vec<Alert>,
    /// How many more there are than `firing` has.
    pub firing_more: usize,
    pub resolved: Vec<Ended>,
    pub resolved_more: usize,
    /// How many fire in this group now, told before or not.
    pub firing_in_all: usize,
    /// What the hosts of the alerts have in common that others have not.
    pub shared: Vec<String>,
    /// Says again what was said before.
    pub is_repeat: bool,
    /// Ids of all alerts that are told with it, those that are counted only too.
    pub told_firing: Vec<String>,
    pub told_resolved: Vec<String>,
}

/// An alert that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    pub alert: Alert,
    pub time_ms: i64,
    pub reason: String,
}

impl Notification {
    pub(super) fn new(
        rule: &Arc<str>,
        time_ms: i64,
        (firing, firing_in_all): (&[&Alert], usize),
        ended: Vec<Ended>,
        hosts: &[Host],
    ) -> Self {
        let id = |alert: &Alert| alert.id.clone();
        let severity = |alert: &&Alert| alert.severity;
        let worst = firing.iter().copied().map(|alert| alert.severity);
        let worst = worst.chain(ended.iter().map(|ended| ended.alert.severity)).max();
        let mut sorted = firing.to_vec();
        sorted.sort_by_key(|alert| (std::cmp::Reverse(severity(alert)), alert.since_ms));
        let about =
            if sorted.is_empty() { ended.iter().map(|ended| &ended.alert).collect() } else { sorted.clone() };
        Self {
            rule: Arc::clone(rule),
            severity: worst.unwrap_or(Severity::Info),
            time_ms,
            title: title(rule, &sorted, &ended),
            shared: shared(&about, hosts),
            firing: sorted.iter().take(MAX_TOLD).map(|alert| (*alert).clone()).collect(),
            firing_more: sorted.len().saturating_sub(MAX_TOLD),
            told_firing: sorted.iter().filter_map(|alert| id(alert)).collect(),
            told_resolved: ended.iter().filter_map(|ended| id(&ended.alert)).collect(),
            resolved_more: ended.len().saturating_sub(MAX_TOLD),
            resolved: ended.into_iter().take(MAX_TOLD).collect(),
            firing_in_all,
            is_repeat: false,
        }
    }

    /// Says again what was said before.
    pub(super) fn again(mut self) -> Self {
        self.is_repeat = true;
        self.title.insert_str(0, "still ");
        self
    }
}

fn title(rule: &str, firing: &[&Alert], ended: &[Ended]) -> String {
    match (firing, ended) {
        ([alert], []) => alert.text.clone(),
        ([], [ended]) => format!("resolved: {}", ended.alert.text),
        ([], ended) => format!("{rule}: resolved on {}", count(ended.iter().map(|ended| &ended.alert))),
        (firing, []) => format!("{rule} on {}", count(firing.iter().copied())),
        (firing, ended) => format!(
            "{rule} on {}, resolved on {}",
            count(firing.iter().copied()),
            count(ended.iter().map(|ended| &ended.alert))
        ),
    }
}

/// `web-1, web-2 and 598 more hosts`.
fn count<'a>(alerts: impl Iterator<Item = &'a Alert>) -> String {
    let mut names: Vec<&str> = alerts.map(|alert| &*alert.host).collect();
    names.sort_unstable();
    names.dedup();
    let shown = names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(3) {
        0 => shown,
        1 => format!("{shown} and 1 more host"),
        more => format!("{shown} and {more} more hosts"),
    }
}
