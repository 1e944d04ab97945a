//! Of which of the last day each host has snapshots: what the list of hosts tells of gaps. Held in memory, as ranges
//! of time that grow with each snapshot, so that asking for all hosts reads nothing; after a start it is looked up
//! once in the history. Why something is missing is not told here, but by the map of one host's gaps.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::host::GRACE_MS;

/// How far back gaps are counted.
pub const DAY_MS: i64 = 24 * 3_600_000;

/// Ranges kept of one host; the two that are least apart become one when there are more.
const RANGES: usize = 256;

/// Of a snapshot that is the first of its agent's start: something was collected, whatever it covers.
const FIRST_COVERS_MS: i64 = 1_000;

/// A snapshot covers at most so many intervals: one that was taken after the machine slept says nothing of the time
/// in between, though its deltas do.
const MOST_INTERVALS: i64 = 3;

/// Holes that are shorter are none, or half an interval: clocks that were put right, and snapshots that came a little
/// late, make those.
const SLACK_MS: i64 = 2_500;

/// Stretches of the last day without snapshots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Missing {
    pub gaps: u32,
    pub missing_ms: i64,
}

/// The last day of every host. Clones share it.
#[derive(Clone)]
pub struct Coverages {
    inner: Arc<Inner>,
}

struct Inner {
    /// Of hosts that joined later everything has been seen.
    started_ms: i64,
    by_host: Mutex<HashMap<Arc<str>, Coverage>>,
}

/// The last day of one host.
#[derive(Debug, Default)]
struct Coverage {
    /// Exclusive starts and inclusive ends of what snapshots cover, by time, none touching another.
    ranges: Vec<(i64, i64)>,
    /// What its snapshots usually cover; 0 while that is not known.
    usual_ms: i64,
    newest_interval_ms: i64,
    /// The history of before the start is in it.
    is_whole: bool,
}

impl Coverages {
    pub(super) fn new(now_ms: i64) -> Self {
        Self { inner: Arc::new(Inner { started_ms: now_ms, by_host: Mutex::default() }) }
    }

    /// A snapshot is there; `interval_ms` is what it covers, 0 where it is the first.
    pub(super) fn add(&self, host_id: &Arc<str>, time_ms: i64, interval_ms: i64, now_ms: i64) {
        let mut hosts = self.lock();
        let coverage = match hosts.get_mut(host_id) {
            Some(coverage) => coverage,
            None => hosts.entry(Arc::clone(host_id)).or_default(),
        };
        coverage.add(time_ms, interval_ms);
        coverage.forget_before(now_ms.saturating_sub(DAY_MS));
    }

    /// Times and intervals of a host's stored snapshots of the last day, in order: all that were stored before the
    /// start are among them.
    pub fn look_back(&self, host_id: &Arc<str>, stored: impl Iterator<Item = (i64, i64)>) {
        let mut before = Coverage::default();
        stored.for_each(|(time_ms, interval_ms)| before.add(time_ms, interval_ms));
        let mut hosts = self.lock();
        let coverage = hosts.entry(Arc::clone(host_id)).or_default();
        if coverage.usual_ms == 0 {
            coverage.usual_ms = before.usual_ms;
        }
        for (from_ms, to_ms) in before.ranges {
            coverage.insert(from_ms, to_ms);
        }
        coverage.is_whole = true;
    }

    /// What is missing of a host that joined at `created_ms`; absent until that is known, and of one that has never
    /// sent anything.
    pub fn missing(&self, host_id: &str, created_ms: i64, now_ms: i64) -> Option<Missing> {
        let is_new = created_ms >= self.inner.started_ms;
        let hosts = self.lock();
        let coverage = hosts.get(host_id).filter(|coverage| coverage.is_whole || is_new)?;
        coverage.missing(created_ms, now_ms)
    }

    pub(super) fn forget(&self, host_id: &str) {
        self.lock().remove(host_id);
    }

