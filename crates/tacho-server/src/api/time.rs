//! Points in time as the API writes and reads them.

use jiff::Timestamp;
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
        serializer.collect_str(self)
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
}
