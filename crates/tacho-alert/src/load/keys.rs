//! Reads the keys of a TOML table one after the other, and remembers what was wrong and what nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;
use crate::glob::Glob;

/// A number or a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Number(f64),
    Text(String),
}

/// A file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

/// One table being read.
pub(crate) struct Keys<'a, 'p> {
    table: &'a DeTable<'a>,
    line: usize,
    /// Says in messages which table it is.
    path: String,
    source: Source<'a>,
    asked: BTreeSet<&'static str>,
    lenient: bool,
    problems: &'p mut Vec<Problem>,
}

impl<'a> Source<'a> {
    /// Lines count from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }

    /// What stands from a line's table to the next one that is no part of it.
    fn definition(self, line: usize) -> &'a str {
        let mut start = 0;
        let mut end = self.text.len();
        let mut offset = 0;
        let mut key = "";
        for (index, text) in self.text.split_inclusive('\n').enumerate() {
            if index + 1 == line {
                start = offset;
                key = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '[' | ']'));
            } else if index + 1 > line && is_other_table(text, key) {
                end = offset;
                break;
            }
            offset += text.len();
        }
        let text = self.text.get(start..end).unwrap_or_default().trim_end();
        without_trailing_comments(text)
    }

    pub(crate) fn problem(&self, line: usize, text: String) -> Problem {
        Problem { file: self.file.to_owned(), line, text }
    }
}

impl<'a, 'p> Keys<'a, 'p> {
    pub(crate) fn new(
        table: &'a DeTable<'a>,
        line: usize,
        path: String,
        source: Source<'a>,
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        Self { table, line, path, source, asked: BTreeSet::new(), lenient: false, problems }
    }

    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// The table as it is written, with the tables in it.
    pub(crate) fn definition(&self) -> &'a str {
        self.source.definition(self.line)
    }

    /// Says in messages which rule it is.
    pub(crate) fn name_it(&mut self, name: &str) {
        if !name.is_empty() {
            self.path = format!("{} {name:?}", self.path);
        }
    }

    pub(crate) fn problem(&mut self, key: &str, text: impl std::fmt::Display) {
        let line = self.table.get(key).map_or(self.line, |value| self.source.line(value.span().start));
        let path = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
        self.problems.push(self.source.problem(line, format!("{path}{key}: {text}")));
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(crate) fn is_text(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| value.get_ref().is_str())
    }

    /// Says nothing of what else is in the table: what it is about is not known.
    pub(crate) fn ask_all(&mut self) {
        self.lenient = true;
    }

    fn value(&mut self, key: &'static str) -> Option<&'a DeValue<'a>> {
        self.asked.insert(key);
        self.table.get(key).map(Spanned::get_ref)
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        if value.as_str().is_none() {
            self.problem(key, format_args!("is {}; write text in quotes", value.type_str()));
        }
        value.as_str().map(str::to_owned)
    }

    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        if value.as_bool().is_none() {
            self.problem(key, format_args!("is {}; write true or false", value.type_str()));
        }
        value.as_bool()
    }

    pub(crate) fn number(&mut self, key: &'static str) -> Option<f64> {
        let value = self.value(key)?;
        let text = match value {
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
            DeValue::Float(number) => Some(number.as_str()),
            _ => None,
        };
        let number = text
            .and_then(|text| text.replace('_', "").parse::<f64>().ok())
            .filter(|number| number.is_finite());
        if number.is_none() {
            self.problem(key, format_args!("is {}; write a number", value.type_str()));
        }
        number
    }

    pub(crate) fn integer(&mut self, key: &'static str, low: i64, high: i64) -> Option<i64> {
        let number = self.number(key)?;
        let found =
            (number.fract() == 0.0 && number >= low as f64 && number <= high as f64).then_some(number as i64);
        if found.is_none() {
            self.problem(key, format_args!("is {number}; write a whole number from {low} to {high}"));
        }
        found
    }

    /// Milliseconds.
    pub(crate) fn duration(&mut self, key: &'static str, low_ms: i64, high_ms: i64) -> Option<i64> {
        let text = self.text(key)?;
        match parse_duration(&text) {
            Some(ms) if (low_ms..=high_ms).contains(&ms) => Some(ms),
            Some(_) => {
                self.problem(
                    key,
                    format_args!(
                        "is {text:?}; it has to be from {} to {}",
                        shown_duration(low_ms),
                        shown_duration(high_ms)
                    ),
                );
                None
            }
            None => {
                self.problem(
                    key,
                    format_args!(r#"is {text:?}; write a number with a unit, such as "5s", "10m" or "2h""#),
                );
                None
            }
        }
    }

    /// A list of texts, or one alone.
    pub(crate) fn strings(&mut self, key: &'static str) -> Vec<String> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let found = match value {
            DeValue::String(text) => Some(vec![text.to_string()]),
            DeValue::Array(items) => {
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
            }
            _ => None,
        };
        if found.is_none() {
            self.problem(key, r#"is no list of texts; write ["a", "b"] or "a""#);
        }
        found.unwrap_or_default()
    }

    pub(crate) fn globs(&mut self, key: &'static str) -> Vec<Glob> {
        let texts = self.strings(key);
        let globs = texts.iter().filter_map(|text| match Glob::new(text) {
            Ok(glob) => Some(glob),
            Err(problem) => {
                self.problem(key, problem);
                None
            }
        });
        globs.collect()
    }

    /// A table of texts by name.
    pub(crate) fn texts(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let Some(value) = self.value(key) else { return BTreeMap::new() };
        let found = value.as_table().and_then(|table| {
            let pairs = table.iter();
            pairs
                .map(|(name, value)| Some((name.get_ref().to_string(), value.get_ref().as_str()?.to_owned())))
                .collect::<Option<BTreeMap<_, _>>>()
        });
        if found.is_none() {
            self.problem(key, r#"is no table of texts; write { team = "db" }"#);
        }
        found.unwrap_or_default()
    }

    /// Keys of a table that may have any name, with the texts that each is.
    pub(crate) fn lists(&mut self, key: &'static str) -> Vec<(String, Vec<Glob>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(table) = value.as_table() else {
            self.problem(key, r#"is no table; write { fs_type = ["ext4", "xfs"] }"#);
            return Vec::new();
        };
        let mut lists = Vec::new();
        for (name, value) in table {
            let texts: Option<Vec<String>> = match value.get_ref() {
                DeValue::String(text) => Some(vec![text.to_string()]),
                DeValue::Integer(number) => Some(vec![number.as_str().to_owned()]),
                DeValue::Array(items) => {
                    items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
                }
                _ => None,
            };
            match texts.map(|texts| texts.iter().map(|text| Glob::new(text)).collect::<Result<Vec<_>, _>>()) {
                Some(Ok(globs)) => lists.push((name.get_ref().to_string(), globs)),
                Some(Err(problem)) => self.problem(key, problem),
                None => {
                    self.problem(key, format_args!("{}: write a text or a list of texts", name.get_ref()))
                }
            }
        }
        lists
    }

    /// Tables of numbers and texts, with the names of their keys.
    pub(crate) fn rows(&mut self, key: &'static str) -> Vec<Vec<(String, Cell)>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let rows = value.as_array().and_then(|items| {
            items
                .iter()
                .map(|item| {
                    let cells = item.get_ref().as_table()?.iter();
                    cells
                        .map(|(name, value)| Some((name.get_ref().to_string(), cell(value.get_ref())?)))
                        .collect()
                })
                .collect::<Option<Vec<_>>>()
        });
        if rows.is_none() {
            self.problem(key, r#"is no list of rows; write [{ mount_point = "/", used_bytes = 95 }]"#);
        }
        rows.unwrap_or_default()
    }

    /// A table within, read by `read`.
    pub(crate) fn inner<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Keys<'a, '_>) -> T,
    ) -> Option<T> {
        let value = self.value(key)?;
        let Some(table) = value.as_table() else {
            self.problem(key, r#"is no table; write { key = "value" }"#);
            return None;
        };
        let line = self.table.get(key).map_or(self.line, |value| self.source.line(value.span().start));
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}: {key}", self.path) };
        let mut keys = Keys::new(table, line, path, self.source, self.problems);
        let read = read(&mut keys);
        keys.finish();
        Some(read)
    }

    /// Each table of an array such as `[[rule]]`.
    pub(crate) fn tables(&mut self, key: &'static str, mut read: impl FnMut(&mut Keys<'a, '_>)) {
        let Some(value) = self.value(key) else { return };
        let Some(items) = value.as_array() else {
            return self.problem(key, format_args!("write it as [[{key}]]"));
        };
        for item in items {
            let Some(table) = item.get_ref().as_table() else {
                self.problem(key, format_args!("write it as [[{key}]] and its keys below"));
                continue;
            };
            let line = self.source.line(item.span().start);
            let path = if self.path.is_empty() { key.to_owned() } else { format!("{}: {key}", self.path) };
            let mut keys = Keys::new(table, line, path, self.source, self.problems);
            read(&mut keys);
            keys.finish();
        }
    }

    /// What else is in the table is a mistake.
    pub(crate) fn finish(self) {
        for (name, value) in self.table {
            if self.lenient || self.asked.contains(&**name.get_ref()) {
                continue;
            }
            let known: Vec<_> = self.asked.iter().copied().collect();
            let line = self.source.line(value.span().start);
            let path = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
            let text = format!("{path}{}: no such key here; keys are {}", name.get_ref(), known.join(", "));
            self.problems.push(self.source.problem(line, text));
        }
    }
}

