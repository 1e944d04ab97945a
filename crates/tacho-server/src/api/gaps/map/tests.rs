use proptest::prelude::*;
use tacho_catalog::StreamKey;

use super::*;

const S: i64 = 1000;

fn row(time_s: i64, interval_s: i64, late: bool) -> Recorded {
    Recorded { time_ms: time_s * S, interval_ms: interval_s * S, late_ms: late.then_some(70_000) }
}

fn gap(first_s: i64, last_s: i64, frames: u64) -> GapRecord {
    GapRecord {
        host_id: "h".to_owned(),
        key: StreamKey { agent_id: "a".into(), stream: [0; 16] },
        first_sequence: 1,
        last_sequence: frames,
        frames,
        first_time_ms: first_s * S,
        last_time_ms: last_s * S,
        reason: GapReason::Age,
    }
}

fn buffered(first_s: i64, last_s: i64, frames: u64) -> Buffered {
    Buffered { frames, bytes: 0, first_time_ms: first_s * S, last_time_ms: last_s * S }
}

/// In seconds.
fn of(sources: &Sources, from_s: i64, to_s: i64) -> Vec<(i64, i64, Known, u64)> {
    let runs = runs(sources, from_s * S, to_s * S);
    runs.iter().map(|run| (run.from_ms / S, run.to_ms / S, run.known, run.frames)).collect()
}

#[test]
fn each_instant_is_explained_by_what_is_known_best() {
    let mut recorded: Vec<Recorded> = (1..=10).map(|n| row(100 + 5 * n, 5, false)).collect();
    recorded.extend((1..=4).map(|n| row(200 + 5 * n, 5, true)));
    // The agent started anew: its first snapshot covers nothing.
    recorded.push(row(400, 0, false));
    recorded.extend((1..=4).map(|n| row(400 + 5 * n, 5, false)));
    let sources = Sources { recorded, gaps: vec![gap(155, 195, 9)], buffered: vec![buffered(190, 300, 21)] };
    let expected = [
        (50, 100, Known::Nothing, 0),
        (100, 150, Known::Delivered, 10),
        (150, 195, Known::Dropped(GapReason::Age), 9),
        (195, 200, Known::Buffered, 21),
        (200, 220, Known::Late, 4),
        (220, 300, Known::Buffered, 21),
        (300, 399, Known::Nothing, 0),
        (399, 420, Known::Delivered, 5),
        (420, 450, Known::Nothing, 0),
    ];
    assert_eq!(of(&sources, 50, 450), expected);
    assert_eq!(of(&sources, 160, 180), [(160, 180, Known::Dropped(GapReason::Age), 9)]);
    assert_eq!(of(&sources, 180, 180), []);
}

#[test]
fn a_machine_that_slept_was_not_recorded() {
    let mut recorded: Vec<Recorded> = (1..=20).map(|n| row(5 * n, 5, false)).collect();
    recorded.push(row(3700, 3600, false));
    let sources = Sources { recorded, ..Sources::default() };
    let expected =
        [(0, 100, Known::Delivered, 20), (100, 3685, Known::Nothing, 0), (3685, 3700, Known::Delivered, 1)];
    assert_eq!(of(&sources, 0, 3700), expected);
}

#[test]
fn small_holes_are_none_and_those_of_one_snapshot_are() {
    let recorded = vec![row(5, 5, false), row(12, 5, false), row(17, 5, false), row(27, 5, false)];
    let sources = Sources { recorded, ..Sources::default() };
    let expected = [(0, 17, Known::Delivered, 3), (17, 22, Known::Nothing, 0), (22, 27, Known::Delivered, 1)];
    assert_eq!(of(&sources, 0, 27), expected);
}

#[test]
fn what_was_dropped_is_shown_however_short_it_is() {
    let recorded: Vec<Recorded> = (1..=7200).filter(|n| *n != 3000).map(|n| row(n, 1, false)).collect();
    let dropped = Known::Dropped(GapReason::Age);
    let sources = Sources { recorded, gaps: vec![gap(3000, 3000, 1)], ..Sources::default() };
    let expected =
        [(0, 2999, Known::Delivered, 2999), (2999, 3000, dropped, 1), (3000, 7200, Known::Delivered, 4200)];
    assert_eq!(of(&sources, 0, 7200), expected);
    let sources = Sources { gaps: Vec::new(), ..sources };
    assert_eq!(of(&sources, 0, 7200), [(0, 7200, Known::Delivered, 7199)]);
}

#[test]
fn what_was_dropped_while_a_clock_was_put_right_is_shown() {
    // Snapshots of 4 s of which the clock makes 2.
    let recorded: Vec<Recorded> = [2, 4, 6, 10, 12].map(|time_s| row(time_s, 4, false)).to_vec();
    let sources = Sources { recorded, gaps: vec![gap(8, 8, 1)], ..Sources::default() };
    let dropped = Known::Dropped(GapReason::Age);
    let expected = [(0, 6, Known::Delivered, 3), (6, 8, dropped, 1), (8, 12, Known::Delivered, 2)];
    assert_eq!(of(&sources, 0, 12), expected);
}

#[test]
fn an_answer_is_bounded() {
    let recorded: Vec<Recorded> = (1..=100_000).map(|n| row(10 * n, 5, n % 2 == 0)).collect();
    let sources = Sources { recorded, ..Sources::default() };
    let runs = runs(&sources, 0, 1_000_000 * S);
    assert!(runs.len() <= 2 * usize::try_from(MOST_RUNS).unwrap(), "{}", runs.len());
}

proptest! {
    #[test]
    fn runs_fill_the_range_exactly(
        rows in proptest::collection::vec((0i64..1000, 0i64..40, any::<bool>()), 0..60),
        gaps in proptest::collection::vec((0i64..1000, 0i64..200, 1u64..50), 0..5),
        backlogs in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<u64>()), 0..5),
        from_s in 0i64..900, length_s in 1i64..500,
    ) {
        let mut recorded: Vec<_> = rows.into_iter().map(|(time, interval, late)| row(time, interval, late)).collect();
        recorded.sort_unstable();
        let gaps = gaps.into_iter().map(|(first, length, frames)| gap(first, first + length, frames)).collect();
        let buffered = backlogs
            .into_iter()
            .map(|(first_time_ms, last_time_ms, frames)| Buffered { frames, bytes: 0, first_time_ms, last_time_ms })
            .collect();
        let sources = Sources { recorded, gaps, buffered };
        let runs = runs(&sources, from_s * S, (from_s + length_s) * S);
        prop_assert_eq!(runs.first().unwrap().from_ms, from_s * S);
        prop_assert_eq!(runs.last().unwrap().to_ms, (from_s + length_s) * S);
        for pair in runs.windows(2) {
            prop_assert_eq!(pair[0].to_ms, pair[1].from_ms);
            prop_assert!(pair[0].known != pair[1].known);
        }
        prop_assert!(runs.iter().all(|run| run.from_ms < run.to_ms));
    }
}
