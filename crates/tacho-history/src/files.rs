//! The files that readers see.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tacho_catalog::FileRecord;
use tacho_model::Table;

use crate::scan::Hosts;
use crate::time::{DAY_MS, hour};

/// A file and what is known of it since the server started.
#[derive(Debug)]
pub(crate) struct FileEntry {
    pub(crate) record: FileRecord,
    /// Its bytes were found to be what was written.
    pub(crate) verified: AtomicBool,
    rolled: AtomicBool,
    /// It could not be read: whoever met it is setting it aside.
    damaged: AtomicBool,
}

/// All files that readers see at one moment. Cheap to clone: a view holds on to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileSet {
    /// By table name; by time within.
    tables: HashMap<String, Arc<Vec<Arc<FileEntry>>>>,
}

impl FileEntry {
    pub(crate) fn new(record: FileRecord) -> Arc<Self> {
        let rolled = AtomicBool::new(record.rolled);
        Arc::new(Self { record, verified: AtomicBool::new(false), rolled, damaged: AtomicBool::new(false) })
    }

    /// Its rows are in rollups too, or its table has none. Changes under the state's lock.
    pub(crate) fn is_rolled(&self) -> bool {
        self.rolled.load(Ordering::Relaxed)
    }

    pub(crate) fn set_rolled(&self) {
        self.rolled.store(true, Ordering::Relaxed);
    }

    /// The same as if it had been written at another time.
    #[cfg(test)]
    pub(crate) fn clone_with(&self, written_ms: i64) -> Self {
        let record = FileRecord { written_ms, ..self.record.clone() };
        let rolled = AtomicBool::new(record.rolled);
        Self { record, verified: AtomicBool::new(false), rolled, damaged: AtomicBool::new(false) }
    }

    /// Notes that it cannot be read; `true` for the first who does.
    pub(crate) fn set_damaged(&self) -> bool {
        !self.damaged.swap(true, Ordering::Relaxed)
    }

    /// The hour that its first rows are of, and unless it is a file of a day all of them.
    pub(crate) fn hour(&self) -> i64 {
        hour(self.record.time_min_ms)
    }

    /// The day that its first rows are of, and unless it is one of several days all of them.
    pub(crate) fn day(&self) -> i64 {
        self.record.time_min_ms.div_euclid(DAY_MS)
    }

    /// Could it have rows of these hosts in this range?
    pub(crate) fn may_have(&self, hosts: &Hosts, from_ms: i64, to_ms: i64) -> bool {
        let record = &self.record;
        record.time_min_ms < to_ms
            && record.time_max_ms >= from_ms
            && hosts.may_be_between(&record.host_min, &record.host_max)
    }
}

impl FileSet {
    pub(crate) fn new(files: impl IntoIterator<Item = Arc<FileEntry>>) -> Self {
        let mut set = Self::default();
        set.add(files);
        set
    }

    pub(crate) fn of(&self, table: &Table) -> &[Arc<FileEntry>] {
        self.tables.get(table.name).map_or(&[], |files| files)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<FileEntry>> {
        self.tables.values().flat_map(|files| files.iter())
    }

    pub(crate) fn add(&mut self, files: impl IntoIterator<Item = Arc<FileEntry>>) {
        let mut changed: HashMap<String, Vec<_>> = HashMap::new();
        for file in files {
            changed.entry(file.record.table.clone()).or_default().push(file);
        }
        for (table, added) in changed {
            // Views that were handed out keep the list they have.
            let list = Arc::make_mut(self.tables.entry(table).or_default());
            list.extend(added);
            list.sort_by(|a, b| {
                (a.record.time_min_ms, &a.record.id).cmp(&(b.record.time_min_ms, &b.record.id))
            });
        }
    }

    /// Takes files out and returns those that were in.
    pub(crate) fn remove(&mut self, ids: &[String]) -> Vec<Arc<FileEntry>> {
        let mut removed = Vec::new();
        for list in self.tables.values_mut() {
            if list.iter().any(|file| ids.contains(&file.record.id)) {
                removed.extend(Arc::make_mut(list).extract_if(.., |file| ids.contains(&file.record.id)));
            }
        }
        removed
    }
}
