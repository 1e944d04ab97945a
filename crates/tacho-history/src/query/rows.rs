//! The stored rows as they are.

pub(crate) mod encode;

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::Stream;
use futures::stream::poll_fn;
use tacho_model::Table;
use tokio::sync::mpsc;

use crate::columns::layout;
use crate::inner::Inner;
use crate::scan::{FileRows, Scan};
use crate::state::View;
use crate::{History, HistoryError};
pub(crate) use encode::{Arrow, Encoder};
use encode::{Csv, Json};

/// Rows encoded at a time: a piece of some 100 kB.
const PIECE_ROWS: usize = 1024;

/// Encoded pieces that wait for a slow reader; then reading the files pauses.
const PIECES_AHEAD: usize = 2;

/// Asks for the rows of one table of one host: files in time order, in each file by entity, then time.
#[derive(Debug, Clone)]
pub struct RowsQuery {
    pub host_id: String,
    pub table: &'static Table,
    /// Stored columns, `time`, `host_id`, `host` and `interval_ms` among them; empty for all.
    pub columns: Vec<String>,
    pub from_ms: i64,
    pub to_ms: i64,
}

/// An encoded answer, piece by piece: at most a few pieces are ever in memory. An error ends it.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, HistoryError>> + Send>>;

impl History {
    /// The stored rows as CSV (RFC 4180) with a heading; absent is empty. Holds a blocking thread until the
    /// stream ends or is dropped.
    pub fn rows_csv(&self, query: RowsQuery) -> Result<ByteStream, HistoryError> {
        self.rows(&query, |_| Ok(Csv))
    }

    /// The stored rows as one JSON object `{"rows":[{…},…]}`; absent is `null`. As [`Self::rows_csv`].
    pub fn rows_json(&self, query: RowsQuery) -> Result<ByteStream, HistoryError> {
        self.rows(&query, |_| Ok(Json::default()))
    }

    /// The stored rows as an Arrow IPC stream. As [`Self::rows_csv`].
    pub fn rows_arrow(&self, query: RowsQuery) -> Result<ByteStream, HistoryError> {
        self.rows(&query, Arrow::new)
    }

    fn rows<E: Encoder>(
        &self,
        query: &RowsQuery,
        encoder: impl FnOnce(&SchemaRef) -> Result<E, HistoryError>,
    ) -> Result<ByteStream, HistoryError> {
        let scan = scan_of(query)?;
        let encoder = encoder(&scan.layout.project(&scan.columns))?;
        // Taken now: the rows are those of this moment, however long the reader takes.
        let view = scan.view(&self.inner);
        let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
        let export = Export { inner: Arc::clone(&self.inner), scan: Arc::new(scan), encoder, sender };
        tokio::task::spawn_blocking(move || export.run(&view));
        Ok(Box::pin(poll_fn(move |context| receiver.poll_recv(context))))
    }
}

fn scan_of(query: &RowsQuery) -> Result<Scan, HistoryError> {
    if query.to_ms <= query.from_ms {
        return Err(HistoryError::EmptyRange { from_ms: query.from_ms, to_ms: query.to_ms });
    }
    let layout = layout(query.table);
    let position = |name: &String| {
        let unknown = || HistoryError::UnknownColumn { table: query.table.name, column: name.clone() };
        layout.position(name).ok_or_else(unknown)
    };
    let columns = match query.columns.is_empty() {
        true => (0..layout.schema.fields().len()).collect(),
        false => query.columns.iter().map(position).collect::<Result<_, _>>()?,
    };
    Ok(Scan::new(query.table, &query.host_id, columns, query.from_ms..query.to_ms, &Arc::default()))
}

/// An answer being written.
struct Export<E> {
    inner: Arc<Inner>,
    scan: Arc<Scan>,
    encoder: E,
    sender: mpsc::Sender<Result<Bytes, HistoryError>>,
}

/// The reader went away.
struct Gone;

impl<E: Encoder> Export<E> {
    fn run(mut self, view: &View) {
        // Nobody is left to tell when sending fails.
        self.write(view).ok();
    }

    fn write(&mut self, view: &View) -> Result<(), Gone> {
        let start = self.encoder.start(&self.scan.layout.project(&self.scan.columns));
        self.send(start)?;
        for file in &view.files {
            match FileRows::open(&self.inner, &self.scan, file) {
                Ok(None) => {}
                Ok(Some(rows)) => {
                    for batch in rows {
                        match batch {
                            Ok(batch) => self.write_batch(&batch)?,
                            Err(failure) => {
                                self.check(self.inner.handle(file, failure))?;
                                break;
                            }
                        }
                    }
                }
                Err(failure) => self.check(self.inner.handle(file, failure))?,
            }
        }
        match self.scan.head_by_hour(&view.frames) {
            Ok(batches) => batches.iter().try_for_each(|batch| self.write_batch(batch))?,
            Err(error) => self.check(Err(error))?,
        }
        let end = self.encoder.end();
        self.send(end)
    }

    fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), Gone> {
        for first in (0..batch.num_rows()).step_by(PIECE_ROWS) {
            let piece = batch.slice(first, PIECE_ROWS.min(batch.num_rows() - first));
            let encoded = self.encoder.rows(&piece);
            self.send(encoded)?;
        }
        Ok(())
    }

    /// Sends a piece, or the error that ends the answer.
    fn send(&self, piece: Result<Vec<u8>, HistoryError>) -> Result<(), Gone> {
        let failed = piece.is_err();
        match piece {
            Ok(piece) if piece.is_empty() => return Ok(()),
            piece => self.sender.blocking_send(piece.map(Bytes::from)).map_err(|_| Gone)?,
        }
        if failed { Err(Gone) } else { Ok(()) }
    }

    fn check(&self, result: Result<(), HistoryError>) -> Result<(), Gone> {
        result.or_else(|error| self.send(Err(error)))
    }
}
