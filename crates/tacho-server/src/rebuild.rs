//! `tacho-server rebuild-catalog`: the list of the history's files, from the files.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tacho_catalog::{Catalog, CatalogError};
use tacho_history::rebuild_catalog;
use tacho_runtime::clock::system_now_ms;
use tacho_runtime::files::open_directory;
use tacho_runtime::logging::chain;

use crate::app::{catalog_path, history_config};
use crate::config::Config;

const LOST: &str = "\
What files do not tell was lost with the old catalog: users and their passwords, tokens, tags, alerts and what was set
about them, and which agents had joined. The next start makes user admin anew; `tacho-server token create join` prints
a token for the agents, which join again with `tacho-agent join`. Who joins under the name of a host that is known goes
on as that host; for one that is to go on under another name, say so: `tacho-server token create join --host NAME`.
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
    if report.hosts > 0 {
        writeln!(out, "hosts that are known again, by their rows: {}", report.hosts)?;
    }
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
            writeln!(out, "the damaged catalog is {}", old.display())?;
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
    let why = match Catalog::open(path).await {
        Ok(catalog) => match catalog.check().await? {
            None => return Ok((catalog, None)),
            Some(why) => {
                catalog.close().await;
                why
            }
        },
        Err(error @ (CatalogError::Damaged { .. } | CatalogError::Migrate { .. })) => chain(&error),
        // Nothing is wrong with what it holds.
        Err(error) => return Err(error.into()),
    };
    tracing::warn!(why, "the catalog is damaged");
    let aside = path.with_extension("sqlite.damaged");
    fs::rename(path, &aside).with_context(|| format!("cannot rename {}", path.display()))?;
    for suffix in ["-wal", "-shm"] {
        let beside = PathBuf::from(format!("{}{suffix}", path.display()));
        // They belong to the old one; mostly there are none.
        fs::remove_file(beside).ok();
    }
    Ok((Catalog::open(path).await?, Some(Some(aside))))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use tacho_catalog::{Role, UserRecord};

    use super::*;

    async fn with_user(path: &Path) {
        let catalog = Catalog::open(path).await.unwrap();
        let (name, password_hash) = ("ann".to_owned(), "hash".to_owned());
        catalog
            .add_user(&UserRecord { name, role: Role::Admin, password_hash, created_ms: 1 })
            .await
            .unwrap();
        catalog.close().await;
    }

    #[tokio::test]
    async fn a_catalog_that_is_well_stays_and_one_damaged_inside_is_put_aside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalog.sqlite");
        with_user(&path).await;
        let (catalog, anew) = open(&path).await.unwrap();
        assert_eq!((catalog.users().await.unwrap().len(), anew), (1, None));
        catalog.close().await;

        // The first page stays: it opens, and what is asked of it fails.
        let file = fs::File::options().write(true).open(&path).unwrap();
        let length = file.metadata().unwrap().len();
        file.write_all_at(&vec![0xa5; usize::try_from(length - 4096).unwrap()], 4096).unwrap();
        drop(file);
        let error = match Catalog::open(&path).await {
            Ok(catalog) => catalog.users().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.to_string().contains("tacho-server rebuild-catalog"), "{error}");
        let (catalog, anew) = open(&path).await.unwrap();
        assert_eq!(catalog.users().await.unwrap().len(), 0);
        let aside = anew.unwrap().unwrap();
        assert_eq!(fs::metadata(aside).unwrap().len(), length);
    }

    #[tokio::test]
    async fn what_is_no_database_is_put_aside_and_what_may_not_be_read_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalog.sqlite");
        fs::write(&path, "what was here before").unwrap();
        let (catalog, anew) = open(&path).await.unwrap();
        catalog.close().await;
        assert_eq!(fs::read_to_string(anew.unwrap().unwrap()).unwrap(), "what was here before");

        let folder = directory.path().join("folder");
        fs::create_dir(&folder).unwrap();
        assert!(open(&folder).await.is_err());
        assert!(folder.exists());
    }
}
