mod parsers;
mod runs;
mod textfiles;

use std::time::Duration;

use super::missed_runs;

#[test]
fn only_whole_intervals_are_missed() {
    let second = Duration::from_secs(1);
    for (elapsed, missed) in [(0, 0), (59, 0), (60, 1), (119, 1), (600, 10)] {
        assert_eq!(missed_runs(elapsed * second, 60 * second), missed, "{elapsed}");
    }
    assert_eq!(missed_runs(Duration::MAX, second), u32::MAX - 1);
}
