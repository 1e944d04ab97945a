//! Which files are to be merged now.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::files::FileEntry;
use crate::rollup::{Level, stored_table};
use crate::time::{DAY_MS, HOUR_MS};

/// As many files as flushes write in so many minutes are merged though their hour goes on.
const MANY: usize = 10;

/// An hour is taken as complete that long after its end, when nothing was written to it for as long.
const QUIET_MS: i64 = 2 * 60 * 1000;

/// The same of a day.
const DAY_QUIET_MS: i64 = 10 * 60 * 1000;

/// Rollups of a day that goes on become one file in so many hours: a question about a day opens a third of the files.
const PART_MS: i64 = 4 * HOUR_MS;

/// So many days of rollups of ten minutes and more become one: a question about months opens a tenth of the files.
const PERIOD_DAYS: i64 = 8;

/// A day or more that was merged already is written again only for so many files that came late, or after so long.
const MANY_LATE: usize = 8;
const LATE_QUIET_MS: i64 = 6 * HOUR_MS;

/// Most files merged at once: each is open and has a page of every column in memory.
const MOST: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// Flushes of an hour that goes on, or too many of one that is over.
    Flushes,
    /// An hour that is complete: its rollups are written.
    Hour,
    /// Rollups of some hours of a day that goes on.
    Part,
    /// Hours of a day, rollups of them among others.
    Day,
    /// Days of rollups of ten minutes and more.
    Period,
}

/// Levels of files that hold a day, several, and some hours of one. Files and the catalog have these numbers, so they
/// stay as they are; [`rank`] is their order.
pub(super) const DAY_LEVEL: i64 = 2;
pub(super) const PERIOD_LEVEL: i64 = 3;
pub(super) const PART_LEVEL: i64 = 4;

/// Files of one table to be made into one, or as few as their size wants.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) due: Due,
    pub(super) files: Vec<Arc<FileEntry>>,
}

/// What is due, the oldest first. `removed` are files that are still on disk; a day of more than `day_bytes` stays
/// as it is, for its files are big enough.
pub(super) fn due(
    files: Vec<Arc<FileEntry>>,
    removed: &[Arc<FileEntry>],
    day_bytes: i64,
    now_ms: i64,
) -> Vec<Job> {
    let mut hours: BTreeMap<(i64, String), Vec<Arc<FileEntry>>> = BTreeMap::new();
    let mut days: BTreeMap<(i64, String), Vec<Arc<FileEntry>>> = BTreeMap::new();
    let mut waiting = Vec::new();
    for file in files {
        let table = file.record.table.clone();
        if file.is_rolled() {
            days.entry((file.day(), table)).or_default().push(file);
        } else {
            waiting.push((file.day(), table.clone()));
            hours.entry((file.hour(), table)).or_default().push(file);
        }
    }
    let mut jobs: Vec<_> =
        hours.into_iter().filter_map(|((hour, _), files)| of_hour(hour, files, now_ms)).collect();
    days.retain(|day, _| !waiting.contains(day));
    let mut periods: BTreeMap<(i64, String), Vec<Arc<FileEntry>>> = BTreeMap::new();
    for ((day, table), mut files) in days {
        if stored_table(&table).is_some_and(|(_, _, level)| level >= Level::TenMinutes) {
            let period = periods.entry((day.div_euclid(PERIOD_DAYS), table)).or_default();
            period.extend(files.iter().cloned());
            files.retain(|file| is_below(file, PERIOD_LEVEL));
        }
        jobs.extend(of_day(day, files, day_bytes, now_ms));
    }
    jobs.extend(
        periods.into_iter().filter_map(|((period, _), files)| of_period(period, files, day_bytes, now_ms)),
    );
    jobs.retain(|job| !job.replaced_others(removed));
    for job in &mut jobs {
        // The smallest first, so that a big one is not copied to add a little while others wait.
        job.files.sort_by_key(|file| file.record.rows);
        job.files.truncate(MOST);
    }
    jobs
}

fn of_hour(hour: i64, files: Vec<Arc<FileEntry>>, now_ms: i64) -> Option<Job> {
    let flushed = files.iter().filter(|file| file.record.level == 0).count();
    let over = now_ms >= hour.saturating_add(1).saturating_mul(HOUR_MS).saturating_add(QUIET_MS);
    let due = match (over && quiet(&files, QUIET_MS, now_ms), flushed) {
        (true, _) if files.len() <= MOST => Due::Hour,
        (true, _) => Due::Flushes,
        (false, MANY..) => Due::Flushes,
        (false, _) => return None,
    };
    Some(Job { due, files })
}

