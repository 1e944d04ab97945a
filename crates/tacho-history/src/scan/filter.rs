//! Keeps exactly the rows that are asked for.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;

use super::{EntityValue, Hosts, Scan, TextMatch};
use crate::columns::{HOST_ID, TIME};

/// Conditions on decoded columns, all of which must hold.
pub(crate) struct Filter(Vec<(usize, Condition)>);

enum Condition {
    /// First included, second not.
    Between(i64, i64),
    Integer(i64),
    /// Ascending.
    OneOf(Vec<i64>),
    Text(String),
    Hosts(Hosts),
    Matching(TextMatch),
    /// The file does not have the column.
    Never,
}

impl Filter {
    /// `decoded` says which decoded column a stored one is.
    pub(crate) fn new(scan: &Scan, decoded: impl Fn(usize) -> Option<usize>) -> Self {
        let mut conditions = vec![
            (TIME, Condition::Between(scan.from_ms, scan.to_ms)),
            (HOST_ID, Condition::Hosts(scan.hosts.clone())),
        ];
        conditions.extend(scan.entity.iter().map(|(column, value)| match value {
            EntityValue::Integer(value) => (*column, Condition::Integer(*value)),
            EntityValue::OneOf(values) => (*column, Condition::OneOf(values.clone())),
            EntityValue::Text(value) => (*column, Condition::Text(value.clone())),
        }));
        conditions
            .extend(scan.texts.iter().map(|(column, text)| (*column, Condition::Matching(text.clone()))));
        let place = |(column, condition)| match decoded(column) {
            Some(decoded) => (decoded, condition),
            None => (0, Condition::Never),
        };
        Self(conditions.into_iter().map(place).collect())
    }

    /// Keeps every row.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn apply(&self, rows: RecordBatch) -> Result<RecordBatch, ArrowError> {
        match self.wanted(&rows) {
            Some(keep) => filter_record_batch(&rows, &keep),
            None => Ok(rows),
        }
    }

    /// For each row, whether it is wanted.
    pub(crate) fn mask(&self, rows: &RecordBatch) -> BooleanArray {
        self.wanted(rows).unwrap_or_else(|| BooleanArray::from(vec![true; rows.num_rows()]))
    }

    /// `None` when all are.
    fn wanted(&self, rows: &RecordBatch) -> Option<BooleanArray> {
        let mut keep: Option<BooleanArray> = None;
        for (column, condition) in &self.0 {
            let Some(mask) = condition.mask(rows.column(*column)) else { continue };
            keep = Some(match keep {
                Some(keep) => BooleanArray::from(keep.values() & mask.values()),
                None => mask,
            });
        }
        keep
    }
}

impl Condition {
    /// Which rows fulfil it; `None` when all do.
    fn mask(&self, column: &ArrayRef) -> Option<BooleanArray> {
        let holds: Vec<bool> = match self {
            Self::Between(from, to) => integers(column, |value| *from <= value && value < *to),
            Self::Integer(wanted) => integers(column, |value| value == *wanted),
            Self::OneOf(wanted) => integers(column, |value| wanted.binary_search(&value).is_ok()),
            Self::Text(wanted) => texts(column, |text| text == wanted),
            Self::Hosts(hosts) => texts(column, |id| hosts.include(id)),
            Self::Matching(wanted) => texts(column, |text| wanted.holds(text)),
            Self::Never => vec![false; column.len()],
        };
        (!holds.iter().all(|holds| *holds)).then(|| BooleanArray::from(holds))
    }
}

fn integers(column: &ArrayRef, holds: impl Fn(i64) -> bool) -> Vec<bool> {
    let values = crate::columns::integers(column);
    if column.null_count() == 0 {
        return values.iter().map(|value| holds(*value)).collect();
    }
    values.iter().enumerate().map(|(row, value)| column.is_valid(row) && holds(*value)).collect()
}

fn texts(column: &ArrayRef, holds: impl Fn(&str) -> bool) -> Vec<bool> {
    let keys = column.as_dictionary::<Int32Type>();
    let values = keys.values().as_string::<i32>();
    // Once per text and not once per row, and only for those that occur: a dictionary is that of a whole row group.
    let mut known: Vec<Option<bool>> = vec![None; values.len()];
    let row_holds = |row: usize| {
        let key = keys.key(row)?;
        Some(*known.get_mut(key)?.get_or_insert_with(|| holds(values.value(key))))
    };
    (0..keys.len()).map(row_holds).map(Option::unwrap_or_default).collect()
}
