//! Puts the agent together and runs it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tacho_model::HostFacts;
use tacho_notify::ChannelSettings;
use tacho_runtime::clock;
use tacho_runtime::files::open_directory;
use tacho_runtime::tasks::{TaskGroup, stop_on_signals};
use tacho_runtime::tls;
use tacho_spool::Spool;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::config::Config;
use crate::identity::{IdentityFiles, boot_time_ms};
use crate::join;
use crate::keeper::Keeper;
use crate::link::{Link, Reachability, Return};
use crate::questions::{Desk, Times};
use crate::queue::{Clocks, Queue};
use crate::recorder::{Recorder, Stop};
use crate::renewal::Renewal;
use crate::sampler::{PartsConfig, Sampler, SamplerConfig, TemperatureLevels};
use crate::scripts::{Mailbox, Scripts, Textfiles};
use crate::sentinel::{self, DutyFile, PeerState, Watch};

/// Nothing the agent does at its stop takes long.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Runs the agent until it is told to stop.
pub fn run(config: Config) -> anyhow::Result<()> {
    let _lock = open_directory(&config.data_dir)?;
    let files = IdentityFiles::new(&config.data_dir);
    if !files.exist() {
        bail!(
            "this agent has not joined a server; on the server run `tacho-server token create join`, \
             then here `tacho-agent join SERVER:9300 TOKEN`"
        );
    }
    let servers =
        if config.servers.is_empty() { files.server().into_iter().collect() } else { config.servers.clone() };
    if servers.is_empty() {
        bail!("no server is known; set servers = [\"host:9300\"] in the configuration");
    }
    let held = files.read().context("cannot use this agent's certificate; join again with a new token")?;
    let (tls, tls_of) = watch::channel(Arc::new(held.client_config()?));
    let (held, held_of) = watch::channel(Arc::new(held));
    let (reachability, reachability_of) = watch::channel(Reachability::default());
    let (duty, duty_of) = watch::channel(DutyFile::new(&config.data_dir).read());
    let (state, state_of) = watch::channel(PeerState::default());
    let channels = config.sentinel.channels.iter().map(ChannelSettings::load).collect::<Result<Vec<_>, _>>();
    let channels = channels.context("cannot use a channel of [[sentinel.channel]]")?;

    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let stop_recorder = Arc::new(Stop::default());
    let queue = Arc::new(open_queue(&config)?);
    let mailbox = Arc::new(Mailbox::default());
    // Start times of processes are reckoned from one boot time everywhere.
    let boot_time_ms = boot_time_ms(&config.data_dir, &boot_id(), clock::wall_ms(), clock::boot_us());
    let shared = Shared {
        queue: Arc::clone(&queue),
        mailbox: Arc::clone(&mailbox),
        stop: Arc::clone(&stop_recorder),
        boot_time_ms,
    };
    let (recorder, facts) = recorder(&config, shared)?;
    let renewal = Renewal { files, servers: servers.clone(), tls, held };
    let watch = Watch {
        host_name: facts.borrow().host_name.clone(),
        servers: servers.clone(),
        channels,
        check: config.sentinel.check,
        delay: config.sentinel.delay,
        data_dir: config.data_dir.clone(),
        reachability: reachability_of,
        duty: duty_of,
        held: held_of.clone(),
        state,
    };
    let link = Link {
        servers,
        tls: tls_of,
        queue: Arc::clone(&queue),
        facts,
        start: new_start(),
        backfill_bytes_per_second: config.backfill_bytes_per_second,
        going_back: Return::default(),
        reachability,
        duty,
        sentinel_address: config.sentinel.address(),
        machine: join::machine_hash(),
        desk: Arc::new(Desk::new(config.questions, PathBuf::from("/proc"), boot_time_ms, Times::default())),
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), interval = ?config.interval, servers = ?link.servers, "started");

    let thread = std::thread::Builder::new()
        .name("recorder".to_owned())
        .spawn(move || recorder.run())
        .context("cannot start the recorder's thread")?;
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        stop_on_signals(stop.clone())?;
        let mut tasks = TaskGroup::new(stop.clone());
        if let Some(address) = config.sentinel.listen {
            let socket = TcpListener::bind(address).await.with_context(|| {
                format!("cannot listen on {address} for other sentinels; is the port taken?")
            })?;
            let listener = sentinel::Listener { socket, held: held_of, state: state_of };
            tasks.spawn("sentinel listener", listener.run(stop.clone()));
        }
        tasks.spawn("link", link.run(stop.clone()));
        tasks.spawn("keeper", Keeper { queue: Arc::clone(&queue) }.run(stop.clone()));
        tasks.spawn("renewal", renewal.run(stop.clone()));
        tasks.spawn("watch of the server", watch.run(stop.clone()));
        spawn_scripts(&config, mailbox, &mut tasks, &stop);
        tasks.wait(STOP_GRACE).await.map_err(|error| anyhow::anyhow!("{error}"))
    });
    stop_recorder.ask();
    if thread.join().is_err() {
        bail!("the recorder's thread panicked");
    }
    queue.settle();
    ended
}

