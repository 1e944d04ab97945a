//! Readings over time, in at most so many buckets.

mod columns;
mod lines;
mod of_processes;
mod rolled;

use std::sync::Arc;

use tacho_model::{ColumnType, ProcessKey, Table};

use crate::columns::{FIRST, INTERVAL, TIME};
use crate::inner::Inner;
use crate::levels::Part;
use crate::rollup::Level;
use crate::scan::{EntityValue, ReadReport, Reading, Scan, read_each};
use crate::{History, HistoryError};
pub(crate) use columns::{Entities, Numbers, Wanted};
use lines::Lines;
pub(crate) use of_processes::{process_series, series_of_processes};
pub(crate) use rolled::Rolled;
use rolled::level_for;

/// How the rows in one bucket become one number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Aggregate {
    /// Weighted by the interval that each row covers.
    #[default]
    Average,
    Max,
    Min,
    /// Of the rows' values: right for deltas.
    Sum,
}

/// Asks for columns of one table of one host.
#[derive(Debug, Clone)]
pub struct SeriesQuery {
    pub host_id: String,
    pub table: &'static Table,
    /// Stored or [derived](crate::derived) columns that hold numbers.
    pub columns: Vec<String>,
    /// Only this entity: one text per [`Table::entity`] column.
    pub entity: Option<Vec<String>>,
    pub from_ms: i64,
    pub to_ms: i64,
    /// Most buckets.
    pub points: usize,
    pub aggregate: Aggregate,
}

/// Asks for columns of one process.
#[derive(Debug, Clone)]
pub struct ProcessSeriesQuery {
    pub host_id: String,
    pub key: ProcessKey,
    pub columns: Vec<String>,
    pub from_ms: i64,
    pub to_ms: i64,
    pub points: usize,
    pub aggregate: Aggregate,
}

/// One entity's readings over time.
///
/// A row belongs to the bucket of its time. A bucket without a row that lies in the interval which a later
/// row covers takes that row's value (0 for sums), so buckets shorter than the snapshot interval leave no
/// holes. Every other bucket without rows is `None` in every column.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// One text per entity column of the table; empty for a table about the host as a whole.
    pub entity: Vec<String>,
    /// Where each bucket starts.
    pub time_ms: Vec<i64>,
    pub bucket_ms: i64,
    /// In the order asked for.
    pub columns: Vec<(String, Vec<Option<f64>>)>,
}

/// Where the buckets start that divide a range into at most `points`, and how long they are. From a minute on
/// they are whole minutes, from ten on whole tens of minutes, from an hour on whole hours, of a table that has rollups:
/// then the first one may start before the range, and has no row from before it.
pub fn buckets_of(table: &Table, from_ms: i64, to_ms: i64, points: usize) -> (i64, i64) {
    let (start_ms, bucket_ms, _) = divide(table, from_ms, to_ms, points);
    (start_ms, bucket_ms)
}

fn divide(table: &Table, from_ms: i64, to_ms: i64, points: usize) -> (i64, i64, Level) {
    let length = |start_ms: i64| {
        let range = (i128::from(to_ms) - i128::from(start_ms)).max(1);
        let points = i128::try_from(points).unwrap_or(i128::MAX).max(1);
        // Rounded up, so that there are never more buckets than asked for.
        i64::try_from((range + points - 1) / points).unwrap_or(i64::MAX)
    };
    let plain_ms = length(from_ms);
    let level = level_for(table, plain_ms);
    if level == Level::Raw {
        return (from_ms, plain_ms, level);
    }
    let whole = level.bucket_ms();
    let start_ms = from_ms.div_euclid(whole).saturating_mul(whole);
    let length_ms = length(start_ms);
    let wholes = length_ms.div_euclid(whole) + i64::from(length_ms.rem_euclid(whole) != 0);
    (start_ms, wholes.saturating_mul(whole), level)
}

/// A process without a row for longer than this is not known to have been idle; agents send a row of every
/// idle process each minute.
pub(crate) const IDLE_MS: i64 = 75_000;

/// How far after the range rows are read for what they tell about its end.
const AHEAD_MS: i64 = 75_000;

/// Most numbers in one answer.
const MOST_NUMBERS: usize = 20_000_000;

impl History {
    /// Readings over time: one series per entity that has rows in the range, by entity. For a table without
    /// entities always one.
    pub async fn series(&self, query: SeriesQuery) -> Result<Vec<Series>, HistoryError> {
        Ok(self.series_with_report(query).await?.0)
    }

    /// The same, and how it was found.
    pub async fn series_with_report(
        &self,
        query: SeriesQuery,
    ) -> Result<(Vec<Series>, ReadReport), HistoryError> {
        self.inner.reading(move |inner, reading| series(inner, reading, &query)).await
    }

