//! From snapshots, gaps and backlogs to runs of time of which the same is known.

use tacho_catalog::GapRecord;
use tacho_history::Recorded;
use tacho_model::GapReason;

use crate::live::Buffered;

/// Interval assumed while no snapshot tells one.
const DEFAULT_INTERVAL_MS: i64 = 5_000;

/// How much later than three intervals a snapshot may come before it is missed; as for a host's state.
const GRACE_MS: i64 = 10_000;

/// A snapshot covers at most so many usual intervals: one that was taken after the machine slept says nothing of
/// the time in between, though its deltas do.
const MOST_INTERVALS: i64 = 3;

/// What is shorter than the range divided by this counts with its neighbour, which bounds an answer; but for what was
/// dropped, of which a host has a bounded number of gaps.
const MOST_RUNS: i64 = 2_000;

/// All that is known of a range, by time where it is many.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    pub(super) recorded: Vec<Recorded>,
    pub(super) gaps: Vec<GapRecord>,
    pub(super) buffered: Vec<Buffered>,
}

/// What is known of an instant. The first of these that holds counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Delivered,
    Late,
    Dropped(GapReason),
    Buffered,
    Nothing,
}

/// A stretch of time of which the same is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) from_ms: i64,
    /// Not included.
    pub(super) to_ms: i64,
    pub(super) known: Known,
    pub(super) frames: u64,
}

/// The whole range in runs, without holes or overlaps.
pub(super) fn runs(sources: &Sources, from_ms: i64, to_ms: i64) -> Vec<Run> {
    if to_ms <= from_ms {
        return Vec::new();
    }
    let interval_ms = usual_interval_ms(&sources.recorded);
    let mut runs = Vec::new();
    let mut at_ms = from_ms;
    for covered in covered(&sources.recorded, &sources.gaps, interval_ms) {
        let (begin_ms, end_ms) = (covered.from_ms.max(at_ms), covered.to_ms.min(to_ms));
        if end_ms <= begin_ms {
            // A snapshot at the same moment as another, or at the edge of the range.
            continue;
        }
        fill(&mut runs, sources, interval_ms, at_ms, begin_ms);
        push(&mut runs, Run { from_ms: begin_ms, to_ms: end_ms, ..covered });
        at_ms = end_ms;
    }
    fill(&mut runs, sources, interval_ms, at_ms, to_ms);
    without_short(runs, ((to_ms - from_ms) / MOST_RUNS).max(1))
}

/// Up to where something can be said: the future is not a gap, and neither is a snapshot that is not overdue.
pub(super) fn end_ms(sources: &Sources, to_ms: i64, now_ms: i64) -> i64 {
    let to_ms = to_ms.min(now_ms);
    let overdue_ms = usual_interval_ms(&sources.recorded).saturating_mul(3).saturating_add(GRACE_MS);
    match sources.recorded.last() {
        Some(newest) if now_ms.saturating_sub(newest.time_ms) < overdue_ms => to_ms.min(newest.time_ms),
        _ => to_ms,
    }
}

/// The interval that most snapshots have: the median.
fn usual_interval_ms(recorded: &[Recorded]) -> i64 {
    let mut intervals: Vec<i64> =
        recorded.iter().map(|row| row.interval_ms).filter(|interval| *interval > 0).collect();
    let middle = intervals.len() / 2;
    if intervals.is_empty() {
        return DEFAULT_INTERVAL_MS;
    }
    *intervals.select_nth_unstable(middle).1
}

