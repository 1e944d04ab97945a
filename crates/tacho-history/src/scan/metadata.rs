//! Footers of files, and where the pages of their row groups are, decoded once and kept.
//!
//! A file of a thousand hosts has hundreds of thousands of pages. So these are looked up for the row groups and columns
//! that a question needs, which is one row group where it is about one host.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::page_index::{self, ColumnPages};
use super::pages::as_if_unpacked;
use super::source::Source;
use crate::columns::{layout, text_type};
use crate::files::FileEntry;
use crate::rollup::stored_table;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, FileMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;

/// Most memory for footers and pages. When it is full, the half used longest ago goes.
const LIMIT_BYTES: usize = 128 << 20;

/// Files up to this size are read and checked against their checksum before the first use: it takes less than a
/// millisecond, and a question may need a hundred of them. Larger ones are checked in the background; until then the decoder checks what a query decodes.
const CHECKED_BYTES: i64 = 1 << 20;

/// A decoded footer.
#[derive(Debug)]
pub(crate) struct FileMeta {
    /// Without pages: good to read whole row groups.
    pub(crate) reader: ArrowReaderMetadata,
    /// For each stored column of the table, where the file has it.
    leaves: Vec<Option<usize>>,
    /// The file has columns that this version does not know.
    pub(crate) from_newer: bool,
}

/// Footers by file id.
#[derive(Debug, Default)]
pub(crate) struct MetadataCache {
    entries: Mutex<Entries>,
    clock: AtomicU64,
}

#[derive(Debug, Default)]
struct Entries {
    by_id: HashMap<String, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    meta: Arc<FileMeta>,
    /// Those row groups whose pages are known.
    groups: HashMap<usize, GroupMeta>,
    bytes: usize,
    used: u64,
}

/// A row group: a footer as if it were the file's only one, and as if its columns were not packed; and the pages of
/// those columns that were asked for. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct GroupMeta {
    parquet: Arc<ParquetMetaData>,
    /// By column.
    packed: Arc<[bool]>,
    pages: Arc<HashMap<usize, Arc<ColumnPages>>>,
}

impl GroupMeta {
    fn new(file: &FileMetaData, group: RowGroupMetaData) -> Result<Self, ParquetError> {
        let (group, packed) = as_if_unpacked(group)?;
        let parquet = Arc::new(ParquetMetaData::new(file.clone(), vec![group]));
        Ok(Self { parquet, packed: packed.into(), pages: Arc::default() })
    }

    pub(super) fn parquet(&self) -> &ParquetMetaData {
        &self.parquet
    }

    pub(super) fn column(&self, leaf: usize) -> Option<&ColumnChunkMetaData> {
        self.parquet.row_groups().first()?.columns().get(leaf)
    }

    /// Pages of a column, if it was asked for and the file tells of them.
    pub(super) fn pages(&self, leaf: usize) -> Option<&ColumnPages> {
        self.pages.get(&leaf).map(Arc::as_ref)
    }

    pub(super) fn is_packed(&self, column: usize) -> bool {
        self.packed.get(column).copied().unwrap_or_default()
    }

    pub(super) fn rows(&self) -> usize {
        let rows = self.parquet.row_groups().first().map(RowGroupMetaData::num_rows);
        usize::try_from(rows.unwrap_or_default()).unwrap_or_default()
    }

    /// Columns of which it is not known yet where their pages are.
    fn unknown(&self, leaves: &[usize]) -> Vec<usize> {
        leaves.iter().copied().filter(|leaf| !self.pages.contains_key(leaf)).collect()
    }

    fn add_pages(&mut self, pages: impl IntoIterator<Item = (usize, Arc<ColumnPages>)>) {
        Arc::make_mut(&mut self.pages).extend(pages);
    }

    fn bytes(&self) -> usize {
        let pages = self.pages.values().map(|pages| pages.bytes());
        self.parquet.memory_size() + pages.sum::<usize>()
    }
}

