//! Columns of a series read from rollups.
//!
//! Means and sums are those of the rows. A derived column is computed from the bucket's sums and means; its
//! extremes are the rows' where the rollup keeps them or a rate tells them, else those of the buckets.

use tacho_model::Table;

use super::Aggregate;
use super::columns::{Column, Wanted};
use crate::columns::FIRST;
use crate::derived::{Derived, Rate, Shared};
use crate::rollup::{Level, Number, Spec, spec};

/// The columns asked for, and the stored ones of the rollup that they need.
pub(crate) struct Rolled {
    aggregate: Aggregate,
    /// Positions in the rollup, each once; `rows` and `first_time` come first.
    inputs: Vec<usize>,
    columns: Vec<From>,
}

/// Numbers are inputs.
enum From {
    /// Times a factor.
    Value(usize, f64),
    /// A rate per second, times the mean interval.
    Rate(usize),
    Mean {
        sum: usize,
        count: usize,
    },
    Derived(&'static Derived, Vec<Option<Part>>),
}

/// What a column of the table comes to in a bucket.
#[derive(Clone, Copy)]
struct Part {
    sum: usize,
    /// Set when the mean and not the sum is meant.
    count: Option<usize>,
}

impl Rolled {
    /// `None` when the table has no rollups.
    pub(crate) fn new(table: &'static Table, wanted: &Wanted, aggregate: Aggregate) -> Option<Self> {
        let spec = spec(table)?;
        let mut rolled = Self { aggregate, inputs: vec![spec.rows, spec.first_time], columns: Vec::new() };
        for column in wanted.columns() {
            let from = rolled.column(spec, wanted, column)?;
            rolled.columns.push(from);
        }
        Some(rolled)
    }

    fn column(&mut self, spec: &Spec, wanted: &Wanted, column: &Column) -> Option<From> {
        match column {
            Column::Stored(input) => {
                // A label, such as the number of a core, is what it is.
                let position = *wanted.positions().get(*input)?;
                let Some(number) = spec.number(position) else {
                    let label = spec.labels.iter().find(|(raw, _)| *raw == position)?;
                    return Some(From::Value(self.input(label.1), 1.0));
                };
                Some(self.stored(number))
            }
            Column::Derived(derived, _) => Some(self.derived(spec, derived)),
        }
    }

    fn stored(&mut self, number: &Number) -> From {
        let extreme = match self.aggregate {
            Aggregate::Max => number.max,
            Aggregate::Min => number.min,
            Aggregate::Sum => return From::Value(self.input(number.sum), 1.0),
            Aggregate::Average => {
                return From::Mean { sum: self.input(number.sum), count: self.input(number.count) };
            }
        };
        match number.delta {
            true => From::Rate(self.input(extreme)),
            false => From::Value(self.input(extreme), 1.0),
        }
    }

    fn derived(&mut self, spec: &Spec, derived: &'static Derived) -> From {
        let least = match self.aggregate {
            Aggregate::Max => Some(false),
            Aggregate::Min => Some(true),
            Aggregate::Average | Aggregate::Sum => None,
        };
        if let Some(least) = least {
            if let Some(extremes) = spec.extremes_of(&derived.name) {
                return From::Value(self.input(if least { extremes.min } else { extremes.max }), 1.0);
            }
            if let Some((Rate { of, factor }, number)) =
                derived.rate().and_then(|rate| Some((rate, spec.number(rate.of)?)))
            {
                debug_assert_eq!(of, number.raw);
                return From::Value(self.input(if least { number.min } else { number.max }), factor);
            }
        }
        let mut parts = vec![None; spec.raw.columns.len()];
        for position in derived.inputs() {
            let Some(number) = spec.number(position) else { continue };
            let sum = self.input(number.sum);
            let count = (!number.delta).then(|| self.input(number.count));
            parts[position] = Some(Part { sum, count });
        }
        From::Derived(derived, parts)
    }

    fn input(&mut self, position: usize) -> usize {
        let known = self.inputs.iter().position(|input| *input == position);
        known.unwrap_or_else(|| {
            self.inputs.push(position);
            self.inputs.len() - 1
        })
    }

    /// Stored columns to scan, input by input.
    pub(crate) fn stored_columns(&self) -> Vec<usize> {
        self.inputs.iter().map(|position| FIRST + position).collect()
    }

    /// Since when its rows speak, given its inputs: their mean interval before the first of them.
    pub(crate) fn covered_from_ms(interval_ms: i64, input: impl Fn(usize) -> Option<f64>) -> i64 {
        let rows = input(0).unwrap_or(1.0).max(1.0);
        input(1).map_or(i64::MAX, |first_ms| (first_ms - interval_ms as f64 / rows) as i64)
    }

    /// The columns of one bucket, given its inputs.
    pub(crate) fn evaluate(
        &self,
        interval_ms: i64,
        input: impl Fn(usize) -> Option<f64>,
        values: &mut [Option<f64>],
    ) {
        let rows = input(0).filter(|rows| *rows > 0.0);
        let mean =
            |sum, count| input(count).filter(|count| *count > 0.0).zip(input(sum)).map(|(n, sum)| sum / n);
        let mut shared = Shared::default();
        for (column, value) in self.columns.iter().zip(values) {
            *value = match column {
                From::Value(place, factor) => input(*place).map(|value| value * factor),
                From::Rate(place) => {
                    input(*place).zip(rows).map(|(rate, rows)| rate * interval_ms as f64 / 1000.0 / rows)
                }
                From::Mean { sum, count } => mean(*sum, *count),
                From::Derived(derived, parts) => {
                    let part = |position: usize| match parts.get(position).copied().flatten()? {
                        Part { sum, count: None } => input(sum),
                        Part { sum, count: Some(count) } => mean(sum, count),
                    };
                    let of_bucket = derived.evaluate_with(interval_ms, part, &mut shared);
                    match self.aggregate {
                        Aggregate::Sum => of_bucket.zip(rows).map(|(value, rows)| value * rows),
                        _ => of_bucket,
                    }
                }
            };
        }
    }
}

/// The coarsest level of a table whose buckets fit into those of an answer.
pub(crate) fn level_for(table: &Table, bucket_ms: i64) -> Level {
    let fits = |level: &&Level| level.bucket_ms() <= bucket_ms;
    let level = Level::ALL.iter().rev().find(fits).copied().unwrap_or(Level::Raw);
    if spec(table).is_some() { level } else { Level::Raw }
}
