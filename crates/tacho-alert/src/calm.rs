//! What is said about alerts, and when: little. Grouped, silenced, inhibited, repeated seldom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alert::{Alert, Change, ChangeKind};
use crate::condition::Condition;
use crate::host::Host;
use crate::rule::Rule;

mod maintenance;
mod notification;
mod route;
mod shared;
mod silence;
mod week;

pub(crate) use maintenance::maintenance;
pub use maintenance::{Maintenance, MaintenanceOrigin, MaintenanceText, Opening};
pub use notification::{Ended, Notification};
pub use route::{Refusal, Route};
pub use silence::{MAX_MATCHERS, Matcher, Silence, SilenceProblem};
pub use week::Times;

/// Between two notifications of one group that tell of something new.
const GROUP_INTERVAL_MS: i64 = 10_000;

/// Decides what to say to one receiver. Alerts come in as changes, all of them; notifications of those that its route
/// takes come out when they are due.
#[derive(Debug, Default)]
pub struct Dispatcher {
    /// Absent: nothing is said at all.
    route: Option<Route>,
    groups: BTreeMap<GroupKey, Group>,
    /// Alerts that say that a whole host is away, by their ids, and its id.
    silent: BTreeMap<String, Arc<str>>,
}

/// What mutes alerts, and who there is.
#[derive(Debug, Clone, Copy)]
pub struct Muted<'a> {
    pub silences: &'a [Silence],
    pub maintenance: &'a [Maintenance],
    /// Ids of alerts that somebody looks after.
    pub acknowledged: &'a BTreeSet<String>,
    pub hosts: &'a [Host],
}

/// Why an alert is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MuteReason {
    Silenced,
    Maintenance,
    /// Its host is silent, which is told.
    Inhibited,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct GroupKey {
    rule: Arc<str>,
    labels: Vec<String>,
}

#[derive(Debug, Default)]
struct Group {
    /// By id of the alert.
    firing: BTreeMap<String, Member>,
    /// Told as firing before, and over.
    ended: Vec<Ended>,
    wait_ms: i64,
    repeat_ms: i64,
    waiting_since_ms: Option<i64>,
    sent_ms: Option<i64>,
}

#[derive(Debug)]
struct Member {
    alert: Alert,
    announced: bool,
}

impl Dispatcher {
    /// For a receiver; without one it knows only what mutes alerts.
    pub fn new(route: Option<Route>) -> Self {
        Self { route, ..Self::default() }
    }

    /// An alert fired or ended. `announced`: it was told in an earlier life of this server.
    pub fn take(&mut self, change: &Change, rule: Option<&Rule>, announced: bool, now_ms: i64) {
        let Some(id) = change.alert.id.clone() else { return };
        let key = GroupKey::new(&change.alert, rule);
        match &change.kind {
            ChangeKind::Fired => {
                if rule.is_some_and(|rule| matches!(rule.condition, Condition::HostSilent { .. })) {
                    self.silent.insert(id.clone(), Arc::clone(&change.alert.key.host_id));
                }
                if !self.route.as_ref().is_some_and(|route| route.takes(&change.alert)) {
                    return;
                }
                let group = self.groups.entry(key).or_default();
                if let Some(rule) = rule {
                    (group.wait_ms, group.repeat_ms) = (rule.group_wait_ms, rule.repeat_ms);
                }
                if announced {
                    group.sent_ms.get_or_insert(now_ms);
                }
                group.firing.insert(id, Member { alert: change.alert.clone(), announced });
            }
            ChangeKind::Resolved { time_ms, reason } => self.end(&id, &change.alert, *time_ms, reason, true),
            ChangeKind::Dropped { time_ms, reason } => self.end(&id, &change.alert, *time_ms, reason, false),
        }
    }

    /// Nobody is told of the end of what was never told, or of what was taken away by a person.
    fn end(&mut self, id: &str, alert: &Alert, time_ms: i64, reason: &str, tell: bool) {
        self.silent.remove(id);
        for group in self.groups.values_mut() {
            let Some(member) = group.firing.remove(id) else { continue };
            if member.announced && tell {
                group.ended.push(Ended { alert: alert.clone(), time_ms, reason: reason.to_owned() });
            }
        }
    }

    /// What is to be told now.
    pub fn flush(&mut self, now_ms: i64, muted: Muted<'_>) -> Vec<Notification> {
        let Some(route) = &self.route else { return Vec::new() };
        let hosts = self.silent.values().map(|host| &**host).collect();
        let audience = Audience { route, muted, silent: Silent { alerts: &self.silent, hosts } };
        let mut due = Vec::new();
        for (key, group) in &mut self.groups {
            due.extend(group.flush(&key.rule, now_ms, &audience));
        }
        self.groups.retain(|_, group| {
            !group.firing.is_empty() || !group.ended.is_empty() || group.is_recent(now_ms)
        });
        due
    }

    /// Why alerts are not told, by their ids: `silenced`, `maintenance` or `inhibited`.
    pub fn mute_reasons<'a>(
        &self,
        alerts: impl Iterator<Item = &'a Alert>,
        now_ms: i64,
        muted: Muted<'_>,
    ) -> BTreeMap<String, &'static str> {
        let hosts = self.silent.values().map(|host| &**host).collect();
        let silent = Silent { alerts: &self.silent, hosts };
        let reasons = alerts.filter_map(|alert| {
            let id = alert.id.as_ref()?;
            Some((id.clone(), mute_reason(id, alert, now_ms, muted, &silent)?.name()))
        });
        reasons.collect()
    }
}

