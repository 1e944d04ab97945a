//! How a table is stored: column order, Arrow types, Parquet encodings, sort order.
//!
//! Stored columns are numbered: the four that every table has, then the table's own by position. The
//! Parquet field id of each is its column id, so a file is read by id and outlives reordering and additions.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMillisecondType};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use tacho_model::{Column, ColumnType, Meaning, Table, Unit};

use crate::rollup::{Level, stored_table, stored_tables};
use crate::time::HOUR_MS;

/// Stored columns that every table has.
pub(crate) const TIME: usize = 0;
pub(crate) const HOST_ID: usize = 1;
pub(crate) const HOST: usize = 2;
pub(crate) const INTERVAL: usize = 3;
/// The first of the table's own.
pub(crate) const FIRST: usize = 4;

const COMMON: [(&str, i32); FIRST] = [("time", 1), ("host_id", 2), ("host", 3), ("interval_ms", 4)];

/// The metadata key under which Arrow's Parquet writer and reader keep the field id.
const FIELD_ID: &str = "PARQUET:field_id";

/// Small pages, so that one host's rows are found in a file of thousands of hosts without decoding many of
/// its neighbours'. A host writes 720 rows of an hour at 5 s.
const PAGE_ROWS: usize = 2048;

/// Of rollups of which a host has fewer rows in a file, such as an hour's minutes: a chart over a day reads a page of each of
/// a dozen such files, and most of what it unpacks there is of the host's neighbours. Smaller pages make these
/// files larger by an eighth to a fifth; those of minutes, which are most, are merged into a day's after its end.
const FEW_ROWS: usize = 512;

/// Bounds what a writer holds in memory; far above what one host writes, so that its rows are rarely split.
const ROW_GROUP_ROWS: usize = 256 * 1024;

/// Most bytes of a dictionary of numbers. Whoever reads one page of a column reads its dictionary too.
const NUMBER_DICTIONARY_BYTES: usize = 64 * 1024;

/// Of a file that is soon merged, and of one that stays: there it takes 2 % less, for a fifth more time.
const ZSTD_LEVEL: i32 = 3;
const ZSTD_LEVEL_TO_STAY: i32 = 6;

/// How one table is stored.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) table: &'static Table,
    pub(crate) schema: SchemaRef,
    /// Of files of level 0, 1, and beyond.
    properties: [WriterProperties; 3],
    /// Stored columns that rows of one period are sorted by.
    pub(crate) sort: Vec<usize>,
    /// Rows of a host are sorted by period first, so that an hour is found in a file of a day without its entities'
    /// other hours: which is all there is to decode for the processes of a moment. A file with several periods
    /// does not say that it is sorted.
    pub(crate) period_ms: i64,
    /// Stored columns of the entity.
    pub(crate) entity: Vec<usize>,
}

static LAYOUTS: LazyLock<HashMap<&'static str, Layout>> =
    LazyLock::new(|| stored_tables().map(|table| (table.name, Layout::new(table))).collect());

