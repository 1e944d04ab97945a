//! Readings that have an interval of their own.

use std::time::Duration;

use super::Tick;

/// Says when something is due that is not read at every snapshot.
#[derive(Debug)]
pub(super) struct Every {
    interval_us: u64,
    due_us: u64,
    read_us: Option<u64>,
}

impl Every {
    pub(super) fn new(interval: Duration) -> Self {
        let interval_us = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
        Self { interval_us, due_us: 0, read_us: None }
    }

    /// Milliseconds since it was due before (0 the first time) when it is due now.
    pub(super) fn due(&mut self, tick: &Tick) -> Option<i64> {
        // A snapshot that comes a little early counts, so that the interval does not grow by a whole snapshot's.
        let early_us = tick.interval_us.unwrap_or(0) / 2;
        if self.due_us > tick.now_us.saturating_add(early_us) {
            return None;
        }
        self.due_us = tick.now_us.saturating_add(self.interval_us);
        let since_us = self.read_us.replace(tick.now_us).map_or(0, |read| tick.now_us.saturating_sub(read));
        Some(i64::try_from(since_us / 1000).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_at_first_and_then_each_interval() {
        let mut every = Every::new(Duration::from_secs(60));
        let mut due = |seconds: u64| {
            let now_us = seconds * 1_000_000;
            every.due(&Tick { number: 0, now_us, interval_us: Some(5_000_000) })
        };
        assert_eq!((due(100), due(105), due(155)), (Some(0), None, None));
        assert_eq!((due(158), due(163)), (Some(58_000), None), "a little early");
        assert_eq!(due(300), Some(142_000));
    }
}
