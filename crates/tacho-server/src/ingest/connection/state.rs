//! What a connection keeps after its hello, and how that begins.

use std::sync::Arc;
use std::time::Duration;

use tacho_catalog::StreamKey;
use tacho_history::Commit;
use tacho_wire::v1::{Acknowledge, Backlog, FromServer, Hello, Pace, SequenceRange, Welcome, from_server};
use tacho_wire::{facts_from_wire, ranges_to_wire};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{Connection, agent_is_gone, backlog_streams, buffered};
use crate::ingest::clock::{Measurements, Sample, StreamClock, boot_ms_of};
use crate::ingest::outgoing::Outgoing;
use crate::ingest::sessions::{Claim, Session};
use crate::ingest::streams::{StreamId, Streams, stream_id};
use crate::ingest::unavailable;
use crate::ingest::waiting::Waiting;
use crate::metrics::{Counted, Metrics};
use crate::sentinels::Duty;

/// How often clocks are compared.
const PING_INTERVAL: Duration = Duration::from_secs(60);
/// The same while they are not known well, or disagree with what they were.
const UNSURE_PING_INTERVAL: Duration = Duration::from_secs(5);
/// Numbers of these pings; those that ask whether an agent is alive count from 0.
const FIRST_PING: u64 = 1 << 63;
/// An agent counts as sending its backlog for this long after a frame of it.
const BACKFILLING: Duration = Duration::from_secs(10);
/// How long a hello may have been under way.
const HELLO_UNCERTAIN_MS: i64 = 10_000;
/// Ranges in one welcome: well below the largest message. Streams beyond it are acknowledged as they are sent
/// again.
const WELCOME_RANGES: usize = 50_000;

/// A connection after its hello.
pub(super) struct Welcomed {
    pub(super) session: Session,
    pub(super) duty: Duty,
    pub(super) streams: Streams,
    pub(super) waiting: Waiting,
    pub(super) outgoing: Outgoing,
    pub(super) measurements: Measurements,
    pub(super) commits: broadcast::Receiver<Arc<Commit>>,
    pub(super) room: watch::Receiver<()>,
    pub(super) pace: watch::Receiver<u64>,
    /// The agent has sent backlog on this connection, or has some: it is told the pace.
    pub(super) has_backfilled: bool,
    /// It is doing so now, until then.
    backfilling: Option<(Counted, Instant)>,
    pub(super) told_to_go: bool,
    last_ping: u64,
    /// When it was sent; absent once it was answered.
    pinged: Option<Instant>,
    next_ping: Instant,
    /// The host was taken out of the inventory.
    pub(super) removed: CancellationToken,
}

impl Welcomed {
    /// When [`Self::tick`] is to be called.
    pub(super) fn timer(&self) -> Instant {
        self.backfilling.as_ref().map_or(self.next_ping, |(_, until)| self.next_ping.min(*until))
    }

    pub(super) fn tick(&mut self, now: Instant) {
        if self.backfilling.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.backfilling = None;
        }
        if self.next_ping <= now {
            self.last_ping = self.last_ping.wrapping_add(1);
            self.pinged = Some(now);
            self.outgoing.ping(self.last_ping);
            let unsure = self.measurements.is_unsure();
            self.next_ping = now + if unsure { UNSURE_PING_INTERVAL } else { PING_INTERVAL };
        }
    }

    /// How long the way of a ping and its answer was; absent for an answer to anything but the newest.
    pub(super) fn way_of(&mut self, number: u64) -> Option<Duration> {
        (number == self.last_ping).then(|| self.pinged.take()).flatten().map(|at| at.elapsed())
    }

    pub(super) fn is_backfilling(&mut self, metrics: &Metrics, now: Instant) {
        if !self.has_backfilled {
            self.has_backfilled = true;
            self.tell_pace();
        }
        let counted = self.backfilling.take().map(|(counted, _)| counted);
        let counted = counted.unwrap_or_else(|| metrics.count(|counters| &counters.agents_backfilling));
        self.backfilling = Some((counted, now + BACKFILLING));
    }

    pub(super) fn tell_pace(&mut self) {
        let pace = *self.pace.borrow_and_update();
        self.outgoing.pace(pace);
    }

    /// Acknowledges what a flush stored of this connection's streams.
    pub(super) fn stored(&mut self, commit: &Commit) {
        for id in self.streams.ids() {
            if let Some(stored) = commit.stored.get(&self.streams.key(id)) {
                self.outgoing.stored(id, stored);
            }
        }
    }
}

