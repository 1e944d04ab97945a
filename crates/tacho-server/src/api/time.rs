//! Points in time as the API writes and reads them.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A point in time: milliseconds since the epoch inside, RFC 3339 in UTC outside, such as
/// `2026-11-20T03:12:05.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) i64);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Out of range is only what no clock says; the nearest that can be written will do.
        let limit = if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        let time = Timestamp::from_millisecond(self.0).unwrap_or(limit);
        write!(f, "{time:.3}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.digits() {
            Some(text) => serializer.serialize_str(std::str::from_utf8(&text).map_err(S::Error::custom)?),
            None => serializer.collect_str(self),
        }
    }
}

impl Time {
    /// As [`Display`](std::fmt::Display) writes it, without its machinery: the charts of one page have thousands of
    /// times. `None` where a year has not four digits.
    fn digits(self) -> Option<[u8; 24]> {
        let time = Offset::UTC.to_datetime(Timestamp::from_millisecond(self.0).ok()?);
        let year = u32::try_from(time.year()).ok()?;
        let two = |number: i8| u32::from(number.unsigned_abs());
        let millisecond = u32::from(time.millisecond().unsigned_abs());
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let parts = [
            (0..4, year),
            (5..7, two(time.month())),
            (8..10, two(time.day())),
            (11..13, two(time.hour())),
            (14..16, two(time.minute())),
            (17..19, two(time.second())),
            (20..23, millisecond),
        ];
        for (places, mut number) in parts {
            for digit in text.get_mut(places)?.iter_mut().rev() {
                *digit += (number % 10) as u8;
                number /= 10;
            }
        }
        Some(text)
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Time {}

/// Reads RFC 3339 (`2026-11-20T03:12:05Z`, any offset) or milliseconds since the epoch.
pub(crate) fn parse_time_ms(text: &str) -> Option<i64> {
    if let Ok(time_ms) = text.parse::<i64>() {
        return Timestamp::from_millisecond(time_ms).ok().map(|_| time_ms);
    }
    // A plus sign that was not escaped in the address has become a space.
    let text = text.replace(' ', "+");
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let read = parse_time_ms(text).map(|time_ms| Time(time_ms).to_string());
        assert_eq!(read.as_deref(), expected, "{text}");
    }

    #[test]
    fn times_are_read_in_both_forms_and_written_in_one() {
        check("2026-11-20T03:12:05Z", Some("2026-11-20T03:12:05.000Z"));
        check("2026-11-20T03:12:05.6789Z", Some("2026-11-20T03:12:05.678Z"));
        check("2026-11-20T11:12:05+08:00", Some("2026-11-20T03:12:05.000Z"));
        check("2026-11-20T11:12:05 08:00", Some("2026-11-20T03:12:05.000Z"));
        check("1790000000123", Some("2026-09-21T14:13:20.123Z"));
        check("0", Some("1970-01-01T00:00:00.000Z"));
        check("-1", Some("1969-12-31T23:59:59.999Z"));
        for wrong in [
            "",
            "now",
            "2026-11-20",
            "2026-11-20T03:12:05",
            "9223372036854775807",
            "1.5",
            "2026-13-01T00:00:00Z",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn any_number_can_be_written() {
        assert!(Time(i64::MAX).to_string().starts_with("9999-12-30T"));
        assert!(Time(i64::MIN).to_string().starts_with("-"));
    }

    fn check_json(time_ms: i64) {
        let json = serde_json::to_string(&Time(time_ms)).unwrap();
        assert_eq!(json, format!("\"{}\"", Time(time_ms)), "{time_ms}");
    }

    #[test]
    fn json_says_the_same() {
        let year_0_ms = -62_167_219_200_000;
        for time_ms in [i64::MIN, year_0_ms - 1, year_0_ms, -1, 0, 7, 1_790_000_000_120, i64::MAX] {
            check_json(time_ms);
        }
    }

    proptest! {
        #[test]
        fn json_says_the_same_of_any_time(time_ms in -70_000_000_000_000i64..300_000_000_000_000) {
            check_json(time_ms);
        }
    }
}