/// The layout of a table or a rollup.
pub(crate) fn layout(table: &'static Table) -> &'static Layout {
    LAYOUTS.get(table.name).expect("every stored table has a layout")
}

/// Columns of the stored rows of a table, for a reader that reads the files itself. Text is dictionary encoded.
pub fn schema(table: &'static Table) -> SchemaRef {
    SchemaRef::clone(&layout(table).schema)
}

impl Layout {
    fn new(table: &'static Table) -> Self {
        let entity: Vec<_> = table
            .entity
            .iter()
            .map(|name| {
                FIRST + table.position(name).expect("entity columns exist, as a test of the model says")
            })
            .collect();
        let sort: Vec<_> = [HOST_ID].into_iter().chain(entity.iter().copied()).chain([TIME]).collect();
        let mut fields: Vec<_> =
            COMMON.iter().enumerate().map(|(i, (name, id))| common_field(i, name, *id)).collect();
        fields.extend(
            table
                .columns
                .iter()
                .map(|column| field(column.name, data_type(column), true, i32::from(column.id))),
        );
        let schema = Arc::new(Schema::new(fields));
        let encodings: Vec<_> = schema.fields().iter().map(|field| usual(field)).collect();
        let all: Vec<_> = (0..encodings.len()).collect();
        let build = |level| properties(&schema, table, &all, &sort, level, &encodings);
        let properties = [build(0), build(1), build(2)];
        let coarse = stored_table(table.name).is_some_and(|(_, _, level)| level >= Level::TenMinutes);
        let period_ms = if coarse { 24 * HOUR_MS } else { HOUR_MS };
        Self { table, schema, properties, sort, period_ms, entity }
    }

    /// How a file is written of which there is nothing to learn from.
    pub(crate) fn properties(&self, level: i64) -> &WriterProperties {
        let [flushed, hour, over_periods] = &self.properties;
        match level {
            ..=0 => flushed,
            1 => hour,
            _ => over_periods,
        }
    }

    /// How a file is written with each column as it takes least.
    pub(crate) fn properties_with(&self, level: i64, encodings: &[Encoded]) -> WriterProperties {
        let all: Vec<_> = (0..encodings.len()).collect();
        properties(&self.schema, self.table, &all, &self.sort, level, encodings)
    }

    /// How a file of some of the columns is written, to see what they take.
    pub(crate) fn properties_of(&self, columns: &[usize], encodings: &[Encoded]) -> WriterProperties {
        properties(&self.schema, self.table, columns, &[], 0, encodings)
    }

    /// About so many rows are in a page of a file in which a host has `of_host` rows.
    pub(crate) fn page_rows(&self, of_host: usize) -> usize {
        let is_rollup = stored_table(self.table.name).is_some_and(|(_, _, level)| level > Level::Raw);
        if is_rollup && of_host < FEW_ROWS { FEW_ROWS } else { PAGE_ROWS }
    }

    /// The stored column called `name`.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let common = COMMON.iter().position(|(common, _)| *common == name);
        common.or_else(|| self.table.position(name).map(|position| FIRST + position))
    }

    /// The stored column with the Parquet field id `id`.
    pub(crate) fn position_of_id(&self, id: i32) -> Option<usize> {
        let common = COMMON.iter().position(|(_, common)| *common == id);
        common.or_else(|| self.table.position_of_id(u16::try_from(id).ok()?).map(|position| FIRST + position))
    }

    /// The Arrow schema of some stored columns, in the given order.
    pub(crate) fn project(&self, columns: &[usize]) -> SchemaRef {
        Arc::new(Schema::new(
            columns.iter().map(|column| Arc::clone(&self.schema.fields()[*column])).collect::<Vec<_>>(),
        ))
    }
}

/// Text is a dictionary in memory: command lines repeat from row to row.
pub(crate) fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

fn data_type(column: &Column) -> DataType {
    match (column.column_type, column.unit) {
        (ColumnType::Integer, Unit::EpochMilliseconds) => time_type(),
        (ColumnType::Integer, _) => DataType::Int64,
        (ColumnType::Float, _) => DataType::Float64,
        (ColumnType::Text, _) => text_type(),
    }
}

fn common_field(position: usize, name: &str, id: i32) -> Field {
    let data_type = match position {
        TIME => time_type(),
        INTERVAL => DataType::Int64,
        _ => text_type(),
    };
    field(name, data_type, false, id)
}

fn field(name: &str, data_type: DataType, nullable: bool, id: i32) -> Field {
    Field::new(name, data_type, nullable)
        .with_metadata(HashMap::from([(FIELD_ID.to_owned(), id.to_string())]))
}

/// The numbers of a column of integers or times; what is where one is absent means nothing.
pub(crate) fn integers(column: &ArrayRef) -> &[i64] {
    match column.data_type() {
        DataType::Timestamp(..) => column.as_primitive::<TimestampMillisecondType>().values(),
        _ => column.as_primitive::<Int64Type>().values(),
    }
}

/// The Parquet field id of a stored column.
pub(crate) fn field_id(field: &Field) -> i64 {
    field
        .metadata()
        .get(FIELD_ID)
        .and_then(|id| id.parse().ok())
        .expect("every stored column is made with one")
}

