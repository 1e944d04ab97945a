//! Puts the server together, runs it, and stops it in order: agents are sent away with all that they gave
//! acknowledged, then connections, then the last flush.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tacho_catalog::Catalog;
use tacho_history::{History, HistoryConfig};
use tacho_notify::ChannelSettings;
use tacho_runtime::clock::system_now_ms;
use tacho_runtime::files::open_directory;
use tacho_runtime::memory;
use tacho_runtime::tasks::{TaskGroup, stop_on_signals};
use tacho_runtime::tls;
use tacho_wire::MAX_MESSAGE_BYTES;
use tacho_wire::v1::agent_service_server::AgentServiceServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::alerts::{Alerts, Membership, ReceiverSettings, Watch, load_rules};
use crate::api::{self, ApiParts};
use crate::auth::{self, Callers, INITIAL_PASSWORD_FILE, PasswordCost, Passwords, SignInLimit};
use crate::authority::Authority;
use crate::certificate::ServerCertificate;
use crate::config::Config;
use crate::ingest::{Draining, Ingest, InventoryWatch, Pacer, Sessions, Shared};
use crate::live::Live;
use crate::look_back::LookBack;
use crate::metrics::Metrics;
use crate::posted::Posted;
use crate::sentinels::Sentinels;
use crate::serve::Listener;
use crate::sql::{HistoryService, SqlSockets};

/// The last flush of a large head takes seconds on a slow disk.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// Where the catalog is kept.
pub fn catalog_path(config: &Config) -> PathBuf {
    config.data_dir.join("catalog.sqlite")
}

/// Runs the server until it is told to stop.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let _lock = open_directory(&config.data_dir)?;
    let now = system_now_ms();
    let authority = Arc::new(Authority::open(&config.data_dir, now())?);
    let (names, lifetime) = (certificate_names(&config), config.certificate_lifetime);
    let certificate = ServerCertificate::new(Arc::clone(&authority), names, lifetime, Arc::clone(&now))?;
    let tls = tls::server_config(certificate.shown(), authority.certificate().clone())?;
    let sentinels = sentinels(&config)?;
    let receivers = config.receivers.iter().map(ReceiverSettings::load).collect::<Result<Vec<_>, _>>();
    let receivers = receivers.context("a receiver of alerts cannot be used")?;
    // Sockets before anything else that lasts: a port in use is the most likely mistake.
    let (tls_socket, http_socket) = (bind(config.listen).await?, bind(config.http_listen).await?);

    let catalog = Catalog::open(&catalog_path(&config)).await?;
    // What a flush wrote for a host while it was removed. No agent is connected yet.
    catalog.forget_orphans().await?;
    let history = History::open(history_config(&config), catalog.clone(), Arc::clone(&now)).await?;
    history.describe().await?;
    let sql = SqlSockets::new(&config.data_dir);
    let history_socket = sql.listen()?;
    let history_service = HistoryService {
        authority: Arc::clone(&authority),
        names: certificate_names(&config),
        lifetime: config.certificate_lifetime,
        history: history.clone(),
        catalog: catalog.clone(),
        now: Arc::clone(&now),
    };
    let passwords = Passwords::new(PasswordCost::default())?;
    first_start(&config, &catalog, &passwords, now()).await?;

    let rules = Arc::new(load_rules(&config.rules_dir)?);
    let membership = Membership::open(&config.data_dir).context("cannot keep this server's name")?;
    let alerts =
        Alerts::new(rules, receivers, page_url(&config), catalog.clone(), Arc::clone(&now), membership);

    let stop_serving = CancellationToken::new();
    let stop_history = CancellationToken::new();
    let live = Live::new(Arc::clone(&now));
    live.take_tags(catalog.host_tags().await?);
    let posted = Posted::new(catalog.clone(), history.clone(), Arc::clone(&now));
    let metrics = Metrics::default();
    let minting = Arc::clone(&authority);
    let sessions = Sessions::default();
    let parts = ApiParts {
        history: history.clone(),
        catalog: catalog.clone(),
        live: live.clone(),
        alerts: alerts.clone(),
        posted: posted.clone(),
        now: Arc::clone(&now),
        metrics: metrics.clone(),
        passwords,
        sign_in_limit: SignInLimit::default(),
        callers: Callers::default(),
        sql: sql.clone(),
        mint_join_token: Arc::new(move |secret| minting.join_token(secret).to_string()),
        sessions: sessions.clone(),
        stop: stop_serving.clone(),
    };
    let api = api::router(parts.into());
    let draining = Draining::default();
    let pacer = Pacer::new(config.backfill_bytes_per_second);
    let watch = InventoryWatch {
        catalog: catalog.clone(),
        sessions: sessions.clone(),
        live: live.clone(),
        now: Arc::clone(&now),
    };
    let alert_watch = Watch::open(alerts, live.clone(), config.rules_dir.clone()).await?;
    let look_back = LookBack {
        history: history.clone(),
        catalog: catalog.clone(),
        live: live.clone(),
        now: Arc::clone(&now),
    };
    let ingest = Ingest::new(Shared {
        history: history.clone(),
        catalog: catalog.clone(),
        live,
        authority,
        now,
        allowed_networks: config.allowed_networks.clone(),
        metrics: metrics.clone(),
        draining: draining.clone(),
        pacer: pacer.clone(),
        sessions,
        certificate_lifetime: config.certificate_lifetime,
        sentinels: sentinels.clone(),
    });
    let agents = AgentServiceServer::new(ingest)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let with_agents = api.clone().route_service("/tacho.v1.AgentService/{*call}", agents);

    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    let mut tasks = TaskGroup::new(stop.clone());
    tasks.spawn("certificate", certificate.run(stop.clone()));
    tasks.spawn("inventory", watch.run(stop.clone()));
    tasks.spawn("posted events", posted.run(stop_serving.clone()));
    tasks.spawn("look back", look_back.run(stop.clone()));
    tasks.spawn("memory", memory::run(stop.clone()));
    tasks.spawn("sentinels", sentinels.run(stop.clone()));
    tasks.spawn("pace", pacer.run(history.clone(), metrics.clone(), stop_serving.clone()));
    tasks.spawn("history", history.clone().run(stop_history.clone()));
    let tls_listener = Listener {
        socket: tls_socket,
        tls: Some(Arc::new(tls)),
        router: with_agents,
        metrics: metrics.clone(),
    };
    let http_listener = Listener { socket: http_socket, tls: None, router: api, metrics };
    tasks.spawn("alerts", alert_watch.run(stop_serving.clone()));
    tasks.spawn("tls listener", tls_listener.run(stop_serving.clone()));
    tasks.spawn("http listener", http_listener.run(stop_serving.clone()));
    tasks.spawn("sql", history_service.run(history_socket, stop_serving.clone()));
    let parts = Parts { agents: draining, history, stop_serving, stop_history };
    tasks.spawn("stop", parts.stop_in_order(stop));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"), listen = %config.listen, http_listen = %config.http_listen,
        data_dir = %config.data_dir.display(), "started"
    );
    let ended = tasks.wait(STOP_GRACE).await.map_err(|error| anyhow::anyhow!("{error}"));
    catalog.close().await;
    tracing::info!("stopped");
    ended
}

