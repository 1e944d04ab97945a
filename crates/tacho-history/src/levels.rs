//! At which level a question is answered: raw rows, minutes, ten minutes, hours or days, and from which files.
//!
//! The rows of a file that is rolled up are in rollups too, those of all others and of the head are not. So over
//! whole buckets, rollups and the files that are not rolled up have every row once, however far compaction has
//! come. Where a level was removed by retention the next coarser one answers, by buckets that start in the range; where
//! a coarse one is not there, the next finer.

use std::ops::Range;
use std::sync::Arc;

use tacho_model::Table;

use crate::files::FileEntry;
use crate::head::Frame;
use crate::rollup::{Level, spec};
use crate::scan::Hosts;
use crate::state::State;
use crate::time::{DAY_MS, HOUR_MS, ceil, floor};

/// Files and frames of one host, or of several, that have rows of one level in a range.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) level: Level,
    /// The table at that level.
    pub(crate) table: &'static Table,
    pub(crate) range: Range<i64>,
    pub(crate) files: Vec<Arc<FileEntry>>,
    pub(crate) frames: Vec<Arc<Frame>>,
}

/// Everything that one answer is made of: each row once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) parts: Vec<Part>,
    /// Which level answers for which range.
    pub(crate) levels: Vec<(Level, Range<i64>)>,
}

/// Since when each level is there, by [`Level`]: an hour's start, or one of the ends of time.
#[derive(Debug, Clone, Copy)]
struct Since([i64; Level::ALL.len()]);

impl Since {
    fn of(&self, level: Level) -> i64 {
        self.0[level as usize]
    }
}

impl State {
    /// What to read of a table of [`tacho_model::tables::ALL`], in buckets as coarse as `level` where that loses
    /// no row.
    pub(crate) fn plan(
        &self,
        table: &'static Table,
        hosts: impl Into<Hosts>,
        range: Range<i64>,
        level: Level,
    ) -> Plan {
        let hosts = hosts.into();
        let levels = match spec(table).zip(self.since(table)) {
            Some((_, since)) => choose(range, level, &since),
            None => vec![(Level::Raw, range)],
        };
        let mut parts = Vec::new();
        for (level, range) in &levels {
            parts.extend(self.parts(table, &hosts, range, *level));
        }
        Plan { parts, levels }
    }

    /// `None` when there are no rollups of the table.
    fn since(&self, table: &'static Table) -> Option<Since> {
        let spec = spec(table)?;
        let oldest = |table: &Table, counts: fn(&FileEntry) -> bool| {
            let files = self.files.of(table).iter().filter(|file| counts(file));
            files.map(|file| floor(file.record.time_min_ms, HOUR_MS)).min()
        };
        let mut since = Since([i64::MAX; Level::ALL.len()]);
        for (level, rollup) in spec.rollups() {
            since.0[level as usize] = oldest(rollup, |_| true).unwrap_or(i64::MAX);
        }
        if since.0.iter().all(|since| *since == i64::MAX) {
            return None;
        }
        since.0[Level::Raw as usize] = oldest(table, FileEntry::is_rolled).unwrap_or(i64::MAX);
        for (level, since_ms) in &self.levels_since_ms {
            let since = &mut since.0[*level as usize];
            *since = (*since).max(ceil(*since_ms, level.bucket_ms().max(HOUR_MS)));
        }
        Some(since)
    }

    fn parts(&self, table: &'static Table, hosts: &Hosts, range: &Range<i64>, level: Level) -> Vec<Part> {
        let view = self.view(table, hosts, range.start, range.end);
        let raw = |files| Part { level: Level::Raw, table, range: range.clone(), files, frames: view.frames };
        let rolled = spec(table).and_then(|spec| spec.table(level));
        let Some(rolled) = rolled else { return vec![raw(view.files)] };
        let files = self.files.of(rolled).iter();
        let files = files.filter(|file| file.may_have(hosts, range.start, range.end)).cloned().collect();
        let rollups = Part { level, table: rolled, range: range.clone(), files, frames: Vec::new() };
        vec![rollups, raw(view.files.into_iter().filter(|file| !file.is_rolled()).collect())]
    }
}

