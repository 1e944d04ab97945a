//! `tacho-alert-times`: how long it takes from a value that crosses a threshold to the message at an HTTP receiver,
//! for Tacho (hosts that send snapshots over the real protocol) and for Prometheus with Alertmanager (targets that are
//! scraped). The same hosts cross at the same kind of moments.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::{Parser, ValueEnum};
use serde_json::Value;
use tacho_model::{Block, tables::sensor};
use tacho_runtime::config::parse_duration;
use tacho_runtime::tls::JoinToken;
use tacho_testkit::live::LiveHost;
use tacho_testkit::random::Random;
use tacho_testkit::synthetic::HostShape;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at, sleep};

/// What the value is, and what it is when it has crossed.
const USUAL: f64 = 40.0;
const CROSSED: f64 = 99.0;
/// A value stays beyond the threshold for so many intervals.
const HELD_INTERVALS: u32 = 3;
/// What is still under way at the end has this long.
const LAST_WAIT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum System {
    Tacho,
    Prometheus,
}

#[derive(Debug, Parser)]
#[command(name = "tacho-alert-times", about = "From a crossed threshold to the message at a receiver")]
struct Arguments {
    #[arg(long)]
    system: System,
    /// Where the server listens for agents (Tacho).
    #[arg(long, default_value = "127.0.0.1:9300")]
    server: String,
    /// What `tacho-server token create join` printed last (Tacho).
    #[arg(long)]
    token: Option<JoinToken>,
    /// Takes messages at /told, and is scraped at /host/NUMBER (Prometheus).
    #[arg(long, default_value = "127.0.0.1:29395")]
    listen: SocketAddr,
    #[arg(long, default_value_t = 200)]
    hosts: usize,
    /// Processes of each host, of which a tenth does something in each snapshot (Tacho).
    #[arg(long, default_value_t = 200)]
    processes: usize,
    /// How often each value crosses.
    #[arg(long, default_value_t = 3)]
    crossings: u32,
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    interval: Duration,
    /// Between two crossings of one host, at least twice what it is held.
    #[arg(long, default_value = "60s", value_parser = parse_duration)]
    cycle: Duration,
}

/// One host's value.
#[derive(Debug, Default)]
struct Crossing {
    crossed: Option<Instant>,
    /// It went back since.
    is_back: bool,
    /// When it was read first since it crossed.
    read: Option<Instant>,
    told: bool,
}

#[derive(Debug)]
struct Bench {
    hosts: Vec<Mutex<Crossing>>,
    /// From crossing, and from reading, to the message.
    times: Mutex<Vec<(Duration, Duration)>>,
}

impl Bench {
    /// The value of a host as it is read now.
    fn read(&self, number: usize) -> f64 {
        let Some(host) = self.hosts.get(number.wrapping_sub(1)) else { return USUAL };
        let mut host = host.lock().unwrap_or_else(PoisonError::into_inner);
        if host.crossed.is_none() || host.is_back {
            return USUAL;
        }
        host.read.get_or_insert_with(Instant::now);
        CROSSED
    }

