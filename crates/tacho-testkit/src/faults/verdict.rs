//! What was recorded against what is stored and what was reported as dropped: the counts of a run.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::truth::{Fingerprint, FrameKey, Produced};

/// A `host` row of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRow {
    pub time_ms: i64,
    pub fingerprint: Fingerprint,
}

/// Frames that an agent reported as dropped, inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedGap {
    pub stream: String,
    pub first: u64,
    pub last: u64,
    pub reason: String,
}

/// What became of the frames of one agent, or of all together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that the agent's log tells of.
    pub produced: u64,
    /// Of those, how many are in the history.
    pub stored: u64,
    /// Rows beyond the first of a frame.
    pub duplicates: u64,
    /// Of those produced and not stored, how many the gap map names, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Produced, neither stored nor reported.
    pub missing: u64,
    /// Stored, though the agent was killed before it could write the line of its log.
    pub unlogged: u64,
    /// Reported as dropped and stored all the same.
    pub dropped_and_stored: u64,
    /// The same time twice.
    pub equal_times: u64,
    /// Farthest that the stored time of a frame is from its true time, in milliseconds.
    pub worst_time_ms: i64,
    /// Frames stored with a time that is not after that of one recorded before them, in the same stream.
    pub out_of_order: u64,
    /// The same over all streams of an agent.
    pub overlapping: u64,
}

/// What one agent recorded and what there is of it.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub produced: &'a BTreeMap<FrameKey, Produced>,
    pub rows: &'a [StoredRow],
    pub gaps: &'a [ReportedGap],
    /// True wall time at boot, in milliseconds.
    pub boot_time_ms: i64,
}

/// Counts, and the frames of which nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    pub counts: Counts,
    pub missing: Vec<FrameKey>,
}

impl Counts {
    /// No frame lost without a word, none twice, and none out of nowhere: each start of an agent may have ended
    /// between a frame and its line in the log. And all frames in their order, from stream to stream too: all are of
    /// one boot.
    pub fn are_good(&self, starts: u64) -> bool {
        let is_once = self.missing == 0 && self.duplicates == 0 && self.unlogged <= starts;
        is_once && self.out_of_order == 0 && self.overlapping == 0
    }

    pub fn add(&mut self, other: &Self) {
        self.produced += other.produced;
        self.stored += other.stored;
        self.duplicates += other.duplicates;
        for (reason, count) in &other.dropped {
            *self.dropped.entry(reason.clone()).or_default() += count;
        }
        self.missing += other.missing;
        self.unlogged += other.unlogged;
        self.dropped_and_stored += other.dropped_and_stored;
        self.equal_times += other.equal_times;
        self.worst_time_ms = self.worst_time_ms.max(other.worst_time_ms);
        self.out_of_order += other.out_of_order;
        self.overlapping += other.overlapping;
    }
}

impl Verdict {
    /// Forgets frames that need not be there yet.
    pub fn excuse(&mut self, is_excused: impl Fn(&FrameKey) -> bool) {
        let before = self.missing.len();
        self.missing.retain(|key| !is_excused(key));
        let excused = (before - self.missing.len()) as u64;
        self.counts.missing -= excused;
        self.counts.produced -= excused;
    }
}

/// Compares. A row belongs to the frame with its fingerprint whose time is nearest.
pub fn judge(evidence: Evidence<'_>) -> Verdict {
    let mut rows: HashMap<Fingerprint, Vec<i64>> = HashMap::new();
    for row in evidence.rows {
        rows.entry(row.fingerprint).or_default().push(row.time_ms);
    }
    let mut verdict = Verdict::default();
    let counts = &mut verdict.counts;
    let mut frames: Vec<_> = evidence.produced.iter().collect();
    frames.sort_by_key(|(_, produced)| produced.boot_clock_us);
    let (mut newest, mut newest_of) = (i64::MIN, HashMap::<&str, i64>::new());
    let mut taken: BTreeSet<Fingerprint> = BTreeSet::new();
    for (key, produced) in frames {
        counts.produced += 1;
        let true_ms = evidence.boot_time_ms + i64::try_from(produced.boot_clock_us / 1000).unwrap_or(0);
        let reported = evidence
            .gaps
            .iter()
            .find(|gap| gap.stream == key.stream && (gap.first..=gap.last).contains(&key.sequence));
        taken.insert(produced.fingerprint);
        let Some(time_ms) = take_nearest(&mut rows, produced.fingerprint, true_ms) else {
            match reported {
                Some(gap) => *counts.dropped.entry(gap.reason.clone()).or_default() += 1,
                None => {
                    counts.missing += 1;
                    verdict.missing.push(key.clone());
                }
            }
            continue;
        };
        counts.stored += 1;
        counts.dropped_and_stored += u64::from(reported.is_some());
        counts.worst_time_ms = counts.worst_time_ms.max((time_ms - true_ms).abs());
        let newest_of_stream = newest_of.entry(&key.stream).or_insert(i64::MIN);
        counts.out_of_order += u64::from(time_ms <= *newest_of_stream);
        counts.overlapping += u64::from(time_ms <= newest);
        *newest_of_stream = time_ms.max(*newest_of_stream);
        newest = newest.max(time_ms);
    }
    for (fingerprint, left) in rows {
        let left = left.len() as u64;
        if taken.contains(&fingerprint) {
            counts.duplicates += left;
        } else {
            counts.unlogged += 1;
            counts.duplicates += left.saturating_sub(1);
        }
    }
    counts.equal_times = equal_times(evidence.rows);
    verdict
}

