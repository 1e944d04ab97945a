//! One connection, from hello to its end.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tacho_model::{HostFacts, SequenceSet};
use tacho_spool::{Gap, Reason, StreamId};
use tacho_wire::v1::{
    self, Acknowledge, FromAgent, FromServer, Hello, Pace, Pong, Welcome, from_agent, from_server,
};
use tacho_wire::{facts_to_wire, ranges_from_wire};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{CONNECT_TIMEOUT, Link, LinkError, client, connect, random_share};
use crate::questions::{self, Desk};
use crate::queue::{self, Clocks, Lanes};

/// Messages under way between the queue and the connection; when full, the queue waits.
const OUTGOING_MESSAGES: usize = 4;
/// While there is a backlog, the server hears this often how much is left.
const BACKLOG_INTERVAL: Duration = Duration::from_secs(10);
/// What was sent to a server that is about to stop may still be acknowledged; agents leave it one by one.
const DRAIN_TIME: Duration = Duration::from_secs(3);

type Reading = JoinHandle<(tacho_spool::Cursor, Vec<tacho_spool::Record>)>;

/// A connection.
pub(super) struct Session<'a> {
    link: &'a Link,
    server: &'a str,
    /// Both tell what has changed since this session used it.
    facts: watch::Receiver<Arc<HostFacts>>,
    tls: watch::Receiver<Arc<ClientConfig>>,
    hello: StreamId,
    lanes: Lanes,
    pub(super) is_welcome: bool,
    /// Bytes per second of the backlog.
    pace: u64,
    backlog_due: Instant,
    has_live: bool,
    has_backlog: bool,
    told_gaps: Vec<Gap>,
    /// The server was told of one, and not yet that there is none any more.
    told_backlog: bool,
    /// Questions at work, and those that wait.
    asked: JoinSet<v1::Answer>,
    /// How long to stay away, and when to leave.
    drain: Option<(Duration, Instant)>,
}

impl<'a> Session<'a> {
    pub(super) fn new(link: &'a Link, server: &'a str) -> Self {
        let hello = link.queue.stream().id;
        Self {
            link,
            server,
            facts: link.facts.clone(),
            tls: link.tls.clone(),
            hello,
            lanes: Lanes::new(hello),
            is_welcome: false,
            pace: link.backfill_bytes_per_second,
            backlog_due: Instant::now(),
            has_live: true,
            has_backlog: true,
            told_gaps: Vec::new(),
            // The hello tells it, and acknowledgements may empty it before it is looked for the first time.
            told_backlog: true,
            asked: JoinSet::new(),
            drain: None,
        }
    }

    /// Why it ended.
    pub(super) async fn run(&mut self) -> LinkError {
        match self.open().await {
            Ok((sender, receiver)) => self.exchange(&sender, receiver).await,
            Err(error) => error,
        }
    }

    async fn open(&mut self) -> Result<(mpsc::Sender<FromAgent>, Streaming<FromServer>), LinkError> {
        let tls = Arc::clone(&self.tls.borrow_and_update());
        let channel = connect(self.server, tls).await?;
        let (sender, receiver) = mpsc::channel(OUTGOING_MESSAGES);
        let hello = self.hello();
        sender.send(hello).await.map_err(|_| LinkError::Closed)?;
        let opened = tokio::time::timeout(CONNECT_TIMEOUT, async {
            let mut client = client(channel);
            let mut incoming = client.connect(ReceiverStream::new(receiver)).await?.into_inner();
            let first = incoming.message().await?;
            Ok((first, incoming))
        });
        let (first, incoming) = opened.await.map_err(|_| LinkError::Silent)?.map_err(LinkError::Refused)?;
        match first.and_then(|first| first.message) {
            Some(from_server::Message::Welcome(welcome)) => self.welcome(&welcome),
            _ => return Err(LinkError::Closed),
        }
        Ok((sender, incoming))
    }

    fn hello(&mut self) -> FromAgent {
        let Clocks { boot_us, wall_ms } = self.link.queue.clocks();
        let facts = self.facts.borrow_and_update();
        message(from_agent::Message::Hello(Hello {
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            stream: self.hello.to_vec(),
            boot_id: facts.boot_id.clone(),
            boot_clock_us: boot_us,
            wall_clock_ms: wall_ms,
            facts: Some(facts_to_wire(&facts)),
            backlog: self.link.queue.backlog().iter().map(backlog_to_wire).collect(),
            start: self.link.start.to_vec(),
            sentinel_address: self.link.sentinel_address.clone(),
            machine: self.link.machine.clone(),
            questions: Desk::known(),
        }))
    }

