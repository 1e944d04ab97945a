//! Which stored columns a query needs, and their values row by row.

use std::borrow::Cow;
use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use tacho_model::{ColumnType, Meaning, Table};

use crate::HistoryError;
use crate::columns::{FIRST, integers};
use crate::derived::{self, Derived, Shared};

/// The columns asked for, and the stored ones they need.
pub(crate) struct Wanted {
    table: &'static Table,
    /// Positions in the table, each once.
    inputs: Vec<usize>,
    columns: Vec<Column>,
}

pub(crate) enum Column {
    /// Which input it is.
    Stored(usize),
    /// With, for each position in the table, which input it is.
    Derived(&'static Derived, Vec<usize>),
}

impl Wanted {
    pub(crate) fn new(table: &'static Table, names: &[String]) -> Result<Self, HistoryError> {
        let mut wanted = Self { table, inputs: Vec::new(), columns: Vec::new() };
        for name in names {
            let column = wanted.column(name)?;
            wanted.columns.push(column);
        }
        Ok(wanted)
    }

    fn column(&mut self, name: &str) -> Result<Column, HistoryError> {
        if let Some(position) = self.table.position(name) {
            if self.table.columns[position].column_type == ColumnType::Text {
                return Err(HistoryError::NotANumber { table: self.table.name, column: name.to_owned() });
            }
            return Ok(Column::Stored(self.input(position)));
        }
        let Some(derived) = derived::by_name(self.table, name) else {
            return Err(HistoryError::UnknownColumn { table: self.table.name, column: name.to_owned() });
        };
        let mut places = vec![usize::MAX; self.table.columns.len()];
        for position in derived.inputs() {
            places[position] = self.input(position);
        }
        Ok(Column::Derived(derived, places))
    }

    fn input(&mut self, position: usize) -> usize {
        let known = self.inputs.iter().position(|input| *input == position);
        known.unwrap_or_else(|| {
            self.inputs.push(position);
            self.inputs.len() - 1
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Where the inputs are in the table, input by input.
    pub(crate) fn positions(&self) -> &[usize] {
        &self.inputs
    }

    /// Stored columns to scan, input by input.
    pub(crate) fn stored(&self) -> Vec<usize> {
        self.inputs.iter().map(|position| FIRST + position).collect()
    }

    pub(crate) fn meaning(&self, input: usize) -> Meaning {
        self.inputs.get(input).map_or(Meaning::Gauge, |position| self.table.columns[*position].meaning)
    }

    /// The columns of one row, given its inputs.
    pub(crate) fn evaluate(
        &self,
        interval_ms: i64,
        input: impl Fn(usize) -> Option<f64>,
        values: &mut [Option<f64>],
    ) {
        let mut shared = Shared::default();
        for (column, value) in self.columns.iter().zip(values) {
            *value = match column {
                Column::Stored(place) => input(*place),
                Column::Derived(derived, places) => {
                    derived.evaluate_with(interval_ms, |position| input(places[position]), &mut shared)
                }
            };
        }
    }
}

/// Numbers of a batch whose first two columns are time and interval.
pub(crate) struct Numbers<'a> {
    times: &'a [i64],
    intervals: &'a [i64],
    /// By column, then row; not a number where one is absent.
    columns: Vec<Cow<'a, [f64]>>,
}

impl<'a> Numbers<'a> {
    /// The inputs begin with column `first`.
    pub(crate) fn new(batch: &'a RecordBatch, first: usize) -> Self {
        Self {
            times: integers(batch.column(0)),
            intervals: integers(batch.column(1)),
            columns: batch.columns().iter().skip(first).map(numbers).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    pub(crate) fn time_and_interval(&self, row: usize) -> (i64, i64) {
        (self.times[row], self.intervals[row])
    }

    pub(crate) fn get(&self, input: usize, row: usize) -> Option<f64> {
        let value = *self.columns.get(input)?.get(row)?;
        (!value.is_nan()).then_some(value)
    }
}

/// A column as numbers, all at once: row by row each would be asked for its type. Empty for texts.
fn numbers(column: &ArrayRef) -> Cow<'_, [f64]> {
    let mut values: Cow<'_, [f64]> = match column.data_type() {
        DataType::Int64 | DataType::Timestamp(..) => {
            integers(column).iter().map(|value| *value as f64).collect()
        }
        DataType::Float64 => column.as_primitive::<Float64Type>().values().as_ref().into(),
        _ => return Cow::default(),
    };
    if let Some(nulls) = column.nulls().filter(|nulls| nulls.null_count() > 0) {
        for (value, is_valid) in values.to_mut().iter_mut().zip(nulls) {
            if !is_valid {
                *value = f64::NAN;
            }
        }
    }
    values
}

/// Entities met so far.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    numbers: HashMap<Vec<String>, usize>,
    names: Vec<Vec<String>>,
}

/// Entities of the rows of one batch. Rows of one entity are mostly neighbours.
pub(crate) struct EntityRows<'a> {
    entities: &'a mut Entities,
    columns: &'a [ArrayRef],
    last: Option<(usize, usize)>,
}

impl Entities {
    pub(crate) fn add(&mut self, name: Vec<String>) -> usize {
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        self.numbers.insert(name.clone(), self.names.len());
        self.names.push(name);
        self.names.len() - 1
    }

    pub(crate) fn rows<'a>(
        &'a mut self,
        batch: &'a RecordBatch,
        first: usize,
        count: usize,
    ) -> EntityRows<'a> {
        EntityRows { entities: self, columns: &batch.columns()[first..first + count], last: None }
    }

    pub(crate) fn into_names(self) -> Vec<Vec<String>> {
        self.names
    }
}

impl EntityRows<'_> {
    pub(crate) fn entity(&mut self, row: usize) -> usize {
        if let Some((last, entity)) = self.last
            && self.columns.iter().all(|column| raw(column, last) == raw(column, row))
        {
            return entity;
        }
        let entity = self.entities.add(self.columns.iter().map(|column| name(column, row)).collect());
        self.last = Some((row, entity));
        entity
    }
}

/// Something that is equal within a batch where values are.
fn raw(column: &ArrayRef, row: usize) -> Option<i64> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Dictionary(..) => i64::from(column.as_dictionary::<Int32Type>().keys().value(row)),
        DataType::Timestamp(..) => column.as_primitive::<TimestampMillisecondType>().value(row),
        _ => column.as_primitive::<Int64Type>().value(row),
    })
}

fn name(column: &ArrayRef, row: usize) -> String {
    let Some(value) = raw(column, row) else { return String::new() };
    match column.data_type() {
        DataType::Dictionary(..) => {
            let values = column.as_dictionary::<Int32Type>().values().as_string::<i32>();
            usize::try_from(value).map(|value| values.value(value).to_owned()).unwrap_or_default()
        }
        _ => value.to_string(),
    }
}
