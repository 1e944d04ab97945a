//! Takes an archive in: each row that is not here yet, once. Files first, then one catalog transaction, as a flush does
//! it; until then nobody sees any of it.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, TimestampMillisecondType};
use bytes::Bytes;
use tacho_catalog::{FileChange, FileRecord};
use tacho_model::{HostKey, Table};

use super::manifest::{self, Manifest, Part};
use super::{MOST_MANIFEST_BYTES, MOST_PART_BYTES};
use crate::columns::{HOST_ID, Layout, TIME, layout};
use crate::inner::Inner;
use crate::notes::Notes;
use crate::rollup::{Level, Spec, spec, stored_table};
use crate::scan::{ReadFailure, Scan, read_bytes, read_each};
use crate::time::{DAY_MS, HOUR_MS, floor, hour};
use crate::writer::{FileWriter, Target, discard};
use crate::{History, HistoryError};

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Under the name that it has here.
    pub host: HostKey,
    /// It was not in the inventory.
    pub is_new: bool,
    /// What the archive has: whole hours, the end not included.
    pub from_ms: i64,
    pub to_ms: i64,
    /// Rows that are here now, and those that were here before.
    pub rows: u64,
    pub known_rows: u64,
    pub gaps: u64,
    pub alerts: u64,
}

impl History {
    /// Takes in what [`History::export`] wrote. Rows of snapshots that are here already are left out, and hours that
    /// are known here by their rollups only; so the same archive a second time changes nothing. When it fails nothing
    /// is changed. Retention holds for what comes in, too.
    pub async fn import(&self, archive: File) -> Result<Imported, HistoryError> {
        let history = self.clone();
        // A task of its own, so that it comes to its end also when nobody waits for it any more.
        let task = tokio::spawn(async move { history.take_in(archive).await });
        task.await.unwrap_or_else(|error| Err(HistoryError::Job(error.to_string())))
    }

    async fn take_in(&self, archive: File) -> Result<Imported, HistoryError> {
        let inner = &self.inner;
        // One at a time, so that two do not both find a snapshot missing.
        let _one_at_a_time = inner.maintenance_lock.lock().await;
        let worker = Arc::clone(inner);
        let (manifest, written) = inner.background(move || read(&worker, archive)).await?;
        let files = written.files;
        for level in Level::LATER.into_iter().filter(|level| !manifest.has(*level)) {
            inner.catalog.set_level_since(level.name(), manifest.to_ms).await?;
            let mut state = inner.state();
            let since_ms = state.levels_since_ms.entry(level).or_insert(i64::MIN);
            *since_ms = manifest.to_ms.max(*since_ms);
        }
        let imported = {
            let _order = inner.order.lock().await;
            let imported = inner.catalog.import_host(&manifest.host_part(), &files, (inner.now)()).await;
            if imported.is_ok() {
                let change = FileChange { added: files.clone(), ..FileChange::default() };
                inner.state().change_files(&change, (inner.now)());
            }
            imported
        };
        let host = match imported {
            Ok(host) => host,
            Err(error) => {
                self.take_back(&files).await;
                return Err(error.into());
            }
        };
        Ok(Imported {
            host: host.key,
            is_new: host.is_new,
            from_ms: manifest.from_ms,
            to_ms: manifest.to_ms,
            rows: written.rows,
            known_rows: written.known_rows,
            gaps: host.gaps,
            alerts: host.alerts,
        })
    }

    /// After a commit that failed. It may have happened: only when it surely did not are the files nobody's.
    async fn take_back(&self, files: &[FileRecord]) {
        let Some(first) = files.first() else { return };
        if self.inner.catalog.knows_file(&first.id).await.is_ok_and(|known| !known) {
            discard(&self.inner.directory, files.iter().map(|file| &file.path));
        } else if let Err(error) = self.inner.reload_files().await {
            tracing::warn!(%error, "files of an import show after the next start");
        }
    }
}

const HOURS_OF_DAY: i64 = DAY_MS / HOUR_MS;

/// Files of an import. Dropped without [`Self::keep`], they are removed from disk.
struct Written<'a> {
    inner: &'a Inner,
    files: Vec<FileRecord>,
    rows: u64,
    known_rows: u64,
}

struct Kept {
    files: Vec<FileRecord>,
    rows: u64,
    known_rows: u64,
}

impl Written<'_> {
    fn keep(mut self) -> Kept {
        Kept { files: std::mem::take(&mut self.files), rows: self.rows, known_rows: self.known_rows }
    }
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        discard(&self.inner.directory, self.files.iter().map(|file| &file.path));
    }
}