impl Connection {
    pub(super) async fn welcome(&self, hello: Hello) -> Result<Welcomed, Status> {
        let shared = &self.shared;
        let own = stream_id(&hello.stream)?;
        if !hello.start.is_empty() {
            stream_id(&hello.start)?;
        }
        let claim = Claim::new(&self.agent, &hello, self.address, self.sender.clone());
        let session = shared.sessions.claim(claim, shared.live.conflicts(), (shared.now)()).await?;
        let duty = shared.sentinels.enter(&self.agent, &hello.sentinel_address, self.address);
        // Subscribed before the marks are read, so that no commit falls between.
        let commits = shared.history.commits();
        let now_ms = (shared.now)();
        let now = Instant::now();
        let mut streams = Streams::new(&self.agent.agent_id, own);
        self.find_owner(&mut streams, own).await?;
        let (clock, measurements) = self.clock_by_hello(&streams.key(own), &hello, now_ms).await?;
        streams.add(own, clock)?;
        let backlog = backlog_streams(own, &hello.backlog);
        for (id, _) in backlog.iter().filter(|(id, _)| *id != own) {
            self.find_owner(&mut streams, *id).await?;
            let clock = self.stored_clock(&streams.key(*id)).await?;
            streams.add(*id, clock)?;
        }
        let facts = Arc::new(hello.facts.map(facts_from_wire).unwrap_or_default());
        tracing::info!(host = %self.agent.host.name, address = %self.address, version = hello.agent_version, "agent connected");
        self.keep_facts(&facts, now_ms).await;
        let removed = shared.live.connected(&self.agent.host, facts);
        let mut pace = shared.pacer.each();
        let mut welcome = Welcome {
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
            host_id: self.agent.host.id.to_string(),
            host_name: self.agent.host.name.to_string(),
            wall_clock_ms: now_ms,
            pace: Some(Pace { backfill_bytes_per_second: *pace.borrow_and_update() }),
            ..Welcome::default()
        };
        let mut room = WELCOME_RANGES;
        welcome.stored = self.stored_of(&streams, own, &mut room).await?;
        for (id, _) in backlog.iter().filter(|(id, _)| *id != own) {
            let stored = self.stored_of(&streams, *id, &mut room).await?;
            welcome.streams.push(Acknowledge { stored, stream: id.to_vec() });
        }
        let welcome = FromServer { message: Some(from_server::Message::Welcome(welcome)) };
        let permit = self.sender.reserve().await.map_err(|_| agent_is_gone())?;
        session.asked.open(&hello.questions, || permit.send(Ok(welcome)));
        let mut welcomed = Welcomed {
            session,
            duty,
            streams,
            waiting: Waiting::default(),
            outgoing: Outgoing::default(),
            measurements,
            commits,
            room: shared.history.room(),
            pace,
            // The welcome has told it.
            has_backfilled: !backlog.is_empty(),
            backfilling: None,
            told_to_go: false,
            last_ping: FIRST_PING,
            pinged: None,
            next_ping: now,
            removed,
        };
        self.note_backlog(&mut welcomed, &backlog, now);
        Ok(welcomed)
    }

    fn note_backlog(&self, welcomed: &mut Welcomed, backlog: &[(StreamId, &Backlog)], now: Instant) {
        let live = &self.shared.live;
        live.nothing_buffered(&self.agent.host.id);
        for (id, backlog) in backlog {
            live.buffered(&self.agent.host.id, *id, buffered(welcomed, *id, backlog));
        }
        if let Some(ahead_ms) = welcomed.measurements.ahead_ms() {
            live.clock_offset(&self.agent.host.id, ahead_ms);
        }
        if backlog.iter().any(|(_, backlog)| backlog.frames > 0) {
            welcomed.is_backfilling(&self.shared.metrics, now);
        }
    }

