//! Rows of all hosts, host by host.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::Int32Type;

use super::{FleetQuery, ProcessText};
use crate::HistoryError;
use crate::columns::{HOST, HOST_ID};
use crate::files::FileEntry;
use crate::head::Frame;
use crate::inner::Inner;
use crate::levels::{Part, Plan};
use crate::query::processes_over::{NAME, columns_at};
use crate::scan::{FileRows, Hosts, ReadFailure, Reading, Scan};

/// Files and heads of a plan, each sorted by host, as if they were one.
pub(crate) struct Merge<'a> {
    inner: &'a Inner,
    /// In the order in which rows of one host are added up.
    sources: Vec<Source>,
}

/// Rows of one host.
pub(crate) struct RowsOfHost {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Without the columns of the host.
    pub(crate) rows: RecordBatch,
}

struct Source {
    /// Decoded and not taken yet, a host or a part of one each.
    ahead: VecDeque<RowsOfHost>,
    rest: Rest,
}

enum Rest {
    /// Not opened before its first host is come to.
    File(Arc<FileEntry>, Arc<Scan>),
    /// There is always something ahead.
    Rows(Arc<FileEntry>, Box<FileRows>),
    Head(Arc<Scan>, BTreeMap<String, Vec<Arc<Frame>>>),
    Over,
}

impl<'a> Merge<'a> {
    pub(crate) fn new(inner: &'a Inner, reading: &Arc<Reading>, query: &FleetQuery, plan: &Plan) -> Self {
        let mut sources = Vec::new();
        for part in &plan.parts {
            let scan = Arc::new(scan(query, part, reading));
            sources.extend(part.files.iter().map(|file| Rest::File(Arc::clone(file), Arc::clone(&scan))));
            let mut frames: BTreeMap<String, Vec<_>> = BTreeMap::new();
            for frame in &part.frames {
                frames.entry(frame.host.id.to_string()).or_default().push(Arc::clone(frame));
            }
            sources.push(Rest::Head(scan, frames));
        }
        let source = |rest| Source { ahead: VecDeque::new(), rest };
        Self { inner, sources: sources.into_iter().map(source).collect() }
    }

    /// Hands over what there is of the next host that has rows, in the order of ids; `false` when there is none.
    pub(crate) fn next_host(&mut self, mut each: impl FnMut(RowsOfHost)) -> Result<bool, HistoryError> {
        let mut has_rows = false;
        while !has_rows {
            self.sources.retain(|source| source.host().is_some());
            // The least host of a file may have none that are wanted.
            let Some(host) = self.sources.iter().filter_map(Source::host).min().map(str::to_owned) else {
                break;
            };
            for source in &mut self.sources {
                while source.host() == Some(&host) {
                    let Some(rows) = source.take(self.inner)? else { continue };
                    has_rows = true;
                    each(rows);
                }
            }
        }
        Ok(has_rows)
    }
}

fn scan(query: &FleetQuery, part: &Part, reading: &Arc<Reading>) -> Scan {
    let columns = columns_at(part.level);
    let texts = query.matching.iter();
    let texts = texts.filter_map(|(text, wanted)| Some((*columns.get(text.place())?, wanted.clone())));
    let texts = texts.collect();
    let columns = [columns.as_slice(), &[HOST_ID, HOST]].concat();
    Scan { texts, ..Scan::new(part.table, Hosts::ALL, columns, part.range.clone(), reading) }
}

impl Source {
    /// Whose rows are next; of those that are not decoded yet the least that it can be.
    fn host(&self) -> Option<&str> {
        match (self.ahead.front(), &self.rest) {
            (Some(rows), _) => Some(&rows.id),
            (None, Rest::File(file, _)) => Some(&file.record.host_min),
            (None, Rest::Head(_, hosts)) => hosts.keys().next().map(String::as_str),
            (None, Rest::Rows(..) | Rest::Over) => None,
        }
    }

    /// The next rows; nothing when they had to be decoded first and may be another host's.
    fn take(&mut self, inner: &Inner) -> Result<Option<RowsOfHost>, HistoryError> {
        let next = self.ahead.pop_front();
        if next.is_none() || self.ahead.is_empty() && matches!(self.rest, Rest::Rows(..)) {
            self.decode(inner)?;
        }
        Ok(next)
    }

    fn decode(&mut self, inner: &Inner) -> Result<(), HistoryError> {
        self.rest = match std::mem::replace(&mut self.rest, Rest::Over) {
            Rest::File(file, scan) => match FileRows::open(inner, &scan, &file) {
                Ok(Some(rows)) => self.decode_file(inner, file, Box::new(rows))?,
                Ok(None) => Rest::Over,
                Err(failure) => set_aside(inner, &file, failure)?,
            },
            Rest::Rows(file, rows) => self.decode_file(inner, file, rows)?,
            Rest::Head(scan, mut hosts) => {
                if let Some((_, frames)) = hosts.pop_first() {
                    scan.reading.check()?;
                    scan.head_by_hour(&frames)?.iter().try_for_each(|batch| self.add(batch))?;
                }
                Rest::Head(scan, hosts)
            }
            Rest::Over => Rest::Over,
        };
        Ok(())
    }

    /// The next rows of a file. Of one that turns out to be damaged half-way, the rows before count.
    fn decode_file(
        &mut self,
        inner: &Inner,
        file: Arc<FileEntry>,
        mut rows: Box<FileRows>,
    ) -> Result<Rest, HistoryError> {
        while self.ahead.is_empty() {
            match rows.next() {
                Some(Ok(batch)) => self.add(&batch)?,
                Some(Err(failure)) => return set_aside(inner, &file, failure),
                None => return Ok(Rest::Over),
            }
        }
        Ok(Rest::Rows(file, rows))
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), HistoryError> {
        let own: Vec<_> = (0..batch.num_columns().saturating_sub(2)).collect();
        let (ids, names) = (batch.column(own.len()), batch.column(own.len() + 1));
        let rows = batch.project(&own)?;
        let mut first = 0;
        for same in ids.as_dictionary::<Int32Type>().keys().values().chunk_by(|a, b| a == b) {
            self.ahead.push_back(RowsOfHost {
                id: text(ids, first).to_owned(),
                name: text(names, first + same.len() - 1).to_owned(),
                rows: rows.slice(first, same.len()),
            });
            first += same.len();
        }
        Ok(())
    }
}

fn set_aside(inner: &Inner, file: &Arc<FileEntry>, failure: ReadFailure) -> Result<Rest, HistoryError> {
    inner.handle(file, failure)?;
    Ok(Rest::Over)
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
