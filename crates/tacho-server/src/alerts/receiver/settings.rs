//! `[[receiver]]` of the settings.

use std::time::Duration;

use tacho_alert::{Glob, Matcher, Route, Severity, Times};
use tacho_notify::{KINDS, Kind, LoadError, WecomAppSettings, read_channel};
use tacho_runtime::config::Reader;

use super::super::words::{LANGUAGES, Words};
use super::{KindSettings, Receiver};

/// Each has a task and a queue of its own.
const MAX_RECEIVERS: usize = 64;
const MAX_MATCHERS: usize = 16;
const MAX_WINDOWS: usize = 32;
const LONGEST_NAME: usize = 64;
const LONGEST_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// A receiver as the settings have it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiverSettings {
    name: String,
    kind: KindSettings,
    route: Route,
    language: String,
}

impl ReceiverSettings {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the secrets.
    pub fn load(&self) -> Result<Receiver, LoadError> {
        Ok(Receiver {
            name: self.name.clone(),
            kind: self.kind.load()?,
            route: self.route.clone(),
            words: Words::of(&self.language),
        })
    }
}

/// Reads `[[receiver]]` of the settings.
pub fn read_receivers(reader: &mut Reader<'_>) -> Vec<ReceiverSettings> {
    let mut receivers = reader.tables("receiver", read_receiver);
    let mut names: Vec<String> = receivers.iter().map(|receiver| receiver.name.clone()).collect();
    names.sort();
    if let Some(pair) = names.windows(2).find(|pair| pair.first() == pair.last()) {
        let name = pair.first().cloned().unwrap_or_default();
        reader.problem("receiver", format_args!("two are called {name:?}; give each a name of its own"));
        receivers.clear();
    }
    if receivers.len() > MAX_RECEIVERS {
        reader.problem(
            "receiver",
            format_args!("there are {}; at most {MAX_RECEIVERS} can be", receivers.len()),
        );
    }
    receivers
}

fn read_receiver(reader: &mut Reader<'_>) -> ReceiverSettings {
    let kinds: Vec<&str> =
        ["file", "program", "wecom_app"].into_iter().chain(KINDS.iter().copied()).collect();
    let kind_name = reader.choice("kind", "file", &kinds);
    let kind = match Kind::by_name(&kind_name) {
        Some(kind) => KindSettings::Channel(Box::new(read_channel(reader, kind))),
        None if kind_name == "program" => read_program(reader),
        None if kind_name == "wecom_app" => KindSettings::WecomApp(Box::new(WecomAppSettings::read(reader))),
        None => read_file(reader),
    };
    let name = reader.text("name", &kind_name);
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
        reader.problem("name", format_args!("is {name:?}; write 1 to {LONGEST_NAME} characters"));
    }
    let severities = Severity::ALL.map(Severity::name);
    let severity = reader.choice("severity", Severity::Info.name(), &severities);
    let matchers = reader.list("match", parse_matcher);
    if matchers.len() > MAX_MATCHERS {
        reader.problem("match", format_args!("has {}; at most {MAX_MATCHERS} can be", matchers.len()));
    }
    let after = reader.duration("after", Duration::ZERO, Duration::ZERO..=LONGEST_AFTER);
    let route = Route {
        severity: Severity::by_name(&severity).unwrap_or(Severity::Info),
        matchers,
        after_ms: i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        times: read_times(reader),
    };
    let language = reader.choice("language", "en", LANGUAGES);
    ReceiverSettings { name, kind, route, language }
}

/// `during` and `time_zone`.
fn read_times(reader: &mut Reader<'_>) -> Times {
    let during = reader.list("during", |window| Ok(window.to_owned()));
    if during.len() > MAX_WINDOWS {
        reader.problem("during", format_args!("has {}; at most {MAX_WINDOWS} can be", during.len()));
    }
    let zone = reader.text("time_zone", "UTC");
    Times::read(&during, &zone).unwrap_or_else(|problems| {
        problems.into_iter().for_each(|(key, problem)| reader.problem(key, problem));
        Times::default()
    })
}

