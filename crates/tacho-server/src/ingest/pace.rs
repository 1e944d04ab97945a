//! How fast backlogs may come: shared by all agents that have one, less the fuller the head is, none when it is
//! nearly full. Live frames are not held back by it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tacho_history::History;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// How often the head is looked at. At the default of 32 MiB per second, what comes in between is a fraction of
/// the head.
const LOOK: Duration = Duration::from_millis(500);

/// Share of the head up to which backlogs come as fast as they may.
const UNHURRIED: f64 = 0.5;

/// Share of the head from which they do not come at all. What is under way then still finds room below the part
/// that is kept for live frames.
const NONE: f64 = 0.8;

/// Tells every connection the pace of one agent, in bytes per second.
#[derive(Clone)]
pub struct Pacer {
    /// Of all agents together.
    total: u64,
    each: Arc<watch::Sender<u64>>,
}

impl Pacer {
    /// `total` is in bytes per second, as frames come: compressed.
    pub fn new(total: u64) -> Self {
        Self { total, each: Arc::new(watch::Sender::new(total)) }
    }

    /// The pace of one agent; 0 is none for now.
    pub(super) fn each(&self) -> watch::Receiver<u64> {
        self.each.subscribe()
    }

    /// Keeps looking at the head.
    pub async fn run(
        self,
        history: History,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Result<(), Infallible> {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    let agents = u64::try_from(metrics.agents_backfilling.get()).unwrap_or_default();
                    let pace = pace(self.total, history.head_fill(), agents);
                    self.each.send_if_modified(|known| replace(known, pace));
                    metrics.backfill_pace.set(*self.each.borrow());
                }
                () = stop.cancelled() => return Ok(()),
            }
        }
    }
}

fn pace(total: u64, head_fill: f64, agents: u64) -> u64 {
    let pressure = ((NONE - head_fill) / (NONE - UNHURRIED)).clamp(0.0, 1.0);
    if pressure == 0.0 {
        return 0;
    }
    let share = total / agents.max(1);
    // 0 is for a full head: however many agents there are, each gets on.
    ((share as f64 * pressure) as u64).max(1)
}

/// Takes the new pace when it is worth a message: nobody needs to hear of every percent.
fn replace(known: &mut u64, pace: u64) -> bool {
    let worth_it = (*known == 0) != (pace == 0) || known.abs_diff(pace) > *known / 5;
    if worth_it {
        *known = pace;
    }
    worth_it
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_shared_and_ends_before_the_head_is_full() {
        assert_eq!(pace(1000, 0.0, 0), 1000);
        assert_eq!(pace(1000, 0.5, 4), 250);
        assert_eq!(pace(1000, 0.65, 4), 125);
        assert_eq!(pace(1000, 0.8, 1), 0);
        assert_eq!(pace(1000, 7.0, 1), 0);
        assert_eq!(pace(1000, 0.1, 20_000), 1, "slow is not none");
    }

    #[test]
    fn small_changes_are_not_worth_a_message() {
        let told: Vec<u64> = [1000, 900, 790, 0, 0, 3, 4]
            .into_iter()
            .scan(1000, |known, pace| {
                replace(known, pace);
                Some(*known)
            })
            .collect();
        assert_eq!(told, [1000, 1000, 790, 0, 0, 3, 4]);
    }
}
