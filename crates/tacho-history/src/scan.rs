//! Reads rows of one host and table from files and head.
//!
//! Files are pruned by the catalog's host and time (in the view), then row groups and pages by their
//! statistics; what is decoded is filtered exactly. All synchronous: callers are on a blocking thread.

mod buffer;
mod filter;
mod hosts;
mod kept;
mod matching;
mod memory;
mod metadata;
mod page_index;
mod pages;
mod projections;
mod prune;
mod readers;
mod reading;
mod source;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions, new_null_array};
use parquet::arrow::FieldLevels;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowSelection};
use tacho_model::Table;
use tokio::runtime::Handle;

pub(crate) use hosts::Hosts;
pub(crate) use kept::RowsCache;
pub use matching::TextMatch;
pub(crate) use memory::read_bytes;
pub(crate) use metadata::MetadataCache;
pub(crate) use projections::Projections;
pub use reading::ReadReport;
pub(crate) use reading::{CancelOnDrop, Reading};

use crate::HistoryError;
use crate::columns::{FIRST, HOST_ID, Layout, TIME, layout};
use crate::files::FileEntry;
use crate::head::Frame;
use crate::inner::Inner;
use crate::notes::{Notes, Stated};
use crate::rows::{RowRef, batch, rows_of};
use crate::state::View;
use crate::time::hour;
use filter::Filter;
use kept::Wanted;
use metadata::{FileMeta, GroupMeta, verify_all};
use pages::{OpenGroup, Unpacker, unpacker};
use prune::{Predicate, Selected, row_groups, select};
use readers::Reader;
use source::Source;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;

/// What is read: some columns of the rows of one host, or of several, in a range of time: all, of one entity, or those
/// whose texts are such and such.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub(crate) layout: &'static Layout,
    pub(crate) hosts: Hosts,
    /// Stored columns, in the order in which batches have them.
    pub(crate) columns: Vec<usize>,
    pub(crate) from_ms: i64,
    /// Not included.
    pub(crate) to_ms: i64,
    /// Stored columns and what they must equal.
    pub(crate) entity: Vec<(usize, EntityValue)>,
    /// Stored columns of text and what they must be.
    pub(crate) texts: Vec<(usize, TextMatch)>,
    /// The answer that it is for.
    pub(crate) reading: Arc<Reading>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum EntityValue {
    Integer(i64),
    /// Any of these, ascending.
    OneOf(Vec<i64>),
    Text(String),
}

/// Why a file gave no rows.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    /// The system's doing: the file may be fine.
    Io(HistoryError),
    /// The file's.
    Damaged(String),
}

/// Rows of one file, batch by batch.
pub(crate) struct FileRows {
    /// Row groups, or what is wanted of them, one after the other.
    chunks: std::vec::IntoIter<Chunk>,
    reader: Option<ParquetRecordBatchReader>,
    meta: Arc<FileMeta>,
    source: Arc<Source>,
    unpacker: Unpacker,
    levels: FieldLevels,
    /// Set when rows are sorted out before the other columns are decoded.
    narrow: Option<(FieldLevels, Filter)>,
    /// For each column asked for: which of the decoded ones it is; `None` in a file older than the column.
    output: Vec<Option<usize>>,
    filter: Filter,
    scan: Arc<Scan>,
}

/// A row group, and what is wanted of it; `None` for all.
struct Chunk {
    group: GroupMeta,
    selection: Option<RowSelection>,
    rows: usize,
}

impl Scan {
    pub(crate) fn new(
        table: &'static Table,
        hosts: impl Into<Hosts>,
        columns: Vec<usize>,
        range: std::ops::Range<i64>,
        reading: &Arc<Reading>,
    ) -> Self {
        let (layout, reading) = (layout(table), Arc::clone(reading));
        Self {
            layout,
            hosts: hosts.into(),
            columns,
            from_ms: range.start,
            to_ms: range.end,
            entity: Vec::new(),
            texts: Vec::new(),
            reading,
        }
    }

    /// Are most rows of a page not wanted? Then it is worth to find those first that are, by the columns that decide.
    fn is_narrow(&self) -> bool {
        matches!(self.hosts, Hosts::One(_)) || !self.texts.is_empty()
    }

