//! Attributes of `/sys/class/hwmon` and `/sys/class/thermal`.

use crate::bytes::number;

/// What no sensor measures and no chip survives: readings beyond are of a sensor that is not connected.
const PLAUSIBLE_MILLIDEGREES: std::ops::RangeInclusive<i64> = -100_000..=250_000;

/// A temperature in degrees; `54000` is 54.0. `None` for what is not plausible.
pub fn parse_millidegrees(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        digits => (1, digits),
    };
    let millidegrees = i64::try_from(number(digits)?).ok()? * sign;
    PLAUSIBLE_MILLIDEGREES.contains(&millidegrees).then_some(millidegrees as f64 / 1000.0)
}

/// `temp12_input` with the kind `temp` is 12.
pub fn sensor_number(file: &[u8], kind: &[u8]) -> Option<u32> {
    let digits = file.strip_prefix(kind)?.strip_suffix(b"_input")?;
    u32::try_from(number(digits)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_and_names() {
        assert_eq!(parse_millidegrees(b"54321\n"), Some(54.321));
        assert_eq!((parse_millidegrees(b"-5500\n"), parse_millidegrees(b"0")), (Some(-5.5), Some(0.0)));
        for text in ["", "-", "x", "4294967295", "-273150", "5.5", "9223372036854775809"] {
            assert_eq!(parse_millidegrees(text.as_bytes()), None, "{text}");
        }
        assert_eq!(sensor_number(b"temp12_input", b"temp"), Some(12));
        for file in ["temp_input", "temp1_label", "fan1_input", "temp1x_input"] {
            assert_eq!(sensor_number(file.as_bytes(), b"temp"), None, "{file}");
        }
    }
}
