//! A server under test, and a host with two minutes of history.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use tacho_alert::{Glob, Matcher, Route};
use tacho_catalog::{Catalog, Role, UserRecord};
use tacho_history::{History, HistoryConfig, StreamKey};
use tacho_model::tables::{disk, filesystem, host, process};
use tacho_model::{Block, HostFacts, HostKey, ProcessIdentity, ProcessKey, Snapshot};
use tacho_server::alerts::{Alerts, LEASE, Membership, Receiver, ReceiverKind, load_rules};
use tacho_server::api::{ApiParts, ApiState, router};
use tacho_server::auth::token::{TokenRequest, issue};
use tacho_server::auth::{Callers, PasswordCost, Passwords, Peer, SignInLimit};
use tacho_server::ingest::Sessions;
use tacho_server::live::Live;
use tacho_server::metrics::Metrics;
use tacho_server::posted::Posted;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Time of the first snapshot: 2026-09-21T14:13:20Z.
pub(crate) const START_MS: i64 = 1_790_000_000_000;

/// Between two snapshots.
pub(crate) const INTERVAL_MS: i64 = 5_000;

/// Snapshots of the host, so the newest is at 115 s.
pub(crate) const SNAPSHOTS: i64 = 24;

/// Password of every user.
pub(crate) const PASSWORD: &str = "correct horse";

/// Runs a job in every snapshot: half a core, 1000 bytes written.
pub(crate) const BUSY: i64 = 100;

/// Has a row once a minute: at 0 s and 60 s, with 10 ms of CPU time each.
pub(crate) const IDLE: i64 = 200;

pub(crate) struct Server {
    _directory: Arc<tempfile::TempDir>,
    pub(crate) state: ApiState,
    pub(crate) directory: std::path::PathBuf,
    now: Arc<AtomicI64>,
    router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

fn member(name: &str, lease: Duration) -> Membership {
    Membership { server: name.to_owned(), lease }
}

/// A request being put together.
pub(crate) struct Call<'a> {
    server: &'a Server,
    request: http::request::Builder,
    body: Body,
}

impl Server {
    /// A server that nothing was sent to yet.
    pub(crate) async fn empty() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with other settings of its history.
    pub(crate) async fn with(configure: impl FnOnce(&mut HistoryConfig)) -> Self {
        let time = Arc::new(AtomicI64::new(START_MS));
        Self::open(Arc::new(tempfile::tempdir().unwrap()), time, member("one", LEASE), configure).await
    }

    /// Another server on the same catalog and history, with the same clock. Also what comes after this one.
    pub(crate) async fn another(&self) -> Self {
        Self::open(Arc::clone(&self._directory), Arc::clone(&self.now), member("one", LEASE), |_| {}).await
    }

    /// One of several servers on the same catalog and history, with the same clock.
    pub(crate) async fn beside(&self, name: &str, lease: Duration) -> Self {
        Self::open(Arc::clone(&self._directory), Arc::clone(&self.now), member(name, lease), |_| {}).await
    }

    async fn open(
        directory: Arc<tempfile::TempDir>,
        time: Arc<AtomicI64>,
        membership: Membership,
        configure: impl FnOnce(&mut HistoryConfig),
    ) -> Self {
        let path = directory.path().to_owned();
        let clock = Arc::clone(&time);
        let now: tacho_history::NowMs = Arc::new(move || clock.load(Ordering::Relaxed));
        let catalog = Catalog::open(&path.join("catalog.sqlite")).await.unwrap();
        let mut config = HistoryConfig::new(path.join("history"));
        configure(&mut config);
        let history = History::open(config, catalog.clone(), Arc::clone(&now)).await.unwrap();
        let rules = Arc::new(load_rules(&path.join("rules.d")).unwrap());
        let parts = ApiParts {
            posted: Posted::new(catalog.clone(), history.clone(), Arc::clone(&now)),
            history,
            alerts: Alerts::new(
                rules,
                receivers(&path),
                "https://tacho".to_owned(),
                catalog.clone(),
                Arc::clone(&now),
                membership,
            ),
            catalog,
            live: Live::new(Arc::clone(&now)),
            now,
            metrics: Metrics::default(),
            passwords: Passwords::new(PasswordCost::CHEAPEST).unwrap(),
            sign_in_limit: SignInLimit::default(),
            callers: Callers::default(),
            sql: tacho_server::sql::SqlSockets::new(directory.path()),
            // However slow the machine is that runs the tests.
            sessions: Sessions::with_patience(Duration::from_secs(3600)),
            mint_join_token: Arc::new(|secret| format!("tacho_join_{}", secret[0])),
            stop: CancellationToken::new(),
        };
        let state = ApiState::from(parts);
        let router = router(state.clone());
        Self { _directory: directory, state, directory: path, now: time, router }
    }

