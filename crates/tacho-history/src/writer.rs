//! Writes one Parquet file of one table.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMillisecondType};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;
use tacho_catalog::FileRecord;

use crate::HistoryError;
use crate::columns::{HOST_ID, Layout, TIME};
use crate::directory::{Directory, NewFile};
use crate::encode::choose;
use crate::notes::Notes;
use crate::pages::{self, HostPages};
use crate::time::day;

/// A file that has grown to this size ends with its host, so that a day of a thousand hosts is several files with
/// hosts of their own.
const SPLIT_BYTES: usize = 128 << 20;

/// Files written one after the other, each with hosts of its own. Dropped unfinished, all are removed from disk.
pub(crate) struct Files<'a> {
    target: Target<'a>,
    current: Option<FileWriter<'a>>,
    done: Vec<FileRecord>,
}

/// A file being written. Dropped unfinished, it is removed from disk.
pub(crate) struct FileWriter<'a> {
    directory: &'a Directory,
    notes: Arc<Notes>,
    writer: Option<ArrowWriter<NewFile>>,
    pages: HostPages,
    record: FileRecord,
}

/// Where and how a file comes to be.
#[derive(Clone)]
pub(crate) struct Target<'a> {
    pub(crate) layout: &'static Layout,
    /// A time of its day.
    pub(crate) time_ms: i64,
    pub(crate) level: i64,
    pub(crate) rolled: bool,
    /// What it says about itself.
    pub(crate) notes: Arc<Notes>,
    pub(crate) now_ms: i64,
    pub(crate) written_ms: i64,
    pub(crate) directory: &'a Directory,
}

impl<'a> Files<'a> {
    pub(crate) fn new(target: Target<'a>) -> Self {
        Self { target, current: None, done: Vec::new() }
    }

    pub(crate) fn directory(&self) -> &'a Directory {
        self.target.directory
    }

    /// Adds rows as [`FileWriter::write`] does.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), HistoryError> {
        let big = self.current.as_ref().filter(|current| current.size() >= SPLIT_BYTES);
        let of_same = big.map_or(batch.num_rows(), |current| current.rows_of_last_host(batch));
        if of_same < batch.num_rows() {
            self.write_on(&batch.slice(0, of_same))?;
            self.end(true)?;
            return self.write_on(&batch.slice(of_same, batch.num_rows() - of_same));
        }
        self.write_on(batch)
    }

    fn write_on(&mut self, batch: &RecordBatch) -> Result<(), HistoryError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.current.is_none() {
            self.current = Some(FileWriter::create(&self.target, batch)?);
        }
        self.current.as_mut().map_or(Ok(()), |current| current.write(batch))
    }

    fn end(&mut self, more: bool) -> Result<(), HistoryError> {
        if let Some(mut current) = self.current.take() {
            if more || !self.done.is_empty() {
                let with =
                    if more { Vec::new() } else { self.done.iter().map(|file| file.id.clone()).collect() };
                current.set_notes(Notes { more, with, ..(*self.target.notes).clone() });
            }
            self.done.push(current.finish()?);
        }
        Ok(())
    }

    /// Completes the last file. Their names are not durable yet.
    pub(crate) fn finish(&mut self) -> Result<Vec<FileRecord>, HistoryError> {
        self.end(false)?;
        Ok(std::mem::take(&mut self.done))
    }
}

impl Drop for Files<'_> {
    fn drop(&mut self) {
        discard(self.target.directory, self.done.iter().map(|file| &file.path));
    }
}

impl<'a> FileWriter<'a> {
    /// A file that will begin with these rows, which are not written yet. Where it stays for long, they decide how its
    /// columns are encoded.
    pub(crate) fn create(target: &Target<'a>, first: &RecordBatch) -> Result<Self, HistoryError> {
        let layout = target.layout;
        let file = target.directory.create(layout.table.name, &day(target.time_ms), target.now_ms)?;
        let record = FileRecord {
            id: file.id.clone(),
            table: layout.table.name.to_owned(),
            path: file.path.clone(),
            level: target.level,
            host_min: String::new(),
            host_max: String::new(),
            time_min_ms: i64::MAX,
            time_max_ms: i64::MIN,
            rows: 0,
            bytes: 0,
            checksum: 0,
            written_ms: target.written_ms,
            rolled: target.rolled,
        };
        let notes = Arc::clone(&target.notes);
        let of_host = pages::most_rows_of_a_host(first);
        let pages = HostPages::new(of_host, layout.page_rows(of_host));
        let mut this = Self { directory: target.directory, notes, writer: None, pages, record };
        let chosen = if target.level == 0 { Ok(None) } else { choose(layout, first) };
        let properties = match chosen {
            Ok(Some(encodings)) => layout.properties_with(target.level, &encodings),
            Ok(None) => layout.properties(target.level).clone(),
            Err(source) => {
                discard(target.directory, [&this.record.path]);
                return Err(this.failed(source));
            }
        };
        // Arrow's own schema in the footer would be larger than the data of a small file; the reader
        // knows the types.
        let properties = properties
            .into_builder()
            .set_data_page_row_count_limit(this.pages.least())
            .set_write_batch_size(this.pages.least())
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        match ArrowWriter::try_new_with_options(file, layout.schema.clone(), options) {
            Ok(writer) => this.writer = Some(writer),
            Err(source) => {
                discard(target.directory, [&this.record.path]);
                return Err(this.failed(source));
            }
        }
        Ok(this)
    }

