//! Makes the head durable: files first, then one catalog transaction, then the announcement.

use std::collections::BTreeMap;
use std::sync::Arc;

use tacho_catalog::{FileRecord, FlushOutcome, GapRecord, MarkUpdate};
use tacho_model::{SequenceSet, tables};

use crate::columns::{Layout, layout};
use crate::directory::{Directory, Step};
use crate::head::{Frame, Head};
use crate::inner::Inner;
use crate::notes::Notes;
use crate::rows::{RowRef, batch, rows_of};
use crate::time::{HOUR_MS, hour};
use crate::writer::{FileWriter, Target, discard};
use crate::{Commit, HistoryError};

/// Rows turned into Arrow arrays at a time.
const BATCH_ROWS: usize = 8192;

/// Other servers that store the same frames at the same moment: each attempt loses only to one that
/// succeeded, so a handful is plenty.
const ATTEMPTS: usize = 8;

impl Inner {
    /// Flushes what is in the head now. On failure it is in the head again, and nothing was announced.
    /// Not to be cancelled half-way: callers run it as a task of its own. One at a time.
    pub(crate) async fn flush_head(self: &Arc<Self>) -> Result<(), HistoryError> {
        self.settle_doubtful().await;
        let Some(frozen) = self.state().freeze() else { return Ok(()) };
        let result = self.store(frozen).await;
        if result.is_err() {
            self.state().unfreeze();
        }
        self.room.send_replace(());
        result
    }

    async fn store(self: &Arc<Self>, mut frozen: Arc<Head>) -> Result<(), HistoryError> {
        for _ in 0..ATTEMPTS {
            let files = self.write(&frozen).await?;
            let (marks, gaps) = {
                let state = self.state();
                (state.mark_updates(&frozen), state.gap_records(&frozen))
            };
            let _order = self.order.lock().await;
            match self.commit(&files, &marks, &gaps).await? {
                FlushOutcome::Committed => {
                    self.published(&files, marks);
                    return Ok(());
                }
                FlushOutcome::Conflict(_) => frozen = self.resolve(&frozen, &marks).await?,
            }
        }
        Err(HistoryError::Contended { attempts: ATTEMPTS })
    }

    /// Writes the files of a flush on a blocking thread.
    async fn write(self: &Arc<Self>, frozen: &Arc<Head>) -> Result<Vec<FileRecord>, HistoryError> {
        let (inner, frozen) = (Arc::clone(self), Arc::clone(frozen));
        let now_ms = (self.now)();
        self.blocking(move || write_files(&inner.directory, &frozen, now_ms)).await
    }

    /// Commits; when it did not happen, the files are gone again.
    async fn commit(
        &self,
        files: &[FileRecord],
        marks: &[MarkUpdate],
        gaps: &[GapRecord],
    ) -> Result<FlushOutcome, HistoryError> {
        let paths = || files.iter().map(|file| &file.path);
        if let Err(error) = self.directory.step(Step::Commit) {
            discard(&self.directory, paths());
            return Err(HistoryError::io("commit to", &self.config.directory)(error));
        }
        match self.catalog.commit_flush(files, marks, gaps, (self.now)()).await {
            Ok(FlushOutcome::Committed) => Ok(FlushOutcome::Committed),
            Ok(conflict) => {
                discard(&self.directory, paths());
                Ok(conflict)
            }
            // A commit that reports an error may have happened all the same. Its files must not be deleted then.
            Err(error) => match self.was_committed(files).await {
                Some(true) => Ok(FlushOutcome::Committed),
                Some(false) => {
                    discard(&self.directory, paths());
                    Err(error.into())
                }
                None => {
                    self.doubtful().extend(files.iter().cloned());
                    Err(error.into())
                }
            },
        }
    }

    /// `None` when that cannot be told now.
    async fn was_committed(&self, files: &[FileRecord]) -> Option<bool> {
        self.catalog.knows_file(&files.first()?.id).await.ok()
    }

    /// Deletes the files of earlier commits with an unknown outcome that turn out not to have happened. If
    /// one did, the next commit conflicts with it and takes its files from the catalog.
    async fn settle_doubtful(&self) {
        let doubtful = std::mem::take(&mut *self.doubtful());
        for file in doubtful {
            match self.catalog.knows_file(&file.id).await {
                Ok(true) => {}
                Ok(false) => discard(&self.directory, [&file.path]),
                Err(_) => self.doubtful().push(file),
            }
        }
    }

    /// Frames that others stored in the meantime are dropped; what is left is to be written anew.
    async fn resolve(&self, frozen: &Head, marks: &[MarkUpdate]) -> Result<Arc<Head>, HistoryError> {
        let mut current = Vec::new();
        for mark in marks {
            current.push((mark.key.clone(), self.catalog.mark(&mark.key).await?));
        }
        let files = self.catalog.live_files().await?;
        let (left, dropped) = self.state().resolve(current, files, frozen, (self.now)());
        self.announce(dropped);
        Ok(left)
    }