impl MetadataCache {
    /// The footer of a file. An error means that the file could not be read.
    pub(crate) fn get(&self, file: &FileEntry, source: &Source) -> Result<Arc<FileMeta>, String> {
        let used = self.clock.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.lock().by_id.get_mut(&file.record.id) {
            entry.used = used;
            return Ok(Arc::clone(&entry.meta));
        }
        let meta = load(file, source)?;
        let bytes = bytes_of(&meta.reader);
        let mut entries = self.lock();
        let entry = Entry { meta: Arc::clone(&meta), groups: HashMap::new(), bytes, used };
        if let Some(same) = entries.by_id.insert(file.record.id.clone(), entry) {
            entries.bytes -= same.bytes;
        }
        entries.add(bytes);
        Ok(meta)
    }

    /// The same for somebody who reads the file once: it is not kept.
    pub(crate) fn once(&self, file: &FileEntry, source: &Source) -> Result<Arc<FileMeta>, String> {
        let known = self.lock().by_id.get(&file.record.id).map(|entry| Arc::clone(&entry.meta));
        known.map_or_else(|| load(file, source), Ok)
    }

    /// A row group of a file and the pages of some of its columns. An error means that the file could not be read.
    pub(crate) fn group(
        &self,
        file: &FileEntry,
        meta: &FileMeta,
        group: usize,
        leaves: &[usize],
        source: &Source,
    ) -> Result<GroupMeta, String> {
        let known =
            self.lock().by_id.get(&file.record.id).and_then(|entry| entry.groups.get(&group).cloned());
        let mut wanted = match known {
            Some(known) => known,
            None => meta.whole_group(group)?,
        };
        let unknown = wanted.unknown(leaves);
        if unknown.is_empty() {
            return Ok(wanted);
        }
        wanted.add_pages(page_index::read(&wanted, &unknown, source)?);
        let mut entries = self.lock();
        // A file whose footer had to go meanwhile keeps nothing.
        if let Some(entry) = entries.by_id.get_mut(&file.record.id) {
            // Somebody else may have looked up others at the same time.
            let before = match entry.groups.insert(group, wanted.clone()) {
                Some(before) => before.bytes(),
                None => 0,
            };
            let bytes = wanted.bytes().saturating_sub(before);
            entry.bytes += bytes;
            entries.add(bytes);
        }
        Ok(wanted)
    }