/// How the values of a column become bytes, before they are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoded {
    /// The first bytes of all values, then the second ones: good for floats that vary. Integers would take a few percent
    /// less in it too, but DuckDB before 2.0 and other readers know it of floats only.
    Split,
    /// As they are: compression finds what repeats.
    Plain,
    /// Differences to the value before: good for times, and for what changes slowly.
    Delta,
    /// Each value once, and numbers of those: good for labels, and for what has few values, such as CPU time in ticks of
    /// the kernel's clock or load with two digits. Goes on as `Plain` or `Split` where there are more.
    Dictionary,
}

/// What is good for a column as far as its type tells.
pub(crate) fn usual(field: &Field) -> Encoded {
    match field.data_type() {
        DataType::Dictionary(..) => Encoded::Dictionary,
        DataType::Float64 => Encoded::Split,
        DataType::Timestamp(..) => Encoded::Delta,
        _ => Encoded::Plain,
    }
}

fn properties(
    schema: &Schema,
    table: &Table,
    columns: &[usize],
    sort: &[usize],
    level: i64,
    encodings: &[Encoded],
) -> WriterProperties {
    let zstd = if level == 0 { ZSTD_LEVEL } else { ZSTD_LEVEL_TO_STAY };
    let compression = Compression::ZSTD(ZstdLevel::try_new(zstd).unwrap_or_default());
    let sorting = sort.iter().map(|column| SortingColumn {
        column_idx: i32::try_from(*column).unwrap_or_default(),
        descending: false,
        nulls_first: true,
    });
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by(concat!("tacho ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(compression)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_sorting_columns((level < 2).then(|| sorting.collect()))
        .set_dictionary_enabled(false)
        // Statistics of a hundred columns nobody prunes by would be a third of a small file.
        .set_statistics_enabled(EnabledStatistics::None);
    for (position, encoded) in columns.iter().zip(encodings) {
        let field = schema.field(*position);
        let path = ColumnPath::from(field.name().as_str());
        let text = usual(field) == Encoded::Dictionary;
        // Labels repeat: a dictionary and run lengths take next to nothing.
        let label = position.checked_sub(FIRST).is_some_and(|i| table.columns[i].meaning == Meaning::Label);
        if text || label {
            builder = builder.set_column_dictionary_enabled(path.clone(), true);
        } else {
            let is_float = *field.data_type() == DataType::Float64;
            let encoding = match encoded {
                Encoded::Delta => Encoding::DELTA_BINARY_PACKED,
                Encoded::Split | Encoded::Dictionary if is_float => Encoding::BYTE_STREAM_SPLIT,
                Encoded::Plain | Encoded::Split | Encoded::Dictionary => Encoding::PLAIN,
            };
            builder = builder
                .set_column_encoding(path.clone(), encoding)
                .set_column_dictionary_enabled(path.clone(), *encoded == Encoded::Dictionary)
                .set_column_dictionary_page_size_limit(path.clone(), NUMBER_DICTIONARY_BYTES);
        }
        if sort.contains(position) {
            builder = builder.set_column_statistics_enabled(path, EnabledStatistics::Page);
        }
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use tacho_model::tables::{disk, process};

    use super::*;

    #[test]
    fn columns_are_found_by_name_and_by_id() {
        let layout = layout(&disk::TABLE);
        assert_eq!((layout.position("time"), layout.position("device")), (Some(TIME), Some(FIRST)));
        assert_eq!((layout.position_of_id(4), layout.position_of_id(10)), (Some(INTERVAL), Some(FIRST)));
        assert_eq!((layout.position("nothing"), layout.position_of_id(9)), (None, None));
        assert_eq!(layout.sort, [HOST_ID, FIRST, TIME]);
        assert_eq!(layout.schema.fields()[FIRST].metadata()[FIELD_ID], "10");
    }

    #[test]
    fn a_point_in_time_is_stored_as_one() {
        let layout = layout(&process::TABLE);
        let start = layout.position("start_time").unwrap();
        assert_eq!(*layout.schema.fields()[start].data_type(), time_type());
    }
}
