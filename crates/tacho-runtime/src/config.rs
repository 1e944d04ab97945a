//! Reads a TOML file and the environment into typed settings, and reports every mistake at once.
//!
//! Each daemon has one pure function from text and environment to its settings; it asks a [`Reader`] for
//! one key after the other. The environment wins over the file: key `data_dir` of the server is
//! `TACHO_SERVER_DATA_DIR`, key `interval` of table `[x]` would be `TACHO_SERVER_X_INTERVAL`.

mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Value;

pub use units::{format_bytes, format_duration, parse_bytes, parse_duration};

/// Prefix of a reader whose environment is empty.
const NO_ENVIRONMENT: &str = "";

/// Environment variables by name.
pub type Environment = BTreeMap<String, String>;

/// All that is wrong with a configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What was read, for the message.
    pub origin: String,
    /// One line each: key path, what is wrong, what to write instead.
    pub problems: Vec<String>,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(f, "{}: {count} problem{}", self.origin, if count == 1 { "" } else { "s" })?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// Reads keys one by one, remembers what was wrong, and at the end which keys nobody asked for.
#[derive(Debug)]
pub struct Reader<'a> {
    table: toml::Table,
    prefix: &'static str,
    environment: &'a Environment,
    asked: BTreeSet<&'static str>,
    /// Prefixes of the variables that readers of tables have looked at.
    tables: Vec<&'static str>,
    problems: Vec<String>,
}

/// The text of `path`. A default path that is not there is an empty configuration; a path that was asked for
/// must be there.
pub fn read_file(path: Option<&Path>, default: &Path) -> Result<(String, String), ConfigError> {
    let chosen = path.unwrap_or(default);
    let origin = chosen.display().to_string();
    match std::fs::read_to_string(chosen) {
        Ok(text) => Ok((origin, text)),
        Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            Ok(("defaults and environment".to_owned(), String::new()))
        }
        Err(error) => Err(ConfigError { origin, problems: vec![format!("cannot be read: {error}")] }),
    }
}

/// The variables of this process; names and values that are not UTF-8 are left out.
pub fn process_environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

impl<'a> Reader<'a> {
    /// `prefix` begins the names of this daemon's variables, without the last underscore.
    pub fn new(text: &str, prefix: &'static str, environment: &'a Environment) -> Self {
        let mut problems = Vec::new();
        let table = text.parse().unwrap_or_else(|error: toml::de::Error| {
            problems.push(format!("not TOML: {}", error.to_string().trim_end().replace('\n', "\n    ")));
            toml::Table::new()
        });
        Self { table, prefix, environment, asked: BTreeSet::new(), tables: Vec::new(), problems }
    }

