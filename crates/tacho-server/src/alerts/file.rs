//! A file with one line for each alert.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use tacho_alert::{Alert, Notification};

use super::receiver::ReceiverError;

/// Adds lines, and returns when they are on disk.
pub(super) async fn append(path: &Path, lines: String) -> Result<(), ReceiverError> {
    let target = path.to_owned();
    let written = tokio::task::spawn_blocking(move || {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o640).open(&target)?;
        // One write, so that a reader never sees half a line of another writer between.
        file.write_all(lines.as_bytes())?;
        file.sync_data()
    });
    let written = written.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    written.map_err(|source| ReceiverError::File { path: path.to_owned(), source })
}

/// One line for each alert that is told.
pub(super) fn lines(notification: &Notification) -> String {
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
