//! Which row groups and pages of a file can hold rows that are asked for.
//!
//! Conservative: a page without statistics is kept, and so is one whose bounds were shortened. Rows are
//! filtered exactly after decoding.

use std::ops::Range;

use parquet::arrow::arrow_reader::RowSelection;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;

use super::metadata::{FileMeta, GroupMeta};

/// What rows must fulfil.
#[derive(Debug, Clone)]
pub(crate) enum Predicate {
    /// Between the two, both included.
    Integer { column: usize, min: i64, max: i64 },
    /// One of these, ascending.
    OneOf { column: usize, values: Vec<i64> },
    /// Between the two, both included; without one there is no limit.
    Text { column: usize, least: Option<String>, greatest: Option<String> },
}

/// What of a row group has to be decoded.
#[derive(Debug)]
pub(crate) struct Selected {
    /// `None` for all of it.
    pub(crate) selection: Option<RowSelection>,
    pub(crate) rows: usize,
}

/// Row groups in which rows may be.
pub(crate) fn row_groups(meta: &FileMeta, predicates: &[Predicate]) -> Vec<usize> {
    let row_groups = meta.reader.metadata().row_groups().iter().enumerate();
    let may_hold = |row_group| predicates.iter().all(|predicate| predicate.may_hold_in(meta, row_group));
    row_groups.filter(|(_, row_group)| may_hold(row_group)).map(|(index, _)| index).collect()
}

/// What of one of them has to be decoded; `None` when that is nothing.
pub(crate) fn select(meta: &FileMeta, group: &GroupMeta, predicates: &[Predicate]) -> Option<Selected> {
    let rows = group.rows();
    let all = std::iter::once(0..rows).collect();
    let kept = predicates
        .iter()
        .fold(all, |kept: Vec<_>, predicate| intersect(&kept, &predicate.pages(meta, group, rows)));
    let kept_rows: usize = kept.iter().map(ExactSizeIterator::len).sum();
    if kept_rows == 0 {
        return None;
    }
    let part = kept_rows < rows;
    let selection = part.then(|| RowSelection::from_consecutive_ranges(kept.into_iter(), rows));
    Some(Selected { selection, rows: kept_rows })
}

impl Predicate {
    pub(crate) fn text(column: usize, (least, greatest): (Option<&str>, Option<&str>)) -> Self {
        Self::Text { column, least: least.map(str::to_owned), greatest: greatest.map(str::to_owned) }
    }

    fn column(&self) -> usize {
        match self {
            Self::Integer { column, .. } | Self::OneOf { column, .. } | Self::Text { column, .. } => *column,
        }
    }

    fn may_hold_in(&self, meta: &FileMeta, row_group: &RowGroupMetaData) -> bool {
        // A file without the column has no row with a value in it.
        let Some(leaf) = meta.leaf(self.column()) else { return false };
        let Some(statistics) = row_group.columns().get(leaf).and_then(|column| column.statistics()) else {
            return true;
        };
        match (self, statistics) {
            (Self::Integer { min, max, .. }, Statistics::Int64(values)) => {
                overlaps(values.min_opt(), values.max_opt(), Some(min), Some(max))
            }
            (Self::OneOf { values: wanted, .. }, Statistics::Int64(values)) => {
                one_between(wanted, values.min_opt(), values.max_opt())
            }
            (Self::Text { least, greatest, .. }, Statistics::ByteArray(_)) => {
                let (least, greatest) = (bytes(least), bytes(greatest));
                overlaps(statistics.min_bytes_opt(), statistics.max_bytes_opt(), least, greatest)
            }
            _ => true,
        }
    }

    /// Rows of the pages of the one row group in which it may hold.
    fn pages(&self, meta: &FileMeta, group: &GroupMeta, rows: usize) -> Vec<Range<usize>> {
        let all = || std::iter::once(0..rows).collect();
        let Some(leaf) = meta.leaf(self.column()) else { return Vec::new() };
        let pages = group.pages(leaf).and_then(|pages| pages.places.as_ref().zip(pages.bounds.as_ref()));
        let Some((places, bounds)) = pages else { return all() };
        let start = |page: usize| {
            let place = places.get(page);
            place.map_or(rows, |place| usize::try_from(place.first_row_index).unwrap_or_default().min(rows))
        };
        let pages = (0..places.len()).filter(|page| self.may_hold_in_page(bounds, *page));
        pages.map(|page| start(page)..start(page + 1)).filter(|range| !range.is_empty()).collect()
    }

