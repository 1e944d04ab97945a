//! One row of a rollup while it is being added up.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMillisecondType};
use tacho_model::six_digits;

use super::spec::{Extremes, Spec};
use crate::columns::{FIRST, INTERVAL, TIME};

/// Everything here can be added to another of the same bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) start_ms: i64,
    pub(crate) interval_ms: i64,
    pub(crate) rows: i64,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) numbers: Vec<Sums>,
    /// Least and greatest of the derived columns.
    pub(crate) extremes: Vec<Option<(f64, f64)>>,
    /// Row with the newest labels: which of the output's batches, and which row of it.
    pub(crate) label: (usize, usize),
}

/// What the values of one column come to. Of integers and floats only one kind is used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) count: i64,
    pub(crate) sum: i64,
    pub(crate) float_sum: f64,
    /// Of integer gauges.
    pub(crate) range: Option<(i64, i64)>,
    /// Of float gauges, and of the rates of deltas.
    pub(crate) float_range: Option<(f64, f64)>,
    pub(crate) last: Option<i64>,
    pub(crate) float_last: Option<f64>,
}

/// Numbers of one column of a batch.
pub(crate) enum Values<'a> {
    Integers(&'a [i64], Option<&'a NullBuffer>),
    Floats(&'a [f64], Option<&'a NullBuffer>),
    /// Text.
    None,
}

impl<'a> Values<'a> {
    pub(crate) fn new(column: &'a ArrayRef) -> Self {
        let nulls = column.nulls().filter(|nulls| nulls.null_count() > 0);
        match column.data_type() {
            DataType::Int64 => Self::Integers(column.as_primitive::<Int64Type>().values(), nulls),
            DataType::Timestamp(..) => {
                Self::Integers(column.as_primitive::<TimestampMillisecondType>().values(), nulls)
            }
            DataType::Float64 => Self::Floats(column.as_primitive::<Float64Type>().values(), nulls),
            _ => Self::None,
        }
    }

    pub(crate) fn integer(&self, row: usize) -> Option<i64> {
        match self {
            Self::Integers(values, nulls) if nulls.is_none_or(|nulls| nulls.is_valid(row)) => {
                Some(values[row])
            }
            _ => None,
        }
    }

    pub(crate) fn float(&self, row: usize) -> Option<f64> {
        match self {
            Self::Floats(values, nulls) if nulls.is_none_or(|nulls| nulls.is_valid(row)) => Some(values[row]),
            _ => None,
        }
    }

    /// Either kind.
    pub(crate) fn number(&self, row: usize) -> Option<f64> {
        self.float(row).or_else(|| self.integer(row).map(|value| value as f64))
    }
}

/// All columns of a batch of whole rows.
pub(crate) struct Cells<'a>(Vec<Values<'a>>);

impl<'a> Cells<'a> {
    pub(crate) fn new(batch: &'a RecordBatch) -> Self {
        Self(batch.columns().iter().map(Values::new).collect())
    }

    /// Of a stored column.
    pub(crate) fn stored(&self, column: usize, row: usize) -> i64 {
        self.0.get(column).and_then(|values| values.integer(row)).unwrap_or_default()
    }

    /// Of the table's own column at a position.
    fn own(&self, position: usize) -> &Values<'a> {
        self.0.get(FIRST + position).unwrap_or(&Values::None)
    }
}

impl Bucket {
    pub(crate) fn new(spec: &Spec, start_ms: i64, label: (usize, usize)) -> Self {
        Self {
            start_ms,
            interval_ms: 0,
            rows: 0,
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            numbers: vec![Sums::default(); spec.numbers.len()],
            extremes: vec![None; spec.extremes.len()],
            label,
        }
    }

    /// Adds a row of the table itself. Rows come by time.
    pub(crate) fn add_raw(&mut self, spec: &Spec, cells: &Cells<'_>, row: usize, label: (usize, usize)) {
        let (time_ms, interval_ms) = (cells.stored(TIME, row), cells.stored(INTERVAL, row));
        self.interval_ms = self.interval_ms.saturating_add(interval_ms.max(0));
        self.rows += 1;
        self.first_ms = self.first_ms.min(time_ms);
        self.last_ms = self.last_ms.max(time_ms);
        self.label = label;
        for (number, sums) in spec.numbers.iter().zip(&mut self.numbers) {
            let values = cells.own(number.raw);
            match (number.float, number.delta) {
                (false, false) => sums.add_gauge(values.integer(row)),
                (true, false) => sums.add_float_gauge(values.float(row)),
                (false, true) => sums.add_delta(values.integer(row), interval_ms),
                (true, true) => sums.add_float_delta(values.float(row), interval_ms),
            }
        }
        for (extremes, range) in spec.extremes.iter().zip(&mut self.extremes) {
            let value = extremes.derived.evaluate(interval_ms, |position| {
                let value = cells.own(position).number(row);
                // A process of which only one kind of CPU time is known used that much.
                let known = || extremes.any_known && inputs_known(extremes, cells, row);
                value.or_else(|| known().then_some(0.0))
            });
            *range = wider(*range, value.map(six_digits).map(|value| (value, value)));
        }
    }

