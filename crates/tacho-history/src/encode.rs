//! Chooses how the columns of a file are encoded: what is best depends on the machine that the values come from, so each way
//! is tried on the first rows.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;

use crate::columns::{Encoded, Layout, usual};

/// Rows that are looked at: some hours of one host.
const SAMPLE_ROWS: usize = 8192;

/// Fewer rows take few bytes in any way.
const LEAST_ROWS: usize = 256;

/// Other ways than the usual one have to take so much less, in percent: it is good for what varies later too.
const WORTH_PERCENT: u64 = 90;

/// How each stored column of a file is best encoded that begins with these rows; `None` where there are too few to tell.
pub(crate) fn choose(layout: &Layout, rows: &RecordBatch) -> Result<Option<Vec<Encoded>>, ParquetError> {
    if rows.num_rows() < LEAST_ROWS {
        return Ok(None);
    }
    let rows = rows.slice(0, rows.num_rows().min(SAMPLE_ROWS));
    let usual: Vec<Encoded> = layout.schema.fields().iter().map(|field| usual(field)).collect();
    let open: Vec<usize> = (0..usual.len()).filter(|column| varies(rows.column(*column))).collect();
    let mut best = usual.clone();
    let mut least = vec![0; usual.len()];
    for (column, bytes) in open.iter().zip(sizes(layout, &rows, &open, |column| usual[column])?) {
        least[*column] = bytes;
    }
    for encoded in [Encoded::Plain, Encoded::Delta, Encoded::Dictionary] {
        let other =
            |column: &usize| usual[*column] != encoded && can_be(encoded, rows.column(*column).data_type());
        let tried: Vec<usize> = open.iter().copied().filter(other).collect();
        for (column, bytes) in tried.iter().zip(sizes(layout, &rows, &tried, |_| encoded)?) {
            let (best, least) = (&mut best[*column], &mut least[*column]);
            let worth = if *best == usual[*column] { *least * WORTH_PERCENT / 100 } else { *least };
            if bytes < worth {
                (*best, *least) = (encoded, bytes);
            }
        }
    }
    Ok(Some(best))
}

/// Is it a column of numbers that are not all the same? Else it takes next to nothing in any way.
fn varies(column: &ArrayRef) -> bool {
    match column.data_type() {
        DataType::Int64 | DataType::Float64 | DataType::Timestamp(..) => {
            let others = column.len().saturating_sub(1);
            column.slice(column.len() - others, others).to_data() != column.slice(0, others).to_data()
        }
        _ => false,
    }
}

/// Floats are split unless something else is better.
fn can_be(encoded: Encoded, data_type: &DataType) -> bool {
    match encoded {
        Encoded::Split => false,
        Encoded::Delta => matches!(data_type, DataType::Int64 | DataType::Timestamp(..)),
        Encoded::Plain | Encoded::Dictionary => true,
    }
}

/// Bytes of some columns, compressed.
fn sizes(
    layout: &Layout,
    rows: &RecordBatch,
    columns: &[usize],
    encoded: impl Fn(usize) -> Encoded,
) -> Result<Vec<u64>, ParquetError> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let encodings: Vec<_> = columns.iter().map(|column| encoded(*column)).collect();
    let options = ArrowWriterOptions::new()
        .with_properties(layout.properties_of(columns, &encodings))
        .with_skip_arrow_metadata(true);
    let rows = rows.project(columns)?;
    let mut writer = ArrowWriter::try_new_with_options(std::io::sink(), rows.schema(), options)?;
    writer.write(&rows)?;
    let written = writer.close()?;
    let columns = written.row_groups().iter().flat_map(|group| group.columns());
    Ok(columns.map(|column| u64::try_from(column.compressed_size()).unwrap_or(u64::MAX)).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int64Array, TimestampMillisecondArray, new_null_array};
    use tacho_model::tables::cpu;

    use super::*;
    use crate::columns::{HOST, HOST_ID, INTERVAL, TIME, layout};

    /// Rows of one core: what is not given is absent.
    fn rows(count: usize, of: impl Fn(&str, usize) -> Option<i64>) -> RecordBatch {
        let layout = layout(&cpu::TABLE);
        let columns = layout.schema.fields().iter().enumerate().map(|(position, field)| -> ArrayRef {
            let values = || (0..count).map(|row| of(field.name(), row));
            match (position, field.data_type()) {
                (TIME, _) => Arc::new(values().collect::<TimestampMillisecondArray>().with_timezone("UTC")),
                (INTERVAL, _) => Arc::new(Int64Array::from(vec![5000; count])),
                (HOST_ID | HOST, _) => {
                    let text = arrow::array::StringArray::from(vec!["a"; count]);
                    arrow::compute::cast(&text, field.data_type()).unwrap()
                }
                (_, DataType::Int64) => Arc::new(values().collect::<Int64Array>()),
                (_, DataType::Float64) => {
                    Arc::new(values().map(|value| value.map(|value| value as f64)).collect::<Float64Array>())
                }
                (_, other) => new_null_array(other, count),
            }
        });
        RecordBatch::try_new(layout.schema.clone(), columns.collect()).unwrap()
    }

    #[test]
    fn each_column_is_encoded_as_its_values_want() {
        let layout = layout(&cpu::TABLE);
        // Numbers without any order, of which there are few, and many.
        let scattered = |row: usize| {
            let mixed = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40
        };
        let of = |name: &str, row: usize| match name {
            "time" => Some(1_790_000_000_000 + 5_000 * row as i64 + (row % 3) as i64),
            "user_us" => Some(10_000 * (scattered(row) % 50) as i64),
            "system_us" => Some(scattered(row) as i64),
            "iowait_us" => Some(if row.is_multiple_of(97) { scattered(row) as i64 } else { 0 }),
            "idle_us" => Some(4_000_000 + row as i64),
            _ => None,
        };
        let chosen = choose(layout, &rows(2000, of)).unwrap().unwrap();
        let of_column = |name: &str| chosen[layout.position(name).unwrap()];
        assert_eq!(of_column("time"), Encoded::Delta);
        assert_eq!(of_column("user_us"), Encoded::Dictionary);
        assert_eq!(of_column("system_us"), Encoded::Plain);
        assert_eq!(of_column("iowait_us"), Encoded::Plain);
        assert_eq!(of_column("idle_us"), Encoded::Delta);
        assert_eq!(choose(layout, &rows(LEAST_ROWS - 1, of)).unwrap(), None);
    }
}