    /// Stored columns that decide whether a row is wanted.
    fn conditions(&self) -> impl Iterator<Item = usize> {
        let entity = self.entity.iter().map(|(column, _)| *column);
        [TIME, HOST_ID].into_iter().chain(entity).chain(self.texts.iter().map(|(column, _)| *column))
    }

    /// What this scan would look at now.
    pub(crate) fn view(&self, inner: &Inner) -> View {
        inner.state().view(self.layout.table, &self.hosts, self.from_ms, self.to_ms)
    }

    fn predicates(&self) -> Vec<Predicate> {
        let mut predicates = vec![
            Predicate::text(HOST_ID, self.hosts.bounds()),
            Predicate::Integer { column: TIME, min: self.from_ms, max: self.to_ms.saturating_sub(1) },
        ];
        predicates.extend(self.entity.iter().map(|(column, value)| match value {
            EntityValue::Integer(value) => Predicate::Integer { column: *column, min: *value, max: *value },
            EntityValue::OneOf(values) => Predicate::OneOf { column: *column, values: values.clone() },
            EntityValue::Text(value) => Predicate::text(*column, (Some(value), Some(value))),
        }));
        predicates
    }

    /// Rows of the head, one batch per hour, each sorted as in a file.
    pub(crate) fn head_by_hour(&self, frames: &[Arc<Frame>]) -> Result<Vec<RecordBatch>, HistoryError> {
        let rows = frames.iter().flat_map(|frame| rows_of(self.layout.table, frame));
        let mut rows: Vec<_> = rows.filter(|row| self.is_of_entity(row) && self.has_texts(row)).collect();
        rows.sort_by(|a, b| {
            hour(a.time_ms()).cmp(&hour(b.time_ms())).then_with(|| a.compare(b, self.layout))
        });
        let hours = rows.chunk_by(|a, b| hour(a.time_ms()) == hour(b.time_ms()));
        hours.map(|rows| batch(self.layout, &self.columns, rows)).collect()
    }

    fn is_of_entity(&self, row: &RowRef<'_>) -> bool {
        self.entity.iter().all(|(column, value)| match (row.cell(column - FIRST), value) {
            (tacho_model::Cell::Integer(cell), EntityValue::Integer(value)) => cell == *value,
            (tacho_model::Cell::Integer(cell), EntityValue::OneOf(values)) => {
                values.binary_search(&cell).is_ok()
            }
            (tacho_model::Cell::Text(cell), EntityValue::Text(value)) => cell == value,
            _ => false,
        })
    }

    fn has_texts(&self, row: &RowRef<'_>) -> bool {
        self.texts.iter().all(|(column, wanted)| match row.cell(column - FIRST) {
            tacho_model::Cell::Text(text) => wanted.holds(text),
            _ => false,
        })
    }
}

/// Reads everything into memory: for short ranges.
pub(crate) fn read_all(
    inner: &Arc<Inner>,
    scan: Scan,
    files: &[Arc<FileEntry>],
    frames: &[Arc<Frame>],
) -> Result<Vec<RecordBatch>, HistoryError> {
    let mut batches = Vec::new();
    read_each(inner, scan, files, frames, |batch| {
        batches.push(batch);
        Ok(())
    })?;
    Ok(batches)
}

/// Reads everything, batch by batch: the files by time, then the head.
pub(crate) fn read_each(
    inner: &Arc<Inner>,
    scan: Scan,
    files: &[Arc<FileEntry>],
    frames: &[Arc<Frame>],
    mut each: impl FnMut(RecordBatch) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    let scan = Arc::new(scan);
    read_files(inner, &scan, files, |_, batches| batches.into_iter().try_for_each(&mut each))?;
    scan.head_by_hour(frames)?.into_iter().try_for_each(each)
}

/// Files decoded at the same time when there are more than a few.
const DECODERS: usize = 2;
const FEW_FILES: usize = 3;

