//! A table at one moment, for a reader in another process: which files hold its rows, and the rows that are in
//! no file yet.

use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use futures::stream::poll_fn;
use tacho_catalog::FileRecord;
use tacho_model::Table;
use tokio::sync::mpsc;

use super::ByteStream;
use super::rows::{Arrow, Encoder};
use crate::columns::layout;
use crate::files::FileEntry;
use crate::head::Frame;
use crate::rows::{RowRef, batch, rows_of};
use crate::{History, HistoryError};

/// Rows encoded at a time.
const PIECE_ROWS: usize = 8192;

/// Encoded pieces that wait for a slow reader.
const PIECES_AHEAD: usize = 2;

/// Each row of the table is in one of the files or in the head, and in one of them only.
pub struct TableView {
    table: &'static Table,
    files: Vec<Arc<FileEntry>>,
    left_out: usize,
    frames: Vec<Arc<Frame>>,
}

impl History {
    /// Where the paths of files begin.
    pub fn directory(&self) -> &Path {
        &self.inner.config.directory
    }

    /// A table or a rollup of one as it is now. Files without rows of the host (its id) or of the range may be
    /// left out. The files stay on disk for the grace period after they are replaced.
    pub fn table_view(&self, table: &'static Table, host_id: Option<&str>, range: Range<i64>) -> TableView {
        let whole = self.inner.state().whole_view(table, host_id, range);
        TableView { table, files: whole.files, left_out: whole.left_out, frames: whole.frames }
    }
}

impl TableView {
    pub fn files(&self) -> impl Iterator<Item = &FileRecord> {
        self.files.iter().map(|file| &file.record)
    }

    /// How many files of the table are not among them.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The rows that are in no file, all columns, as an Arrow IPC stream. Holds a blocking thread until the
    /// stream ends or is dropped.
    pub fn head_arrow(self) -> ByteStream {
        let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
        tokio::task::spawn_blocking(move || {
            // Nobody is left to tell when sending fails.
            if let Err(error) = self.write(&sender) {
                sender.blocking_send(Err(error)).ok();
            }
        });
        let stream = poll_fn(move |context| receiver.poll_recv(context));
        Box::pin(stream) as Pin<Box<dyn Stream<Item = _> + Send>>
    }

    fn write(&self, sender: &mpsc::Sender<Result<Bytes, HistoryError>>) -> Result<(), HistoryError> {
        let layout = layout(self.table);
        let columns: Vec<_> = (0..layout.schema.fields().len()).collect();
        let schema = layout.project(&columns);
        let mut encoder = Arrow::new(&schema)?;
        let send = |bytes: Vec<u8>| bytes.is_empty() || sender.blocking_send(Ok(bytes.into())).is_ok();
        if !send(encoder.start(&schema)?) {
            return Ok(());
        }
        let rows: Vec<RowRef<'_>> = self.frames.iter().flat_map(|frame| rows_of(self.table, frame)).collect();
        for rows in rows.chunks(PIECE_ROWS) {
            if !send(encoder.rows(&batch(layout, &columns, rows)?)?) {
                return Ok(());
            }
        }
        send(encoder.end()?);
        Ok(())
    }
}
