//! `tacho-server backup` and `restore`: a data directory as of one moment in another directory.
//!
//! The catalog's copy says which files belong to it. Files are never changed, so those that are there already stay, and
//! a second backup into the same directory takes what is new. A running server deletes files that it replaced, minutes
//! later: when one is gone before it was copied, the catalog is copied again, and only what is missing by then. The
//! copied catalog gets its name last, so the directory always holds one whole backup, the old one or the new.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use tacho_catalog::{Catalog, FileRecord};
use tacho_runtime::files::{create_private_directory, open_directory};

use crate::app::catalog_path;
use crate::config::Config;

const CATALOG: &str = "catalog.sqlite";
const HISTORY: &str = "history";

/// What a copy is called until it is whole.
const NEW: &str = "new";

/// Copies of the catalog until one is whole. The first round copies all files, which may take long; each further one
/// only those of the time that the round before took.
const ROUNDS: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// Copy files also where the backup is on the same file system; else they are linked, which takes no time and no
    /// room, and is no help when the disk fails.
    #[arg(long)]
    copy: bool,
    /// Where the backup is kept; a directory of its own. Another backup into it takes what is new.
    directory: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// What `tacho-server backup` wrote.
    directory: PathBuf,
}

/// What a backup did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Done {
    files: u64,
    bytes: u64,
    /// Of them, those that were not in the directory.
    new: u64,
    linked: u64,
}

/// Runs `tacho-server backup`.
pub(crate) async fn backup(config: &Config, arguments: &BackupArguments) -> anyhow::Result<()> {
    let from = &config.data_dir;
    let to = &arguments.directory;
    ensure!(
        catalog_path(config).exists(),
        "there is no history in {}; name the server's settings with --config",
        from.display()
    );
    let inside = std::path::absolute(to)?.starts_with(fs::canonicalize(from)?);
    ensure!(!inside, "{} is in the data directory; write the backup to another place", to.display());
    let _lock = open_directory(to).context("cannot use the backup's directory")?;
    let catalog = Catalog::open(&catalog_path(config)).await?;
    let copied = copy_whole(&catalog, from, to, arguments.copy, async || ()).await;
    catalog.close().await;
    let done = copied?;
    writeln!(
        io::stdout(),
        "{}: {} files of the history, {:.1} MiB; {} were new{}",
        to.display(),
        done.files,
        done.bytes as f64 / f64::from(1 << 20),
        done.new,
        if done.linked > 0 { ", linked: copy the directory to another disk, too" } else { "" }
    )?;
    Ok(())
}

/// `meanwhile` is what happens between a copy of the catalog and that of the files it names: nothing but in tests.
async fn copy_whole(
    catalog: &Catalog,
    from: &Path,
    to: &Path,
    copies: bool,
    mut meanwhile: impl AsyncFnMut(),
) -> anyhow::Result<Done> {
    let copy = to.join(CATALOG).with_added_extension(NEW);
    let mut new = (0, 0);
    for _ in 0..ROUNDS {
        remove_if_there(&copy)?;
        catalog.copy_to(&copy).await?;
        let files = files_of(&copy).await?;
        meanwhile().await;
        let mut gone = false;
        for file in &files {
            match copy_file(&from.join(HISTORY), &to.join(HISTORY), file, copies)? {
                Outcome::Known => {}
                Outcome::Linked => new = (new.0 + 1, new.1 + 1),
                Outcome::Copied => new.0 += 1,
                Outcome::Gone => gone = true,
            }
        }
        if gone {
            continue;
        }
        sync_directories(&to.join(HISTORY), files.iter().map(|file| file.path.as_path()))?;
        copy_small_files(from, to)?;
        fs::rename(&copy, to.join(CATALOG)).context("cannot put the catalog's copy in its place")?;
        File::open(to)?.sync_all()?;
        remove_others(&to.join(HISTORY), &files)?;
        let bytes = files.iter().map(|file| u64::try_from(file.bytes).unwrap_or_default()).sum();
        return Ok(Done { files: files.len() as u64, bytes, new: new.0, linked: new.1 });
    }
    bail!(
        "files of the history are missing from the disk, not only replaced ones; the server's log says which"
    )
}

/// Runs `tacho-server restore`.
pub(crate) async fn restore(config: &Config, arguments: &RestoreArguments) -> anyhow::Result<()> {
    let from = &arguments.directory;
    let to = &config.data_dir;
    ensure!(from.join(CATALOG).exists(), "{} is no backup: it has no {CATALOG}", from.display());
    ensure!(
        !to.join(CATALOG).exists() && is_empty(&to.join(HISTORY))?,
        "there is a history in {} already; move it away, or set another data_dir",
        to.display()
    );
    let _lock = open_directory(to).context("stop the server first")?;
    let copy = to.join(CATALOG).with_added_extension(NEW);
    remove_if_there(&copy)?;
    copy_durably(&from.join(CATALOG), &copy)?;
    let files = files_of(&copy).await?;
    let mut bad = Vec::new();
    for file in &files {
        let source = from.join(HISTORY).join(&file.path);
        let target = to.join(HISTORY).join(&file.path);
        if let Err(error) = copy_checked(&source, &target, file) {
            bad.push(format!("{}: {error:#}", source.display()));
        }
    }
    sync_directories(&to.join(HISTORY), files.iter().map(|file| file.path.as_path()))?;
    copy_small_files(from, to)?;
    fs::rename(&copy, to.join(CATALOG)).context("cannot put the catalog in its place")?;
    File::open(to)?.sync_all()?;
    let mut out = io::stdout();
    writeln!(
        out,
        "{}: {} files of the history are back; start the server",
        to.display(),
        files.len() - bad.len()
    )?;
    for why in &bad {
        writeln!(out, "left out, its rows are missing: {why}")?;
    }
    Ok(())
}

