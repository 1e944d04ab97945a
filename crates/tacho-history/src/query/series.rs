//! Readings over time, in at most so many buckets.

mod columns;
mod lines;

use std::sync::Arc;

use tacho_model::{ColumnType, Meaning, ProcessKey, Table, tables::process};

use crate::columns::{FIRST, INTERVAL, TIME};
use crate::inner::Inner;
use crate::scan::{EntityValue, Scan, read_each};
use crate::{History, HistoryError};
use columns::{Entities, Numbers, Wanted};
use lines::Lines;

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

/// Length of the buckets that divide a range into at most `points`.
pub fn bucket_ms(from_ms: i64, to_ms: i64, points: usize) -> i64 {
    let range = (i128::from(to_ms) - i128::from(from_ms)).max(1);
    let points = i128::try_from(points).unwrap_or(i128::MAX).max(1);
    // Rounded up, so that there are never more buckets than asked for.
    i64::try_from((range + points - 1) / points).unwrap_or(i64::MAX)
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
        let inner = Arc::clone(&self.inner);
        self.inner.blocking(move || series(&inner, &query)).await
    }

    /// One process over time. Between two rows of an idle process it used nothing and its gauges stay.
    pub async fn process_series(&self, query: ProcessSeriesQuery) -> Result<Series, HistoryError> {
        let inner = Arc::clone(&self.inner);
        self.inner.blocking(move || process_series(&inner, &query)).await
    }
}

/// The buckets of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buckets {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) bucket_ms: i64,
    pub(crate) count: usize,
}