fn of_day(day: i64, files: Vec<Arc<FileEntry>>, most_bytes: i64, now_ms: i64) -> Vec<Job> {
    let end_ms = day.saturating_add(1).saturating_mul(DAY_MS);
    if now_ms < end_ms.saturating_add(DAY_QUIET_MS) {
        return of_parts(files, most_bytes, now_ms);
    }
    let due = is_due(&files, DAY_LEVEL, end_ms, most_bytes, now_ms);
    due.then_some(Job { due: Due::Day, files }).into_iter().collect()
}

/// Rollups of the hours of a day that goes on. Rows are written once more for it, which is little: a minute has one.
fn of_parts(files: Vec<Arc<FileEntry>>, most_bytes: i64, now_ms: i64) -> Vec<Job> {
    let mut parts: BTreeMap<i64, Vec<Arc<FileEntry>>> = BTreeMap::new();
    for file in files.into_iter().filter(|file| is_rollup(file) && is_below(file, DAY_LEVEL)) {
        parts.entry(file.record.time_min_ms.div_euclid(PART_MS)).or_default().push(file);
    }
    let is_due = |(part, files): &(i64, Vec<_>)| {
        let end_ms = part.saturating_add(1).saturating_mul(PART_MS);
        is_due(files, PART_LEVEL, end_ms, most_bytes, now_ms)
    };
    parts.into_iter().filter(is_due).map(|(_, files)| Job { due: Due::Part, files }).collect()
}

fn is_rollup(file: &FileEntry) -> bool {
    stored_table(&file.record.table).is_some_and(|(_, _, level)| level != Level::Raw)
}

/// Levels in order of how much time a file holds.
fn rank(level: i64) -> i64 {
    match level {
        PART_LEVEL => 15,
        level => level.saturating_mul(10),
    }
}

fn is_below(file: &FileEntry, level: i64) -> bool {
    rank(file.record.level) < rank(level)
}

/// Days that are merged, and what came late for one that is merged into others already.
fn of_period(period: i64, files: Vec<Arc<FileEntry>>, most_bytes: i64, now_ms: i64) -> Option<Job> {
    let end_ms = period.saturating_add(1).saturating_mul(PERIOD_DAYS).saturating_mul(DAY_MS);
    let of_day = |file: &FileEntry| {
        files.iter().filter(|other| is_below(other, PERIOD_LEVEL) && other.day() == file.day()).count()
    };
    let days_are_merged = files.iter().all(|file| !is_below(file, DAY_LEVEL) || of_day(file) == 1);
    let due = days_are_merged && is_due(&files, PERIOD_LEVEL, end_ms, most_bytes, now_ms);
    due.then_some(Job { due: Due::Period, files })
}

/// Files of one time that is over, to be merged to a level.
fn is_due(files: &[Arc<FileEntry>], level: i64, end_ms: i64, most_bytes: i64, now_ms: i64) -> bool {
    let over = now_ms >= end_ms.saturating_add(DAY_QUIET_MS);
    let late = files.iter().filter(|file| is_below(file, level)).count();
    let bytes: i64 = files.iter().map(|file| file.record.bytes).sum();
    if !over || files.len() < 2 || late == 0 || bytes > most_bytes || !quiet(files, DAY_QUIET_MS, now_ms) {
        return false;
    }
    late == files.len() || late >= MANY_LATE || quiet(files, LATE_QUIET_MS, now_ms)
}

fn quiet(files: &[Arc<FileEntry>], for_ms: i64, now_ms: i64) -> bool {
    files.iter().all(|file| file.record.written_ms.saturating_add(for_ms) <= now_ms)
}

impl Job {
    /// Could one of its files have replaced one that is still on disk?
    fn replaced_others(&self, removed: &[Arc<FileEntry>]) -> bool {
        let Some(first) = self.files.first() else { return false };
        let files = || self.files.iter().map(|file| &file.record);
        let from_ms = files().map(|record| record.time_min_ms).min().unwrap_or_default();
        let to_ms = files().map(|record| record.time_max_ms).max().unwrap_or_default();
        let merged = self.files.iter().any(|file| file.record.level > 0);
        merged
            && removed.iter().map(|file| &file.record).any(|record| {
                record.table == first.record.table
                    && record.time_min_ms <= to_ms
                    && record.time_max_ms >= from_ms
            })
    }
}

#[cfg(test)]
mod tests {
    use tacho_catalog::FileRecord;

    use super::*;

    const HOUR: i64 = 494_016;
    const START: i64 = HOUR * HOUR_MS;
    const NO_LIMIT: i64 = i64::MAX;

