//! Merges sorted files into sorted files, batch by batch: memory is bounded by the number of files.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, TimestampMillisecondType};
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};
use tacho_catalog::FileRecord;

use crate::HistoryError;
use crate::columns::{HOST_ID, Layout, TIME};
use crate::rollup::{Combiner, Roller, spec_of_rollup};
use crate::scan::{FileRows, ReadFailure};
use crate::writer::{Files, Target, discard};

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

struct Merge<'a, 'r> {
    layout: &'static Layout,
    files: Files<'a>,
    roller: Option<&'r mut Roller<'a>>,
    /// Of a rollup: rows of one bucket become one.
    combiner: Option<Combiner>,
    converter: RowConverter,
    cursors: Vec<Option<Cursor>>,
    /// Batches that rows to be written are in.
    batches: Vec<RecordBatch>,
    /// Rows to be written next: batch and row.
    pending: Vec<(usize, usize)>,
    /// Two of them have the same key.
    has_equal: bool,
    /// Rows of the table itself, read and written.
    rows_in: i64,
    rows_out: i64,
}

fn output(error: impl Into<HistoryError>) -> MergeFailure {
    (None, ReadFailure::Io(error.into()))
}

/// Adds all rows of one input, which has all columns in the table's order, to its rollups.
pub(crate) fn roll(
    inputs: Vec<FileRows>,
    roller: &mut Roller<'_>,
    stop: &AtomicBool,
) -> Result<(), MergeFailure> {
    for (input, rows) in inputs.into_iter().enumerate() {
        for batch in rows {
            if stop.load(Ordering::Relaxed) {
                return Err(output(HistoryError::Stopped));
            }
            roller.add(&batch.map_err(|failure| (Some(input), failure))?).map_err(output)?;
        }
    }
    Ok(())
}

/// Writes all rows of the inputs, which have all columns in the table's order, into as few files as their size
/// wants, and adds them to the rollups.
pub(crate) fn merge<'a>(
    target: &Target<'a>,
    inputs: Vec<FileRows>,
    roller: Option<&mut Roller<'a>>,
    stop: &AtomicBool,
) -> Result<Vec<FileRecord>, MergeFailure> {
    let layout = target.layout;
    let mut merge = Merge {
        layout,
        files: Files::new(target.clone()),
        roller,
        combiner: spec_of_rollup(layout.table.name)
            .map(|spec| Combiner::new(spec, layout))
            .transpose()
            .map_err(output)?,
        converter: RowConverter::new(sort_fields(layout)).map_err(output)?,
        cursors: Vec::new(),
        batches: Vec::new(),
        pending: Vec::new(),
        has_equal: false,
        rows_in: 0,
        rows_out: 0,
    };
    let mut heap: BinaryHeap<Reverse<(OwnedRow, usize)>> = BinaryHeap::new();
    for (input, rows) in inputs.into_iter().enumerate() {
        merge.cursors.push(None);
        if let Some(key) = merge.advance_file(input, rows)? {
            heap.push(Reverse((key, input)));
        }
    }
    let mut last: Option<OwnedRow> = None;
    while let Some(Reverse((key, input))) = heap.pop() {
        let equal = last.as_ref() == Some(&key);
        if merge.pending.len() >= BATCH_ROWS && !equal {
            if stop.load(Ordering::Relaxed) {
                return Err(output(HistoryError::Stopped));
            }
            merge.write().map_err(output)?;
        }
        merge.has_equal |= equal;
        last = Some(key);
        if let Some(key) = merge.take(input)? {
            heap.push(Reverse((key, input)));
        }
    }
    merge.write().map_err(output)?;
    let files = merge.files.finish().map_err(output)?;
    // A merge that lost or doubled a row must never replace anything.
    if merge.rows_in != merge.rows_out {
        discard(target.directory, files.iter().map(|file| &file.path));
        return Err(output(HistoryError::RowsDiffer { merged: merge.rows_out, inputs: merge.rows_in }));
    }
    Ok(files)
}

/// Host, period, entity, time.
fn sort_fields(layout: &Layout) -> Vec<SortField> {
    let mut fields: Vec<_> = layout
        .sort
        .iter()
        .map(|column| SortField::new(layout.schema.field(*column).data_type().clone()))
        .collect();
    fields.insert(1, SortField::new(DataType::Int64));
    fields
}

fn sort_columns(layout: &Layout, batch: &RecordBatch) -> Vec<ArrayRef> {
    let mut columns: Vec<_> = layout.sort.iter().map(|column| Arc::clone(batch.column(*column))).collect();
    let times = batch.column(TIME).as_primitive::<TimestampMillisecondType>().values();
    let periods = times.iter().map(|time| time.div_euclid(layout.period_ms));
    columns.insert(1, Arc::new(Int64Array::from_iter_values(periods)));
    debug_assert_eq!(layout.sort.first(), Some(&HOST_ID));
    columns
}

impl Merge<'_, '_> {
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
        self.rows_in += self.rows_of(&batch);
        let keys = self.converter.convert_columns(&sort_columns(self.layout, &batch)).map_err(output)?;
        let first = keys.row(0).owned();
        self.batches.push(batch);
        let cursor = Cursor { rows, keys, next: 0, batch: self.batches.len() - 1 };
        if let Some(slot) = self.cursors.get_mut(input) {
            *slot = Some(cursor);
        }
        Ok(Some(first))
    }

    fn rows_of(&self, batch: &RecordBatch) -> i64 {
        match &self.combiner {
            Some(combiner) => combiner.rows(batch),
            None => batch.num_rows() as i64,
        }
    }

    /// Writes the rows that were taken and lets go of batches that no input is in any more.
    fn write(&mut self) -> Result<(), HistoryError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let batches: Vec<_> = self.batches.iter().collect();
        let mut rows = interleave_record_batch(&batches, &self.pending)?;
        if let Some(combiner) = self.combiner.as_ref().filter(|_| self.has_equal) {
            rows = combiner.combine(&rows)?;
        }
        self.has_equal = false;
        self.rows_out += self.rows_of(&rows);
        self.files.write(&rows)?;
        if let Some(roller) = &mut self.roller {
            roller.add(&rows)?;
        }
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