    pub(crate) fn forget(&self, id: &str) {
        let mut entries = self.lock();
        if let Some(entry) = entries.by_id.remove(id) {
            entries.bytes -= entry.bytes;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes > LIMIT_BYTES {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        let mut used: Vec<_> = self.by_id.values().map(|entry| entry.used).collect();
        used.sort_unstable();
        let median = used.get(used.len() / 2).copied().unwrap_or_default();
        self.by_id.retain(|_, entry| entry.used > median);
        self.bytes = self.by_id.values().map(|entry| entry.bytes).sum();
    }
}

fn load(file: &FileEntry, source: &Source) -> Result<Arc<FileMeta>, String> {
    verify(file, source)?;
    FileMeta::load(&file.record.table, source).map(Arc::new)
}

/// Roughly what it holds in memory: Parquet's part, and for each column its two descriptions in Arrow's terms.
fn bytes_of(reader: &ArrowReaderMetadata) -> usize {
    reader.metadata().memory_size() + reader.schema().fields().len() * 600
}

fn verify(file: &FileEntry, source: &Source) -> Result<(), String> {
    if file.record.bytes > CHECKED_BYTES || file.verified.load(Ordering::Relaxed) {
        return Ok(());
    }
    verify_all(file, source)
}

/// Compares a file of any size with its checksum.
pub(crate) fn verify_all(file: &FileEntry, source: &Source) -> Result<(), String> {
    let checksum = source.checksum()?;
    if checksum != file.record.checksum {
        return Err(format!(
            "its checksum is {checksum:08x} and was {:08x} when written",
            file.record.checksum
        ));
    }
    file.verified.store(true, Ordering::Relaxed);
    Ok(())
}

impl FileMeta {
    pub(super) fn load<R: ChunkReader>(table: &str, source: &R) -> Result<Self, String> {
        let (table, ..) = stored_table(table).ok_or("its table is unknown")?;
        let layout = layout(table);
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let plain = ArrowReaderMetadata::load(source, options).map_err(|error| error.to_string())?;
        let reader = with_dictionaries(Arc::clone(plain.metadata()), plain.schema())?;

        let mut leaves = vec![None; layout.schema.fields().len()];
        let mut from_newer = false;
        for (leaf, column) in reader.parquet_schema().columns().iter().enumerate() {
            let info = column.self_type().get_basic_info();
            let known = info.has_id().then(|| layout.position_of_id(info.id())).flatten();
            let same_type = known.is_some_and(|position| {
                reader.schema().field(leaf).data_type() == layout.schema.field(position).data_type()
            });
            match known {
                Some(position) if same_type => leaves[position] = Some(leaf),
                _ => from_newer = true,
            }
        }
        Ok(Self { reader, leaves, from_newer })
    }

    /// A row group without its pages: good to read all of it.
    pub(super) fn whole_group(&self, group: usize) -> Result<GroupMeta, String> {
        let file = self.reader.metadata();
        let row_group = file.row_groups().get(group).ok_or("it has fewer row groups")?.clone();
        GroupMeta::new(file.file_metadata(), row_group).map_err(|error| error.to_string())
    }

    /// Where the file has a stored column.
    pub(crate) fn leaf(&self, column: usize) -> Option<usize> {
        self.leaves.get(column).copied().flatten()
    }
}

/// Text is read as the dictionary it is stored as.
fn with_dictionaries(metadata: Arc<ParquetMetaData>, schema: &Schema) -> Result<ArrowReaderMetadata, String> {
    let fields: Vec<_> = schema.fields().iter().map(|field| as_dictionary(field)).collect();
    let options =
        ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(metadata, options).map_err(|error| error.to_string())
}

fn as_dictionary(field: &Field) -> Field {
    match field.data_type() {
        DataType::Utf8 => field.clone().with_data_type(text_type()),
        _ => field.clone(),
    }
}

#[cfg(test)]
mod tests {
    use tacho_model::tables::host;

    use super::*;
    use crate::testing::{Bench, START, frame_at};

    #[tokio::test]
    async fn pages_are_looked_up_for_the_columns_asked_for_and_kept() {
        let bench = Bench::new().await;
        for sequence in 1..300u64 {
            bench.append(&frame_at("a", 0, sequence, START + 1000 * sequence as i64)).await;
        }
        bench.history.flush().await.unwrap();
        let inner = &bench.history.inner;
        let file = &inner.state().files.of(&host::TABLE)[0].clone();
        let source = Source::open(inner, &Arc::default(), file).unwrap();
        let cache = MetadataCache::default();
        let meta = cache.get(file, &source).unwrap();
        let known = |leaves: &[usize]| {
            let group = cache.group(file, &meta, 0, leaves, &source).unwrap();
            (0..20).filter(|leaf| group.pages(*leaf).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(known(&[0, 7]), [0, 7]);
        assert_eq!(known(&[7, 9]), [0, 7, 9]);
        let group = cache.group(file, &meta, 0, &[], &source).unwrap();
        // Bounds are kept of those columns only that files are sorted by.
        assert!(group.pages(0).unwrap().bounds.is_some() && group.pages(9).unwrap().bounds.is_none());
        let rows: Vec<_> =
            group.pages(9).unwrap().places.iter().flatten().map(|page| page.first_row_index).collect();
        assert_eq!(rows, [0]);
        let entries = cache.lock();
        let entry = &entries.by_id[&file.record.id];
        assert_eq!(entry.bytes, bytes_of(&meta.reader) + group.bytes());
        assert_eq!(entries.bytes, entry.bytes);
    }
}
