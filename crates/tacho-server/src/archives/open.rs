//! `tacho-server open`: serves one file that `export` wrote, for a look at it on another machine. A history of its own
//! in a temporary directory, the page on loopback, one user who may read, and no agents; gone when it ends.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use tacho_catalog::{Catalog, Role, UserRecord};
use tacho_history::{History, HistoryConfig, Imported};
use tacho_runtime::clock::{NowMs, system_now_ms};
use tacho_runtime::tasks::{TaskGroup, stop_on_signals};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{ImportReport, time_text};
use crate::alerts::{Alerts, LEASE, Membership};
use crate::api::{self, ApiParts, ApiState};
use crate::auth::password::random_password;
use crate::auth::{Callers, PasswordCost, Passwords, SignInLimit};
use crate::ingest::Sessions;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::posted::Posted;
use crate::serve::Listener;
use crate::sql::SqlSockets;

/// Whoever signs in.
const USER: &str = "viewer";

/// Nothing is too old to be looked at.
const FOR_EVER: Duration = Duration::from_secs(36_500 * 86_400);

/// For requests under way.
const STOP_GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct OpenArguments {
    /// Where the page is served; loopback only. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9388")]
    listen: SocketAddr,
    /// A file that `tacho-server export` wrote.
    file: PathBuf,
}

/// Serves the file until told to stop.
pub(crate) async fn run(arguments: &OpenArguments) -> anyhow::Result<()> {
    ensure!(
        arguments.listen.ip().is_loopback(),
        "--listen is {}; without TLS only loopback is served, such as 127.0.0.1:9388",
        arguments.listen
    );
    let shown = arguments.file.display();
    let file = File::open(&arguments.file).with_context(|| format!("cannot open {shown}"))?;
    let socket = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}; take another port with --listen", arguments.listen))?;
    let address = socket.local_addr()?;
    // Private, as is what is in it; removed at the end.
    let directory = tempfile::Builder::new().prefix("tacho-open-").tempdir();
    let directory = directory.context("cannot make a temporary directory")?;
    let now = system_now_ms();
    let catalog = Catalog::open(&directory.path().join("catalog.sqlite")).await?;
    let history = open_history(directory.path(), &catalog, &now).await?;
    let imported = history.import(file).await.with_context(|| format!("cannot open {shown}"))?;
    let passwords = Passwords::new(PasswordCost::default())?;
    let password = add_user(&catalog, &passwords, now()).await?;

    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    let state = state(directory.path(), &history, &catalog, passwords, &now, &stop);
    let metrics = state.metrics.clone();
    let listener = Listener { socket, tls: None, router: api::router(state), metrics };
    let mut tasks = TaskGroup::new(stop.clone());
    tasks.spawn("http listener", listener.run(stop.clone()));
    tell(address, &imported, &password)?;
    let ended = tasks.wait(STOP_GRACE).await.map_err(|error| anyhow::anyhow!("{error}"));
    catalog.close().await;
    ended
}

async fn open_history(directory: &Path, catalog: &Catalog, now: &NowMs) -> anyhow::Result<History> {
    let config = HistoryConfig {
        retention: FOR_EVER,
        retention_1m: FOR_EVER,
        retention_10m: FOR_EVER,
        retention_1h: FOR_EVER,
        retention_1d: FOR_EVER,
        ..HistoryConfig::new(directory.join("history"))
    };
    Ok(History::open(config, catalog.clone(), Arc::clone(now)).await?)
}

async fn add_user(catalog: &Catalog, passwords: &Passwords, now_ms: i64) -> anyhow::Result<String> {
    let password = random_password();
    let password_hash = passwords.hash(password.clone()).await?;
    let user = UserRecord { name: USER.to_owned(), role: Role::Viewer, password_hash, created_ms: now_ms };
    catalog.add_user(&user).await?;
    Ok(password)
}

fn state(
    directory: &Path,
    history: &History,
    catalog: &Catalog,
    passwords: Passwords,
    now: &NowMs,
    stop: &CancellationToken,
) -> ApiState {
    // Nothing runs that would look at them.
    let rules = Arc::new(tacho_alert::default_rules());
    let membership = Membership { server: "archive".to_owned(), lease: LEASE };
    let parts = ApiParts {
        history: history.clone(),
        catalog: catalog.clone(),
        live: Live::new(Arc::clone(now)),
        posted: Posted::new(catalog.clone(), history.clone(), Arc::clone(now)),
        alerts: Alerts::new(rules, Vec::new(), String::new(), catalog.clone(), Arc::clone(now), membership),
        now: Arc::clone(now),
        metrics: Metrics::default(),
        passwords,
        sign_in_limit: SignInLimit::default(),
        callers: Callers::default(),
        // Only who manages tokens could ask for one, and nobody here may.
        mint_join_token: Arc::new(|_| String::new()),
        sql: SqlSockets::new(directory),
        sessions: Sessions::default(),
        stop: stop.clone(),
    };
    parts.into()
}

fn tell(address: SocketAddr, imported: &Imported, password: &str) -> io::Result<()> {
    let (from, to) = (time_text(imported.from_ms), time_text(imported.to_ms));
    let report = ImportReport::of(imported.clone());
    let name = &report.host;
    let escaped: String = url_escaped(name);
    let mut out = io::stdout();
    writeln!(out, "{name}, {from} to {to}: {} rows", report.rows)?;
    writeln!(out)?;
    writeln!(out, "  page      http://{address}/hosts/{escaped}?from={from}&to={to}")?;
    writeln!(out, "  sign in   {USER}   {password}")?;
    writeln!(out)?;
    writeln!(out, "Ctrl-C ends it; the file stays as it is.")?;
    out.flush()
}

/// For a part of an address's path.
fn url_escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::url_escaped;

    #[test]
    fn names_of_hosts_go_into_addresses() {
        assert_eq!(url_escaped("web-1.example"), "web-1.example");
        assert_eq!(url_escaped("a b/ü"), "a%20b%2F%C3%BC");
    }
}
