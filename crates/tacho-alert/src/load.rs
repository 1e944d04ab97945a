//! Rules from TOML. Everything that is wrong is said at once, with its line and what to write instead.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use toml::de::DeTable;

use crate::calm::Maintenance;
use crate::rule::{Rule, Severity};
use crate::template::Template;

pub(crate) mod keys;
mod stored;
mod when;

use keys::{Keys, Source};
pub use stored::{MAX_DEFINITION_BYTES, STORED_ORIGIN, StoredRule, read_rule};

/// Rules of all files together; more are refused.
pub const MAX_RULES: usize = 1000;
/// Longest name of a rule.
const MAX_NAME_CHARS: usize = 100;

const DEFAULTS: &str = include_str!("../../../packaging/rules.d/default.toml");
/// Origin of the rules that are built in.
const DEFAULT_ORIGIN: &str = "default";

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Longest time in a rule: what is longer is a mistake.
const LONGEST_MS: i64 = 30 * DAY_MS;
const DEFAULT_REPEAT_MS: i64 = 4 * 60 * MINUTE_MS;
/// Long enough for what one cause does to many hosts in one moment, short enough that nobody notices.
const DEFAULT_GROUP_WAIT_MS: i64 = 300;

/// Rules and maintenance windows.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    pub rules: Vec<Arc<Rule>>,
    /// Rules that were taken out: they are shown, and nothing comes of them.
    pub off: Vec<Arc<Rule>>,
    pub maintenance: Vec<Maintenance>,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    pub line: usize,
    pub text: String,
}

/// All mistakes in the files of one load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct LoadError {
    pub problems: Vec<Problem>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(f, "{count} problem{} in the rules", if count == 1 { "" } else { "s" })?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// The rules that hold from the first start.
pub fn default_rules() -> RuleSet {
    let mut problems = Vec::new();
    let set = load_file(DEFAULT_ORIGIN, DEFAULTS, &mut problems);
    debug_assert!(problems.is_empty(), "{problems:?}");
    set
}

/// The default rules and those of files, given by name and text. A rule with the name of a default rule takes its
/// place. All or nothing.
pub fn load<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<RuleSet, LoadError> {
    let mut problems = Vec::new();
    let mut set = RuleSet::default();
    let mut off = Vec::new();
    for (name, text) in files {
        let source = load_file(name, text, &mut problems);
        for rule in source.rules {
            if let Some(other) = set.rules.iter().find(|other| other.name == rule.name) {
                problems.push(Problem {
                    file: rule.origin.clone(),
                    line: rule.line,
                    text: format!(
                        "rule {:?} is in {}:{} already; give it another name",
                        rule.name, other.origin, other.line
                    ),
                });
            }
            set.rules.push(rule);
        }
        set.maintenance.extend(source.maintenance);
        off.extend(disabled(text));
    }
    for rule in default_rules().rules {
        let replaced = set.rules.iter().any(|other| other.name == rule.name);
        if replaced {
            continue;
        }
        let is_off = off.iter().any(|name| **name == *rule.name);
        if is_off { set.off.push(rule) } else { set.rules.push(rule) }
    }
    if set.rules.len() > MAX_RULES {
        let text = format!("{} rules; there may be {MAX_RULES}", set.rules.len());
        problems.push(Problem { file: "rules".to_owned(), line: 0, text });
    }
    if problems.is_empty() { Ok(set) } else { Err(LoadError { problems }) }
}

/// Names in `disable`, which takes default rules out.
fn disabled(text: &str) -> Vec<String> {
    let Ok(document) = DeTable::parse(text) else { return Vec::new() };
    let items = document.get_ref().get("disable").and_then(|value| value.get_ref().as_array().cloned());
    items.into_iter().flatten().filter_map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

fn load_file(file: &str, text: &str, problems: &mut Vec<Problem>) -> RuleSet {
    let source = Source { file, text };
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let line = error.span().map_or(0, |span| source.line(span.start));
            problems.push(source.problem(line, format!("not TOML: {}", error.message())));
            return RuleSet::default();
        }
    };
    let mut set = RuleSet::default();
    let mut top = Keys::new(document.get_ref(), 1, String::new(), source, problems);
    let defaults = default_names(file);
    for name in top.strings("disable") {
        if !defaults.contains(&name) {
            top.problem("disable", format!("names {name:?}; default rules are {}", defaults.join(", ")));
        }
    }
    top.tables("rule", |keys| set.rules.extend(rule(keys, file).map(Arc::new)));
    top.tables("maintenance", |keys| set.maintenance.extend(crate::calm::maintenance(keys, file)));
    top.finish();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in &set.rules {
        if let Some(line) = names.insert(&rule.name, rule.line) {
            let text = format!("rule {:?} is in line {line} already; give it another name", rule.name);
            problems.push(source.problem(rule.line, text));
        }
    }
    set
}

fn default_names(file: &str) -> Vec<String> {
    // The defaults themselves disable nothing.
    if file == DEFAULT_ORIGIN {
        return Vec::new();
    }
    default_rules().rules.iter().map(|rule| rule.name.to_string()).collect()
}

fn rule(keys: &mut Keys<'_, '_>, file: &str) -> Option<Rule> {
    let name = keys.text("name").unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || !name.chars().all(plain) {
        keys.problem(
            "name",
            format!(r#"is {name:?}; write 1 to {MAX_NAME_CHARS} letters, digits, dots, "-" and "_""#),
        );
    }
    keys.name_it(&name);
    let condition = when::condition(keys);
    let (for_ms, keep_ms, repeat_ms, wait_ms) =
        condition.as_ref().map_or((0, 0, DEFAULT_REPEAT_MS, DEFAULT_GROUP_WAIT_MS), when::times);
    let severity = keys.text("severity").map_or(Some(Severity::Warning), |text| {
        let found = Severity::by_name(&text);
        if found.is_none() {
            keys.problem("severity", format!("is {text:?}; write info, warning or critical"));
        }
        found
    });
    let text = keys.text("text").unwrap_or_else(|| when::DEFAULT_TEXT.to_owned());
    let text = Template::new(&text).map_err(|problem| keys.problem("text", problem)).ok();
    let rule = Rule {
        name: Arc::from(name),
        hosts: when::selector(keys),
        severity: severity.unwrap_or(Severity::Warning),
        labels: keys.texts("labels"),
        for_ms: keys.duration("for", 0, LONGEST_MS).unwrap_or(for_ms),
        keep_firing_ms: keys.duration("keep_firing_for", 0, LONGEST_MS).unwrap_or(keep_ms),
        repeat_ms: keys.duration("repeat", MINUTE_MS, LONGEST_MS).unwrap_or(repeat_ms),
        group_wait_ms: keys.duration("group_wait", 0, 10 * MINUTE_MS).unwrap_or(wait_ms),
        group_by: keys.strings("group_by"),
        links: keys.texts("links"),
        definition: Arc::from(keys.definition()),
        origin: file.to_owned(),
        line: keys.line(),
        condition: condition?,
        text: text?,
    };
    Some(rule)
}

#[cfg(test)]
mod tests;
