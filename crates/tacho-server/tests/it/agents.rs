//! Agents of a test, each a client of the real service over TLS.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tacho_catalog::NewAgent;
use tacho_model::tables::host;
use tacho_model::{Block, HostKey, SequenceSet};
use tacho_runtime::clock::wall_ms;
use tacho_runtime::tls::{self, ChangingCertificate, Identity, Trust};
use tacho_server::authority::Authority;
use tacho_server::ingest::{Draining, Ingest, Pacer, Shared};
use tacho_server::sentinels::Sentinels;
use tacho_server::serve::Listener;
use tacho_wire::v1::agent_service_client::AgentServiceClient;
use tacho_wire::v1::agent_service_server::AgentServiceServer;
use tacho_wire::v1::{Backlog, Frame, FromAgent, FromServer, Hello, Pong, Question, Welcome};
use tacho_wire::v1::{from_agent, from_server};
use tacho_wire::{encode_blocks, ranges_from_wire};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Status, Streaming};

use crate::fixture::{INTERVAL_MS, START_MS, Server};

const LIFETIME: Duration = Duration::from_secs(86_400);

/// Boot clock of a host at [`START_MS`].
pub(crate) const BOOT_US: u64 = 100_000_000_000;

/// The agents' side of a server, listening.
pub(crate) struct Agents<'a> {
    pub(crate) server: &'a Server,
    authority: Arc<Authority>,
    address: SocketAddr,
    pub(crate) draining: Draining,
    stop: CancellationToken,
}

/// A host that has joined.
pub(crate) struct Joined {
    pub(crate) key: HostKey,
    pub(crate) agent_id: String,
    tls: Arc<ClientConfig>,
}

/// A connected agent.
pub(crate) struct Agent {
    sender: mpsc::Sender<FromAgent>,
    incoming: Streaming<FromServer>,
    pub(crate) welcome: Welcome,
    /// By stream; the hello's is the empty one.
    pub(crate) acknowledged: BTreeMap<Vec<u8>, SequenceSet>,
    pub(crate) pace: Option<u64>,
    pub(crate) told_to_go: Option<u32>,
    /// The newest question.
    pub(crate) asked: Option<Question>,
    /// How far its clock is ahead of the server's.
    ahead_ms: i64,
}

