//! Makes the catalog's list of files, delivery marks and hosts anew from the files alone.
//!
//! Each file says in its footer which files it replaced, whose rows a rollup has, and which frames are in it. Jobs
//! run one after the other and a file is merged only once those it replaced are gone, so only the newest flush, the
//! newest merge and the newest rollup can be half there. A file that cannot be read was whole once, as it had got its
//! name, so those that belong to it stay. Of hosts, rows tell ids and names; what
//! a file cannot tell is users, tokens and agents.

mod hosts;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use tacho_catalog::{Catalog, FileRecord, MarkUpdate};

use crate::HistoryError;
use crate::columns::{HOST_ID, TIME};
use crate::directory::{Directory, is_partial};
use crate::id::time_of;
use crate::notes::{Notes, Stated};
use crate::rollup::{Level, spec, stored_table};

/// What a rebuild found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Files, and rows in them, that are the history again.
    pub files: u64,
    pub rows: u64,
    /// Streams of frames whose delivery is known again.
    pub streams: u64,
    /// Hosts that the catalog did not know.
    pub hosts: u64,
    /// Files whose rows are in other files; the next start of the server removes them.
    pub superseded: u64,
    /// Files of a flush or a merge that had not come to its end; the next start removes them, agents send again.
    pub incomplete: u64,
    /// Files that cannot be read, which were renamed.
    pub damaged: Vec<PathBuf>,
}

struct Found {
    record: FileRecord,
    notes: Notes,
}

/// Replaces the catalog's list of files by what is in the directory, and adds the marks, and hosts that it does not
/// know. The server must not run.
pub async fn rebuild_catalog(
    directory: &Path,
    catalog: &Catalog,
    now_ms: i64,
) -> Result<RebuildReport, HistoryError> {
    let root = directory.to_owned();
    let read = tokio::task::spawn_blocking(move || read_all(&root)).await;
    let (found, mut report) = read.unwrap_or_else(|error| Err(HistoryError::Job(error.to_string())))?;
    let (kept, marks, since) = resolve(found, &mut report);
    report.files = kept.len() as u64;
    report.rows = kept.iter().map(|file| u64::try_from(file.rows).unwrap_or_default()).sum();
    report.streams = marks.len() as u64;
    let root = directory.to_owned();
    let read = tokio::task::spawn_blocking(move || (hosts::of_files(&root, &kept), kept)).await;
    let (hosts, kept) = read.map_err(|error| HistoryError::Job(error.to_string()))?;
    report.hosts = catalog.rebuild_files(&kept, &marks, &since, &hosts, now_ms).await?;
    Ok(report)
}

fn read_all(root: &Path) -> Result<(Vec<Found>, RebuildReport), HistoryError> {
    let directory = Directory::open(root.to_owned(), None)?;
    let mut report = RebuildReport::default();
    let mut found = Vec::new();
    for (path, bytes) in directory.list()? {
        if is_partial(&path) {
            report.incomplete += 1;
            continue;
        }
        match read(&directory.absolute(&path), &path, bytes) {
            Ok(file) => found.push(file),
            Err(why) => {
                tracing::error!(path = %directory.absolute(&path).display(), why, "a file of the history is damaged");
                report.damaged.push(directory.set_aside(&path)?);
            }
        }
    }
    Ok((found, report))
}

/// Reads a whole file once for its checksum, and its footer.
fn read(absolute: &Path, path: &Path, bytes: u64) -> Result<Found, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    let mut hasher = crc32fast::Hasher::new();
    let mut file = File::open(absolute).map_err(|error| text(&error))?;
    std::io::copy(&mut file, &mut Checksum(&mut hasher)).map_err(|error| text(&error))?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let reader = ArrowReaderMetadata::load(&file, options).map_err(|error| text(&error))?;
    let parquet = reader.metadata();
    let stated = parquet.file_metadata().key_value_metadata().and_then(|pairs| Notes::parse(pairs));
    let folder = path.iter().next().and_then(|name| name.to_str()).unwrap_or_default();
    // Written before files said anything about themselves: as if it had just been flushed.
    let stated = stated.unwrap_or_else(|| Stated {
        table: folder.to_owned(),
        written_ms: time_of(&id).unwrap_or_default(),
        ..Stated::default()
    });
    stored_table(&stated.table).ok_or_else(|| format!("there is no table {}", stated.table))?;
    let (host_min, host_max) = bounds(parquet, HOST_ID, |statistics| match statistics {
        Statistics::ByteArray(values) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Some((text(values.min_bytes_opt()?), text(values.max_bytes_opt()?)))
        }
        _ => None,
    })
    .ok_or("it does not say whose rows it has")?;
    let (time_min_ms, time_max_ms) = bounds(parquet, TIME, |statistics| match statistics {
        Statistics::Int64(values) => Some((*values.min_opt()?, *values.max_opt()?)),
        _ => None,
    })
    .ok_or("it does not say of when its rows are")?;
    let record = FileRecord {
        id,
        table: stated.table,
        path: path.to_owned(),
        level: stated.level,
        host_min,
        host_max,
        time_min_ms,
        time_max_ms,
        rows: parquet.file_metadata().num_rows(),
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        checksum: hasher.finalize(),
        written_ms: stated.written_ms,
        rolled: stated.rolled,
    };
    Ok(Found { record, notes: stated.notes })
}