    fn may_hold_in_page(&self, index: &ColumnIndexMetaData, page: usize) -> bool {
        if page as u64 >= index.num_pages() {
            return true;
        }
        match (self, index) {
            (Self::Integer { min, max, .. }, ColumnIndexMetaData::INT64(index)) => {
                // No bounds here means that all values are absent.
                index.min_value(page).is_some()
                    && overlaps(index.min_value(page), index.max_value(page), Some(min), Some(max))
            }
            (Self::OneOf { values, .. }, ColumnIndexMetaData::INT64(index)) => {
                index.min_value(page).is_some_and(|min| one_between(values, Some(min), index.max_value(page)))
            }
            (Self::Text { least, greatest, .. }, ColumnIndexMetaData::BYTE_ARRAY(index)) => {
                let (least, greatest) = (bytes(least), bytes(greatest));
                index.min_value(page).is_some()
                    && overlaps(index.min_value(page), index.max_value(page), least, greatest)
            }
            _ => true,
        }
    }
}

fn bytes(text: &Option<String>) -> Option<&[u8]> {
    text.as_ref().map(String::as_bytes)
}

/// Could a value between `least` and `greatest` be between `min` and `max`? What is not known excludes nothing.
fn overlaps<T: PartialOrd + ?Sized>(
    least: Option<&T>,
    greatest: Option<&T>,
    min: Option<&T>,
    max: Option<&T>,
) -> bool {
    let in_order = |low: Option<&T>, high: Option<&T>| low.zip(high).is_none_or(|(low, high)| low <= high);
    in_order(least, max) && in_order(min, greatest)
}

/// Could one of these, ascending, be between the two? What is not known excludes nothing.
fn one_between(values: &[i64], least: Option<&i64>, greatest: Option<&i64>) -> bool {
    let next = values.partition_point(|value| least.is_some_and(|least| value < least));
    values.get(next).is_some_and(|value| greatest.is_none_or(|greatest| value <= greatest))
}

/// Rows that are in both; both ascending and without overlap.
fn intersect(left: &[Range<usize>], right: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut both = Vec::new();
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (left.get(i), right.get(j)) {
        let range = a.start.max(b.start)..a.end.min(b.end);
        if !range.is_empty() {
            both.push(range);
        }
        if a.end <= b.end {
            i += 1;
        } else {
            j += 1;
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranges() -> impl Strategy<Value = Vec<Range<usize>>> {
        proptest::collection::btree_set(0usize..40, 0..10).prop_map(|edges| {
            let edges: Vec<_> = edges.into_iter().collect();
            edges.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect()
        })
    }

    proptest! {
        #[test]
        fn an_intersection_has_what_both_have(left in ranges(), right in ranges()) {
            let has = |ranges: &[Range<usize>], row| ranges.iter().any(|range| range.contains(&row));
            let both = intersect(&left, &right);
            for row in 0..40 {
                prop_assert_eq!(has(&both, row), has(&left, row) && has(&right, row));
            }
        }
    }

    #[test]
    fn one_of_some_values_is_between_bounds() {
        for (least, greatest, is) in
            [(0, 2, false), (0, 3, true), (4, 6, false), (4, 7, true), (8, 9, false), (3, 3, true)]
        {
            assert_eq!(one_between(&[3, 7], Some(&least), Some(&greatest)), is, "{least} to {greatest}");
        }
        assert!(one_between(&[3], None, None) && !one_between(&[], None, None));
        assert!(one_between(&[3], Some(&2), None) && !one_between(&[3], Some(&4), None));
    }

    #[test]
    fn bounds_that_are_not_known_exclude_nothing() {
        assert!(
            overlaps::<i64>(None, None, Some(&1), Some(&2)) && overlaps(Some(&2), None, Some(&1), Some(&2))
        );
        assert!(overlaps(Some(&3), Some(&4), None, None) && overlaps(Some(&3), Some(&4), Some(&4), None));
        assert!(
            !overlaps(Some(&3), None, Some(&1), Some(&2)) && !overlaps(None, Some(&0), Some(&1), Some(&2))
        );
    }
}
