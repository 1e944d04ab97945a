//! Which alerts one receiver is told of, and when.

use super::silence::{Matcher, matches_all};
use super::week::Times;
use crate::alert::Alert;
use crate::rule::Severity;

/// A choice of alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Those as bad as this, and worse ones.
    pub severity: Severity,
    /// All have to match; none: every alert.
    pub matchers: Vec<Matcher>,
    /// Only what has fired for so long, and nobody has acknowledged.
    pub after_ms: i64,
    /// What fires at other times is told when these begin, if it still fires.
    pub times: Times,
}

/// Why a receiver is not told of an alert.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal<'a> {
    /// It is not as bad as what the receiver is told of.
    Severity,
    /// The first that does not match.
    Matcher(&'a Matcher),
    /// Not now: when its time begins, if the alert still fires.
    Time,
}

impl Default for Route {
    /// Every alert, at once, at any time.
    fn default() -> Self {
        Self { severity: Severity::Info, matchers: Vec::new(), after_ms: 0, times: Times::default() }
    }
}

impl Route {
    pub fn takes(&self, alert: &Alert) -> bool {
        alert.severity >= self.severity && matches_all(&self.matchers, alert)
    }

    /// Why an alert that fires at `now_ms` is not told then; `None`: it is, after [`Route::after_ms`].
    pub fn refusal(&self, alert: &Alert, now_ms: i64) -> Option<Refusal<'_>> {
        if alert.severity < self.severity {
            return Some(Refusal::Severity);
        }
        let other = self.matchers.iter().find(|matcher| !matches_all(std::slice::from_ref(*matcher), alert));
        other.map(Refusal::Matcher).or_else(|| (!self.times.include(now_ms)).then_some(Refusal::Time))
    }

    /// Is it the time for it, and has it gone on for long enough, with nobody looking after it?
    pub(super) fn is_due(&self, alert: &Alert, is_acknowledged: bool, now_ms: i64) -> bool {
        if !self.times.include(now_ms) {
            return false;
        }
        let fired_ms = alert.fired_ms.unwrap_or(now_ms);
        self.after_ms == 0 || (!is_acknowledged && now_ms.saturating_sub(fired_ms) >= self.after_ms)
    }
}
