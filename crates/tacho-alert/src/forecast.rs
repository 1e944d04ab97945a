//! When something will be full if it goes on like this: straight lines through what was.

/// A forecast from fewer points says nothing.
pub(crate) const MIN_POINTS: usize = 6;
/// Nor does one from a shorter time.
const LEAST_MS: i64 = 15 * 60_000;
/// A line is laid through so many points at most: of every two of them the slope is taken.
const MOST_POINTS: usize = 160;
/// What is farther away than this is not called a forecast.
const MOST_LEFT_MS: f64 = 365.0 * 86_400_000.0;
/// A rise counts when over the whole range it is so many times what the points are off the line.
const LEAST_RISE: f64 = 3.0;

/// Something that fills up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filling {
    /// How much is added per millisecond.
    pub per_ms: f64,
    /// Until it is full, from the last point on.
    pub full_in_ms: i64,
}

/// Whether what is used grows steadily, and when the `available` rest is used up. `points` are time and use, by time.
///
/// The slope is the median of the slopes between any two points, so that a file that comes and goes does not bend it. `None`
/// means that nothing can be said: too few points, no growth that stands out of the ups and downs, or more than a year to go.
pub fn filling(points: &[(i64, f64)], available: f64) -> Option<Filling> {
    let thinned: Vec<_> = points.iter().step_by(points.len().div_ceil(MOST_POINTS).max(1)).copied().collect();
    let (first, last) = (thinned.first()?.0, thinned.last()?.0);
    if thinned.len() < MIN_POINTS || last.saturating_sub(first) < LEAST_MS || !available.is_finite() {
        return None;
    }
    let x = |at_ms: i64| at_ms.saturating_sub(first) as f64;
    let slopes = thinned.iter().enumerate().flat_map(|(index, (from_ms, from))| {
        let later = thinned.get(index + 1..).unwrap_or_default();
        later
            .iter()
            .filter(move |(at_ms, _)| at_ms > from_ms)
            .map(move |(at_ms, value)| (value - from) / (x(*at_ms) - x(*from_ms)))
    });
    let per_ms = median(slopes.collect())?;
    let height = median(thinned.iter().map(|(at_ms, value)| value - per_ms * x(*at_ms)).collect())?;
    let off =
        median(thinned.iter().map(|(at_ms, value)| (value - per_ms * x(*at_ms) - height).abs()).collect())?;
    let rise = per_ms * x(last);
    let left_ms = available.max(0.0) / per_ms;
    let says = per_ms > 0.0 && rise > off * LEAST_RISE && left_ms <= MOST_LEFT_MS;
    says.then_some(Filling { per_ms, full_in_ms: left_ms.round() as i64 })
}

/// Slope of the line with the least squares through points of time and value: cheap, for what is reckoned at every snapshot.
pub(crate) fn slope<'a>(points: impl Iterator<Item = &'a (i64, f64)> + Clone) -> Option<f64> {
    let (first, count) = (points.clone().next()?.0, points.clone().count());
    if count < MIN_POINTS {
        return None;
    }
    let x = |at_ms: i64| (at_ms - first) as f64;
    let mean_x = points.clone().map(|(at_ms, _)| x(*at_ms)).sum::<f64>() / count as f64;
    let mean_y = points.clone().map(|(_, value)| value).sum::<f64>() / count as f64;
    let (mut over, mut under) = (0.0, 0.0);
    for (at_ms, value) in points {
        let distance = x(*at_ms) - mean_x;
        over += distance * (value - mean_y);
        under += distance * distance;
    }
    (under > 0.0).then(|| over / under)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;

    /// A point per minute.
    fn points(minutes: i64, used: impl Fn(i64) -> f64) -> Vec<(i64, f64)> {
        (0..minutes).map(|minute| (1_795_143_600_000 + minute * MINUTE, used(minute))).collect()
    }

    fn minutes_left(points: &[(i64, f64)], available: f64) -> Option<i64> {
        filling(points, available).map(|found| (found.full_in_ms as f64 / MINUTE as f64).round() as i64)
    }

    #[test]
    fn what_grows_steadily_is_full_when_the_rest_is_used_up() {
        assert_eq!(minutes_left(&points(60, |minute| 500.0 + 10.0 * minute as f64), 1200.0), Some(120));
        let wobbling = points(120, |minute| 500.0 + 10.0 * minute as f64 + (minute % 3) as f64 * 20.0);
        assert_eq!(minutes_left(&wobbling, 1200.0), Some(120));
    }

    #[test]
    fn a_file_that_comes_and_goes_does_not_bend_the_line() {
        let with_file = points(100, |minute| {
            10.0 * minute as f64 + if (40..55).contains(&minute) { 50_000.0 } else { 0.0 }
        });
        assert_eq!(minutes_left(&with_file, 1000.0), Some(100));
    }

    #[test]
    fn what_does_not_fill_is_not_forecast() {
        assert_eq!(filling(&points(100, |_| 500.0), 100.0), None, "it stays");
        assert_eq!(filling(&points(100, |minute| 5000.0 - minute as f64), 100.0), None, "it empties");
        let up_and_down = points(200, |minute| 500.0 + ((minute * 7919) % 100) as f64);
        assert_eq!(filling(&up_and_down, 100.0), None, "it goes up and down");
        assert_eq!(filling(&points(100, |minute| minute as f64), 1e9), None, "in some thousand years");
        assert_eq!(filling(&points(5, |minute| minute as f64), 10.0), None, "too few points");
        assert_eq!(filling(&[], 10.0), None);
    }

    proptest! {
        #[test]
        fn any_points_are_taken(
            times in proptest::collection::vec(any::<i64>(), 0..40),
            values in proptest::collection::vec(any::<f64>(), 40),
            available in any::<f64>(),
        ) {
            let mut times = times;
            times.sort_unstable();
            let points: Vec<_> = times.into_iter().zip(values).collect();
            if let Some(found) = filling(&points, available) {
                prop_assert!(found.full_in_ms >= 0 && found.per_ms > 0.0);
            }
        }

        #[test]
        fn a_line_is_found_again(per_minute in 1.0f64..1e9, minutes in 20i64..2000, left in 1i64..100_000) {
            let found = minutes_left(&points(minutes, |minute| per_minute * minute as f64), per_minute * left as f64);
            prop_assert!(found.is_some_and(|found| (found - left).abs() <= 1), "{found:?}");
        }
    }
}