    fn welcome(&mut self, welcome: &Welcome) {
        self.is_welcome = true;
        let queue = &self.link.queue;
        let stored = ranges_from_wire(&welcome.stored);
        let clocks =
            Clocks { boot_us: tacho_runtime::clock::boot_us(), wall_ms: tacho_runtime::clock::wall_ms() };
        if queue.leave_stream(&stored, clocks) {
            tracing::warn!(
                server = self.server,
                "the server has later snapshots of this start than this agent took: the machine was set back to an \
                 earlier state; what was taken since goes on as a new stream"
            );
        }
        self.acknowledge(&stored, self.hello);
        welcome.streams.iter().for_each(|acknowledge| self.note_stored(acknowledge));
        self.note_pace(welcome.pace.as_ref());
        queue.set_delivering(true);
        tracing::info!(
            server = self.server,
            host = welcome.host_name,
            version = welcome.server_version,
            "connected"
        );
    }

    fn note_pace(&mut self, pace: Option<&Pace>) {
        let own = self.link.backfill_bytes_per_second;
        self.pace = pace.map_or(own, |pace| pace.backfill_bytes_per_second.min(own));
    }

    fn note_stored(&self, acknowledge: &Acknowledge) {
        let stream = match acknowledge.stream.as_slice() {
            [] => self.hello,
            // Not one of ours when it has another length.
            stream => match stream.try_into() {
                Ok(stream) => stream,
                Err(_) => return,
            },
        };
        self.acknowledge(&ranges_from_wire(&acknowledge.stored), stream);
    }

    fn acknowledge(&self, stored: &SequenceSet, stream: StreamId) {
        self.link.queue.acknowledge(stream, stored);
    }

    async fn exchange(
        &mut self,
        sender: &mpsc::Sender<FromAgent>,
        mut incoming: Streaming<FromServer>,
    ) -> LinkError {
        let mut tell_backlog = tokio::time::interval(BACKLOG_INTERVAL);
        let mut reading: Option<Reading> = None;
        loop {
            let is_sending = self.drain.is_none();
            let is_due = self.has_backlog && self.pace > 0 && reading.is_none();
            let (drain_at, backlog_due) = (self.drain.map(|(_, at)| at), self.backlog_due);
            let outgoing = tokio::select! {
                received = incoming.message() => match received {
                    Ok(Some(received)) => self.receive(received).into_iter().collect(),
                    Ok(None) => return self.end(LinkError::Closed),
                    Err(status) => return self.end(LinkError::Refused(status)),
                },
                Ok(()) = self.facts.changed() => {
                    let facts = self.facts.borrow_and_update();
                    vec![from_agent::Message::Facts(facts_to_wire(&facts))]
                },
                Some(Ok(answer)) = self.asked.join_next() => vec![from_agent::Message::Answer(answer)],
                Ok(()) = self.tls.changed() => return self.end(LinkError::Renewed),
                () = self.link.queue.changed() => {
                    self.has_live = true;
                    self.has_backlog |= reading.is_none() && self.told_backlog;
                    self.new_gaps()
                },
                permit = sender.reserve(), if self.has_live && is_sending => {
                    let Ok(permit) = permit else { return self.end(LinkError::Closed) };
                    match self.lanes.next_live(&self.link.queue) {
                        Some(frame) => permit.send(message(from_agent::Message::Frame(frame))),
                        None => self.has_live = false,
                    }
                    Vec::new()
                },
                permit = reserve_at(sender, backlog_due), if is_due && is_sending && !self.has_live => {
                    let Ok(permit) = permit else { return self.end(LinkError::Closed) };
                    reading = self.start_reading();
                    if reading.is_none() {
                        match self.next_backlog() {
                            Some(frame) => permit.send(frame),
                            None => self.has_backlog = false,
                        }
                    }
                    Vec::new()
                },
                read = finished(&mut reading) => {
                    reading = None;
                    let Ok(read) = read else { return self.end(LinkError::Closed) };
                    self.lanes.end_reading(&self.link.queue, read);
                    Vec::new()
                },
                _ = tell_backlog.tick() => self.backlog(),
                () = at(drain_at) => return self.end(LinkError::Closed),
            };
            for outgoing in outgoing {
                if sender.send(message(outgoing)).await.is_err() {
                    return self.end(LinkError::Closed);
                }
            }
        }
    }

    /// A server that said it would stop was left, whatever ended the connection.
    fn end(&self, error: LinkError) -> LinkError {
        self.drain.map_or(error, |(return_after, _)| LinkError::Drained { return_after })
    }

    fn start_reading(&mut self) -> Option<Reading> {
        let cursor = self.lanes.start_reading(&self.link.queue)?;
        let queue = Arc::clone(&self.link.queue);
        Some(tokio::task::spawn_blocking(move || queue::read(&queue, cursor)))
    }

