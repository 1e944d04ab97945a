//! Rows of one table, kept column by column, in memory that is used again from snapshot to snapshot.

use crate::{Column, ColumnType, FloatColumn, IntegerColumn, Table, TextColumn};

/// Rows of one [`Table`], column by column. A column that no row set holds no memory of rows at all;
/// a cell that was not set is absent.
#[derive(Debug, Clone)]
pub struct Block {
    table: &'static Table,
    /// Milliseconds that the deltas in this block cover, measured on the boot clock.
    pub interval_ms: i64,
    rows: usize,
    columns: Vec<ColumnValues>,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Absent,
    Integer(i64),
    Float(f64),
    Text(&'a str),
}

/// Values of one column. Absent cells have a zero value and `present` false; both vectors may be
/// shorter than the block's row count, and the missing rest is absent.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnValues {
    Integer {
        values: Vec<i64>,
        present: Vec<bool>,
    },
    Float {
        values: Vec<f64>,
        present: Vec<bool>,
    },
    /// Value `i` is `bytes[ends[i-1]..ends[i]]`.
    Text {
        bytes: String,
        ends: Vec<u32>,
        present: Vec<bool>,
    },
}

/// A row being written.
#[derive(Debug)]
pub struct Row<'a> {
    block: &'a mut Block,
    row: usize,
}

impl Block {
    pub fn new(table: &'static Table) -> Self {
        let columns = table.columns.iter().map(ColumnValues::new).collect();
        Self { table, interval_ms: 0, rows: 0, columns }
    }

    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.rows = 0;
        self.interval_ms = 0;
        self.columns.iter_mut().for_each(ColumnValues::clear);
    }

    /// Adds a row whose cells are all absent.
    pub fn push(&mut self) -> Row<'_> {
        let row = self.rows;
        self.rows += 1;
        Row { block: self, row }
    }

    /// Columns in the order of [`Table::columns`].
    pub fn columns(&self) -> &[ColumnValues] {
        &self.columns
    }

    /// Replaces one column, as the wire does. Returns false, and changes nothing, when the type is not the
    /// column's or there are more values than rows.
    pub fn set_column(&mut self, position: usize, values: ColumnValues) -> bool {
        let Some(column) = self.columns.get_mut(position) else { return false };
        let same_type = std::mem::discriminant(column) == std::mem::discriminant(&values);
        if !same_type || values.len() > self.rows {
            return false;
        }
        *column = values;
        true
    }

    /// Sets the number of rows, as the wire does before it sets columns.
    pub fn set_len(&mut self, rows: usize) {
        self.rows = rows;
    }

    pub fn cell(&self, position: usize, row: usize) -> Cell<'_> {
        self.columns.get(position).map_or(Cell::Absent, |column| column.cell(row))
    }

    pub fn integer(&self, column: IntegerColumn, row: usize) -> Option<i64> {
        match self.cell(column.0.into(), row) {
            Cell::Integer(value) => Some(value),
            _ => None,
        }
    }

    pub fn float(&self, column: FloatColumn, row: usize) -> Option<f64> {
        match self.cell(column.0.into(), row) {
            Cell::Float(value) => Some(value),
            _ => None,
        }
    }

    pub fn text(&self, column: TextColumn, row: usize) -> Option<&str> {
        match self.cell(column.0.into(), row) {
            Cell::Text(value) => Some(value),
            _ => None,
        }
    }
}

impl Row<'_> {
    pub fn integer(&mut self, column: IntegerColumn, value: i64) -> &mut Self {
        if let Some(values) = self.block.columns.get_mut(usize::from(column.0)) {
            values.set_integer(self.row, value);
        }
        self
    }

    /// A counter delta or another unsigned number; what does not fit is absent rather than negative.
    pub fn unsigned(&mut self, column: IntegerColumn, value: u64) -> &mut Self {
        match i64::try_from(value) {
            Ok(value) => self.integer(column, value),
            Err(_) => self,
        }
    }

    /// Sets the cell when there is a reading, and leaves it absent otherwise.
    pub fn optional(&mut self, column: IntegerColumn, value: Option<u64>) -> &mut Self {
        match value {
            Some(value) => self.unsigned(column, value),
            None => self,
        }
    }

    /// Sets a float; what is not finite is absent.
    pub fn float(&mut self, column: FloatColumn, value: f64) -> &mut Self {
        if value.is_finite()
            && let Some(values) = self.block.columns.get_mut(usize::from(column.0))
        {
            values.set_float(self.row, value);
        }
        self
    }

    pub fn text(&mut self, column: TextColumn, value: &str) -> &mut Self {
        if let Some(values) = self.block.columns.get_mut(usize::from(column.0)) {
            values.set_text(self.row, value);
        }
        self
    }
}

