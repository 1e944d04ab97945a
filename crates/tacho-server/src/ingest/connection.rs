//! One agent's connection.

mod state;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tacho_catalog::AgentRecord;
use tacho_history::{Commit, Lane, Offered};
use tacho_model::HostFacts;
use tacho_runtime::logging;
use tacho_wire::v1::{Backlog, Frame, FromAgent, FromServer, Gap, Pong, from_agent, from_server};
use tacho_wire::{facts_from_wire, gap_reason_from_wire};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Status, Streaming};

use super::clock::{Sample, boot_ms_of};
use super::drain::return_after_ms;
use super::sessions::Sender;
use super::streams::{Arrival, MAX_STREAMS, StreamId};
use super::waiting::Offer;
use super::{Shared, unavailable};
use crate::live::Buffered;
use state::Welcomed;

/// An agent says hello at once.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// What is left to say when the server stops is said within this.
const LAST_WORDS: Duration = Duration::from_secs(1);
const REMOVED: &str = "this host was removed on the server; to bring it back, join with a new token, \
                       which `tacho-server token create join` prints";

/// A connection from its opening to its end.
pub(super) struct Connection {
    shared: Arc<Shared>,
    agent: AgentRecord,
    address: IpAddr,
    sender: Sender,
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
        welcomed.session.asked.close();
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

