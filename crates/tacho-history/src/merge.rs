//! Merges sorted files into one sorted file, batch by batch: memory is bounded by the number of files.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};
use tacho_catalog::FileRecord;

use crate::HistoryError;
use crate::columns::Layout;
use crate::scan::{FileRows, ReadFailure};
use crate::writer::{FileWriter, Target};

/// Rows put together at a time.
const BATCH_ROWS: usize = 8192;

/// What failed, and which input it was; `None` for the output.
pub(crate) type MergeFailure = (Option<usize>, ReadFailure);

/// One input file at its next row.
struct Cursor {
    rows: FileRows,
    keys: Rows,
    next: usize,
    /// Which of the merge's batches it is in.
    batch: usize,
}

struct Merge<'a> {
    layout: &'static Layout,
    writer: FileWriter<'a>,
    converter: RowConverter,
    cursors: Vec<Option<Cursor>>,
    /// Batches that rows to be written are in.
    batches: Vec<RecordBatch>,
    /// Rows to be written next: batch and row.
    pending: Vec<(usize, usize)>,
}

/// Writes all rows of the inputs, which have all columns in the table's order, into one file.
pub(crate) fn merge(
    target: &Target<'_>,
    inputs: Vec<FileRows>,
    stop: &AtomicBool,
) -> Result<FileRecord, MergeFailure> {
    let output = |error: HistoryError| (None, ReadFailure::Io(error));
    let fields = target
        .layout
        .sort
        .iter()
        .map(|column| SortField::new(target.layout.schema.field(*column).data_type().clone()));
    let converter = RowConverter::new(fields.collect()).map_err(|error| output(error.into()))?;
    let writer = FileWriter::create(target).map_err(output)?;
    let mut merge = Merge {
        layout: target.layout,
        writer,
        converter,
        cursors: Vec::new(),
        batches: Vec::new(),
        pending: Vec::new(),
    };
    let mut heap: BinaryHeap<Reverse<(OwnedRow, usize)>> = BinaryHeap::new();
    for (input, rows) in inputs.into_iter().enumerate() {
        merge.cursors.push(None);
        if let Some(key) = merge.advance_file(input, rows)? {
            heap.push(Reverse((key, input)));
        }
    }
    while let Some(Reverse((_, input))) = heap.pop() {
        if merge.pending.len() >= BATCH_ROWS {
            if stop.load(Ordering::Relaxed) {
                return Err(output(HistoryError::Stopped));
            }
            merge.write().map_err(output)?;
        }
        if let Some(key) = merge.take(input)? {
            heap.push(Reverse((key, input)));
        }
    }
    merge.write().map_err(output)?;
    merge.writer.finish().map_err(output)
}

impl Merge<'_> {
    /// Takes the next row of an input and returns the key of the one after it.
    fn take(&mut self, input: usize) -> Result<Option<OwnedRow>, MergeFailure> {
        let Some(cursor) = self.cursors.get_mut(input).and_then(Option::as_mut) else { return Ok(None) };
        self.pending.push((cursor.batch, cursor.next));
        cursor.next += 1;
        if cursor.next < cursor.keys.num_rows() {
            return Ok(Some(cursor.keys.row(cursor.next).owned()));
        }
        match self.cursors.get_mut(input).and_then(Option::take) {
            Some(cursor) => self.advance_file(input, cursor.rows),
            None => Ok(None),
        }
    }

    /// Reads the next batch of an input and returns its first key.
    fn advance_file(&mut self, input: usize, mut rows: FileRows) -> Result<Option<OwnedRow>, MergeFailure> {
        let Some(batch) = rows.next() else { return Ok(None) };
        let batch = batch.map_err(|failure| (Some(input), failure))?;
        let columns: Vec<_> = self.layout.sort.iter().map(|column| batch.column(*column).clone()).collect();
        let keys = self
            .converter
            .convert_columns(&columns)
            .map_err(|error| (None, ReadFailure::Io(error.into())))?;
        let first = keys.row(0).owned();
        self.batches.push(batch);
        let cursor = Cursor { rows, keys, next: 0, batch: self.batches.len() - 1 };
        if let Some(slot) = self.cursors.get_mut(input) {
            *slot = Some(cursor);
        }
        Ok(Some(first))
    }

    /// Writes the rows that were taken and lets go of batches that no input is in any more.
    fn write(&mut self) -> Result<(), HistoryError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let batches: Vec<_> = self.batches.iter().collect();
        let rows = interleave_record_batch(&batches, &self.pending)?;
        self.writer.write(&rows)?;
        self.pending.clear();
        let mut kept = Vec::new();
        for cursor in self.cursors.iter_mut().flatten() {
            kept.push(self.batches[cursor.batch].clone());
            cursor.batch = kept.len() - 1;
        }
        self.batches = kept;
        Ok(())
    }
}