    /// One process over time. Between two rows of an idle process it used nothing and its gauges stay.
    pub async fn process_series(&self, query: ProcessSeriesQuery) -> Result<Series, HistoryError> {
        Ok(self.process_series_with_report(query).await?.0)
    }

    /// The same, and how it was found.
    pub async fn process_series_with_report(
        &self,
        query: ProcessSeriesQuery,
    ) -> Result<(Series, ReadReport), HistoryError> {
        self.inner.reading(move |inner, reading| process_series(inner, reading, &query)).await
    }
}

/// The buckets of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buckets {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) bucket_ms: i64,
    pub(crate) count: usize,
    /// The coarsest level that they can be made of.
    pub(crate) level: Level,
}

impl Buckets {
    fn new(table: &Table, from_ms: i64, to_ms: i64, points: usize) -> Result<Self, HistoryError> {
        if to_ms <= from_ms {
            return Err(HistoryError::EmptyRange { from_ms, to_ms });
        }
        let (start_ms, bucket_ms, level) = divide(table, from_ms, to_ms, points);
        let last = (i128::from(to_ms) - 1 - i128::from(start_ms)) / i128::from(bucket_ms);
        let count = usize::try_from(last).unwrap_or(usize::MAX).saturating_add(1);
        Ok(Self { from_ms: start_ms, to_ms, bucket_ms, count, level })
    }

    /// Up to where rows can tell something about the range.
    fn read_to_ms(&self) -> i64 {
        let ahead = if self.bucket_ms < AHEAD_MS { AHEAD_MS } else { 0 };
        self.to_ms.saturating_add(ahead)
    }

    /// No more numbers than anyone could look at.
    fn check(&self, series: usize, columns: usize) -> Result<(), HistoryError> {
        let numbers = self.count.saturating_mul(series).saturating_mul(columns);
        if numbers > MOST_NUMBERS {
            return Err(HistoryError::TooMuch { numbers, most: MOST_NUMBERS });
        }
        Ok(())
    }
}

pub(crate) fn series(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    query: &SeriesQuery,
) -> Result<(Vec<Series>, ReadReport), HistoryError> {
    let buckets = Buckets::new(query.table, query.from_ms, query.to_ms, query.points)?;
    let wanted = Wanted::new(query.table, &query.columns)?;
    buckets.check(1, wanted.len())?;
    let entity = match &query.entity {
        None => Vec::new(),
        Some(entity) => match entity_filter(query.table, entity) {
            Some(filter) => filter,
            // No row can be called that.
            None => return Ok((Vec::new(), ReadReport::default())),
        },
    };
    let range = query.from_ms..buckets.read_to_ms();
    let plan = inner.state().plan(query.table, &query.host_id, range, buckets.level);
    let rolled = Rolled::new(query.table, &wanted, query.aggregate);
    let mut found = Found {
        buckets,
        wanted,
        rolled,
        aggregate: query.aggregate,
        entities: Entities::default(),
        lines: Vec::new(),
    };
    if query.table.entity.is_empty() {
        found.entities.add(Vec::new());
        found.line(0)?;
    }
    for part in &plan.parts {
        found.read(inner, reading, query, part, &entity)?;
    }
    let mut series: Vec<_> = found
        .entities
        .into_names()
        .into_iter()
        .zip(found.lines)
        .filter(|(entity, lines)| entity.is_empty() || lines.has_rows())
        .map(|(entity, lines)| lines.into_series(entity, &query.columns))
        .collect();
    series.sort_by(|a, b| by_entity(&a.entity, &b.entity));
    Ok((series, reading.report(&plan)))
}

/// Series being added up, by entity.
struct Found {
    buckets: Buckets,
    wanted: Wanted,
    /// `None` for a table without rollups.
    rolled: Option<Rolled>,
    aggregate: Aggregate,
    entities: Entities,
    lines: Vec<Lines>,
}

impl Found {
    fn line(&mut self, entity: usize) -> Result<(), HistoryError> {
        while self.lines.len() <= entity {
            self.buckets.check(self.lines.len() + 1, self.wanted.len())?;
            self.lines.push(Lines::new(self.buckets, self.wanted.len(), self.aggregate));
        }
        Ok(())
    }

    /// The columns of a part that are read after time, interval and entity; and its rollup.
    fn columns(&self, part: &Part) -> Vec<usize> {
        match self.rolled.as_ref().filter(|_| part.level != Level::Raw) {
            Some(rolled) => rolled.stored_columns(),
            None => self.wanted.stored(),
        }
    }