/// What stops one after the other.
struct Parts {
    agents: Draining,
    history: History,
    stop_serving: CancellationToken,
    stop_history: CancellationToken,
}

impl Parts {
    /// Stops what takes data in before what stores it.
    async fn stop_in_order(self, stop: CancellationToken) -> Result<(), std::io::Error> {
        stop.cancelled().await;
        self.agents.run(&self.history).await;
        self.stop_serving.cancel();
        self.stop_history.cancel();
        Ok(())
    }
}

fn sentinels(config: &Config) -> anyhow::Result<Sentinels> {
    let channels = config.sentinel_channels.iter().map(ChannelSettings::load).collect::<Result<Vec<_>, _>>();
    let channels = channels.context("cannot use a channel of [[sentinel.channel]]")?;
    Ok(Sentinels::new(config.sentinel_count, config.sentinel_settle, &channels))
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another server running, or is the port taken?")
    })
}

pub fn history_config(config: &Config) -> HistoryConfig {
    HistoryConfig {
        directory: config.data_dir.join("history"),
        flush_interval: config.flush_interval,
        flush_bytes: config.flush_bytes,
        head_limit_bytes: config.head_limit_bytes,
        retention: config.retention,
        retention_1m: config.retention_1m,
        retention_10m: config.retention_10m,
        retention_1h: config.retention_1h,
        retention_1d: config.retention_1d,
        retention_of: config.retention_tables.clone(),
        limit_bytes: config.history_limit_bytes,
    }
}

/// Where people see the page.
pub fn page_url(config: &Config) -> String {
    if !config.page_url.is_empty() {
        return config.page_url.clone();
    }
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = config.names.first().map_or(own.trim(), String::as_str);
    format!("https://{}:{}", if name.is_empty() { "localhost" } else { name }, config.listen.port())
}

/// What browsers and API clients may call this server.
fn certificate_names(config: &Config) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        names.push(name.trim().to_owned());
    }
    if !config.listen.ip().is_unspecified() {
        names.push(config.listen.ip().to_string());
    }
    names.extend(config.names.iter().cloned());
    names.sort();
    names.dedup();
    names
}

async fn first_start(
    config: &Config,
    catalog: &Catalog,
    passwords: &Passwords,
    now_ms: i64,
) -> anyhow::Result<()> {
    if auth::create_initial_admin(catalog, passwords, &config.data_dir, now_ms).await? {
        let file = config.data_dir.join(INITIAL_PASSWORD_FILE);
        tracing::info!(file = %file.display(), "first start: user admin was made, its password is in the file");
    }
    if catalog.hosts().await?.is_empty() {
        tracing::info!("no host has joined yet; `tacho-server token create join` prints a token for one");
    }
    Ok(())
}
