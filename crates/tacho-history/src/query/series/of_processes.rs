//! Readings of some processes of a host over time, all read at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tacho_model::tables::process;
use tacho_model::{Cell, Meaning, ProcessKey};

use super::lines::Lines;
use super::{Buckets, IDLE_MS, Numbers, ProcessSeriesQuery, Rolled, Series, SeriesQuery, Wanted, placed};
use crate::HistoryError;
use crate::columns::{INTERVAL, TIME, integers, layout};
use crate::inner::Inner;
use crate::query::processes_at::processes_at;
use crate::rollup::Level;
use crate::scan::{EntityValue, ReadReport, Reading, Scan, read_each};

/// One row of a process: its stored numbers.
struct Row {
    time_ms: i64,
    interval_ms: i64,
    inputs: Vec<Option<f64>>,
}

impl Row {
    /// What a row would say that is taken later, when the process did nothing since this one.
    fn idle_until(&self, time_ms: i64, wanted: &Wanted) -> Self {
        let hold = |(input, value): (usize, &Option<f64>)| match wanted.meaning(input) {
            Meaning::Delta => value.map(|_| 0.0),
            Meaning::Gauge | Meaning::Label => *value,
        };
        let inputs = self.inputs.iter().enumerate().map(hold).collect();
        Self { time_ms, interval_ms: time_ms.saturating_sub(self.time_ms), inputs }
    }
}

pub(crate) fn process_series(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    query: &ProcessSeriesQuery,
) -> Result<(Series, ReadReport), HistoryError> {
    let of_all = SeriesQuery {
        host_id: query.host_id.clone(),
        table: &process::TABLE,
        columns: query.columns.clone(),
        entity: None,
        from_ms: query.from_ms,
        to_ms: query.to_ms,
        points: query.points,
        aggregate: query.aggregate,
    };
    let (mut series, report) = series_of_processes(inner, reading, &of_all, &[query.key])?;
    Ok((series.swap_remove(0), report))
}

/// Series of some processes of a host, in their order.
pub(crate) fn series_of_processes(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    query: &SeriesQuery,
    keys: &[ProcessKey],
) -> Result<(Vec<Series>, ReadReport), HistoryError> {
    let table = query.table;
    let buckets = Buckets::new(table, query.from_ms, query.to_ms, query.points)?;
    let wanted = Wanted::new(table, &query.columns)?;
    let rolled = Rolled::new(table, &wanted, query.aggregate);
    buckets.check(keys.len(), wanted.len())?;
    // Rows from shortly before tell whether the process was idle when the range begins. They are planned apart: a
    // rollup that begins before the range has what does not belong to it.
    let known_ms = query.from_ms.saturating_sub(IDLE_MS)..query.from_ms;
    let (known, plan) = {
        let state = inner.state();
        let plan = |range, level| state.plan(table, &query.host_id, range, level);
        (plan(known_ms, Level::Raw), plan(query.from_ms..buckets.read_to_ms(), buckets.level))
    };
    let one_of = |value: fn(&ProcessKey) -> i64| {
        let values: BTreeSet<_> = keys.iter().map(value).collect();
        EntityValue::OneOf(values.into_iter().collect())
    };
    let filter = [
        ("pid".to_owned(), one_of(|key| key.pid)),
        ("start_time".to_owned(), one_of(|key| key.start_time_ms)),
    ];
    let places: HashMap<_, _> =
        keys.iter().enumerate().map(|(place, key)| ((key.pid, key.start_time_ms), place)).collect();
    let mut lines: Vec<_> = keys.iter().map(|_| Lines::new(buckets, wanted.len(), query.aggregate)).collect();
    let mut values = vec![None; wanted.len()];
    let mut rows: Vec<Vec<Row>> = keys.iter().map(|_| Vec::new()).collect();
    for part in known.parts.iter().filter(|part| part.level == Level::Raw).chain(&plan.parts) {
        let of_buckets = rolled.as_ref().filter(|_| part.level != Level::Raw);
        let stored = of_buckets.map_or_else(|| wanted.stored(), Rolled::stored_columns);
        let entity = &layout(part.table).entity;
        let columns = [&[TIME, INTERVAL], entity.as_slice(), stored.as_slice()].concat();
        let mut scan = Scan::new(part.table, &query.host_id, columns, part.range.clone(), reading);
        scan.entity = placed(part.table, &filter);
        read_each(inner, scan, &part.files, &part.frames, |batch| {
            let numbers = Numbers::new(&batch, 2 + entity.len());
            let (pids, starts) = (integers(batch.column(2)), integers(batch.column(3)));
            for row in 0..batch.num_rows() {
                // The pid of one and the start of another are nobody's.
                let Some(place) = places.get(&(pids[row], starts[row])) else { continue };
                let (time_ms, interval_ms) = numbers.time_and_interval(row);
                if let Some(rolled) = of_buckets {
                    rolled.evaluate(interval_ms, |input| numbers.get(input, row), &mut values);
                    let bucket = (time_ms, part.level.bucket_ms());
                    let from_ms = Rolled::covered_from_ms(interval_ms, |input| numbers.get(input, row));
                    lines[*place].add_bucket(bucket, from_ms, interval_ms, &values);
                    continue;
                }
                let inputs = (0..numbers.len()).map(|input| numbers.get(input, row)).collect();
                rows[*place].push(Row { time_ms, interval_ms, inputs });
            }
            Ok(())
        })?;
    }
    let report = reading.report(&plan);
    for (key, rest) in resting(inner, reading, query, &wanted)? {
        if let Some(place) = places.get(&(key.pid, key.start_time_ms)) {
            rows[*place].push(rest);
        }
    }
    let series = keys.iter().zip(lines).zip(rows).map(|((key, mut lines), rows)| {
        add_rows(&mut lines, rows, query.from_ms, key.start_time_ms, &wanted);
        lines.into_series(vec![key.pid.to_string(), key.start_time_ms.to_string()], &query.columns)
    });
    Ok((series.collect(), report))
}