    /// Never waits for the agent to read: what it is slow to take is put together in `outgoing`.
    async fn exchange(
        &self,
        welcomed: &mut Welcomed,
        mut incoming: Streaming<FromAgent>,
    ) -> Result<(), Status> {
        let draining = &self.shared.draining;
        loop {
            let timer = welcomed.timer();
            tokio::select! {
                received = incoming.message(), if welcomed.waiting.has_room() => {
                    let Ok(Some(received)) = received else { return Ok(()) };
                    self.receive(welcomed, received).await?;
                }
                Ok(()) = welcomed.room.changed(), if !welcomed.waiting.is_empty() => {
                    self.offer(welcomed).await?;
                }
                committed = welcomed.commits.recv() => self.committed(welcomed, committed).await?,
                permit = self.sender.reserve(), if !welcomed.outgoing.is_empty() => {
                    let permit = permit.map_err(|_| agent_is_gone())?;
                    if let Some(message) = welcomed.outgoing.next(welcomed.streams.own()) {
                        permit.send(Ok(FromServer { message: Some(message) }));
                    }
                }
                // While nothing is read, this is how its end is noticed.
                () = self.sender.closed() => return Ok(()),
                () = sleep_until(timer) => welcomed.tick(Instant::now()),
                Ok(()) = welcomed.pace.changed(), if welcomed.has_backfilled => welcomed.tell_pace(),
                () = draining.asked.cancelled(), if !welcomed.told_to_go => {
                    welcomed.told_to_go = true;
                    welcomed.outgoing.drain(return_after_ms());
                }
                () = draining.closing.cancelled() => return Err(self.last_words(welcomed).await),
                duty = welcomed.duty.next() => welcomed.outgoing.sentinel(duty),
                status = welcomed.session.ended() => return Err(status),
                () = welcomed.removed.cancelled() => return Err(Status::permission_denied(REMOVED)),
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
            Some(from_agent::Message::Pong(pong)) => self.answered(welcomed, &pong).await,
            Some(from_agent::Message::Gap(gap)) => self.take_gap(welcomed, &gap).await,
            Some(from_agent::Message::Backlog(backlog)) => self.buffered(welcomed, &backlog),
            Some(from_agent::Message::Answer(answer)) => {
                welcomed.session.asked.answered(answer);
                Ok(())
            }
            Some(from_agent::Message::Hello(_)) => Err(Status::invalid_argument("a second hello")),
            // A message of a newer version.
            None => Ok(()),
        }
    }

    async fn take(&self, welcomed: &mut Welcomed, frame: Frame) -> Result<(), Status> {
        let metrics = &self.shared.metrics;
        metrics.frames_received.increment();
        metrics.frame_bytes.add(frame.blocks.len() as u64);
        if frame.backfill {
            metrics.frames_backfill.increment();
            welcomed.is_backfilling(metrics, Instant::now());
        }
        let id = self.stream_of(welcomed, &frame.stream).await?;
        let arrival = Arrival { now_ms: (self.shared.now)(), ahead_ms: welcomed.measurements.ahead_ms() };
        let taken = welcomed
            .streams
            .read(id, frame, &arrival)
            .inspect_err(|_| metrics.frames_rejected.increment())?;
        // Seen at once, also while the head is full.
        self.shared.live.snapshot(&self.agent.host, Arc::clone(&taken.snapshot));
        welcomed.waiting.push(Offer::Frame(taken));
        self.offer(welcomed).await
    }

    async fn take_gap(&self, welcomed: &mut Welcomed, gap: &Gap) -> Result<(), Status> {
        const MOST: u64 = i64::MAX as u64;
        if gap.first_sequence > gap.last_sequence || gap.last_sequence > MOST {
            return Err(Status::invalid_argument(format!(
                "a gap from {} to {} is none; sequences go to {MOST}",
                gap.first_sequence, gap.last_sequence
            )));
        }
        let id = self.stream_of(welcomed, &gap.stream).await?;
        let time = |agent_ms| welcomed.streams.time_of_agent_ms(id, agent_ms);
        let (first_time_ms, last_time_ms) = (time(gap.first_time_ms), time(gap.last_time_ms));
        let gap = tacho_history::Gap {
            sequences: gap.first_sequence..=gap.last_sequence,
            first_time_ms: first_time_ms.min(last_time_ms),
            last_time_ms: last_time_ms.max(first_time_ms),
            reason: gap_reason_from_wire(gap.reason),
        };
        self.shared.metrics.gaps_received.increment();
        welcomed.waiting.push(Offer::Gap(welcomed.streams.key(id), gap));
        self.offer(welcomed).await
    }

    /// Offers what waits to the history, until there is no room.
    async fn offer(&self, welcomed: &mut Welcomed) -> Result<(), Status> {
        // What is seen as full now is offered again when this changes.
        welcomed.room.mark_unchanged();
        while let Some(offer) = welcomed.waiting.next() {
            let offered = match &offer {
                Offer::Frame(taken) => {
                    let lane = if taken.backfill { Lane::Backfill } else { Lane::Live };
                    let history = &self.shared.history;
                    let (key, snapshot) = (&taken.key, &taken.snapshot);
                    history.offer(&self.agent.host, key, taken.sequence, snapshot, lane).await
                }
                Offer::Gap(key, gap) => self.shared.history.offer_gap(&self.agent.host, key, gap).await,
            };
            match offered.map_err(|error| unavailable("taking in a frame", &error))? {
                Offered::Full => {
                    welcomed.waiting.put_back(offer);
                    return Ok(());
                }
                Offered::TooManyHoles => {
                    return Err(Status::invalid_argument(
                        "this stream has too many holes; send it in order, or begin a new one",
                    ));
                }
                offered => self.settled(welcomed, &offer, offered).await?,
            }
        }
        Ok(())
    }

    /// Acknowledges what is stored already: no flush to come would.
    async fn settled(&self, welcomed: &mut Welcomed, offer: &Offer, offered: Offered) -> Result<(), Status> {
        let history = &self.shared.history;
        match offer {
            Offer::Frame(taken) if offered == Offered::Duplicate => {
                self.shared.metrics.frames_duplicate.increment();
                if history.is_stored(&taken.key, taken.sequence) {
                    let sequence = [taken.sequence..=taken.sequence].into_iter().collect();
                    welcomed.outgoing.stored(taken.key.stream, &sequence);
                }
            }
            Offer::Frame(_) => {}
            Offer::Gap(key, gap) => {
                let stored = history.stored(key).await;
                let stored = stored.map_err(|error| unavailable("reading delivery marks", &error))?;
                let gap = [gap.sequences.clone()].into_iter().collect::<tacho_model::SequenceSet>();
                welcomed.outgoing.stored(key.stream, &gap.difference(&gap.difference(&stored)));
            }
        }
        Ok(())
    }

    fn buffered(&self, welcomed: &mut Welcomed, backlog: &Backlog) -> Result<(), Status> {
        let id = welcomed.streams.id_of(&backlog.stream)?;
        self.shared.live.buffered(&self.agent.host.id, id, buffered(welcomed, id, backlog));
        Ok(())
    }

    async fn answered(&self, welcomed: &mut Welcomed, pong: &Pong) -> Result<(), Status> {
        welcomed.session.pong.notify_waiters();
        let Some(way) = welcomed.way_of(pong.number) else { return Ok(()) };
        // An agent of an older version tells no clocks.
        if pong.wall_clock_ms == 0 || pong.boot_clock_us == 0 {
            return Ok(());
        }
        let half_ms = i64::try_from(way.as_millis() / 2).unwrap_or(i64::MAX);
        let sample = Sample {
            boot_ms: boot_ms_of(pong.boot_clock_us),
            agent_ms: pong.wall_clock_ms,
            server_ms: (self.shared.now)().saturating_sub(half_ms),
            uncertain_ms: half_ms,
        };
        let id = welcomed.streams.own();
        let Some(clock) = welcomed.streams.own_mut().and_then(|stream| stream.clock.as_mut()) else {
            return Ok(());
        };
        if welcomed.measurements.note(clock, sample) {
            let text = clock.to_text();
            self.corrected(&welcomed.streams.key(id), &text, welcomed.measurements.ahead_ms()).await?;
        }
        if let Some(ahead_ms) = welcomed.measurements.ahead_ms() {
            self.shared.live.clock_offset(&self.agent.host.id, ahead_ms);
        }
        Ok(())
    }

    /// Which stream a message is about. One that is named for the first time is looked up.
    async fn stream_of(&self, welcomed: &mut Welcomed, bytes: &[u8]) -> Result<StreamId, Status> {
        let id = welcomed.streams.id_of(bytes)?;
        if !welcomed.streams.knows(id) {
            self.find_owner(&mut welcomed.streams, id).await?;
            let clock = self.stored_clock(&welcomed.streams.key(id)).await?;
            welcomed.streams.add(id, clock)?;
        }
        Ok(id)
    }

    async fn committed(
        &self,
        welcomed: &mut Welcomed,
        committed: Result<Arc<Commit>, RecvError>,
    ) -> Result<(), Status> {
        match committed {
            Ok(commit) => welcomed.stored(&commit),
            // Some commits were missed; the marks say what is stored.
            Err(RecvError::Lagged(_)) => {
                let ids: Vec<StreamId> = welcomed.streams.ids().collect();
                for id in ids {
                    let stored = self.shared.history.stored(&welcomed.streams.key(id)).await;
                    let stored = stored.map_err(|error| unavailable("reading delivery marks", &error))?;
                    welcomed.outgoing.stored(id, &stored);
                }
            }
            Err(RecvError::Closed) => return Err(stopping()),
        }
        Ok(())
    }

    /// Sends what is left to say, for a short while, before the stream ends with the answer.
    async fn last_words(&self, welcomed: &mut Welcomed) -> Status {
        loop {
            match welcomed.commits.try_recv() {
                Ok(commit) => welcomed.stored(&commit),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let all_said = async {
            while let Some(message) = welcomed.outgoing.next(welcomed.streams.own()) {
                self.send(message).await?;
            }
            Ok::<(), Status>(())
        };
        // An agent that is gone or slow hears it all again at its next hello.
        timeout(LAST_WORDS, all_said).await.ok();
        stopping()
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
        sent.map_err(|_| agent_is_gone())
    }

    /// Ends the stream with a status that tells the agent why.
    async fn refuse(&self, status: Status) {
        tracing::info!(host = %self.agent.host.name, address = %self.address, reason = status.message(), "agent's stream ended");
        // Fails when the agent is gone already, and is given up when it does not read.
        timeout(LAST_WORDS, self.sender.send(Err(status))).await.ok();
    }
}

fn agent_is_gone() -> Status {
    Status::cancelled("the agent is gone")
}

fn stopping() -> Status {
    Status::unavailable("the server is stopping")
}

/// What an agent says to keep of a stream, in corrected times.
fn buffered(welcomed: &Welcomed, id: StreamId, backlog: &Backlog) -> Buffered {
    let time = |agent_ms| welcomed.streams.time_of_agent_ms(id, agent_ms);
    Buffered {
        frames: backlog.frames,
        bytes: backlog.bytes,
        first_time_ms: time(backlog.first_time_ms),
        last_time_ms: time(backlog.last_time_ms),
    }
}

/// Streams that a hello's backlog names, each once, as many as one connection may have.
fn backlog_streams(own: StreamId, backlog: &[Backlog]) -> Vec<(StreamId, &Backlog)> {
    let mut named: Vec<(StreamId, &Backlog)> = Vec::new();
    for backlog in backlog {
        let id =
            if backlog.stream.is_empty() { Some(own) } else { backlog.stream.as_slice().try_into().ok() };
        if let Some(id) = id
            && named.len() < MAX_STREAMS - 1
            && !named.iter().any(|(known, _)| *known == id)
        {
            named.push((id, backlog));
        }
    }
    named
}