    fn read(
        &mut self,
        inner: &Arc<Inner>,
        reading: &Arc<Reading>,
        query: &SeriesQuery,
        part: &Part,
        filter: &[(String, EntityValue)],
    ) -> Result<(), HistoryError> {
        let layout = crate::columns::layout(part.table);
        let entity_columns = layout.entity.len();
        let columns = [vec![TIME, INTERVAL], layout.entity.clone(), self.columns(part)].concat();
        let mut scan = Scan::new(part.table, &query.host_id, columns, part.range.clone(), reading);
        scan.entity = placed(part.table, filter);
        let mut values = vec![None; self.wanted.len()];
        read_each(inner, scan, &part.files, &part.frames, |batch| {
            let numbers = Numbers::new(&batch, 2 + entity_columns);
            let entities: Vec<_> = {
                let mut rows = self.entities.rows(&batch, 2, entity_columns);
                (0..batch.num_rows()).map(|row| rows.entity(row)).collect()
            };
            for (row, entity) in entities.into_iter().enumerate() {
                self.line(entity)?;
                let (time_ms, interval_ms) = numbers.time_and_interval(row);
                let input = |input| numbers.get(input, row);
                match self.rolled.as_ref().filter(|_| part.level != Level::Raw) {
                    Some(rolled) => {
                        rolled.evaluate(interval_ms, input, &mut values);
                        let bucket = (time_ms, part.level.bucket_ms());
                        let from_ms = Rolled::covered_from_ms(interval_ms, input);
                        self.lines[entity].add_bucket(bucket, from_ms, interval_ms, &values);
                    }
                    None => {
                        self.wanted.evaluate(interval_ms, input, &mut values);
                        self.lines[entity].add(time_ms, interval_ms, &values);
                    }
                }
            }
            Ok(())
        })
    }
}

/// Columns by name as stored columns of a table or its rollup.
fn placed(table: &Table, filter: &[(String, EntityValue)]) -> Vec<(usize, EntityValue)> {
    let place = |(name, value): &(String, EntityValue)| Some((FIRST + table.position(name)?, value.clone()));
    filter.iter().filter_map(place).collect()
}

/// Numbers by value, so that core 10 comes after core 9.
pub(crate) fn by_entity(a: &[String], b: &[String]) -> std::cmp::Ordering {
    let number =
        |names: &[String]| names.iter().map(|name| name.parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

fn entity_filter(table: &'static Table, entity: &[String]) -> Option<Vec<(String, EntityValue)>> {
    if entity.len() != table.entity.len() {
        return None;
    }
    let filter = table.entity.iter().zip(entity).map(|(name, value)| {
        let position = table.position(name)?;
        let value = match table.columns.get(position)?.column_type {
            ColumnType::Text => EntityValue::Text(value.clone()),
            _ => EntityValue::Integer(value.parse().ok()?),
        };
        Some(((*name).to_owned(), value))
    });
    filter.collect()
}

#[cfg(test)]
mod tests {
    use tacho_model::tables;

    use super::*;

    #[test]
    fn buckets_cover_the_range_and_are_no_more_than_asked_for() {
        for (from, to, points) in [
            (0, 3_600_000, 300),
            (0, 10, 3),
            (-5, 6, 100),
            (i64::MIN, i64::MAX, 7),
            (3, 4, 0),
            (0, i64::MAX, 1),
        ] {
            for table in [&tables::host::TABLE, &tables::event::TABLE] {
                let buckets = Buckets::new(table, from, to, points).unwrap();
                assert!(buckets.count <= points.max(1), "{buckets:?}");
                let end = i128::from(buckets.from_ms) + i128::from(buckets.bucket_ms) * buckets.count as i128;
                assert!(end >= i128::from(to) && buckets.from_ms <= from, "{buckets:?}");
            }
        }
        assert!(Buckets::new(&tables::host::TABLE, 5, 5, 10).is_err());
    }

    #[test]
    fn long_buckets_are_whole_minutes_and_hours_where_there_are_rollups() {
        let hour = Level::Hour.bucket_ms();
        let of = |table, from, to, points| buckets_of(table, from, to, points);
        assert_eq!(of(&tables::host::TABLE, 61_000, 61_000 + hour, 61), (61_000, 59_017));
        assert_eq!(of(&tables::host::TABLE, 61_000, 61_000 + hour, 59), (60_000, 120_000));
        assert_eq!(of(&tables::host::TABLE, 61_000, 61_000 + 48 * hour, 48), (0, 2 * hour));
        assert_eq!(of(&tables::event::TABLE, 61_000, 61_000 + hour, 59), (61_000, 61_017));
    }

    #[test]
    fn cores_sort_by_number_and_devices_by_name() {
        let mut names: Vec<Vec<String>> =
            ["10", "9", "0"].iter().map(|name| vec![(*name).to_owned()]).collect();
        names.sort_by(|a, b| by_entity(a, b));
        assert_eq!(names.concat(), ["0", "9", "10"]);
        let mut names: Vec<Vec<String>> =
            ["sdb", "sda"].iter().map(|name| vec![(*name).to_owned()]).collect();
        names.sort_by(|a, b| by_entity(a, b));
        assert_eq!(names.concat(), ["sda", "sdb"]);
    }
}
