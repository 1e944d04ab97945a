//! Names of files: ULIDs, which sort by the time they were made and never collide.

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A new ULID. Should the system have no randomness to give, the file that would collide is not
/// overwritten, and the flush is tried again.
pub(crate) fn ulid(now_ms: i64) -> String {
    let mut random = [0; 16];
    if let Err(error) = getrandom::fill(&mut random) {
        tracing::warn!(%error, "no randomness for a file name");
    }
    let time = u128::try_from(now_ms.max(0)).unwrap_or_default() << 80;
    encode(time | (u128::from_be_bytes(random) >> 48))
}

fn encode(value: u128) -> String {
    let digit = |i: u32| char::from(ALPHABET[((value >> (5 * i)) & 31) as usize]);
    (0..26).rev().map(digit).collect()
}

/// Is this what [`ulid`] makes?
pub(crate) fn is_ulid(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// When a ULID was made, in milliseconds since the epoch.
pub(crate) fn time_of(id: &str) -> Option<i64> {
    let digit = |byte: u8| ALPHABET.iter().position(|known| *known == byte).map(|digit| digit as i64);
    id.bytes().take(10).try_fold(0, |time, byte| Some((time << 5) | digit(byte)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_differ() {
        let (first, second, later) = (ulid(1_000), ulid(1_000), ulid(2_000));
        assert_ne!(first, second);
        assert!(first < later && second < later);
        assert_eq!((time_of(&first), time_of(&later), time_of("-")), (Some(1_000), Some(2_000), None));
        assert!(is_ulid(&first) && !is_ulid("x") && !is_ulid(&first.to_lowercase()));
    }

    #[test]
    fn the_encoding_is_that_of_the_ulid_specification() {
        assert_eq!(encode(u128::MAX), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert_eq!(encode(0x0156_3DF3_6481_0000_0000_0000_0000_0000), "01ARYZ6S410000000000000000");
    }
}
