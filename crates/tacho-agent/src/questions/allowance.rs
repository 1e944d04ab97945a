//! How often questions are answered.

/// So many at once after a pause: somebody looks at one process after another.
const MOST: u64 = 10;
/// Each of these gives one more.
const EVERY_US: u64 = 2_000_000;

/// Answers that are left, and since when they have been counted. Pure.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    used: u64,
    counted_us: u64,
}

impl Allowance {
    /// Takes one; `false` when none is left.
    pub(super) fn take(&mut self, now_us: u64) -> bool {
        let periods = now_us.saturating_sub(self.counted_us) / EVERY_US;
        self.used = self.used.saturating_sub(periods);
        self.counted_us = if self.used == 0 {
            now_us
        } else {
            self.counted_us.saturating_add(periods.saturating_mul(EVERY_US))
        };
        let is_left = self.used < MOST;
        self.used += u64::from(is_left);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_at_once_and_then_one_every_two_seconds() {
        let mut allowance = Allowance::default();
        let mut taken = |now_us| (0..100).filter(|_| allowance.take(now_us)).count();
        assert_eq!(taken(1_000_000_000), 10);
        assert_eq!(taken(1_001_999_999), 0);
        assert_eq!(taken(1_002_000_000), 1);
        assert_eq!(taken(1_003_500_000), 0);
        assert_eq!(taken(1_007_000_000), 2, "what is begun is not lost");
        assert_eq!(taken(9_000_000_000), 10);
        assert_eq!(taken(0), 0, "a clock that goes back gives none");
    }
}
