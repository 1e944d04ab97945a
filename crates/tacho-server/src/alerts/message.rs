//! A notification as people and programs read it. Pure.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use tacho_alert::{Alert, Notification, ProcessLine, shown_value};
use tacho_notify::{Item, Message};

use super::Shown;
use super::picture::picture;
use super::words::Words;
use crate::api::alert_json;

/// Alerts of one message that have a line of their own.
const LINES: usize = 10;
/// Columns of a line that shows how a value went.
const CHART_COLUMNS: usize = 20;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Of a process's command.
const COMMAND_CHARS: usize = 120;
/// What the page shows around the moment of an alert.
const BEFORE_MS: i64 = 600_000;
const AFTER_MS: i64 = 300_000;

type Field = (String, String);

/// One alert that is told, and its end where it is over.
#[derive(Clone, Copy)]
struct Told<'a> {
    alert: &'a Alert,
    ended: Option<(i64, &'a str)>,
}

/// The message for a notification. `page_url` is where the page is, without a slash at its end.
pub(super) fn message(notification: &Notification, page_url: &str, words: &Words) -> Message {
    let told = told(notification);
    let is_single = told.len() == 1 && notification.firing_more == 0 && notification.resolved_more == 0;
    let fields = match told.first() {
        Some(only) if is_single => single(*only, page_url, words),
        _ => several(notification, &told, page_url, words),
    };
    Message {
        event: "alert".to_owned(),
        title: title(notification, words),
        fields,
        time_ms: notification.time_ms,
        items: told.iter().map(|told| item(*told, page_url)).collect(),
        picture: told.first().filter(|_| is_single).and_then(|only| picture(only.alert)),
    }
}

/// The message that tries a receiver out.
pub(super) fn test_message(receiver: &str, page_url: &str, words: &Words, now_ms: i64) -> Message {
    let fields = vec![
        ("receiver".to_owned(), receiver.to_owned()),
        (words.page.to_owned(), format!("{page_url}/alerts")),
    ];
    Message {
        event: "test".to_owned(),
        title: words.test.to_owned(),
        fields,
        time_ms: now_ms,
        items: Vec::new(),
        picture: None,
    }
}

fn told(notification: &Notification) -> Vec<Told<'_>> {
    let firing = notification.firing.iter().map(|alert| Told { alert, ended: None });
    let resolved = notification
        .resolved
        .iter()
        .map(|ended| Told { alert: &ended.alert, ended: Some((ended.time_ms, &ended.reason)) });
    firing.chain(resolved).collect()
}

fn title(notification: &Notification, words: &Words) -> String {
    let word = match (notification.firing.is_empty(), notification.is_repeat) {
        (true, _) => words.resolved,
        (false, true) => words.still,
        (false, false) => words.firing,
    };
    let said = notification.title.as_str();
    let said = said.strip_prefix("still ").or_else(|| said.strip_prefix("resolved: ")).unwrap_or(said);
    format!("[{word}] {}: {said}", words.severity(notification.severity))
}

fn single(told: Told<'_>, page_url: &str, words: &Words) -> Vec<Field> {
    let (alert, evidence) = (told.alert, &told.alert.evidence);
    let mut fields = Vec::new();
    let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));
    add(words.host, alert.host.to_string());
    add(words.rule, alert.key.rule.to_string());
    if let Some(value) = evidence.value {
        let threshold = evidence.threshold.map(|it| shown_value(it, &evidence.unit));
        let threshold = threshold.map(|it| format!(" ({} {it})", words.threshold)).unwrap_or_default();
        add(words.value, format!("{}{threshold}", shown_value(value, &evidence.unit)));
    }
    add(words.since, time(alert.since_ms));
    if let Some((time_ms, reason)) = told.ended {
        let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        add(words.ended, format!("{}{reason}", time(time_ms)));
    }
    if let Some(chart) = chart(&evidence.values, &evidence.unit) {
        add(words.values, chart);
    }
    if !alert.labels.is_empty() {
        let labels = alert.labels.iter().map(|(name, value)| format!("{name}={value}"));
        add(words.labels, labels.collect::<Vec<_>>().join(", "));
    }
    add(words.page, link(alert, page_url));
    for (name, address) in &alert.links {
        add(name, address.clone());
    }
    if told.ended.is_none() {
        fields.extend(processes(alert, "", words));
    }
    fields
}

