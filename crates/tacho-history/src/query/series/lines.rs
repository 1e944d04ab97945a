//! Adds up rows into the buckets of one entity's series.

use super::{Aggregate, Buckets, Series};

/// A row speaks for no more than this much time before it: agents sample at least every 10 minutes.
const COVER_MS: i64 = 750_000;

/// The buckets of one entity, for all columns.
pub(crate) struct Lines {
    buckets: Buckets,
    columns: usize,
    aggregate: Aggregate,
    /// By column, then bucket.
    sums: Vec<Sum>,
    has_row: Vec<bool>,
    any: bool,
    /// Values of the nearest later row that covers a bucket, by column, then bucket; made when first needed.
    cover: Vec<Option<f64>>,
    /// That row's time by bucket.
    cover_time: Vec<i64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    value: f64,
    /// 0 while there is no value.
    weight: f64,
}

impl Lines {
    pub(crate) fn new(buckets: Buckets, columns: usize, aggregate: Aggregate) -> Self {
        Self {
            buckets,
            columns,
            aggregate,
            sums: vec![Sum::default(); columns * buckets.count],
            has_row: vec![false; buckets.count],
            any: false,
            cover: Vec::new(),
            cover_time: Vec::new(),
        }
    }

    /// Does any row say something about the range?
    pub(crate) fn has_rows(&self) -> bool {
        self.any
    }

    /// Takes a row: one value per column. Rows after the range only tell about the time they cover.
    pub(crate) fn add(&mut self, time_ms: i64, interval_ms: i64, values: &[Option<f64>]) {
        self.add_covering(time_ms, interval_ms, interval_ms.clamp(0, COVER_MS), values);
    }

    /// Takes a bucket of a rollup: for lines it is a row at its end that covers all of it, and what its first row
    /// covered before it.
    pub(crate) fn add_bucket(
        &mut self,
        (start_ms, length_ms): (i64, i64),
        covered_from_ms: i64,
        interval_ms: i64,
        values: &[Option<f64>],
    ) {
        let mut end_ms = start_ms.saturating_add(length_ms - 1);
        // One that begins after the range is only read for what it covers.
        if start_ms < self.buckets.to_ms {
            end_ms = end_ms.min(self.buckets.to_ms.saturating_sub(1));
        }
        let from_ms = covered_from_ms.clamp(start_ms.saturating_sub(COVER_MS), start_ms);
        self.add_covering(end_ms, interval_ms, end_ms.saturating_sub(from_ms), values);
    }

    fn add_covering(&mut self, time_ms: i64, interval_ms: i64, cover_ms: i64, values: &[Option<f64>]) {
        let Buckets { from_ms, to_ms, bucket_ms, count, .. } = self.buckets;
        let Some(since_start) = time_ms.checked_sub(from_ms).filter(|since| *since >= 0) else { return };
        let bucket = usize::try_from(since_start / bucket_ms).unwrap_or(usize::MAX);
        if time_ms < to_ms && bucket < count {
            self.has_row[bucket] = true;
            self.any = true;
            let weight = interval_ms.max(1) as f64;
            for (column, value) in values.iter().enumerate() {
                if let Some(value) = value {
                    self.sums[column * count + bucket].add(self.aggregate, *value, weight);
                }
            }
        }
        // Buckets before the row's own that begin within its interval or have its start in them; and its own, when
        // the range ends in that bucket before the row.
        let covered = since_start.saturating_sub(cover_ms).max(0);
        let first = usize::try_from(covered / bucket_ms).unwrap_or(usize::MAX);
        let end = if time_ms < to_ms { bucket } else { bucket.saturating_add(1) };
        for earlier in first..end.min(count) {
            self.cover(earlier, time_ms, values);
        }
    }

    fn cover(&mut self, bucket: usize, time_ms: i64, values: &[Option<f64>]) {
        let count = self.buckets.count;
        if self.cover.is_empty() {
            self.cover = vec![None; self.columns * count];
            self.cover_time = vec![i64::MAX; count];
        }
        self.any = true;
        if self.cover_time[bucket] <= time_ms {
            return;
        }
        self.cover_time[bucket] = time_ms;
        for (column, value) in values.iter().enumerate() {
            self.cover[column * count + bucket] = match self.aggregate {
                Aggregate::Sum => value.map(|_| 0.0),
                _ => *value,
            };
        }
    }

