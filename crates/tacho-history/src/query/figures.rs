//! What the readings of a table come to over a range: mean, extremes with their instants, sums.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use tacho_model::{Meaning, Table};

use super::series::{Aggregate, Entities, Numbers, Rolled, Wanted, by_entity};
use crate::HistoryError;
use crate::columns::{INTERVAL, TIME, layout};
use crate::inner::Inner;
use crate::levels::{Part, Plan};
use crate::rollup::Level;
use crate::scan::{Reading, Scan, read_each};
use crate::time::DAY_MS;

/// Ranges from this length on are read by the minute.
const BY_MINUTE_MS: i64 = DAY_MS;

/// Most entities of one table: file systems, disks, interfaces.
const MOST_ENTITIES: usize = 10_000;

/// One entity's readings over a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// One text per entity column of the table; empty for a table about the host as a whole.
    pub entity: Vec<String>,
    /// By name, in the order asked for.
    pub columns: Vec<(&'static str, Figure)>,
}

/// What one column comes to; absent when there was no reading.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figure {
    /// Weighted by the interval that each row covers.
    pub average: Option<f64>,
    pub min: Option<Extreme>,
    /// The first of the greatest.
    pub max: Option<Extreme>,
    /// Of deltas.
    pub sum: Option<f64>,
}

/// A value and when it was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extreme {
    pub value: f64,
    /// The snapshot's time, or where its minute or hour begins.
    pub time_ms: i64,
    /// How long that is; 0 for a snapshot.
    pub within_ms: i64,
}

/// The means, extremes and sums of one bucket, or the values of one row: by aggregate in the order of [`AGGREGATES`],
/// then column.
struct Values {
    of: [Vec<Option<f64>>; AGGREGATES.len()],
}

/// What a column came to so far.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    weighted: f64,
    weight: f64,
    figure: Figure,
}

/// The figures of some columns, entity by entity.
pub(crate) fn figures(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    host_id: &str,
    (table, columns): (&'static Table, &'static [&'static str]),
    range: Range<i64>,
) -> Result<(Vec<Figures>, Plan), HistoryError> {
    let names: Vec<_> = columns.iter().map(|name| (*name).to_owned()).collect();
    let wanted = Wanted::new(table, &names)?;
    let long = range.end.saturating_sub(range.start) >= BY_MINUTE_MS;
    let level = if long { Level::Minute } else { Level::Raw };
    let plan = inner.state().plan(table, host_id, range, level);
    let entities = Entities::default();
    let mut found = Found { table, columns, wanted, entities, sums: Vec::new() };
    for part in &plan.parts {
        found.read(inner, reading, host_id, part)?;
    }
    Ok((found.into_figures(), plan))
}

struct Found {
    table: &'static Table,
    columns: &'static [&'static str],
    wanted: Wanted,
    entities: Entities,
    /// By entity, then column.
    sums: Vec<Vec<Sums>>,
}

impl Found {
    fn read(
        &mut self,
        inner: &Arc<Inner>,
        reading: &Arc<Reading>,
        host_id: &str,
        part: &Part,
    ) -> Result<(), HistoryError> {
        let entity = &layout(part.table).entity;
        let rolled = self.rolled(part.level);
        let own = rolled.as_ref().map_or_else(
            || self.wanted.stored(),
            |rolled| rolled.iter().flat_map(Rolled::stored_columns).collect(),
        );
        let columns = [&[TIME, INTERVAL], entity.as_slice(), own.as_slice()].concat();
        let scan = Scan::new(part.table, host_id, columns, part.range.clone(), reading);
        let first = 2 + entity.len();
        let mut values = Values::new(self.columns.len());
        read_each(inner, scan, &part.files, &part.frames, |batch| {
            let numbers = of_aggregates(&batch, first, rolled.as_deref());
            let entities: Vec<_> = {
                let mut rows = self.entities.rows(&batch, 2, entity.len());
                (0..batch.num_rows()).map(|row| rows.entity(row)).collect()
            };
            for (row, entity) in entities.into_iter().enumerate() {
                let Some(of_row) = numbers.first() else { continue };
                let (time_ms, interval_ms) = of_row.time_and_interval(row);
                match &rolled {
                    Some(rolled) => values.of_bucket(rolled, &numbers, interval_ms, row),
                    None => values.of_row(&self.wanted, of_row, interval_ms, row),
                }
                let within_ms = if rolled.is_some() { part.level.bucket_ms() } else { 0 };
                self.line(entity)?;
                let weight = interval_ms.max(1) as f64;
                for (column, sums) in self.sums[entity].iter_mut().enumerate() {
                    sums.add(values.column(column), weight, (time_ms, within_ms));
                }
            }
            Ok(())
        })
    }

    /// How to make the columns of rollups, by aggregate in the order of [`AGGREGATES`]; `None` for rows.
    fn rolled(&self, level: Level) -> Option<Vec<Rolled>> {
        let rolled = |aggregate: &Aggregate| Rolled::new(self.table, &self.wanted, *aggregate);
        AGGREGATES.iter().map(rolled).collect::<Option<Vec<_>>>().filter(|_| level != Level::Raw)
    }

    fn line(&mut self, entity: usize) -> Result<(), HistoryError> {
        if entity >= MOST_ENTITIES {
            return Err(HistoryError::TooManyEntities);
        }
        while self.sums.len() <= entity {
            self.sums.push(vec![Sums::default(); self.columns.len()]);
        }
        Ok(())
    }

    fn into_figures(self) -> Vec<Figures> {
        let is_delta = |name: &&str| {
            let position = self.table.position(name);
            position.is_some_and(|position| self.table.columns[position].meaning == Meaning::Delta)
        };
        let deltas: Vec<_> = self.columns.iter().map(is_delta).collect();
        let entities = self.entities.into_names().into_iter().zip(self.sums);
        let mut figures: Vec<_> = entities
            .map(|(entity, sums)| {
                let figures = sums.into_iter().zip(&deltas).map(|(sums, delta)| sums.into_figure(*delta));
                Figures { entity, columns: self.columns.iter().copied().zip(figures).collect() }
            })
            .collect();
        figures.sort_by(|a, b| by_entity(&a.entity, &b.entity));
        figures
    }
}

const AGGREGATES: [Aggregate; 4] = [Aggregate::Average, Aggregate::Min, Aggregate::Max, Aggregate::Sum];

/// The columns that each aggregate needs follow one another; rows have one set of them.
fn of_aggregates<'a>(batch: &'a RecordBatch, first: usize, rolled: Option<&[Rolled]>) -> Vec<Numbers<'a>> {
    let mut next = first;
    let starts = rolled.unwrap_or_default().iter().map(|rolled| {
        let start = next;
        next += rolled.stored_columns().len();
        start
    });
    let starts: Vec<_> = starts.collect();
    let starts = if starts.is_empty() { vec![first] } else { starts };
    starts.into_iter().map(|start| Numbers::new(batch, start)).collect()
}