fn several(notification: &Notification, told: &[Told<'_>], page_url: &str, words: &Words) -> Vec<Field> {
    let mut fields = Vec::new();
    if !notification.shared.is_empty() {
        fields.push((words.shared.to_owned(), notification.shared.join("; ")));
    }
    fields.push((words.page.to_owned(), format!("{page_url}/alerts")));
    for told in told.iter().take(LINES) {
        let text = &told.alert.text;
        let text = if told.ended.is_some() { format!("{}: {text}", words.resolved) } else { text.clone() };
        fields.push((told.alert.host.to_string(), text));
    }
    let more = told.len().saturating_sub(LINES) + notification.firing_more + notification.resolved_more;
    if more > 0 {
        fields.push((words.more.to_owned(), more.to_string()));
    }
    if let Some(worst) = notification.firing.iter().find(|alert| !alert.evidence.processes.is_empty()) {
        fields.extend(processes(worst, &format!("{} ", worst.host), words));
    }
    fields
}

/// Who used most, a line each.
fn processes<'a>(alert: &'a Alert, prefix: &'a str, words: &'a Words) -> impl Iterator<Item = Field> + 'a {
    let lines = alert.evidence.processes.iter().enumerate();
    lines.map(move |(place, line)| (format!("{prefix}#{}", place + 1), process(line, words)))
}

/// `stress-ng[4711] root, stress.service: CPU 398 %, memory 1.2 GB, …; stress-ng --cpu 4`
fn process(line: &ProcessLine, words: &Words) -> String {
    let who = if line.unit.is_empty() { line.user.clone() } else { format!("{}, {}", line.user, line.unit) };
    let rate = |value: f64| shown_value(value, "bytes_per_second");
    let uses = [
        (words.cpu, line.cpu_ratio.map(|cores| format!("{:.0} %", cores * 100.0))),
        (words.memory, line.memory_bytes.map(|bytes| shown_value(bytes as f64, "bytes"))),
        (words.disk, line.disk_bytes_per_second.map(rate)),
        (words.network, line.network_bytes_per_second.map(rate)),
    ];
    let uses: Vec<String> =
        uses.into_iter().filter_map(|(word, value)| Some(format!("{word} {}", value?))).collect();
    let command: String = line.command.chars().take(COMMAND_CHARS).collect();
    format!("{}[{}] {who}: {}; {command}", line.name, line.pid, uses.join(", "))
}

/// A line such as `▁▁▃█ 1.0 % … 99.0 %`, with the first and the last value; absent for fewer than two.
fn chart(values: &VecDeque<(i64, f64)>, unit: &str) -> Option<String> {
    let values: Vec<f64> = values.iter().map(|(_, value)| *value).filter(|value| value.is_finite()).collect();
    let (first, last) = (values.first()?, values.last()?);
    if values.len() < 2 {
        return None;
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let per_column = values.len().div_ceil(CHART_COLUMNS);
    let bars: String = values
        .chunks(per_column)
        .map(|chunk| {
            let most = chunk.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let share = if high > low { (most - low) / (high - low) } else { 0.5 };
            let step = (share * 7.0).round().clamp(0.0, 7.0) as usize;
            BARS.get(step).copied().unwrap_or('█')
        })
        .collect();
    Some(format!("{bars} {} … {}", shown_value(*first, unit), shown_value(*last, unit)))
}

/// The page of the host at the moment of the alert, with the culprit selected.
fn link(alert: &Alert, page_url: &str) -> String {
    let at_ms = alert.fired_ms.unwrap_or(alert.since_ms);
    let (from, to) = (time(at_ms.saturating_sub(BEFORE_MS)), time(at_ms.saturating_add(AFTER_MS)));
    let host = percent_encoded(&alert.host);
    let culprit = alert
        .evidence
        .process
        .as_ref()
        .map(|process| format!("&process={}@{}", process.pid, time(process.start_time_ms)))
        .unwrap_or_default();
    format!("{page_url}/hosts/{host}?from={from}&to={to}&at={}{culprit}", time(at_ms))
}

fn item(told: Told<'_>, page_url: &str) -> Item {
    let alert = told.alert;
    let own = [
        ("alertname", alert.key.rule.to_string()),
        ("host", alert.host.to_string()),
        ("host_id", alert.key.host_id.to_string()),
        ("entity", alert.key.entity.clone()),
        ("severity", alert.severity.name().to_owned()),
    ];
    let mut labels: BTreeMap<String, String> = alert.labels.clone();
    labels.extend(own.map(|(name, value)| (name.to_owned(), value)));
    let resolved = told.ended.map(|(time_ms, reason)| (time_ms, reason.to_owned()));
    Item {
        labels,
        text: alert.text.clone(),
        starts_ms: alert.fired_ms.unwrap_or(alert.since_ms),
        ends_ms: told.ended.map(|(time_ms, _)| time_ms),
        link: Some(link(alert, page_url)),
        details: alert_json(Shown { alert: alert.clone(), resolved, acknowledged: None, muted: None }),
    }
}

/// Milliseconds only where there are some, as the page writes times.
fn time(time_ms: i64) -> String {
    let Ok(time) = Timestamp::from_millisecond(time_ms) else { return time_ms.to_string() };
    if time_ms.rem_euclid(1000) == 0 { format!("{time:.0}") } else { format!("{time:.3}") }
}

/// For one part of a path.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