impl ColumnValues {
    fn new(column: &Column) -> Self {
        match column.column_type {
            ColumnType::Integer => Self::Integer { values: Vec::new(), present: Vec::new() },
            ColumnType::Float => Self::Float { values: Vec::new(), present: Vec::new() },
            ColumnType::Text => Self::Text { bytes: String::new(), ends: Vec::new(), present: Vec::new() },
        }
    }

    /// Rows up to and including the last one that was set.
    pub fn len(&self) -> usize {
        self.present().len()
    }

    /// No row was ever set.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn present(&self) -> &[bool] {
        match self {
            Self::Integer { present, .. } | Self::Float { present, .. } | Self::Text { present, .. } => {
                present
            }
        }
    }

    pub fn cell(&self, row: usize) -> Cell<'_> {
        if self.present().get(row) != Some(&true) {
            return Cell::Absent;
        }
        match self {
            Self::Integer { values, .. } => {
                values.get(row).map_or(Cell::Absent, |value| Cell::Integer(*value))
            }
            Self::Float { values, .. } => values.get(row).map_or(Cell::Absent, |value| Cell::Float(*value)),
            Self::Text { bytes, ends, .. } => {
                let start = row.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
                ends.get(row)
                    .and_then(|end| bytes.get(start as usize..*end as usize))
                    .map_or(Cell::Absent, Cell::Text)
            }
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Integer { values, present } => (values.clear(), present.clear()),
            Self::Float { values, present } => (values.clear(), present.clear()),
            Self::Text { bytes, ends, present } => {
                bytes.clear();
                (ends.clear(), present.clear())
            }
        };
    }

    fn set_integer(&mut self, row: usize, value: i64) {
        let Self::Integer { values, present } = self else { return };
        values.resize(values.len().max(row + 1), 0);
        present.resize(present.len().max(row + 1), false);
        (values[row], present[row]) = (value, true);
    }

    fn set_float(&mut self, row: usize, value: f64) {
        let Self::Float { values, present } = self else { return };
        values.resize(values.len().max(row + 1), 0.0);
        present.resize(present.len().max(row + 1), false);
        (values[row], present[row]) = (value, true);
    }

    /// Rows are written in order; setting the text of an earlier row, or of one row twice, is ignored.
    fn set_text(&mut self, row: usize, value: &str) {
        let Self::Text { bytes, ends, present } = self else { return };
        let Ok(end) = u32::try_from(bytes.len() + value.len()) else { return };
        if row < ends.len() {
            return;
        }
        ends.resize(row, bytes.len() as u32);
        present.resize(row, false);
        bytes.push_str(value);
        ends.push(end);
        present.push(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{disk, host};

    #[test]
    fn a_cell_that_was_not_set_is_absent() {
        let mut block = Block::new(&disk::TABLE);
        block.push().text(disk::DEVICE, "sda").integer(disk::READ_BYTES, 5);
        block.push();
        block.push().text(disk::DEVICE, "sdb").unsigned(disk::READS, u64::MAX);
        assert_eq!(block.text(disk::DEVICE, 0), Some("sda"));
        assert_eq!(block.text(disk::DEVICE, 1), None);
        assert_eq!(block.text(disk::DEVICE, 2), Some("sdb"));
        assert_eq!(block.integer(disk::READ_BYTES, 0), Some(5));
        assert_eq!(block.integer(disk::READ_BYTES, 2), None);
        assert_eq!(block.integer(disk::READS, 2), None, "a number above i64 is absent, not negative");
    }

    #[test]
    fn a_cleared_block_keeps_its_memory_and_no_rows() {
        let mut block = Block::new(&host::TABLE);
        block.push().float(host::LOAD1, 1.5).float(host::LOAD5, f64::NAN);
        assert_eq!((block.float(host::LOAD1, 0), block.float(host::LOAD5, 0)), (Some(1.5), None));
        block.clear();
        block.push();
        assert_eq!((block.len(), block.float(host::LOAD1, 0)), (1, None));
    }
}