impl Values {
    fn new(columns: usize) -> Self {
        Self { of: std::array::from_fn(|_| vec![None; columns]) }
    }

    fn of_row(&mut self, wanted: &Wanted, numbers: &Numbers<'_>, interval_ms: i64, row: usize) {
        let [first, rest @ ..] = &mut self.of;
        wanted.evaluate(interval_ms, |input| numbers.get(input, row), first);
        rest.iter_mut().for_each(|values| values.clone_from(first));
    }

    fn of_bucket(&mut self, rolled: &[Rolled], numbers: &[Numbers<'_>], interval_ms: i64, row: usize) {
        for ((values, rolled), numbers) in self.of.iter_mut().zip(rolled).zip(numbers) {
            rolled.evaluate(interval_ms, |input| numbers.get(input, row), values);
        }
    }

    fn column(&self, column: usize) -> [Option<f64>; AGGREGATES.len()] {
        std::array::from_fn(|aggregate| self.of[aggregate].get(column).copied().flatten())
    }
}

impl Sums {
    fn add(
        &mut self,
        values: [Option<f64>; AGGREGATES.len()],
        weight: f64,
        (time_ms, within_ms): (i64, i64),
    ) {
        let [average, min, max, sum] = values;
        if let Some(average) = average {
            self.weighted += average * weight;
            self.weight += weight;
        }
        let extreme = |value| Extreme { value, time_ms, within_ms };
        let beyond = |known: Option<Extreme>, value: f64, sign: f64| {
            known.is_none_or(|known| {
                let further = (value - known.value) * sign;
                further > 0.0 || further == 0.0 && time_ms < known.time_ms
            })
        };
        if let Some(value) = min.filter(|value| beyond(self.figure.min, *value, -1.0)) {
            self.figure.min = Some(extreme(value));
        }
        if let Some(value) = max.filter(|value| beyond(self.figure.max, *value, 1.0)) {
            self.figure.max = Some(extreme(value));
        }
        if let Some(sum) = sum {
            self.figure.sum = Some(self.figure.sum.unwrap_or_default() + sum);
        }
    }

    fn into_figure(self, is_delta: bool) -> Figure {
        let average = (self.weight > 0.0).then(|| self.weighted / self.weight);
        Figure { average, sum: self.figure.sum.filter(|_| is_delta), ..self.figure }
    }
}
