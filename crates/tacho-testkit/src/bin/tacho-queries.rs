//! `tacho-queries`: times what the page asks for over ranges of history.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use tacho_runtime::clock;
use tacho_runtime::config::parse_duration;
use tacho_testkit::daemons::get;
use tacho_testkit::questions::{Question, Range, promql, tacho};

#[derive(Debug, Parser)]
#[command(name = "tacho-queries", about = "Times what the page asks for over ranges of history")]
struct Arguments {
    /// Where the server serves plain HTTP.
    #[arg(long, default_value = "127.0.0.1:9380")]
    http: SocketAddr,
    /// An API token.
    #[arg(long)]
    token: String,
    /// Whom to ask about; `{n}` in it is a number that changes from question to question.
    #[arg(long)]
    host: String,
    /// The greatest such number.
    #[arg(long, default_value_t = 1)]
    hosts: usize,
    /// The ranges.
    #[arg(long, default_value = "1d", value_delimiter = ',', value_parser = parse_duration)]
    duration: Vec<Duration>,
    /// When they end, in milliseconds since the epoch; now unless told.
    #[arg(long)]
    until: Option<i64>,
    /// Ask for the same charts in PromQL, of the values that `tacho-values` gave to another system.
    #[arg(long)]
    promql: bool,
    /// Only questions whose names begin with this.
    #[arg(long, default_value = "")]
    only: String,
    /// How often each is asked after the first, by each user.
    #[arg(long, default_value_t = 30)]
    repeat: usize,
    /// How many ask at the same time.
    #[arg(long, default_value_t = 1)]
    users: usize,
    /// How long each of them looks at an answer before asking again.
    #[arg(long, default_value = "0s", value_parser = parse_duration)]
    pause: Duration,
    /// Ask each once, and say nothing but its time: for somebody who restarts the server in between.
    #[arg(long)]
    once: bool,
}

impl Arguments {
    fn crowd(&self) -> String {
        match self.pause.as_secs_f64() {
            0.0 => format!("{} at once", self.users),
            pause => format!("{} who pause {pause} s", self.users),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let to_ms = arguments.until.unwrap_or_else(clock::wall_ms);
    let mut out = std::io::stdout();
    for duration in &arguments.duration {
        let length_ms = i64::try_from(duration.as_millis())?;
        let asker = Asker {
            arguments: &arguments,
            range: Range { from_ms: to_ms - length_ms, to_ms },
            asked: AtomicUsize::new(0),
        };
        let questions = if arguments.promql { promql(length_ms) } else { tacho(length_ms) };
        let wanted = questions.iter().filter(|question| question.name.starts_with(&arguments.only));
        if !arguments.once {
            writeln!(
                out,
                "{:<48} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>10}",
                format!("over {} h, {}, ms", length_ms / 3_600_000, arguments.crowd()),
                "first",
                "p50",
                "p95",
                "p99",
                "max",
                "per s",
                "bytes"
            )?;
        }
        for question in wanted {
            let (first, bytes) = asker.ask(question)?;
            if arguments.once {
                writeln!(out, "{first:.1}")?;
                continue;
            }
            let begin = Instant::now();
            let mut times = asker.ask_by_all(question)?;
            let per_second = times.len() as f64 / begin.elapsed().as_secs_f64();
            times.sort_by(f64::total_cmp);
            let at = |share: f64| {
                times.get(((times.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(first)
            };
            writeln!(
                out,
                "{:<48} {first:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {per_second:>8.1} {bytes:>10}",
                question.name,
                at(0.5),
                at(0.95),
                at(0.99),
                at(1.0)
            )?;
        }
    }
    Ok(())
}

/// Asks, each time about another instant and host, so that no answer is a remembered one.
struct Asker<'a> {
    arguments: &'a Arguments,
    range: Range,
    asked: AtomicUsize,
}

impl Asker<'_> {
    /// Milliseconds until all of a question is answered, and the bytes of the answers.
    fn ask(&self, question: &Question) -> anyhow::Result<(f64, usize)> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let host = self.arguments.host.replace("{n}", &(asked * 7 % self.arguments.hosts + 1).to_string());
        let earlier_ms = i64::try_from(asked % 1000)? * 1000;
        let range = Range { from_ms: self.range.from_ms - earlier_ms, to_ms: self.range.to_ms - earlier_ms };
        let paths = question.of(&host, range);
        let begin = Instant::now();
        let bytes = std::thread::scope(|scope| {
            let calls: Vec<_> = paths.iter().map(|path| scope.spawn(|| self.call(path))).collect();
            calls
                .into_iter()
                .map(|call| call.join().unwrap_or_else(|_| anyhow::bail!("a call panicked")))
                .sum()
        });
        let bytes: anyhow::Result<usize> = bytes;
        Ok((begin.elapsed().as_secs_f64() * 1000.0, bytes?))
    }

    fn call(&self, path: &str) -> anyhow::Result<usize> {
        let answer = get(self.arguments.http, path, &self.arguments.token)?;
        anyhow::ensure!(answer.status == 200, "{path}: status {}: {}", answer.status, answer.body);
        Ok(answer.body.len())
    }

    fn ask_by_all(&self, question: &Question) -> anyhow::Result<Vec<f64>> {
        let Arguments { repeat, users, pause, .. } = *self.arguments;
        let users = u32::try_from(users.max(1))?;
        // They do not all begin at once, nor ask in step.
        let rounds = |user: u32| {
            std::thread::sleep(pause * user / users);
            let ask = |_| {
                let (time, _) = self.ask(question)?;
                std::thread::sleep(pause);
                Ok(time)
            };
            (0..repeat).map(ask).collect()
        };
        std::thread::scope(|scope| {
            let rounds = &rounds;
            let users: Vec<_> = (0..users).map(|user| scope.spawn(move || rounds(user))).collect();
            let mut all = Vec::new();
            for user in users {
                let times: anyhow::Result<Vec<f64>> =
                    user.join().unwrap_or_else(|_| anyhow::bail!("a user's thread panicked"));
                all.extend(times?);
            }
            Ok(all)
        })
    }
}
