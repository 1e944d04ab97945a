//! Answers as JSON, CSV, Arrow IPC and Parquet, piece by piece.

mod json;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use json::Json;

/// What an answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
    Arrow,
    Parquet,
}

/// Turns batches into bytes; each call answers those that are ready.
pub(crate) enum Encoder {
    Json(Json),
    Csv { is_first: bool },
    Arrow { writer: Box<StreamWriter<Vec<u8>>>, schema: SchemaRef },
    Parquet { writer: Box<ArrowWriter<Shared>>, out: Shared },
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    #[error(transparent)]
    Parquet(#[from] ParquetError),
}

/// Bytes written by somebody who keeps the writer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Format {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "json" => Self::Json,
            "csv" => Self::Csv,
            "arrow" => Self::Arrow,
            "parquet" => Self::Parquet,
            _ => return None,
        })
    }
}

impl Encoder {
    /// Of rows with this schema; and the beginning of the answer.
    pub(crate) fn new(format: Format, schema: &SchemaRef) -> Result<(Self, Vec<u8>), EncodeError> {
        Ok(match format {
            Format::Json => {
                let json = Json::new(schema);
                let start = json.start();
                (Self::Json(json), start)
            }
            Format::Csv => {
                (Self::Csv { is_first: true }, csv(&RecordBatch::new_empty(Arc::clone(schema)), true)?)
            }
            Format::Arrow => {
                let schema = plain(schema);
                let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
                let start = std::mem::take(writer.get_mut());
                (Self::Arrow { writer: Box::new(writer), schema }, start)
            }
            Format::Parquet => {
                let out = Shared::default();
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer = ArrowWriter::try_new(out.clone(), Arc::clone(schema), Some(properties))?;
                (Self::Parquet { writer: Box::new(writer), out }, Vec::new())
            }
        })
    }

    pub(crate) fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Json(json) => Ok(json.rows(batch)?),
            Self::Csv { is_first } => {
                *is_first = false;
                csv(batch, false)
            }
            Self::Arrow { writer, schema } => {
                writer.write(&cast(batch, schema)?)?;
                Ok(std::mem::take(writer.get_mut()))
            }
            Self::Parquet { writer, out } => {
                writer.write(batch)?;
                Ok(out.take())
            }
        }
    }

    /// The rest of the answer. `truncated`: there were more rows.
    pub(crate) fn end(self, truncated: bool) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Json(json) => Ok(json.end(truncated)),
            Self::Csv { .. } => Ok(Vec::new()),
            Self::Arrow { mut writer, .. } => {
                writer.finish()?;
                Ok(std::mem::take(writer.get_mut()))
            }
            Self::Parquet { writer, out } => {
                writer.close()?;
                Ok(out.take())
            }
        }
    }
}

fn csv(batch: &RecordBatch, heading: bool) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    let mut writer = arrow::csv::WriterBuilder::new().with_header(heading).build(&mut out);
    writer.write(batch)?;
    drop(writer);
    Ok(out)
}

/// Views of text are new; every reader of Arrow knows plain text.
fn plain(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8View => Field::new(field.name(), DataType::Utf8, field.is_nullable()),
        DataType::BinaryView => Field::new(field.name(), DataType::Binary, field.is_nullable()),
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn cast(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| arrow::compute::cast(column, field.data_type()));
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, _>>()?)
}

impl Shared {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