    fn published(&self, files: &[FileRecord], marks: Vec<MarkUpdate>) {
        // A test that stops here sees what a crash right after the commit leaves behind.
        if self.directory.step(Step::Committed).is_err() {
            return;
        }
        let published = self.state().publish(files, marks);
        let rows: i64 = files.iter().map(|file| file.rows).sum();
        self.counters.frames_stored.add(published.frames);
        self.counters.frames_dropped.add(published.dropped);
        self.counters.rows.add(u64::try_from(rows).unwrap_or_default());
        self.announce(published.commit);
    }

    fn announce(&self, commit: Commit) {
        if !commit.stored.is_empty() {
            // Nobody listens before the first agent connects.
            self.commits.send(Arc::new(commit)).ok();
        }
    }
}

/// Writes all rows of the frames, by table and hour, and makes the files durable. On failure none is left.
fn write_files(directory: &Directory, frozen: &Head, now_ms: i64) -> Result<Vec<FileRecord>, HistoryError> {
    let mut hours: BTreeMap<i64, Vec<&Arc<Frame>>> = BTreeMap::new();
    for frame in frozen.frames() {
        hours.entry(hour(frame.snapshot.time_ms)).or_default().push(frame);
    }
    let mut files = Vec::new();
    let mut write_all = || {
        for (hour, frames) in &hours {
            let target = Target {
                layout: layout(&tables::host::TABLE),
                time_ms: hour.saturating_mul(HOUR_MS),
                level: 0,
                rolled: false,
                notes: Arc::default(),
                now_ms,
                written_ms: now_ms,
                directory,
            };
            write_hour(&target, frames, &mut files)?;
        }
        directory.sync(files.iter().map(|file| file.path.as_path()))
    };
    let result = write_all();
    if result.is_err() {
        discard(directory, files.iter().map(|file| &file.path));
    }
    result.map(|()| files)
}

/// Writes all tables of one hour. The file of table `host` is completed last and names the others and the frames, so
/// that the files alone tell what is stored.
fn write_hour(
    target: &Target<'_>,
    frames: &[&Arc<Frame>],
    files: &mut Vec<FileRecord>,
) -> Result<(), HistoryError> {
    let mut host = write_table(target, frames)?;
    let group = host.as_ref().map(|host| host.id().to_owned());
    let notes = Arc::new(Notes { group, ..Notes::default() });
    let first = files.len();
    for table in tables::ALL.iter().filter(|table| table.id != tables::host::TABLE.id) {
        let target = Target { layout: layout(table), notes: Arc::clone(&notes), ..target.clone() };
        let written = write_table(&target, frames)?.map(FileWriter::finish).transpose()?;
        files.extend(written);
    }
    if let Some(mut host) = host.take() {
        let with = files.iter().skip(first).map(|file| file.id.clone()).collect();
        let mut notes = Notes { with, ..Notes::default() };
        for of_stream in frames.chunk_by(|a, b| a.stream == b.stream) {
            let Some(frame) = of_stream.first() else { continue };
            let mut stored = SequenceSet::new();
            of_stream.iter().for_each(|frame| {
                stored.insert(frame.sequence);
            });
            notes.add_marks(&[(frame.stream.clone(), stored)]);
        }
        host.set_notes(notes);
        files.push(host.finish()?);
    }
    Ok(())
}

/// Writes one table of one hour; `None` when no frame has rows of it. Frames come by host.
fn write_table<'a>(
    target: &Target<'a>,
    frames: &[&Arc<Frame>],
) -> Result<Option<FileWriter<'a>>, HistoryError> {
    let mut writer = None;
    let mut rows: Vec<RowRef<'_>> = Vec::new();
    for of_host in frames.chunk_by(|a, b| a.host.id == b.host.id) {
        let first = rows.len();
        rows.extend(of_host.iter().flat_map(|frame| rows_of(target.layout.table, frame)));
        if let Some(rows) = rows.get_mut(first..) {
            rows.sort_by(|a, b| a.compare(b, target.layout));
        }
        let whole = rows.len() - rows.len() % BATCH_ROWS;
        write_rows(&mut writer, target, &rows[..whole])?;
        rows.drain(..whole);
    }
    write_rows(&mut writer, target, &rows)?;
    Ok(writer)
}

fn write_rows<'a>(
    writer: &mut Option<FileWriter<'a>>,
    target: &Target<'a>,
    rows: &[RowRef<'_>],
) -> Result<(), HistoryError> {
    for rows in rows.chunks(BATCH_ROWS) {
        let rows = all_columns(target.layout, rows)?;
        let writer = match writer {
            Some(writer) => writer,
            None => writer.insert(FileWriter::create(target, &rows)?),
        };
        writer.write(&rows)?;
    }
    Ok(())
}

fn all_columns(layout: &Layout, rows: &[RowRef<'_>]) -> Result<arrow::array::RecordBatch, HistoryError> {
    let columns: Vec<_> = (0..layout.schema.fields().len()).collect();
    batch(layout, &columns, rows)
}
