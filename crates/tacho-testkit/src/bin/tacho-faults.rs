//! `tacho-faults`: real daemons under all that goes wrong, and the count of every frame afterwards.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use serde_json::Value;
use tacho_runtime::config::parse_duration;
use tacho_testkit::daemons::use_binaries;
use tacho_testkit::faults::healthy::{self, HealthyOptions};
use tacho_testkit::faults::herd::{self, HerdOptions};
use tacho_testkit::faults::mixed::{self, MixedOptions};
use tacho_testkit::faults::outage::{self, OutageOptions};
use tacho_testkit::faults::plan::{Kind, Terms, parse_kinds};
use tacho_testkit::faults::{namespace, report};

const EXAMPLES: &str = "\
Examples:
  tacho-faults                                     two minutes, everything, a seed of its own
  tacho-faults --seed 7 --duration 30m             the long form; the same seed plans the same faults
  tacho-faults --faults kill,partition --agents 5  two kinds of faults, five agents
  tacho-faults --scenario outage --interval 100ms  six hours at 5 s, fifty times as fast
  tacho-faults --scenario healthy --duration 10m   bytes that a healthy agent writes to disks
  tacho-faults --scenario herd --agents 500        all lose their server at once
  tacho-faults --json > result.json                progress on the terminal, the result for a program

Takes root: each daemon gets a network namespace and disks of its own, which go when this program ends.
The exit code is 1 when a frame is missing or stored twice.";

const AGENTS: usize = 3;
const HERD: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Faults of all kinds, planned by the seed, overlapping.
    Mixed,
    /// Nothing passes until `--frames` wait; then all is well at once.
    Outage,
    /// Nothing goes wrong: what does the agent write to disks?
    Healthy,
    /// `--agents` of them lose their server at once, a second one is there.
    Herd,
}

#[derive(Debug, Parser)]
#[command(
    name = "tacho-faults",
    about = "Real daemons under all that goes wrong, and the count of every frame"
)]
#[command(after_help = EXAMPLES)]
struct Arguments {
    #[arg(long, value_enum, default_value = "mixed")]
    scenario: Scenario,
    /// Plans the faults; shown at the start, a random one when it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// How long faults come and go, or a healthy agent is watched.
    #[arg(long, default_value = "2m", value_parser = parse_duration)]
    duration: Duration,
    /// Kinds of faults with commas between; a wrong name lists them all.
    #[arg(long, default_value = "all", value_parser = kinds)]
    faults: Kinds,
    /// How many agents: 3 when not given, of a herd 500.
    #[arg(long)]
    agents: Option<usize>,
    /// Time between snapshots: 1s when not given, of a herd 5s.
    #[arg(long, value_parser = parse_duration)]
    interval: Option<Duration>,
    /// Frames that wait at the end of an outage; six hours at 5 s are 4320.
    #[arg(long, default_value_t = 4320)]
    frames: u64,
    /// Directory for logs and data, kept afterwards; one that goes again when it is not given.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Directory with the daemons to use, such as `target/release`; they are built when it is not given.
    #[arg(long)]
    binaries: Option<PathBuf>,
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
    arguments.binaries.clone().map_or(Ok(()), use_binaries)?;
    let temporary = tempfile::tempdir().context("cannot make a directory")?;
    let root = arguments.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
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
    let (duration, frames) = (arguments.duration, arguments.frames);
    let interval = arguments.interval.unwrap_or(Duration::from_secs(1));
    match arguments.scenario {
        Scenario::Outage => {
            let outcome = outage::run(&OutageOptions { frames, interval, seed, root }, say)?;
            Ok((report::outage_text(&outcome), report::outage_json(&outcome), outcome.problems()))
        }
        Scenario::Healthy => {
            let outcome = healthy::run(&HealthyOptions { duration, interval, seed, root }, say)?;
            Ok((report::healthy_text(&outcome), report::healthy_json(&outcome), outcome.problems()))
        }
        Scenario::Herd => {
            let agents = arguments.agents.unwrap_or(HERD);
            let interval = arguments.interval.unwrap_or(Duration::from_secs(5));
            let outcome = herd::run(&HerdOptions { agents, interval, seed, root }, say)?;
            Ok((report::herd_text(&outcome), report::herd_json(&outcome), outcome.problems()))
        }
        Scenario::Mixed => {
            let terms = Terms {
                seed,
                duration,
                kinds: arguments.faults.0.clone(),
                agents: arguments.agents.unwrap_or(AGENTS),
            };
            let outcome = mixed::run(&MixedOptions { terms, interval, root }, say)?;
            Ok((report::mixed_text(&outcome), report::mixed_json(&outcome), outcome.problems()))
        }
    }
}
