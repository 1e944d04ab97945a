//! The load generator: synthetic hosts that join a server and send their snapshots over the real protocol,
//! as fast as the server takes them, for any span of past time, or as time goes on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tacho_agent::{join, link};
use tacho_model::{ColumnValues, SequenceSet};
use tacho_runtime::clock;
use tacho_runtime::tls::{self, Identity, JoinToken, Trust};
use tacho_wire::v1::{FromAgent, FromServer, Hello, from_agent, from_server};
use tacho_wire::{encode_blocks, facts_to_wire, identity_to_wire, ranges_from_wire, v1};
use tokio::sync::{Barrier, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::synthetic::{Host, HostShape, Tick};

/// Frames between generator and connection; when full, the generator waits.
const OUTGOING_FRAMES: usize = 16;
/// Hosts that join at the same moment.
const JOINING: usize = 16;
/// Long-lived processes started this long before the first snapshot.
pub const BOOTED_BEFORE_MS: i64 = 3 * 86_400_000;

/// What to send, and where.
#[derive(Debug, Clone)]
pub struct Load {
    /// `host:port`.
    pub server: String,
    pub token: JoinToken,
    /// Host names are this and a number from 1.
    pub prefix: String,
    pub hosts: usize,
    pub shape: HostShape,
    pub interval: Duration,
    /// Time of the first snapshot of the past, in milliseconds since the epoch.
    pub from_ms: i64,
    /// Snapshots of the past of each host, sent as fast as they are taken.
    pub past: u64,
    /// Snapshots after those, each sent when it is time for it.
    pub live: u64,
}

impl Load {
    /// Snapshots of each host.
    #[must_use]
    pub const fn snapshots(&self) -> u64 {
        self.past + self.live
    }
}

/// What was sent so far, over all hosts.
#[derive(Debug, Default)]
pub struct Progress {
    pub frames_sent: AtomicU64,
    /// Said by the server to be stored.
    pub frames_stored: AtomicU64,
    pub rows: AtomicU64,
    /// As sent, compressed.
    pub bytes: AtomicU64,
    /// Cells of numbers that were there.
    pub values: AtomicU64,
    /// Of each live snapshot: how long after its time the connection took it.
    pub taken_after: Mutex<Vec<Duration>>,
    /// How long after that it was said to be stored.
    pub stored_after: Mutex<Vec<Duration>>,
}

/// What all hosts of a run share.
#[derive(Debug)]
struct Shared {
    load: Load,
    progress: Arc<Progress>,
    joining: Semaphore,
    /// All are connected: the first snapshots are sent.
    ready: Barrier,
}

/// When each frame was sent that is not acknowledged, the oldest first.
type Unacknowledged = Arc<Mutex<VecDeque<(u64, Instant)>>>;

impl Load {
    /// Joins all hosts, sends all their snapshots, and waits until the server has stored them.
    pub async fn run(self, progress: Arc<Progress>) -> anyhow::Result<()> {
        let ready = Barrier::new(self.hosts);
        let numbers = 1..=self.hosts;
        let shared = Arc::new(Shared { load: self, progress, joining: Semaphore::new(JOINING), ready });
        let mut hosts = JoinSet::new();
        for number in numbers {
            hosts.spawn(Arc::clone(&shared).run_host(number));
        }
        while let Some(ended) = hosts.join_next().await {
            ended.context("a host's task panicked")??;
        }
        Ok(())
    }
}

impl Shared {
    async fn run_host(self: Arc<Self>, number: usize) -> anyhow::Result<()> {
        let load = &self.load;
        let name = format!("{}{number}", load.prefix);
        let boot_ms = load.from_ms.saturating_sub(BOOTED_BEFORE_MS);
        let host = Host::new(&name, number as u64, load.shape, boot_ms);
        let (sender, receiver) = mpsc::channel(OUTGOING_FRAMES);
        let incoming = {
            let _one_of_few = self.joining.acquire().await?;
            let joined = join(&load.server, &load.token, &name).await;
            let identity = joined.with_context(|| format!("{name} cannot join"))?;
            sender.send(hello(&host, boot_ms)).await.context("the connection takes nothing")?;
            let channel = link::connect(&load.server, Arc::new(identity)).await?;
            let connected = link::client(channel).connect(ReceiverStream::new(receiver)).await;
            let refused =
                |status: tonic::Status| anyhow::anyhow!("the server refused {name}: {}", status.message());
            connected.map_err(refused)?.into_inner()
        };
        self.ready.wait().await;
        let sent = Unacknowledged::default();
        let acknowledged = tokio::spawn(acknowledgements(
            incoming,
            load.snapshots(),
            Arc::clone(&sent),
            Arc::clone(&self.progress),
        ));
        let ended = self.send(number, host, &sender, &sent).await;
        // Why sending ended is told by the receiving side.
        let acknowledged = acknowledged.await.context("the receiving side panicked")?;
        acknowledged.with_context(|| format!("{name} was cut off"))?;
        ended
    }

    async fn send(
        &self,
        number: usize,
        mut host: Host,
        sender: &mpsc::Sender<FromAgent>,
        unacknowledged: &Unacknowledged,
    ) -> anyhow::Result<()> {
        let (load, progress) = (&self.load, &self.progress);
        let interval_ms = i64::try_from(load.interval.as_millis())?;
        // Live hosts are spread over their interval, as agents are that were not started together.
        let later = load.interval.mul_f64(number as f64 / load.hosts.max(1) as f64);
        let mut first = None;
        for sequence in 1..=load.snapshots() {
            let nth = sequence - 1;
            let (time_ms, due) = if nth < load.past {
                (load.from_ms.saturating_add(interval_ms * i64::try_from(nth)?), None)
            } else {
                let first = *first.get_or_insert_with(|| Instant::now() + later);
                let due = first + load.interval * u32::try_from(nth - load.past)?;
                tokio::time::sleep_until(due.into()).await;
                (clock::wall_ms(), Some(due))
            };
            let tick = host.tick(time_ms, interval_ms);
            progress.count(&tick);
            let frame = frame(sequence, time_ms, tick)?;
            let boot_clock_us = if due.is_some() { clock::boot_us() } else { 0 };
            let frame = v1::Frame { backfill: due.is_none(), boot_clock_us, ..frame };
            progress.bytes.fetch_add(frame.blocks.len() as u64, Ordering::Relaxed);
            if due.is_some() {
                locked(unacknowledged).push_back((sequence, Instant::now()));
            }
            if sender.send(message(from_agent::Message::Frame(frame))).await.is_err() {
                bail!("the connection ended after {nth} of {} snapshots", load.snapshots());
            }
            progress.frames_sent.fetch_add(1, Ordering::Relaxed);
            if let Some(due) = due {
                locked(&progress.taken_after).push(due.elapsed());
            }
        }
        Ok(())
    }
}

impl Progress {
    fn count(&self, tick: &Tick) {
        self.rows.fetch_add(tick.blocks.iter().map(|block| block.len() as u64).sum(), Ordering::Relaxed);
        let numbers = |column: &ColumnValues| match column {
            ColumnValues::Integer { present, .. } | ColumnValues::Float { present, .. } => {
                present.iter().filter(|present| **present).count() as u64
            }
            ColumnValues::Text { .. } => 0,
        };
        let values = tick.blocks.iter().flat_map(|block| block.columns()).map(numbers).sum();
        self.values.fetch_add(values, Ordering::Relaxed);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Joins a host; what it connects with from then on.
pub(crate) async fn join(
    server: &str,
    token: &JoinToken,
    name: &str,
) -> anyhow::Result<rustls::ClientConfig> {
    let joined = join::join(server, token, name, name.as_bytes().to_vec()).await?;
    let directory = tempfile::tempdir()?;
    let [certificate, key, authority] =
        ["agent.pem", "key.pem", "ca.pem"].map(|file| directory.path().join(file));
    std::fs::write(&certificate, &joined.certificate_pem)?;
    std::fs::write(&key, &joined.key_pem)?;
    std::fs::write(&authority, &joined.authority_pem)?;
    let authority = tls::read_certificate(&authority)?;
    Ok(tls::client_config(Trust::Authority(authority), Some(Identity::read(&certificate, &key)?))?)
}

/// Reads acknowledgements until all frames are stored.
async fn acknowledgements(
    mut incoming: Streaming<FromServer>,
    expected: u64,
    unacknowledged: Unacknowledged,
    progress: Arc<Progress>,
) -> anyhow::Result<()> {
    let mut stored = SequenceSet::new();
    while stored.len() < expected {
        let received = incoming.message().await.map_err(|status| anyhow::anyhow!("{}", status.message()))?;
        let Some(received) = received else { bail!("the server closed the stream") };
        if let Some(from_server::Message::Acknowledge(acknowledge)) = received.message {
            let before = stored.len();
            stored.extend(&ranges_from_wire(&acknowledge.stored));
            progress.frames_stored.fetch_add(stored.len() - before, Ordering::Relaxed);
            let mut waiting = locked(&unacknowledged);
            while let Some((_, sent)) = waiting.front().filter(|(sequence, _)| stored.contains(*sequence)) {
                locked(&progress.stored_after).push(sent.elapsed());
                waiting.pop_front();
            }
        }
    }
    Ok(())
}

pub(crate) fn hello(host: &Host, boot_ms: i64) -> FromAgent {
    let stream = tls::random_secret();
    message(from_agent::Message::Hello(Hello {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        stream: stream[..16].to_vec(),
        boot_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        boot_clock_us: clock::boot_us(),
        // The right time, so that the server corrects nothing.
        wall_clock_ms: clock::wall_ms(),
        facts: Some(facts_to_wire(&host.facts(boot_ms))),
        start: stream[..16].to_vec(),
        ..Hello::default()
    }))
}

/// A live one, without the time of the boot clock.
pub(crate) fn frame(sequence: u64, time_ms: i64, tick: Tick) -> anyhow::Result<v1::Frame> {
    Ok(v1::Frame {
        sequence,
        boot_clock_us: 0,
        time_ms,
        identities: tick
            .new_identities
            .iter()
            .map(|(id, identity)| identity_to_wire(*id, identity))
            .collect(),
        forgotten: tick.retired,
        blocks: encode_blocks(&tick.blocks, &tick.processes).context("cannot pack a snapshot")?.into(),
        backfill: false,
        stream: Vec::new(),
    })
}

pub(crate) fn message(message: from_agent::Message) -> FromAgent {
    FromAgent { message: Some(message) }
}