    fn told(&self, name: &str, now: Instant) {
        let number = name.strip_prefix("load-").and_then(|number| number.parse::<usize>().ok());
        let Some(host) = number.and_then(|number| self.hosts.get(number.wrapping_sub(1))) else { return };
        let mut host = host.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(crossed), Some(read), false) = (host.crossed, host.read, host.told) else { return };
        host.told = true;
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.push((now.duration_since(crossed), now.duration_since(read)));
    }

    /// Lets one host's value cross, again and again, at moments that have nothing to do with its snapshots.
    async fn drive(self: Arc<Self>, number: usize, arguments: Arc<Arguments>) {
        let mut random = Random::new(number as u64);
        let held = arguments.interval * HELD_INTERVALS;
        for _ in 0..arguments.crossings {
            let before = arguments.cycle.saturating_sub(held * 2).mul_f64(random.ratio());
            sleep(before).await;
            let crossed = Some(Instant::now());
            self.change(number, |host| *host = Crossing { crossed, ..Crossing::default() });
            sleep(held).await;
            // The message may still be under way.
            self.change(number, |host| host.is_back = true);
            sleep(arguments.cycle.saturating_sub(before + held)).await;
        }
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut Crossing)) {
        if let Some(host) = self.hosts.get(number.wrapping_sub(1)) {
            change(&mut host.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

async fn told(State(bench): State<Arc<Bench>>, Json(body): Json<Value>) {
    let now = Instant::now();
    let list = |key: &str| body[key].as_array().cloned().unwrap_or_default();
    for item in list("items").iter().filter(|item| item["details"]["state"] == "firing") {
        bench.told(item["details"]["host"].as_str().unwrap_or_default(), now);
    }
    for alert in list("alerts").iter().filter(|alert| alert["status"] == "firing") {
        bench.told(alert["labels"]["instance"].as_str().unwrap_or_default(), now);
    }
}

async fn scraped(State(bench): State<Arc<Bench>>, Path(number): Path<usize>) -> String {
    format!("# TYPE bench_celsius gauge\nbench_celsius {}\n", bench.read(number))
}

/// A host of Tacho, from now on.
async fn send(bench: Arc<Bench>, number: usize, arguments: Arc<Arguments>) -> anyhow::Result<()> {
    let token = arguments.token.as_ref().context("--token is missing")?;
    let shape = HostShape { processes: arguments.processes, active: arguments.processes / 10 };
    let name = format!("load-{number}");
    let mut host = LiveHost::connect(&arguments.server, token, &name, shape, arguments.interval).await?;
    let offset = arguments.interval.mul_f64(number as f64 / arguments.hosts as f64);
    let mut timer = interval_at(tokio::time::Instant::now() + offset, arguments.interval);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        let mut block = Block::new(&sensor::TABLE);
        block.push().text(sensor::SENSOR, "bench").float(sensor::TEMPERATURE_CELSIUS, bench.read(number));
        host.send(vec![block]).await?;
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arc::new(Arguments::parse());
    let hosts = (0..arguments.hosts).map(|_| Mutex::default()).collect();
    let bench = Arc::new(Bench { hosts, times: Mutex::default() });
    let listener = tokio::net::TcpListener::bind(arguments.listen).await?;
    let router = Router::new().route("/told", post(told)).route("/host/{number}", get(scraped));
    let router = router.with_state(Arc::clone(&bench));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut senders = JoinSet::new();
    if arguments.system == System::Tacho {
        for number in 1..=arguments.hosts {
            senders.spawn(send(Arc::clone(&bench), number, Arc::clone(&arguments)));
        }
    }
    // All have been seen once before the first value crosses.
    sleep(arguments.interval * 3).await;
    let load_before = load();
    let mut drivers = JoinSet::new();
    for number in 1..=arguments.hosts {
        drivers.spawn(Arc::clone(&bench).drive(number, Arc::clone(&arguments)));
    }
    while drivers.join_next().await.is_some() {}
    sleep(LAST_WAIT).await;
    if let Some(ended) = senders.try_join_next() {
        ended.context("a host's task panicked")?.context("a host was cut off")?;
    }
    report(&arguments, &bench, &load_before)
}

fn report(arguments: &Arguments, bench: &Bench, load_before: &str) -> anyhow::Result<()> {
    let times = bench.times.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let expected = arguments.hosts * arguments.crossings as usize;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<44} {} of {expected}", "messages", times.len())?;
    let (crossed, read): (Vec<_>, Vec<_>) = times.into_iter().unzip();
    for (name, mut times) in [("from the crossing", crossed), ("from the reading", read)] {
        times.sort();
        let at = |share: f64| {
            let place = (times.len() as f64 * share).ceil() as usize;
            times.get(place.saturating_sub(1)).map_or(f64::NAN, Duration::as_secs_f64)
        };
        writeln!(out, "{name:<44} p50 {:.3} s, p99 {:.3} s, at most {:.3} s", at(0.5), at(0.99), at(1.0))?;
    }
    writeln!(out, "{:<44} {load_before} at the start, {} at the end", "load of the machine", load())?;
    Ok(())
}

/// The load averages of 1, 5 and 15 minutes.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