/// Divides a range by level. Ranges follow one another without gap or overlap.
fn choose(range: Range<i64>, level: Level, since: &Since) -> Vec<(Level, Range<i64>)> {
    let mut chosen = Vec::new();
    // The days before it are told by days alone, and are whole: none is told by hours and once more.
    let days_end_ms = floor(since.0[..Level::Day as usize].iter().copied().min().unwrap_or(i64::MAX), DAY_MS);
    // The finest that is left, from the end of the range to its start.
    let mut zones = Vec::new();
    let mut end_ms = range.end;
    for finest in Level::ALL {
        let since_ms = match finest {
            Level::Day => i64::MIN,
            Level::Hour => days_end_ms,
            _ => since.of(finest),
        };
        let start_ms = since_ms.clamp(range.start, end_ms);
        zones.push((finest, start_ms..end_ms));
        end_ms = start_ms;
    }
    for (finest, zone) in zones.into_iter().rev() {
        divide(zone, finest, level, since, &mut chosen);
    }
    chosen
}

/// Whole buckets of the level, from where it is there on, and what is finer around them.
fn divide(range: Range<i64>, finest: Level, level: Level, since: &Since, to: &mut Vec<(Level, Range<i64>)>) {
    let finer = Level::ALL.into_iter().rev().find(|finer| *finer < level && *finer >= finest);
    let Some(finer) = finer else {
        return push(to, finest, range);
    };
    // Rows are many a day.
    let around = if level == Level::Day { finer } else { finest };
    let there_ms = since.of(level).clamp(range.start, range.end);
    divide(range.start..there_ms, finest, finer, since, to);
    let buckets = whole(there_ms..range.end, level);
    divide(there_ms..buckets.start, finest, around, since, to);
    push(to, level, buckets.clone());
    divide(buckets.end..range.end, finest, around, since, to);
}

fn push(to: &mut Vec<(Level, Range<i64>)>, level: Level, range: Range<i64>) {
    if range.is_empty() {
        return;
    }
    match to.last_mut().filter(|(last, before)| *last == level && before.end == range.start) {
        Some((_, before)) => before.end = range.end,
        None => to.push((level, range)),
    }
}

