//! Days, hours and text of points in time.

use jiff::Timestamp;

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// Hours since the epoch: what files are divided by.
pub(crate) fn hour(time_ms: i64) -> i64 {
    time_ms.div_euclid(HOUR_MS)
}

/// The last multiple of a length that is not after a time.
pub(crate) fn floor(time_ms: i64, length_ms: i64) -> i64 {
    time_ms.div_euclid(length_ms).saturating_mul(length_ms)
}

/// The first that is not before it.
pub(crate) fn ceil(time_ms: i64, length_ms: i64) -> i64 {
    let whole = floor(time_ms, length_ms);
    if whole == time_ms { whole } else { whole.saturating_add(length_ms) }
}

/// `2026-11-20`
pub(crate) fn day(time_ms: i64) -> String {
    let mut text = rfc3339(time_ms);
    text.truncate(text.find('T').unwrap_or(text.len()));
    text
}

/// `2026-11-20T03:12:05.000Z`; what no calendar reaches becomes its first or last instant.
pub(crate) fn rfc3339(time_ms: i64) -> String {
    let limit = if time_ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    format!("{:.3}", Timestamp::from_millisecond(time_ms).unwrap_or(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_points_in_time() {
        assert_eq!(rfc3339(1_795_144_325_000), "2026-11-20T03:12:05.000Z");
        assert_eq!(day(1_795_144_325_000), "2026-11-20");
        assert_eq!((hour(-1), hour(0), hour(HOUR_MS)), (-1, 0, 1));
        assert!(day(i64::MAX).starts_with("9999") && day(i64::MIN).starts_with("-009999"));
    }
}
