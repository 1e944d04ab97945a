//! Names of files: ULIDs, which sort by the time they were made and never collide.

use std::sync::{Mutex, PoisonError};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Makes ULIDs, each greater than those before, as the specification's section on monotonicity has it: when the clock has
/// not moved on since the last one, or was set back, the next is a random step of 64 bits above the last, as another server
/// on the same directory goes on from the same one.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    last: Mutex<u128>,
}

impl Ids {
    /// The next ones are greater than this one, which need not be a ULID. One from thousands of years ahead was not made here,
    /// and would leave no room above it.
    pub(crate) fn follow(&self, id: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = decode(id).filter(|id| id >> 127 == 0).map_or(*last, |id| id.max(*last));
    }

    /// A new ULID. Should the system have no randomness to give, the file that would collide is not
    /// overwritten, and the flush is tried again.
    pub(crate) fn next(&self, now_ms: i64) -> String {
        let mut random = [0; 16];
        if let Err(error) = getrandom::fill(&mut random) {
            tracing::warn!(%error, "no randomness for a file name");
        }
        let time = u128::try_from(now_ms.max(0)).unwrap_or_default() << 80;
        let random = u128::from_be_bytes(random) >> 48;
        let new = time | random;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // By their times alone: within a millisecond the random part says nothing about the order.
        *last = if new >> 80 > *last >> 80 { new } else { last.saturating_add((random >> 16).max(1)) };
        encode(*last)
    }
}

fn decode(id: &str) -> Option<u128> {
    let digit = |byte: u8| ALPHABET.iter().position(|known| *known == byte).map(|digit| digit as u128);
    let value = id.bytes().try_fold(0_u128, |value, byte| Some((value << 5) | digit(byte)?));
    value.filter(|_| is_ulid(id))
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
    i64::try_from(decode(id)? >> 80).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_when_they_were_made_whatever_the_clock_does() {
        let ids = Ids::default();
        let made = [1_000, 1_000, 2_000, 1_500, 2_000, 3_000].map(|now_ms| ids.next(now_ms));
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]), "{made:?}");
        let times = made.each_ref().map(|id| time_of(id).unwrap());
        assert_eq!(times, [1_000, 1_000, 2_000, 2_000, 2_000, 3_000]);
        assert_eq!((time_of("-"), time_of(&"0".repeat(25))), (None, None));
        assert!(is_ulid(&made[0]) && !is_ulid("x") && !is_ulid(&made[0].to_lowercase()));

        let others = Ids::default();
        others.follow("nothing");
        others.follow(&made[5]);
        others.follow(&made[0]);
        others.follow(&encode(u128::MAX));
        assert!(others.next(1) > made[5]);
        assert_ne!(others.next(3_000), ids.next(3_000));
    }

    #[test]
    fn the_encoding_is_that_of_the_ulid_specification() {
        assert_eq!(encode(u128::MAX), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert_eq!(decode("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), Some(u128::MAX));
        assert_eq!(encode(0x0156_3DF3_6481_0000_0000_0000_0000_0000), "01ARYZ6S410000000000000000");
    }
}
