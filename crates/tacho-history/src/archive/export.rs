//! Writes the archive, piece by piece, while whoever wants it reads.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMillisecondType;
use bytes::Bytes;
use futures::stream::poll_fn;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;
use tacho_catalog::HostPart;
use tacho_model::Table;
use tokio::sync::mpsc;

use super::PART_BYTES;
use super::manifest::{self, Manifest, Part};
use crate::columns::{Layout, TIME};
use crate::inner::Inner;
use crate::query::ByteStream;
use crate::rollup::{Level, stored_table, stored_tables};
use crate::scan::{FileRows, Hosts, Scan};
use crate::state::View;
use crate::time::{HOUR_MS, hour};
use crate::{History, HistoryError};

/// Bytes of the archive handed over at a time, and how many of them wait for a slow reader.
const PIECE_BYTES: usize = 256 << 10;
const PIECES_AHEAD: usize = 4;

/// A level that a file of several periods is written with: it does not say that it is sorted throughout.
const PART_LEVEL: i64 = 2;

impl History {
    /// One host (its id) between two instants: all tables, facts, gaps and alerts, those rows included that are in
    /// memory only. The range is widened to whole hours. `None` when there is no such host. An answer that breaks off
    /// is not complete, and cannot be taken in. Holds a blocking thread until the stream ends or is dropped.
    pub async fn export(&self, host_id: &str, range: Range<i64>) -> Result<Option<ByteStream>, HistoryError> {
        let (from_ms, to_ms) = (range.start, range.end);
        let first = from_ms.div_euclid(HOUR_MS).checked_mul(HOUR_MS);
        let end = to_ms.checked_add(HOUR_MS - 1).and_then(|end| end.div_euclid(HOUR_MS).checked_mul(HOUR_MS));
        let (Some(first), Some(end)) = (first, end.filter(|_| from_ms < to_ms)) else {
            return Err(HistoryError::EmptyRange { from_ms, to_ms });
        };
        let Some(part) = self.inner.catalog.host_part(host_id, first, end).await? else { return Ok(None) };
        // Taken now and at once: the rows are those of this moment, however long the reader takes.
        let tables = views(&self.inner, host_id, first..end);
        let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || write(&inner, part, first..end, &tables, &sender));
        Ok(Some(Box::pin(poll_fn(move |context| receiver.poll_recv(context)))))
    }
}

type Tables = Vec<(Arc<Scan>, View)>;

type Sender = mpsc::Sender<Result<Bytes, HistoryError>>;

fn views(inner: &Inner, host_id: &str, range: Range<i64>) -> Tables {
    let scan = |table: &'static Table| {
        let columns = (0..crate::columns::layout(table).schema.fields().len()).collect();
        Scan::new(table, host_id, columns, range.clone(), &Arc::default())
    };
    // An archive has whole hours. A day of which it has a part would be told as all of it.
    let is_of_hours = |table: &&Table| stored_table(table.name).is_some_and(|(.., level)| level < Level::Day);
    let scans: Vec<_> = stored_tables().filter(is_of_hours).map(scan).collect();
    let hosts = Hosts::from(host_id);
    let state = inner.state();
    let view = |scan: Scan| {
        let view = state.view(scan.layout.table, &hosts, range.start, range.end);
        (Arc::new(scan), view)
    };
    scans.into_iter().map(view).collect()
}

fn write(inner: &Arc<Inner>, part: HostPart, range: Range<i64>, tables: &Tables, sender: &Sender) {
    let mut archive = Archive {
        tar: tar::Builder::new(Pieces { sender, buffer: Vec::new() }),
        manifest: Manifest::new(part, range, (inner.now)()),
        hours: HashMap::new(),
    };
    let written = tables.iter().try_for_each(|(scan, view)| archive.add_table(inner, scan, view));
    match written.and_then(|()| archive.finish()) {
        // Nobody is left to tell when sending fails.
        Ok(()) | Err(Failure::Gone) => {}
        Err(Failure::History(error)) => drop(sender.blocking_send(Err(error))),
    }
}

enum Failure {
    /// The reader went away.
    Gone,
    History(HistoryError),
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Self::History(error)
    }
}

struct Archive<'s> {
    tar: tar::Builder<Pieces<'s>>,
    manifest: Manifest,
    /// Of each raw table the hours whose rows are in the archive. It comes before its rollups.
    hours: HashMap<&'static str, HashSet<i64>>,
}

