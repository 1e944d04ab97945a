//! The agent's side of a connection, against a server that a test plays message by message over the real protocol.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tacho_agent::link::{Link, Reachability, Return};
use tacho_agent::questions::{Desk, QuestionSettings, Times};
use tacho_agent::queue::{Clocks, NewFrame, Queue};
use tacho_model::HostFacts;
use tacho_runtime::clock;
use tacho_runtime::tls::{self, ChangingCertificate, Identity, Trust};
use tacho_server::authority::Authority;
use tacho_server::metrics::Metrics;
use tacho_server::serve::Listener;
use tacho_spool::Spool;
use tacho_testkit::daemons::free_addresses;
use tacho_wire::v1::agent_service_server::{AgentService, AgentServiceServer};
use tacho_wire::v1::{
    Acknowledge, Drain, Frame, FromAgent, FromServer, Gap, GapReason, Hello, JoinRequest, JoinResponse, Pace,
    Ping, RenewRequest, RenewResponse, SequenceRange, Welcome, from_agent, from_server,
};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

const LIFETIME: Duration = Duration::from_secs(86_400);
const HOUR_MS: u32 = 3_600_000;
/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(180);
/// More than the test waits for.
const VISITS: usize = 16;
const MESSAGES: usize = 64;

/// The authority that servers and agents of a test believe.
struct World {
    directory: tempfile::TempDir,
    authority: Authority,
    stop: CancellationToken,
}

/// A server: whoever comes is handed to the test.
struct Peer {
    address: SocketAddr,
    visits: mpsc::Receiver<Visit>,
}

/// A stream of an agent.
struct Visit {
    incoming: Streaming<FromAgent>,
    sender: mpsc::Sender<Result<FromServer, Status>>,
}

struct Reception(mpsc::Sender<Visit>);

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::open(directory.path(), clock::wall_ms()).unwrap();
        Self { directory, authority, stop: CancellationToken::new() }
    }

    async fn serve(&self) -> Peer {
        self.serve_at("127.0.0.1:0".parse().unwrap()).await
    }

    async fn serve_at(&self, address: SocketAddr) -> Peer {
        let identity =
            self.authority.issue_server(&["localhost".to_owned()], LIFETIME, clock::wall_ms()).unwrap();
        let certificate = ChangingCertificate::new(identity).unwrap();
        let tls = tls::server_config(certificate, self.authority.certificate().clone()).unwrap();
        let (sender, visits) = mpsc::channel(VISITS);
        let router = axum::Router::new()
            .route_service("/tacho.v1.AgentService/{*call}", AgentServiceServer::new(Reception(sender)));
        let socket = TcpListener::bind(address).await.unwrap();
        let address = socket.local_addr().unwrap();
        let listener = Listener { socket, tls: Some(Arc::new(tls)), router, metrics: Metrics::default() };
        tokio::spawn(listener.run(self.stop.clone()));
        Peer { address, visits }
    }

    fn client(&self) -> ClientConfig {
        let key = KeyPair::generate().unwrap();
        let request = CertificateParams::default().serialize_request(&key).unwrap();
        let issued = self.authority.issue_agent(request.der(), "agent", LIFETIME, clock::wall_ms()).unwrap();
        let identity = Identity {
            chain: vec![CertificateDer::from(issued.certificate.to_vec())],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        };
        tls::client_config(Trust::Authority(self.authority.certificate().clone()), Some(identity)).unwrap()
    }

    /// Starts an agent's link to servers in order of preference; what it shows them goes into the answer.
    fn link(&self, queue: &Arc<Queue>, servers: &[SocketAddr]) -> watch::Sender<Arc<ClientConfig>> {
        let (shown, tls) = watch::channel(Arc::new(self.client()));
        let link = Link {
            servers: servers.iter().map(SocketAddr::to_string).collect(),
            tls,
            queue: Arc::clone(queue),
            facts: watch::channel(Arc::new(HostFacts::default())).1,
            start: [7; 16],
            backfill_bytes_per_second: 1 << 20,
            going_back: Return {
                probe_interval: Duration::from_millis(50),
                well_for: Duration::from_millis(100),
            },
            reachability: watch::Sender::new(Reachability::default()),
            duty: watch::Sender::new(None),
            sentinel_address: String::new(),
            machine: Vec::new(),
            desk: Arc::new(Desk::new(
                QuestionSettings { open_files: false },
                "/proc".into(),
                0,
                Times::default(),
            )),
        };
        tokio::spawn(link.run(self.stop.clone()));
        shown
    }

    /// A queue that writes two frames to disk at once, and keeps `disk_bytes` there.
    fn queue(&self, disk_bytes: u64) -> Arc<Queue> {
        let spool = Spool::open(&spool_config(self.directory.path(), disk_bytes)).unwrap();
        let clocks = Clocks { boot_us: clock::boot_us(), wall_ms: clock::wall_ms() };
        Arc::new(Queue::new(spool, "boot", clocks))
    }
}

