//! The load generator: synthetic hosts that join a server and send their snapshots over the real protocol,
//! as fast as the server takes them, for any span of past time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tacho_agent::{join, link};
use tacho_model::SequenceSet;
use tacho_runtime::clock;
use tacho_runtime::tls::{self, Identity, JoinToken, Trust};
use tacho_wire::v1::{FromAgent, FromServer, Hello, from_agent, from_server};
use tacho_wire::{encode_blocks, facts_to_wire, identity_to_wire, ranges_from_wire, v1};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::synthetic::{Host, HostShape, Tick};

/// Frames between generator and connection; when full, the generator waits.
const OUTGOING_FRAMES: usize = 16;
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
    /// Time of the first snapshot, in milliseconds since the epoch.
    pub from_ms: i64,
    /// Snapshots of each host.
    pub snapshots: u64,
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
}

impl Load {
    /// Joins all hosts, sends all their snapshots, and waits until the server has stored them.
    pub async fn run(self, progress: Arc<Progress>) -> anyhow::Result<()> {
        let mut hosts = JoinSet::new();
        for number in 1..=self.hosts {
            hosts.spawn(self.clone().run_host(number, Arc::clone(&progress)));
        }
        while let Some(ended) = hosts.join_next().await {
            ended.context("a host's task panicked")??;
        }
        Ok(())
    }

    async fn run_host(self, number: usize, progress: Arc<Progress>) -> anyhow::Result<()> {
        let name = format!("{}{number}", self.prefix);
        let joined = join(&self.server, &self.token, &name).await;
        let identity = joined.with_context(|| format!("{name} cannot join"))?;
        let boot_ms = self.from_ms.saturating_sub(BOOTED_BEFORE_MS);
        let host = Host::new(&name, number as u64, self.shape, boot_ms);
        let (sender, receiver) = mpsc::channel(OUTGOING_FRAMES);
        sender.send(hello(&host, boot_ms)).await.context("the connection takes nothing")?;
        let channel = link::connect(&self.server, Arc::new(identity)).await?;
        let incoming = link::client(channel)
            .connect(ReceiverStream::new(receiver))
            .await
            .map_err(|status| anyhow::anyhow!("the server refused {name}: {}", status.message()))?
            .into_inner();
        let expected = self.snapshots;
        let acknowledged = tokio::spawn(acknowledgements(incoming, expected, Arc::clone(&progress)));
        let sent = self.send(host, &sender, &progress).await;
        // Why sending ended is told by the receiving side.
        let acknowledged = acknowledged.await.context("the receiving side panicked")?;
        acknowledged.with_context(|| format!("{name} was cut off"))?;
        sent
    }

    async fn send(
        &self,
        mut host: Host,
        sender: &mpsc::Sender<FromAgent>,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let interval_ms = i64::try_from(self.interval.as_millis())?;
        let mut time_ms = self.from_ms;
        for sequence in 1..=self.snapshots {
            let tick = host.tick(time_ms, interval_ms);
            progress
                .rows
                .fetch_add(tick.blocks.iter().map(|block| block.len() as u64).sum(), Ordering::Relaxed);
            let frame = v1::Frame { backfill: true, ..frame(sequence, time_ms, tick)? };
            progress.bytes.fetch_add(frame.blocks.len() as u64, Ordering::Relaxed);
            if sender.send(message(from_agent::Message::Frame(frame))).await.is_err() {
                bail!("the connection ended after {} of {} snapshots", sequence - 1, self.snapshots);
            }
            progress.frames_sent.fetch_add(1, Ordering::Relaxed);
            time_ms = time_ms.saturating_add(interval_ms);
        }
        Ok(())
    }
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
