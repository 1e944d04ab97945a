//! From what one look at a rule found to what becomes of its alert.

use std::sync::Arc;

use super::{Engine, HostState, Moment, STALE_MS, text, uncount};
use crate::alert::{Alert, AlertKey, Change, ChangeKind, Step};
use crate::condition::{Condition, Finding, Found};
use crate::evidence::{Evidence, Order, TOP_PROCESSES, top_processes};

impl Engine {
    pub(super) fn apply(
        &mut self,
        state: &mut HostState,
        moment: &Moment<'_>,
        mut finding: Finding,
    ) -> Option<Change> {
        finding.value = finding.value.filter(|value| value.is_finite());
        let key = AlertKey {
            host_id: Arc::clone(&state.host.key.id),
            rule: Arc::clone(&moment.rule.name),
            entity: finding.entity.clone(),
        };
        let time_ms = moment.time_ms;
        if finding.found == Found::HoldsNot {
            let alert = state.alerts.get_mut(&key)?;
            if let Some(value) = finding.value {
                alert.evidence.add(time_ms, value);
            }
            let step = alert.holds_not(moment.rule, time_ms);
            return self.settle(state, &key, step, time_ms, "");
        }
        if !state.alerts.contains_key(&key) && !self.admit(state, moment, &key) {
            return None;
        }
        let host = state.host.clone();
        let alert = state.alerts.get_mut(&key)?;
        alert.momentary = finding.found == Found::Happened;
        note(alert, moment, &finding);
        let step = alert.holds(moment.rule, time_ms, STALE_MS);
        if step == Step::Fired {
            fill_processes(&mut alert.evidence, moment, finding.order);
        }
        alert.text = text::of(moment.rule, alert, &host);
        (step == Step::Fired).then(|| Change { kind: ChangeKind::Fired, alert: alert.clone() })
    }

    /// Makes a new alert, unless there are too many.
    fn admit(&mut self, state: &mut HostState, moment: &Moment<'_>, key: &AlertKey) -> bool {
        let of_rule = self.counts.get(&key.rule).copied().unwrap_or(0);
        let all: usize = self.counts.values().sum();
        let too_many = of_rule >= self.limits.alerts_per_rule
            || all >= self.limits.alerts
            || state.alerts.len() >= self.limits.alerts_per_host;
        if too_many {
            self.left_out += 1;
            return false;
        }
        let fired_before = state.fired_before.remove(key).unwrap_or_default();
        let mut alert = Alert::begin(key.clone(), &state.host, moment.rule, moment.time_ms, fired_before);
        if let (Condition::Threshold(threshold), Some((_, before))) =
            (&moment.rule.condition, moment.snapshot)
        {
            for snapshot in before {
                if let Some(value) = threshold.value_in(snapshot, &key.entity) {
                    alert.evidence.add(snapshot.time_ms, value);
                }
            }
        }
        state.alerts.insert(key.clone(), alert);
        *self.counts.entry(Arc::clone(&key.rule)).or_default() += 1;
        true
    }

    pub(super) fn settle(
        &mut self,
        state: &mut HostState,
        key: &AlertKey,
        step: Step,
        time_ms: i64,
        reason: &str,
    ) -> Option<Change> {
        if !matches!(step, Step::Cancelled | Step::Resolved) {
            return None;
        }
        let alert = state.alerts.remove(key)?;
        uncount(&mut self.counts, &key.rule);
        if step == Step::Cancelled {
            let times = alert.fired_times();
            if Alert::is_remembered(&times, time_ms) {
                state.fired_before.insert(key.clone(), times);
            }
            return None;
        }
        if state.fired_before.len() < self.limits.alerts_per_host {
            state.fired_before.insert(key.clone(), alert.fired_times());
        }
        Some(Change { kind: ChangeKind::Resolved { time_ms, reason: reason.to_owned() }, alert })
    }
}

fn note(alert: &mut Alert, moment: &Moment<'_>, finding: &Finding) {
    let evidence = &mut alert.evidence;
    if let Some(value) = finding.value {
        evidence.add(moment.time_ms, value);
    }
    (evidence.value, evidence.threshold) = (finding.value, finding.threshold);
    evidence.unit = finding.unit.to_owned();
    evidence.text.clone_from(&finding.text);
    if finding.process.is_some() {
        evidence.process.clone_from(&finding.process);
    }
}

fn fill_processes(evidence: &mut Evidence, moment: &Moment<'_>, order: Order) {
    if let Some((snapshot, before)) = moment.snapshot {
        evidence.processes = top_processes(snapshot, before, order);
        order.name().clone_into(&mut evidence.order);
        // A hog by a rule of its own, with a small share, is named beside those that used more.
        let is_hog = matches!(moment.rule.condition, Condition::ProcessHog(_));
        let culprit = evidence.process.as_ref().filter(|_| is_hog);
        if let Some(culprit) = culprit.filter(|culprit| !evidence.processes.iter().any(|it| it.is(culprit))) {
            let culprit = culprit.clone();
            evidence.processes.truncate(TOP_PROCESSES - 1);
            evidence.processes.push(culprit);
        }
    }
}