    // No code panics while it holds the lock; were it to, the map would still be whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Coverage>> {
        self.inner.by_host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Coverage {
    fn add(&mut self, time_ms: i64, interval_ms: i64) {
        let covers_ms = self.covers_ms(interval_ms);
        self.insert(time_ms.saturating_sub(covers_ms), time_ms);
    }

    fn covers_ms(&mut self, interval_ms: i64) -> i64 {
        if interval_ms <= 0 {
            return FIRST_COVERS_MS;
        }
        let most_ms = self.usual_ms.saturating_mul(MOST_INTERVALS);
        // Twice in a row, it is a setting that changed.
        let is_usual = self.usual_ms == 0
            || interval_ms <= most_ms
            || interval_ms <= self.newest_interval_ms.saturating_mul(2);
        self.newest_interval_ms = interval_ms;
        if !is_usual {
            return most_ms;
        }
        self.usual_ms = interval_ms;
        interval_ms
    }

    fn slack_ms(&self) -> i64 {
        (self.usual_ms / 2).max(SLACK_MS)
    }

    fn insert(&mut self, mut from_ms: i64, mut to_ms: i64) {
        let slack_ms = self.slack_ms();
        let first = self.ranges.partition_point(|(_, end_ms)| end_ms.saturating_add(slack_ms) < from_ms);
        let mut after = first;
        while let Some((begin_ms, end_ms)) = self.ranges.get(after)
            && begin_ms.saturating_sub(slack_ms) <= to_ms
        {
            (from_ms, to_ms) = (from_ms.min(*begin_ms), to_ms.max(*end_ms));
            after += 1;
        }
        self.ranges.splice(first..after, [(from_ms, to_ms)]);
        if self.ranges.len() > RANGES {
            self.melt();
        }
    }

    /// The two ranges that are least apart become one.
    fn melt(&mut self) {
        let holes = self.ranges.windows(2).enumerate();
        let shortest = holes.min_by_key(|(_, pair)| pair[1].0.saturating_sub(pair[0].1));
        let Some(at) = shortest.map(|(at, _)| at) else { return };
        let (_, end_ms) = self.ranges.remove(at + 1);
        self.ranges[at].1 = end_ms;
    }

    fn forget_before(&mut self, before_ms: i64) {
        let gone = self.ranges.partition_point(|(_, end_ms)| *end_ms < before_ms);
        self.ranges.drain(..gone);
    }

    fn missing(&self, created_ms: i64, now_ms: i64) -> Option<Missing> {
        let day_ms = now_ms.saturating_sub(DAY_MS);
        let begin_ms = match self.ranges.first() {
            // What was before its first snapshot is no gap.
            Some((first_ms, _)) if created_ms > day_ms => *first_ms,
            None if created_ms > day_ms => return None,
            _ => day_ms,
        };
        let end_ms = self.end_ms(now_ms);
        let mut missing = Missing::default();
        let mut at_ms = begin_ms;
        for (from_ms, to_ms) in self.ranges.iter().copied().chain([(end_ms, end_ms)]) {
            let hole_ms = from_ms.min(end_ms).saturating_sub(at_ms);
            if hole_ms > 0 {
                missing.gaps = missing.gaps.saturating_add(1);
                missing.missing_ms = missing.missing_ms.saturating_add(hole_ms);
            }
            at_ms = at_ms.max(to_ms);
        }
        Some(missing)
    }

    /// Up to where something can be said: a snapshot that is not overdue is not missing.
    fn end_ms(&self, now_ms: i64) -> i64 {
        let overdue_ms = self.usual_ms.saturating_mul(3).saturating_add(GRACE_MS);
        match self.ranges.last() {
            Some((_, newest_ms)) if now_ms.saturating_sub(*newest_ms) < overdue_ms => now_ms.min(*newest_ms),
            _ => now_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 100 * DAY_MS;
    const MINUTE: i64 = 60_000;

    /// A host that joined long ago, with snapshots of every five seconds in these minutes before now.
    fn host(minutes: &[(i64, i64)]) -> Coverage {
        let mut coverage = Coverage::default();
        for (from, to) in minutes {
            let (from_ms, to_ms) = (NOW - from * MINUTE, NOW - to * MINUTE);
            coverage.add(from_ms, 0);
            (from_ms / 5_000 + 1..=to_ms / 5_000).for_each(|at| coverage.add(at * 5_000, 5_000));
        }
        coverage
    }

    fn check(coverage: &Coverage, gaps: u32, missing_ms: i64) {
        assert_eq!(coverage.missing(0, NOW), Some(Missing { gaps, missing_ms }));
    }

    #[test]
    fn a_whole_day_misses_nothing() {
        let whole = host(&[(25 * 60, 0)]);
        check(&whole, 0, 0);
        assert_eq!(whole.ranges.len(), 1);
    }

    #[test]
    fn what_was_not_recorded_is_missing() {
        // The first snapshot after a start covers a second.
        check(&host(&[(25 * 60, 60), (50, 0)]), 1, 10 * MINUTE - 1_000);
        check(&host(&[(25 * 60, 60), (50, 40), (30, 0)]), 2, 20 * MINUTE - 2_000);
        // From the beginning of the day, and until now.
        check(&host(&[(23 * 60, 0)]), 1, 60 * MINUTE - 1_000);
        check(&host(&[(25 * 60, 60)]), 1, 60 * MINUTE);
        check(&host(&[]), 1, DAY_MS);
    }

    #[test]
    fn a_snapshot_that_is_not_overdue_is_not_missing() {
        let mut coverage = host(&[(25 * 60, 1)]);
        coverage.add(NOW - 24_000, 36_000);
        check(&coverage, 1, MINUTE - 24_000 - 15_000);
        let later = coverage.missing(0, NOW + 2_000);
        assert_eq!(later.map(|missing| missing.gaps), Some(2), "and then it is");
    }

    #[test]
    fn what_comes_late_fills_the_gap_in_any_order() {
        let mut coverage = host(&[(25 * 60, 60), (50, 0)]);
        for at in (NOW - 60 * MINUTE) / 5_000..=(NOW - 50 * MINUTE) / 5_000 {
            // Every other one first.
            let at = if at % 2 == 0 { at } else { (2 * NOW - 110 * MINUTE) / 5_000 - at };
            coverage.add(at * 5_000, 5_000);
        }
        check(&coverage, 0, 0);
        assert_eq!(coverage.ranges.len(), 1);
    }

    #[test]
    fn a_machine_that_slept_recorded_nothing_and_a_longer_interval_is_none() {
        let mut slept = host(&[(25 * 60, 60)]);
        slept.add(NOW - 30 * MINUTE, 30 * MINUTE);
        (1..=360).for_each(|at| slept.add(NOW - 30 * MINUTE + at * 5_000, 5_000));
        check(&slept, 1, 30 * MINUTE - 15_000);
        let mut changed = host(&[(25 * 60, 60)]);
        (1..=60).for_each(|at| changed.add(NOW - (60 - at) * MINUTE, MINUTE));
        check(&changed, 1, MINUTE - 15_000);
    }

    #[test]
    fn before_its_first_snapshot_a_new_host_misses_nothing() {
        let coverage = host(&[(120, 0)]);
        let created_ms = NOW - 121 * MINUTE;
        assert_eq!(coverage.missing(created_ms, NOW), Some(Missing::default()));
        assert_eq!(host(&[]).missing(created_ms, NOW), None, "nothing is known");
    }

    #[test]
    fn ranges_are_bounded_and_old_ones_are_forgotten() {
        let mut coverage = Coverage::default();
        (0..600).for_each(|at| coverage.add(NOW - DAY_MS + at * MINUTE + at % 7, 5_000));
        assert_eq!(coverage.ranges.len(), RANGES);
        coverage.forget_before(NOW);
        assert_eq!(coverage.ranges.len(), 0);
    }

    #[test]
    fn until_the_history_was_looked_through_nothing_is_told_of_hosts_that_were_there_before() {
        let coverages = Coverages::new(NOW);
        let (old, new): (Arc<str>, Arc<str>) = ("old".into(), "new".into());
        coverages.add(&old, NOW, 5_000, NOW);
        coverages.add(&new, NOW + 5_000, 0, NOW + 5_000);
        assert_eq!(coverages.missing("old", 0, NOW), None);
        assert_eq!(coverages.missing("new", NOW + 1_000, NOW + 6_000), Some(Missing::default()));
        let stored = (0..DAY_MS / 5_000).map(|at| (NOW - DAY_MS + at * 5_000, 5_000));
        coverages.look_back(&old, stored);
        assert_eq!(coverages.missing("old", 0, NOW), Some(Missing::default()));
        coverages.forget("old");
        assert_eq!(coverages.missing("old", 0, NOW), None);
    }
}