/// Hosts that are away as a whole, and the alerts that say so.
struct Silent<'a> {
    alerts: &'a BTreeMap<String, Arc<str>>,
    hosts: BTreeSet<&'a str>,
}

/// Who is spoken to, and what keeps alerts from being told.
struct Audience<'a> {
    route: &'a Route,
    muted: Muted<'a>,
    silent: Silent<'a>,
}

impl Audience<'_> {
    fn hears(&self, id: &str, alert: &Alert, now_ms: i64) -> bool {
        self.route.is_due(alert, self.muted.acknowledged.contains(id), now_ms)
            && mute_reason(id, alert, now_ms, self.muted, &self.silent).is_none()
    }
}

impl MuteReason {
    fn name(&self) -> &'static str {
        match self {
            Self::Silenced => "silenced",
            Self::Maintenance => "maintenance",
            Self::Inhibited => "inhibited",
        }
    }
}

impl GroupKey {
    fn new(alert: &Alert, rule: Option<&Rule>) -> Self {
        let by = rule.map(|rule| rule.group_by.as_slice()).unwrap_or_default();
        let labels = by.iter().map(|name| silence::label(alert, name).unwrap_or_default().to_owned());
        Self { rule: Arc::clone(&alert.key.rule), labels: labels.collect() }
    }
}

impl Group {
    fn flush(&mut self, rule: &Arc<str>, now_ms: i64, audience: &Audience<'_>) -> Option<Notification> {
        let fresh: Vec<String> = self
            .firing
            .iter()
            .filter(|(id, member)| !member.announced && audience.hears(id, &member.alert, now_ms))
            .map(|(id, _)| id.clone())
            .collect();
        let repeats = fresh.is_empty() && self.ended.is_empty();
        if repeats {
            self.waiting_since_ms = None;
            return self.repeat(rule, now_ms, audience);
        }
        // A clock that was set back starts the wait anew.
        let since_ms = self.waiting_since_ms.filter(|since_ms| *since_ms <= now_ms).unwrap_or(now_ms);
        self.waiting_since_ms = Some(since_ms);
        let waited = now_ms.saturating_sub(since_ms) >= self.wait_ms;
        let spaced = self
            .sent_ms
            .is_none_or(|sent_ms| !(0..GROUP_INTERVAL_MS).contains(&now_ms.saturating_sub(sent_ms)));
        if !waited || !spaced {
            return None;
        }
        (self.waiting_since_ms, self.sent_ms) = (None, Some(now_ms));
        for id in &fresh {
            if let Some(member) = self.firing.get_mut(id) {
                member.announced = true;
            }
        }
        let told: Vec<&Alert> = fresh.iter().filter_map(|id| Some(&self.firing.get(id)?.alert)).collect();
        let ended = std::mem::take(&mut self.ended);
        Some(Notification::new(rule, now_ms, (&told, self.firing.len()), ended, audience.muted.hosts))
    }

    fn repeat(&mut self, rule: &Arc<str>, now_ms: i64, audience: &Audience<'_>) -> Option<Notification> {
        let sent_ms = *self.sent_ms.get_or_insert(now_ms);
        let passed_ms = now_ms.saturating_sub(sent_ms);
        if passed_ms < 0 {
            self.sent_ms = Some(now_ms);
        }
        if passed_ms < self.repeat_ms.max(1) {
            return None;
        }
        let goes_on = |(id, member): (&String, &Member)| {
            member.announced
                && audience.hears(id, &member.alert, now_ms)
                && !audience.muted.acknowledged.contains(id)
        };
        let told: Vec<&Alert> = self
            .firing
            .iter()
            .filter(|(id, member)| goes_on((id, member)))
            .map(|(_, member)| &member.alert)
            .collect();
        if told.is_empty() {
            return None;
        }
        let firing = (told.as_slice(), self.firing.len());
        let made = Notification::new(rule, now_ms, firing, Vec::new(), audience.muted.hosts).again();
        self.sent_ms = Some(now_ms);
        Some(made)
    }

    /// Remembered for as long as it holds back the next notification.
    fn is_recent(&self, now_ms: i64) -> bool {
        self.sent_ms.is_some_and(|sent_ms| (0..GROUP_INTERVAL_MS).contains(&now_ms.saturating_sub(sent_ms)))
    }
}

fn mute_reason(
    id: &str,
    alert: &Alert,
    now_ms: i64,
    muted: Muted<'_>,
    silent: &Silent<'_>,
) -> Option<MuteReason> {
    if muted.silences.iter().any(|silence| silence.mutes(alert, now_ms)) {
        return Some(MuteReason::Silenced);
    }
    if muted.maintenance.iter().any(|window| window.mutes(alert, now_ms)) {
        return Some(MuteReason::Maintenance);
    }
    (silent.hosts.contains(&*alert.key.host_id) && !silent.alerts.contains_key(id))
        .then_some(MuteReason::Inhibited)
}

#[cfg(test)]
mod tests;