/// Hands over each file's rows in the order of the files. A damaged file is set aside and costs only itself.
/// When there are more than a few, and a core has nothing to read, threads decode ahead, each by one file at most.
pub(crate) fn read_files(
    inner: &Arc<Inner>,
    scan: &Arc<Scan>,
    files: &[Arc<FileEntry>],
    mut each: impl FnMut(&FileEntry, Vec<RecordBatch>) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    let mut hand_over = |file: &Arc<FileEntry>, read: Result<Vec<RecordBatch>, ReadFailure>| match read {
        Ok(batches) => each(file, batches),
        Err(failure) => inner.handle(file, failure),
    };
    let _own = Reader::start();
    let ahead = (files.len() > FEW_FILES).then(Reader::start_on_free_core).flatten();
    if ahead.is_none() {
        return files.iter().try_for_each(|file| hand_over(file, read_file(inner, scan, file)));
    }
    std::thread::scope(|scope| {
        let decoders: Vec<_> = (0..DECODERS)
            .map(|first| {
                let (sender, receiver) = sync_channel(0);
                scope.spawn(move || {
                    let mut files = files.iter().skip(first).step_by(DECODERS);
                    // Sending fails when the reader gave up.
                    files.try_for_each(|file| sender.send(read_file(inner, scan, file)))
                });
                receiver
            })
            .collect();
        files.iter().zip(decoders.iter().cycle()).try_for_each(|(file, decoder)| match decoder.recv() {
            Ok(read) => hand_over(file, read),
            Err(_) => Err(HistoryError::Job("a thread that reads files".to_owned())),
        })
    })
}

/// All rows of one file, or none: a file that turns out to be damaged half-way gives nothing.
fn read_file(inner: &Inner, scan: &Arc<Scan>, file: &FileEntry) -> Result<Vec<RecordBatch>, ReadFailure> {
    let Some(wanted) = Wanted::of(scan, file) else { return decode_file(inner, scan, file) };
    scan.reading.check().map_err(ReadFailure::Io)?;
    if let Some(rows) = inner.rows.get(&wanted) {
        scan.reading.files.add(1);
        scan.reading.files_kept.add(1);
        return Ok(rows);
    }
    let rows = decode_file(inner, scan, file)?;
    inner.rows.keep(wanted, &rows);
    Ok(rows)
}

fn decode_file(inner: &Inner, scan: &Arc<Scan>, file: &FileEntry) -> Result<Vec<RecordBatch>, ReadFailure> {
    match FileRows::open(inner, scan, file)? {
        Some(rows) => rows.collect(),
        None => Ok(Vec::new()),
    }
}

impl Inner {
    /// Sets a damaged file aside; any other failure is the caller's. Needs a thread of tokio's blocking pool.
    pub(crate) fn handle(&self, file: &Arc<FileEntry>, failure: ReadFailure) -> Result<(), HistoryError> {
        match failure {
            ReadFailure::Io(error) => Err(error),
            ReadFailure::Damaged(why) => {
                Handle::current().block_on(self.set_aside(file, &why));
                Ok(())
            }
        }
    }
}

impl ReadFailure {
    /// For work that has no file to set aside.
    pub(crate) fn into_result(self) -> Result<(), HistoryError> {
        match self {
            Self::Io(error) => Err(error),
            Self::Damaged(why) => Err(HistoryError::Job(why)),
        }
    }
}

impl FileRows {
    /// What the file says about itself; nothing when it was written before files did.
    pub(crate) fn stated(&self) -> Stated {
        let pairs = self.meta.reader.metadata().file_metadata().key_value_metadata();
        pairs.and_then(|pairs| Notes::parse(pairs)).unwrap_or_default()
    }

    /// Opens a file to read all of it, all columns in the table's order; `None` when it has columns that
    /// this version does not know.
    pub(crate) fn open_whole(
        inner: &Inner,
        layout: &'static Layout,
        file: &FileEntry,
    ) -> Result<Option<Self>, ReadFailure> {
        let reading = Arc::default();
        let source = Source::open(inner, &reading, file)?;
        let columns: Vec<_> = (0..layout.schema.fields().len()).collect();
        let scan = Arc::new(Scan::new(layout.table, "", columns, 0..0, &reading));
        let open = || {
            let meta = inner.metadata.once(file, &source)?;
            if meta.from_newer {
                return Ok(None);
            }
            let groups = 0..meta.reader.metadata().num_row_groups();
            let chunk = |group: GroupMeta| Chunk { rows: group.rows(), group, selection: None };
            let chunks = groups.map(|index| meta.whole_group(index).map(chunk)).collect::<Result<_, _>>()?;
            Self::new((inner, file), meta, chunks, source.clone(), scan).map(Some)
        };
        guarded(open).map_err(|why| source.failure(why))
    }

