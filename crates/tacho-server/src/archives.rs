//! `tacho-server export` and `import`: one host's range of time as one file. Beside a running server they ask it, over a
//! socket in its data directory that only its own user can open; without one they open the history themselves.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use tacho_catalog::Catalog;
use tacho_history::{ByteStream, History, Imported};
use tacho_runtime::clock::{system_now_ms, wall_ms};
use tacho_runtime::config::parse_duration;
use tacho_runtime::files::{DirectoryLock, open_directory};

use crate::api::parse_time_ms;
use crate::app::{catalog_path, history_config};
use crate::config::Config;

mod client;
pub(crate) mod open;
mod service;

use client::Client;
pub(crate) use service::routes;

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Name or id of the host.
    #[arg(long)]
    host: String,
    /// Start: a time such as 2026-11-20T03:00:00Z, or how long ago, such as 2h. Whole hours are written.
    #[arg(long, value_name = "TIME")]
    from: String,
    /// End, likewise [default: now].
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The file to write. One that is there is replaced once the export is complete.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// What came of it as JSON.
    #[arg(long)]
    json: bool,
    /// A file that `tacho-server export` wrote.
    file: PathBuf,
}

/// Asks for an export, the body of `POST /exports`.
#[derive(Debug, Serialize, Deserialize)]
struct ExportRequest {
    /// Name or id.
    host: String,
    from_ms: i64,
    to_ms: i64,
}

/// What an import did: the answer to `POST /imports`, and what `--json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ImportReport {
    host: String,
    host_id: String,
    new_host: bool,
    from: String,
    to: String,
    /// Rows that came in, and those that were here before.
    rows: u64,
    known_rows: u64,
    gaps: u64,
    alerts: u64,
}

/// Where the history is asked.
enum Source {
    Running(Client),
    /// Opened here; the lock keeps a server from starting meanwhile.
    Stopped {
        _lock: DirectoryLock,
        catalog: Catalog,
        history: History,
    },
}

/// Runs `tacho-server export`.
pub(crate) async fn export(config: &Config, arguments: &ExportArguments) -> anyhow::Result<()> {
    let now_ms = wall_ms();
    let from_ms = point("--from", &arguments.from, now_ms)?;
    let to_ms = arguments.to.as_deref().map_or(Ok(now_ms), |to| point("--to", to, now_ms))?;
    ensure!(from_ms < to_ms, "--from is not before --to");
    ensure!(
        catalog_path(config).exists(),
        "there is no history in {}; name the server's settings with --config",
        config.data_dir.display()
    );
    let request = ExportRequest { host: arguments.host.clone(), from_ms, to_ms };
    let source = Source::find(config).await?;
    let bytes = write_whole(&arguments.file, source.export(&request).await?).await?;
    source.close().await;
    writeln!(io::stdout(), "{}: {} of {}", arguments.file.display(), size(bytes), arguments.host)?;
    Ok(())
}

/// Runs `tacho-server import`.
pub(crate) async fn import(config: &Config, arguments: &ImportArguments) -> anyhow::Result<()> {
    let shown = arguments.file.display();
    let file = File::open(&arguments.file).with_context(|| format!("cannot open {shown}"))?;
    let source = Source::find(config).await?;
    let report = source.import(file).await.with_context(|| format!("{shown} was not taken in"))?;
    source.close().await;
    let mut out = io::stdout();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
        return Ok(());
    }
    let new = if report.new_host { ", a new host" } else { "" };
    writeln!(out, "{}{new}, {} to {}: {} rows taken in", report.host, report.from, report.to, report.rows)?;
    if report.known_rows > 0 {
        writeln!(out, "{} rows were here already", report.known_rows)?;
    }
    let oldest = wall_ms().saturating_sub(i64::try_from(config.retention.as_millis()).unwrap_or(i64::MAX));
    if report.rows > 0 && parse_time_ms(&report.from).is_some_and(|from_ms| from_ms < oldest) {
        writeln!(
            out,
            "some are older than `retention` keeps rows, and go within minutes; `tacho-server open` keeps all"
        )?;
    }
    Ok(())
}

impl Source {
    async fn find(config: &Config) -> anyhow::Result<Self> {
        if let Some(client) = Client::connect(&config.data_dir).await? {
            return Ok(Self::Running(client));
        }
        let lock = open_directory(&config.data_dir)
            .context("the server runs and does not answer on its socket; try again once it is ready")?;
        let catalog = Catalog::open(&catalog_path(config)).await?;
        let history = History::open(history_config(config), catalog.clone(), system_now_ms()).await?;
        Ok(Self::Stopped { _lock: lock, catalog, history })
    }