    pub(crate) fn into_series(self, entity: Vec<String>, names: &[String]) -> Series {
        let Buckets { from_ms, bucket_ms, count, .. } = self.buckets;
        let value = |column: usize, bucket: usize| {
            let place = column * count + bucket;
            match self.has_row[bucket] {
                true => self.sums[place].get(self.aggregate),
                false => self.cover.get(place).copied().flatten(),
            }
        };
        let columns = names
            .iter()
            .enumerate()
            .map(|(column, name)| (name.clone(), (0..count).map(|bucket| value(column, bucket)).collect()));
        let start = |bucket: usize| {
            from_ms.saturating_add(bucket_ms.saturating_mul(i64::try_from(bucket).unwrap_or(i64::MAX)))
        };
        Series { entity, time_ms: (0..count).map(start).collect(), bucket_ms, columns: columns.collect() }
    }
}

impl Sum {
    fn add(&mut self, aggregate: Aggregate, value: f64, weight: f64) {
        let first = self.weight == 0.0;
        self.value = match aggregate {
            Aggregate::Average => self.value + value * weight,
            Aggregate::Sum => self.value + value,
            Aggregate::Max if first => value,
            Aggregate::Min if first => value,
            Aggregate::Max => self.value.max(value),
            Aggregate::Min => self.value.min(value),
        };
        self.weight += weight;
    }

    fn get(self, aggregate: Aggregate) -> Option<f64> {
        let value = match aggregate {
            Aggregate::Average => self.value / self.weight,
            _ => self.value,
        };
        (self.weight > 0.0).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::Level;

    fn check(aggregate: Aggregate, rows: &[(i64, i64, Option<f64>)], expected: &[Option<f64>]) {
        let buckets = Buckets {
            from_ms: 1000,
            to_ms: 1000 + 10 * expected.len() as i64,
            bucket_ms: 10,
            count: expected.len(),
            level: Level::Raw,
        };
        let mut lines = Lines::new(buckets, 1, aggregate);
        for (time, interval, value) in rows {
            lines.add(1000 + time, *interval, &[*value]);
        }
        let series = lines.into_series(Vec::new(), &["x".to_owned()]);
        assert_eq!(series.columns, [("x".to_owned(), expected.to_vec())], "{rows:?}");
    }

    #[test]
    fn an_average_is_weighted_by_the_interval() {
        check(
            Aggregate::Average,
            &[(5, 30, Some(1.0)), (9, 10, Some(5.0)), (12, 2, None)],
            &[Some(2.0), None],
        );
        check(Aggregate::Average, &[(5, 0, Some(3.0))], &[Some(3.0)]);
        check(Aggregate::Max, &[(5, 5, Some(-3.0)), (6, 5, Some(-2.0))], &[Some(-2.0)]);
        check(Aggregate::Min, &[(5, 5, Some(3.0)), (6, 5, Some(2.0))], &[Some(2.0)]);
        check(
            Aggregate::Sum,
            &[(5, 5, Some(3.0)), (6, 5, Some(2.0)), (19, 5, Some(1.0))],
            &[Some(5.0), Some(1.0)],
        );
    }

    #[test]
    fn a_bucket_of_a_rollup_after_the_range_is_not_in_it() {
        let buckets = Buckets { from_ms: 0, to_ms: 115, bucket_ms: 60, count: 2, level: Level::Minute };
        let mut lines = Lines::new(buckets, 1, Aggregate::Max);
        for (start_ms, value) in [(0, 1.0), (60, 2.0), (120, 9.0)] {
            lines.add_bucket((start_ms, 60), start_ms - 5, 60, &[Some(value)]);
        }
        let series = lines.into_series(Vec::new(), &["x".to_owned()]);
        assert_eq!(series.columns[0].1, [Some(1.0), Some(2.0)]);
    }

    #[test]
    fn buckets_shorter_than_the_interval_have_no_holes_and_gaps_stay() {
        let one = Some(1.0);
        // Covers (9, 34]: buckets 0 to 3; bucket 4 has no row and none after it.
        check(Aggregate::Average, &[(34, 25, one)], &[one, one, one, one, None]);
        // A bucket with a row of its own keeps it, a nearer row covers before a farther one.
        check(
            Aggregate::Max,
            &[(5, 5, Some(7.0)), (45, 40, Some(9.0)), (25, 15, one)],
            &[Some(7.0), one, one, Some(9.0), Some(9.0)],
        );
        // Nothing is added twice to a sum.
        check(Aggregate::Sum, &[(25, 25, Some(8.0))], &[Some(0.0), Some(0.0), Some(8.0)]);
        // A row after the range tells about its end.
        check(Aggregate::Average, &[(25, 10, one)], &[None, one]);
        // One before it is not in it.
        check(Aggregate::Average, &[(-1, 10, one)], &[None]);
    }
}
