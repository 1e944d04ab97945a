//! How the decoder is told of some of a file's columns, kept: charts ask for the same ones, and to find them among hundreds
//! takes as long as to decode a page.

use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::metadata::FileMeta;
use crate::files::FileEntry;

/// Most memory. When it is full, those go that were not asked for again.
const LIMIT_BYTES: u64 = 4 << 20;

/// Roughly what one takes without its columns, and for each of them.
const ENTRY_BYTES: usize = 256;
const COLUMN_BYTES: usize = 320;

/// A file, and which of its columns. A file never changes.
type Wanted = (String, Vec<usize>);

#[derive(Debug)]
pub(crate) struct Projections(Cache<Wanted, FieldLevels, Bytes>);

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Wanted, FieldLevels> for Bytes {
    fn weight(&self, (_, leaves): &Wanted, _: &FieldLevels) -> u64 {
        (ENTRY_BYTES + leaves.len() * COLUMN_BYTES) as u64
    }
}

impl Default for Projections {
    fn default() -> Self {
        let usual = usize::try_from(LIMIT_BYTES).unwrap_or(usize::MAX) / (ENTRY_BYTES + 8 * COLUMN_BYTES);
        Self(Cache::with_weighter(usual, LIMIT_BYTES, Bytes))
    }
}

impl Projections {
    pub(super) fn get(
        &self,
        file: &FileEntry,
        meta: &FileMeta,
        leaves: &[usize],
    ) -> Result<FieldLevels, String> {
        let wanted = (file.record.id.clone(), leaves.to_vec());
        self.0.get_or_insert_with(&wanted, || find(meta, leaves))
    }
}

fn find(meta: &FileMeta, leaves: &[usize]) -> Result<FieldLevels, String> {
    let schema = meta.reader.parquet_schema();
    let mask = ProjectionMask::leaves(schema, leaves.iter().copied());
    let fields = Some(meta.reader.schema().fields());
    parquet_to_arrow_field_levels(schema, mask, fields).map_err(|error| error.to_string())
}
