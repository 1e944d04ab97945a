//! A reading of a script or a text file, and the notation `name{label="value"}` that two formats share.

use std::collections::BTreeMap;

/// Longer names are refused.
const MAX_NAME_BYTES: usize = 200;
/// More labels than this are refused, and labels that are longer together.
const MAX_LABELS: usize = 32;
const MAX_LABELS_BYTES: usize = 1000;

/// One number with its name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    pub name: String,
    /// `key="value"` with commas between, sorted by key; backslash, quote and line feed are escaped.
    pub labels: String,
    /// Always finite.
    pub value: f64,
    /// As the source tells it; empty when it does not.
    pub unit: String,
}

impl Reading {
    fn is_same_as(&self, other: &Self) -> bool {
        self.name == other.name && self.labels == other.labels
    }
}

/// What a text gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    pub readings: Vec<Reading>,
    /// What was wrong with the first bad line.
    pub problem: Option<String>,
}

impl Parsed {
    /// Adds a reading, unless its value is not finite (which means absent), `limit` are there already, this
    /// one is, or it is bad.
    pub(super) fn add(&mut self, line: usize, limit: usize, reading: Result<Reading, &'static str>) {
        match reading {
            Ok(reading) if !reading.value.is_finite() => {}
            Ok(_) if self.readings.len() >= limit => {
                self.complain(format!("line {line}: more than {limit} readings"));
            }
            Ok(reading) if self.readings.iter().any(|other| other.is_same_as(&reading)) => {
                self.complain(format!("line {line}: the reading is there twice"));
            }
            Ok(reading) => self.readings.push(reading),
            Err(problem) => self.complain(format!("line {line}: {problem}")),
        }
    }

    fn complain(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }
}

/// `name` or `name{a="b",c="d"}` at the start of `text`: name, labels in their one notation, and the rest.
pub(super) fn parse_series(
    text: &str,
    is_name: fn(usize, char) -> bool,
) -> Result<(String, String, &str), &'static str> {
    let end = text.char_indices().find(|(at, c)| !is_name(*at, *c)).map_or(text.len(), |(at, _)| at);
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return Err("begins with no name");
    }
    if name.len() > MAX_NAME_BYTES {
        return Err("the name is too long");
    }
    let rest = rest.trim_start();
    let Some(labels) = rest.strip_prefix('{') else { return Ok((name.to_owned(), String::new(), rest)) };
    let (labels, rest) = parse_labels(labels)?;
    Ok((name.to_owned(), format_labels(&labels)?, rest.trim_start()))
}

/// `a="b",c="d"}` and the rest after the brace.
fn parse_labels(mut text: &str) -> Result<(BTreeMap<&str, String>, &str), &'static str> {
    let mut labels = BTreeMap::new();
    loop {
        text = text.trim_start();
        if let Some(rest) = text.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (key, rest) = text.split_once('=').ok_or("a label has no value")?;
        let key = key.trim_end();
        if !is_label(key) {
            return Err("a label's name is not one");
        }
        let rest = rest.trim_start().strip_prefix('"').ok_or("a label's value is not in quotes")?;
        let (value, rest) = parse_quoted(rest)?;
        if labels.insert(key, value).is_some() || labels.len() > MAX_LABELS {
            return Err("a label is there twice, or there are too many");
        }
        text = rest.trim_start();
        match text.strip_prefix(',') {
            Some(rest) => text = rest,
            None if text.starts_with('}') => {}
            None => return Err("labels end with no brace"),
        }
    }
}

fn is_label(key: &str) -> bool {
    let first = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    first && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The text up to the closing quote with its escapes resolved, and the rest after the quote.
fn parse_quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                // An escape that is none stands for itself.
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("a label's value has no closing quote")
}

/// A label without a value is as good as none.
fn format_labels(labels: &BTreeMap<&str, String>) -> Result<String, &'static str> {
    let mut text = String::new();
    for (key, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&label(key, value));
    }
    if text.len() > MAX_LABELS_BYTES {
        return Err("the labels are too long");
    }
    Ok(text)
}

/// One label in its notation.
pub(super) fn label(key: &str, value: &str) -> String {
    let value = value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
    format!(r#"{key}="{value}""#)
}