/// The whole buckets of a range; empty, at its start, when there is none.
fn whole(range: Range<i64>, level: Level) -> Range<i64> {
    let length = level.bucket_ms();
    let (start, end) = (ceil(range.start, length), floor(range.end, length));
    if start < end { start..end } else { range.start..range.start }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn check(range: Range<i64>, level: Level, raw_h: i64, minute_h: i64, expected: &[(Level, Range<i64>)]) {
        let (raw_ms, minute_ms) = (raw_h.saturating_mul(HOUR_MS), minute_h.saturating_mul(HOUR_MS));
        assert_eq!(
            choose(range, level, &Since([raw_ms, minute_ms, minute_ms, i64::MIN, i64::MIN])),
            expected
        );
    }

    #[test]
    fn whole_buckets_are_read_from_rollups_and_the_rest_from_rows() {
        let (a, b) = (HOUR_MS + 5, 4 * HOUR_MS + 7);
        check(a..b, Level::Raw, 0, 0, &[(Level::Raw, a..b)]);
        let hours = 2 * HOUR_MS..4 * HOUR_MS;
        let edges = [(Level::Raw, a..hours.start), (Level::Hour, hours.clone()), (Level::Raw, hours.end..b)];
        check(a..b, Level::Hour, 0, 0, &edges);
        let minutes = HOUR_MS + MINUTE_MS..4 * HOUR_MS;
        let edges = [(Level::Raw, a..minutes.start), (Level::Minute, minutes), (Level::Raw, 4 * HOUR_MS..b)];
        check(a..b, Level::Minute, 0, 0, &edges);
        check(a..a + 9, Level::Hour, 0, 0, &[(Level::Raw, a..a + 9)]);
        let tens = HOUR_MS + 10 * MINUTE_MS..4 * HOUR_MS;
        let edges = [(Level::Raw, a..tens.start), (Level::TenMinutes, tens), (Level::Raw, 4 * HOUR_MS..b)];
        check(a..b, Level::TenMinutes, 0, 0, &edges);
    }

    #[test]
    fn where_a_level_is_gone_the_next_answers() {
        let (a, b) = (5, 4 * HOUR_MS);
        let gone =
            [(Level::Hour, a..HOUR_MS), (Level::Minute, HOUR_MS..3 * HOUR_MS), (Level::Raw, 3 * HOUR_MS..b)];
        check(a..b, Level::Raw, 3, 1, &gone);
        check(a..b, Level::Hour, 3, 1, &[(Level::Hour, a..b)]);
        check(a..b, Level::Raw, i64::MAX, i64::MAX, &[(Level::Hour, a..b)]);
        check(a..b, Level::Hour, 3, 0, &[(Level::Minute, a..HOUR_MS), (Level::Hour, HOUR_MS..b)]);
    }

    #[test]
    fn around_days_hours_are_read_and_rows_around_those() {
        let (a, b) = (5, 3 * DAY_MS + 2 * HOUR_MS + 7);
        let expected = [
            (Level::Raw, a..HOUR_MS),
            (Level::Hour, HOUR_MS..DAY_MS),
            (Level::Day, DAY_MS..3 * DAY_MS),
            (Level::Hour, 3 * DAY_MS..3 * DAY_MS + 2 * HOUR_MS),
            (Level::Raw, 3 * DAY_MS + 2 * HOUR_MS..b),
        ];
        check(a..b, Level::Day, 0, 0, &expected);
        let hours = [(Level::Raw, a..HOUR_MS), (Level::Hour, HOUR_MS..9 * HOUR_MS)];
        check(a..9 * HOUR_MS, Level::Day, 0, 0, &hours);
    }

    #[test]
    fn where_a_level_is_not_there_yet_the_one_before_answers() {
        let since = Since([0, 0, 2 * HOUR_MS, 0, 0]);
        let (first, last) = (0..2 * HOUR_MS, 2 * HOUR_MS..4 * HOUR_MS);
        let both = [(Level::Minute, first.clone()), (Level::TenMinutes, last.clone())];
        assert_eq!(choose(0..4 * HOUR_MS, Level::TenMinutes, &since), both);
        assert_eq!(choose(first.clone(), Level::TenMinutes, &since), [(Level::Minute, first)]);
        assert_eq!(choose(last.clone(), Level::TenMinutes, &since), [(Level::TenMinutes, last)]);
        assert_eq!(choose(0..4 * HOUR_MS, Level::Hour, &since), [(Level::Hour, 0..4 * HOUR_MS)]);
    }

    proptest! {
        #[test]
        fn ranges_cover_what_was_asked_for(
            start in -9 * HOUR_MS..9 * HOUR_MS, length in 1..9 * HOUR_MS, since in proptest::array::uniform5(-9i64..9), level in 0usize..5,
        ) {
            let since = Since(since.map(|hours| hours * HOUR_MS));
            let level = Level::ALL[level];
            let chosen = choose(start..start + length, level, &since);
            let mut at = start;
            for (level, range) in &chosen {
                prop_assert_eq!(range.start, at);
                prop_assert!(range.end > range.start);
                let from_ms = match level {
                    Level::Day => i64::MIN,
                    // From the start of the first day that is not told as a whole.
                    Level::Hour => floor(Level::ALL.map(|level| since.of(level))[..4].iter().copied().min().unwrap(), DAY_MS),
                    _ => since.of(*level),
                };
                prop_assert!(range.start >= from_ms);
                at = range.end;
            }
            prop_assert_eq!(at, start + length);
        }
    }
}
