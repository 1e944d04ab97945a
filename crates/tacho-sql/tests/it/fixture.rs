//! A server with three hours of two hosts in files and a third host in its memory, and `tacho-sql` beside it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tacho_runtime::clock::wall_ms;
use tacho_testkit::daemons::{Agent, Daemon, Server, free_addresses, post, wait_until};
use tacho_testkit::load::Load;
use tacho_testkit::synthetic::HostShape;

pub(crate) const HOUR_MS: i64 = 3_600_000;

/// Between two snapshots of the hosts that do not exist.
pub(crate) const INTERVAL: Duration = Duration::from_secs(30);

/// Of each of the hosts `web-1` and `web-2`: three hours of them.
pub(crate) const SNAPSHOTS: u64 = 360;

const JSON: &str = "application/json";

/// Stops all of it when it is dropped.
pub(crate) struct Fixture {
    directory: tempfile::TempDir,
    pub(crate) server: Server,
    _agent: Agent,
    sql: Option<Daemon>,
    pub(crate) postgres: SocketAddr,
    /// Of the first snapshot, the start of an hour.
    pub(crate) from_ms: i64,
}

/// Shared by the tests that run at the same time and only read.
static SHARED: Mutex<Weak<Fixture>> = Mutex::new(Weak::new());

impl Fixture {
    pub(crate) fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let fixture = Arc::new(Self::start(&[]));
            *shared = Arc::downgrade(&fixture);
            fixture
        })
    }

    /// One with settings of its own for `tacho-sql`.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let flush = |interval: &str| {
            std::fs::write(directory.path().join("server.toml"), format!("flush_interval = \"{interval}\"\n"))
        };
        flush("1s").unwrap();
        let mut server = Server::start(directory.path(), &[]).unwrap();
        let from_ms = (wall_ms() / HOUR_MS - 3) * HOUR_MS;
        fill(&server, from_ms);
        // From now on what comes stays in memory.
        assert_eq!(server.stop().unwrap(), 0);
        flush("1h").unwrap();
        server.restart().unwrap();
        let agent = Agent::start(directory.path(), &server, "live", &[("interval", "1s")]).unwrap();
        let postgres = free_addresses().unwrap()[0];
        let mut fixture = Self { directory, server, _agent: agent, sql: None, postgres, from_ms };
        fixture.start_sql(settings);
        wait_until("the first snapshot", || {
            Ok(fixture.server.snapshot_times("live").is_ok_and(|times| !times.is_empty()).then_some(()))
        })
        .unwrap();
        fixture
    }

    /// Starts `tacho-sql` and waits until it answers.
    pub(crate) fn start_sql(&mut self, settings: &[(&str, &str)]) {
        let mut all = vec![
            ("data_dir".to_owned(), self.server.data_dir.display().to_string()),
            ("postgres_listen".to_owned(), self.postgres.to_string()),
        ];
        all.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let log = self.directory.path().join("sql.log");
        let mut daemon =
            Daemon::start(Path::new(env!("CARGO_BIN_EXE_tacho-sql")), &["run"], "TACHO_SQL", &all, &log)
                .unwrap();
        wait_until("tacho-sql answers", || {
            assert_running(&mut daemon);
            Ok((self.try_query("SELECT 1").0 == 200).then_some(()))
        })
        .unwrap();
        self.sql = Some(daemon);
    }

    /// SIGTERM; its exit code.
    pub(crate) fn stop_sql(&mut self) -> i32 {
        self.sql.take().unwrap().stop().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Status and body of a query through the server.
    pub(crate) fn ask(&self, accept: &str, body: &Value) -> (u16, Vec<u8>) {
        post(self.server.http, "/api/v1/sql", self.server.token(), accept, body).unwrap()
    }

    fn try_query(&self, query: &str) -> (u16, Vec<u8>) {
        self.ask(JSON, &json!({ "query": query }))
    }

    /// The answer to a query that works.
    pub(crate) fn answer(&self, query: &str) -> Value {
        let (status, body) = self.try_query(query);
        assert_eq!(status, 200, "{query}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    /// Rows of a query that works.
    pub(crate) fn rows(&self, query: &str) -> Vec<Vec<Value>> {
        serde_json::from_value(self.answer(query)["rows"].clone()).unwrap()
    }

    /// The one cell of a query that works.
    pub(crate) fn cell(&self, query: &str) -> Value {
        let rows = self.rows(query);
        assert_eq!((rows.len(), rows[0].len()), (1, 1), "{query}: {rows:?}");
        rows[0][0].clone()
    }

    /// Status, kind and message of a query that is refused.
    pub(crate) fn refused(&self, query: &str) -> (u16, String, String) {
        let (status, body) = self.try_query(query);
        assert_ne!(status, 200, "{query}: {}", String::from_utf8_lossy(&body));
        let body: Value = serde_json::from_slice(&body).unwrap();
        let text = |name: &str| body["error"][name].as_str().unwrap().to_owned();
        (status, text("kind"), text("message"))
    }

    /// The plan's text.
    pub(crate) fn explain(&self, query: &str) -> String {
        let rows = self.rows(query);
        rows.iter().filter_map(|row| row[1].as_str()).collect::<Vec<_>>().join("\n")
    }

    /// `psql` with this server's address and a password; `None` when it is not installed.
    pub(crate) fn psql(&self, password: &str, connection: &str) -> Option<Command> {
        let mut command = Command::new("psql");
        if command.arg("--version").output().is_err() {
            eprintln!("left out: psql is not installed");
            return None;
        }
        let mut command = Command::new("psql");
        let (host, port) = (self.postgres.ip(), self.postgres.port());
        command.arg(format!("host={host} port={port} dbname=tacho user=me {connection}"));
        command.args(["--no-psqlrc", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]);
        command.env("PGPASSWORD", password).env("LC_ALL", "C").env_remove("PGSSLMODE");
        Some(command)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("sql.log")).unwrap_or_default()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of tacho-sql:\n{}", self.log());
        }
    }
}

fn assert_running(daemon: &mut Daemon) {
    assert!(daemon.is_running(), "tacho-sql ended:\n{}", daemon.log());
}

/// Hosts `web-1` and `web-2`.
fn fill(server: &Server, from_ms: i64) {
    let token = server.create_token(&["join"]).unwrap().parse().unwrap();
    let load = Load {
        server: server.tls.to_string(),
        token,
        prefix: "web-".to_owned(),
        hosts: 2,
        shape: HostShape { processes: 40, active: 8 },
        interval: INTERVAL,
        from_ms,
        past: SNAPSHOTS,
        live: 0,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(load.run(Arc::default())).unwrap();
}