fn read_file(reader: &mut Reader<'_>) -> KindSettings {
    let path = reader.path("path", "");
    if (path.as_os_str().is_empty() || !path.is_absolute()) && !reader.has_problem("path") {
        reader.problem("path", r#"is no absolute path; write one such as "/var/log/tacho/alerts.log""#);
    }
    KindSettings::File { path }
}

fn read_program(reader: &mut Reader<'_>) -> KindSettings {
    let command = reader.list("command", |word| Ok(word.to_owned()));
    if !command.first().is_some_and(|program| program.starts_with('/')) && !reader.has_problem("command") {
        reader.problem(
            "command",
            r#"does not begin with the absolute path of a program; write one such as ["/usr/local/bin/page-me", "ops"]"#,
        );
    }
    KindSettings::Program { command }
}

/// `team=db*`, `host=!web-*`.
fn parse_matcher(text: &str) -> Result<Matcher, String> {
    let (label, pattern) = text
        .split_once('=')
        .filter(|(label, _)| !label.trim().is_empty())
        .ok_or_else(|| format!(r#"is {text:?}; write a label and a pattern, such as "team=db*""#))?;
    let pattern = Glob::new(pattern.trim()).map_err(|problem| format!("{text:?} {problem}"))?;
    Ok(Matcher { label: label.trim().to_owned(), pattern })
}

#[cfg(test)]
mod tests {
    use tacho_runtime::config::Environment;

    use super::*;

    fn read(text: &str) -> Result<Vec<ReceiverSettings>, Vec<String>> {
        let environment = Environment::new();
        let mut reader = Reader::new(text, "T", &environment);
        let receivers = read_receivers(&mut reader);
        reader.finish("test").map(|()| receivers).map_err(|error| error.problems)
    }

    #[test]
    fn a_receiver_says_where_and_what_of() {
        let text = "[[receiver]]\nname = 'db'\nkind = 'wecom'\nurl = 'http://a/'\nlanguage = 'zh'\n\
                    severity = 'critical'\nmatch = ['team=db*', 'host=!test-*']\nafter = '15m'\n\
                    during = ['mon-fri 18:00-08:00', 'sat,sun']\n\
                    [[receiver]]\nkind = 'program'\ncommand = ['/bin/true', 'x']\n";
        let receivers = read(text).unwrap();
        let wecom = receivers[0].load().unwrap();
        assert_eq!((wecom.kind_name(), wecom.per_minute()), ("wecom", 10), "each with its picture");
        assert_eq!((wecom.route.severity, wecom.route.after_ms), (Severity::Critical, 900_000));
        assert_eq!((wecom.route.matchers.len(), wecom.route.times.texts().len()), (2, 2));
        assert_eq!(receivers[1].name(), "program");
    }

    #[test]
    fn what_is_wrong_with_a_receiver_is_said() {
        for (text, part) in [
            (
                "kind = 'fax'",
                "receiver[0].kind: is \"fax\"; choose one of: file, program, wecom_app, webhook",
            ),
            ("kind = 'file'\npath = 'a'", "receiver[0].path: is no absolute path"),
            ("kind = 'program'\ncommand = ['sh']", "absolute path of a program"),
            ("kind = 'slack'", "write url, or url_file"),
            ("path = '/a'\nmatch = ['team']", "write a label and a pattern"),
            ("path = '/a'\nkey_file = '/k'", "key_file: no such key"),
            ("path = '/a'\nduring = ['mo']", "receiver[0].during: names \"mo\"; write some of mon, tue"),
            ("path = '/a'\ntime_zone = 'Mars/Base'", "receiver[0].time_zone: is \"Mars/Base\""),
            ("kind = 'wecom_app'", "receiver[0].corp_id: is missing"),
        ] {
            let problems = read(&format!("[[receiver]]\n{text}")).unwrap_err();
            assert!(problems.iter().any(|problem| problem.contains(part)), "{text}: {problems:?}");
        }
    }
}