    pub fn duration(
        &mut self,
        key: &'static str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        let read = self.value(key).map(|value| match &value {
            Value::String(text) => parse_duration(text),
            _ => Err(
                r#"is not a duration; write a number with a unit in quotes, such as "5s", "10m" or "14d""#
                    .to_owned(),
            ),
        });
        let within = |value: Duration| {
            if range.contains(&value) {
                return Ok(value);
            }
            let (low, high) = (format_duration(*range.start()), format_duration(*range.end()));
            Err(format!("is {}; it has to be from {low} to {high}", format_duration(value)))
        };
        self.settle(key, read.map(|read| read.and_then(within)), default)
    }

    pub fn bytes(&mut self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let read = self.value(key).map(|value| match &value {
            Value::Integer(number) => u64::try_from(*number).map_err(|_| "is negative".to_owned()),
            Value::String(text) => parse_bytes(text),
            _ => Err(r#"is not a size; write a number with a unit in quotes, such as "64MiB""#.to_owned()),
        });
        let within = |value: u64| {
            if range.contains(&value) {
                return Ok(value);
            }
            let (low, high) = (format_bytes(*range.start()), format_bytes(*range.end()));
            Err(format!("is {}; it has to be from {low} to {high}", format_bytes(value)))
        };
        self.settle(key, read.map(|read| read.and_then(within)), default)
    }

    pub fn integer(&mut self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let read = self.value(key).map(|value| {
            let number = match &value {
                Value::Integer(number) => u64::try_from(*number).ok(),
                Value::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            let (low, high) = (range.start(), range.end());
            number
                .filter(|number| range.contains(number))
                .ok_or_else(|| format!("is {value}; it has to be a whole number from {low} to {high}"))
        });
        self.settle(key, read, default)
    }

    /// A share as a percentage: `"1%"` is 0.01.
    pub fn ratio(&mut self, key: &'static str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let read = self.value(key).map(|value| {
            let text = value.as_str().and_then(|text| text.trim().strip_suffix('%'));
            let number = text.and_then(|text| text.trim().parse::<f64>().ok());
            let (low, high) = (range.start() * 100.0, range.end() * 100.0);
            number
                .map(|percent| percent / 100.0)
                .filter(|ratio| range.contains(ratio))
                .ok_or_else(|| format!(r#"is {value}; write a percentage from "{low}%" to "{high}%""#))
        });
        self.settle(key, read, default)
    }

    /// A whole number that may be negative.
    pub fn signed(&mut self, key: &'static str, default: i64, range: RangeInclusive<i64>) -> i64 {
        let read = self.value(key).map(|value| {
            let number = match &value {
                Value::Integer(number) => Some(*number),
                Value::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            let (low, high) = (range.start(), range.end());
            number
                .filter(|number| range.contains(number))
                .ok_or_else(|| format!("is {value}; it has to be a whole number from {low} to {high}"))
        });
        self.settle(key, read, default)
    }

    pub fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let read = self.value(key).map(|value| match &value {
            Value::Boolean(flag) => Ok(*flag),
            // A variable is always text.
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err(format!("is {value}; write true or false")),
        });
        self.settle(key, read, default)
    }

    pub fn text(&mut self, key: &'static str, default: &str) -> String {
        let read = self.value(key).map(text_of);
        self.settle(key, read, default.to_owned())
    }

    pub fn choice(&mut self, key: &'static str, default: &'static str, choices: &[&str]) -> String {
        let read = self.value(key).map(|value| {
            let text = text_of(value)?;
            if choices.contains(&text.as_str()) {
                return Ok(text);
            }
            Err(format!("is {text:?}; choose one of: {}", choices.join(", ")))
        });
        self.settle(key, read, default.to_owned())
    }

    pub fn path(&mut self, key: &'static str, default: &str) -> PathBuf {
        let read = self.value(key).map(|value| {
            let text = text_of(value)?;
            if text.is_empty() { Err("is empty; write a path".to_owned()) } else { Ok(PathBuf::from(text)) }
        });
        self.settle(key, read, PathBuf::from(default))
    }

    pub fn address(&mut self, key: &'static str, default: SocketAddr) -> SocketAddr {
        let read = self.value(key).map(|value| {
            let text = text_of(value)?;
            text.parse().map_err(|_| {
                format!("is {text:?}; write an address and a port, such as {:?}", default.to_string())
            })
        });
        self.settle(key, read, default)
    }

    /// A list, each item taken through `parse`. In the environment the items are parted by commas.
    pub fn list<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let items = match self.value(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items.into_iter().map(text_of).collect::<Vec<_>>(),
            Some(Value::String(text)) if self.in_environment(key) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Ok(item.to_owned()))
                .collect(),
            Some(other) => {
                self.problem(key, format_args!(r#"is {other}; write a list, such as ["a", "b"]"#));
                return Vec::new();
            }
        };
        let mut parsed = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match item.and_then(|item| parse(&item)) {
                Ok(item) => parsed.push(item),
                Err(problem) => self.problems.push(format!("{key}[{index}]: {problem}")),
            }
        }
        parsed
    }

    /// A table such as `[sentinel]`, taken through `parse` with a reader of its own. `prefix` begins the names of
    /// its variables: that of this reader, and the key.
    pub fn table<T>(
        &mut self,
        key: &'static str,
        prefix: &'static str,
        parse: impl FnOnce(&mut Reader<'a>) -> T,
    ) -> T {
        self.asked.insert(key);
        self.tables.push(prefix);
        let table = match self.table.get(key).cloned() {
            None => toml::Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.problem(key, format_args!("is {other}; write it as [{key}], with its keys below"));
                toml::Table::new()
            }
        };
        let (asked, tables, problems) = (BTreeSet::new(), Vec::new(), Vec::new());
        let mut reader = Reader { table, prefix, environment: self.environment, asked, tables, problems };
        let parsed = parse(&mut reader);
        if let Err(error) = reader.finish(key) {
            let named = |problem: String| {
                // A variable is named as it is; a key by its path.
                if problem.starts_with(prefix) { problem } else { format!("{key}.{problem}") }
            };
            self.problems.extend(error.problems.into_iter().map(named));
        }
        parsed
    }

    /// The tables of an array such as `[[script]]`, each taken through `parse` with a reader of its own. Keys of
    /// such tables are in the file only: the environment has no name for one of several.
    pub fn tables<T>(&mut self, key: &'static str, parse: impl Fn(&mut Reader<'_>) -> T) -> Vec<T> {
        let items = match self.value(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) if !self.in_environment(key) => items,
            Some(other) => {
                self.problem(key, format_args!("is {other}; write it as [[{key}]], in the file"));
                return Vec::new();
            }
        };
        let environment = Environment::new();
        let mut parsed = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let Value::Table(table) = item else {
                self.problem(key, format_args!("is a list; write [[{key}]] and its keys below"));
                continue;
            };
            let mut reader = Reader {
                table,
                prefix: NO_ENVIRONMENT,
                environment: &environment,
                asked: BTreeSet::new(),
                tables: Vec::new(),
                problems: Vec::new(),
            };
            parsed.push(parse(&mut reader));
            if let Err(error) = reader.finish(key) {
                let problems = error.problems.into_iter();
                self.problems.extend(problems.map(|problem| format!("{key}[{index}].{problem}")));
            }
        }
        parsed
    }

    /// Adds a problem that only the daemon can see, such as two settings that contradict each other.
    pub fn problem(&mut self, key: &str, problem: impl fmt::Display) {
        self.problems.push(format!("{key}: {problem}"));
    }

    /// Whether something was wrong with the key, so that what follows from it need not be said as well.
    pub fn has_problem(&self, key: &str) -> bool {
        let is_of =
            |problem: &String| problem.strip_prefix(key).is_some_and(|rest| rest.starts_with([':', '[']));
        self.problems.iter().any(is_of)
    }

    /// Call when all keys were asked for: what else is in the file or the environment is a mistake.
    pub fn finish(mut self, origin: &str) -> Result<(), ConfigError> {
        for key in self.table.keys().filter(|key| !self.asked.contains(key.as_str())) {
            self.problems.push(format!("{key}: no such key{}", suggestion(key, &self.asked)));
        }
        let start = format!("{}_", self.prefix);
        for name in self.environment.keys() {
            let Some(key) = name.strip_prefix(&start) else { continue };
            if self
                .tables
                .iter()
                .any(|table| name.strip_prefix(table).is_some_and(|rest| rest.starts_with('_')))
            {
                continue;
            }
            let key = key.to_ascii_lowercase();
            if !self.asked.contains(key.as_str()) {
                self.problems
                    .push(format!("{name} (environment): no such key{}", suggestion(&key, &self.asked)));
            }
        }
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(ConfigError { origin: origin.to_owned(), problems: self.problems })
    }

    fn variable(&self, key: &str) -> String {
        format!("{}_{}", self.prefix, key.to_ascii_uppercase())
    }

    fn in_environment(&self, key: &str) -> bool {
        self.environment.contains_key(&self.variable(key))
    }

    fn value(&mut self, key: &'static str) -> Option<Value> {
        self.asked.insert(key);
        match self.environment.get(&self.variable(key)) {
            Some(text) => Some(Value::String(text.clone())),
            None => self.table.get(key).cloned(),
        }
    }

    fn settle<T>(&mut self, key: &'static str, read: Option<Result<T, String>>, default: T) -> T {
        match read {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(problem)) => {
                let from = if self.in_environment(key) {
                    format!("{} (environment)", self.variable(key))
                } else {
                    key.to_owned()
                };
                self.problems.push(format!("{from}: {problem}"));
                default
            }
        }
    }
}

fn text_of(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("is {other}; write text in quotes")),
    }
}

/// Names the known key that a mistyped one most likely meant.
fn suggestion(key: &str, known: &BTreeSet<&'static str>) -> String {
    let best = known.iter().map(|known| (distance(key, known), known)).min();
    match best {
        Some((distance, known)) if distance <= 2.max(key.len() / 3) => format!("; did you mean {known}?"),
        _ => format!("; there are: {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
    }
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
