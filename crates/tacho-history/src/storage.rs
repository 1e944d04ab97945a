//! What is kept, how much of it there is, and how much there will be.

use std::collections::BTreeMap;

use crate::History;
use crate::files::FileEntry;
use crate::rollup::{Level, stored_table, stored_tables};
use crate::time::{DAY_MS, HOUR_MS};

/// Complete days that the growth is reckoned from.
const RECENT_DAYS: usize = 7;

/// All files that readers see.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StorageReport {
    pub files: u64,
    pub rows: u64,
    pub bytes: u64,
    /// Most bytes, when there is a limit.
    pub limit_bytes: Option<u64>,
    /// What it comes to when everything is as old as it may become, at the pace of the last days; no more than the
    /// limit. Absent while there is less than an hour.
    pub projected_bytes: Option<u64>,
    /// By table and level; without those that have no files.
    pub tables: Vec<TableStorage>,
}

/// One table at one level.
#[derive(Debug, Clone, PartialEq)]
pub struct TableStorage {
    /// A table of [`tacho_model::tables::ALL`].
    pub table: &'static str,
    pub level: Level,
    pub files: u64,
    pub rows: u64,
    pub bytes: u64,
    /// Time of the first and the last row.
    pub oldest_ms: i64,
    pub newest_ms: i64,
    /// How long its rows are kept.
    pub keep_ms: i64,
    /// How much a day is, as things are now.
    pub bytes_per_day: Option<u64>,
    pub projected_bytes: Option<u64>,
    /// By day, the oldest first.
    pub days: Vec<DayStorage>,
}

/// One day of a table at one level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayStorage {
    /// When the day starts, UTC.
    pub start_ms: i64,
    pub files: u64,
    pub rows: u64,
    pub bytes: u64,
}

impl History {
    /// What is kept at this moment.
    pub fn storage(&self) -> StorageReport {
        let (config, now_ms) = (&self.inner.config, (self.inner.now)());
        let state = self.inner.state();
        let mut report = StorageReport { limit_bytes: config.limit_bytes, ..StorageReport::default() };
        for table in stored_tables() {
            let Some((_, raw, level)) = stored_table(table.name) else { continue };
            let files = state.files.of(table);
            let Some(first) = files.first() else { continue };
            let mut storage = TableStorage {
                table: raw.name,
                level,
                files: 0,
                rows: 0,
                bytes: 0,
                oldest_ms: first.record.time_min_ms,
                newest_ms: i64::MIN,
                keep_ms: i64::try_from(config.keep(table.name).as_millis()).unwrap_or(i64::MAX),
                bytes_per_day: None,
                projected_bytes: None,
                days: Vec::new(),
            };
            storage.add(files.iter().map(AsRef::as_ref), now_ms);
            report.files += storage.files;
            report.rows += storage.rows;
            report.bytes += storage.bytes;
            if let Some(projected) = storage.projected_bytes {
                report.projected_bytes =
                    Some(report.projected_bytes.unwrap_or_default().saturating_add(projected));
            }
            report.tables.push(storage);
        }
        report.projected_bytes =
            report.projected_bytes.map(|bytes| bytes.min(config.limit_bytes.unwrap_or(u64::MAX)));
        report
    }
}

impl TableStorage {
    fn add<'a>(&mut self, files: impl Iterator<Item = &'a FileEntry>, now_ms: i64) {
        let mut days: BTreeMap<i64, DayStorage> = BTreeMap::new();
        for file in files {
            let record = &file.record;
            let (rows, bytes) = (unsigned(record.rows), unsigned(record.bytes));
            // Days that one file holds together are taken as equal.
            let (first, last) = (file.day(), record.time_max_ms.div_euclid(DAY_MS).max(file.day()));
            let count = last.abs_diff(first).saturating_add(1);
            for number in first..=last {
                let start_ms = number.saturating_mul(DAY_MS);
                let day = days.entry(start_ms).or_insert(DayStorage { start_ms, ..DayStorage::default() });
                let rest = |of: u64| if number == first { of % count } else { 0 };
                day.files += 1;
                day.rows += rows / count + rest(rows);
                day.bytes += bytes / count + rest(bytes);
            }
            self.files += 1;
            self.rows += rows;
            self.bytes += bytes;
            self.newest_ms = self.newest_ms.max(record.time_max_ms);
        }
        self.days = days.into_values().collect();
        self.bytes_per_day = self.pace(now_ms);
        self.projected_bytes = self.bytes_per_day.map(|bytes| {
            let projected = bytes as f64 * self.keep_ms as f64 / DAY_MS as f64;
            projected as u64
        });
    }

    /// The mean of the last complete days; before there is one, what there is by how long it took.
    fn pace(&self, now_ms: i64) -> Option<u64> {
        let complete = |day: &&DayStorage| day.start_ms >= self.oldest_ms && day.start_ms + DAY_MS <= now_ms;
        let recent: Vec<_> = self.days.iter().rev().filter(complete).take(RECENT_DAYS).collect();
        if !recent.is_empty() {
            return Some(recent.iter().map(|day| day.bytes).sum::<u64>() / recent.len() as u64);
        }
        let span_ms =
            self.newest_ms.min(now_ms).saturating_sub(self.oldest_ms).saturating_add(self.level.bucket_ms());
        (span_ms >= HOUR_MS).then(|| (self.bytes as f64 * DAY_MS as f64 / span_ms as f64) as u64)
    }
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