    async fn stored_of(
        &self,
        streams: &Streams,
        id: StreamId,
        room: &mut usize,
    ) -> Result<Vec<SequenceRange>, Status> {
        let stored = self.shared.history.stored(&streams.key(id)).await;
        let stored = stored.map_err(|error| unavailable("reading delivery marks", &error))?;
        match room.checked_sub(stored.range_count()) {
            Some(left) => *room = left,
            None => return Ok(Vec::new()),
        }
        Ok(ranges_to_wire(&stored))
    }

    /// The clock of the hello's stream: as it was kept, corrected by what the hello says.
    async fn clock_by_hello(
        &self,
        key: &StreamKey,
        hello: &Hello,
        now_ms: i64,
    ) -> Result<(Option<StreamClock>, Measurements), Status> {
        let mut measurements = Measurements::default();
        let kept = self.stored_clock(key).await?;
        // Absent is not 1970.
        if hello.wall_clock_ms == 0 {
            return Ok((kept, measurements));
        }
        let sample = Sample {
            boot_ms: boot_ms_of(hello.boot_clock_us),
            agent_ms: hello.wall_clock_ms,
            server_ms: now_ms,
            uncertain_ms: HELLO_UNCERTAIN_MS,
        };
        let pings = !hello.start.is_empty();
        let (mut clock, changed) = match kept {
            Some(mut clock) => {
                let changed = clock.hello_again(&sample, pings);
                (clock, changed)
            }
            None => (self.first_clock(&sample, pings).await?, true),
        };
        measurements.note(&mut clock, sample);
        if changed {
            let off_ms = clock.is_corrected().then(|| hello.wall_clock_ms.saturating_sub(now_ms));
            self.corrected(key, &clock.to_text(), off_ms).await?;
        }
        Ok((Some(clock), measurements))
    }

    /// The clock of a stream that is new here.
    async fn first_clock(&self, sample: &Sample, pings: bool) -> Result<StreamClock, Status> {
        let kept = self.shared.catalog.clocks_of_host(&self.agent.host.id).await;
        let kept = kept.map_err(|error| unavailable("reading the clocks of a host", &error))?;
        let Some(mut clock) = StreamClock::goes_on(sample, kept.iter().map(String::as_str)) else {
            return Ok(StreamClock::of_hello(sample, pings));
        };
        clock.hello_again(sample, pings);
        Ok(clock)
    }

    /// A host that joined again goes on with the streams of its identity before: what of them is stored is not stored
    /// again.
    pub(super) async fn find_owner(&self, streams: &mut Streams, id: StreamId) -> Result<(), Status> {
        let owner = self.shared.catalog.stream_owner(&self.agent.host.id, id).await;
        if let Some(owner) = owner.map_err(|error| unavailable("looking up a stream", &error))? {
            streams.note_owner(id, &owner);
        }
        Ok(())
    }

    pub(super) async fn stored_clock(&self, key: &StreamKey) -> Result<Option<StreamClock>, Status> {
        let text = self.shared.catalog.clock(key).await;
        let text = text.map_err(|error| unavailable("reading a stream's clock", &error))?;
        Ok(text.and_then(|text| StreamClock::of_text(&text)))
    }

    /// Keeps a clock before times go by it, so that whichever server gets the next frame reckons alike.
    pub(super) async fn corrected(
        &self,
        key: &StreamKey,
        clock: &str,
        ahead_ms: Option<i64>,
    ) -> Result<(), Status> {
        if let Some(ahead_ms) = ahead_ms {
            tracing::warn!(host = %self.agent.host.name, ahead_ms, "the host's clock is off; its times are corrected");
        }
        let kept = self.shared.catalog.save_clock(key, clock, (self.shared.now)()).await;
        kept.map_err(|error| unavailable("keeping a stream's clock", &error))
    }
}
