//! Thresholds that are other on some hosts than their rule says.

use std::sync::Arc;

use crate::condition::Condition;
use crate::glob::Glob;
use crate::host::Host;
use crate::rule::Rule;

/// Another threshold of a rule, on hosts whose names match.
#[derive(Debug, Clone, PartialEq)]
pub struct HostThreshold {
    pub rule: String,
    pub hosts: Glob,
    /// As [`Rule::threshold`].
    pub threshold: f64,
}

impl Rule {
    /// What its condition compares with: in the unit of its reading, in seconds, or a share of the machine. Absent
    /// where there is no such number.
    pub fn threshold(&self) -> Option<f64> {
        match &self.condition {
            Condition::Threshold(threshold) => Some(threshold.limit),
            Condition::ProcessHog(hog) => {
                [hog.cpu, hog.memory, hog.disk, hog.network].into_iter().flatten().next()
            }
            Condition::HostSilent { after_ms } => Some(*after_ms as f64 / 1000.0),
            Condition::ClockOffset(offset) => Some(offset.above_ms as f64 / 1000.0),
            _ => None,
        }
    }

    /// The same rule with another threshold. Where what holds goes on until another number, that one moves along; a
    /// hog's shares that the rule looks at become this one.
    fn with_threshold(&self, value: f64) -> Self {
        let mut rule = self.clone();
        match &mut rule.condition {
            Condition::Threshold(threshold) => {
                threshold.until += value - threshold.limit;
                threshold.limit = value;
            }
            Condition::ProcessHog(hog) => {
                let shares = [&mut hog.cpu, &mut hog.memory, &mut hog.disk, &mut hog.network];
                shares.into_iter().flatten().for_each(|share| *share = value);
            }
            Condition::HostSilent { after_ms } => *after_ms = (value * 1000.0) as i64,
            Condition::ClockOffset(offset) => offset.above_ms = (value * 1000.0) as i64,
            _ => {}
        }
        rule
    }
}

/// The rule as it holds on a host: of several thresholds the last one.
pub(crate) fn on_host(rule: &Arc<Rule>, thresholds: &[HostThreshold], host: &Host) -> Arc<Rule> {
    let is_meant = |other: &&HostThreshold| other.rule == *rule.name && other.hosts.matches(&host.key.name);
    let found = thresholds.iter().rev().find(is_meant);
    found.map_or_else(|| Arc::clone(rule), |other| Arc::new(rule.with_threshold(other.threshold)))
}
