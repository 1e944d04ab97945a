//! One run over the files, for as many hosts as there is room for.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::Int32Type;

use super::{FleetQuery, ProcessText};
use crate::HistoryError;
use crate::columns::{HOST, HOST_ID};
use crate::files::FileEntry;
use crate::inner::Inner;
use crate::levels::{Part, Plan};
use crate::query::processes_over::{NAME, Peaks, ProcessGroup, Usages, columns_at};
use crate::scan::{FileRows, Hosts, Reading, Scan};

/// Hosts of a pass, and what their processes used.
pub(crate) struct Pass<'a> {
    query: &'a FleetQuery,
    after: Option<String>,
    /// Set when there was no room for all hosts: the last of those that there was room for.
    to: Option<String>,
    hosts: BTreeMap<String, OfHost>,
    /// Of all hosts.
    processes: usize,
    most: usize,
    complete: bool,
}

pub(crate) struct OfHost {
    pub(crate) name: String,
    pub(crate) usages: Usages,
}

impl<'a> Pass<'a> {
    /// Begins with the host after that one, and keeps `most` processes.
    pub(crate) fn new(query: &'a FleetQuery, after: Option<String>, most: usize) -> Self {
        Self { query, after, to: None, hosts: BTreeMap::new(), processes: 0, most, complete: true }
    }

    /// The last host of the pass; `None` when all were in it.
    pub(crate) fn to(&self) -> Option<&str> {
        self.to.as_deref()
    }

    /// The hosts, and whether they are complete.
    pub(crate) fn into_hosts(self) -> (BTreeMap<String, OfHost>, bool) {
        (self.hosts, self.complete)
    }

    pub(crate) fn read(
        &mut self,
        inner: &Arc<Inner>,
        reading: &Arc<Reading>,
        plan: &Plan,
    ) -> Result<(), HistoryError> {
        for part in &plan.parts {
            for file in &part.files {
                self.read_file(inner, reading, part, file)?;
            }
            let frames: Vec<_> =
                part.frames.iter().filter(|frame| self.hosts().include(&frame.host.id)).cloned().collect();
            let scan = self.scan(part, reading);
            for of_host in frames.chunk_by(|a, b| a.host.id == b.host.id) {
                for batch in scan.head_by_hour(of_host)? {
                    reading.check()?;
                    if self.add(&batch)?.is_break() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn hosts(&self) -> Hosts {
        Hosts::Between(self.after.clone(), self.to.clone())
    }

    fn scan(&self, part: &Part, reading: &Arc<Reading>) -> Scan {
        let columns = columns_at(part.level);
        let texts = self.query.matching.iter();
        let texts = texts.filter_map(|(text, wanted)| Some((*columns.get(text.place())?, wanted.clone())));
        let texts = texts.collect();
        let columns = [columns.as_slice(), &[HOST_ID, HOST]].concat();
        Scan { texts, ..Scan::new(part.table, self.hosts(), columns, part.range.clone(), reading) }
    }

    /// Batch by batch: a file has rows of all hosts. Of one that turns out to be damaged half-way, the rows before count.
    fn read_file(
        &mut self,
        inner: &Inner,
        reading: &Arc<Reading>,
        part: &Part,
        file: &Arc<FileEntry>,
    ) -> Result<(), HistoryError> {
        if !file.may_have(&self.hosts(), part.range.start, part.range.end) {
            return Ok(());
        }
        let rows = match FileRows::open(inner, &Arc::new(self.scan(part, reading)), file) {
            Ok(None) => return Ok(()),
            Ok(Some(rows)) => rows,
            Err(failure) => return inner.handle(file, failure),
        };
        for batch in rows {
            match batch {
                Ok(batch) if self.add(&batch)?.is_break() => break,
                Ok(_) => {}
                Err(failure) => return inner.handle(file, failure),
            }
        }
        Ok(())
    }

    /// Adds rows, which are sorted by host. Breaks at a host of a later pass.
    fn add(&mut self, batch: &RecordBatch) -> Result<ControlFlow<()>, HistoryError> {
        let own: Vec<_> = (0..batch.num_columns().saturating_sub(2)).collect();
        let (ids, names) = (batch.column(own.len()), batch.column(own.len() + 1));
        let rows = batch.project(&own)?;
        let keys = ids.as_dictionary::<Int32Type>().keys();
        let mut first = 0;
        for same in keys.values().chunk_by(|a, b| a == b) {
            let id = text(ids, first);
            if self.to.as_deref().is_some_and(|to| to < id) {
                return Ok(ControlFlow::Break(()));
            }
            self.add_host(id, text(names, first + same.len() - 1), &rows.slice(first, same.len()));
            first += same.len();
            if self.processes > self.most {
                self.shrink();
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn add_host(&mut self, id: &str, name: &str, rows: &RecordBatch) {
        if !self.hosts.contains_key(id) {
            let usages = Usages::new(ProcessGroup::Process);
            self.hosts.insert(id.to_owned(), OfHost { name: name.to_owned(), usages });
        }
        let Some(host) = self.hosts.get_mut(id) else { return };
        if host.name != name {
            name.clone_into(&mut host.name);
        }
        let before = host.usages.len();
        // Lines that are processes need no more than the rows for their peaks.
        host.usages.add(rows, &mut Peaks::new(ProcessGroup::Process));
        self.processes += host.usages.len() - before;
    }

    /// Leaves the hosts farther back for another pass; of a single host, forgets the least processes.
    fn shrink(&mut self) {
        let room = self.most / 2;
        let mut kept = 0;
        let beyond = self.hosts.iter().skip(1).zip(self.hosts.values()).find_map(|((id, _), before)| {
            kept += before.usages.len();
            (kept > room).then(|| id.clone())
        });
        // No host alone is beyond the room: then the last one is left for another pass.
        let beyond = beyond.or_else(|| self.hosts.keys().skip(1).next_back().cloned());
        if let Some(beyond) = beyond {
            self.hosts.split_off(&beyond);
        } else if let Some(host) = self.hosts.values_mut().next() {
            host.usages.forget_least(&[self.query.by], room);
            self.complete = false;
        }
        self.processes = self.hosts.values().map(|host| host.usages.len()).sum();
        self.to = self.hosts.keys().next_back().cloned();
    }
}

impl ProcessText {
    /// Which of the columns that are read it is.
    fn place(self) -> usize {
        NAME + self as usize
    }
}

fn text(column: &ArrayRef, row: usize) -> &str {
    let dictionary = column.as_dictionary::<Int32Type>();
    dictionary.key(row).map_or("", |key| dictionary.values().as_string::<i32>().value(key))
}