/// The files that a copy of a catalog names.
async fn files_of(catalog: &Path) -> anyhow::Result<Vec<FileRecord>> {
    let catalog = Catalog::open(catalog).await?;
    let files = catalog.live_files().await;
    catalog.close().await;
    Ok(files?)
}

enum Outcome {
    /// It was there.
    Known,
    Linked,
    Copied,
    /// The server has deleted it.
    Gone,
}

fn copy_file(from: &Path, to: &Path, file: &FileRecord, copies: bool) -> anyhow::Result<Outcome> {
    let (source, target) = (from.join(&file.path), to.join(&file.path));
    if fs::metadata(&target).is_ok_and(|found| i64::try_from(found.len()) == Ok(file.bytes)) {
        return Ok(Outcome::Known);
    }
    let directory = target.parent().context("a file of the history has a directory")?;
    create_private_directory(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    remove_if_there(&target)?;
    if !copies {
        match fs::hard_link(&source, &target) {
            Ok(()) => return Ok(Outcome::Linked),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Outcome::Gone),
            // Another file system, or one without links.
            Err(_) => {}
        }
    }
    match copy_checked(&source, &target, file) {
        Ok(()) => Ok(Outcome::Copied),
        Err(error) => match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(ErrorKind::NotFound) => Ok(Outcome::Gone),
            _ => Err(error.context(format!("cannot copy {}", source.display()))),
        },
    }
}

/// Copies a file that has to be what was once written.
fn copy_checked(source: &Path, target: &Path, file: &FileRecord) -> anyhow::Result<()> {
    let part = target.with_added_extension(NEW);
    let mut input = File::open(source)?;
    let directory = target.parent().context("a file of the history has a directory")?;
    create_private_directory(directory)?;
    let mut output = File::options().create(true).truncate(true).write(true).mode(0o600).open(&part)?;
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = input.read(&mut buffer)?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        hasher.update(piece);
        output.write_all(piece)?;
    }
    if hasher.finalize() != file.checksum {
        drop(output);
        remove_if_there(&part)?;
        bail!("it is damaged: its checksum is not what was written");
    }
    output.sync_all()?;
    Ok(fs::rename(&part, target)?)
}

/// Keys, certificates and the like: what lies in the data directory itself.
fn copy_small_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text == "lock"
            || text.starts_with(CATALOG)
            || text.ends_with(".tmp")
            || !entry.file_type()?.is_file()
        {
            continue;
        }
        copy_durably(&entry.path(), &to.join(&name))?;
    }
    Ok(())
}

/// Keeps the permissions; the target is whole or as it was.
fn copy_durably(source: &Path, target: &Path) -> anyhow::Result<()> {
    let part = target.with_added_extension("part");
    let copied = fs::copy(source, &part).and_then(|_| File::open(&part)?.sync_all());
    copied
        .and_then(|()| fs::rename(&part, target))
        .with_context(|| format!("cannot copy {}", source.display()))
}

fn sync_directories<'f>(root: &Path, files: impl Iterator<Item = &'f Path>) -> anyhow::Result<()> {
    let directories: HashSet<_> = files.flat_map(|file| file.ancestors().skip(1)).collect();
    for directory in directories {
        let directory = root.join(directory);
        // One whose only file was left out is not there.
        if directory.exists() {
            File::open(&directory)
                .and_then(|it| it.sync_all())
                .with_context(|| format!("cannot make {} durable", directory.display()))?;
        }
    }
    Ok(())
}

/// Takes files of older backups away.
fn remove_others(root: &Path, files: &[FileRecord]) -> anyhow::Result<()> {
    let named: HashSet<_> = files.iter().map(|file| root.join(&file.path)).collect();
    for table in entries(root)? {
        for day in entries(&table)? {
            for file in entries(&day)?.iter().filter(|file| !named.contains(*file)) {
                remove_if_there(file)?;
            }
            // Fails while there are other files.
            fs::remove_dir(&day).ok();
        }
    }
    Ok(())
}

/// What is in a directory; nothing where there is none.
fn entries(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed = match fs::read_dir(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        listed => listed.and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()),
    };
    listed.with_context(|| format!("cannot list {}", path.display()))
}

fn is_empty(path: &Path) -> anyhow::Result<bool> {
    Ok(entries(path)?.is_empty())
}

fn remove_if_there(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
