//! `tacho-load`: fills a server with the history of hosts that do not exist, through the real protocol.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use tacho_runtime::clock;
use tacho_runtime::config::parse_duration;
use tacho_runtime::tls::JoinToken;
use tacho_testkit::load::{Load, Progress};
use tacho_testkit::synthetic::HostShape;

#[derive(Debug, Parser)]
#[command(name = "tacho-load", about = "Fills a server with the history of hosts that do not exist")]
struct Arguments {
    /// Where the server listens for agents.
    #[arg(long, default_value = "127.0.0.1:9300")]
    server: String,
    /// What `tacho-server token create join` printed last.
    #[arg(long)]
    token: JoinToken,
    /// How many hosts.
    #[arg(long, default_value_t = 10)]
    hosts: usize,
    /// Their names are this and a number from 1.
    #[arg(long, default_value = "load-")]
    prefix: String,
    /// Processes of each host.
    #[arg(long, default_value_t = 500)]
    processes: usize,
    /// Of those, how many do something in each snapshot.
    #[arg(long, default_value_t = 30)]
    active: usize,
    /// Time between snapshots.
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    interval: Duration,
    /// How much history.
    #[arg(long, default_value = "1d", value_parser = parse_duration)]
    duration: Duration,
    /// When it ends, in milliseconds since the epoch; now unless told.
    #[arg(long)]
    until: Option<i64>,
    /// Send each snapshot when it is time for it, as agents do, instead of the past as fast as it is taken.
    #[arg(long, conflicts_with_all = ["until", "then_live"])]
    live: bool,
    /// After the past, send each snapshot when it is time for it, for so long.
    #[arg(long, conflicts_with = "until", default_value = "0s", value_parser = parse_duration)]
    then_live: Duration,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let duration_ms = i64::try_from(arguments.duration.as_millis())?;
    let interval_ms = arguments.interval.as_millis().max(1);
    let snapshots = |duration: Duration| u64::try_from(duration.as_millis() / interval_ms);
    let (past, live) = if arguments.live {
        (0, snapshots(arguments.duration)?)
    } else {
        (snapshots(arguments.duration)?, snapshots(arguments.then_live)?)
    };
    let now_ms = clock::wall_ms();
    let load = Load {
        server: arguments.server,
        token: arguments.token,
        prefix: arguments.prefix,
        hosts: arguments.hosts,
        shape: HostShape {
            processes: arguments.processes,
            active: arguments.active.min(arguments.processes),
        },
        interval: arguments.interval,
        from_ms: if arguments.live { now_ms } else { arguments.until.unwrap_or(now_ms) - duration_ms },
        past,
        live,
    };
    let total = load.snapshots() * load.hosts as u64;
    let progress = Arc::new(Progress::default());
    let begin = Instant::now();
    let shown = tokio::spawn(show(Arc::clone(&progress), total, begin));
    let ended = load.run(Arc::clone(&progress)).await;
    shown.abort();
    writeln!(std::io::stderr())?;
    ended?;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let seconds = begin.elapsed().as_secs_f64();
    let (frames, rows) = (count(&progress.frames_stored), count(&progress.rows));
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{:<44} {frames} in {seconds:.1} s, {:.0} per second",
        "snapshots stored",
        frames as f64 / seconds
    )?;
    writeln!(out, "{:<44} {rows}", "rows sent")?;
    writeln!(out, "{:<44} {}", "values sent", count(&progress.values))?;
    writeln!(out, "{:<44} {}", "bytes sent per snapshot", count(&progress.bytes) / frames.max(1))?;
    times("s from a snapshot's time until it is taken", &progress.taken_after, &mut out)?;
    times("s from there until it is stored", &progress.stored_after, &mut out)?;
    Ok(())
}

/// Nothing when there are none.
fn times(what: &str, times: &Mutex<Vec<Duration>>, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let mut times = std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner));
    times.sort();
    let at = |share: f64| {
        let place = ((times.len() as f64 - 1.0) * share).round() as usize;
        times.get(place).copied().unwrap_or_default().as_secs_f64()
    };
    if !times.is_empty() {
        writeln!(out, "{what:<44} p50 {:.3}, p99 {:.3}, at most {:.3}", at(0.5), at(0.99), at(1.0))?;
    }
    Ok(())
}

/// A line refreshed in place, until aborted.
async fn show(progress: Arc<Progress>, total: u64, begin: Instant) -> std::io::Result<()> {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sent = progress.frames_sent.load(Ordering::Relaxed);
        let stored = progress.frames_stored.load(Ordering::Relaxed);
        let rate = sent as f64 / begin.elapsed().as_secs_f64();
        write!(std::io::stderr(), "\r  sent {sent} of {total} snapshots ({rate:.0}/s), stored {stored}   ")?;
    }
}