impl Buckets {
    fn new(from_ms: i64, to_ms: i64, points: usize) -> Result<Self, HistoryError> {
        if to_ms <= from_ms {
            return Err(HistoryError::EmptyRange { from_ms, to_ms });
        }
        let bucket_ms = bucket_ms(from_ms, to_ms, points);
        let last = (i128::from(to_ms) - 1 - i128::from(from_ms)) / i128::from(bucket_ms);
        let count = usize::try_from(last).unwrap_or(usize::MAX).saturating_add(1);
        Ok(Self { from_ms, to_ms, bucket_ms, count })
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

fn series(inner: &Arc<Inner>, query: &SeriesQuery) -> Result<Vec<Series>, HistoryError> {
    let buckets = Buckets::new(query.from_ms, query.to_ms, query.points)?;
    let wanted = Wanted::new(query.table, &query.columns)?;
    buckets.check(1, wanted.len())?;
    let entity_columns = crate::columns::layout(query.table).entity.clone();
    let columns = [vec![TIME, INTERVAL], entity_columns.clone(), wanted.stored()].concat();
    let mut scan = Scan::new(query.table, &query.host_id, columns, query.from_ms..buckets.read_to_ms());
    if let Some(entity) = &query.entity {
        match entity_filter(query.table, entity) {
            Some(filter) => scan.entity = filter,
            // No row can be called that.
            None => return Ok(Vec::new()),
        }
    }

    let mut entities = Entities::default();
    let mut lines: Vec<Lines> = Vec::new();
    if query.table.entity.is_empty() {
        entities.add(Vec::new());
        lines.push(Lines::new(buckets, wanted.len(), query.aggregate));
    }
    let mut values = vec![None; wanted.len()];
    read_each(inner, scan, |batch| {
        let numbers = Numbers::new(&batch, 2 + entity_columns.len());
        let mut rows = entities.rows(&batch, 2, entity_columns.len());
        for row in 0..batch.num_rows() {
            let entity = rows.entity(row);
            while lines.len() <= entity {
                buckets.check(lines.len() + 1, wanted.len())?;
                lines.push(Lines::new(buckets, wanted.len(), query.aggregate));
            }
            let (time_ms, interval_ms) = numbers.time_and_interval(row);
            wanted.evaluate(interval_ms, |input| numbers.get(input, row), &mut values);
            lines[entity].add(time_ms, interval_ms, &values);
        }
        Ok(())
    })?;
    let mut series: Vec<_> = entities
        .into_names()
        .into_iter()
        .zip(lines)
        .filter(|(entity, lines)| entity.is_empty() || lines.has_rows())
        .map(|(entity, lines)| lines.into_series(entity, &query.columns))
        .collect();
    series.sort_by(|a, b| by_entity(&a.entity, &b.entity));
    Ok(series)
}

/// Numbers by value, so that core 10 comes after core 9.
fn by_entity(a: &[String], b: &[String]) -> std::cmp::Ordering {
    let number =
        |names: &[String]| names.iter().map(|name| name.parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

fn entity_filter(table: &'static Table, entity: &[String]) -> Option<Vec<(usize, EntityValue)>> {
    if entity.len() != table.entity.len() {
        return None;
    }
    let filter = table.entity.iter().zip(entity).map(|(name, value)| {
        let position = table.position(name)?;
        let value = match table.columns.get(position)?.column_type {
            ColumnType::Text => EntityValue::Text(value.clone()),
            _ => EntityValue::Integer(value.parse().ok()?),
        };
        Some((FIRST + position, value))
    });
    filter.collect()
}

/// One row of a process: its stored numbers.
struct Row {
    time_ms: i64,
    interval_ms: i64,
    inputs: Vec<Option<f64>>,
}

fn process_series(inner: &Arc<Inner>, query: &ProcessSeriesQuery) -> Result<Series, HistoryError> {
    let table = &process::TABLE;
    let buckets = Buckets::new(query.from_ms, query.to_ms, query.points)?;
    let wanted = Wanted::new(table, &query.columns)?;
    buckets.check(1, wanted.len())?;
    let columns = [vec![TIME, INTERVAL], wanted.stored()].concat();
    // Rows from shortly before tell whether the process was idle when the range begins.
    let from_ms = query.from_ms.saturating_sub(IDLE_MS);
    let mut scan = Scan::new(table, &query.host_id, columns, from_ms..buckets.read_to_ms());
    scan.entity = vec![
        (FIRST + usize::from(process::PID.0), EntityValue::Integer(query.key.pid)),
        (FIRST + usize::from(process::START_TIME.0), EntityValue::Integer(query.key.start_time_ms)),
    ];
    let mut rows = Vec::new();
    read_each(inner, scan, |batch| {
        let numbers = Numbers::new(&batch, 2);
        for row in 0..batch.num_rows() {
            let (time_ms, interval_ms) = numbers.time_and_interval(row);
            let inputs = (0..numbers.len()).map(|input| numbers.get(input, row)).collect();
            rows.push(Row { time_ms, interval_ms, inputs });
        }
        Ok(())
    })?;
    rows.sort_by_key(|row| row.time_ms);

    let mut lines = Lines::new(buckets, wanted.len(), query.aggregate);
    let mut values = vec![None; wanted.len()];
    let mut add = |row: &Row| {
        wanted.evaluate(row.interval_ms, |input| row.inputs.get(input).copied().flatten(), &mut values);
        if row.time_ms >= query.from_ms {
            lines.add(row.time_ms, row.interval_ms, &values);
        }
    };
    let mut before: Option<&Row> = None;
    for row in &rows {
        if let Some(idle) = before.and_then(|before| idle_between(before, row, &wanted)) {
            add(&idle);
        }
        add(row);
        before = Some(row);
    }
    let entity = vec![query.key.pid.to_string(), query.key.start_time_ms.to_string()];
    Ok(lines.into_series(entity, &query.columns))
}

/// The row that the agent did not send because the process did nothing: no usage, gauges as before.
fn idle_between(before: &Row, after: &Row, wanted: &Wanted) -> Option<Row> {
    let end_ms = after.time_ms.saturating_sub(after.interval_ms.max(0));
    let interval_ms = end_ms.saturating_sub(before.time_ms);
    let gap_ms = after.time_ms.saturating_sub(before.time_ms);
    if interval_ms <= 0 || gap_ms > IDLE_MS.max(after.interval_ms.saturating_mul(5) / 4) {
        return None;
    }
    let hold = |(input, value): (usize, &Option<f64>)| match wanted.meaning(input) {
        Meaning::Delta => value.map(|_| 0.0),
        Meaning::Gauge | Meaning::Label => *value,
    };
    let inputs = before.inputs.iter().enumerate().map(hold).collect();
    Some(Row { time_ms: end_ms, interval_ms, inputs })
}

#[cfg(test)]
mod tests {
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
            let buckets = Buckets::new(from, to, points).unwrap();
            assert!(buckets.count <= points.max(1), "{buckets:?}");
            let end = i128::from(from) + i128::from(buckets.bucket_ms) * buckets.count as i128;
            assert!(end >= i128::from(to), "{buckets:?}");
        }
        assert!(Buckets::new(5, 5, 10).is_err());
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
