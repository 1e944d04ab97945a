//! Chooses how the columns of a file are encoded: what is best depends on the machine that the values come from, so each way
//! is tried on the first rows.

use arrow::array::RecordBatch;
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
    let fields = layout.schema.fields();
    let first: Vec<Encoded> = fields.iter().map(|field| usual(field)).collect();
    let mut best: Vec<(Encoded, u64)> = first.iter().copied().zip(sizes(layout, &rows, &first)?).collect();
    for encoded in [Encoded::Split, Encoded::Plain, Encoded::Delta, Encoded::Dictionary] {
        let tried: Vec<Encoded> = fields
            .iter()
            .zip(&first)
            .map(|(field, usual)| if can_be(encoded, field.data_type()) { encoded } else { *usual })
            .collect();
        let sizes = sizes(layout, &rows, &tried)?;
        for (((kept, size), usual), (tried, bytes)) in
            best.iter_mut().zip(&first).zip(tried.iter().zip(sizes))
        {
            let worth = if kept == usual { *size * WORTH_PERCENT / 100 } else { *size };
            if tried != usual && bytes < worth {
                (*kept, *size) = (*tried, bytes);
            }
        }
    }
    Ok(Some(best.into_iter().map(|(encoded, _)| encoded).collect()))
}

fn can_be(encoded: Encoded, data_type: &DataType) -> bool {
    match encoded {
        Encoded::Split => *data_type == DataType::Float64,
        Encoded::Delta => matches!(data_type, DataType::Int64 | DataType::Timestamp(..)),
        Encoded::Plain | Encoded::Dictionary => true,
    }
}

/// Bytes of each column, compressed.
fn sizes(
    layout: &Layout,
    rows: &RecordBatch,
    encodings: &[Encoded],
) -> Result<impl Iterator<Item = u64> + use<>, ParquetError> {
    let options = ArrowWriterOptions::new()
        .with_properties(layout.properties_with(0, encodings))
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(std::io::sink(), layout.schema.clone(), options)?;
    writer.write(rows)?;
    let written = writer.close()?;
    let columns = written.row_groups().iter().flat_map(|group| group.columns());
    let sizes: Vec<u64> =
        columns.map(|column| u64::try_from(column.compressed_size()).unwrap_or(u64::MAX)).collect();
    Ok(sizes.into_iter())
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
