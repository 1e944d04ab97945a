//! What of a host is unlike the time before: processes, metrics and connections, most unlike first.
//!
//! The measure is in [`score`]: the difference of the averages, in units of how much the averages of buckets differ
//! from one another anyway.

mod cells;
mod connections;
mod metrics;
mod processes;
mod score;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use tacho_model::tables::host;
use tacho_model::{ProcessKey, Table};

use super::events::{Events, events};
use super::processes_over::ProcessGroup;
use crate::columns::{INTERVAL, TIME};
use crate::inner::Inner;
use crate::levels::Plan;
use crate::rollup::Level;
use crate::scan::{ReadReport, Reading, Scan, read_each};
use crate::time::{ceil, floor};
use crate::{History, HistoryError};

/// Asks what of a range is unlike another one.
#[derive(Debug, Clone)]
pub struct ChangesQuery {
    pub host_id: String,
    pub from_ms: i64,
    pub to_ms: i64,
    /// Where the range to compare with starts, which is as long; right before the other one when absent.
    pub against_ms: Option<i64>,
    /// What processes are put together by.
    pub group: ProcessGroup,
    /// Most of each kind.
    pub limit: usize,
}

/// What of a range is unlike another one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// The range, widened to whole minutes, or hours when it is long.
    pub range: Range<i64>,
    /// What it was compared with.
    pub before: Range<i64>,
    pub bucket_ms: i64,
    /// How much of each was recorded.
    pub recorded_ms: [i64; 2],
    /// Most unlike first, as all lists; all are empty when nothing of one of the ranges was recorded.
    pub processes: Vec<Changed<ProcessLabel>>,
    pub metrics: Vec<Changed<MetricLabel>>,
    pub connections: Vec<Changed<ConnectionLabel>>,
    /// What happened within the range, whether there is anything to compare or not.
    pub events: Events,
}

/// Something, and how it changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed<T> {
    pub label: T,
    /// That of the column that changed most; see the manual. From 0, no change, to 20.
    pub score: f64,
    /// Most unlike first.
    pub changes: Vec<Change>,
}

/// How one number changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub column: &'static str,
    /// Average over the range.
    pub value: f64,
    /// Average over the time before.
    pub before: f64,
    /// Standard deviation of the buckets of the time before.
    pub spread: f64,
    pub score: f64,
}

/// A process, or those of one name, user, unit or container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessLabel {
    pub key: Option<ProcessKey>,
    /// For a process its identity; for a group only what the group is named by.
    pub name: String,
    pub command: String,
    pub user: String,
    pub unit: String,
    pub container: String,
}

/// An entity of a table; its `column` stands in the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricLabel {
    pub table: &'static str,
    /// One text per entity column of the table.
    pub entity: Vec<String>,
}

/// All connections of a program with another address over one service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionLabel {
    /// Name of the owner.
    pub name: String,
    pub protocol: String,
    pub remote_address: String,
    /// The smaller of the two ports: the other one is mostly made up for the connection.
    pub port: i64,
}

/// Buckets of a range, at most.
const BUCKETS: i64 = 60;
/// Newest events in an answer.
const EVENTS: usize = 100;

impl History {
    /// What of a range is unlike another one, and how it was found.
    pub async fn changes(&self, query: ChangesQuery) -> Result<(Changes, ReadReport), HistoryError> {
        self.inner.reading(move |inner, reading| changes(inner, reading, &query)).await
    }
}

/// What every part of the question needs.
struct Asked<'a> {
    inner: &'a Arc<Inner>,
    reading: &'a Arc<Reading>,
    query: &'a ChangesQuery,
    /// The range, and what it is compared with.
    periods: [Period; 2],
}

/// A range in buckets.
#[derive(Debug, Clone, PartialEq)]
struct Period {
    range: Range<i64>,
    bucket_ms: i64,
    /// Time of each bucket that snapshots tell of.
    covered_ms: Vec<i64>,
}

fn changes(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    query: &ChangesQuery,
) -> Result<(Changes, ReadReport), HistoryError> {
    if query.to_ms <= query.from_ms {
        return Err(HistoryError::EmptyRange { from_ms: query.from_ms, to_ms: query.to_ms });
    }
    let mut asked = Asked { inner, reading, query, periods: periods(query) };
    let mut levels = Vec::new();
    for number in 0..asked.periods.len() {
        let plan = asked.cover(number)?;
        levels.extend(plan.levels);
    }
    let [range, before] = &asked.periods;
    let (events, _) = events(inner, reading, &query.host_id, range.range.clone(), EVENTS)?;
    let mut changes = Changes {
        events,
        range: range.range.clone(),
        before: before.range.clone(),
        bucket_ms: range.bucket_ms,
        recorded_ms: [range.recorded_ms(), before.recorded_ms()],
        ..Changes::default()
    };
    if changes.recorded_ms.iter().all(|recorded| *recorded > 0) {
        changes.processes = greatest(processes::changed(&asked)?, query.limit);
        changes.metrics = greatest(metrics::changed(&asked)?, query.limit);
        changes.connections = greatest(connections::changed(&asked)?, query.limit);
    }
    Ok((changes, reading.report_levels(&levels)))
}

