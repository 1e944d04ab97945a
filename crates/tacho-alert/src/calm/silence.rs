//! Silences: alerts that are not told for a time.

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::glob::Glob;
use crate::host::{Host, matches_one, tag_value};

/// Matchers of one silence.
pub const MAX_MATCHERS: usize = 16;

/// A label and a pattern for its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Matcher {
    pub label: String,
    pub pattern: Glob,
}

/// Alerts that match are not told from `starts_ms` until before `ends_ms`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    pub id: String,
    /// All have to match.
    pub matchers: Vec<Matcher>,
    pub starts_ms: i64,
    pub ends_ms: i64,
    pub author: String,
    pub comment: String,
}

/// Why a silence is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceProblem {
    #[error(
        "a silence needs 1 to {MAX_MATCHERS} matchers, such as {{\"label\": \"host\", \"pattern\": \"web-*\"}}"
    )]
    Matchers,
    #[error("a silence has to end after it starts")]
    Ends,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    label: String,
    pattern: String,
}

impl TryFrom<Written> for Matcher {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let pattern = Glob::new(&written.pattern).map_err(|problem| format!("pattern: {problem}"))?;
        Ok(Self { label: written.label, pattern })
    }
}

impl From<Matcher> for Written {
    fn from(matcher: Matcher) -> Self {
        Self { label: matcher.label, pattern: matcher.pattern.text().to_owned() }
    }
}

impl Silence {
    pub fn check(&self) -> Result<(), SilenceProblem> {
        if self.matchers.is_empty() || self.matchers.len() > MAX_MATCHERS {
            return Err(SilenceProblem::Matchers);
        }
        if self.ends_ms <= self.starts_ms { Err(SilenceProblem::Ends) } else { Ok(()) }
    }

    pub(crate) fn mutes(&self, alert: &Alert, now_ms: i64) -> bool {
        (self.starts_ms..self.ends_ms).contains(&now_ms) && matches_all(&self.matchers, alert)
    }
}

pub(super) fn matches_all(matchers: &[Matcher], alert: &Alert) -> bool {
    matchers.iter().all(|matcher| match matcher.label.as_str() {
        "tag" => matches_one(std::slice::from_ref(&matcher.pattern), &alert.tags),
        name => matcher.pattern.matches(label(alert, name).unwrap_or_default()),
    })
}

/// Can alerts of this host match? What is asked of the alert itself is left open.
pub(super) fn matches_host(matchers: &[Matcher], host: &Host) -> bool {
    matchers.iter().all(|Matcher { label, pattern }| match label.as_str() {
        "host" => pattern.matches(&host.key.name),
        "host_id" => pattern.matches(&host.key.id),
        "tag" => matches_one(std::slice::from_ref(pattern), &host.tags),
        _ => label
            .strip_prefix("tag.")
            .is_none_or(|key| pattern.matches(tag_value(&host.tags, key).unwrap_or_default())),
    })
}

/// Value of a label; `rule`, `host`, `host_id`, `severity` and `entity` are labels of every alert, and `tag.dc` is the
/// value of the host's tag `dc=…`.
pub(super) fn label<'a>(alert: &'a Alert, name: &str) -> Option<&'a str> {
    Some(match name {
        "rule" => &alert.key.rule,
        "host" => &alert.host,
        "host_id" => &alert.key.host_id,
        "severity" => alert.severity.name(),
        "entity" => &alert.key.entity,
        _ => match name.strip_prefix("tag.") {
            Some(key) => tag_value(&alert.tags, key)?,
            None => alert.labels.get(name)?,
        },
    })
}