    /// Adds rows, all columns, in the table's order and not before those already written.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), HistoryError> {
        let Some(writer) = self.writer.as_mut() else { return Ok(()) };
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let is_same_host = self.record.rows > 0 && host_of(batch, 0) == self.record.host_max;
        let ends = self.pages.ends(batch, is_same_host);
        let mut start = 0;
        // A page ends where it is full after something was written.
        let written = ends.into_iter().try_for_each(|end| {
            let part = batch.slice(start, end - start);
            start = end;
            writer.write(&part)
        });
        written.map_err(|source| self.failed(source))?;
        self.note(batch);
        Ok(())
    }

    fn note(&mut self, batch: &RecordBatch) {
        let times = batch.column(TIME).as_primitive::<TimestampMillisecondType>();
        self.record.time_min_ms = arrow::compute::min(times).unwrap_or(i64::MAX).min(self.record.time_min_ms);
        self.record.time_max_ms = arrow::compute::max(times).unwrap_or(i64::MIN).max(self.record.time_max_ms);
        let first = host_of(batch, 0);
        if self.record.rows == 0 {
            self.record.host_min = first;
        }
        self.record.host_max = host_of(batch, batch.num_rows() - 1);
        self.record.rows += batch.num_rows() as i64;
    }

    pub(crate) fn id(&self) -> &str {
        &self.record.id
    }

    /// What to write about the file into itself, instead of what the target said.
    pub(crate) fn set_notes(&mut self, notes: Notes) {
        self.notes = Arc::new(notes);
    }

    /// Roughly the bytes so far.
    fn size(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.bytes_written() + writer.in_progress_size())
    }

    /// How many of the first rows are of the host that was written last.
    fn rows_of_last_host(&self, batch: &RecordBatch) -> usize {
        (0..batch.num_rows()).take_while(|row| host_of(batch, *row) == self.record.host_max).count()
    }

    /// Completes the file and makes its content durable; its name is not yet.
    pub(crate) fn finish(mut self) -> Result<FileRecord, HistoryError> {
        let Some(mut writer) = self.writer.take() else { return Ok(self.record.clone()) };
        for pair in self.notes.to_pairs(&self.record) {
            writer.append_key_value_metadata(pair);
        }
        // From here a failure removes the file by hand, as drop no longer sees a writer.
        let written = writer.into_inner().and_then(|file| Ok(file.finish()?));
        match written {
            Ok(written) => {
                self.record.bytes = i64::try_from(written.bytes).unwrap_or(i64::MAX);
                self.record.checksum = written.checksum;
                Ok(self.record.clone())
            }
            Err(source) => {
                let error = self.failed(source);
                discard(self.directory, [&self.record.path]);
                Err(error)
            }
        }
    }

    fn failed(&self, source: ParquetError) -> HistoryError {
        let path: PathBuf = self.directory.absolute(&self.record.path);
        match source {
            // A full disk is the one that matters: keep it an I/O error.
            ParquetError::External(source) => match source.downcast::<std::io::Error>() {
                Ok(source) => HistoryError::Io { action: "write", path, source: *source },
                Err(source) => HistoryError::Write { path, source: ParquetError::External(source) },
            },
            source => HistoryError::Write { path, source },
        }
    }
}

impl Drop for FileWriter<'_> {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            discard(self.directory, [&self.record.path]);
        }
    }
}

/// Removes files that did not become part of the history. What cannot be removed now is at the next start.
pub(crate) fn discard<'a>(directory: &Directory, paths: impl IntoIterator<Item = &'a PathBuf>) {
    for path in paths {
        if let Err(error) = directory.discard(path) {
            tracing::warn!(%error, "an unfinished file stays until the next start");
        }
    }
}

fn host_of(batch: &RecordBatch, row: usize) -> String {
    let hosts = batch.column(HOST_ID).as_dictionary::<Int32Type>();
    let values = hosts.values().as_string::<i32>();
    hosts.key(row).map(|key| values.value(key).to_owned()).unwrap_or_default()
}
