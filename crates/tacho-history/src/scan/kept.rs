//! Rows that are asked for again and again: a page that follows "now" asks for the same hours of one host at each step, and
//! only the newest of them change.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;

use super::{EntityValue, Hosts, Scan};
use crate::files::FileEntry;

/// Most memory for rows. When it is full, the half used longest ago goes.
const LIMIT_BYTES: usize = 32 << 20;

/// Of one file: more than that is a lot of rows, which are seldom wanted twice.
const MOST_BYTES: usize = 2 << 20;

/// Roughly what an entry takes without its rows and what it asks for.
const ENTRY_BYTES: usize = 512;

/// What is asked of a file whose rows all lie in the range. A file never changes, so neither does the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    file: String,
    host: String,
    columns: Vec<usize>,
    entity: Vec<(usize, EntityValue)>,
}

impl Wanted {
    /// Absent where it is about many hosts, about texts, or about a part of the file's time.
    pub(super) fn of(scan: &Scan, file: &FileEntry) -> Option<Self> {
        let Hosts::One(host) = &scan.hosts else { return None };
        let record = &file.record;
        let is_whole = scan.from_ms <= record.time_min_ms && record.time_max_ms < scan.to_ms;
        (is_whole && scan.texts.is_empty()).then(|| Self {
            file: record.id.clone(),
            host: host.clone(),
            columns: scan.columns.clone(),
            entity: scan.entity.clone(),
        })
    }

    fn bytes(&self) -> usize {
        let values = self.entity.iter().map(|(_, value)| match value {
            EntityValue::Integer(_) => 0,
            EntityValue::OneOf(values) => size_of_val(values.as_slice()),
            EntityValue::Text(text) => text.len(),
        });
        ENTRY_BYTES + values.sum::<usize>()
    }
}

/// Rows of files by what was wanted of them.
#[derive(Debug, Default)]
pub(crate) struct RowsCache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    by_wanted: HashMap<Wanted, Entry>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    /// Absent as long as they were wanted once: most are not wanted again.
    rows: Option<Vec<RecordBatch>>,
    bytes: usize,
    used: u64,
}

impl RowsCache {
    pub(super) fn get(&self, wanted: &Wanted) -> Option<Vec<RecordBatch>> {
        let mut entries = self.lock();
        let used = entries.tick();
        let entry = entries.by_wanted.get_mut(wanted)?;
        entry.used = used;
        entry.rows.clone()
    }

    /// Keeps the rows of what was wanted before, unless they are many.
    pub(super) fn keep(&self, wanted: Wanted, rows: &[RecordBatch]) {
        let bare = wanted.bytes();
        let bytes = rows.iter().map(RecordBatch::get_array_memory_size).sum::<usize>() + bare;
        let mut entries = self.lock();
        let is_again = entries.by_wanted.contains_key(&wanted);
        let (rows, bytes) = match is_again && bytes <= MOST_BYTES {
            true => (Some(rows.to_vec()), bytes),
            false => (None, bare),
        };
        let used = entries.tick();
        if let Some(before) = entries.by_wanted.insert(wanted, Entry { rows, bytes, used }) {
            entries.bytes -= before.bytes;
        }
        entries.bytes += bytes;
        if entries.bytes > LIMIT_BYTES {
            entries.shrink();
        }
    }

    /// The file is gone.
    pub(crate) fn forget(&self, file: &str) {
        let mut entries = self.lock();
        entries.by_wanted.retain(|wanted, _| wanted.file != file);
        entries.count();
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Nothing panics while the lock is held; were it to, the rows would be as good as before.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn shrink(&mut self) {
        let mut used: Vec<_> = self.by_wanted.values().map(|entry| entry.used).collect();
        used.sort_unstable();
        let median = used.get(used.len() / 2).copied().unwrap_or_default();
        self.by_wanted.retain(|_, entry| entry.used > median);
        self.count();
    }

    fn count(&mut self) {
        self.bytes = self.by_wanted.values().map(|entry| entry.bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn wanted(file: &str) -> Wanted {
        Wanted { file: file.to_owned(), host: "a".to_owned(), columns: vec![1], entity: Vec::new() }
    }

    fn rows(count: usize) -> Vec<RecordBatch> {
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count as i64));
        vec![RecordBatch::try_from_iter([("n", values)]).unwrap()]
    }

    #[test]
    fn rows_are_kept_from_the_second_time_on_until_their_file_is_gone() {
        let cache = RowsCache::default();
        assert_eq!(cache.get(&wanted("1")), None);
        cache.keep(wanted("1"), &rows(3));
        assert_eq!(cache.get(&wanted("1")), None, "wanted once");
        cache.keep(wanted("1"), &rows(3));
        assert_eq!(cache.get(&wanted("1")), Some(rows(3)));
        assert_eq!(cache.get(&wanted("2")), None);
        cache.forget("1");
        assert_eq!(cache.get(&wanted("1")), None);
        assert_eq!(cache.lock().bytes, 0);
    }

    #[test]
    fn what_is_kept_has_a_limit_and_what_was_used_of_late_stays() {
        let cache = RowsCache::default();
        let (many, some) = (MOST_BYTES / 8 + 1, MOST_BYTES / 16);
        for _ in 0..2 {
            cache.keep(wanted("many"), &rows(many));
        }
        assert_eq!(cache.get(&wanted("many")), None, "too many");
        let names: Vec<_> = (0..100).map(|number| format!("{number}")).collect();
        for name in &names {
            cache.keep(wanted(name), &[]);
            cache.keep(wanted(name), &rows(some));
            assert!(cache.get(&wanted(&names[0])).is_some(), "used all the time");
            let held = cache.lock();
            assert!(held.bytes <= LIMIT_BYTES);
            assert_eq!(held.bytes, held.by_wanted.values().map(|entry| entry.bytes).sum::<usize>());
        }
        let kept = names.iter().filter(|name| cache.get(&wanted(name)).is_some()).count();
        assert!((10..=32).contains(&kept), "{kept}");
        assert!(cache.get(&wanted("99")).is_some(), "the newest");
    }
}
