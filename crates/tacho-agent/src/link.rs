//! The one stream to a server: keeps it up, sends the queue's frames, takes acknowledgements.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tacho_model::HostFacts;
use tacho_runtime::{clock, logging, tls};
use tacho_wire::v1::agent_service_client::AgentServiceClient;
use tacho_wire::v1::{self, FromAgent, FromServer, Hello, Pong, Welcome, from_agent, from_server};
use tacho_wire::{MAX_MESSAGE_BYTES, facts_to_wire, ranges_from_wire};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::queue::Queue;

/// A server that does not answer within this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection over which nothing comes back for so long is dead, whatever TCP believes.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages under way between the queue and the connection; when full, the queue waits.
const OUTGOING_MESSAGES: usize = 4;
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// While a server stays away, say so this often.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(300);

/// Keeps the stream up.
#[derive(Debug)]
pub struct Link {
    pub servers: Vec<String>,
    /// The newest; when it changes, the connection is made anew with it.
    pub tls: watch::Receiver<Arc<ClientConfig>>,
    /// Whether a server can be reached.
    pub reachability: watch::Sender<Reachability>,
    /// What the server says about watching it.
    pub duty: watch::Sender<Option<v1::Sentinel>>,
    /// `host:port` where other sentinels are answered; empty: this agent is none.
    pub sentinel_address: String,
    /// Tells this machine from others; empty when unknown.
    pub machine: Vec<u8>,
    /// This start of the agent.
    pub start: [u8; 16],
    pub queue: Arc<Queue>,
    pub facts: watch::Receiver<Arc<HostFacts>>,
    /// This start of the agent.
    pub stream: [u8; 16],
    /// Wall time at boot that frame times are reckoned from.
    pub epoch_ms: i64,
}

/// Whether a server can be reached, and if not, since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reachability {
    /// A server has welcomed this agent, and the stream is up.
    pub connected: bool,
    /// Attempts in a row that failed, over all servers.
    pub failures: u32,
    /// When the stream was lost, or the first attempt failed; milliseconds since the epoch.
    pub since_ms: i64,
    /// Of the newest attempt.
    pub error: String,
}

impl Reachability {
    fn welcomed(&mut self) {
        *self = Self { connected: true, ..Self::default() };
    }

    fn ended(&mut self, welcomed: bool, error: String, now_ms: i64) {
        if welcomed {
            *self = Self { error, since_ms: now_ms, ..Self::default() };
            return;
        }
        if self.failures == 0 && self.since_ms == 0 {
            self.since_ms = now_ms;
        }
        self.failures = self.failures.saturating_add(1);
        self.error = error;
    }
}

/// Why a session with a server ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("cannot connect")]
    Connect(#[source] tonic::transport::Error),
    #[error("{}", .0.message())]
    Refused(tonic::Status),
    #[error("the server closed the stream")]
    Closed,
    #[error("this agent has a new certificate")]
    Renewed,
    #[error("the server did not answer within {}", tacho_runtime::config::format_duration(CONNECT_TIMEOUT))]
    Silent,
}

impl Link {
    /// Connects again and again until told to stop.
    pub async fn run(self, stop: CancellationToken) -> Result<(), LinkError> {
        let mut retry = Retry::default();
        let mut complained: Option<tokio::time::Instant> = None;
        for server in self.servers.iter().cycle() {
            let session = Session { link: &self, server, welcomed: false };
            let (welcomed, error) = tokio::select! {
                ended = session.run() => ended,
                () = stop.cancelled() => break,
            };
            self.reachability
                .send_modify(|now| now.ended(welcomed, logging::chain(&error), clock::wall_ms()));
            if welcomed {
                retry = Retry::default();
                complained = None;
            }
            if matches!(error, LinkError::Renewed) {
                continue;
            }
            if complained.is_none_or(|at| at.elapsed() > COMPLAINT_INTERVAL) {
                complained = Some(tokio::time::Instant::now());
                tracing::warn!(server, error = %logging::chain(&error), "not connected; frames wait in memory, trying again");
            }
            tokio::select! {
                () = tokio::time::sleep(retry.next()) => {}
                () = stop.cancelled() => break,
            }
        }
        Ok(())
    }
}

/// Opens a channel to a server.
pub async fn connect(server: &str, tls: Arc<ClientConfig>) -> Result<Channel, LinkError> {
    // The scheme is a formality: TLS is ours, so that the name to check is ours too.
    let endpoint = Endpoint::from_shared(format!("http://{server}")).map_err(LinkError::Connect)?;
    let address = server.to_owned();
    let connector = tower::service_fn(move |_: Uri| connect_tls(address.clone(), Arc::clone(&tls)));
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
        .map_err(LinkError::Connect)
}

/// The service over a channel, with both size limits set.
pub fn client(channel: Channel) -> AgentServiceClient<Channel> {
    AgentServiceClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
}

async fn connect_tls(
    address: String,
    tls: Arc<ClientConfig>,
) -> std::io::Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>> {
    let tcp = TcpStream::connect(&address).await?;
    tcp.set_nodelay(true)?;
    let stream = TlsConnector::from(tls).connect(tls::server_name(), tcp).await?;
    Ok(TokioIo::new(stream))
}

/// One connection, from hello to its end.
struct Session<'a> {
    link: &'a Link,
    server: &'a str,
    welcomed: bool,
}

