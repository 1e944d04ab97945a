//! Puts the program together, runs it, and stops it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tacho_runtime::files::create_private_directory;
use tacho_runtime::tasks::{TaskGroup, stop_on_signals};
use tacho_runtime::tls;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::engine::Engine;
use crate::http;
use crate::postgres::Postgres;
use crate::reader::Reader;

/// Queries under way are given up at the stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Runs until told to stop.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let reader = Reader::new(&config.data_dir);
    let spill = &config.limits.spill_directory;
    create_private_directory(spill).with_context(|| format!("cannot make {}", spill.display()))?;
    let queries = http::listen(&config.data_dir)?;
    let listener = TcpListener::bind(config.postgres_listen)
        .await
        .with_context(|| format!("cannot listen on {}; is the port taken?", config.postgres_listen))?;
    let identity = reader.identity().await?;
    let tls = TlsAcceptor::from(Arc::new(tls::postgres_config(identity)?));
    let engine = Engine::new(&reader, config.limits.clone()).await?;

    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    let mut tasks = TaskGroup::new(stop.clone());
    tasks.spawn("queries", http::run(engine.clone(), queries, stop.clone()));
    let postgres = Postgres { engine, reader, listener, tls };
    tasks.spawn("postgres", postgres.run(stop.clone()));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"), postgres_listen = %config.postgres_listen,
        data_dir = %config.data_dir.display(), "started"
    );
    tasks.wait(STOP_GRACE).await.map_err(|error| anyhow::anyhow!("{error}"))
}
