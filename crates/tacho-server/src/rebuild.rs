//! `tacho-server rebuild-catalog`: the list of the history's files, from the files.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tacho_catalog::{Catalog, CatalogError};
use tacho_history::rebuild_catalog;
use tacho_runtime::clock::system_now_ms;
use tacho_runtime::files::open_directory;

use crate::app::{catalog_path, history_config};
use crate::config::Config;

const LOST: &str = "\
What files do not tell was lost with the old catalog: users and their passwords, tokens, and which agents had joined.
The next start makes user admin anew; `tacho-server token create join` prints a token for the agents, which join
again with `tacho-agent join`. Their history shows under their names once they are there.
";

/// Rebuilds the catalog of the configured data directory.
pub(crate) async fn run(config: &Config) -> anyhow::Result<()> {
    let _lock = open_directory(&config.data_dir).context("stop the server first")?;
    let path = catalog_path(config);
    let (catalog, aside) = open(&path).await?;
    let directory = history_config(config).directory;
    let report = rebuild_catalog(&directory, &catalog, system_now_ms()()).await?;
    catalog.close().await;

    let mut out = io::stdout();
    writeln!(
        out,
        "{} files with {} rows are the history; delivery is known of {} streams of agents",
        report.files, report.rows, report.streams
    )?;
    if report.superseded + report.incomplete > 0 {
        writeln!(
            out,
            "{} files are superseded and {} are incomplete; the next start removes them",
            report.superseded, report.incomplete
        )?;
    }
    for file in &report.damaged {
        writeln!(out, "cannot be read, set aside: {}", directory.join(file).display())?;
    }
    if let Some(aside) = aside {
        if let Some(old) = aside {
            writeln!(out, "the catalog that cannot be opened is {}", old.display())?;
        }
        out.write_all(LOST.as_bytes())?;
    }
    Ok(())
}

/// The catalog, and when it had to be made anew where the old one was put, if there was one.
async fn open(path: &Path) -> anyhow::Result<(Catalog, Option<Option<PathBuf>>)> {
    if !path.exists() {
        return Ok((Catalog::open(path).await?, Some(None)));
    }
    match Catalog::open(path).await {
        Ok(catalog) => Ok((catalog, None)),
        // Nothing is wrong with these.
        Err(error @ (CatalogError::Full { .. } | CatalogError::NewerSchema { .. })) => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "the catalog cannot be opened");
            let aside = path.with_extension("sqlite.damaged");
            fs::rename(path, &aside).with_context(|| format!("cannot rename {}", path.display()))?;
            for suffix in ["-wal", "-shm"] {
                let beside = PathBuf::from(format!("{}{suffix}", path.display()));
                // They belong to the old one; mostly there are none.
                fs::remove_file(beside).ok();
            }
            Ok((Catalog::open(path).await?, Some(Some(aside))))
        }
    }
}