/// Least and greatest of a column over all row groups.
fn bounds<T: Ord + Clone>(
    parquet: &ParquetMetaData,
    column: usize,
    of: impl Fn(&Statistics) -> Option<(T, T)>,
) -> Option<(T, T)> {
    let mut bounds: Option<(T, T)> = None;
    for row_group in parquet.row_groups() {
        let (min, max) = of(row_group.columns().get(column)?.statistics()?)?;
        bounds = Some(match bounds {
            None => (min, max),
            Some((least, greatest)) => (least.min(min), greatest.max(max)),
        });
    }
    bounds
}

/// Which files are the history, the marks of the frames in them, and since when levels are there that have not always been.
fn resolve(found: Vec<Found>, report: &mut RebuildReport) -> (Vec<FileRecord>, Vec<MarkUpdate>, Vec<Since>) {
    let incomplete = incomplete(&found, &report.damaged);
    let (mut kept, gone): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|file| !incomplete.contains(&file.record.id));
    report.incomplete += gone.len() as u64;
    let replaced: HashSet<_> = kept.iter().flat_map(|file| file.notes.replaces.iter().cloned()).collect();
    let before = kept.len();
    kept.retain(|file| !replaced.contains(&file.record.id));
    report.superseded = (before - kept.len()) as u64;
    let before = kept.len();
    let since = settle_rollups(&mut kept);
    report.incomplete += (before - kept.len()) as u64;

    let mut marks = Notes::default();
    kept.iter().for_each(|file| marks.add_marks(&file.notes.marks));
    let marks = marks.marks.into_iter().map(|(key, stored)| MarkUpdate { key, version: 0, stored });
    (kept.into_iter().map(|file| file.record).collect(), marks.collect(), since)
}

/// Files of the newest flush, or of a merge, that lack one that belongs to them.
fn incomplete(found: &[Found], damaged: &[PathBuf]) -> HashSet<String> {
    let damaged = damaged.iter().filter_map(|path| path.file_stem()?.to_str());
    let damaged: HashSet<_> = damaged.collect();
    let ids: HashSet<_> =
        found.iter().map(|file| file.record.id.as_str()).chain(damaged.iter().copied()).collect();
    let replaced: HashSet<_> =
        found.iter().flat_map(|file| file.notes.replaces.iter().map(String::as_str)).collect();
    let known = |id: &str| ids.contains(id) || replaced.contains(id);
    let mut incomplete = HashSet::new();
    let group = |file: &Found| match &file.notes.group {
        Some(group) => group.clone(),
        None => file.record.id.clone(),
    };
    let flushed = || found.iter().filter(|file| file.record.level == 0);
    let groups = flushed().filter(|file| file.notes.group.is_some() || !file.notes.with.is_empty());
    if let Some(newest) = groups.map(group).max() {
        let of_newest: Vec<_> = flushed().filter(|file| group(file) == newest).collect();
        let host = of_newest.iter().find(|file| file.record.id == newest);
        let whole = host
            .map_or(replaced.contains(newest.as_str()) || damaged.contains(newest.as_str()), |host| {
                host.notes.with.iter().all(|id| known(id))
            });
        if !whole {
            incomplete.extend(of_newest.iter().map(|file| file.record.id.clone()));
        }
    }
    let merged = || found.iter().filter(|file| file.record.level > 0);
    let named: HashSet<_> = merged().flat_map(|file| file.notes.with.iter().map(String::as_str)).collect();
    for file in merged() {
        let lacks_the_last = file.notes.more && !named.contains(file.record.id.as_str());
        let lacks_another = !file.notes.more && file.notes.with.iter().any(|id| !known(id));
        // Files that were replaced go only after the commit: where one is gone, what is lacking was lost later.
        let committed = file.notes.replaces.iter().any(|id| !ids.contains(id.as_str()));
        if (lacks_the_last || lacks_another) && !committed {
            incomplete.insert(file.record.id.clone());
            incomplete.extend(file.notes.with.iter().cloned());
        }
    }
    incomplete
}

