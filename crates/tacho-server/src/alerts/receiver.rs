//! Where notifications go.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use jiff::Timestamp;
use tacho_alert::{Alert, Notification};
use tacho_runtime::config::Reader;

const KINDS: &[&str] = &["file"];

/// One place that notifications go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    pub name: String,
    pub kind: ReceiverKind,
}

/// How a receiver is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiverKind {
    /// One line for each alert, at the end of a file.
    File { path: PathBuf },
}

/// Reads `[[receiver]]` of the settings.
pub fn read_receivers(reader: &mut Reader<'_>) -> Vec<Receiver> {
    let mut receivers = reader.tables("receiver", |reader| {
        let kind = reader.choice("kind", "file", KINDS);
        let path = reader.path("path", "");
        if path.as_os_str().is_empty() || !path.is_absolute() {
            reader.problem("path", r#"is no absolute path; write one such as "/var/log/tacho/alerts.log""#);
        }
        let name = reader.text("name", &kind);
        Receiver { name, kind: ReceiverKind::File { path } }
    });
    let mut names: Vec<String> = receivers.iter().map(|receiver| receiver.name.clone()).collect();
    names.sort();
    if let Some(pair) = names.windows(2).find(|pair| pair.first() == pair.last()) {
        let name = pair.first().cloned().unwrap_or_default();
        reader.problem("receiver", format_args!("two are called {name:?}; give each a name of its own"));
        receivers.clear();
    }
    receivers
}

impl Receiver {
    /// Hands a notification over. Blocks for as long as the place takes.
    pub(super) fn send(&self, notification: &Notification) -> io::Result<()> {
        match &self.kind {
            ReceiverKind::File { path } => {
                let mut file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
                // One write, so that a reader never sees half a line of another writer between.
                file.write_all(lines(notification).as_bytes())?;
                file.sync_data()
            }
        }
    }
}

/// One line for each alert that is told.
fn lines(notification: &Notification) -> String {
    let word = if notification.is_repeat { "STILL" } else { "FIRING" };
    let mut text = String::new();
    for alert in &notification.firing {
        text.push_str(&line(alert, word, alert.fired_ms.unwrap_or(notification.time_ms), ""));
    }
    for ended in &notification.resolved {
        text.push_str(&line(&ended.alert, "RESOLVED", ended.time_ms, &ended.reason));
    }
    let more = [("FIRING", notification.firing_more), ("RESOLVED", notification.resolved_more)];
    for (word, more) in more.into_iter().filter(|(_, more)| *more > 0) {
        let at = shown(notification.time_ms);
        text.push_str(&format!("{at} {word} {} {more} more\n", notification.rule));
    }
    if !notification.shared.is_empty() {
        let shared = notification.shared.join("; ");
        text.push_str(&format!("{} SHARED {}: {shared}\n", shown(notification.time_ms), notification.rule));
    }
    text
}

fn line(alert: &Alert, word: &str, time_ms: i64, reason: &str) -> String {
    let (severity, rule, host) = (alert.severity.name(), &alert.key.rule, &alert.host);
    let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    let tops: Vec<String> = alert
        .evidence
        .processes
        .iter()
        .map(|process| {
            let cpu = process.cpu_ratio.map_or_else(|| "?".to_owned(), |cpu| format!("{:.0} %", cpu * 100.0));
            format!("{}[{}] {} CPU {cpu}", process.name, process.pid, process.user)
        })
        .collect();
    let tops = if tops.is_empty() || word == "RESOLVED" {
        String::new()
    } else {
        format!("; top: {}", tops.join(", "))
    };
    format!("{} {word} {severity} {host} {rule}: {}{reason}{tops}\n", shown(time_ms), alert.text)
}

fn shown(time_ms: i64) -> String {
    Timestamp::from_millisecond(time_ms).map_or_else(|_| time_ms.to_string(), |time| format!("{time:.3}"))
}