    async fn export(&self, request: &ExportRequest) -> anyhow::Result<Body> {
        match self {
            Self::Running(client) => client.export(request).await,
            Self::Stopped { catalog, history, .. } => {
                let stream = start_export(history, catalog, request).await?;
                let stream = stream.with_context(|| unknown_host(&request.host))?;
                Ok(Box::pin(stream.map_err(anyhow::Error::from)))
            }
        }
    }

    async fn import(&self, file: File) -> anyhow::Result<ImportReport> {
        match self {
            Self::Running(client) => client.import(file).await,
            Self::Stopped { history, .. } => Ok(ImportReport::of(history.import(file).await?)),
        }
    }

    async fn close(self) {
        if let Self::Stopped { catalog, .. } = self {
            catalog.close().await;
        }
    }
}

/// Pieces of an archive.
type Body = std::pin::Pin<Box<dyn futures::Stream<Item = anyhow::Result<bytes::Bytes>> + Send>>;

/// `None` when there is no such host.
async fn start_export(
    history: &History,
    catalog: &Catalog,
    request: &ExportRequest,
) -> anyhow::Result<Option<ByteStream>> {
    let Some(host) = catalog.host(&request.host).await? else { return Ok(None) };
    Ok(history.export(&host.key.id, request.from_ms..request.to_ms).await?)
}

fn unknown_host(host: &str) -> String {
    format!("there is no host {host}; `tacho-server host list` shows all")
}

/// Writes a file that is there whole or not at all; its size.
async fn write_whole(path: &Path, mut body: Body) -> anyhow::Result<u64> {
    let part = path.with_added_extension("part");
    let failed = || format!("cannot write {}", part.display());
    // Command lines and the like are for those who may read the history.
    let mut options = File::options();
    let options = options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = options.open(&part).with_context(failed)?;
    let mut bytes = 0;
    let written = async {
        while let Some(piece) = body.try_next().await? {
            file.write_all(&piece).with_context(failed)?;
            bytes += piece.len() as u64;
        }
        file.sync_all().with_context(failed)?;
        std::fs::rename(&part, path).with_context(|| format!("cannot rename {}", part.display()))
    };
    let written: anyhow::Result<()> = written.await;
    if written.is_err() {
        // The first failure is the one to tell of.
        std::fs::remove_file(&part).ok();
    }
    written.map(|()| bytes)
}

/// A time, or how long ago.
fn point(flag: &str, text: &str, now_ms: i64) -> anyhow::Result<i64> {
    if let Some(time_ms) = parse_time_ms(text) {
        return Ok(time_ms);
    }
    match parse_duration(text) {
        Ok(ago) => Ok(now_ms.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))),
        Err(_) => {
            bail!(
                "{flag} is {text:?}; write a time such as 2026-11-20T03:00:00Z, or how long ago, such as 2h"
            )
        }
    }
}

/// `1.5 MiB`
fn size(bytes: u64) -> String {
    let kib = bytes as f64 / 1024.0;
    if kib < 1024.0 { format!("{kib:.1} KiB") } else { format!("{:.1} MiB", kib / 1024.0) }
}

fn time_text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| format!("{time:.0}"))
}

impl ImportReport {
    fn of(imported: Imported) -> Self {
        Self {
            host: imported.host.name.to_string(),
            host_id: imported.host.id.to_string(),
            new_host: imported.is_new,
            from: time_text(imported.from_ms),
            to: time_text(imported.to_ms),
            rows: imported.rows,
            known_rows: imported.known_rows,
            gaps: imported.gaps,
            alerts: imported.alerts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_time_or_how_long_ago() {
        assert_eq!(point("--from", "2026-09-21T14:13:20Z", 0).unwrap(), 1_790_000_000_000);
        assert_eq!(point("--from", "2h", 10_000_000).unwrap(), 2_800_000);
        let error = point("--to", "yesterday", 0).unwrap_err().to_string();
        assert!(error.contains("--to is \"yesterday\"") && error.contains("such as 2h"), "{error}");
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!((size(1536).as_str(), size(3 << 20).as_str()), ("1.5 KiB", "3.0 MiB"));
    }
}
