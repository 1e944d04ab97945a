//! The sentence that an alert says.

use crate::alert::Alert;
use crate::host::{Host, tag_value};
use crate::rule::Rule;

/// The rule's text with the alert's values in it.
pub(super) fn of(rule: &Rule, alert: &Alert, host: &Host) -> String {
    let evidence = &alert.evidence;
    let process = |field: fn(&crate::ProcessLine) -> String| evidence.process.as_ref().map(field);
    let text = rule.text.fill(|name| match name {
        "host" => Some(host.key.name.to_string()),
        "rule" => Some(rule.name.to_string()),
        "severity" => Some(rule.severity.name().to_owned()),
        "entity" => Some(alert.key.entity.clone()),
        "value" => Some(evidence.value.map_or_else(String::new, |value| shown_value(value, &evidence.unit))),
        "threshold" => evidence.threshold.map(|value| shown_value(value, &evidence.unit)),
        "since" => jiff::Timestamp::from_millisecond(alert.since_ms).ok().map(|time| format!("{time:.0}")),
        "text" => Some(evidence.text.clone()),
        "process.name" => process(|process| process.name.clone()),
        "process.pid" => process(|process| process.pid.to_string()),
        "process.command" => process(|process| process.command.clone()),
        "process.user" => process(|process| process.user.clone()),
        "process.unit" => process(|process| process.unit.clone()),
        tag if tag.starts_with("tag.") => {
            Some(tag_value(&host.tags, tag.strip_prefix("tag.")?).unwrap_or_default().to_owned())
        }
        label => rule.labels.get(label.strip_prefix("label.")?).cloned(),
    });
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number of a unit of the tables, such as `ratio` or `bytes`, for people.
pub fn shown_value(value: f64, unit: &str) -> String {
    match unit {
        "ratio" => format!("{:.1} %", value * 100.0),
        "cores" => format!("{value:.2} cores"),
        "bytes" => bytes(value),
        "bytes_per_second" => format!("{}/s", bytes(value)),
        "bits_per_second" => format!("{:.1} Mbit/s", value / 1e6),
        "seconds" => seconds(value),
        "milliseconds" => format!("{value:.0} ms"),
        "microseconds" => format!("{:.1} ms", value / 1000.0),
        "celsius" => format!("{value:.1} °C"),
        _ if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value:.0}"),
        _ => format!("{value:.3}"),
    }
}

fn bytes(value: f64) -> String {
    let units = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let unit = units.iter().find(|(_, factor)| value.abs() >= *factor);
    unit.map_or_else(|| format!("{value:.0} B"), |(name, factor)| format!("{:.1} {name}", value / factor))
}

fn seconds(value: f64) -> String {
    let total = if value.is_finite() { value.clamp(0.0, 1e12).round() as i64 } else { 0 };
    let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {seconds:02} s"),
        _ => format!("{hours} h {minutes:02} min"),
    }
}
