//! The one thread that samples: takes a snapshot on a fixed schedule and puts it into the queue.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tacho_model::tables::{event, host, metric, script};
use tacho_model::{Block, CollectorStatus, HostFacts, Table};
use tacho_runtime::clock;
use tacho_spool::RecordHead;
use tacho_wire::encode_blocks;
use tokio::sync::watch;

use crate::beginning::Beginning;
use crate::budget::{Budget, Change, Usage};
use crate::queue::{NewFrame, Queue};
use crate::sampler::{AgentCounters, Sample, Sampler};
use crate::scripts::Mailbox;
use crate::waiting;

/// Facts change rarely; looking costs a few file reads.
const FACTS_INTERVAL_US: u64 = 60_000_000;

/// The first snapshot does not wait longer, however long the interval is.
const LONGEST_START_US: u64 = 10_000_000;

/// Takes snapshots until told to stop.
#[derive(Debug)]
pub struct Recorder {
    pub sampler: Sampler,
    /// Decides the interval between snapshots.
    pub budget: Budget,
    pub queue: Arc<Queue>,
    /// What scripts and text files gave since the last snapshot.
    pub mailbox: Arc<Mailbox>,
    pub facts: watch::Sender<Arc<HostFacts>>,
    pub stop: Arc<Stop>,
    /// Where it is told what waits.
    pub runtime_dir: PathBuf,
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
        let mut schedule = Schedule::begin(micros(self.budget.interval()), clock::boot_us());
        if self.stop.wait(schedule.wait(clock::boot_us())) {
            return;
        }
        let mut sample = Sample::default();
        let mut facts_due_us = 0;
        let mut dropped_before = 0;
        let mut started = Start::default();
        let is_first_of_boot = self.queue.stream().last_sequence == 0;
        loop {
            let now_us = clock::boot_us();
            let late_ticks = schedule.start(now_us);
            let state = self.queue.state();
            self.sampler.set_agent_counters(AgentCounters {
                late_ticks,
                queued_frames: state.records,
                queued_bytes: state.hot_bytes,
                spool_bytes: state.disk_bytes,
                dropped_frames: state.dropped.saturating_sub(dropped_before),
            });
            dropped_before = state.dropped;
            self.sampler.sample(now_us, &mut sample);
            self.fetch_scripts(&mut sample);
            if started.is_first() {
                self.tell_start(&mut sample, is_first_of_boot);
            }
            if let Some(change) = self.keep_budget(&mut sample) {
                schedule.change(micros(change.interval));
                facts_due_us = now_us;
            }
            self.enqueue(&mut sample);
            self.tell_state(&sample);
            started.note_snapshot();
            if now_us >= facts_due_us {
                facts_due_us = now_us.saturating_add(FACTS_INTERVAL_US);
                let mut facts = self.sampler.facts();
                facts.collectors.extend(self.budget.complaint().map(slowed_down));
                self.facts.send_if_modified(|known| crate::app::replace_facts(known, facts));
            }
            if self.stop.wait(schedule.wait(clock::boot_us())) {
                return;
            }
        }
    }

    fn tell_start(&self, sample: &mut Sample, is_first_of_boot: bool) {
        let (time_ms, boot_clock_us) = (self.time_ms(sample), sample.boot_clock_us);
        let events = sample.blocks.iter_mut().find(|block| block.table().id == event::TABLE.id);
        if let Some(events) = events {
            Beginning { time_ms, boot_clock_us, is_first_of_boot }.tell(events);
        }
    }

    /// Adds what waits in the mailbox to the snapshot.
    fn fetch_scripts(&self, sample: &mut Sample) {
        let is_of = |table: &'static Table| move |block: &&mut Block| block.table().id == table.id;
        let mut blocks = sample.blocks.iter_mut();
        let Some(scripts) = blocks.find(is_of(&script::TABLE)) else { return };
        // Blocks are in the order of their tables, and this one is after the other.
        let Some(metrics) = blocks.find(is_of(&metric::TABLE)) else { return };
        self.mailbox.drain(scripts, metrics);
    }

    /// Measures the agent by the snapshot just taken. A new interval is logged, and told as an event.
    fn keep_budget(&mut self, sample: &mut Sample) -> Option<Change> {
        let block = sample.blocks.iter().find(|block| block.table().id == host::TABLE.id)?;
        let read = |column| block.integer(column, 0).and_then(|value| u64::try_from(value).ok());
        let change = self.budget.note(Usage {
            interval_us: u64::try_from(block.interval_ms).unwrap_or(0).saturating_mul(1000),
            cpu_us: read(host::AGENT_CPU_US),
            memory_bytes: read(host::AGENT_RSS_BYTES),
        })?;
        match change.excess {
            Some(_) => tracing::warn!("{change}"),
            None => tracing::info!("{change}"),
        }
        let time_ms = self.time_ms(sample);
        let events = sample.blocks.iter_mut().find(|block| block.table().id == event::TABLE.id)?;
        events
            .push()
            .text(event::KIND, "agent")
            .text(event::SUBJECT, "tacho-agent")
            .text(event::TEXT, &change.to_string())
            .integer(event::HAPPENED, time_ms)
            .integer(event::PID, std::process::id().into());
        Some(change)
    }

    fn time_ms(&self, sample: &Sample) -> i64 {
        self.queue.stream().time_ms(sample.boot_clock_us)
    }

    /// Tells those who ask on this machine what waits.
    fn tell_state(&self, sample: &Sample) {
        let queue = &self.queue;
        let state =
            waiting::describe(self.time_ms(sample), &queue.state(), &queue.gaps(), queue.is_delivering());
        // A directory that can not be written to is the spool's complaint already.
        drop(waiting::write(&self.runtime_dir, &state));
    }

    fn enqueue(&self, sample: &mut Sample) {
        let blocks = match encode_blocks(&sample.blocks, &sample.processes) {
            Ok(blocks) => Bytes::from(blocks),
            Err(error) => return tracing::error!(%error, "packing a snapshot failed; it is lost"),
        };
        let head = self.queue.push(NewFrame {
            boot_clock_us: sample.boot_clock_us,
            blocks,
            processes: sample.processes.clone(),
            identities: std::mem::take(&mut sample.new_identities),
            retired: std::mem::take(&mut sample.retired),
        });
        note_frame(head, sample);
    }
}