/// What the newest snapshot of the range would say of the processes that it has no row of: they are there and do
/// nothing, but their next row, which tells so, may be a minute away.
fn resting(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    query: &SeriesQuery,
    wanted: &Wanted,
) -> Result<Vec<(ProcessKey, Row)>, HistoryError> {
    let there = processes_at(inner, reading, &query.host_id, query.to_ms.saturating_sub(1), &[])?;
    let Some(newest_ms) = there.snapshot_time_ms else { return Ok(Vec::new()) };
    let number = |position: usize, row| match there.block.cell(position, row) {
        Cell::Integer(value) => Some(value as f64),
        Cell::Float(value) => Some(value),
        _ => None,
    };
    let late = there.processes.iter().filter(|found| found.time_ms < newest_ms);
    let rest = late.map(|found| {
        let inputs = wanted.positions().iter().map(|position| number(*position, found.row)).collect();
        let last = Row { time_ms: found.time_ms, interval_ms: found.interval_ms, inputs };
        (found.identity.key, last.idle_until(newest_ms, wanted))
    });
    Ok(rest.collect())
}

/// Adds the rows of one process, and those that its agent left out.
fn add_rows(lines: &mut Lines, mut rows: Vec<Row>, from_ms: i64, start_time_ms: i64, wanted: &Wanted) {
    rows.sort_by_key(|row| row.time_ms);
    let mut values = vec![None; wanted.len()];
    // A process that began since the snapshot before was not there at that one: what it used belongs to none of the
    // buckets that end with that snapshot, where other processes have their share.
    if let Some(first) = rows.first()
        && let before_ms = first.time_ms.saturating_sub(first.interval_ms.max(0))
        && start_time_ms > before_ms
    {
        lines.add(before_ms, 0, &values);
    }
    let mut add = |row: &Row| {
        wanted.evaluate(row.interval_ms, |input| row.inputs.get(input).copied().flatten(), &mut values);
        if row.time_ms >= from_ms {
            lines.add(row.time_ms, row.interval_ms, &values);
        }
    };
    let mut before: Option<&Row> = None;
    for row in &rows {
        if let Some(idle) = before.and_then(|before| idle_between(before, row, wanted)) {
            add(&idle);
        }
        add(row);
        before = Some(row);
    }
}

/// The row that the agent did not send because the process did nothing: no usage, gauges as before.
fn idle_between(before: &Row, after: &Row, wanted: &Wanted) -> Option<Row> {
    let end_ms = after.time_ms.saturating_sub(after.interval_ms.max(0));
    let interval_ms = end_ms.saturating_sub(before.time_ms);
    let gap_ms = after.time_ms.saturating_sub(before.time_ms);
    if interval_ms <= 0 || gap_ms > IDLE_MS.max(after.interval_ms.saturating_mul(5) / 4) {
        return None;
    }
    Some(before.idle_until(end_ms, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::series::Aggregate;

    /// Of a process whose first row, 3 s of CPU time over 5 s, comes 6 s after the start of buckets of 4 s.
    fn ratios(start_time_ms: i64) -> Vec<Option<f64>> {
        let buckets = Buckets { from_ms: 0, to_ms: 12_000, bucket_ms: 4000, count: 3, level: Level::Raw };
        let names = ["cpu_ratio".to_owned()];
        let wanted = Wanted::new(&process::TABLE, &names).unwrap();
        let mut lines = Lines::new(buckets, wanted.len(), Aggregate::Average);
        let row = Row { time_ms: 6000, interval_ms: 5000, inputs: vec![Some(3e6), Some(0.0)] };
        add_rows(&mut lines, vec![row], 0, start_time_ms, &wanted);
        lines.into_series(Vec::new(), &names).columns.remove(0).1
    }

    #[test]
    fn a_process_has_no_share_in_the_bucket_of_the_snapshot_before_it() {
        assert_eq!(ratios(3000), [None, Some(0.6), None]);
        assert_eq!(ratios(-9000), [Some(0.6), Some(0.6), None], "it was there, and its rows are missing");
    }
}
