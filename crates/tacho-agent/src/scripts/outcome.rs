//! What a run says: its state, one line of text, and its readings.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use tacho_runtime::config::{format_bytes, format_duration};

use super::child::{End, MAX_OUTPUT_BYTES, Run};
use super::reading::{Parsed, Reading};
use super::settings::{Format, Pattern, ScriptConfig};
use super::{MAX_READINGS, parse_keyvalue, parse_nagios, parse_prometheus};

/// Longer texts are cut.
const MAX_TEXT_BYTES: usize = 500;

/// State of a run, by its name in table `script`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Ok,
    Warning,
    Critical,
    /// A Nagios plugin that could not tell.
    Unknown,
    /// It ended with another code than its format has, or printed something else than its format.
    Failed,
    Timeout,
    NotStarted,
}

/// One run, or one that could not be.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub script: String,
    pub state: State,
    pub exit_code: Option<i32>,
    /// `None` when it was not started.
    pub duration_us: Option<u64>,
    pub output_bytes: Option<u64>,
    pub text: String,
    pub readings: Vec<Reading>,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::NotStarted => "not-started",
        }
    }
}

impl Outcome {
    pub(super) fn not_started(script: &str, reason: &str) -> Self {
        Self {
            script: script.to_owned(),
            state: State::NotStarted,
            exit_code: None,
            duration_us: None,
            output_bytes: None,
            text: shorten(reason),
            readings: Vec::new(),
        }
    }
}

/// Judges a run; `None` for one that the agent's own stop ended. What a script printed before it was stopped
/// may end anywhere, so no reading is taken from it.
pub(super) fn judge(config: &ScriptConfig, run: &Run) -> Option<Outcome> {
    let (state, exit_code, text, readings) = match &run.end {
        End::Stopped => return None,
        End::TimedOut => {
            let text = format!("still running after {}; stopped", format_duration(config.timeout));
            (State::Timeout, None, text, Vec::new())
        }
        End::PrintedTooMuch => {
            let text = format!("printed more than {}; stopped", format_bytes(MAX_OUTPUT_BYTES));
            (State::Failed, None, text, Vec::new())
        }
        End::Exited(status) => {
            let (state, text, readings) = judge_exit(config, *status, run);
            (state, status.code(), text, readings)
        }
    };
    Some(Outcome {
        script: config.name.clone(),
        state,
        exit_code,
        duration_us: u64::try_from(run.duration.as_micros()).ok(),
        output_bytes: Some(run.output_bytes),
        text: shorten(&text),
        readings,
    })
}

fn judge_exit(config: &ScriptConfig, status: ExitStatus, run: &Run) -> (State, String, Vec<Reading>) {
    let output = String::from_utf8_lossy(&run.output);
    let first = match config.format {
        Format::Prometheus | Format::KeyValue => first_line_but_comments(&output),
        Format::Nagios | Format::Text => first_line(&output),
    };
    let parsed = parse(config, &output);
    let (state, text) = match (status.code(), config.format) {
        (None, _) => {
            let signal = status.signal().unwrap_or(0);
            (State::Failed, format!("ended by signal {signal}"))
        }
        (Some(code @ 0..=3), Format::Nagios) => {
            let text = first.split('|').next().unwrap_or_default().trim();
            (nagios_state(code), text.to_owned())
        }
        (Some(0), _) => match parsed.problem {
            Some(problem) => (State::Failed, problem),
            None => (State::Ok, first.to_owned()),
        },
        (Some(code), _) => (State::Failed, with_reason(code, &run.errors, first)),
    };
    let (state, text) = apply_patterns(config, &output, state, text);
    (state, text, parsed.readings)
}

fn nagios_state(code: i32) -> State {
    match code {
        0 => State::Ok,
        1 => State::Warning,
        2 => State::Critical,
        _ => State::Unknown,
    }
}

/// Readings of the output. A line that a pattern matches is a message, not a reading.
fn parse(config: &ScriptConfig, output: &str) -> Parsed {
    let parse = match config.format {
        Format::Text => return Parsed::default(),
        Format::Nagios => return parse_nagios(output, MAX_READINGS),
        Format::Prometheus => parse_prometheus,
        Format::KeyValue => parse_keyvalue,
    };
    if config.warning.is_none() && config.critical.is_none() {
        return parse(output, MAX_READINGS);
    }
    let is_message = |line: &str| matches(&config.warning, line) || matches(&config.critical, line);
    // An empty line in its place keeps the numbers of the others.
    let lines = output.lines().map(|line| if is_message(line) { "" } else { line });
    parse(&lines.collect::<Vec<_>>().join("\n"), MAX_READINGS)
}

/// A matching line makes the state worse, never better, and is then the text.
fn apply_patterns(config: &ScriptConfig, output: &str, state: State, text: String) -> (State, String) {
    let found =
        |pattern| output.lines().find(|line| matches(pattern, line)).map(|line| line.trim().to_owned());
    if matches!(state, State::Ok | State::Warning | State::Unknown)
        && let Some(line) = found(&config.critical)
    {
        return (State::Critical, line);
    }
    if state == State::Ok
        && let Some(line) = found(&config.warning)
    {
        return (State::Warning, line);
    }
    (state, text)
}

fn matches(pattern: &Option<Pattern>, line: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.matches(line))
}

fn with_reason(code: i32, errors: &[u8], first: &str) -> String {
    let errors = String::from_utf8_lossy(errors);
    let reason = Some(first_line(&errors)).filter(|line| !line.is_empty()).unwrap_or(first);
    if reason.is_empty() { format!("exit code {code}") } else { format!("exit code {code}: {reason}") }
}

fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

fn first_line_but_comments(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default()
}

/// At most [`MAX_TEXT_BYTES`], without control characters.
fn shorten(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end = printable.floor_char_boundary(MAX_TEXT_BYTES);
    printable.get(..end).unwrap_or_default().to_owned()
}