fn spool_config(root: &Path, disk_bytes: u64) -> tacho_spool::Config {
    tacho_spool::Config {
        runtime_dir: root.join("run"),
        dir: root.join("spool"),
        cold_dir: root.join("cold"),
        hot_bytes: 1 << 20,
        group: 2,
        segment_bytes: 1 << 20,
        disk_bytes,
        age_ms: i64::MAX,
    }
}

/// Takes frames, of a kilobyte each that nothing packs.
fn push(queue: &Queue, count: usize) {
    for _ in 0..count {
        let blocks = Bytes::from((0..32).flat_map(|_| tls::random_secret()).collect::<Vec<u8>>());
        queue.push(NewFrame { boot_clock_us: clock::boot_us(), blocks, ..NewFrame::default() });
        queue.maintain();
    }
}

#[tonic::async_trait]
impl AgentService for Reception {
    type ConnectStream = ReceiverStream<Result<FromServer, Status>>;

    async fn join(&self, _: Request<JoinRequest>) -> Result<Response<JoinResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn renew(&self, _: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn connect(
        &self,
        request: Request<Streaming<FromAgent>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let (sender, receiver) = mpsc::channel(MESSAGES);
        let visit = Visit { incoming: request.into_inner(), sender };
        self.0.send(visit).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

impl Peer {
    /// The next agent that comes, with its hello.
    async fn visit(&mut self) -> (Visit, Hello) {
        let mut visit = tokio::time::timeout(PATIENCE, self.visits.recv()).await.unwrap().unwrap();
        match visit.next().await {
            Some(from_agent::Message::Hello(hello)) => (visit, hello),
            other => panic!("{other:?} instead of a hello"),
        }
    }
}

impl Visit {
    async fn say(&self, message: from_server::Message) {
        self.sender.send(Ok(FromServer { message: Some(message) })).await.unwrap();
    }

    async fn welcome(&self, pace: u64) {
        let pace = Some(Pace { backfill_bytes_per_second: pace });
        self.say(from_server::Message::Welcome(Welcome { pace, ..Welcome::default() })).await;
    }

    async fn acknowledge(&self, first: u64, last: u64) {
        let stored = vec![SequenceRange { first, last }];
        self.say(from_server::Message::Acknowledge(Acknowledge { stored, stream: Vec::new() })).await;
    }

    /// The next message; `None` when the agent has left.
    async fn next(&mut self) -> Option<from_agent::Message> {
        let received = tokio::time::timeout(PATIENCE, self.incoming.message()).await.unwrap();
        received.ok().flatten().map(|received| received.message.unwrap())
    }

    async fn frame(&mut self) -> Frame {
        loop {
            match self.next().await.unwrap() {
                from_agent::Message::Frame(frame) => return frame,
                from_agent::Message::Gap(_) | from_agent::Message::Backlog(_) => {}
                other => panic!("{other:?} instead of a frame"),
            }
        }
    }

    /// All that comes before the answer to a ping: the agent has read what was said before it.
    async fn until_pong(&mut self) -> Vec<from_agent::Message> {
        self.say(from_server::Message::Ping(Ping { number: 5 })).await;
        let mut before = Vec::new();
        loop {
            match self.next().await.unwrap() {
                from_agent::Message::Pong(pong) if pong.number == 5 => return before,
                other => before.push(other),
            }
        }
    }

    async fn gap(&mut self) -> Gap {
        loop {
            match self.next().await.unwrap() {
                from_agent::Message::Gap(gap) => return gap,
                from_agent::Message::Frame(_) | from_agent::Message::Backlog(_) => {}
                other => panic!("{other:?} instead of a gap"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_is_left_for_the_next_one_and_gets_nothing_new() {
    let world = World::new();
    let (mut first, mut second) = (world.serve().await, world.serve().await);
    let queue = world.queue(1 << 20);
    let _shown = world.link(&queue, &[first.address, second.address]);
    let (mut visit, _) = first.visit().await;
    visit.welcome(1 << 20).await;
    push(&queue, 1);
    assert_eq!(visit.frame().await.sequence, 1);
    visit.say(from_server::Message::Drain(Drain { return_after_ms: HOUR_MS })).await;
    visit.until_pong().await;
    push(&queue, 1);
    // What was on its way is still acknowledged.
    visit.acknowledge(1, 1).await;
    while let Some(message) = visit.next().await {
        assert!(!matches!(message, from_agent::Message::Frame(_)), "{message:?}");
    }
    let (mut visit, _) = second.visit().await;
    visit.welcome(1 << 20).await;
    assert_eq!(visit.frame().await.sequence, 2, "the first has the other one");
    for sequence in 3..=12 {
        push(&queue, 1);
        assert_eq!(visit.frame().await.sequence, sequence);
        visit.until_pong().await;
    }
    assert!(first.visits.try_recv().is_err(), "it asked for an hour");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_goes_back_to_the_server_it_prefers_once_that_one_is_well() {
    let world = World::new();
    let [address, _] = free_addresses().unwrap();
    let mut other = world.serve().await;
    let queue = world.queue(1 << 20);
    let _shown = world.link(&queue, &[address, other.address]);
    let (mut visit, _) = other.visit().await;
    visit.welcome(1 << 20).await;
    for sequence in 1..=2 {
        push(&queue, 1);
        assert_eq!(visit.frame().await.sequence, sequence);
    }
    visit.acknowledge(1, 1).await;
    visit.until_pong().await;
    let mut preferred = world.serve_at(address).await;
    let (mut back, hello) = preferred.visit().await;
    // It has left the other one.
    while visit.next().await.is_some() {}
    assert_eq!(hello.backlog.iter().map(|part| part.frames).sum::<u64>(), 1);
    back.welcome(1 << 20).await;
    assert_eq!(back.frame().await.sequence, 2, "what nobody has stored comes again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_by_one_new_connection() {
    let world = World::new();
    let mut server = world.serve().await;
    let queue = world.queue(1 << 20);
    let shown = world.link(&queue, &[server.address]);
    for sequence in 1..=3 {
        let (mut visit, _) = server.visit().await;
        visit.welcome(1 << 20).await;
        push(&queue, 1);
        assert_eq!(visit.frame().await.sequence, sequence);
        visit.acknowledge(sequence, sequence).await;
        for _ in 0..20 {
            visit.until_pong().await;
        }
        assert!(server.visits.try_recv().is_err(), "it stays");
        shown.send_replace(Arc::new(world.client()));
        while visit.next().await.is_some() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_comes_at_the_pace_of_the_server_behind_what_is_live() {
    let world = World::new();
    let mut server = world.serve().await;
    let queue = world.queue(1 << 20);
    push(&queue, 7);
    let _shown = world.link(&queue, &[server.address]);
    let (mut visit, hello) = server.visit().await;
    assert_eq!(hello.backlog[0].frames, 7);
    visit.welcome(0).await;
    let newest = visit.frame().await;
    assert_eq!((newest.sequence, newest.backfill), (7, false));
    push(&queue, 1);
    assert_eq!(visit.frame().await.sequence, 8);
    // A message of a newer server is passed over.
    visit.sender.send(Ok(FromServer { message: None })).await.unwrap();
    let meanwhile = visit.until_pong().await;
    assert!(
        !meanwhile.iter().any(|message| matches!(message, from_agent::Message::Frame(_))),
        "{meanwhile:?}"
    );
    visit.say(from_server::Message::Pace(Pace { backfill_bytes_per_second: 1 << 20 })).await;
    for sequence in 1..=6 {
        let frame = visit.frame().await;
        assert_eq!((frame.sequence, frame.backfill), (sequence, true));
    }
    visit.acknowledge(1, 8).await;
    visit.until_pong().await;
    queue.maintain();
    assert_eq!((queue.state().records, queue.state().disk_bytes), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_dropped_is_told_until_the_server_has_taken_note_and_the_backlog_until_it_is_gone() {
    let world = World::new();
    let mut server = world.serve().await;
    let queue = world.queue(8_000);
    push(&queue, 21);
    let [dropped] = queue.gaps()[..] else { panic!("{:?}", queue.gaps()) };
    assert_eq!((dropped.first_sequence, dropped.last_sequence < 21), (1, true));
    let _shown = world.link(&queue, &[server.address]);
    let left = 21 - dropped.last_sequence;
    for _ in 0..2 {
        let (mut visit, hello) = server.visit().await;
        assert_eq!(hello.backlog[0].frames, left);
        visit.welcome(1 << 20).await;
        let gap = visit.gap().await;
        assert_eq!((gap.first_sequence, gap.last_sequence), (1, dropped.last_sequence));
        assert_eq!(gap.reason, i32::from(GapReason::Space));
    }
    let (mut visit, _) = server.visit().await;
    visit.welcome(1 << 20).await;
    visit.acknowledge(1, 21).await;
    let mut said = visit.until_pong().await;
    queue.maintain();
    assert_eq!((queue.gaps(), queue.state().records), (Vec::new(), 0));
    let is_last = |said: &_| matches!(said, from_agent::Message::Backlog(backlog) if backlog.frames == 0);
    while !said.iter().any(is_last) {
        said = vec![visit.next().await.unwrap()];
    }
}