    /// Reads a row of a rollup.
    pub(crate) fn of_rollup(spec: &Spec, cells: &Cells<'_>, row: usize, label: (usize, usize)) -> Self {
        let integer = |position: usize| cells.own(position).integer(row);
        let mut bucket = Self::new(spec, cells.stored(TIME, row), label);
        bucket.interval_ms = cells.stored(INTERVAL, row);
        bucket.rows = integer(spec.rows).unwrap_or_default();
        bucket.first_ms = integer(spec.first_time).unwrap_or(i64::MAX);
        bucket.last_ms = integer(spec.last_time).unwrap_or(i64::MIN);
        for (number, sums) in spec.numbers.iter().zip(&mut bucket.numbers) {
            let float = |position: usize| cells.own(position).float(row);
            *sums = Sums {
                count: integer(number.count).unwrap_or_default(),
                sum: integer(number.sum).unwrap_or_default(),
                float_sum: float(number.sum).unwrap_or_default(),
                range: integer(number.min).zip(integer(number.max)),
                float_range: float(number.min).zip(float(number.max)),
                last: number.last.and_then(integer),
                float_last: number.last.and_then(float),
            };
        }
        for (extremes, range) in spec.extremes.iter().zip(&mut bucket.extremes) {
            *range = cells.own(extremes.min).float(row).zip(cells.own(extremes.max).float(row));
        }
        bucket
    }

    /// Adds another of the same bucket, or a part of it.
    pub(crate) fn merge(&mut self, other: &Self) {
        let newer = other.last_ms >= self.last_ms;
        if newer {
            self.label = other.label;
        }
        self.interval_ms = self.interval_ms.saturating_add(other.interval_ms);
        self.rows = self.rows.saturating_add(other.rows);
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        for (sums, other) in self.numbers.iter_mut().zip(&other.numbers) {
            sums.merge(other, newer);
        }
        for (range, other) in self.extremes.iter_mut().zip(&other.extremes) {
            *range = wider(*range, *other);
        }
    }
}

impl Sums {
    fn add_gauge(&mut self, value: Option<i64>) {
        let Some(value) = value else { return };
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        self.range = wider(self.range, Some((value, value)));
        self.last = Some(value);
    }

    fn add_float_gauge(&mut self, value: Option<f64>) {
        let Some(value) = value else { return };
        self.count += 1;
        self.float_sum += value;
        self.float_range = wider(self.float_range, Some((value, value)));
        self.float_last = Some(value);
    }

    fn add_delta(&mut self, value: Option<i64>, interval_ms: i64) {
        let Some(value) = value else { return };
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        self.add_rate(value as f64, interval_ms);
    }

    fn add_float_delta(&mut self, value: Option<f64>, interval_ms: i64) {
        let Some(value) = value else { return };
        self.count += 1;
        self.float_sum += value;
        self.add_rate(value, interval_ms);
    }

    fn add_rate(&mut self, value: f64, interval_ms: i64) {
        if interval_ms > 0 {
            let rate = six_digits(value * 1000.0 / interval_ms as f64);
            self.float_range = wider(self.float_range, Some((rate, rate)));
        }
    }

    fn merge(&mut self, other: &Self, newer: bool) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.float_sum += other.float_sum;
        self.range = wider(self.range, other.range);
        self.float_range = wider(self.float_range, other.float_range);
        self.last = if newer { other.last.or(self.last) } else { self.last.or(other.last) };
        self.float_last =
            if newer { other.float_last.or(self.float_last) } else { self.float_last.or(other.float_last) };
    }
}

fn inputs_known(extremes: &Extremes, cells: &Cells<'_>, row: usize) -> bool {
    extremes.derived.inputs().into_iter().any(|position| cells.own(position).number(row).is_some())
}

/// What spans both.
fn wider<T: PartialOrd + Copy>(left: Option<(T, T)>, right: Option<(T, T)>) -> Option<(T, T)> {
    match (left, right) {
        (Some((min, max)), Some((least, greatest))) => {
            Some((if least < min { least } else { min }, if greatest > max { greatest } else { max }))
        }
        (left, right) => left.or(right),
    }
}