/// What did not change at all is left out.
fn greatest<T>(mut changed: Vec<Changed<T>>, limit: usize) -> Vec<Changed<T>> {
    changed.retain(|changed| changed.score > 0.0);
    // A stable sort of what comes in an order that does not change from call to call.
    changed.sort_by(|a, b| b.score.total_cmp(&a.score));
    changed.truncate(limit);
    changed
}

impl<T> Changed<T> {
    fn new(label: T, mut changes: Vec<Change>) -> Self {
        changes.sort_by(|a, b| b.score.total_cmp(&a.score));
        Self { label, score: changes.first().map_or(0.0, |change| change.score), changes }
    }
}

/// The range and what it is compared with: whole minutes, or hours when a bucket is as long.
fn periods(query: &ChangesQuery) -> [Period; 2] {
    let (minute_ms, hour_ms) = (Level::Minute.bucket_ms(), Level::Hour.bucket_ms());
    let least_ms = ceil(query.to_ms.saturating_sub(query.from_ms), BUCKETS) / BUCKETS;
    let unit_ms = if least_ms >= hour_ms { hour_ms } else { minute_ms };
    let bucket_ms = ceil(least_ms, unit_ms);
    let range = floor(query.from_ms, unit_ms)..ceil(query.to_ms, unit_ms);
    let length_ms = range.end.saturating_sub(range.start);
    let right_before_ms = range.start.saturating_sub(length_ms);
    let start_ms = query.against_ms.map_or(right_before_ms, |against| floor(against, unit_ms));
    // What was widened must not come to overlap.
    let start_ms = match start_ms < range.start {
        true => start_ms.min(right_before_ms),
        false => start_ms.max(range.end),
    };
    let before = start_ms..start_ms.saturating_add(length_ms);
    [range, before].map(|range| {
        let count = usize::try_from(ceil(length_ms, bucket_ms) / bucket_ms).unwrap_or_default();
        Period { range, bucket_ms, covered_ms: vec![0; count] }
    })
}

impl Period {
    fn bucket(&self, time_ms: i64) -> Option<usize> {
        let since_ms = time_ms.checked_sub(self.range.start).filter(|since| *since >= 0)?;
        usize::try_from(since_ms / self.bucket_ms).ok().filter(|bucket| *bucket < self.covered_ms.len())
    }

    /// Start and end of a bucket; the last one may be shorter.
    fn bounds(&self, bucket: usize) -> (i64, i64) {
        let offset_ms = i64::try_from(bucket).unwrap_or(i64::MAX).saturating_mul(self.bucket_ms);
        let start_ms = self.range.start.saturating_add(offset_ms);
        (start_ms, start_ms.saturating_add(self.bucket_ms).min(self.range.end))
    }

    fn recorded_ms(&self) -> i64 {
        self.covered_ms.iter().sum()
    }

    fn level(&self) -> Level {
        if self.bucket_ms < Level::Hour.bucket_ms() { Level::Minute } else { Level::Hour }
    }
}

impl Asked<'_> {
    /// Learns which time snapshots tell of.
    fn cover(&mut self, number: usize) -> Result<Plan, HistoryError> {
        let Self { inner, reading, query, periods } = self;
        let Some(period) = periods.get_mut(number) else { return Ok(Plan::default()) };
        let table = &host::TABLE;
        let plan = inner.state().plan(table, &query.host_id, period.range.clone(), period.level());
        for part in &plan.parts {
            let range = part.range.clone();
            let scan = Scan::new(part.table, &query.host_id, vec![TIME, INTERVAL], range, reading);
            read_each(inner, scan, &part.files, &part.frames, |batch| {
                let times = batch.column(0).as_primitive::<TimestampMillisecondType>().values();
                let intervals = batch.column(1).as_primitive::<Int64Type>().values();
                for (time_ms, interval_ms) in times.iter().zip(intervals) {
                    if let Some(bucket) = period.bucket(*time_ms) {
                        let covered = &mut period.covered_ms[bucket];
                        *covered = covered.saturating_add((*interval_ms).max(0));
                    }
                }
                Ok(())
            })?;
        }
        Ok(plan)
    }

    /// What to read of a table for one of the ranges.
    fn plan(&self, table: &'static Table, period: &Period) -> Plan {
        self.inner.state().plan(table, &self.query.host_id, period.range.clone(), period.level())
    }
}

#[cfg(test)]
mod tests;
