//! Sets of sequence numbers as ranges: what of a stream was received, committed, acknowledged.

use std::ops::RangeInclusive;

/// A set of `u64` kept as sorted, disjoint, non-adjacent inclusive ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SequenceSet {
    ranges: Vec<(u64, u64)>,
}

impl SequenceSet {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many numbers are in the set.
    pub fn len(&self) -> u64 {
        self.ranges.iter().fold(0, |sum, (first, last)| sum.saturating_add((last - first).saturating_add(1)))
    }

    pub fn contains(&self, sequence: u64) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= sequence);
        after.checked_sub(1).and_then(|i| self.ranges.get(i)).is_some_and(|(_, last)| sequence <= *last)
    }

    /// Adds one number; `false` when it was there before.
    pub fn insert(&mut self, sequence: u64) -> bool {
        if self.contains(sequence) {
            return false;
        }
        self.insert_range(sequence..=sequence);
        true
    }

    /// Adds all numbers of a range; an empty (reversed) range adds none.
    pub fn insert_range(&mut self, range: RangeInclusive<u64>) {
        let (mut first, mut last) = (*range.start(), *range.end());
        if first > last {
            return;
        }
        // Everything that overlaps or touches [first, last] melts into it.
        let begin = self.ranges.partition_point(|(_, end)| *end < first.saturating_sub(1));
        let end = self.ranges.partition_point(|(start, _)| *start <= last.saturating_add(1));
        if let Some(touched) = self.ranges.get(begin..end)
            && let (Some(left), Some(right)) = (touched.first(), touched.last())
        {
            first = first.min(left.0);
            last = last.max(right.1);
        }
        self.ranges.splice(begin..end, [(first, last)]);
    }

    /// Adds all numbers of another set.
    pub fn extend(&mut self, other: &Self) {
        for range in other.ranges() {
            self.insert_range(range);
        }
    }

    /// What is in this set and not in `other`.
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Self::new();
        let mut others = other.ranges.iter().copied().peekable();
        for (mut first, last) in self.ranges.iter().copied() {
            // Those that end before this range do so before all that follow.
            while others.next_if(|(_, end)| *end < first).is_some() {}
            let mut done = false;
            while let Some((start, end)) = others.peek().copied().filter(|(start, _)| *start <= last) {
                if start > first {
                    left.ranges.push((first, start - 1));
                }
                if end >= last {
                    done = true;
                    break;
                }
                first = end + 1;
                others.next();
            }
            if !done {
                left.ranges.push((first, last));
            }
        }
        left
    }

    /// How many ranges it takes to write the set down.
    pub fn range_count(&self) -> usize {
        self.ranges.len()
    }

    /// The ranges in ascending order.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = RangeInclusive<u64>> + '_ {
        self.ranges.iter().map(|(first, last)| *first..=*last)
    }
}

impl FromIterator<RangeInclusive<u64>> for SequenceSet {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u64>>>(ranges: I) -> Self {
        let mut set = Self::new();
        for range in ranges {
            set.insert_range(range);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The set behaves as a set of numbers does, and its ranges stay sorted, disjoint and not adjacent.
        #[test]
        fn behaves_as_a_set(inserts in proptest::collection::vec((0u64..60, 0u64..8), 0..40)) {
            let mut set = SequenceSet::new();
            let mut model = BTreeSet::new();
            for (first, length) in inserts {
                if length == 0 {
                    prop_assert_eq!(set.insert(first), model.insert(first));
                } else {
                    set.insert_range(first..=first + length);
                    model.extend(first..=first + length);
                }
            }
            prop_assert_eq!(set.len(), model.len() as u64);
            for number in 0..70 {
                prop_assert_eq!(set.contains(number), model.contains(&number));
            }
            let ranges: Vec<_> = set.ranges().collect();
            for pair in ranges.windows(2) {
                prop_assert!(*pair[0].end() + 1 < *pair[1].start());
            }
            let again: SequenceSet = ranges.into_iter().collect();
            prop_assert_eq!(again, set);
        }

        #[test]
        fn what_is_left_of_a_set_is_in_one_and_not_in_the_other(
            one in proptest::collection::vec((0u64..60, 0u64..8), 0..20),
            other in proptest::collection::vec((0u64..60, 0u64..8), 0..20),
        ) {
            let set = |ranges: &[(u64, u64)]| -> SequenceSet {
                ranges.iter().map(|(first, length)| *first..=first + length).collect()
            };
            let (one, other) = (set(&one), set(&other));
            let left = one.difference(&other);
            for number in 0..80 {
                prop_assert_eq!(left.contains(number), one.contains(number) && !other.contains(number));
            }
            let again: SequenceSet = left.ranges().collect();
            prop_assert_eq!(again, left);
        }
    }

    #[test]
    fn the_ends_of_the_number_line_do_not_overflow() {
        let mut set = SequenceSet::new();
        set.insert_range(u64::MAX - 1..=u64::MAX);
        set.insert_range(0..=0);
        assert!(set.contains(u64::MAX) && set.contains(0) && !set.contains(1));
        set.insert_range(0..=u64::MAX);
        assert_eq!(set.ranges().collect::<Vec<_>>(), [0..=u64::MAX]);
        let ends: SequenceSet = [0..=0, u64::MAX..=u64::MAX].into_iter().collect();
        assert_eq!(set.difference(&ends).ranges().collect::<Vec<_>>(), [1..=u64::MAX - 1]);
        assert!(ends.difference(&set).is_empty());
    }
}
