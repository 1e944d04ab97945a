//! How often a receiver is spoken to. Pure.

use std::collections::VecDeque;

const MINUTE_MS: i64 = 60_000;

/// At most so many messages in any minute; further ones wait.
#[derive(Debug)]
pub(super) struct Pace {
    per_minute: usize,
    sent_ms: VecDeque<i64>,
}

impl Pace {
    pub(super) fn new(per_minute: usize) -> Self {
        Self { per_minute: per_minute.max(1), sent_ms: VecDeque::new() }
    }

    /// How long the next message has to wait.
    pub(super) fn wait_ms(&mut self, now_ms: i64) -> i64 {
        // What a clock that was set back makes to be in the future counts no more.
        self.sent_ms.retain(|sent_ms| (0..MINUTE_MS).contains(&now_ms.saturating_sub(*sent_ms)));
        if self.sent_ms.len() < self.per_minute {
            return 0;
        }
        self.sent_ms.front().map_or(0, |oldest_ms| oldest_ms + MINUTE_MS - now_ms)
    }

    /// A message was sent, whether it was taken or not.
    pub(super) fn sent(&mut self, now_ms: i64) {
        self.sent_ms.push_back(now_ms);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_twenty_first_waits_for_the_first_to_be_a_minute_old() {
        let mut pace = Pace::new(20);
        for number in 0..20 {
            assert_eq!(pace.wait_ms(1_000 + number), 0);
            pace.sent(1_000 + number);
        }
        assert_eq!(pace.wait_ms(1_100), 59_900);
        assert_eq!(pace.wait_ms(61_000), 0);
        pace.sent(61_000);
        assert_eq!(pace.wait_ms(61_000), 1);
        assert_eq!(pace.wait_ms(500), 0, "a clock that was set back holds nobody up");
    }

    proptest! {
        #[test]
        fn no_minute_has_more(most in 1_usize..30, steps in proptest::collection::vec(0_i64..9_000, 1..200)) {
            let (mut pace, mut now_ms, mut sent) = (Pace::new(most), 0, Vec::new());
            for step in steps {
                now_ms += step;
                now_ms += pace.wait_ms(now_ms);
                pace.sent(now_ms);
                sent.push(now_ms);
            }
            for start in &sent {
                let within = sent.iter().filter(|time| (*start..start + MINUTE_MS).contains(*time)).count();
                prop_assert!(within <= most);
            }
        }
    }
}