    fn file(minute: i64, level: i64, rows: i64) -> Arc<FileEntry> {
        let time = START + minute * 60_000;
        FileEntry::new(FileRecord {
            id: format!("{minute}"),
            table: "host".into(),
            path: "x".into(),
            level,
            host_min: "a".into(),
            host_max: "a".into(),
            time_min_ms: time,
            time_max_ms: time + 55_000,
            rows,
            bytes: 1,
            checksum: 0,
            written_ms: time + 60_000,
            rolled: false,
        })
    }

    fn rolled(minute: i64, level: i64) -> Arc<FileEntry> {
        let record = file(minute, level, 720).record.clone();
        FileEntry::new(FileRecord { rolled: true, ..record })
    }

    fn check(files: &[Arc<FileEntry>], now_ms: i64, expected: &[(Due, usize)]) {
        let jobs = due(files.to_vec(), &[], NO_LIMIT, now_ms);
        assert_eq!(jobs.iter().map(|job| (job.due, job.files.len())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn files_are_merged_when_there_are_many_or_their_hour_is_over() {
        let files: Vec<_> = (0..60).map(|minute| file(minute, 0, 12)).collect();
        check(&files[..9], START + 10 * 60_000, &[]);
        check(&files[..10], START + 11 * 60_000, &[(Due::Flushes, 10)]);
        check(&files[50..], START + HOUR_MS + QUIET_MS - 1, &[(Due::Flushes, 10)]);
        check(&files[55..], START + HOUR_MS + QUIET_MS - 1, &[]);
        check(&files[55..], START + HOUR_MS + QUIET_MS, &[(Due::Hour, 5)]);
        check(&files[..1], START + 2 * HOUR_MS, &[(Due::Hour, 1)]);
        let many: Vec<_> = (0..60).chain(0..60).map(|minute| file(minute, 0, 12)).collect();
        check(&many, START + 2 * HOUR_MS, &[(Due::Flushes, MOST)]);
    }

    #[test]
    fn an_hour_that_is_still_written_to_is_not_complete() {
        let late = Arc::new(FileEntry::clone_with(&file(5, 0, 12), START + 3 * HOUR_MS));
        check(&[file(1, 1, 700), late.clone()], START + 3 * HOUR_MS + QUIET_MS - 1, &[]);
        check(&[file(1, 1, 700), late.clone()], START + 3 * HOUR_MS + QUIET_MS, &[(Due::Hour, 2)]);
        check(&[rolled(1, 1), late], START + 3 * HOUR_MS + QUIET_MS, &[(Due::Hour, 1)]);
    }

    #[test]
    fn tables_and_hours_are_merged_each_on_its_own() {
        let mut files: Vec<_> = (50..70).map(|minute| file(minute, 0, 12)).collect();
        check(&files, START + 3 * HOUR_MS, &[(Due::Hour, 10), (Due::Hour, 10)]);
        files.extend((50..52).map(|minute| {
            let mut record = file(minute, 0, 1).record.clone();
            record.table = "disk".into();
            FileEntry::new(record)
        }));
        check(&files, START + 3 * HOUR_MS, &[(Due::Hour, 2), (Due::Hour, 10), (Due::Hour, 10)]);
    }

    #[test]
    fn hours_of_a_day_are_merged_when_all_are_complete() {
        let mut files: Vec<_> = (0..24).map(|hour| rolled(60 * hour, 1)).collect();
        let over = START + DAY_MS + DAY_QUIET_MS;
        check(&files, over - 1, &[]);
        check(&files, over, &[(Due::Day, 24)]);
        assert!(due(files.clone(), &[], 23, over).is_empty(), "big enough");
        assert!(due(files.clone(), &[file(70, 0, 1)], NO_LIMIT, over).is_empty(), "one is still on disk");
        files.push(file(61, 0, 12));
        check(&files, over, &[(Due::Hour, 1)]);
        check(&files[..1], over, &[]);
    }

    /// The merged hours of a day, so many days after the first.
    fn of_hours(day: i64, level: i64) -> Arc<FileEntry> {
        let record = rolled(60 * 24 * day, level).record.clone();
        FileEntry::new(FileRecord { table: "host_1h".into(), ..record })
    }

    /// Minutes of an hour of the day.
    fn minutes(hour: i64, level: i64) -> Arc<FileEntry> {
        let record = rolled(60 * hour, level).record.clone();
        FileEntry::new(FileRecord { table: "host_1m".into(), ..record })
    }

    #[test]
    fn rollups_of_a_day_that_goes_on_are_merged_some_hours_at_a_time() {
        assert_eq!(START.rem_euclid(PART_MS), 0);
        let files: Vec<_> = (0..10).map(|hour| minutes(hour, 1)).collect();
        let over = START + PART_MS + DAY_QUIET_MS;
        check(&files[..4], over - 1, &[]);
        check(&files[..4], over, &[(Due::Part, 4)]);
        check(&files, START + 10 * HOUR_MS + DAY_QUIET_MS, &[(Due::Part, 4), (Due::Part, 4)]);
        // Rows stay as hours, and so does what is alone.
        let rows: Vec<_> = (0..4).map(|hour| rolled(60 * hour, 1)).collect();
        check(&rows, over, &[]);
        check(&files[..1], over, &[]);
        // What is merged stays, unless much comes late or nothing for a while.
        let late_ms = START + 5 * HOUR_MS;
        let late = Arc::new(FileEntry::clone_with(&minutes(1, 1), late_ms));
        let files = [minutes(0, PART_LEVEL), late];
        check(&files, late_ms + LATE_QUIET_MS - 1, &[]);
        check(&files, late_ms + LATE_QUIET_MS, &[(Due::Part, 2)]);
        // The end of the day makes one of all of them.
        let day: Vec<_> = [0, 4, 8, 12, 16].map(|hour| minutes(hour, PART_LEVEL)).into();
        let hours = (20..24).map(|hour| minutes(hour, 1));
        let files: Vec<_> = day.into_iter().chain(hours).collect();
        let over = START + DAY_MS + DAY_QUIET_MS;
        check(&files, over - 1, &[]);
        check(&files, over, &[(Due::Day, 9)]);
        let late = Arc::new(FileEntry::clone_with(&minutes(0, PART_LEVEL), over));
        let files = [minutes(0, DAY_LEVEL), late];
        check(&files, over + LATE_QUIET_MS - 1, &[]);
        check(&files, over + LATE_QUIET_MS, &[(Due::Day, 2)]);
    }

    #[test]
    fn days_of_hours_are_merged_when_their_period_is_over() {
        let first = PERIOD_DAYS - (START / DAY_MS) % PERIOD_DAYS;
        let mut files: Vec<_> = (first..first + PERIOD_DAYS).map(|day| of_hours(day, 2)).collect();
        let over = (START / DAY_MS + first + PERIOD_DAYS) * DAY_MS + DAY_QUIET_MS;
        check(&files, over - 1, &[]);
        check(&files, over, &[(Due::Period, 8)]);
        assert!(due(files.clone(), &[], 7, over).is_empty(), "big enough");
        // A day that is not merged yet comes first.
        files.push(of_hours(first, 1));
        check(&files, over + LATE_QUIET_MS, &[(Due::Day, 2)]);
        // Minutes stay as days.
        let minutes = (first..first + PERIOD_DAYS).map(|day| {
            let record = of_hours(day, 2).record.clone();
            FileEntry::new(FileRecord { table: "host_1m".into(), ..record })
        });
        check(&minutes.collect::<Vec<_>>(), over, &[]);
    }

    #[test]
    fn what_comes_late_for_a_period_is_merged_into_it_after_a_while() {
        let first = PERIOD_DAYS - (START / DAY_MS) % PERIOD_DAYS;
        let late_ms = START + 99 * DAY_MS;
        let late = Arc::new(FileEntry::clone_with(&of_hours(first + 1, 1), late_ms));
        let files = [of_hours(first, 3), late];
        check(&files, late_ms + LATE_QUIET_MS - 1, &[]);
        check(&files, late_ms + LATE_QUIET_MS, &[(Due::Period, 2)]);
        check(&files[..1], late_ms + LATE_QUIET_MS, &[]);
    }

    #[test]
    fn a_day_is_not_written_again_for_a_single_late_file() {
        let mut files = vec![rolled(0, 2), rolled(1, 2)];
        check(&files, START + 9 * DAY_MS, &[]);
        let late = Arc::new(FileEntry::clone_with(&rolled(5, 1), START + 2 * DAY_MS));
        files.push(late);
        check(&files, START + 2 * DAY_MS + LATE_QUIET_MS - 1, &[]);
        check(&files, START + 2 * DAY_MS + LATE_QUIET_MS, &[(Due::Day, 3)]);
        files.extend(
            (6..13).map(|minute| FileEntry::clone_with(&rolled(minute, 1), START + 2 * DAY_MS)).map(Arc::new),
        );
        check(&files, START + 2 * DAY_MS + DAY_QUIET_MS, &[(Due::Day, 10)]);
    }
}