fn take_nearest(rows: &mut HashMap<Fingerprint, Vec<i64>>, wanted: Fingerprint, true_ms: i64) -> Option<i64> {
    let times = rows.get_mut(&wanted)?;
    let (nearest, _) = times.iter().enumerate().min_by_key(|(_, time)| (**time - true_ms).abs())?;
    let time = times.swap_remove(nearest);
    if times.is_empty() {
        rows.remove(&wanted);
    }
    Some(time)
}

fn equal_times(rows: &[StoredRow]) -> u64 {
    let mut times: Vec<i64> = rows.iter().map(|row| row.time_ms).collect();
    let all = times.len();
    times.sort_unstable();
    times.dedup();
    (all - times.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(value: i64) -> Fingerprint {
        Fingerprint { agent_cpu_us: Some(value), memory_available_bytes: None }
    }

    fn produced(values: &[i64]) -> BTreeMap<FrameKey, Produced> {
        let frame = |(number, value): (usize, &i64)| {
            let sequence = number as u64 + 1;
            let key = FrameKey { stream: "a".to_owned(), sequence };
            (key, Produced { boot_clock_us: sequence * 1_000_000, fingerprint: print(*value) })
        };
        values.iter().enumerate().map(frame).collect()
    }

    fn row(time_ms: i64, value: i64) -> StoredRow {
        StoredRow { time_ms, fingerprint: print(value) }
    }

    fn judged(values: &[i64], rows: &[StoredRow], gaps: &[ReportedGap]) -> Verdict {
        judge(Evidence { produced: &produced(values), rows, gaps, boot_time_ms: 0 })
    }

    #[test]
    fn all_is_well_when_each_frame_has_its_row() {
        let counts = judged(&[5, 5, 6], &[row(1000, 5), row(3100, 6), row(2000, 5)], &[]).counts;
        assert_eq!((counts.produced, counts.stored, counts.worst_time_ms), (3, 3, 100));
        assert!(counts.are_good(0), "{counts:?}");
    }

    #[test]
    fn what_is_lost_doubled_dropped_or_from_nowhere_is_told_apart() {
        let gap = ReportedGap { stream: "a".to_owned(), first: 2, last: 2, reason: "damage".to_owned() };
        let rows = [row(1000, 1), row(1000, 1), row(9000, 9)];
        let verdict = judged(&[1, 2, 3], &rows, &[gap]);
        let counts = verdict.counts;
        assert_eq!((counts.produced, counts.stored, counts.missing), (3, 1, 1));
        assert_eq!((counts.duplicates, counts.unlogged, counts.equal_times), (1, 1, 1));
        assert_eq!(counts.dropped, BTreeMap::from([("damage".to_owned(), 1)]));
        assert_eq!(verdict.missing, [FrameKey { stream: "a".to_owned(), sequence: 3 }]);
    }

    #[test]
    fn a_report_about_a_frame_that_is_there_is_counted() {
        let gap = ReportedGap { stream: "a".to_owned(), first: 1, last: 5, reason: "space".to_owned() };
        let counts = judged(&[1], &[row(1000, 1)], &[gap]).counts;
        assert_eq!((counts.dropped_and_stored, counts.stored), (1, 1));
        assert!(counts.dropped.is_empty());
    }

    #[test]
    fn rows_in_another_order_than_they_were_taken_are_counted() {
        assert_eq!(
            judged(&[1, 2, 3], &[row(1000, 1), row(3500, 2), row(3000, 3)], &[]).counts.out_of_order,
            1
        );
    }
}
