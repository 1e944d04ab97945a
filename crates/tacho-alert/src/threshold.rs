//! Thresholds that are other on some hosts than their rule says.

use std::sync::Arc;

use crate::condition::Condition;
use crate::glob::Glob;
use crate::host::{Host, matches_one};
use crate::rule::Rule;

/// What comes before a pattern of tags, where one of names could stand.
const TAG: &str = "tag:";

/// Hosts by their names, or by their tags: `web-*`, `tag:dc=eu`.
#[derive(Debug, Clone, PartialEq)]
pub struct HostPattern {
    is_of_tags: bool,
    glob: Glob,
}

/// Another threshold of a rule, on some hosts.
#[derive(Debug, Clone, PartialEq)]
pub struct HostThreshold {
    pub rule: String,
    pub hosts: HostPattern,
    /// As [`Rule::threshold`].
    pub threshold: f64,
}

impl HostPattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let of_tags = text.strip_prefix(TAG);
        Ok(Self { is_of_tags: of_tags.is_some(), glob: Glob::new(of_tags.unwrap_or(text))? })
    }

    pub fn matches(&self, host: &Host) -> bool {
        match self.is_of_tags {
            true => matches_one(std::slice::from_ref(&self.glob), &host.tags),
            false => self.glob.matches(&host.key.name),
        }
    }
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
    let is_meant = |other: &&HostThreshold| other.rule == *rule.name && other.hosts.matches(host);
    let found = thresholds.iter().rev().find(is_meant);
    found.map_or_else(|| Arc::clone(rule), |other| Arc::new(rule.with_threshold(other.threshold)))
}

#[cfg(test)]
mod tests {
    use tacho_model::HostKey;

    use super::*;

    #[test]
    fn hosts_are_meant_by_name_or_by_tag() {
        let host = Host {
            key: HostKey { id: "h".into(), name: "web-1".into() },
            facts: Arc::default(),
            tags: ["dc=eu".to_owned(), "web".to_owned()].into(),
        };
        let check = |pattern: &str, expected: bool| {
            assert_eq!(HostPattern::new(pattern).unwrap().matches(&host), expected, "{pattern}");
        };
        check("web-*", true);
        check("web", false);
        check("tag:web", true);
        check("tag:dc=*", true);
        check("tag:dc=us", false);
        check("tag:!dc=us", true);
        check("tag:!web", false);
        check("!web-1", false);
        assert!(HostPattern::new(&"x".repeat(300)).is_err());
    }
}