fn read(inner: &Arc<Inner>, mut archive: File) -> Result<(Manifest, Kept), HistoryError> {
    let manifest = read_manifest(&archive)?;
    archive.rewind().map_err(unreadable)?;
    let mut import = Import { inner, manifest: &manifest, known: HashMap::new() };
    let mut written = Written { inner, files: Vec::new(), rows: 0, known_rows: 0 };
    let mut tar = tar::Archive::new(BufReader::new(archive));
    let mut entries = tar.entries().map_err(unreadable)?;
    for part in &manifest.parts {
        let mut entry = entries.next().ok_or_else(|| missing(part))?.map_err(unreadable)?;
        let is_it = entry.path().is_ok_and(|path| *path == *part.path);
        if !is_it || entry.size() != part.bytes || part.bytes > MOST_PART_BYTES {
            return Err(missing(part));
        }
        let mut content = Vec::with_capacity(usize::try_from(part.bytes).unwrap_or_default());
        entry.read_to_end(&mut content).map_err(unreadable)?;
        if crc32fast::hash(&content) != part.checksum || content.len() as u64 != part.bytes {
            return Err(bad(format!("{} is damaged: its checksum is not what was written", part.path)));
        }
        import.part(part, content.into(), &mut written)?;
    }
    inner.directory.sync(written.files.iter().map(|file| file.path.as_path()))?;
    let kept = written.keep();
    Ok((manifest, kept))
}

/// The manifest, which has to be the last entry.
fn read_manifest(archive: &File) -> Result<Manifest, HistoryError> {
    let mut tar = tar::Archive::new(archive);
    let mut found = None;
    for entry in tar.entries_with_seek().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let is_it = entry.path().is_ok_and(|path| path.as_os_str() == manifest::NAME);
        if found.is_some() {
            return Err(bad(format!("something comes after its {}", manifest::NAME)));
        }
        if is_it {
            let mut json = Vec::new();
            entry.by_ref().take(MOST_MANIFEST_BYTES).read_to_end(&mut json).map_err(unreadable)?;
            if entry.size() != json.len() as u64 {
                return Err(bad(format!("its {} is cut off", manifest::NAME)));
            }
            found = Some(json);
        }
    }
    let json = found
        .ok_or_else(|| bad(format!("it has no {}: it was cut off, or is something else", manifest::NAME)))?;
    Manifest::parse(&json).map_err(bad)
}

fn bad(why: String) -> HistoryError {
    HistoryError::Archive { why }
}

fn missing(part: &Part) -> HistoryError {
    bad(format!("{} is missing or not as long as it should be", part.path))
}

/// The tar reader's errors are of the archive, but for those of the disk.
fn unreadable(error: std::io::Error) -> HistoryError {
    bad(error.to_string())
}

/// What is here already of one stored table.
#[derive(Default)]
struct Known {
    /// Of a raw table: the snapshots of each hour.
    times: HashMap<i64, HashSet<i64>>,
    /// Hours that are told: of a raw table by its rollups, of a rollup by its rows or by the raw ones.
    told: HashSet<i64>,
}

struct Import<'a> {
    inner: &'a Arc<Inner>,
    manifest: &'a Manifest,
    known: HashMap<&'static str, Known>,
}

impl<'a> Import<'a> {
    fn part(&mut self, part: &Part, content: Bytes, written: &mut Written<'a>) -> Result<(), HistoryError> {
        let Some((table, _, level)) = stored_table(&part.table) else { return Err(missing(part)) };
        self.look_up(table)?;
        let known = self.known.get(table.name).ok_or_else(|| missing(part))?;
        let mut files = PeriodFiles {
            inner: self.inner,
            layout: layout(table),
            raw: level == Level::Raw,
            now_ms: (self.inner.now)(),
            current: None,
        };
        let (mut rows_in, mut rows_new) = (0, 0);
        let read = read_bytes(layout(table), &content, |batch| {
            self.check(part, &batch)?;
            rows_in += batch.num_rows() as u64;
            let new = known.without(&batch)?;
            rows_new += new.num_rows() as u64;
            files.write(&new, &mut written.files)
        });
        match read {
            Ok(()) => {}
            Err(ReadFailure::Io(error)) => return Err(error),
            Err(ReadFailure::Damaged(why)) => {
                return Err(bad(format!("{} cannot be read: {why}", part.path)));
            }
        }
        files.end(&mut written.files)?;
        if rows_in != part.rows {
            return Err(bad(format!("{} has {rows_in} rows and should have {}", part.path, part.rows)));
        }
        written.rows += rows_new;
        written.known_rows += rows_in - rows_new;
        if self.inner.stopping.load(Ordering::Relaxed) {
            return Err(HistoryError::Stopped);
        }
        Ok(())
    }

    /// Rows of another host or time would be found by nobody, or by the wrong one.
    fn check(&self, part: &Part, rows: &RecordBatch) -> Result<(), HistoryError> {
        let hosts = rows.column(HOST_ID).as_dictionary::<Int32Type>();
        let names = hosts.values().as_string::<i32>();
        let ours =
            hosts.keys_iter().all(|key| key.is_some_and(|key| names.value(key) == self.manifest.host_id()));
        let range = self.manifest.from_ms..self.manifest.to_ms;
        let times = rows.column(TIME).as_primitive::<TimestampMillisecondType>();
        if !ours || !times.values().iter().all(|time| range.contains(time)) {
            return Err(bad(format!("{} has rows of another host or time", part.path)));
        }
        Ok(())
    }

