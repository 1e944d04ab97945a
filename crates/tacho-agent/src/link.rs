//! The one stream to a server: keeps it up, goes to another server when one fails, and back.

mod servers;
mod session;

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tacho_model::HostFacts;
use tacho_runtime::{clock, logging, tls};
use tacho_wire::MAX_MESSAGE_BYTES;
use tacho_wire::v1;
use tacho_wire::v1::agent_service_client::AgentServiceClient;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::questions::Desk;
use crate::queue::Queue;
use servers::Servers;
use session::{Session, boot_ms};

/// A server that does not answer within this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection over which nothing comes back for so long is dead, whatever TCP believes.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// While a server stays away, say so this often.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(300);

/// When an agent that is with another server looks for those it prefers.
#[derive(Debug, Clone, Copy)]
pub struct Return {
    /// They are tried about so often: up to half more or less.
    pub probe_interval: Duration,
    /// One that has answered for so long is gone back to.
    pub well_for: Duration,
}

impl Default for Return {
    /// A minute, and five: a server that comes and goes does not make its agents come and go.
    fn default() -> Self {
        Self { probe_interval: Duration::from_secs(60), well_for: Duration::from_secs(300) }
    }
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

/// Keeps the stream up.
#[derive(Debug)]
pub struct Link {
    /// `host:port`, in order of preference.
    pub servers: Vec<String>,
    /// The newest; when it changes, the connection is made anew with it.
    pub tls: watch::Receiver<Arc<ClientConfig>>,
    pub queue: Arc<Queue>,
    pub facts: watch::Receiver<Arc<HostFacts>>,
    /// This start of the agent.
    pub start: [u8; 16],
    /// Most bytes of the backlog per second; the server may want fewer.
    pub backfill_bytes_per_second: u64,
    pub going_back: Return,
    /// Whether a server can be reached.
    pub reachability: watch::Sender<Reachability>,
    /// What the server says about watching it.
    pub duty: watch::Sender<Option<v1::Sentinel>>,
    /// `host:port` where other sentinels are answered; empty: this agent is none.
    pub sentinel_address: String,
    /// Tells this machine from others; empty when unknown.
    pub machine: Vec<u8>,
    /// Answers what the server asks.
    pub desk: Arc<Desk>,
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
    #[error("the server did not answer within {}", tacho_runtime::config::format_duration(CONNECT_TIMEOUT))]
    Silent,
    #[error("the server is about to stop")]
    Drained { return_after: Duration },
    #[error("a server that is preferred is well again")]
    Preferred,
    #[error("this agent has a new certificate")]
    Renewed,
}

impl Link {
    /// Connects again and again until told to stop.
    pub async fn run(self, stop: CancellationToken) -> Result<(), LinkError> {
        let mut servers = Servers::new(&self.servers);
        let mut complained: Option<tokio::time::Instant> = None;
        loop {
            let server = servers.current().to_owned();
            let mut session = Session::new(&self, &server);
            let error = tokio::select! {
                error = session.run() => error,
                error = self.probe(&mut servers), if server != self.servers.first().map_or("", String::as_str) => error,
                error = self.tell_connected() => error,
                () = stop.cancelled() => break,
            };
            let was_welcome = session.is_welcome;
            self.queue.set_delivering(false);
            if was_welcome {
                servers.note_well();
                complained = None;
            }
            let wait = match &error {
                LinkError::Preferred | LinkError::Renewed => Duration::ZERO,
                LinkError::Drained { return_after } => {
                    servers.note_drain(boot_ms(), *return_after, random_share())
                }
                _ => servers.note_failure(boot_ms(), random_share()),
            };
            self.reachability
                .send_modify(|now| now.ended(was_welcome, logging::chain(&error), clock::wall_ms()));
            if matches!(error, LinkError::Preferred | LinkError::Renewed) {
                continue;
            }
            if complained.is_none_or(|at| at.elapsed() > COMPLAINT_INTERVAL) {
                complained = Some(tokio::time::Instant::now());
                tracing::warn!(server, error = %logging::chain(&error), "not connected; frames are kept, trying again");
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => break,
            }
        }
        Ok(())
    }

    /// Ends never.
    async fn tell_connected(&self) -> LinkError {
        self.queue.delivering().await;
        self.reachability.send_modify(Reachability::welcomed);
        std::future::pending().await
    }

    /// While another server takes the frames, tries those that are preferred; ends when one has been well for a
    /// while.
    async fn probe(&self, servers: &mut Servers) -> LinkError {
        loop {
            tokio::time::sleep(self.going_back.probe_interval.mul_f64(0.5 + random_share())).await;
            for server in servers.preferred(boot_ms()) {
                let tls = Arc::clone(&self.tls.borrow());
                let is_well = connect(&server, tls).await.is_ok();
                if servers.note_probe(&server, is_well, boot_ms(), self.going_back.well_for) {
                    tracing::info!(server, "going back to a server that is preferred");
                    return LinkError::Preferred;
                }
            }
        }
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

/// 0 to 1, anywhere between.
fn random_share() -> f64 {
    let [a, b, ..] = tls::random_secret();
    f64::from(u16::from_le_bytes([a, b])) / f64::from(u16::MAX)
}
