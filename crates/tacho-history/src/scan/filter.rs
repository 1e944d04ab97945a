//! Keeps exactly the rows that are asked for.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
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
        let holds = match self {
            Self::Between(from, to) => integers(column, |value| *from <= value && value < *to),
            Self::Integer(wanted) => integers(column, |value| value == *wanted),
            Self::OneOf(wanted) => integers(column, |value| wanted.binary_search(&value).is_ok()),
            Self::Text(wanted) => texts(column, |text| text == wanted),
            Self::Hosts(hosts) => texts(column, |id| hosts.include(id)),
            Self::Matching(wanted) => texts(column, |text| wanted.holds(text)),
            Self::Never => BooleanBuffer::new_unset(column.len()),
        };
        (holds.count_set_bits() < holds.len()).then(|| BooleanArray::from(holds))
    }
}

fn integers(column: &ArrayRef, holds: impl Fn(i64) -> bool) -> BooleanBuffer {
    let values = crate::columns::integers(column);
    present(column, BooleanBuffer::collect_bool(values.len(), |row| holds(values[row])))
}

fn texts(column: &ArrayRef, holds: impl Fn(&str) -> bool) -> BooleanBuffer {
    let dictionary = column.as_dictionary::<Int32Type>();
    let (keys, values) = (dictionary.keys().values(), dictionary.values().as_string::<i32>());
    // Once per text and not once per row, and only for those that occur: a dictionary is that of a whole row group. What
    // an absent text has for a key means nothing.
    let mut known: Vec<Option<bool>> = vec![None; values.len()];
    let mut key_holds = |key: i32| {
        let key = usize::try_from(key).ok()?;
        Some(*known.get_mut(key)?.get_or_insert_with(|| holds(values.value(key))))
    };
    // Rows are sorted: one has mostly the text of the one before.
    let mut last: Option<(i32, bool)> = None;
    let row_holds = |row: usize| match last {
        Some((key, holds)) if key == keys[row] => holds,
        _ => last.insert((keys[row], key_holds(keys[row]).unwrap_or_default())).1,
    };
    present(column, BooleanBuffer::collect_bool(keys.len(), row_holds))
}

/// Without rows whose value is absent.
fn present(column: &ArrayRef, holds: BooleanBuffer) -> BooleanBuffer {
    match column.nulls() {
        Some(nulls) => &holds & nulls.inner(),
        None => holds,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{DictionaryArray, Int64Array};
    use proptest::prelude::*;

    use super::*;

    fn bits(condition: &Condition, column: ArrayRef) -> Vec<bool> {
        let count = column.len();
        condition
            .mask(&column)
            .map_or(vec![true; count], |mask| (0..count).map(|row| mask.value(row)).collect())
    }

    proptest! {
        #[test]
        fn integers_hold_where_they_are_there_and_fulfil_it(values in prop::collection::vec(prop::option::of(-3i64..4), 0..200)) {
            let column: ArrayRef = Arc::new(Int64Array::from(values.clone()));
            let of = |holds: fn(i64) -> bool| values.iter().map(|value| value.is_some_and(holds)).collect::<Vec<_>>();
            prop_assert_eq!(bits(&Condition::Between(-1, 2), column.clone()), of(|value| (-1..2).contains(&value)));
            prop_assert_eq!(bits(&Condition::Integer(0), column.clone()), of(|value| value == 0));
            prop_assert_eq!(bits(&Condition::OneOf(vec![-3, 3]), column.clone()), of(|value| value.abs() == 3));
            prop_assert_eq!(bits(&Condition::Never, column), of(|_| false));
        }

        #[test]
        fn texts_hold_where_they_are_there_and_fulfil_it(values in prop::collection::vec(prop::option::of("[ab]{0,2}"), 0..200)) {
            let column: DictionaryArray<Int32Type> = values.iter().map(|value| value.as_deref()).collect();
            let of = |holds: fn(&str) -> bool| values.iter().map(|value| value.as_deref().is_some_and(holds)).collect::<Vec<_>>();
            let column: ArrayRef = Arc::new(column);
            prop_assert_eq!(bits(&Condition::Text("ab".to_owned()), column.clone()), of(|text| text == "ab"));
            prop_assert_eq!(bits(&Condition::Matching(TextMatch::containing("B")), column), of(|text| text.contains('b')));
        }
    }
}
