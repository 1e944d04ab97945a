//! Rows as CSV, JSON and Arrow IPC.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Field, Float64Type, Int32Type, Int64Type, Schema, SchemaRef, TimestampMillisecondType,
};
use arrow::ipc::writer::StreamWriter;

use crate::HistoryError;
use crate::time::rfc3339;

/// Turns rows into bytes.
pub(crate) trait Encoder: Send + 'static {
    fn start(&mut self, schema: &SchemaRef) -> Result<Vec<u8>, HistoryError>;
    fn rows(&mut self, rows: &RecordBatch) -> Result<Vec<u8>, HistoryError>;
    fn end(&mut self) -> Result<Vec<u8>, HistoryError>;
}

/// RFC 4180.
pub(crate) struct Csv;

/// `{"rows":[{…},…]}`
#[derive(Default)]
pub(crate) struct Json {
    /// A row was written, so that the next needs a comma.
    any: bool,
}

/// The Arrow IPC stream format; text is plain, which every reader understands.
pub(crate) struct Arrow {
    writer: StreamWriter<Vec<u8>>,
    schema: SchemaRef,
}

enum Cell<'a> {
    Absent,
    Integer(i64),
    Float(f64),
    Time(i64),
    Text(&'a str),
}

impl Encoder for Csv {
    fn start(&mut self, schema: &SchemaRef) -> Result<Vec<u8>, HistoryError> {
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        Ok((names.join(",") + "\r\n").into_bytes())
    }

    fn rows(&mut self, rows: &RecordBatch) -> Result<Vec<u8>, HistoryError> {
        let mut text = String::new();
        for row in 0..rows.num_rows() {
            for (i, column) in rows.columns().iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                match cell(column, row) {
                    Cell::Text(value) => push_csv(&mut text, value),
                    value => value.push_plain(&mut text, ""),
                }
            }
            text.push_str("\r\n");
        }
        Ok(text.into_bytes())
    }

    fn end(&mut self) -> Result<Vec<u8>, HistoryError> {
        Ok(Vec::new())
    }
}

impl Encoder for Json {
    fn start(&mut self, _: &SchemaRef) -> Result<Vec<u8>, HistoryError> {
        Ok(b"{\"rows\":[".to_vec())
    }

    fn rows(&mut self, rows: &RecordBatch) -> Result<Vec<u8>, HistoryError> {
        let schema = rows.schema();
        let mut text = String::new();
        for row in 0..rows.num_rows() {
            text.push_str(if self.any { ",\n{" } else { "\n{" });
            self.any = true;
            for (i, (field, column)) in schema.fields().iter().zip(rows.columns()).enumerate() {
                if i > 0 {
                    text.push(',');
                }
                push_json(&mut text, field.name());
                text.push(':');
                match cell(column, row) {
                    Cell::Text(value) => push_json(&mut text, value),
                    Cell::Time(value) => push_json(&mut text, &rfc3339(value)),
                    value => value.push_plain(&mut text, "null"),
                }
            }
            text.push('}');
        }
        Ok(text.into_bytes())
    }

    fn end(&mut self) -> Result<Vec<u8>, HistoryError> {
        Ok(b"\n]}\n".to_vec())
    }
}

impl Arrow {
    pub(crate) fn new(schema: &SchemaRef) -> Result<Self, HistoryError> {
        let fields: Vec<_> = schema.fields().iter().map(|field| plain(field)).collect();
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { writer: StreamWriter::try_new(Vec::new(), &schema)?, schema })
    }

    fn written(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.get_mut())
    }
}

impl Encoder for Arrow {
    fn start(&mut self, _: &SchemaRef) -> Result<Vec<u8>, HistoryError> {
        Ok(self.written())
    }

    fn rows(&mut self, rows: &RecordBatch) -> Result<Vec<u8>, HistoryError> {
        let columns = rows.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect::<Result<_, _>>()?)?;
        self.writer.write(&rows)?;
        Ok(self.written())
    }

    fn end(&mut self) -> Result<Vec<u8>, HistoryError> {
        self.writer.finish()?;
        Ok(self.written())
    }
}

fn plain(field: &Field) -> Field {
    let field = field.clone().with_metadata(Default::default());
    match field.data_type() {
        DataType::Dictionary(..) => field.with_data_type(DataType::Utf8),
        _ => field,
    }
}

impl Cell<'_> {
    /// Numbers and times; text is quoted by the caller.
    fn push_plain(&self, out: &mut String, absent: &str) {
        let written = match self {
            Self::Absent => out.write_str(absent),
            Self::Integer(value) => write!(out, "{value}"),
            // JSON has no infinity, and none is ever stored.
            Self::Float(value) if value.is_finite() => write!(out, "{value}"),
            Self::Float(_) => out.write_str(absent),
            Self::Time(value) => out.write_str(&rfc3339(*value)),
            Self::Text(value) => out.write_str(value),
        };
        debug_assert!(written.is_ok(), "writing to a string does not fail");
    }
}

fn cell(column: &ArrayRef, row: usize) -> Cell<'_> {
    if column.is_null(row) {
        return Cell::Absent;
    }
    match column.data_type() {
        DataType::Timestamp(..) => Cell::Time(column.as_primitive::<TimestampMillisecondType>().value(row)),
        DataType::Float64 => Cell::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Int64 => Cell::Integer(column.as_primitive::<Int64Type>().value(row)),
        _ => {
            let dictionary = column.as_dictionary::<Int32Type>();
            let value = |key| dictionary.values().as_string::<i32>().value(key);
            dictionary.key(row).map_or(Cell::Absent, |key| Cell::Text(value(key)))
        }
    }
}

/// Quoted where it has to be, and where a spreadsheet would take it for a formula it stays as it is: these
/// are data. An empty text is quoted, to tell it from an absent one.
fn push_csv(out: &mut String, value: &str) {
    if !value.is_empty() && !value.contains(['"', ',', '\r', '\n']) {
        out.push_str(value);
        return;
    }
    out.push('"');
    out.push_str(&value.replace('"', "\"\""));
    out.push('"');
}

fn push_json(out: &mut String, value: &str) {
    out.push('"');
    for character in value.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                let written = write!(out, "\\u{:04x}", u32::from(control));
                debug_assert!(written.is_ok(), "writing to a string does not fail");
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted() {
        let csv = |value| {
            let mut out = String::new();
            push_csv(&mut out, value);
            out
        };
        assert_eq!(
            (csv("sh -c x"), csv("a,\"b\""), csv("")),
            ("sh -c x".into(), "\"a,\"\"b\"\"\"".into(), "\"\"".into())
        );
        let mut json = String::new();
        push_json(&mut json, "a\"\\\n\u{1}é");
        assert_eq!(json, "\"a\\\"\\\\\\n\\u0001é\"");
    }
}
