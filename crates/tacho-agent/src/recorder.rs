//! The one thread that samples: takes a snapshot on a fixed schedule and puts it into the queue.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tacho_model::HostFacts;
use tacho_runtime::clock;
use tacho_wire::encode_blocks;
use tokio::sync::watch;

use crate::queue::{NewFrame, Queue};
use crate::sampler::{AgentCounters, Sample, Sampler};

/// Facts change rarely; looking costs a few file reads.
const FACTS_INTERVAL_US: u64 = 60_000_000;

/// Takes snapshots until told to stop.
#[derive(Debug)]
pub struct Recorder {
    pub sampler: Sampler,
    pub interval: Duration,
    /// Wall time at boot by the clock at the agent's start: what snapshot times are reckoned from.
    pub epoch_ms: i64,
    pub queue: Arc<Queue>,
    pub facts: watch::Sender<Arc<HostFacts>>,
    pub stop: Arc<Stop>,
}

/// Tells a thread to stop, and wakes it from its wait.
#[derive(Debug, Default)]
pub struct Stop {
    asked: Mutex<bool>,
    condition: Condvar,
}

/// When snapshots are due, on the boot clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Schedule {
    interval_us: u64,
    due_us: u64,
}

impl Recorder {
    pub fn run(mut self) {
        let interval_us = u64::try_from(self.interval.as_micros()).unwrap_or(u64::MAX);
        let mut schedule = Schedule { interval_us, due_us: clock::boot_us() };
        let mut sample = Sample::default();
        let mut facts_due_us = 0;
        let mut dropped_before = 0;
        loop {
            let now_us = clock::boot_us();
            let late_ticks = schedule.start(now_us);
            let counters = self.queue.counters();
            self.sampler.set_agent_counters(AgentCounters {
                late_ticks,
                queued_frames: counters.queued_frames,
                dropped_frames: counters.dropped_frames.saturating_sub(dropped_before),
            });
            dropped_before = counters.dropped_frames;
            self.sampler.sample(now_us, &mut sample);
            self.enqueue(&mut sample);
            if now_us >= facts_due_us {
                facts_due_us = now_us.saturating_add(FACTS_INTERVAL_US);
                let facts = self.sampler.facts();
                self.facts.send_if_modified(|known| crate::app::replace_facts(known, facts));
            }
            if self.stop.wait(schedule.wait(clock::boot_us())) {
                return;
            }
        }
    }

    fn enqueue(&self, sample: &mut Sample) {
        let blocks = match encode_blocks(&sample.blocks, &sample.processes) {
            Ok(blocks) => Bytes::from(blocks),
            Err(error) => return tracing::error!(%error, "packing a snapshot failed; it is lost"),
        };
        let since_boot_ms = i64::try_from(sample.boot_clock_us / 1000).unwrap_or(i64::MAX);
        self.queue.push(NewFrame {
            boot_clock_us: sample.boot_clock_us,
            time_ms: self.epoch_ms.saturating_add(since_boot_ms),
            blocks,
            processes: sample.processes.clone(),
            identities: std::mem::take(&mut sample.new_identities),
            retired: std::mem::take(&mut sample.retired),
        });
    }
}

impl Schedule {
    /// Notes that a snapshot starts now; answers how many were missed since the last.
    fn start(&mut self, now_us: u64) -> u64 {
        let missed = now_us.saturating_sub(self.due_us) / self.interval_us.max(1);
        let steps = missed.saturating_add(1).saturating_mul(self.interval_us);
        self.due_us = self.due_us.saturating_add(steps);
        missed
    }

    fn wait(&self, now_us: u64) -> Duration {
        Duration::from_micros(self.due_us.saturating_sub(now_us))
    }
}

impl Stop {
    /// Ends all waits, now and later.
    pub fn ask(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.condition.notify_all();
    }

    /// Waits; `true` when it was told to stop.
    fn wait(&self, time: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.condition.wait_timeout_while(asked, time, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_keep_their_grid_and_missed_ones_are_counted_not_piled_up() {
        let mut schedule = Schedule { interval_us: 100, due_us: 1000 };
        assert_eq!(schedule.start(1000), 0);
        assert_eq!(schedule.wait(1001), Duration::from_micros(99));
        assert_eq!(schedule.start(1130), 0, "a little late");
        assert_eq!(schedule.due_us, 1200);
        assert_eq!(schedule.start(1555), 3, "stood still for three ticks");
        assert_eq!(schedule.due_us, 1600);
        assert_eq!(schedule.wait(1700), Duration::ZERO);
    }
}