/// Replaces the known facts, all but what the settings say; `false` when they are the same.
pub(crate) fn replace_facts(known: &mut Arc<HostFacts>, facts: HostFacts) -> bool {
    let host_name =
        if known.host_name.is_empty() { facts.host_name.clone() } else { known.host_name.clone() };
    let (agent_version, tags) = (env!("CARGO_PKG_VERSION").to_owned(), known.tags.clone());
    let facts = HostFacts { host_name, agent_version, tags, ..facts };
    let changed = **known != facts;
    if changed {
        *known = Arc::new(facts);
    }
    changed
}

/// What the recorder shares with the tasks.
struct Shared {
    queue: Arc<Queue>,
    mailbox: Arc<Mailbox>,
    stop: Arc<Stop>,
    boot_time_ms: i64,
}

fn spawn_scripts(config: &Config, mailbox: Arc<Mailbox>, tasks: &mut TaskGroup, stop: &CancellationToken) {
    if let Some(directory) = config.textfile_dir.clone() {
        let textfiles = Textfiles { directory, mailbox: Arc::clone(&mailbox) };
        tasks.spawn("textfiles", textfiles.run(stop.clone()));
    }
    if !config.scripts.is_empty() {
        let scripts =
            Scripts { scripts: config.scripts.clone(), mailbox, etc_root: Path::new("/etc").to_owned() };
        tasks.spawn("scripts", scripts.run(stop.clone()));
    }
}

fn recorder(config: &Config, shared: Shared) -> anyhow::Result<(Recorder, watch::Receiver<Arc<HostFacts>>)> {
    let mut sampler = Sampler::new(SamplerConfig {
        sampler: config.sampler,
        exits: config.exits,
        network: config.network,
        process_rows: config.process_rows,
        connection_rows: config.connection_rows,
        connection_threshold: config.connection_threshold,
        boot_time_ms: shared.boot_time_ms,
        newest_identity: shared.queue.stream().last_identity,
        parts: parts(config),
        ..SamplerConfig::default()
    })?;
    // What the configuration says stays; without a name the machine's own is filled in.
    let (host_name, tags) = (config.host_name.clone(), config.tags.clone());
    let mut facts = Arc::new(HostFacts { host_name, tags, ..HostFacts::default() });
    replace_facts(&mut facts, sampler.facts());
    let (sender, receiver) = watch::channel(facts);
    let budget = Budget::new(config.budget, config.interval);
    let Shared { queue, mailbox, stop, .. } = shared;
    let runtime_dir = config.spool.runtime_dir.clone();
    let recorder = Recorder { sampler, budget, queue, mailbox, facts: sender, stop, runtime_dir };
    Ok((recorder, receiver))
}

/// What the settings say about the parts of the sampler.
pub(crate) fn parts(config: &Config) -> PartsConfig {
    let temperature_levels = TemperatureLevels {
        note: config.temperature_note as f64,
        warning: config.temperature_warning as f64,
    };
    PartsConfig { temperature_levels, cgroups: config.cgroups, ..PartsConfig::default() }
}

/// What waits from before, and the stream it goes on with.
fn open_queue(config: &Config) -> anyhow::Result<Queue> {
    let spool = Spool::open(&config.spool)?;
    // Reckoned as the start times of processes: the first clock of the boot holds for all of it.
    let boot_us = clock::boot_us();
    let boot_time_ms = boot_time_ms(&config.data_dir, &boot_id(), clock::wall_ms(), boot_us);
    let wall_ms = boot_time_ms.saturating_add(i64::try_from(boot_us / 1000).unwrap_or(0));
    let queue = Queue::new(spool, &boot_id(), Clocks { boot_us, wall_ms });
    let state = queue.state();
    if state.records > 0 || state.damaged > 0 {
        tracing::info!(
            frames = state.records,
            disk_bytes = state.disk_bytes,
            damaged = state.damaged,
            "frames wait from before"
        );
    }
    Ok(queue)
}

fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

fn new_start() -> [u8; 16] {
    let mut start = [0; 16];
    start.copy_from_slice(&tls::random_secret()[..16]);
    start
}

#[cfg(test)]
mod tests {
    use tacho_runtime::config::Environment;

    use super::*;

    #[test]
    fn settings_that_are_not_given_are_the_samplers_own() {
        let config = crate::config::parse("", &Environment::new(), "test").unwrap();
        let (given, own) = (parts(&config), PartsConfig::default());
        assert_eq!((given.temperature_levels, given.cgroups), (own.temperature_levels, own.cgroups));
    }
}
