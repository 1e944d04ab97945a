//! Settings of script collectors: `[[script]]`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};
use tacho_runtime::config::{Reader, format_duration};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_NAME_BYTES: usize = 64;
/// Each has a task and a row per run.
const MAX_SCRIPTS: usize = 100;
/// What a compiled pattern may occupy.
const MAX_PATTERN_BYTES: usize = 256 << 10;
const FORMATS: &[&str] = &["prometheus", "nagios", "keyvalue", "text"];

/// How the output of a script is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Prometheus,
    Nagios,
    KeyValue,
    Text,
}

/// A script and when to run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptConfig {
    pub name: String,
    /// Program with an absolute path, and its arguments; no shell is between.
    pub command: Vec<String>,
    pub interval: Duration,
    pub timeout: Duration,
    pub format: Format,
    /// Account to run as; `None` is the agent's.
    pub user: Option<String>,
    pub nice: i32,
    /// A line of the output that matches makes the state `warning`.
    pub warning: Option<Pattern>,
    /// A line of the output that matches makes the state `critical`.
    pub critical: Option<Pattern>,
}

/// A regular expression on the bytes of a line. Patterns with the same text are equal.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    pub fn matches(&self, line: &str) -> bool {
        self.0.is_match(line.as_bytes())
    }

    fn parse(text: &str) -> Result<Option<Self>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let built = RegexBuilder::new(text)
            .unicode(false)
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES)
            .build();
        let first_line =
            |error: regex::Error| error.to_string().lines().last().unwrap_or_default().to_owned();
        let wrong = |error| format!("is {text:?}, which is no regular expression: {}", first_line(error));
        built.map(|regex| Some(Self(regex))).map_err(wrong)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

/// Reads all tables `[[script]]`.
pub fn read_scripts(reader: &mut Reader<'_>) -> Vec<ScriptConfig> {
    let scripts = reader.tables("script", read_script);
    let mut names = BTreeSet::new();
    for script in &scripts {
        if !script.name.is_empty() && !names.insert(&script.name) {
            reader.problem("script", format_args!("two scripts have the name {:?}", script.name));
        }
    }
    if scripts.len() > MAX_SCRIPTS {
        reader.problem("script", format_args!("there are {}; at most {MAX_SCRIPTS} can be", scripts.len()));
    }
    scripts
}

/// `textfile_dir`: empty, or an absolute path.
pub fn read_textfile_dir(reader: &mut Reader<'_>) -> Option<PathBuf> {
    let text = reader.text("textfile_dir", "");
    if !text.is_empty() && !Path::new(&text).is_absolute() {
        reader.problem("textfile_dir", format_args!("is {text:?}; write an absolute path"));
    }
    Some(text).filter(|text| !text.is_empty()).map(PathBuf::from)
}

fn read_script(reader: &mut Reader<'_>) -> ScriptConfig {
    let name = reader.text("name", "");
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(good) {
        reader.problem(
            "name",
            format_args!("is {name:?}; write 1 to {MAX_NAME_BYTES} of the characters a-z, 0-9, _ and -"),
        );
    }
    let interval = reader.duration("interval", DEFAULT_INTERVAL, SECOND..=DAY);
    ScriptConfig {
        name,
        command: read_command(reader),
        interval,
        timeout: read_timeout(reader, interval),
        format: match reader.choice("format", "prometheus", FORMATS).as_str() {
            "nagios" => Format::Nagios,
            "keyvalue" => Format::KeyValue,
            "text" => Format::Text,
            _ => Format::Prometheus,
        },
        user: Some(reader.text("user", "")).filter(|user| !user.is_empty()),
        nice: read_nice(reader),
        warning: read_pattern(reader, "warning_pattern"),
        critical: read_pattern(reader, "critical_pattern"),
    }
}

fn read_command(reader: &mut Reader<'_>) -> Vec<String> {
    let no_zero_byte = |item: &str| {
        if item.contains('\0') { Err("holds a zero byte".to_owned()) } else { Ok(item.to_owned()) }
    };
    let command = reader.list("command", no_zero_byte);
    match command.first() {
        None if reader.has_problem("command") => {}
        None => {
            reader.problem(
                "command",
                r#"is empty; write program and arguments, such as ["/usr/local/bin/check", "-v"]"#,
            );
        }
        Some(program) if !Path::new(program).is_absolute() => {
            reader.problem(
                "command",
                format_args!("begins with {program:?}; the program needs an absolute path"),
            );
        }
        Some(_) => {}
    }
    command
}

fn read_timeout(reader: &mut Reader<'_>, interval: Duration) -> Duration {
    let timeout = reader.duration("timeout", DEFAULT_TIMEOUT.min(interval), SECOND / 10..=DAY);
    if timeout > interval {
        let (timeout, interval) = (format_duration(timeout), format_duration(interval));
        reader
            .problem("timeout", format_args!("is {timeout}, which is longer than the interval, {interval}"));
    }
    timeout
}

/// From -20, which goes before all others and is for root, to 19, which takes what nobody else wants.
fn read_nice(reader: &mut Reader<'_>) -> i32 {
    reader.signed("nice", 0, -20..=19).try_into().unwrap_or(0)
}

fn read_pattern(reader: &mut Reader<'_>, key: &'static str) -> Option<Pattern> {
    let text = reader.text(key, "");
    Pattern::parse(&text).unwrap_or_else(|problem| {
        reader.problem(key, problem);
        None
    })
}