    fn look_up(&mut self, table: &'static Table) -> Result<(), HistoryError> {
        if self.known.contains_key(table.name) {
            return Ok(());
        }
        // Tables come one after the other: no need to keep what is known of the last one.
        self.known.clear();
        let mut known = Known::default();
        let Some((_, raw, level)) = stored_table(table.name) else { return Ok(()) };
        let rollups = spec(raw).into_iter().flat_map(Spec::rollups);
        if level == Level::Raw {
            self.times(table, |time| {
                known.times.entry(hour(time)).or_default().insert(time);
            })?;
            let mut days = HashSet::new();
            for (level, rollup) in rollups {
                self.times(rollup, |time| match level {
                    Level::Day => drop(days.insert(time.div_euclid(DAY_MS))),
                    _ => drop(known.told.insert(hour(time))),
                })?;
            }
            // A day of which nothing finer is left is told as a whole.
            for hour in known.times.keys().chain(&known.told) {
                days.remove(&hour.div_euclid(HOURS_OF_DAY));
            }
            known.told.extend(days.into_iter().flat_map(|day| {
                let first = day.saturating_mul(HOURS_OF_DAY);
                first..first.saturating_add(HOURS_OF_DAY)
            }));
        } else {
            for table in [raw, table] {
                self.times(table, |time| known.told.extend([hour(time)]))?;
            }
        }
        self.known.insert(table.name, known);
        Ok(())
    }

    /// Times of what is here, in files or in memory.
    fn times(&self, table: &'static Table, mut each: impl FnMut(i64)) -> Result<(), HistoryError> {
        // A day that began before tells of hours in it.
        let range = floor(self.manifest.from_ms, DAY_MS)..self.manifest.to_ms;
        let scan = Scan::new(table, self.manifest.host_id(), vec![TIME], range, &Arc::default());
        let view = scan.view(self.inner);
        read_each(self.inner, scan, &view.files, &view.frames, |batch| {
            batch
                .column(0)
                .as_primitive::<TimestampMillisecondType>()
                .values()
                .iter()
                .for_each(|time| each(*time));
            Ok(())
        })
    }
}

impl Known {
    /// The rows that are not here.
    fn without(&self, rows: &RecordBatch) -> Result<RecordBatch, HistoryError> {
        let times = rows.column(TIME).as_primitive::<TimestampMillisecondType>().values();
        let is_new = |time: &i64| match self.times.get(&hour(*time)) {
            Some(times) => !times.contains(time),
            // Rows that retention took, or of which the rollups tell.
            None => !self.told.contains(&hour(*time)),
        };
        let new: Vec<_> = times.iter().map(is_new).collect();
        Ok(filter_record_batch(rows, &BooleanArray::from(new))?)
    }
}

/// Files of one part: one for each hour of raw rows, for each day of rollups.
struct PeriodFiles<'a> {
    inner: &'a Inner,
    layout: &'static Layout,
    raw: bool,
    now_ms: i64,
    current: Option<(i64, FileWriter<'a>)>,
}

impl<'a> PeriodFiles<'a> {
    fn write(&mut self, rows: &RecordBatch, done: &mut Vec<FileRecord>) -> Result<(), HistoryError> {
        let length_ms = if self.raw { HOUR_MS } else { DAY_MS };
        let times = rows.column(TIME).as_primitive::<TimestampMillisecondType>().values();
        let mut first = 0;
        for run in times.chunk_by(|a, b| a.div_euclid(length_ms) == b.div_euclid(length_ms)) {
            let period = run.first().map_or(0, |time| time.div_euclid(length_ms));
            if self.current.as_ref().is_some_and(|(current, _)| *current != period) {
                self.end(done)?;
            }
            let (_, writer) = match &mut self.current {
                Some(current) => current,
                None => {
                    let writer =
                        FileWriter::create(&self.target(period * length_ms), &rows.slice(first, run.len()))?;
                    self.current.insert((period, writer))
                }
            };
            writer.write(&rows.slice(first, run.len()))?;
            first += run.len();
        }
        Ok(())
    }

    fn target(&self, time_ms: i64) -> Target<'a> {
        Target {
            layout: self.layout,
            time_ms,
            level: if self.raw { 0 } else { 2 },
            rolled: !self.raw,
            notes: Arc::new(Notes::default()),
            now_ms: self.now_ms,
            written_ms: self.now_ms,
            directory: &self.inner.directory,
        }
    }

    fn end(&mut self, done: &mut Vec<FileRecord>) -> Result<(), HistoryError> {
        if let Some((_, writer)) = self.current.take() {
            done.push(writer.finish()?);
        }
        Ok(())
    }
}
