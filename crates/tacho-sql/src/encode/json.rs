//! `{"columns":[{"name","type"}],"rows":[[…],…],"truncated":false}`

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, SchemaRef, TimeUnit, TimestampMillisecondType, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;

pub(crate) struct Json {
    columns: Vec<Value>,
    any: bool,
}

impl Json {
    pub(crate) fn new(schema: &SchemaRef) -> Self {
        let columns = schema
            .fields()
            .iter()
            .map(|field| serde_json::json!({ "name": field.name(), "type": field.data_type().to_string() }));
        Self { columns: columns.collect(), any: false }
    }

    pub(crate) fn start(&self) -> Vec<u8> {
        format!("{{\"columns\":{},\"rows\":[", Value::Array(self.columns.clone())).into_bytes()
    }

    pub(crate) fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        let cells = batch.columns().iter().map(Cells::of).collect::<Result<Vec<_>, _>>()?;
        let mut out = Vec::new();
        for row in 0..batch.num_rows() {
            out.extend_from_slice(if self.any { b",\n" } else { b"\n" });
            self.any = true;
            let row = cells.iter().map(|cells| cells.value(row)).collect::<Result<Vec<_>, _>>()?;
            out.extend_from_slice(Value::Array(row).to_string().as_bytes());
        }
        Ok(out)
    }

    pub(crate) fn end(self, truncated: bool) -> Vec<u8> {
        format!("\n],\"truncated\":{truncated}}}\n").into_bytes()
    }
}

/// One column. What JSON has no type for is text.
enum Cells<'a> {
    Integer(ArrayRef),
    Unsigned(ArrayRef),
    Float(ArrayRef),
    Boolean(ArrayRef),
    Text(ArrayRef),
    Time(ArrayRef),
    Shown(ArrayFormatter<'a>, &'a ArrayRef),
}

impl<'a> Cells<'a> {
    fn of(column: &'a ArrayRef) -> Result<Self, ArrowError> {
        use DataType::*;
        let cast = |to: &DataType| arrow::compute::cast(column, to);
        Ok(match column.data_type() {
            Int8 | Int16 | Int32 | Int64 => Self::Integer(cast(&Int64)?),
            UInt8 | UInt16 | UInt32 | UInt64 => Self::Unsigned(cast(&UInt64)?),
            Float16 | Float32 | Float64 => Self::Float(cast(&Float64)?),
            Boolean => Self::Boolean(ArrayRef::clone(column)),
            Utf8 | LargeUtf8 | Utf8View | Dictionary(..) => Self::Text(cast(&Utf8)?),
            Timestamp(..) => Self::Time(cast(&Timestamp(TimeUnit::Millisecond, None))?),
            _ => Self::Shown(ArrayFormatter::try_new(column, &FormatOptions::default())?, column),
        })
    }

    fn value(&self, row: usize) -> Result<Value, ArrowError> {
        let array: &ArrayRef = match self {
            Self::Integer(array)
            | Self::Unsigned(array)
            | Self::Float(array)
            | Self::Boolean(array)
            | Self::Text(array)
            | Self::Time(array) => array,
            Self::Shown(_, array) => array,
        };
        if array.is_null(row) {
            return Ok(Value::Null);
        }
        Ok(match self {
            Self::Integer(array) => array.as_primitive::<Int64Type>().value(row).into(),
            Self::Unsigned(array) => array.as_primitive::<UInt64Type>().value(row).into(),
            // JSON has no infinity.
            Self::Float(array) => array.as_primitive::<Float64Type>().value(row).into(),
            Self::Boolean(array) => array.as_boolean().value(row).into(),
            Self::Text(array) => array.as_string::<i32>().value(row).into(),
            Self::Time(array) => rfc3339(array.as_primitive::<TimestampMillisecondType>().value(row)),
            Self::Shown(formatter, _) => formatter.value(row).try_to_string()?.into(),
        })
    }
}

fn rfc3339(ms: i64) -> Value {
    let time = jiff::Timestamp::from_millisecond(ms);
    time.map_or(Value::Null, |time| Value::String(format!("{time:.3}")))
}
