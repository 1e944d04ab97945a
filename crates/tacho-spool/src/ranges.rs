//! Sets of sequence numbers, from which numbers are taken out again.

use std::ops::RangeInclusive;

/// A set of `u64` kept as sorted, disjoint, non-adjacent inclusive ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    ranges: Vec<(u64, u64)>,
}

impl Ranges {
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many numbers are in the set.
    pub fn len(&self) -> u64 {
        self.ranges.iter().fold(0, |sum, (first, last)| sum.saturating_add((last - first).saturating_add(1)))
    }

    pub fn last(&self) -> Option<u64> {
        self.ranges.last().map(|(_, last)| *last)
    }

    pub fn contains(&self, number: u64) -> bool {
        let at = self.ranges.partition_point(|(_, last)| *last < number);
        self.ranges.get(at).is_some_and(|(first, _)| *first <= number)
    }

    /// Adds all numbers of a range; a reversed range adds none.
    pub fn insert(&mut self, range: RangeInclusive<u64>) {
        let (mut first, mut last) = range.into_inner();
        if first > last {
            return;
        }
        let begin = self.ranges.partition_point(|(_, end)| *end < first.saturating_sub(1));
        let end = self.ranges.partition_point(|(start, _)| *start <= last.saturating_add(1));
        if let Some([(left, ..), ..]) = self.ranges.get(begin..end) {
            first = first.min(*left);
        }
        if let Some([.., (_, right)]) = self.ranges.get(begin..end) {
            last = last.max(*right);
        }
        self.ranges.splice(begin..end.max(begin), [(first, last)]);
    }

    /// Takes all numbers of a range out; a reversed range takes none.
    pub fn remove(&mut self, range: RangeInclusive<u64>) {
        let (first, last) = range.into_inner();
        if first > last {
            return;
        }
        let begin = self.ranges.partition_point(|(_, end)| *end < first);
        let end = self.ranges.partition_point(|(start, _)| *start <= last);
        let Some(touched) = self.ranges.get(begin..end.max(begin)) else { return };
        let mut left_over = Vec::new();
        if let Some((start, _)) = touched.first()
            && *start < first
        {
            left_over.push((*start, first - 1));
        }
        if let Some((_, stop)) = touched.last()
            && *stop > last
        {
            left_over.push((last + 1, *stop));
        }
        self.ranges.splice(begin..end.max(begin), left_over);
    }

    /// The ranges in ascending order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RangeInclusive<u64>> + '_ {
        self.ranges.iter().map(|(first, last)| *first..=*last)
    }
}

impl FromIterator<RangeInclusive<u64>> for Ranges {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u64>>>(ranges: I) -> Self {
        let mut set = Self::default();
        ranges.into_iter().for_each(|range| set.insert(range));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It behaves as a set of numbers does, and its ranges stay sorted, disjoint and not adjacent.
        #[test]
        fn behaves_as_a_set(steps in proptest::collection::vec((any::<bool>(), 0u64..50, 0u64..8), 0..60)) {
            let (mut set, mut model) = (Ranges::default(), BTreeSet::new());
            for (adds, first, length) in steps {
                if adds {
                    set.insert(first..=first + length);
                    model.extend(first..=first + length);
                } else {
                    set.remove(first..=first + length);
                    model.retain(|number| *number < first || *number > first + length);
                }
                prop_assert_eq!(set.iter().flatten().collect::<BTreeSet<_>>(), model.clone());
            }
            prop_assert_eq!(set.len(), model.len() as u64);
            prop_assert_eq!(set.last(), model.last().copied());
            prop_assert!(set.ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            for number in 0..70 {
                prop_assert_eq!(set.contains(number), model.contains(&number));
            }
        }
    }

    #[test]
    fn the_ends_of_the_numbers_are_in_reach() {
        let mut set: Ranges = [0..=u64::MAX].into_iter().collect();
        assert_eq!((set.len(), set.last()), (u64::MAX, Some(u64::MAX)));
        set.remove(u64::MAX..=u64::MAX);
        set.remove(0..=0);
        assert_eq!(set.iter().collect::<Vec<_>>(), [1..=u64::MAX - 1]);
    }
}
