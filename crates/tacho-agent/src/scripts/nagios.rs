//! Output of a Nagios plugin: `DISK OK - 42% used | '/ used'=8234MB;15000;18000;0;20000 inodes=12%`
//!
//! Text, then after a bar performance data: items `label=value[unit];warning;critical;minimum;maximum`, each
//! part after the value optional, labels in single quotes where they hold spaces. Further lines are text up
//! to the next bar; after it all lines are performance data. Limits that are plain numbers become readings
//! beside the value (`label_warning` and so on); ranges have no one number and are left out.

use super::reading::{Parsed, Reading};

const LIMITS: [&str; 4] = ["warning", "critical", "min", "max"];
const MAX_LABEL_BYTES: usize = 150;
const MAX_UNIT_BYTES: usize = 16;

/// At most `limit` readings from the performance data of `text`. An item that is bad is left out, and the
/// first such is the problem.
pub fn parse_nagios(text: &str, limit: usize) -> Parsed {
    let mut parsed = Parsed::default();
    let mut after_second_bar = false;
    for (index, line) in text.lines().enumerate() {
        let data = match line.split_once('|') {
            _ if after_second_bar => line,
            Some((_, data)) => {
                after_second_bar = index > 0;
                data
            }
            None => continue,
        };
        parse_items(data, index + 1, limit, &mut parsed);
    }
    parsed
}

fn parse_items(data: &str, line: usize, limit: usize, parsed: &mut Parsed) {
    let mut rest = data.trim_start();
    while !rest.is_empty() {
        let (label, after) = match parse_label(rest) {
            Some(found) => found,
            None => return parsed.add(line, limit, Err("performance data is not label=value")),
        };
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        let (item, next) = after.split_at(end);
        parse_item(&label, item, line, limit, parsed);
        rest = next.trim_start();
    }
}

/// The label and what follows its equals sign. In a quoted label two quotes stand for one.
fn parse_label(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('\'') else {
        let (label, after) = text.split_once('=')?;
        let good = !label.is_empty() && !label.contains(char::is_whitespace);
        return good.then(|| (label.to_owned(), after));
    };
    let mut from = 0;
    loop {
        let at = from + quoted.get(from..)?.find('\'')?;
        let after = quoted.get(at + 1..)?;
        if after.starts_with('\'') {
            from = at + 2;
            continue;
        }
        let label = quoted.get(..at)?.replace("''", "'");
        return Some((label, after.strip_prefix('=')?)).filter(|(label, _)| !label.is_empty());
    }
}

/// `8234MB;15000;18000;0;20000`
fn parse_item(label: &str, item: &str, line: usize, limit: usize, parsed: &mut Parsed) {
    let mut parts = item.split(';');
    let value = parts.next().unwrap_or_default();
    // A plugin that could not measure says so with a U.
    if value == "U" {
        return;
    }
    let end = value.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+')).unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    let reading = match number.parse() {
        Ok(_) if label.len() > MAX_LABEL_BYTES => Err("the label is too long"),
        Ok(_) if unit.len() > MAX_UNIT_BYTES => Err("the unit is too long"),
        Ok(value) => {
            Ok(Reading { name: printable(label), value, unit: printable(unit), ..Reading::default() })
        }
        Err(_) => Err("the value of performance data is no number"),
    };
    let Ok(base) = reading.clone() else { return parsed.add(line, limit, reading) };
    parsed.add(line, limit, reading);
    for (limit_name, text) in LIMITS.iter().zip(parts) {
        if let Ok(value) = text.parse() {
            let name = format!("{}_{limit_name}", base.name);
            parsed.add(line, limit, Ok(Reading { name, value, ..base.clone() }));
        }
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
