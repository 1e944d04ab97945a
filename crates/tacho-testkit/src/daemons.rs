//! Real daemons under test: built, started on ports and directories of their own, killed or stopped, and
//! asked over their API. What is started here ends with the value that holds it.

mod binaries;
mod client;
mod process;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

pub use binaries::{binary, use_binaries};
pub use client::{Answer, get, post, wait_until};
pub use process::Daemon;

/// A server, its directory and addresses; it may run or not.
#[derive(Debug)]
pub struct Server {
    pub data_dir: PathBuf,
    pub http: SocketAddr,
    pub tls: SocketAddr,
    log: PathBuf,
    settings: Vec<(String, String)>,
    token: String,
    running: Option<Daemon>,
}

/// An agent that has joined a server; it may run or not.
#[derive(Debug)]
pub struct Agent {
    pub data_dir: PathBuf,
    log: PathBuf,
    settings: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    running: Option<Daemon>,
}

impl Server {
    /// Starts a server in `directory`. `settings` are keys of its configuration.
    pub fn start(directory: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let [http, tls] = free_addresses()?;
        let mut server = Self {
            data_dir: directory.join("server"),
            http,
            tls,
            log: directory.join("server.log"),
            settings: own(settings),
            token: String::new(),
            running: None,
        };
        server.restart()?;
        server.token = server.create_token(&["api", "--role", "admin"])?;
        Ok(server)
    }

    /// Starts a server `name` on the catalog, history and certificate authority of this one, with a data directory of
    /// its own beside that.
    pub fn beside(&self, directory: &Path, name: &str, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let [http, tls] = free_addresses()?;
        let data_dir = directory.join(name);
        std::fs::create_dir(&data_dir)?;
        for shared in ["catalog.sqlite", "history", "ca.pem", "ca-key.pem"] {
            std::os::unix::fs::symlink(self.data_dir.join(shared), data_dir.join(shared))?;
        }
        let log = directory.join(format!("{name}.log"));
        let token = self.token.clone();
        let mut server = Self { data_dir, http, tls, log, settings: own(settings), token, running: None };
        server.restart()?;
        Ok(server)
    }

    /// Starts it again, on the same directory and ports, and waits until it is ready.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.running = None;
        let mut daemon = self.command("tacho-server", &["run"])?;
        wait_until("the server is ready", || {
            ensure!(daemon.is_running(), "the server ended:\n{}", daemon.log());
            Ok(get(self.http, "/-/ready", "").is_ok_and(|answer| answer.status == 200).then_some(()))
        })?;
        self.running = Some(daemon);
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// SIGTERM; waits for its end and answers with its exit code.
    pub fn stop(&mut self) -> anyhow::Result<i32> {
        self.running.take().context("the server does not run")?.stop()
    }

    /// The last line that `tacho-server token create …` prints.
    pub fn create_token(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(&[&["token", "create"], arguments].concat())?;
        Ok(output.lines().last().context("no token was printed")?.trim().to_owned())
    }

    /// Runs `tacho-server` with this server's settings until it ends; what it printed.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.command("tacho-server", arguments)?.finish()
    }

    /// A second process of this server's binary and settings.
    pub fn another(&self, ports: [SocketAddr; 2]) -> anyhow::Result<Daemon> {
        let mut settings = self.all_settings();
        settings.push(("http_listen".to_owned(), ports[0].to_string()));
        settings.push(("listen".to_owned(), ports[1].to_string()));
        Daemon::start(
            &binary("tacho-server")?,
            &["run"],
            "TACHO_SERVER",
            &settings,
            &self.log.with_extension("second"),
        )
    }

    fn command(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Daemon> {
        let log = if arguments == ["run"] { self.log.clone() } else { self.log.with_extension("command") };
        let arguments = with_file(&self.log, arguments);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Daemon::start(&binary(name)?, &arguments, "TACHO_SERVER", &self.all_settings(), &log)
    }

    fn all_settings(&self) -> Vec<(String, String)> {
        let mut settings = vec![
            ("data_dir".to_owned(), self.data_dir.display().to_string()),
            ("http_listen".to_owned(), self.http.to_string()),
            ("listen".to_owned(), self.tls.to_string()),
        ];
        settings.extend(self.settings.iter().cloned());
        settings
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// GET of an API path; the answer has to be JSON with status 200.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = get(self.http, path, &self.token)?;
        ensure!(answer.status == 200, "{path}: status {}: {}", answer.status, answer.body);
        serde_json::from_str(&answer.body).with_context(|| format!("{path}: not JSON"))
    }

    /// The API token, of an admin, that this value calls the API with.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// DELETE of an API path.
    pub fn delete(&self, path: &str) -> anyhow::Result<()> {
        let answer = client::request("DELETE", self.http, path, &self.token)?;
        ensure!(answer.status == 204, "{path}: status {}: {}", answer.status, answer.body);
        Ok(())
    }

    /// A metric of the server, summed over its labels.
    pub fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let answer = get(self.http, "/metrics", &self.token)?;
        ensure!(answer.status == 200, "/metrics: status {}", answer.status);
        let samples = answer.body.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let is_it =
                series.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'));
            is_it.then(|| value.parse::<f64>().ok()).flatten()
        });
        let values: Vec<f64> = samples.collect();
        ensure!(!values.is_empty(), "there is no metric {name}");
        Ok(values.iter().sum())
    }

    /// Times of all `host` rows of a host between two instants, as the API gives them, in milliseconds.
    pub fn snapshot_times(&self, host: &str) -> anyhow::Result<Vec<i64>> {
        let path = format!("/api/v1/hosts/{host}/rows?table=host&columns=time&from=0&to=4102444800000");
        client::times(&self.get(&path)?)
    }
}