impl Archive<'_> {
    fn add_table(&mut self, inner: &Arc<Inner>, scan: &Arc<Scan>, view: &View) -> Result<(), Failure> {
        for file in &view.files {
            let added = match FileRows::open(inner, scan, file) {
                Ok(None) => Ok(()),
                Ok(Some(rows)) => {
                    let mut part = NewPart::new(scan.layout);
                    let mut failed = None;
                    for batch in rows {
                        match batch {
                            Ok(batch) => self.add(&mut part, &batch)?,
                            Err(failure) => {
                                failed = Some(failure);
                                break;
                            }
                        }
                    }
                    match failed {
                        None => {
                            self.end(part)?;
                            Ok(())
                        }
                        Some(failure) => inner.handle(file, failure),
                    }
                }
                // A damaged file is set aside and costs only itself.
                Err(failure) => inner.handle(file, failure),
            };
            added?;
        }
        let mut part = NewPart::new(scan.layout);
        for batch in scan.head_by_hour(&view.frames)? {
            self.add(&mut part, &batch)?;
        }
        self.end(part)
    }

    /// Adds rows to a part. Of rollups only those of hours that the archive has no rows of.
    fn add(&mut self, part: &mut NewPart, rows: &RecordBatch) -> Result<(), Failure> {
        let table = part.layout.table.name;
        let Some((_, raw, level)) = stored_table(table) else { return Ok(()) };
        let hours = self.hours.entry(raw.name).or_default();
        let times = rows.column(TIME).as_primitive::<TimestampMillisecondType>().values();
        let mut wanted = None;
        if level == Level::Raw {
            hours.extend(times.iter().map(|time| hour(*time)));
        } else {
            let keep: Vec<_> = times.iter().map(|time| !hours.contains(&hour(*time))).collect();
            let keep = filter_record_batch(rows, &BooleanArray::from(keep));
            wanted = Some(keep.map_err(HistoryError::from)?);
        }
        part.write(wanted.as_ref().unwrap_or(rows))?;
        if part.size() >= PART_BYTES {
            let full = std::mem::replace(part, NewPart::new(part.layout));
            self.end(full)?;
        }
        Ok(())
    }

    fn end(&mut self, part: NewPart) -> Result<(), Failure> {
        let table = part.layout.table.name;
        let Some((rows, content)) = part.finish()? else { return Ok(()) };
        let path = format!("{table}/{:05}.parquet", self.manifest.parts.len());
        self.append(&path, &content)?;
        self.manifest.parts.push(Part {
            path,
            table: table.to_owned(),
            rows,
            bytes: content.len() as u64,
            checksum: crc32fast::hash(&content),
        });
        Ok(())
    }

    fn append(&mut self, path: &str, content: &[u8]) -> Result<(), Failure> {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(u64::try_from(self.manifest.exported_ms / 1000).unwrap_or_default());
        // Writing fails only when the reader went away.
        self.tar.append_data(&mut header, path, content).map_err(|_| Failure::Gone)
    }

    fn finish(mut self) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(&self.manifest)
            .map_err(|error| HistoryError::Job(error.to_string()))?;
        self.append(manifest::NAME, &json)?;
        let mut pieces = self.tar.into_inner().map_err(|_| Failure::Gone)?;
        pieces.flush().map_err(|_| Failure::Gone)
    }
}

/// A Parquet file being written in memory.
struct NewPart {
    layout: &'static Layout,
    writer: Option<ArrowWriter<Vec<u8>>>,
    rows: u64,
}

impl NewPart {
    fn new(layout: &'static Layout) -> Self {
        Self { layout, writer: None, rows: 0 }
    }

    fn write(&mut self, rows: &RecordBatch) -> Result<(), HistoryError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let options = ArrowWriterOptions::new()
                    .with_properties(self.layout.properties(PART_LEVEL).clone())
                    .with_skip_arrow_metadata(true);
                let schema = Arc::clone(&self.layout.schema);
                let writer =
                    ArrowWriter::try_new_with_options(Vec::new(), schema, options).map_err(failed)?;
                self.writer.insert(writer)
            }
        };
        self.rows += rows.num_rows() as u64;
        writer.write(rows).map_err(failed)
    }

    /// Roughly the bytes so far.
    fn size(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.bytes_written() + writer.in_progress_size())
    }

    /// Rows and content; nothing when there is no row.
    fn finish(self) -> Result<Option<(u64, Vec<u8>)>, HistoryError> {
        let rows = self.rows;
        self.writer.map(|writer| Ok((rows, writer.into_inner().map_err(failed)?))).transpose()
    }
}

fn failed(source: ParquetError) -> HistoryError {
    HistoryError::Write { path: "an export".into(), source }
}

/// Hands what is written over in pieces.
struct Pieces<'s> {
    sender: &'s Sender,
    buffer: Vec<u8>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.buffer);
        if piece.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
