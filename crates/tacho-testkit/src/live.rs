//! A host that does not exist and sends its snapshots as they happen, over the real protocol.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tacho_agent::link;
use tacho_model::Block;
use tacho_runtime::clock;
use tacho_runtime::tls::JoinToken;
use tacho_wire::v1::{self, FromAgent, from_agent};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::load::{BOOTED_BEFORE_MS, frame, hello, join, message};
use crate::synthetic::{Host, HostShape};

/// Frames that wait for the connection; when full, the host waits.
const OUTGOING_FRAMES: usize = 4;

/// A connected host. Its stream ends with it.
#[derive(Debug)]
pub struct LiveHost {
    host: Host,
    interval: Duration,
    sequence: u64,
    sender: mpsc::Sender<FromAgent>,
}

impl LiveHost {
    /// Joins and connects. `server`: `host:port`.
    pub async fn connect(
        server: &str,
        token: &JoinToken,
        name: &str,
        shape: HostShape,
        interval: Duration,
    ) -> anyhow::Result<Self> {
        let identity = join(server, token, name).await.with_context(|| format!("{name} cannot join"))?;
        let boot_ms = clock::wall_ms().saturating_sub(BOOTED_BEFORE_MS);
        let seed = name.bytes().fold(0, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        let host = Host::new(name, seed, shape, boot_ms);
        let (sender, receiver) = mpsc::channel(OUTGOING_FRAMES);
        sender.send(hello(&host, boot_ms)).await.context("the connection takes nothing")?;
        let channel = link::connect(server, Arc::new(identity)).await?;
        let connected = link::client(channel).connect(ReceiverStream::new(receiver)).await;
        let mut incoming = connected
            .map_err(|status| anyhow::anyhow!("the server refused {name}: {}", status.message()))?
            .into_inner();
        // Acknowledgements are of no interest: nothing is kept. Ends with the stream.
        tokio::spawn(async move { while let Ok(Some(_)) = incoming.message().await {} });
        Ok(Self { host, interval, sequence: 0, sender })
    }

    /// Sends a snapshot of now, with more blocks than it has by itself.
    pub async fn send(&mut self, more: Vec<Block>) -> anyhow::Result<()> {
        let interval_ms = i64::try_from(self.interval.as_millis())?;
        let mut tick = self.host.tick(clock::wall_ms(), interval_ms);
        tick.blocks.extend(more);
        self.sequence += 1;
        let frame =
            v1::Frame { boot_clock_us: clock::boot_us(), ..frame(self.sequence, clock::wall_ms(), tick)? };
        let sent = self.sender.send(message(from_agent::Message::Frame(frame))).await;
        sent.context("the server ended the stream")
    }
}
