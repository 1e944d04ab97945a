//! Where the pages of columns are, read for some columns of a row group only: a file has hundreds, and a question needs
//! a few.

use std::ops::Range;
use std::sync::Arc;

use parquet::arrow::arrow_reader::RowSelection;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader,
    RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::schema::types::{SchemaDescriptor, Type};

use super::metadata::GroupMeta;
use super::source::Source;

/// What lies between two ranges and is not wanted is read with them when it is at most so much: it takes less time than
/// to ask twice.
const GAP_BYTES: u64 = 16 << 10;

/// Most bytes of one file that the system is asked to have ready.
const AHEAD_BYTES: u64 = 8 << 20;

/// Pages of one column of a row group. Without places all of the column has to be read.
#[derive(Debug)]
pub(super) struct ColumnPages {
    pub(super) places: Option<Vec<PageLocation>>,
    /// Least and greatest values of pages.
    pub(super) bounds: Option<ColumnIndexMetaData>,
}

impl ColumnPages {
    /// Roughly what it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let places = self.places.as_ref().map_or(0, |places| places.len() * size_of::<PageLocation>());
        let bounds =
            self.bounds.as_ref().map_or(0, |bounds| usize::try_from(bounds.num_pages()).unwrap_or(0) * 64);
        size_of::<Self>() + places + bounds
    }
}

/// Reads them for some columns of a row group.
pub(super) fn read(
    group: &GroupMeta,
    leaves: &[usize],
    source: &Source,
) -> Result<Vec<(usize, Arc<ColumnPages>)>, String> {
    // Bounds of all columns lie before the places of all, and between them those of other row groups.
    let bounds = read_index(group, leaves, source, Index::Bounds)?;
    let places = read_index(group, leaves, source, Index::Places)?;
    let both = leaves.iter().zip(bounds.into_iter().zip(places));
    Ok(both
        .map(|(leaf, ((bounds, _), (_, places)))| (*leaf, Arc::new(ColumnPages { places, bounds })))
        .collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Index {
    Bounds,
    Places,
}

type Found = (Option<ColumnIndexMetaData>, Option<Vec<PageLocation>>);

impl Index {
    fn range(self, column: &ColumnChunkMetaData) -> Option<Range<u64>> {
        match self {
            Self::Bounds => range(column.column_index_offset(), column.column_index_length()),
            Self::Places => range(column.offset_index_offset(), column.offset_index_length()),
        }
    }
}

fn range(offset: Option<i64>, length: Option<i32>) -> Option<Range<u64>> {
    let start = u64::try_from(offset?).ok()?;
    Some(start..start.checked_add(u64::try_from(length?).ok()?)?)
}

/// One of the two indexes of some columns, in their order.
fn read_index(
    group: &GroupMeta,
    leaves: &[usize],
    source: &Source,
    index: Index,
) -> Result<Vec<Found>, String> {
    let mut found: Vec<Found> = leaves.iter().map(|_| (None, None)).collect();
    let ranges = leaves
        .iter()
        .enumerate()
        .filter_map(|(place, leaf)| Some((index.range(group.column(*leaf)?)?, place)));
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort_unstable_by_key(|(range, _)| range.start);
    let runs: Vec<_> = ranges.chunk_by(|(left, _), (right, _)| near(left, right)).collect();
    for run in &runs {
        let ranges: Vec<_> = run.iter().map(|(range, _)| range.clone()).collect();
        source.will_need(&span(&ranges));
    }
    for run in runs {
        let columns: Vec<_> =
            run.iter().filter_map(|(_, place)| group.column(*leaves.get(*place)?).cloned()).collect();
        let read = read_run(group, columns, source, index).map_err(|error| error.to_string())?;
        for ((_, place), read) in run.iter().zip(read) {
            found[*place] = read;
        }
    }
    Ok(found)
}

/// The index of columns that lie together, read at once as if the file had no others.
fn read_run(
    group: &GroupMeta,
    columns: Vec<ColumnChunkMetaData>,
    source: &Source,
    index: Index,
) -> Result<Vec<Found>, ParquetError> {
    let count = columns.len();
    let fields = columns.iter().map(|column| column.column_descr().self_type_ptr()).collect();
    let schema = Type::group_type_builder("schema").with_fields(fields).build()?;
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
    let rows = i64::try_from(group.rows())?;
    let file = FileMetaData::new(2, rows, None, None, Arc::clone(&schema), None);
    let only = RowGroupMetaData::builder(schema).set_num_rows(rows).set_column_metadata(columns).build()?;
    let policy = |of: Index| match of == index {
        true => PageIndexPolicy::Optional,
        false => PageIndexPolicy::Skip,
    };
    let mut reader = ParquetMetaDataReader::new_with_metadata(ParquetMetaData::new(file, vec![only]))
        .with_column_index_policy(policy(Index::Bounds))
        .with_offset_index_policy(policy(Index::Places));
    reader.read_page_indexes(source)?;
    let read = reader.finish()?;
    let bounds = read.column_index().and_then(|groups| groups.first());
    let places = read.offset_index().and_then(|groups| groups.first());
    let of_column = |column: usize| {
        let bounds = bounds.and_then(|columns| columns.get(column)).cloned();
        let bounds = bounds.filter(|bounds| !matches!(bounds, ColumnIndexMetaData::NONE));
        (bounds, places.and_then(|columns| columns.get(column)).map(|places| places.page_locations().clone()))
    };
    Ok((0..count).map(of_column).collect())
}

/// Asks the system to have ready what is going to be read of a row group: it reads many places at once then, where one
/// after the other takes as often the time of the disk.
pub(super) fn read_ahead(
    group: &GroupMeta,
    selection: Option<&RowSelection>,
    leaves: &[usize],
    left: &mut u64,
    source: &Source,
) {
    let mut ranges = Vec::new();
    leaves.iter().for_each(|leaf| add_wanted(group, selection, *leaf, &mut ranges));
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| range.start);
    for run in ranges.chunk_by(near) {
        let span = span(run);
        let Some(rest) = left.checked_sub(span.end.saturating_sub(span.start)) else { return };
        *left = rest;
        source.will_need(&span);
    }
}

/// As many bytes as [`read_ahead`] may ask for in one file.
pub(super) fn budget() -> u64 {
    AHEAD_BYTES
}

/// Adds where the wanted pages of a column are, the page with its dictionary among them.
fn add_wanted(
    group: &GroupMeta,
    selection: Option<&RowSelection>,
    leaf: usize,
    ranges: &mut Vec<Range<u64>>,
) {
    let Some(column) = group.column(leaf) else { return };
    let (start, length) = column.byte_range();
    let places = group.pages(leaf).and_then(|pages| pages.places.as_deref());
    match (selection, places) {
        (Some(selection), Some(places @ [first, ..])) => {
            ranges.push(start..u64::try_from(first.offset).unwrap_or_default());
            ranges.extend(selection.scan_ranges(places));
        }
        _ => ranges.push(start..start.saturating_add(length)),
    }
}

fn near(left: &Range<u64>, right: &Range<u64>) -> bool {
    right.start.saturating_sub(left.end) <= GAP_BYTES
}

/// From the first byte to the last of ranges that ascend.
fn span(ranges: &[Range<u64>]) -> Range<u64> {
    let start = ranges.first().map_or(0, |range| range.start);
    start..ranges.iter().map(|range| range.end).max().unwrap_or(start)
}