/// Snapshots after which everything has run that runs only at the start, the first connection too.
const START_SNAPSHOTS: u32 = 4;

/// Lets go of the code of the start once it is over.
#[derive(Debug, Default)]
struct Start {
    snapshots: u32,
}

impl Start {
    /// Is the snapshot the first one?
    fn is_first(&self) -> bool {
        self.snapshots == 0
    }

    fn note_snapshot(&mut self) {
        self.snapshots = self.snapshots.saturating_add(1);
        if self.snapshots == START_SNAPSHOTS {
            tacho_proc::give_start_back();
        }
    }
}

/// Tells the log of a frame, with readings by which its row can be found again in a history, whatever became
/// of its time on the way. The fault harness counts by these lines.
fn note_frame(head: RecordHead, sample: &Sample) {
    let read = |column| {
        let block = sample.blocks.iter().find(|block| block.table().id == host::TABLE.id)?;
        block.integer(column, 0)
    };
    tracing::debug!(
        stream = format_args!("{:032x}", u128::from_be_bytes(head.stream)),
        sequence = head.sequence,
        boot_clock_us = sample.boot_clock_us,
        agent_cpu_us = read(host::AGENT_CPU_US),
        memory_available_bytes = read(host::MEMORY_AVAILABLE_BYTES),
        "frame"
    );
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn slowed_down(complaint: String) -> CollectorStatus {
    CollectorStatus { name: "budget".to_owned(), absent: Vec::new(), error: complaint }
}

impl Schedule {
    /// The first snapshot comes at a random moment soon, so that agents that start together do not stay together.
    fn begin(interval_us: u64, now_us: u64) -> Self {
        let [a, b, ..] = tacho_runtime::tls::random_secret();
        let share = u64::from(u16::from_le_bytes([a, b]));
        let spread_us = interval_us.min(LONGEST_START_US).saturating_mul(share) >> 16;
        Self { interval_us, due_us: now_us.saturating_add(spread_us) }
    }

    /// Notes that a snapshot starts now; answers how many were missed since the last.
    fn start(&mut self, now_us: u64) -> u64 {
        let missed = now_us.saturating_sub(self.due_us) / self.interval_us.max(1);
        let steps = missed.saturating_add(1).saturating_mul(self.interval_us);
        self.due_us = self.due_us.saturating_add(steps);
        missed
    }

    /// The snapshot that is due next keeps its distance to the one before by the new interval.
    fn change(&mut self, interval_us: u64) {
        self.due_us = self.due_us.saturating_sub(self.interval_us).saturating_add(interval_us);
        self.interval_us = interval_us;
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

    #[test]
    fn agents_that_start_together_do_not_tick_together() {
        let begin = |interval_us| Schedule::begin(interval_us, 1000).due_us - 1000;
        let starts: std::collections::BTreeSet<u64> = (0..50).map(|_| begin(5_000_000)).collect();
        assert!(starts.len() > 10 && starts.iter().all(|start| *start < 5_000_000), "{starts:?}");
        assert!((0..50).all(|_| begin(600_000_000) < LONGEST_START_US));
    }

    #[test]
    fn a_new_interval_holds_from_the_newest_snapshot_on() {
        let mut schedule = Schedule { interval_us: 100, due_us: 1000 };
        schedule.start(1000);
        schedule.change(200);
        assert_eq!(schedule, Schedule { interval_us: 200, due_us: 1200 });
        schedule.start(1201);
        schedule.change(100);
        assert_eq!(schedule, Schedule { interval_us: 100, due_us: 1300 });
    }
}