    fn next_backlog(&mut self) -> Option<FromAgent> {
        let frame = message(from_agent::Message::Frame(self.lanes.next_backlog(&self.link.queue)?));
        let bytes = prost::Message::encoded_len(&frame) as f64;
        self.backlog_due = Instant::now() + Duration::from_secs_f64(bytes / self.pace.max(1) as f64);
        Some(frame)
    }

    /// Gaps that the server has not been told on this connection.
    fn new_gaps(&mut self) -> Vec<from_agent::Message> {
        let gaps = self.link.queue.gaps();
        let new = gaps.iter().filter(|gap| !self.told_gaps.contains(gap)).map(gap_to_wire).collect();
        self.told_gaps = gaps;
        new
    }

    /// Looks for a backlog, and tells how large it is, the last time when there is none any more.
    fn backlog(&mut self) -> Vec<from_agent::Message> {
        let mut messages = self.new_gaps();
        let had_backlog = std::mem::replace(&mut self.told_backlog, self.has_backlog);
        self.has_backlog = true;
        if self.told_backlog || had_backlog {
            let backlog = self.link.queue.backlog();
            messages.extend(backlog.iter().map(backlog_to_wire).map(from_agent::Message::Backlog));
        }
        messages
    }

    /// Acts on a message of the server; some want an answer.
    fn receive(&mut self, received: FromServer) -> Option<from_agent::Message> {
        match received.message {
            Some(from_server::Message::Acknowledge(acknowledge)) => self.note_stored(&acknowledge),
            Some(from_server::Message::Pace(pace)) => self.note_pace(Some(&pace)),
            Some(from_server::Message::Drain(drain)) => {
                let return_after = Duration::from_millis(drain.return_after_ms.into());
                let leave_at = Instant::now() + DRAIN_TIME.mul_f64(random_share());
                tracing::info!(server = self.server, ?return_after, "the server is about to stop");
                self.drain.get_or_insert((return_after, leave_at));
            }
            Some(from_server::Message::Sentinel(duty)) => {
                self.link.duty.send_replace(Some(duty));
            }
            Some(from_server::Message::Ping(ping)) => {
                let Clocks { boot_us, wall_ms } = self.link.queue.clocks();
                let pong = Pong { number: ping.number, boot_clock_us: boot_us, wall_clock_ms: wall_ms };
                return Some(from_agent::Message::Pong(pong));
            }
            Some(from_server::Message::Question(question)) => return self.ask(question),
            // A second welcome, or a message of a newer version.
            _ => {}
        }
        None
    }

    /// Answers at once only where it does not come to a reading.
    fn ask(&mut self, question: v1::Question) -> Option<from_agent::Message> {
        if self.asked.len() >= questions::MOST_AT_ONCE {
            return Some(from_agent::Message::Answer(questions::too_many(question.id)));
        }
        let (desk, now_us) = (Arc::clone(&self.link.desk), tacho_runtime::clock::boot_us());
        self.asked.spawn(async move { desk.answer(question, now_us).await });
        None
    }
}

async fn reserve_at(
    sender: &mpsc::Sender<FromAgent>,
    at: Instant,
) -> Result<mpsc::Permit<'_, FromAgent>, mpsc::error::SendError<()>> {
    if at > Instant::now() {
        tokio::time::sleep_until(at).await;
    }
    sender.reserve().await
}

async fn finished(reading: &mut Option<Reading>) -> <Reading as Future>::Output {
    match reading {
        Some(reading) => reading.await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn message(message: from_agent::Message) -> FromAgent {
    FromAgent { message: Some(message) }
}

fn backlog_to_wire(backlog: &tacho_spool::Backlog) -> v1::Backlog {
    v1::Backlog {
        stream: backlog.stream.to_vec(),
        frames: backlog.records,
        bytes: backlog.bytes,
        first_time_ms: backlog.first_time_ms,
        last_time_ms: backlog.last_time_ms,
    }
}

fn gap_to_wire(gap: &Gap) -> from_agent::Message {
    let reason = match gap.reason {
        Reason::Space => v1::GapReason::Space,
        Reason::Age => v1::GapReason::Age,
        Reason::Damage => v1::GapReason::Damage,
        Reason::Disk => v1::GapReason::Disk,
    };
    from_agent::Message::Gap(v1::Gap {
        stream: gap.stream.to_vec(),
        first_sequence: gap.first_sequence,
        last_sequence: gap.last_sequence,
        first_time_ms: gap.first_time_ms,
        last_time_ms: gap.last_time_ms,
        reason: reason.into(),
    })
}

/// Milliseconds that never jump, for the choice of servers.
pub(super) fn boot_ms() -> u64 {
    tacho_runtime::clock::boot_us() / 1000
}