/// Which rows rollups have: of each table and level their sources.
#[derive(Default)]
struct Sources(BTreeMap<(&'static str, Level), HashSet<String>>);

impl Sources {
    fn new(kept: &[Found]) -> Self {
        let mut sources = Self::default();
        for file in kept {
            let stored = stored_table(&file.record.table);
            if let Some((_, raw, level)) = stored.filter(|(.., level)| *level != Level::Raw) {
                sources.0.entry((raw.name, level)).or_default().extend(file.notes.sources.iter().cloned());
            }
        }
        sources
    }

    fn has(&self, table: &'static str, level: Level, source: &String) -> bool {
        self.0.get(&(table, level)).is_some_and(|sources| sources.contains(source))
    }

    fn tables(&self) -> HashSet<&'static str> {
        self.0.keys().map(|(table, _)| *table).collect()
    }

    /// What was rolled up last, if a level lacks it. Older ones may lack one because retention took it.
    fn half(&self, table: &'static str, kept: &[Found]) -> Option<String> {
        let all = || Level::ROLLUPS.into_iter().filter_map(|level| self.0.get(&(table, level))).flatten();
        let newest = all().max_by_key(|source| job_time(kept, source))?;
        // Once there were none of some.
        let expected = |level: &Level| !Level::LATER.contains(level) || self.0.contains_key(&(table, *level));
        let lacks = Level::ROLLUPS
            .iter()
            .filter(|level| expected(level))
            .any(|level| !self.has(table, *level, newest));
        lacks.then(|| newest.clone())
    }

    /// Is the job newer than all whose rollups there are?
    fn is_newest(&self, job: &String) -> bool {
        self.0.values().flatten().all(|other| other <= job)
    }
}

/// The name of a level, and from when on it has all rows that others have.
type Since = (&'static str, i64);

/// Says of each file whether its rows are in rollups, and takes rollups away that are not at all levels. Returns since when
/// those are there that have not always been.
fn settle_rollups(kept: &mut Vec<Found>) -> Vec<Since> {
    let sources = Sources::new(kept);
    let half: HashMap<_, _> =
        sources.tables().into_iter().filter_map(|table| Some((table, sources.half(table, kept)?))).collect();
    for file in kept.iter_mut() {
        let Some((_, raw, Level::Raw)) = stored_table(&file.record.table) else { continue };
        if spec(raw).is_none() {
            continue;
        }
        let source = file.notes.job.as_ref().unwrap_or(&file.record.id);
        let rolled = Level::ROLLUPS.iter().any(|level| sources.has(raw.name, *level, source));
        let never =
            file.notes.job.is_some() && !rolled && file.record.level == 1 && sources.is_newest(source);
        file.record.rolled = (file.record.rolled || rolled) && half.get(raw.name) != Some(source) && !never;
    }
    kept.retain(|file| {
        let Some((_, raw, level)) = stored_table(&file.record.table) else { return true };
        let is_half = |source: &String| half.get(raw.name) == Some(source);
        level == Level::Raw || file.notes.sources.is_empty() || !file.notes.sources.iter().all(is_half)
    });
    let since = |level: Level| {
        let alone = kept.iter().filter(|file| {
            let Some((_, raw, of)) = stored_table(&file.record.table) else { return false };
            let has = |source: &String| sources.has(raw.name, level, source);
            let is_rollup = of == Level::Minute || of == Level::Hour;
            is_rollup && (file.notes.sources.is_empty() || !file.notes.sources.iter().all(has))
        });
        alone
            .map(|file| file.record.time_max_ms.saturating_add(1))
            .max()
            .map(|since_ms| (level.name(), since_ms))
    };
    Level::LATER.into_iter().filter_map(since).collect()
}

/// When rows were rolled up: jobs tell it by their id, files that were rolled up as they were by their rollup's.
fn job_time(kept: &[Found], source: &String) -> Option<String> {
    let rollups = kept.iter().filter(|file| file.notes.sources.contains(source));
    rollups.map(|file| file.record.id.clone()).min()
}

struct Checksum<'a>(&'a mut crc32fast::Hasher);

impl std::io::Write for Checksum<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