    /// A server with one host, `web`, and its history, half of it flushed to files.
    pub(crate) async fn with_history() -> Self {
        let server = Self::empty().await;
        let key = server.join("web").await;
        let stream = StreamKey { agent_id: "agent".into(), stream: [1; 16] };
        for number in 0..SNAPSHOTS {
            let snapshot = Arc::new(snapshot(number));
            let sequence = u64::try_from(number).unwrap() + 1;
            server.set_now(snapshot.time_ms);
            server.state.history.append(&key, &stream, sequence, Arc::clone(&snapshot)).await.unwrap();
            server.state.live.snapshot(&key, snapshot);
            if number == SNAPSHOTS / 2 {
                server.state.history.flush().await.unwrap();
            }
        }
        server
    }

    /// Joins and connects a host.
    pub(crate) async fn join(&self, name: &str) -> HostKey {
        let id = format!("id-{name}");
        let now_ms = self.now_ms();
        let key = self.state.catalog.host_for_join(name, name.as_bytes(), &id, now_ms).await.unwrap();
        let facts = HostFacts { os: "Debian 13".to_owned(), cpu_cores: 2, ..HostFacts::default() };
        self.state.catalog.save_facts(&id, &facts, now_ms).await.unwrap();
        self.state.live.connected(&key, Arc::new(facts));
        key
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(crate) fn set_now(&self, now_ms: i64) {
        self.now.store(now_ms, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }

    /// Text of a new API token.
    pub(crate) async fn token(&self, role: Role) -> String {
        let request = TokenRequest::Api { role, note: String::new(), expires_ms: None };
        issue(&self.state.catalog, request, &*self.state.mint_join_token, self.now_ms()).await.unwrap().text
    }

    pub(crate) async fn add_user(&self, name: &str, role: Role) {
        let password_hash = self.state.passwords.hash(PASSWORD.to_owned()).await.unwrap();
        let user = UserRecord { name: name.to_owned(), role, password_hash, created_ms: self.now_ms() };
        assert!(self.state.catalog.add_user(&user).await.unwrap());
    }

    /// Signs in and returns the cookie to send.
    pub(crate) async fn sign_in(&self, name: &str) -> String {
        let answer =
            self.call(Method::POST, "/api/v1/session").json(&sign_in_body(name, PASSWORD)).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.cookie()
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        let request = Request::builder().method(method).uri(path);
        Call { server: self, request, body: Body::empty() }
    }

    /// The answer to a GET with a viewer's token.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let token = self.token(Role::Viewer).await;
        self.call(Method::GET, path).bearer(&token).send().await
    }

    /// The JSON of a GET that succeeds.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }

    /// The message of a GET that is refused as invalid.
    pub(crate) async fn invalid(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::BAD_REQUEST, "invalid"), "{path}");
        answer.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// As the page does it: cookie and the header against forgery.
    pub(crate) fn cookie(self, cookie: &str) -> Self {
        self.header("cookie", cookie).header("x-tacho-request", "1")
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        let mut call = self.header("content-type", "application/json");
        call.body = Body::from(body.to_string());
        call
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn of_address(mut self, address: &str, tls: bool) -> Self {
        let address: IpAddr = address.parse().unwrap();
        self.request = self.request.extension(Peer { address, tls });
        self
    }

    /// The answer with its body still to come.
    pub(crate) async fn open(self) -> axum::response::Response {
        let request = self.request.body(self.body).unwrap();
        self.server.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(self) -> Answer {
        let response = self.open().await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Kind of the error.
    pub(crate) fn kind(&self) -> String {
        self.json()["error"]["kind"].as_str().unwrap_or_default().to_owned()
    }

    /// The cookie that was set, as a browser sends it back.
    pub(crate) fn cookie(&self) -> String {
        let set = self.headers["set-cookie"].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }
}

pub(crate) fn sign_in_body(user: &str, password: &str) -> Value {
    serde_json::json!({ "user": user, "password": password })
}

/// Milliseconds since the first snapshot, as a point in time.
pub(crate) fn at(offset_ms: i64) -> i64 {
    START_MS + offset_ms
}

fn snapshot(number: i64) -> Snapshot {
    let mut blocks = vec![host_block(), disk_block()];
    if number % 12 == 0 {
        blocks.push(filesystem_block());
    }
    let (block, processes) = process_block(number);
    blocks.push(block);
    for block in &mut blocks {
        block.interval_ms = INTERVAL_MS;
    }
    Snapshot { time_ms: at(number * INTERVAL_MS), blocks, processes }
}

fn host_block() -> Block {
    let mut block = Block::new(&host::TABLE);
    let mut row = block.push();
    row.integer(host::CPU_USER_US, 2_000_000).integer(host::CPU_SYSTEM_US, 500_000);
    row.integer(host::CPU_IDLE_US, 7_500_000).integer(host::CPU_IOWAIT_US, 0).integer(host::CPU_CORES, 2);
    row.integer(host::MEMORY_TOTAL_BYTES, 1_000).integer(host::MEMORY_AVAILABLE_BYTES, 400);
    row.float(host::LOAD1, 0.5).integer(host::DISK_READ_BYTES, 50_000).integer(host::PROCESSES, 5);
    row.integer(host::PROCESSES_CPU_USER_US, 2_600_000).integer(host::PROCESSES_CPU_SYSTEM_US, 500_000);
    block
}

fn disk_block() -> Block {
    let mut block = Block::new(&disk::TABLE);
    block.push().text(disk::DEVICE, "sda").integer(disk::READ_BYTES, 50_000).integer(disk::BUSY_US, 500_000);
    block.push().text(disk::DEVICE, "sdb").integer(disk::READ_BYTES, 0).integer(disk::BUSY_US, 0);
    block
}

fn filesystem_block() -> Block {
    let mut block = Block::new(&filesystem::TABLE);
    let mut row = block.push();
    row.text(filesystem::MOUNT_POINT, "/").integer(filesystem::USED_BYTES, 30);
    row.integer(filesystem::AVAILABLE_BYTES, 70).integer(filesystem::SIZE_BYTES, 100);
    block
}

fn process_block(number: i64) -> (Block, Vec<Arc<ProcessIdentity>>) {
    let mut block = Block::new(&process::TABLE);
    let mut processes = Vec::new();
    if number % 12 == 0 {
        let mut row = block.push();
        row.text(process::STATE, "S")
            .integer(process::CPU_USER_US, 10_000)
            .integer(process::CPU_SYSTEM_US, 0);
        row.integer(process::RSS_BYTES, 2_000).integer(process::PROCESSES, 1);
        processes.push(identity(IDLE, "sleepd", "root"));
    }
    let mut row = block.push();
    row.text(process::STATE, "R").integer(process::CPU_USER_US, 2_000_000);
    row.integer(process::CPU_SYSTEM_US, 500_000).integer(process::RSS_BYTES, 1_000 + number);
    row.integer(process::DISK_WRITE_BYTES, 1_000).integer(process::PROCESSES, 1);
    processes.push(identity(BUSY, "busy", "ann"));
    let mut row = block.push();
    row.integer(process::CPU_USER_US, 1_000).integer(process::CPU_SYSTEM_US, 1_000);
    row.integer(process::RSS_BYTES, 500).integer(process::PROCESSES, 3);
    processes.push(Arc::new(ProcessIdentity::other()));
    (block, processes)
}

fn identity(pid: i64, name: &str, user: &str) -> Arc<ProcessIdentity> {
    Arc::new(ProcessIdentity {
        key: ProcessKey { pid, start_time_ms: START_MS - 10_000 },
        parent_pid: 1,
        name: name.to_owned(),
        command: format!("/usr/bin/{name} --all"),
        user_id: 1000,
        user: user.to_owned(),
        cgroup: format!("/system.slice/{name}.service"),
        unit: format!("{name}.service"),
        container: String::new(),
    })
}

/// Files in the server's directory: one is told of everything, the other of what does not happen here.
fn receivers(directory: &Path) -> Vec<Receiver> {
    let file =
        |name: &str, path: &str| Receiver::new(name, ReceiverKind::File { path: directory.join(path) });
    let matcher = Matcher { label: "tag.team".to_owned(), pattern: Glob::new("db*").expect("a pattern") };
    let route = Route { matchers: vec![matcher], after_ms: 900_000, ..Route::default() };
    vec![file("log", "alerts.log"), Receiver { route, ..file("db", "db.log") }]
}
