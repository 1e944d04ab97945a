//! One agent's stream.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tacho_catalog::AgentRecord;
use tacho_history::{Appended, Commit, StreamKey};
use tacho_model::{HostFacts, Snapshot};
use tacho_runtime::logging;
use tacho_wire::v1::{Acknowledge, Frame, FromAgent, FromServer, Hello, Welcome, from_agent, from_server};
use tacho_wire::{decode_blocks, facts_from_wire, ranges_to_wire};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::identities::Identities;
use super::sessions::{Claim, Sender, Session};
use super::{Shared, unavailable};
use crate::sentinels::Duty;

/// An agent says hello at once.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// A clock that is off by less is left alone: the way of the message is in the difference too.
const TOLERATED_CLOCK_OFFSET_MS: i64 = 2_000;
const REMOVED: &str = "this host was removed on the server; to bring it back, join with a new token, \
                       which `tacho-server token create join` prints";

/// A stream from its opening to its end.
pub(super) struct Connection {
    shared: Arc<Shared>,
    agent: AgentRecord,
    address: IpAddr,
    sender: Sender,
}

/// A stream after its hello.
struct Welcomed {
    stream: StreamKey,
    session: Session,
    duty: Duty,
    identities: Identities,
    /// Added to the times of frames.
    clock_offset_ms: i64,
    commits: broadcast::Receiver<Arc<Commit>>,
    /// The host was taken out of the inventory.
    removed: CancellationToken,
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, agent: AgentRecord, address: IpAddr, sender: Sender) -> Self {
        Self { shared, agent, address, sender }
    }

    pub(super) async fn run(self, mut incoming: Streaming<FromAgent>) {
        let opened = tokio::time::timeout(HELLO_TIMEOUT, incoming.message()).await;
        let hello = match opened {
            Ok(Ok(Some(FromAgent { message: Some(from_agent::Message::Hello(hello)) }))) => hello,
            Ok(_) => {
                return self.refuse(Status::invalid_argument("the first message has to be a hello")).await;
            }
            Err(_) => return self.refuse(Status::deadline_exceeded("no hello came in time")).await,
        };
        let mut welcomed = match self.welcome(hello).await {
            Ok(welcomed) => welcomed,
            Err(status) => return self.refuse(status).await,
        };
        let counted = self.shared.metrics.count(|counters| &counters.agent_streams);
        let ended = self.exchange(&mut welcomed, incoming).await;
        drop(counted);
        let ours = self.shared.sessions.release(&self.agent.agent_id, &welcomed.session);
        if ours {
            self.shared.live.disconnected(&self.agent.host.id);
            self.touch().await;
        }
        match ended {
            Ok(()) => tracing::info!(host = %self.agent.host.name, "agent disconnected"),
            Err(status) => self.refuse(status).await,
        }
    }

    async fn welcome(&self, hello: Hello) -> Result<Welcomed, Status> {
        let stream: [u8; 16] = hello
            .stream
            .as_slice()
            .try_into()
            .map_err(|_| Status::invalid_argument("a stream has 16 bytes"))?;
        let claim = Claim::new(&self.agent, &hello, self.address, self.sender.clone());
        let conflicts = self.shared.live.conflicts();
        let session = self.shared.sessions.claim(claim, conflicts, (self.shared.now)()).await?;
        let duty = self.shared.sentinels.enter(&self.agent, &hello, self.address);
        let stream = StreamKey { agent_id: Arc::from(self.agent.agent_id.as_str()), stream };
        // Subscribed before the marks are read, so that no commit falls between.
        let commits = self.shared.history.commits();
        let stored = self
            .shared
            .history
            .stored(&stream)
            .await
            .map_err(|error| unavailable("reading delivery marks", &error))?;
        let now_ms = (self.shared.now)();
        let facts = Arc::new(hello.facts.map(facts_from_wire).unwrap_or_default());
        tracing::info!(host = %self.agent.host.name, address = %self.address, version = hello.agent_version, "agent connected");
        self.keep_facts(&facts, now_ms).await;
        let removed = self.shared.live.connected(&self.agent.host, facts);
        let welcome = Welcome {
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
            host_id: self.agent.host.id.to_string(),
            host_name: self.agent.host.name.to_string(),
            stored: ranges_to_wire(&stored),
            wall_clock_ms: now_ms,
            ..Welcome::default()
        };
        self.send(from_server::Message::Welcome(welcome)).await?;
        let clock_offset_ms = self.clock_offset(now_ms.saturating_sub(hello.wall_clock_ms));
        Ok(Welcomed {
            stream,
            session,
            duty,
            identities: Identities::default(),
            clock_offset_ms,
            commits,
            removed,
        })
    }

    fn clock_offset(&self, offset_ms: i64) -> i64 {
        if offset_ms.abs() <= TOLERATED_CLOCK_OFFSET_MS {
            return 0;
        }
        tracing::warn!(host = %self.agent.host.name, offset_ms, "the host's clock is off; its times are corrected");
        offset_ms
    }

    async fn exchange(
        &self,
        welcomed: &mut Welcomed,
        mut incoming: Streaming<FromAgent>,
    ) -> Result<(), Status> {
        loop {
            tokio::select! {
                received = incoming.message() => {
                    let Ok(Some(received)) = received else { return Ok(()) };
                    self.receive(welcomed, received).await?;
                }
                committed = welcomed.commits.recv() => self.acknowledge(welcomed, committed).await?,
                status = welcomed.session.ended() => return Err(status),
                duty = welcomed.duty.next() => self.send(from_server::Message::Sentinel(duty)).await?,
                () = welcomed.removed.cancelled() => return Err(Status::permission_denied(REMOVED)),
                () = self.shared.stop.cancelled() => return Err(Status::unavailable("the server is stopping")),
            }
        }
    }

    async fn receive(&self, welcomed: &mut Welcomed, received: FromAgent) -> Result<(), Status> {
        match received.message {
            Some(from_agent::Message::Frame(frame)) => self.take(welcomed, frame).await,
            Some(from_agent::Message::Facts(facts)) => {
                let facts = Arc::new(facts_from_wire(facts));
                self.keep_facts(&facts, (self.shared.now)()).await;
                self.shared.live.facts(&self.agent.host.id, facts);
                Ok(())
            }
            Some(from_agent::Message::Pong(_)) => {
                welcomed.session.pong.notify_waiters();
                Ok(())
            }
            Some(from_agent::Message::Hello(_)) => Err(Status::invalid_argument("a second hello")),
            // A message of a newer version.
            _ => Ok(()),
        }
    }

    async fn take(&self, welcomed: &mut Welcomed, frame: Frame) -> Result<(), Status> {
        let metrics = &self.shared.metrics;
        metrics.frames_received.increment();
        metrics.frame_bytes.add(frame.blocks.len() as u64);
        let sequence = frame.sequence;
        let snapshot = unpack(welcomed, frame).inspect_err(|_| metrics.frames_rejected.increment())?;
        let host = &self.agent.host;
        let appended =
            self.shared.history.append(host, &welcomed.stream, sequence, Arc::clone(&snapshot)).await;
        match appended {
            Ok(Appended::Stored) => self.shared.live.snapshot(host, snapshot),
            Ok(Appended::Duplicate) => metrics.frames_duplicate.increment(),
            Err(error) => return Err(unavailable("taking in a frame", &error)),
        }
        Ok(())
    }

    async fn acknowledge(
        &self,
        welcomed: &Welcomed,
        committed: Result<Arc<Commit>, RecvError>,
    ) -> Result<(), Status> {
        let stored = match committed {
            Ok(commit) => match commit.stored.get(&welcomed.stream) {
                Some(stored) => ranges_to_wire(stored),
                None => return Ok(()),
            },
            // Some commits were missed; the marks say what is stored.
            Err(RecvError::Lagged(_)) => {
                let stored = self.shared.history.stored(&welcomed.stream).await;
                ranges_to_wire(&stored.map_err(|error| unavailable("reading delivery marks", &error))?)
            }
            Err(RecvError::Closed) => return Err(Status::unavailable("the server is stopping")),
        };
        self.send(from_server::Message::Acknowledge(Acknowledge { stored, ..Acknowledge::default() })).await
    }

    async fn keep_facts(&self, facts: &HostFacts, now_ms: i64) {
        if let Err(error) = self.shared.catalog.save_facts(&self.agent.host.id, facts, now_ms).await {
            tracing::warn!(host = %self.agent.host.name, error = %logging::chain(&error), "cannot store the host's facts");
        }
    }

    async fn touch(&self) {
        if let Err(error) = self.shared.catalog.touch_host(&self.agent.host.id, (self.shared.now)()).await {
            tracing::warn!(host = %self.agent.host.name, error = %logging::chain(&error), "cannot store when the host was last seen");
        }
    }

    async fn send(&self, message: from_server::Message) -> Result<(), Status> {
        let sent = self.sender.send(Ok(FromServer { message: Some(message) })).await;
        sent.map_err(|_| Status::cancelled("the agent is gone"))
    }

    /// Ends the stream with a status that tells the agent why.
    async fn refuse(&self, status: Status) {
        tracing::info!(host = %self.agent.host.name, address = %self.address, reason = status.message(), "agent's stream ended");
        // Fails when the agent is gone already.
        drop(self.sender.send(Err(status)).await);
    }
}

fn unpack(welcomed: &mut Welcomed, frame: Frame) -> Result<Arc<Snapshot>, Status> {
    welcomed.identities.learn(frame.identities)?;
    let decoded = decode_blocks(&frame.blocks).map_err(|error| {
        Status::invalid_argument(format!("frame {}: {}", frame.sequence, logging::chain(&error)))
    })?;
    let snapshot = Snapshot {
        time_ms: frame.time_ms.saturating_add(welcomed.clock_offset_ms),
        blocks: decoded.blocks,
        processes: welcomed.identities.resolve(&decoded.processes)?,
    };
    welcomed.identities.forget(&frame.forgotten);
    Ok(Arc::new(snapshot))
}
