//! Small scanners over kernel text, which is ASCII numbers and words but for names.

/// The decimal number that `text` is, or `None` when it is anything else or above `u64`.
pub fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A number that the kernel prints signed; a negative one counts as zero, as the kernel's clocks do
/// where they print one (`cutime` of a process whose children were never waited for).
pub(crate) fn signed_number(text: &[u8]) -> Option<u64> {
    match text {
        [b'-', rest @ ..] => number(rest).map(|_| 0),
        text => number(text),
    }
}

/// A decimal fraction such as `0.42`; no exponent, no sign.
pub(crate) fn decimal(text: &[u8]) -> Option<f64> {
    if !text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Lines without their ends; an empty last one is left out.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Words between spaces and tabs.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty())
}

/// `key: rest` as key and trimmed rest.
pub(crate) fn key_and_rest(line: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == separator)?;
    Some((line.get(..at)?.trim_ascii(), line.get(at + 1..)?.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_bounded() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", "18446744073709551616", "1x", "-1", " 1"] {
            assert_eq!(number(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(
            (signed_number(b"-5"), signed_number(b"5"), signed_number(b"-")),
            (Some(0), Some(5), None)
        );
        assert_eq!(
            (decimal(b"0.25"), decimal(b"1e3"), decimal(b"-1"), decimal(b".")),
            (Some(0.25), None, None, None)
        );
    }
}
