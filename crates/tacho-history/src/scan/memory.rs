//! Reads a file that is in memory and in no catalog.

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::metadata::FileMeta;
use super::{BATCH_ROWS, ReadFailure, Scan, arrange, guarded, project};
use crate::HistoryError;
use crate::columns::Layout;

/// Hands over all rows, all columns in the table's order.
pub(crate) fn read_bytes(
    layout: &'static Layout,
    content: &Bytes,
    mut each: impl FnMut(RecordBatch) -> Result<(), HistoryError>,
) -> Result<(), ReadFailure> {
    let columns = (0..layout.schema.fields().len()).collect();
    let scan = Scan::new(layout.table, "", columns, 0..0, &Arc::default());
    let open = || {
        let meta = FileMeta::load(layout.table.name, content)?;
        if meta.from_newer {
            return Err("it has columns that only a newer version knows".to_owned());
        }
        let (leaves, output, _) = project(&meta, &scan);
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(content.clone(), meta.reader.clone())
                .with_batch_size(BATCH_ROWS)
                .with_projection(ProjectionMask::leaves(meta.reader.parquet_schema(), leaves));
        Ok((builder.build().map_err(|error| error.to_string())?, output))
    };
    let (mut reader, output) = guarded(open).map_err(ReadFailure::Damaged)?;
    let mut next = || {
        let decoded = guarded(|| reader.next().transpose().map_err(|error| error.to_string()))?;
        decoded.map(|rows| arrange(&scan, &output, &rows)).transpose()
    };
    while let Some(rows) = next().map_err(ReadFailure::Damaged)? {
        each(rows).map_err(ReadFailure::Io)?;
    }
    Ok(())
}