impl Drop for Agents<'_> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl<'a> Agents<'a> {
    pub(crate) async fn serve(server: &'a Server) -> Self {
        Self::serve_with(server, Pacer::new(1 << 20)).await
    }

    pub(crate) async fn serve_with(server: &'a Server, pacer: Pacer) -> Self {
        let authority = Arc::new(Authority::open(&server.directory, wall_ms()).unwrap());
        let identity = authority.issue_server(&["localhost".to_owned()], LIFETIME, wall_ms()).unwrap();
        let tls =
            tls::server_config(ChangingCertificate::new(identity).unwrap(), authority.certificate().clone())
                .unwrap();
        let draining = Draining::default();
        let state = &server.state;
        let ingest = Ingest::new(Shared {
            history: state.history.clone(),
            catalog: state.catalog.clone(),
            live: state.live.clone(),
            authority: Arc::clone(&authority),
            now: Arc::clone(&state.now),
            allowed_networks: Vec::new(),
            metrics: state.metrics.clone(),
            draining: draining.clone(),
            pacer: pacer.clone(),
            sessions: state.sessions.clone(),
            certificate_lifetime: LIFETIME,
            sentinels: Sentinels::new(3, LIFETIME, &[]),
        });
        let router = axum::Router::new()
            .route_service("/tacho.v1.AgentService/{*call}", AgentServiceServer::new(ingest));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let stop = CancellationToken::new();
        let listener = Listener { socket, tls: Some(Arc::new(tls)), router, metrics: state.metrics.clone() };
        tokio::spawn(listener.run(stop.clone()));
        tokio::spawn(pacer.run(state.history.clone(), state.metrics.clone(), stop.clone()));
        Self { server, authority, address, draining, stop }
    }

    pub(crate) async fn join(&self, name: &str) -> Joined {
        self.join_as(name, &format!("agent-{name}")).await
    }

    /// The same machine again, under another identity.
    pub(crate) async fn join_as(&self, name: &str, agent_id: &str) -> Joined {
        let key = KeyPair::generate().unwrap();
        let request = CertificateParams::default().serialize_request(&key).unwrap();
        let agent_id = agent_id.to_owned();
        let issued = self.authority.issue_agent(request.der(), &agent_id, LIFETIME, wall_ms()).unwrap();
        let catalog = &self.server.state.catalog;
        let host = catalog.host_for_join(name, name.as_bytes(), &format!("id-{name}"), 0).await.unwrap();
        let agent = NewAgent {
            agent_id: agent_id.clone(),
            host_id: host.id.to_string(),
            certificate_hash: tls::fingerprint(&issued.certificate),
            not_after_ms: issued.not_after_ms,
            created_ms: 0,
        };
        catalog.add_agent(&agent).await.unwrap();
        let identity = Identity {
            chain: vec![CertificateDer::from(issued.certificate.to_vec())],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        };
        let trust = Trust::Authority(self.authority.certificate().clone());
        let tls = Arc::new(tls::client_config(trust, Some(identity)).unwrap());
        Joined { key: host, agent_id, tls }
    }

    /// Opens a stream with any first message.
    pub(crate) async fn open(
        &self,
        joined: &Joined,
        first: FromAgent,
    ) -> Result<(mpsc::Sender<FromAgent>, Streaming<FromServer>), Status> {
        let (sender, receiver) = mpsc::channel(4);
        sender.send(first).await.unwrap();
        let channel = self.channel(joined).await;
        let incoming = AgentServiceClient::new(channel).connect(ReceiverStream::new(receiver)).await?;
        Ok((sender, incoming.into_inner()))
    }

    pub(crate) async fn channel(&self, joined: &Joined) -> Channel {
        let (address, tls) = (self.address, Arc::clone(&joined.tls));
        let connector = tower::service_fn(move |_: Uri| {
            let tls = Arc::clone(&tls);
            async move {
                let tcp = TcpStream::connect(address).await?;
                let connector = tokio_rustls::TlsConnector::from(tls);
                Ok::<_, std::io::Error>(TokioIo::new(connector.connect(tls::server_name(), tcp).await?))
            }
        });
        Endpoint::from_static("http://server").connect_with_connector(connector).await.unwrap()
    }

    /// Connects with a hello as it comes.
    pub(crate) async fn connect_with(&self, joined: &Joined, hello: Hello) -> Result<Agent, Status> {
        let ahead_ms = hello.wall_clock_ms - self.server.now_ms();
        let (sender, mut incoming) = self.open(joined, message(from_agent::Message::Hello(hello))).await?;
        let first = incoming.message().await?.expect("a message");
        let Some(from_server::Message::Welcome(welcome)) = first.message else { panic!("no welcome") };
        let pace = welcome.pace.map(|pace| pace.backfill_bytes_per_second);
        let others =
            welcome.streams.iter().map(|stream| (stream.stream.clone(), ranges_from_wire(&stream.stored)));
        let own = (Vec::new(), ranges_from_wire(&welcome.stored));
        let acknowledged = others.chain([own]).collect();
        Ok(Agent { sender, incoming, welcome, acknowledged, pace, told_to_go: None, asked: None, ahead_ms })
    }

    /// Connects with a stream, a backlog, and a clock that is ahead by so much.
    pub(crate) async fn connect(
        &self,
        joined: &Joined,
        stream: u8,
        backlog: Vec<Backlog>,
        ahead_ms: i64,
    ) -> Agent {
        let hello = self.hello(stream, backlog, ahead_ms);
        self.connect_with(joined, hello).await.unwrap()
    }

    pub(crate) fn hello(&self, stream: u8, backlog: Vec<Backlog>, ahead_ms: i64) -> Hello {
        Hello {
            agent_version: "0.2.0".to_owned(),
            stream: vec![stream; 16],
            boot_clock_us: boot_us(self.server.now_ms()),
            wall_clock_ms: self.server.now_ms() + ahead_ms,
            backlog,
            start: vec![9; 16],
            ..Hello::default()
        }
    }
}

