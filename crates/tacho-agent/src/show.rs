//! `tacho-agent show`: reads this machine once and prints what was asked for. No server and no running agent
//! is needed.
//!
//! Rates are measured over half a second. Lines have a fixed number of fields, parted by one space; what this
//! machine does not tell is `-`.

mod data;
mod files;
mod format;
mod json;
mod lines;
mod machine;
mod tables;

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::config::Config;
use format::Paint;
use machine::{Machine, View};

const HELP: &str = "\
Lines, fields parted by one space, `-` where this machine does not tell:
  cpu      time load1 load5 load15 usage temperature level
  memory   time total free used moving-average
  disk     time flag name total free used
           flag 0 is all file systems together, 1 is each
  system   time hostname os kernel uptime loadavg disk-total disk-used mem-total
           mem-used cpu-temperature disk-level mem-level cpu-level
  users    time ordinary-users recently-active can-become-root
           logged-in_ADDRESS_TERMINAL
  spool    time frames memory disk dropped gaps delivering
           what waits for a server, by the running agent's newest snapshot;
           dropped since it started, gaps not yet told to a server
Tables: processes, network, sensors; files, which are the open ones of a process.

Times are local, ISO 8601. Sizes are binary: 1KiB is 1024 bytes. Free memory is
what new work can have without swapping. The moving average is 0.3 of the value
before and 0.7 of the current one. Levels are normal, note and warning: disk and
memory from 80% and 90%, temperatures by the settings (from 50 and 70 degrees).
With --json, numbers have base units: bytes, seconds, degrees, shares from 0 to
1; null is not told.

Examples:
  tacho-agent show                     what can be asked, and what this machine does not tell
  tacho-agent show cpu
  tacho-agent show processes --top 5
  tacho-agent show files --pid 4711    which files that process holds open
  tacho-agent show system --watch 10   again each 10 seconds, until Ctrl-C
  tacho-agent show all --json | python3 -m json.tool";

/// What to show, and how.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ShowArguments {
    /// What to show; nothing lists what there is.
    topic: Option<Topic>,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
    /// Most rows of processes.
    #[arg(long, value_name = "ROWS", default_value_t = 20)]
    top: usize,
    /// The process whose open files are shown.
    #[arg(long, value_name = "PID", required_if_eq("topic", "files"))]
    pid: Option<u32>,
    /// Show it again after so many seconds, until interrupted.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    watch: Option<u64>,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Topic {
    Cpu,
    Memory,
    Disk,
    System,
    Users,
    Processes,
    Network,
    Sensors,
    Spool,
    /// Open files of one process, with --pid.
    Files,
    /// All but files.
    All,
}

impl Topic {
    const EACH: [Self; 9] = [
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::System,
        Self::Users,
        Self::Processes,
        Self::Network,
        Self::Sensors,
        Self::Spool,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::System => "system",
            Self::Users => "users",
            Self::Processes => "processes",
            Self::Network => "network",
            Self::Sensors => "sensors",
            Self::Spool => "spool",
            Self::Files => "files",
            Self::All => "all",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Cpu => "load, usage over half a second, temperature",
            Self::Memory => "size, what is free, share in use, its moving average",
            Self::Disk => "file systems: all together, then each",
            Self::System => "the whole machine in one line",
            Self::Users => "accounts, who was active last, who can become root, who is logged in",
            Self::Processes => "the busiest processes",
            Self::Network => "interfaces with their rates, and who listens",
            Self::Sensors => "temperatures and fans",
            Self::Spool => "what waits for a server",
            Self::Files => "open files of the process --pid",
            Self::All => "all of these but files",
        }
    }

    fn each(self) -> Vec<Self> {
        if self == Self::All { Self::EACH.to_vec() } else { vec![self] }
    }
}

/// Shows it, once or until interrupted.
pub fn run(arguments: &ShowArguments, config: &Config) -> anyhow::Result<()> {
    let paint = Paint { on: !arguments.json && format::colours_wanted(io::stdout().is_terminal()) };
    if arguments.topic == Some(Topic::Files) {
        let pid = arguments.pid.context("say which process: --pid PID")?;
        return print(arguments.watch, || files::show(pid, arguments.json, paint));
    }
    let mut machine = Machine::open(config)?;
    print(arguments.watch, || {
        let view = machine.look();
        Ok(match arguments.topic {
            None if arguments.json => json::overview(&view),
            None => overview(&view, paint),
            Some(topic) if arguments.json => json::topics(&view, &topic.each(), arguments.top),
            Some(topic) => topic_text(&view, topic, arguments.top, paint),
        })
    })
}

/// Prints a text, once or each time anew after so many seconds.
fn print(watch: Option<u64>, mut text: impl FnMut() -> anyhow::Result<String>) -> anyhow::Result<()> {
    loop {
        let text = text()?;
        match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written.context("cannot write to standard output")?,
        }
        match watch {
            Some(seconds) => std::thread::sleep(Duration::from_secs(seconds)),
            None => return Ok(()),
        }
    }
}

fn topic_text(view: &View<'_>, topic: Topic, top: usize, paint: Paint) -> String {
    let one = |topic| match topic {
        Topic::Cpu => lines::cpu(view, paint),
        Topic::Memory => lines::memory(view),
        Topic::Disk => lines::disk(view),
        Topic::System => lines::system(view, paint),
        Topic::Users => lines::users(view),
        Topic::Processes => tables::processes(view, top, paint),
        Topic::Network => tables::network(view, paint),
        Topic::Sensors => tables::sensors(view, paint),
        Topic::Spool => lines::spool(view),
        // One is of a process, the other is made of these.
        Topic::Files | Topic::All => String::new(),
    };
    if topic != Topic::All {
        return one(topic);
    }
    let parts = Topic::EACH.map(|topic| format!("{}\n{}", paint.bold(topic.name()), one(topic)));
    parts.join("\n")
}

/// What can be asked, and what this machine does not tell.
fn overview(view: &View<'_>, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.bold("tacho-agent show TOPIC"));
    for topic in Topic::EACH.into_iter().chain([Topic::Files, Topic::All]) {
        text.push_str(&format!("  {:<10} {}\n", topic.name(), topic.about()));
    }
    let missing = view.missing();
    if missing.is_empty() {
        return text + "\nThis machine tells everything.\n";
    }
    text.push_str(&format!("\n{}\n", paint.bold("Not told on this machine")));
    for (collector, reason) in missing {
        text.push_str(&format!("  {collector:<10} {reason}\n"));
    }
    text
}