    /// Opens a file and decides what of it has to be decoded; `None` when that is nothing.
    pub(crate) fn open(
        inner: &Inner,
        scan: &Arc<Scan>,
        file: &FileEntry,
    ) -> Result<Option<Self>, ReadFailure> {
        scan.reading.check().map_err(ReadFailure::Io)?;
        scan.reading.files.add(1);
        let source = Source::open(inner, &scan.reading, file)?;
        let opened = guarded(|| Self::select(inner, scan, file, &source));
        opened.map_err(|why| source.failure(why))
    }

    fn select(
        inner: &Inner,
        scan: &Arc<Scan>,
        file: &FileEntry,
        source: &Source,
    ) -> Result<Option<Self>, String> {
        let meta = inner.metadata.get(file, source)?;
        let predicates = scan.predicates();
        let reading = &scan.reading;
        reading.row_groups.add(meta.reader.metadata().num_row_groups() as u64);
        reading.rows.add(u64::try_from(file.record.rows).unwrap_or_default());
        let conditions: Vec<_> = scan.conditions().collect();
        let leaves = leaves_of(&meta, scan.columns.iter().chain(&conditions));
        let (mut chunks, mut ahead) = (Vec::new(), page_index::budget());
        for index in row_groups(&meta, &predicates) {
            let group = inner.metadata.group(file, &meta, index, &leaves, source)?;
            if let Some(Selected { selection, rows }) = select(&meta, &group, &predicates) {
                page_index::read_ahead(&group, selection.as_ref(), &leaves, &mut ahead, source);
                chunks.push(Chunk { group, selection, rows });
            }
        }
        if chunks.is_empty() {
            return Ok(None);
        }
        let (groups, rows) = (chunks.len() as u64, chunks.iter().map(|chunk| chunk.rows as u64).sum());
        inner.counters.files_read.add(1);
        inner.counters.row_groups_read.add(groups);
        inner.counters.rows_read.add(rows);
        reading.files_read.add(1);
        reading.row_groups_read.add(groups);
        reading.rows_read.add(rows);
        let mut rows = Self::new((inner, file), meta, chunks, source.clone(), Arc::clone(scan))?;
        if scan.is_narrow() {
            rows.narrow = Some(narrow((inner, file), &rows.meta, scan)?);
        }
        Ok(Some(rows))
    }

    fn new(
        (inner, file): (&Inner, &FileEntry),
        meta: Arc<FileMeta>,
        chunks: Vec<Chunk>,
        source: Source,
        scan: Arc<Scan>,
    ) -> Result<Self, String> {
        let (leaves, output, filter) = project(&meta, &scan);
        let (levels, unpacker) = (inner.projections.get(file, &meta, &leaves)?, unpacker()?);
        let (chunks, source) = (chunks.into_iter(), Arc::new(source));
        let (reader, narrow) = (None, None);
        Ok(Self { chunks, reader, meta, source, unpacker, levels, narrow, output, filter, scan })
    }

    /// Reads some columns of a chunk.
    fn read(&self, chunk: &Chunk, levels: &FieldLevels) -> Result<ParquetRecordBatchReader, String> {
        let group = OpenGroup { group: &chunk.group, source: &self.source, unpacker: &self.unpacker };
        let (size, selection) = (chunk.rows.clamp(1, BATCH_ROWS), chunk.selection.clone());
        ParquetRecordBatchReader::try_new_with_row_groups(levels, &group, size, selection)
            .map_err(|error| error.to_string())
    }