/// What each snapshot covers: the interval before it, or that to the newest one before it that was dropped: where a clock
/// is put right slowly, less time passes between snapshots than they tell. Holes below half an interval, or 2.5 s, are none: clocks that
/// were put right, and snapshots that came a little late, make those. Those that a gap is about are some.
fn covered<'a>(
    recorded: &'a [Recorded],
    gaps: &'a [GapRecord],
    interval_ms: i64,
) -> impl Iterator<Item = Run> + 'a {
    let slack_ms = (interval_ms / 2).max(2_500);
    let is_told = move |from_ms: i64, to_ms: i64| {
        // No snapshot fits in what is shorter.
        to_ms - from_ms >= interval_ms / 2
            && gaps.iter().any(|gap| {
                gap.first_time_ms.saturating_sub(interval_ms) < to_ms && gap.last_time_ms > from_ms
            })
    };
    let mut dropped_ms: Vec<i64> = gaps.iter().map(|gap| gap.last_time_ms).collect();
    dropped_ms.sort_unstable();
    let mut before_ms = i64::MIN;
    recorded.iter().map(move |row| {
        let covers_ms = match row.interval_ms {
            // The first of an agent's start: something was collected, whatever it covers.
            ..=0 => interval_ms.min(1_000),
            interval => interval.min(interval_ms.saturating_mul(MOST_INTERVALS)),
        };
        let newest_dropped = dropped_ms.partition_point(|last_ms| *last_ms < row.time_ms).checked_sub(1);
        let least_ms = newest_dropped.and_then(|at| dropped_ms.get(at)).copied().unwrap_or(i64::MIN);
        let mut from_ms = row.time_ms.saturating_sub(covers_ms).max(least_ms);
        if from_ms > before_ms
            && from_ms.saturating_sub(before_ms) <= slack_ms
            && !is_told(before_ms, from_ms)
        {
            from_ms = before_ms;
        }
        before_ms = before_ms.max(row.time_ms);
        let known = if row.late_ms.is_some() { Known::Late } else { Known::Delivered };
        Run { from_ms, to_ms: row.time_ms, known, frames: 1 }
    })
}

/// Explains a time without snapshots, as far as it can be.
fn fill(runs: &mut Vec<Run>, sources: &Sources, interval_ms: i64, from_ms: i64, to_ms: i64) {
    if to_ms <= from_ms {
        return;
    }
    // Each covers the interval before its first snapshot too.
    let stretch = |first_ms: i64, last_ms: i64| (first_ms.saturating_sub(interval_ms), last_ms);
    let mut stretches: Vec<(i64, i64, Known, u64)> = Vec::new();
    for gap in &sources.gaps {
        let (first_ms, last_ms) = stretch(gap.first_time_ms, gap.last_time_ms);
        stretches.push((first_ms, last_ms, Known::Dropped(gap.reason), gap.frames));
    }
    for buffered in &sources.buffered {
        let (first_ms, last_ms) = stretch(buffered.first_time_ms, buffered.last_time_ms);
        stretches.push((first_ms, last_ms, Known::Buffered, buffered.frames));
    }
    stretches.retain(|(first_ms, last_ms, ..)| *first_ms < to_ms && *last_ms > from_ms);
    let mut edges: Vec<i64> = stretches
        .iter()
        .flat_map(|(first_ms, last_ms, ..)| [*first_ms, *last_ms])
        .filter(|edge_ms| (from_ms + 1..to_ms).contains(edge_ms))
        .chain([from_ms, to_ms])
        .collect();
    edges.sort_unstable();
    edges.dedup();
    for pair in edges.windows(2) {
        let (begin_ms, end_ms) = (pair[0], pair[1]);
        let here = |stretch: &&(i64, i64, Known, u64)| stretch.0 <= begin_ms && stretch.1 >= end_ms;
        // Gaps come before backlogs.
        let found = stretches.iter().find(here);
        let (known, frames) = found.map_or((Known::Nothing, 0), |(_, _, known, frames)| (*known, *frames));
        push(runs, Run { from_ms: begin_ms, to_ms: end_ms, known, frames });
    }
}

/// Adds a run, as one with that before it when the same is known.
fn push(runs: &mut Vec<Run>, run: Run) {
    match runs.last_mut() {
        Some(last) if last.known == run.known => {
            last.to_ms = run.to_ms;
            last.frames = match run.known {
                // Parts of one gap tell of the same frames.
                Known::Dropped(_) | Known::Buffered => last.frames.max(run.frames),
                _ => last.frames.saturating_add(run.frames),
            };
        }
        _ => runs.push(run),
    }
}

/// Gives runs that are too short to the one before them, but for those that were dropped.
fn without_short(runs: Vec<Run>, least_ms: i64) -> Vec<Run> {
    let mut kept: Vec<Run> = Vec::new();
    for run in runs {
        match kept.last_mut() {
            Some(last) if run.to_ms - run.from_ms < least_ms && !matches!(run.known, Known::Dropped(_)) => {
                last.to_ms = run.to_ms;
            }
            _ => push(&mut kept, run),
        }
    }
    kept
}

#[cfg(test)]
mod tests;
