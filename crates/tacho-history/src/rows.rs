//! Rows of frames as Arrow arrays, for a flush and for queries over the head.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, RecordBatchOptions,
    StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Int32Type};
use tacho_model::{Block, Cell, ProcessIdentity, Table, tables::process};

use crate::HistoryError;
use crate::columns::{FIRST, HOST, HOST_ID, INTERVAL, Layout, TIME};
use crate::head::Frame;

/// One row of one frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowRef<'a> {
    frame: &'a Frame,
    block: &'a Block,
    row: usize,
    /// Set in the process table, whose blocks carry no identity columns.
    identity: Option<&'a ProcessIdentity>,
}

/// The rows of a table in a frame. A process row without an identity cannot be stored and is left out.
pub(crate) fn rows_of<'a>(table: &Table, frame: &'a Frame) -> impl Iterator<Item = RowRef<'a>> {
    let is_process = table.id == process::TABLE.id;
    let block = frame.snapshot.block(table);
    let rows = block.map_or(0, Block::len);
    (0..rows).filter_map(move |row| {
        let identity = frame.snapshot.processes.get(row).filter(|_| is_process).map(Arc::as_ref);
        let known = !is_process || identity.is_some();
        known.then_some(RowRef { frame, block: block?, row, identity })
    })
}

impl<'a> RowRef<'a> {
    pub(crate) fn time_ms(&self) -> i64 {
        self.frame.snapshot.time_ms
    }

    /// The cell of one of the table's own columns.
    pub(crate) fn cell(&self, position: usize) -> Cell<'a> {
        match self.identity.and_then(|identity| identity_cell(identity, position)) {
            Some(cell) => cell,
            None => self.block.cell(position, self.row),
        }
    }

    /// The order of rows in a file, for rows of one host.
    pub(crate) fn compare(&self, other: &Self, layout: &Layout) -> Ordering {
        let entity = layout
            .entity
            .iter()
            .map(|column| compare_cells(self.cell(column - FIRST), other.cell(column - FIRST)));
        entity.fold(Ordering::Equal, Ordering::then).then(self.time_ms().cmp(&other.time_ms()))
    }

    fn integer(&self, column: usize) -> Option<i64> {
        match column {
            TIME => Some(self.time_ms()),
            INTERVAL => Some(self.block.interval_ms),
            _ => match self.cell(column - FIRST) {
                Cell::Integer(value) => Some(value),
                _ => None,
            },
        }
    }

    fn float(&self, column: usize) -> Option<f64> {
        match self.cell(column - FIRST) {
            Cell::Float(value) => Some(value),
            _ => None,
        }
    }

    fn text(&self, column: usize) -> Option<&'a str> {
        match column {
            HOST_ID => Some(&self.frame.host.id),
            HOST => Some(&self.frame.host.name),
            _ => match self.cell(column - FIRST) {
                Cell::Text(text) => Some(text),
                _ => None,
            },
        }
    }
}

/// Identity columns of the process table by position; `None` for the others.
fn identity_cell(identity: &ProcessIdentity, position: usize) -> Option<Cell<'_>> {
    let position = u16::try_from(position).ok()?;
    if position > process::CONTAINER.0 {
        return None;
    }
    let integers = [
        (process::PID, identity.key.pid),
        (process::START_TIME, identity.key.start_time_ms),
        (process::PARENT_PID, identity.parent_pid),
        (process::USER_ID, identity.user_id),
    ];
    if let Some((_, value)) = integers.iter().find(|(column, _)| column.0 == position) {
        return Some(Cell::Integer(*value));
    }
    let texts = [
        (process::NAME, &identity.name),
        (process::COMMAND, &identity.command),
        (process::USER, &identity.user),
        (process::CGROUP, &identity.cgroup),
        (process::UNIT, &identity.unit),
        (process::CONTAINER, &identity.container),
    ];
    texts.iter().find(|(column, _)| column.0 == position).map(|(_, text)| Cell::Text(text))
}

/// Absent first, as Arrow sorts.
fn compare_cells(left: Cell<'_>, right: Cell<'_>) -> Ordering {
    match (left, right) {
        (Cell::Integer(left), Cell::Integer(right)) => left.cmp(&right),
        (Cell::Float(left), Cell::Float(right)) => left.total_cmp(&right),
        (Cell::Text(left), Cell::Text(right)) => left.cmp(right),
        (Cell::Absent, Cell::Absent) => Ordering::Equal,
        (Cell::Absent, _) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

/// Some stored columns of some rows.
pub(crate) fn batch(
    layout: &Layout,
    columns: &[usize],
    rows: &[RowRef<'_>],
) -> Result<RecordBatch, HistoryError> {
    let arrays = columns.iter().map(|column| array(layout, *column, rows)).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(layout.project(columns), arrays, &options)?)
}

fn array(layout: &Layout, column: usize, rows: &[RowRef<'_>]) -> Result<ArrayRef, HistoryError> {
    let integers = || rows.iter().map(|row| row.integer(column));
    Ok(match layout.schema.fields()[column].data_type() {
        DataType::Int64 => Arc::new(integers().collect::<Int64Array>()),
        DataType::Float64 => Arc::new(rows.iter().map(|row| row.float(column)).collect::<Float64Array>()),
        DataType::Timestamp(..) => {
            Arc::new(integers().collect::<TimestampMillisecondArray>().with_timezone("UTC"))
        }
        _ => Arc::new(texts(rows.iter().map(|row| row.text(column)))?),
    })
}

/// Text as a dictionary. Neighbouring rows mostly point at the very same text, which then need not be
/// hashed: command lines are long.
fn texts<'a>(
    cells: impl Iterator<Item = Option<&'a str>>,
) -> Result<DictionaryArray<Int32Type>, HistoryError> {
    let mut positions: HashMap<&str, i32> = HashMap::new();
    let mut values: Vec<&str> = Vec::new();
    let mut last: Option<(&str, i32)> = None;
    let mut key_of = |text: &'a str| {
        if let Some((same, key)) = last
            && std::ptr::eq(same, text)
        {
            return key;
        }
        let key = *positions.entry(text).or_insert_with(|| {
            values.push(text);
            i32::try_from(values.len() - 1).unwrap_or_default()
        });
        last = Some((text, key));
        key
    };
    let keys: Int32Array = cells.map(|cell| cell.map(&mut key_of)).collect();
    Ok(DictionaryArray::try_new(keys, Arc::new(StringArray::from(values)))?)
}
