//! What groups come to, bucket by bucket. A group has no cell in a bucket in which it used nothing.

use std::collections::HashMap;
use std::hash::Hash;

use super::score::{Spread, score};
use super::{Change, Changed, Period};
use crate::HistoryError;

/// Numbers of a cell.
pub(crate) const NUMBERS: usize = 4;

/// Cells in memory: some 50 MB.
const MOST_CELLS: usize = 1_000_000;

/// What a number is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    pub(crate) column: &'static str,
    /// Sums are divided by the milliseconds that were recorded, times this.
    pub(crate) rate: Option<f64>,
    /// What nobody would look at.
    pub(crate) least: f64,
}

/// Groups by key.
pub(crate) struct Cells<K> {
    numbers: &'static [Number],
    by_key: HashMap<K, usize>,
    groups: Vec<Group>,
    count: usize,
}

#[derive(Debug, Default)]
struct Group {
    /// Of the range and of the time before, by bucket.
    cells: [Vec<Cell>; 2],
    /// Which numbers any row had.
    known: [bool; NUMBERS],
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    bucket: usize,
    sums: [f64; NUMBERS],
}

impl<K: Hash + Eq> Cells<K> {
    pub(crate) fn new(numbers: &'static [Number]) -> Self {
        Self { numbers, by_key: HashMap::new(), groups: Vec::new(), count: 0 }
    }

    /// The number of a group.
    pub(crate) fn group(&mut self, key: K) -> usize {
        let groups = &mut self.groups;
        *self.by_key.entry(key).or_insert_with(|| {
            groups.push(Group::default());
            groups.len() - 1
        })
    }

    /// Adds to what a group used in a bucket of a period.
    pub(crate) fn add(
        &mut self,
        group: usize,
        (period, bucket): (usize, usize),
        number: usize,
        value: f64,
    ) -> Result<(), HistoryError> {
        let Some(group) = self.groups.get_mut(group) else { return Ok(()) };
        group.known[number] = true;
        let cells = &mut group.cells[period];
        let place = match cells.binary_search_by_key(&bucket, |cell| cell.bucket) {
            Ok(place) => place,
            Err(place) => {
                self.count += 1;
                if self.count > MOST_CELLS {
                    return Err(HistoryError::TooManyEntities);
                }
                cells.insert(place, Cell { bucket, sums: [0.0; NUMBERS] });
                place
            }
        };
        cells[place].sums[number] += value;
        Ok(())
    }

    /// How each group changed.
    pub(crate) fn changed<T>(self, periods: &[Period; 2], label: impl Fn(K, usize) -> T) -> Vec<Changed<T>> {
        let groups = self.by_key.into_iter();
        groups
            .filter_map(|(key, number)| {
                let group = self.groups.get(number)?;
                let changes = self.numbers.iter().enumerate().filter(|(place, _)| group.known[*place]);
                let changes = changes.filter_map(|(place, number)| group.change(periods, place, number));
                let changes = changes.collect();
                Some(Changed::new(label(key, number), changes))
            })
            .collect()
    }
}

impl Group {
    fn change(&self, periods: &[Period; 2], place: usize, number: &Number) -> Option<Change> {
        let [now, before] = [0, 1].map(|period| self.spread(period, &periods[period], place, number));
        let (now, before) = (now?, before?);
        Some(Change {
            column: number.column,
            value: now.average,
            before: before.average,
            spread: before.deviation,
            score: score(now.average, before, number.least),
        })
    }

    /// Over all buckets that were recorded; where there is no cell it was nothing.
    fn spread(&self, period: usize, of: &Period, place: usize, number: &Number) -> Option<Spread> {
        let mut values = vec![0.0; of.covered_ms.len()];
        for cell in &self.cells[period] {
            if let Some(value) = values.get_mut(cell.bucket) {
                *value = cell.sums[place];
            }
        }
        let weighted = values.iter().zip(&of.covered_ms).map(|(value, covered_ms)| {
            let weight = *covered_ms as f64;
            match number.rate {
                Some(factor) if weight > 0.0 => (value * factor / weight, weight),
                _ => (*value, weight),
            }
        });
        Spread::of(weighted)
    }
}
