//! Turns buckets into batches of a rollup table's rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampMillisecondArray};
use arrow::compute::interleave;
use arrow::datatypes::DataType;
use tacho_model::Table;

use super::Spec;
use super::bucket::Bucket;
use crate::HistoryError;
use crate::columns::{FIRST, HOST, HOST_ID, INTERVAL, Layout, TIME, layout};

/// Rows put together at a time.
const ROWS: usize = 8192;

/// Batches held for their labels.
const BATCHES: usize = 64;

/// Rows of one rollup table that wait to be written.
pub(crate) struct Output {
    spec: &'static Spec,
    layout: &'static Layout,
    /// Stored columns of the source that labels are taken from, host and all.
    sources: Vec<usize>,
    /// Those columns of the batches that rows have their labels from.
    batches: Vec<Vec<ArrayRef>>,
    rows: Vec<Bucket>,
}

impl Output {
    /// `from_rollup`: labels come from rows of a rollup and not of the table itself.
    pub(crate) fn new(spec: &'static Spec, table: &'static Table, from_rollup: bool) -> Self {
        let own = spec.labels.iter().map(|(raw, rolled)| FIRST + if from_rollup { *rolled } else { *raw });
        let sources = [HOST_ID, HOST].into_iter().chain(own).collect();
        Self { spec, layout: layout(table), sources, batches: Vec::new(), rows: Vec::new() }
    }

    /// Keeps the labels of a batch; returns its number.
    pub(crate) fn source(&mut self, batch: &RecordBatch) -> usize {
        self.batches.push(self.sources.iter().map(|column| Arc::clone(batch.column(*column))).collect());
        self.batches.len() - 1
    }

    pub(crate) fn push(&mut self, bucket: Bucket) {
        self.rows.push(bucket);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= ROWS || self.batches.len() >= BATCHES
    }

    /// The rows so far. `open` are buckets that go on: of the batches only those stay that they have labels from,
    /// under new numbers.
    pub(crate) fn take(&mut self, open: &mut [&mut Bucket]) -> Result<Option<RecordBatch>, HistoryError> {
        let rows = std::mem::take(&mut self.rows);
        let batch = if rows.is_empty() { None } else { Some(self.batch(&rows)?) };
        let mut kept = Vec::new();
        for bucket in open {
            kept.push(self.batches[bucket.label.0].clone());
            bucket.label.0 = kept.len() - 1;
        }
        self.batches = kept;
        Ok(batch)
    }

    fn batch(&self, rows: &[Bucket]) -> Result<RecordBatch, HistoryError> {
        let mut columns: Vec<Option<ArrayRef>> = vec![None; self.layout.schema.fields().len()];
        columns[TIME] = Some(times(rows.iter().map(|row| Some(row.start_ms))));
        columns[INTERVAL] =
            Some(Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.interval_ms))));
        let picks: Vec<_> = rows.iter().map(|row| row.label).collect();
        let targets =
            [HOST_ID, HOST].into_iter().chain(self.spec.labels.iter().map(|(_, rolled)| FIRST + rolled));
        for (place, target) in targets.enumerate() {
            let arrays: Vec<&dyn Array> = self.batches.iter().map(|batch| &*batch[place]).collect();
            columns[target] = Some(interleave(&arrays, &picks)?);
        }
        let spec = self.spec;
        let mut set = |position: usize, array: ArrayRef| columns[FIRST + position] = Some(array);
        set(spec.rows, Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.rows))));
        set(spec.first_time, times(rows.iter().map(|row| Some(row.first_ms))));
        set(spec.last_time, times(rows.iter().map(|row| Some(row.last_ms))));
        for (i, number) in spec.numbers.iter().enumerate() {
            let sums = || rows.iter().map(move |row| row.numbers[i]);
            let present = |sums: super::bucket::Sums| (sums.count > 0).then_some(sums);
            let (sum, last) = match number.float {
                true => (
                    floats(sums().map(|sums| present(sums).map(|sums| sums.float_sum))),
                    floats(sums().map(|sums| sums.float_last)),
                ),
                false => (
                    integers(sums().map(|sums| present(sums).map(|sums| sums.sum))),
                    integers(sums().map(|sums| sums.last)),
                ),
            };
            set(number.sum, sum);
            set(number.count, integers(sums().map(|sums| Some(sums.count))));
            let (min, max) = match number.float || number.delta {
                true => (
                    floats(sums().map(|sums| sums.float_range.map(|(min, _)| min))),
                    floats(sums().map(|sums| sums.float_range.map(|(_, max)| max))),
                ),
                false => (
                    integers(sums().map(|sums| sums.range.map(|(min, _)| min))),
                    integers(sums().map(|sums| sums.range.map(|(_, max)| max))),
                ),
            };
            set(number.min, min);
            set(number.max, max);
            if let Some(position) = number.last {
                set(position, last);
            }
        }
        for (i, extremes) in spec.extremes.iter().enumerate() {
            set(extremes.min, floats(rows.iter().map(|row| row.extremes[i].map(|(min, _)| min))));
            set(extremes.max, floats(rows.iter().map(|row| row.extremes[i].map(|(_, max)| max))));
        }
        let absent = |(column, field): (Option<ArrayRef>, &Arc<arrow::datatypes::Field>)| {
            column.unwrap_or_else(|| arrow::array::new_null_array(field.data_type(), rows.len()))
        };
        let columns = columns.into_iter().zip(self.layout.schema.fields()).map(absent).collect();
        Ok(RecordBatch::try_new(Arc::clone(&self.layout.schema), columns)?)
    }
}

fn integers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

fn floats(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    debug_assert!(matches!(crate::columns::time_type(), DataType::Timestamp(..)));
    Arc::new(values.collect::<TimestampMillisecondArray>().with_timezone("UTC"))
}
