//! At which level a question is answered: raw rows, minutes or hours, and from which files.
//!
//! The rows of a file that is rolled up are in rollups too, those of all others and of the head are not. So over
//! whole buckets, rollups and the files that are not rolled up have every row once, however far compaction has
//! come. Where a level was removed by retention the next coarser one answers, by buckets that start in the range.

use std::ops::Range;
use std::sync::Arc;

use tacho_model::Table;

use crate::files::FileEntry;
use crate::head::Frame;
use crate::rollup::{Level, spec};
use crate::scan::Hosts;
use crate::state::State;
use crate::time::HOUR_MS;

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

/// Since when a level is there.
#[derive(Debug, Clone, Copy)]
struct Since {
    raw_ms: i64,
    minute_ms: i64,
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
            Some((_, since)) => choose(range, level, since),
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
            files.map(|file| file.record.time_min_ms.div_euclid(HOUR_MS).saturating_mul(HOUR_MS)).min()
        };
        let minute_ms = oldest(spec.minute, |_| true);
        minute_ms.or(oldest(spec.hour, |_| true))?;
        let raw_ms = oldest(table, FileEntry::is_rolled).unwrap_or(i64::MAX);
        Some(Since { raw_ms, minute_ms: minute_ms.unwrap_or(i64::MAX) })
    }

    fn parts(&self, table: &'static Table, hosts: &Hosts, range: &Range<i64>, level: Level) -> Vec<Part> {
        let view = self.view(table, hosts, range.start, range.end);
        let raw = |files| Part { level: Level::Raw, table, range: range.clone(), files, frames: view.frames };
        let rolled = spec(table).and_then(|spec| match level {
            Level::Raw => None,
            Level::Minute => Some(spec.minute),
            Level::Hour => Some(spec.hour),
        });
        let Some(rolled) = rolled else { return vec![raw(view.files)] };
        let files = self.files.of(rolled).iter();
        let files = files.filter(|file| file.may_have(hosts, range.start, range.end)).cloned().collect();
        let rollups = Part { level, table: rolled, range: range.clone(), files, frames: Vec::new() };
        vec![rollups, raw(view.files.into_iter().filter(|file| !file.is_rolled()).collect())]
    }
}

/// Divides a range by level. Ranges follow one another without gap or overlap.
fn choose(range: Range<i64>, level: Level, since: Since) -> Vec<(Level, Range<i64>)> {
    let mut chosen: Vec<(Level, Range<i64>)> = Vec::new();
    let mut add = |level: Level, range: Range<i64>| {
        if range.is_empty() {
            return;
        }
        match chosen.last_mut().filter(|(last, before)| *last == level && before.end == range.start) {
            Some((_, before)) => before.end = range.end,
            None => chosen.push((level, range)),
        }
    };
    let within = |at: i64| at.clamp(range.start, range.end);
    let raw_ms = within(since.raw_ms);
    let minute_ms = within(since.minute_ms).min(raw_ms);
    add(Level::Hour, range.start..minute_ms);
    let minutes = whole(minute_ms..raw_ms, Level::Hour);
    match level {
        Level::Hour => {
            add(Level::Minute, minute_ms..minutes.start);
            add(Level::Hour, minutes.clone());
            add(Level::Minute, minutes.end..raw_ms);
        }
        _ => add(Level::Minute, minute_ms..raw_ms),
    }
    let buckets = whole(raw_ms..range.end, level);
    add(Level::Raw, raw_ms..buckets.start);
    add(level, buckets.clone());
    add(Level::Raw, buckets.end..range.end);
    chosen
}

/// The whole buckets of a range; empty, at its start, when there is none.
fn whole(range: Range<i64>, level: Level) -> Range<i64> {
    let length = level.bucket_ms();
    let first = range.start.div_euclid(length).saturating_add(i64::from(range.start.rem_euclid(length) != 0));
    let (start, end) = (first.saturating_mul(length), range.end.div_euclid(length).saturating_mul(length));
    if start < end { start..end } else { range.start..range.start }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn check(range: Range<i64>, level: Level, raw_h: i64, minute_h: i64, expected: &[(Level, Range<i64>)]) {
        let since =
            Since { raw_ms: raw_h.saturating_mul(HOUR_MS), minute_ms: minute_h.saturating_mul(HOUR_MS) };
        assert_eq!(choose(range, level, since), expected);
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

    proptest! {
        #[test]
        fn ranges_cover_what_was_asked_for(
            start in -9 * HOUR_MS..9 * HOUR_MS, length in 1..9 * HOUR_MS, raw in -9i64..9, minute in -9i64..9, level in 0usize..3,
        ) {
            let since = Since { raw_ms: raw * HOUR_MS, minute_ms: minute * HOUR_MS };
            let chosen = choose(start..start + length, Level::ALL[level], since);
            let mut at = start;
            for (level, range) in &chosen {
                prop_assert_eq!(range.start, at);
                prop_assert!(range.end > range.start);
                prop_assert!(*level != Level::Raw || range.start >= since.raw_ms);
                prop_assert!(*level != Level::Minute || range.start >= since.raw_ms.min(since.minute_ms));
                at = range.end;
            }
            prop_assert_eq!(at, start + length);
        }
    }
}