impl Agent {
    pub(crate) async fn send(&self, sent: from_agent::Message) {
        self.sender.send(message(sent)).await.unwrap();
    }

    /// `false` when the stream has ended.
    pub(crate) async fn try_send(&self, sent: from_agent::Message) -> bool {
        self.sender.send(message(sent)).await.is_ok()
    }

    pub(crate) fn has(&self, stream: &[u8], sequence: u64) -> bool {
        self.acknowledged.get(stream).is_some_and(|set| set.contains(sequence))
    }

    /// The stream's end as the agent sees it.
    pub(crate) async fn end(mut self) -> Status {
        loop {
            match self.next().await {
                Ok(true) => {}
                Ok(false) => return Status::ok("closed"),
                Err(status) => return status,
            }
        }
    }

    /// Takes in the next message; answers pings. `false` when the server closed the stream.
    pub(crate) async fn next(&mut self) -> Result<bool, Status> {
        let Some(received) = self.incoming.message().await? else { return Ok(false) };
        match received.message {
            Some(from_server::Message::Acknowledge(acknowledge)) => {
                let stored = ranges_from_wire(&acknowledge.stored);
                self.acknowledged.entry(acknowledge.stream).or_default().extend(&stored);
            }
            Some(from_server::Message::Pace(pace)) => self.pace = Some(pace.backfill_bytes_per_second),
            Some(from_server::Message::Drain(drain)) => self.told_to_go = Some(drain.return_after_ms),
            Some(from_server::Message::Ping(ping)) => {
                // Nobody may wait for it any more.
                drop(
                    self.sender
                        .send(message(from_agent::Message::Pong(Pong {
                            number: ping.number,
                            ..Pong::default()
                        })))
                        .await,
                );
            }
            Some(from_server::Message::Question(question)) => self.asked = Some(question),
            Some(from_server::Message::Sentinel(_)) => {}
            other => panic!("{other:?}"),
        }
        Ok(true)
    }

    /// Reads until something is as it should be.
    pub(crate) async fn until(&mut self, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            assert!(self.next().await.unwrap(), "the server closed the stream");
        }
    }

    /// Waits for the next ping and answers it by a clock that is ahead of the server's.
    pub(crate) async fn pong(&mut self, server_now_ms: i64, ahead_ms: i64) {
        loop {
            let received = self.incoming.message().await.unwrap().unwrap();
            if let Some(from_server::Message::Ping(ping)) = received.message {
                self.ahead_ms = ahead_ms;
                let pong = Pong {
                    number: ping.number,
                    boot_clock_us: boot_us(server_now_ms),
                    wall_clock_ms: server_now_ms + ahead_ms,
                };
                return self.send(from_agent::Message::Pong(pong)).await;
            }
        }
    }

    pub(crate) fn acknowledged(&self, stream: &[u8]) -> Vec<std::ops::RangeInclusive<u64>> {
        self.acknowledged.get(stream).map(|set| set.ranges().collect()).unwrap_or_default()
    }
}

/// The boot clock of a host at a moment by the server's clock.
pub(crate) fn boot_us(server_ms: i64) -> u64 {
    BOOT_US + u64::try_from(server_ms - START_MS).unwrap() * 1000
}

/// Frame `sequence` of a stream, taken `sequence` intervals after [`START_MS`], by a clock that is ahead.
pub(crate) fn frame(sequence: u64, ahead_ms: i64) -> Frame {
    let server_ms = START_MS + INTERVAL_MS * i64::try_from(sequence).unwrap();
    let mut block = Block::new(&host::TABLE);
    block.interval_ms = INTERVAL_MS;
    block.push().float(host::LOAD1, sequence as f64);
    Frame {
        sequence,
        boot_clock_us: boot_us(server_ms),
        time_ms: server_ms + ahead_ms,
        blocks: encode_blocks(&[block], &[]).unwrap().into(),
        ..Frame::default()
    }
}

pub(crate) fn backfill(stream: u8, sequence: u64) -> Frame {
    Frame { backfill: true, stream: vec![stream; 16], ..frame(sequence, 0) }
}

pub(crate) fn message(message: from_agent::Message) -> FromAgent {
    FromAgent { message: Some(message) }
}