impl Agent {
    /// Joins `server` under `name` and starts.
    pub fn start(
        directory: &Path,
        server: &Server,
        name: &str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut agent = Self::join(directory, server, name, settings)?;
        agent.restart()?;
        Ok(agent)
    }

    /// Joins `server` again with a new token, which `arguments` make: such as `["--host", "web"]`.
    pub fn join_again(&self, server: &Server, arguments: &[&str]) -> anyhow::Result<()> {
        let token = server.create_token(&[&["join"], arguments].concat())?;
        self.command(&["join", &server.tls.to_string(), &token])?.finish()?;
        Ok(())
    }

    /// Joins `server` under `name`.
    pub fn join(
        directory: &Path,
        server: &Server,
        name: &str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut settings = own(settings);
        settings.push(("host_name".to_owned(), name.to_owned()));
        let data_dir = directory.join(name);
        settings.push(("data_dir".to_owned(), data_dir.display().to_string()));
        if settings.iter().all(|(key, _)| key != "runtime_dir") {
            settings.push(("runtime_dir".to_owned(), data_dir.join("run").display().to_string()));
        }
        let log = directory.join(format!("{name}.log"));
        let agent = Self { data_dir, log, settings, environment: Vec::new(), running: None };
        let token = server.create_token(&["join"])?;
        agent.command(&["join", &server.tls.to_string(), &token])?.finish()?;
        Ok(agent)
    }

    /// Starts it again. It connects by itself, so there is nothing to wait for.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.running = None;
        self.running = Some(self.command(&["run"])?);
        Ok(())
    }

    /// A setting of its further starts, in place of what it was.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// An environment variable of its further starts that is no setting.
    pub fn set_environment(&mut self, key: &str, value: &str) {
        self.environment.push((key.to_owned(), value.to_owned()));
    }

    /// Runs another command of the agent with its settings to its end; what it printed.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.command(arguments)?.finish()
    }

    /// Starts it as another user, who must be able to read the binary and write the data directory.
    pub fn restart_as(&mut self, binary: &Path, user: u32) -> anyhow::Result<()> {
        self.running = None;
        self.running =
            Some(Daemon::start_as(binary, user, &["run"], "TACHO_AGENT", &self.settings, &self.log)?);
        Ok(())
    }

    /// A second process of this agent's identity, with a copy of its directory.
    pub fn another(&self, data_dir: &Path) -> anyhow::Result<Daemon> {
        let mut settings = self.settings.clone();
        settings.push(("data_dir".to_owned(), data_dir.display().to_string()));
        settings.push(("runtime_dir".to_owned(), data_dir.join("run").display().to_string()));
        Daemon::start(
            &binary("tacho-agent")?,
            &["run"],
            "TACHO_AGENT",
            &settings,
            &self.log.with_extension("second"),
        )
    }

    /// Of the running process.
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(Daemon::pid)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// SIGTERM; waits for its end and answers with its exit code.
    pub fn stop(&mut self) -> anyhow::Result<i32> {
        self.running.take().context("the agent does not run")?.stop()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> anyhow::Result<Daemon> {
        let arguments = with_file(&self.log, arguments);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = Command::new(binary("tacho-agent")?);
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        Daemon::start_command(command, &arguments, "TACHO_AGENT", &self.settings, &self.log)
    }
}

/// A configuration file beside the log, such as `server.toml`, is used when a test has put it there: tables can not
/// be given as settings.
fn with_file(log: &Path, arguments: &[&str]) -> Vec<String> {
    let file = log.with_extension("toml");
    let given =
        if file.exists() { vec!["--config".to_owned(), file.display().to_string()] } else { Vec::new() };
    given.into_iter().chain(arguments.iter().map(|argument| (*argument).to_owned())).collect()
}

/// Two loopback addresses that nothing listens on.
pub fn free_addresses() -> anyhow::Result<[SocketAddr; 2]> {
    // Both held before either is let go, so that they differ.
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let second = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok([first.local_addr()?, second.local_addr()?])
}

fn own(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Characters of a daemon's log that a failed test shows.
const SHOWN_LOG: usize = 4000;
/// How long anything here may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(180);

impl Drop for Server {
    fn drop(&mut self) {
        tell_when_panicking("server", &self.log());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        tell_when_panicking("agent", &self.log());
    }
}

/// A failed test shows what its daemons had to say.
fn tell_when_panicking(who: &str, log: &str) {
    if std::thread::panicking() {
        let from = log.char_indices().rev().nth(SHOWN_LOG).map_or(0, |(position, _)| position);
        drop(writeln!(std::io::stderr(), "log of the {who}:\n{}", log.get(from..).unwrap_or_default()));
    }
}
