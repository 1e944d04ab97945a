//! What a rule is.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::host::Selector;
use crate::template::Template;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

/// A condition on hosts, and what becomes of it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique among all rules.
    pub name: Arc<str>,
    pub condition: Condition,
    pub hosts: Selector,
    pub severity: Severity,
    pub labels: BTreeMap<String, String>,
    /// How long the condition has to hold before the alert fires.
    pub for_ms: i64,
    /// How long the condition has to be gone before the alert ends.
    pub keep_firing_ms: i64,
    /// When an alert that goes on is told again.
    pub repeat_ms: i64,
    /// How long the first notification of a group waits for others to go with it.
    pub group_wait_ms: i64,
    /// Labels by whose values alerts are told together, beside the rule.
    pub group_by: Vec<String>,
    /// Addresses to look at, by name.
    pub links: BTreeMap<String, String>,
    pub text: Template,
    /// As it is written in its file, with the comments in it.
    pub definition: Arc<str>,
    /// File that it comes from, `default` or `api`.
    pub origin: String,
    pub line: usize,
}

impl Severity {
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}
