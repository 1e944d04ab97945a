//! `tacho-server rules`, `test-rules` and `notify-test`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use tacho_alert::{RuleSet, load, run_script};
use tacho_runtime::clock;

use super::{Receiver, ReceiverSettings, load_rules};
use crate::app::page_url;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Print the rules that hold: the default ones and those of the rules directory.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check the files of the rules directory, or another one.
    Check {
        /// The directory [default: rules_dir of the settings].
        directory: Option<PathBuf>,
    },
}

/// Runs `tacho-server rules …`.
pub fn rules(config: &Config, command: RulesCommand) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match command {
        RulesCommand::List { json } => list(&load_rules(&config.rules_dir)?, json, &mut out),
        RulesCommand::Check { directory } => {
            let directory = directory.as_deref().unwrap_or(&config.rules_dir);
            let rules = load_rules(directory)?;
            writeln!(out, "{}: good, {} rules with the default ones", directory.display(), rules.rules.len())
        }
    }
    .context("cannot write to standard output")
}

fn list(rules: &RuleSet, json: bool, out: &mut impl io::Write) -> io::Result<()> {
    if json {
        let rules: Vec<_> = rules
            .rules
            .iter()
            .map(|rule| {
                serde_json::json!({
                    "name": rule.name, "severity": rule.severity, "kind": rule.condition.kind(),
                    "for_seconds": rule.for_ms / 1000, "labels": rule.labels, "origin": rule.origin, "line": rule.line,
                })
            })
            .collect();
        return writeln!(out, "{}", serde_json::Value::from(rules));
    }
    for rule in &rules.rules {
        let (name, severity, kind) = (&rule.name, rule.severity.name(), rule.condition.kind());
        writeln!(out, "{name:<24} {severity:<8} {kind:<14} {}:{}", rule.origin, rule.line)?;
    }
    Ok(())
}

/// Sends a message through a receiver; without a name it lists them.
pub async fn notify_test(config: &Config, name: Option<&str>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let load = |settings: &ReceiverSettings| -> anyhow::Result<Receiver> {
        settings.load().with_context(|| format!("the receiver {:?} cannot be used", settings.name()))
    };
    let Some(name) = name else {
        for settings in &config.receivers {
            let receiver = load(settings)?;
            writeln!(out, "{:<24} {}", receiver.name, receiver.kind_name())?;
        }
        return Ok(());
    };
    let Some(settings) = config.receivers.iter().find(|settings| settings.name() == name) else {
        let names: Vec<&str> = config.receivers.iter().map(ReceiverSettings::name).collect();
        let there = if names.is_empty() { "none is configured".to_owned() } else { names.join(", ") };
        bail!("no receiver is called {name:?}; there are: {there}");
    };
    let sent = load(settings)?.test(&page_url(config), clock::wall_ms()).await;
    sent.with_context(|| format!("{name} did not take the message"))?;
    writeln!(out, "{name}: the message was taken").context("cannot write to standard output")
}

/// Runs the cases of a file; an error when one fails.
pub fn test_rules(config: &Config, file: &Path, rules: Option<&Path>) -> anyhow::Result<()> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let set = match rules {
        Some(path) => load([(path.display().to_string().as_str(), read(path)?.as_str())])?,
        None => load_rules(&config.rules_dir)?,
    };
    let outcomes = run_script(&file.display().to_string(), &read(file)?, &Arc::new(set))?;
    let mut out = io::stdout().lock();
    let mut failed = 0;
    for outcome in &outcomes {
        let word = if outcome.failures.is_empty() { "ok    " } else { "FAILED" };
        failed += usize::from(!outcome.failures.is_empty());
        writeln!(out, "{word} {}", outcome.case)?;
        for failure in &outcome.failures {
            writeln!(out, "       {failure}")?;
        }
    }
    writeln!(out, "{} passed, {failed} failed", outcomes.len() - failed)?;
    if failed > 0 { bail!("{failed} of {} cases failed", outcomes.len()) } else { Ok(()) }
}
