//! `tacho-faults`: real daemons under all that goes wrong, and the count of every frame afterwards.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use serde_json::Value;
use tacho_runtime::config::parse_duration;
use tacho_testkit::faults::mixed::{self, MixedOptions};
use tacho_testkit::faults::plan::{Kind, Terms, parse_kinds};
use tacho_testkit::faults::{namespace, report};

const EXAMPLES: &str = "\
Examples:
  tacho-faults                                     two minutes, everything, a seed of its own
  tacho-faults --seed 7 --duration 30m             the long form; the same seed plans the same faults
  tacho-faults --faults kill,partition --agents 5  two kinds of faults, five agents
  tacho-faults --json > result.json                progress on the terminal, the result for a program

Takes root: each daemon gets a network namespace and disks of its own, which go when this program ends.
The exit code is 1 when a frame is missing or stored twice.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Faults of all kinds, planned by the seed, overlapping.
    Mixed,
}

#[derive(Debug, Parser)]
#[command(name = "tacho-faults", about = "Real daemons under all that goes wrong, and the count of every frame")]
#[command(after_help = EXAMPLES)]
struct Arguments {
    #[arg(long, value_enum, default_value = "mixed")]
    scenario: Scenario,
    /// Plans the faults; shown at the start, a random one when it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// How long faults come and go.
    #[arg(long, default_value = "2m", value_parser = parse_duration)]
    duration: Duration,
    /// Kinds of faults with commas between; a wrong name lists them all.
    #[arg(long, default_value = "all", value_parser = kinds)]
    faults: Kinds,
    /// How many agents.
    #[arg(long, default_value_t = 3)]
    agents: usize,
    /// Time between snapshots.
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    interval: Duration,
    /// Directory for logs and data, kept afterwards; one that goes again when it is not given.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// The result as JSON on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone)]
struct Kinds(Vec<Kind>);

fn kinds(text: &str) -> Result<Kinds, String> {
    parse_kinds(text).map(Kinds)
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    // Before there is a second thread: it would stay with the old mounts.
    namespace::leave_mounts()?;
    let temporary = tempfile::tempdir().context("cannot make a directory")?;
    let root = arguments.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    let seed = arguments.seed.unwrap_or_else(|| u64::from(std::process::id()));
    let say = |text: &str| drop(writeln!(std::io::stderr(), "{text}"));
    say(&format!("seed {seed}, logs in {}", root.display()));
    let (text, json, problems) = run(&arguments, root, seed, &say)?;
    let mut out = std::io::stdout();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&json)?)?;
    } else {
        write!(out, "{text}")?;
    }
    problems.iter().for_each(|problem| say(&format!("problem: {problem}")));
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The result as text and as JSON, and what is wrong with it.
fn run(
    arguments: &Arguments,
    root: PathBuf,
    seed: u64,
    say: &dyn Fn(&str),
) -> anyhow::Result<(String, Value, Vec<String>)> {
    match arguments.scenario {
        Scenario::Mixed => {
            let terms = Terms {
                seed,
                duration: arguments.duration,
                kinds: arguments.faults.0.clone(),
                agents: arguments.agents,
            };
            let outcome = mixed::run(&MixedOptions { terms, interval: arguments.interval, root }, say)?;
            Ok((report::mixed_text(&outcome), report::mixed_json(&outcome), outcome.problems()))
        }
    }
}
