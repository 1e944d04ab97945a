//! Adds up rows, which come sorted as in a file, into the buckets of each rollup; and puts rows of a rollup together that
//! are of the same bucket.

use arrow::array::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};
use tacho_catalog::FileRecord;

use super::bucket::{Bucket, Cells};
use super::output::Output;
use super::{Level, Spec};
use crate::HistoryError;
use crate::columns::{FIRST, HOST_ID, Layout, TIME, layout};
use crate::writer::{Files, Target};

/// Writes the rollups of the rows of one hour. Memory is bounded: a few thousand rows of output wait at a time.
pub(crate) struct Roller<'a> {
    spec: &'static Spec,
    entities: Entities,
    parts: Vec<Part<'a>>,
}

/// One level on its way to disk.
struct Part<'a> {
    level: Level,
    output: Output,
    files: Files<'a>,
    current: Option<Bucket>,
}

impl<'a> Roller<'a> {
    /// `target` is where the raw rows are from: its rollups go to the same day.
    pub(crate) fn new(spec: &'static Spec, target: &Target<'a>) -> Result<Self, HistoryError> {
        let part = |level, table| Part {
            level,
            output: Output::new(spec, table, false),
            files: Files::new(Target { layout: layout(table), rolled: true, level: 1, ..target.clone() }),
            current: None,
        };
        let parts = spec.rollups().map(|(level, table)| part(level, table)).collect();
        Ok(Self { spec, entities: Entities::new(layout(spec.raw))?, parts })
    }

    /// Adds whole rows of the table.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<(), HistoryError> {
        let keys = self.entities.keys(batch)?;
        let cells = Cells::new(batch);
        let labels: Vec<_> = self.parts.iter_mut().map(|part| part.output.source(batch)).collect();
        for row in 0..batch.num_rows() {
            let same = self.entities.is_same(&keys, row);
            let time_ms = cells.stored(TIME, row);
            for (part, label) in self.parts.iter_mut().zip(&labels) {
                part.add(self.spec, &cells, (*label, row), same, time_ms);
            }
        }
        self.entities.note(&keys);
        self.parts.iter_mut().try_for_each(Part::write_if_full)
    }

    /// Completes the files, whose names are not durable yet.
    pub(crate) fn finish(mut self) -> Result<Vec<FileRecord>, HistoryError> {
        let mut files: Vec<FileRecord> = Vec::new();
        for part in &mut self.parts {
            match part.finish() {
                Ok(of_level) => files.extend(of_level),
                Err(error) => {
                    crate::writer::discard(part.files.directory(), files.iter().map(|file| &file.path));
                    return Err(error);
                }
            }
        }
        Ok(files)
    }
}

impl Part<'_> {
    /// `label` is the batch's number and the row.
    fn add(
        &mut self,
        spec: &'static Spec,
        cells: &Cells<'_>,
        label: (usize, usize),
        same_entity: bool,
        time_ms: i64,
    ) {
        let length = self.level.bucket_ms();
        let start_ms = time_ms.div_euclid(length).saturating_mul(length);
        let goes_on =
            same_entity && self.current.as_ref().is_some_and(|current| current.start_ms == start_ms);
        if !goes_on && let Some(done) = self.current.take() {
            self.output.push(done);
        }
        let bucket = self.current.get_or_insert_with(|| Bucket::new(spec, start_ms, label));
        bucket.add_raw(spec, cells, label.1, label);
    }

    fn write_if_full(&mut self) -> Result<(), HistoryError> {
        if self.output.is_full() { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), HistoryError> {
        let mut open: Vec<&mut Bucket> = self.current.iter_mut().collect();
        match self.output.take(&mut open)? {
            Some(batch) => self.files.write(&batch),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<Vec<FileRecord>, HistoryError> {
        if let Some(done) = self.current.take() {
            self.output.push(done);
        }
        self.write()?;
        self.files.finish()
    }
}

/// Tells whether a row is of the same host and entity as the one before it.
struct Entities {
    columns: Vec<usize>,
    converter: RowConverter,
    last: Option<OwnedRow>,
}

impl Entities {
    fn new(layout: &Layout) -> Result<Self, HistoryError> {
        let columns: Vec<_> = [HOST_ID].into_iter().chain(layout.entity.iter().copied()).collect();
        let field = |column: &usize| SortField::new(layout.schema.field(*column).data_type().clone());
        Ok(Self { converter: RowConverter::new(columns.iter().map(field).collect())?, columns, last: None })
    }

    fn keys(&self, batch: &RecordBatch) -> Result<Rows, HistoryError> {
        let columns: Vec<_> = self.columns.iter().map(|column| batch.column(*column).clone()).collect();
        Ok(self.converter.convert_columns(&columns)?)
    }

    fn is_same(&self, keys: &Rows, row: usize) -> bool {
        match row.checked_sub(1) {
            Some(before) => keys.row(before) == keys.row(row),
            None => self.last.as_ref().is_some_and(|last| last.row() == keys.row(row)),
        }
    }

    fn note(&mut self, keys: &Rows) {
        if let Some(last) = keys.num_rows().checked_sub(1) {
            self.last = Some(keys.row(last).owned());
        }
    }
}

/// Puts rows of a rollup together that are of one entity and bucket; they must be neighbours in one batch.
pub(crate) struct Combiner {
    spec: &'static Spec,
    entities: Entities,
    layout: &'static Layout,
}

impl Combiner {
    pub(crate) fn new(spec: &'static Spec, layout: &'static Layout) -> Result<Self, HistoryError> {
        Ok(Self { spec, entities: Entities::new(layout)?, layout })
    }

    pub(crate) fn combine(&self, batch: &RecordBatch) -> Result<RecordBatch, HistoryError> {
        let keys = self.entities.keys(batch)?;
        let cells = Cells::new(batch);
        let mut output = Output::new(self.spec, self.layout.table, true);
        let source = output.source(batch);
        let mut same: Vec<Bucket> = Vec::new();
        for row in 0..batch.num_rows() {
            let bucket = Bucket::of_rollup(self.spec, &cells, row, (source, row));
            let goes_on = row > 0 && keys.row(row - 1) == keys.row(row);
            if !goes_on || same.first().is_some_and(|first| first.start_ms != bucket.start_ms) {
                one_of(&mut same).into_iter().for_each(|done| output.push(done));
            }
            same.push(bucket);
        }
        one_of(&mut same).into_iter().for_each(|done| output.push(done));
        Ok(output.take(&mut [])?.unwrap_or_else(|| RecordBatch::new_empty(self.layout.schema.clone())))
    }

    /// Raw rows that rows of a rollup stand for.
    pub(crate) fn rows(&self, batch: &RecordBatch) -> i64 {
        let cells = Cells::new(batch);
        (0..batch.num_rows()).map(|row| cells.stored(FIRST + self.spec.rows, row)).sum()
    }
}

/// Puts rows of one bucket together, the oldest first: the last value of a column that the newest lack is then right.
fn one_of(rows: &mut Vec<Bucket>) -> Option<Bucket> {
    rows.sort_by_key(|row| row.last_ms);
    let mut rows = rows.drain(..);
    let mut first = rows.next()?;
    rows.for_each(|row| first.merge(&row));
    Some(first)
}
