//! Footers of files, decoded once and kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::source::Source;
use crate::columns::{layout, text_type};
use crate::files::FileEntry;
use crate::rollup::stored_table;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::reader::ChunkReader;

/// Most memory for footers. When it is full, the half used longest ago goes.
const LIMIT_BYTES: usize = 128 << 20;

/// Files up to this size are read and checked against their checksum before the first use: it takes
/// milliseconds. Larger ones are checked in the background; until then the decoder checks what a query decodes.
const CHECKED_BYTES: i64 = 16 << 20;

/// A decoded footer.
#[derive(Debug)]
pub(crate) struct FileMeta {
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
    bytes: usize,
    used: u64,
}

impl MetadataCache {
    /// The footer of a file. An error means that the file could not be read.
    pub(crate) fn get(&self, file: &FileEntry, source: &Source) -> Result<Arc<FileMeta>, String> {
        let used = self.clock.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.lock().by_id.get_mut(&file.record.id) {
            entry.used = used;
            return Ok(Arc::clone(&entry.meta));
        }
        verify(file, source)?;
        let meta = Arc::new(FileMeta::load(&file.record.table, source)?);
        let bytes = meta.reader.metadata().memory_size();
        let mut entries = self.lock();
        let entry = Entry { meta: Arc::clone(&meta), bytes, used };
        if let Some(same) = entries.by_id.insert(file.record.id.clone(), entry) {
            entries.bytes -= same.bytes;
        }
        entries.bytes += bytes;
        if entries.bytes > LIMIT_BYTES {
            entries.shrink();
        }
        Ok(meta)
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
    fn shrink(&mut self) {
        let mut used: Vec<_> = self.by_id.values().map(|entry| entry.used).collect();
        used.sort_unstable();
        let median = used.get(used.len() / 2).copied().unwrap_or_default();
        self.by_id.retain(|_, entry| entry.used > median);
        self.bytes = self.by_id.values().map(|entry| entry.bytes).sum();
    }
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
        let options = ArrowReaderOptions::new()
            .with_skip_arrow_metadata(true)
            .with_page_index_policy(PageIndexPolicy::Optional);
        let plain = ArrowReaderMetadata::load(source, options.clone()).map_err(|error| error.to_string())?;
        // Text is read as the dictionary it is stored as.
        let fields: Vec<_> = plain.schema().fields().iter().map(|field| as_dictionary(field)).collect();
        let options = options.with_schema(Arc::new(Schema::new(fields)));
        let reader = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options)
            .map_err(|error| error.to_string())?;

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

    /// Where the file has a stored column.
    pub(crate) fn leaf(&self, column: usize) -> Option<usize> {
        self.leaves.get(column).copied().flatten()
    }
}

fn as_dictionary(field: &Field) -> Field {
    match field.data_type() {
        DataType::Utf8 => field.clone().with_data_type(text_type()),
        _ => field.clone(),
    }
}