impl Session<'_> {
    /// Whether the server had welcomed us, and why it ended.
    async fn run(mut self) -> (bool, LinkError) {
        let error = match self.open().await {
            Ok((sender, receiver)) => self.exchange(sender, receiver).await,
            Err(error) => error,
        };
        (self.welcomed, error)
    }

    async fn open(&mut self) -> Result<(mpsc::Sender<FromAgent>, Streaming<FromServer>), LinkError> {
        let tls = Arc::clone(&self.link.tls.borrow());
        let channel = connect(self.server, tls).await?;
        let (sender, receiver) = mpsc::channel(OUTGOING_MESSAGES);
        sender.send(self.hello()).await.map_err(|_| LinkError::Closed)?;
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

    fn hello(&self) -> FromAgent {
        let (boot_clock_us, wall_clock_ms) = self.clocks();
        let facts = self.link.facts.borrow();
        message(from_agent::Message::Hello(Hello {
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            stream: self.link.stream.to_vec(),
            boot_id: facts.boot_id.clone(),
            boot_clock_us,
            wall_clock_ms,
            facts: Some(facts_to_wire(&facts)),
            start: self.link.start.to_vec(),
            sentinel_address: self.link.sentinel_address.clone(),
            machine: self.link.machine.clone(),
            ..Hello::default()
        }))
    }

    /// Boot clock, and the wall clock that frames go by, so that the server's correction fits them.
    fn clocks(&self) -> (u64, i64) {
        let boot_clock_us = clock::boot_us();
        let since_boot_ms = i64::try_from(boot_clock_us / 1000).unwrap_or(i64::MAX);
        (boot_clock_us, self.link.epoch_ms.saturating_add(since_boot_ms))
    }

    fn welcome(&mut self, welcome: &Welcome) {
        self.welcomed = true;
        self.link.reachability.send_modify(Reachability::welcomed);
        self.link.queue.acknowledge(&ranges_from_wire(&welcome.stored));
        tracing::info!(
            server = self.server,
            host = welcome.host_name,
            version = welcome.server_version,
            "connected"
        );
    }

    async fn exchange(
        &self,
        sender: mpsc::Sender<FromAgent>,
        mut incoming: Streaming<FromServer>,
    ) -> LinkError {
        let mut facts = self.link.facts.clone();
        let mut tls = self.link.tls.clone();
        let mut sent_through = 0;
        let mut known = HashSet::new();
        let mut drained = false;
        loop {
            let outgoing = tokio::select! {
                received = incoming.message() => match received {
                    Ok(Some(received)) => self.receive(received),
                    Ok(None) => return LinkError::Closed,
                    Err(status) => return LinkError::Refused(status),
                },
                Ok(()) = facts.changed() => {
                    let facts = facts.borrow_and_update();
                    Some(from_agent::Message::Facts(facts_to_wire(&facts)))
                },
                Ok(()) = tls.changed() => return LinkError::Renewed,
                () = self.link.queue.changed(), if drained => {
                    drained = false;
                    None
                },
                permit = sender.reserve(), if !drained => {
                    let Ok(permit) = permit else { return LinkError::Closed };
                    match self.link.queue.next_after(sent_through, &mut known) {
                        Some(frame) => {
                            sent_through = frame.sequence;
                            permit.send(message(from_agent::Message::Frame(frame)));
                        }
                        None => drained = true,
                    }
                    None
                },
            };
            if let Some(outgoing) = outgoing
                && sender.send(message(outgoing)).await.is_err()
            {
                return LinkError::Closed;
            }
        }
    }

    /// Acts on a message of the server; some want an answer.
    fn receive(&self, received: FromServer) -> Option<from_agent::Message> {
        match received.message {
            Some(from_server::Message::Acknowledge(acknowledge)) => {
                self.link.queue.acknowledge(&ranges_from_wire(&acknowledge.stored));
                None
            }
            Some(from_server::Message::Ping(ping)) => {
                let (boot_clock_us, wall_clock_ms) = self.clocks();
                Some(from_agent::Message::Pong(Pong { number: ping.number, boot_clock_us, wall_clock_ms }))
            }
            Some(from_server::Message::Sentinel(duty)) => {
                self.link.duty.send_replace(Some(duty));
                None
            }
            // A second welcome, or a message of a newer version.
            _ => None,
        }
    }
}

fn message(message: from_agent::Message) -> FromAgent {
    FromAgent { message: Some(message) }
}

/// Time until the next attempt: doubled each time, and spread so that agents that lost their server
/// together do not come back together.
#[derive(Debug, Default)]
struct Retry {
    failures: u32,
}

impl Retry {
    fn next(&mut self) -> Duration {
        let longest = FIRST_RETRY.saturating_mul(1 << self.failures.min(10)).min(LONGEST_RETRY);
        self.failures += 1;
        let [random, ..] = tls::random_secret();
        longest.mul_f64(0.5 + f64::from(random) / 512.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_from_the_last_connection() {
        let mut now = Reachability::default();
        now.ended(false, "refused".to_owned(), 5);
        now.ended(false, "silent".to_owned(), 6);
        assert_eq!((now.failures, now.since_ms, now.error.as_str()), (2, 5, "silent"));
        now.welcomed();
        assert_eq!(now, Reachability { connected: true, ..Reachability::default() });
        now.ended(true, "closed".to_owned(), 9);
        now.ended(false, "refused".to_owned(), 10);
        assert_eq!((now.connected, now.failures, now.since_ms), (false, 1, 9), "since it was lost");
    }

    #[test]
    fn retries_grow_to_a_limit_and_are_spread() {
        let mut retry = Retry::default();
        let waits: Vec<Duration> = (0..40).map(|_| retry.next()).collect();
        assert!(waits[0] >= FIRST_RETRY / 2 && waits[0] <= FIRST_RETRY);
        assert!(waits.iter().all(|wait| *wait <= LONGEST_RETRY));
        assert!(waits[20..].iter().all(|wait| *wait >= LONGEST_RETRY / 2));
        assert!(waits[20..].iter().any(|wait| *wait != waits[20]));
    }
}
