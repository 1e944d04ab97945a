//! Logs to standard error, where systemd's journal or a terminal takes them.

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line for people; coloured on a terminal only.
    Text,
    /// One JSON object a line.
    Json,
}

/// Names accepted by `log_level`.
pub const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

/// Names accepted by `log_format`.
pub const FORMATS: &[&str] = &["text", "json"];

/// Starts logging for the whole process. Later calls change nothing.
pub fn start(level: &str, format: LogFormat) {
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    let started = match format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}

/// An error with its whole chain of causes, for a log line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