    /// What is left of a chunk by what its columns that decide say; `None` when that is nothing.
    fn narrowed(&self, mut chunk: Chunk) -> Result<Option<Chunk>, String> {
        let Some((levels, filter)) = &self.narrow else { return Ok(Some(chunk)) };
        let masks = self.read(&chunk, levels)?.map(|rows| rows.map(|rows| filter.mask(&rows)));
        let masks: Vec<_> = masks.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        chunk.rows = masks.iter().map(BooleanArray::true_count).sum();
        let wanted = RowSelection::from_filters(&masks);
        chunk.selection = Some(match chunk.selection {
            Some(of_pages) => of_pages.and_then(&wanted),
            None => wanted,
        });
        Ok((chunk.rows > 0).then_some(chunk))
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, String> {
        loop {
            while let Some(decoded) = self.reader.as_mut().and_then(Iterator::next) {
                let decoded = decoded.map_err(|error| error.to_string())?;
                let rows = self.filter.apply(decoded).map_err(|error| error.to_string())?;
                if rows.num_rows() > 0 {
                    return arrange(&self.scan, &self.output, &rows).map(Some);
                }
            }
            let Some(next) = self.chunks.next() else { return Ok(None) };
            self.reader = match self.narrowed(next)? {
                Some(chunk) => Some(self.read(&chunk, &self.levels)?),
                None => None,
            };
        }
    }
}

impl Iterator for FileRows {
    type Item = Result<RecordBatch, ReadFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.scan.reading.check() {
            return Some(Err(ReadFailure::Io(error)));
        }
        let next = guarded(AssertUnwindSafe(|| self.next_batch()));
        next.map_err(|why| self.source.failure(why)).transpose()
    }
}

/// Compares a file with its checksum.
pub(crate) fn scrub(inner: &Inner, file: &Arc<FileEntry>) -> Result<(), HistoryError> {
    let checked = Source::open(inner, &Arc::default(), file)
        .and_then(|source| verify_all(file, &source).map_err(|why| source.failure(why)));
    checked.or_else(|failure| inner.handle(file, failure))
}

/// Which leaves of the file to decode, which decoded column each one asked for is, and the filter.
fn project(meta: &FileMeta, scan: &Scan) -> (Vec<usize>, Vec<Option<usize>>, Filter) {
    // A narrow scan has sorted out by then what it does not want.
    let conditions: Vec<_> = if scan.is_narrow() { Vec::new() } else { scan.conditions().collect() };
    let leaves = leaves_of(meta, scan.columns.iter().chain(&conditions));
    let decoded = |column: usize| leaves.binary_search(&meta.leaf(column)?).ok();
    let output = scan.columns.iter().map(|column| decoded(*column)).collect();
    let filter = if scan.is_narrow() { Filter::none() } else { Filter::new(scan, decoded) };
    (leaves, output, filter)
}

/// The columns that decide, and what they decide.
fn narrow(
    (inner, file): (&Inner, &FileEntry),
    meta: &FileMeta,
    scan: &Scan,
) -> Result<(FieldLevels, Filter), String> {
    let conditions: Vec<_> = scan.conditions().collect();
    let leaves = leaves_of(meta, &conditions);
    let filter = Filter::new(scan, |column| leaves.binary_search(&meta.leaf(column)?).ok());
    Ok((inner.projections.get(file, meta, &leaves)?, filter))
}

/// Where the file has some stored columns, each once.
fn leaves_of<'a>(meta: &FileMeta, columns: impl IntoIterator<Item = &'a usize>) -> Vec<usize> {
    let mut leaves: Vec<_> = columns.into_iter().filter_map(|column| meta.leaf(*column)).collect();
    leaves.sort_unstable();
    leaves.dedup();
    leaves
}

/// The columns asked for, in that order. `output` says which decoded column each one is.
fn arrange(scan: &Scan, output: &[Option<usize>], rows: &RecordBatch) -> Result<RecordBatch, String> {
    let schema = scan.layout.project(&scan.columns);
    let column = |(output, field): (&Option<usize>, &Arc<arrow::datatypes::Field>)| match output {
        Some(decoded) => Arc::clone(rows.column(*decoded)),
        None => new_null_array(field.data_type(), rows.num_rows()),
    };
    let arrays = output.iter().zip(schema.fields()).map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)
        .map_err(|error| error.to_string())
}

#[cfg(panic = "abort")]
compile_error!("a decoder's panic has to be caught");

/// A decoder that panics on bytes nobody expected must cost one file, not the server.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("its decoder panicked".to_owned()))
}