/// Does a line begin a table that is not within `key`'s?
fn is_other_table(line: &str, key: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix('[') else { return false };
    let name = rest.trim_start_matches('[').trim_start();
    let within = name.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('.'));
    // A list that goes over many lines may have a list in it.
    line.starts_with('[') && !within
}

/// Comments before the next table are about that one.
fn without_trailing_comments(mut text: &str) -> &str {
    while let Some((before, last)) = text.rsplit_once('\n') {
        if !last.trim_start().starts_with('#') {
            break;
        }
        text = before.trim_end();
    }
    text
}

fn cell(value: &DeValue<'_>) -> Option<Cell> {
    match value {
        DeValue::String(text) => Some(Cell::Text(text.to_string())),
        DeValue::Integer(number) => number.as_str().replace('_', "").parse().ok().map(Cell::Number),
        DeValue::Float(number) => number.as_str().replace('_', "").parse().ok().map(Cell::Number),
        _ => None,
    }
}

const UNITS: &[(&str, i64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// `90s`, `1h30m`, in milliseconds; every number needs its unit.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut total: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(*factor)?)?;
        rest = after.trim_start();
    }
    Some(total)
}

/// The shortest text that [`parse_duration`] reads back.
pub(crate) fn shown_duration(ms: i64) -> String {
    let mut rest = ms.max(0);
    let mut text = String::new();
    for (name, factor) in UNITS {
        if rest / factor > 0 {
            text.push_str(&format!("{}{name}", rest / factor));
            rest %= factor;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}
