//! Between those that run scripts and the recorder: outcomes and readings wait here for the next snapshot.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tacho_model::Block;
use tacho_model::tables::{metric, script};

use super::outcome::Outcome;
use super::reading::Reading;

/// What may wait, and so the most in one snapshot, in bytes of text and cells: some ten thousand readings. It
/// leaves most of a message on the wire to the rest of the snapshot. When full, the oldest deliveries go.
const MAX_WAITING_BYTES: usize = 2 << 20;
/// What a row holds beside its texts.
const ROW_BYTES: usize = 64;

/// Holds what came since the last snapshot. Never blocks for longer than a copy.
#[derive(Debug, Default)]
pub struct Mailbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    /// Deliveries lost since the last call of [`Mailbox::drain`].
    dropped: u64,
    /// Some were lost before that call, so it has been said.
    told: bool,
}

#[derive(Debug)]
struct Delivery {
    source: String,
    outcome: Option<Outcome>,
    readings: Vec<Reading>,
}

impl Mailbox {
    /// Takes the outcome of a run with its readings.
    pub fn put_outcome(&self, mut outcome: Outcome) {
        let readings = std::mem::take(&mut outcome.readings);
        self.put(Delivery { source: outcome.script.clone(), outcome: Some(outcome), readings });
    }

    /// Takes readings that come from no run, in place of those of the same source that still wait.
    pub fn put_readings(&self, source: &str, readings: Vec<Reading>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).forget_readings(source);
        self.put(Delivery { source: source.to_owned(), outcome: None, readings });
    }

    /// Moves everything into the two blocks.
    pub fn drain(&self, scripts: &mut Block, metrics: &mut Block) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (deliveries, dropped) =
            (std::mem::take(&mut state.deliveries), std::mem::take(&mut state.dropped));
        state.bytes = 0;
        let told = std::mem::replace(&mut state.told, dropped > 0);
        drop(state);
        if dropped > 0 && !told {
            tracing::warn!(
                dropped,
                "scripts and text files give more than fits into a snapshot; the oldest is lost"
            );
        }
        for delivery in &deliveries {
            if let Some(outcome) = &delivery.outcome {
                write_outcome(outcome, delivery.readings.len(), scripts);
            }
            for reading in &delivery.readings {
                write_reading(&delivery.source, reading, metrics);
            }
        }
    }

    fn put(&self, delivery: Delivery) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bytes += delivery.bytes();
        state.deliveries.push_back(delivery);
        while state.bytes > MAX_WAITING_BYTES
            && let Some(oldest) = state.deliveries.pop_front()
        {
            state.bytes -= oldest.bytes();
            state.dropped += 1;
        }
    }
}

impl State {
    fn forget_readings(&mut self, source: &str) {
        let is_old = |delivery: &Delivery| delivery.outcome.is_none() && delivery.source == source;
        self.bytes -=
            self.deliveries.iter().filter(|delivery| is_old(delivery)).map(Delivery::bytes).sum::<usize>();
        self.deliveries.retain(|delivery| !is_old(delivery));
    }
}

impl Delivery {
    fn bytes(&self) -> usize {
        let reading = |reading: &Reading| {
            ROW_BYTES + reading.name.len() + reading.labels.len() + reading.unit.len() + self.source.len()
        };
        let outcome = self.outcome.as_ref().map_or(0, |outcome| outcome.text.len());
        ROW_BYTES + self.source.len() + outcome + self.readings.iter().map(reading).sum::<usize>()
    }
}

fn write_outcome(outcome: &Outcome, readings: usize, block: &mut Block) {
    let mut row = block.push();
    row.text(script::SCRIPT, &outcome.script).text(script::STATE, outcome.state.name());
    if let Some(code) = outcome.exit_code {
        row.integer(script::EXIT_CODE, code.into());
    }
    row.optional(script::DURATION_US, outcome.duration_us)
        .optional(script::OUTPUT_BYTES, outcome.output_bytes)
        .text(script::TEXT, &outcome.text)
        .unsigned(script::READINGS, readings as u64);
}

fn write_reading(source: &str, reading: &Reading, block: &mut Block) {
    let mut row = block.push();
    row.text(metric::NAME, &reading.name)
        .text(metric::LABELS, &reading.labels)
        .float(metric::VALUE, reading.value)
        .text(metric::SOURCE, source);
    if !reading.unit.is_empty() {
        row.text(metric::UNIT, &reading.unit);
    }
}

#[cfg(test)]
mod tests {
    use tacho_model::tables;

    use super::*;

    fn blocks() -> (Block, Block) {
        (Block::new(&tables::script::TABLE), Block::new(&tables::metric::TABLE))
    }

    #[test]
    fn everything_is_handed_over_once() {
        let mailbox = Mailbox::default();
        let reading =
            Reading { name: "a".to_owned(), value: 1.5, unit: "ms".to_owned(), ..Reading::default() };
        let outcome = Outcome { readings: vec![reading], ..Outcome::not_started("s", "gone") };
        mailbox.put_outcome(outcome);
        let (mut scripts, mut metrics) = blocks();
        mailbox.drain(&mut scripts, &mut metrics);
        assert_eq!(scripts.text(script::STATE, 0), Some("not-started"));
        assert_eq!(
            (scripts.text(script::TEXT, 0), scripts.integer(script::READINGS, 0)),
            (Some("gone"), Some(1))
        );
        assert_eq!(scripts.integer(script::EXIT_CODE, 0), None);
        assert_eq!(
            (metrics.text(metric::SOURCE, 0), metrics.float(metric::VALUE, 0)),
            (Some("s"), Some(1.5))
        );
        assert_eq!((metrics.text(metric::LABELS, 0), metrics.text(metric::UNIT, 0)), (Some(""), Some("ms")));
        let (mut scripts, mut metrics) = blocks();
        mailbox.drain(&mut scripts, &mut metrics);
        assert!(scripts.is_empty() && metrics.is_empty());
    }

    #[test]
    fn a_mailbox_that_nobody_empties_stays_small() {
        let mailbox = Mailbox::default();
        let reading = Reading { labels: "l".repeat(936), ..Reading::default() };
        for number in 0..1000 {
            mailbox.put_readings(&number.to_string(), vec![reading.clone(); 100]);
            mailbox.put_outcome(Outcome::not_started("s", &"t".repeat(500)));
        }
        let (mut scripts, mut metrics) = blocks();
        mailbox.drain(&mut scripts, &mut metrics);
        assert_eq!((scripts.len(), metrics.len()), (21, 2000));
        assert_eq!(metrics.text(metric::SOURCE, 1999), Some("999"), "the newest is there");
    }

    #[test]
    fn newer_readings_of_a_file_replace_those_that_wait() {
        let mailbox = Mailbox::default();
        for value in [1.0, 2.0] {
            mailbox.put_readings("a.prom", vec![Reading { value, ..Reading::default() }]);
        }
        let (mut scripts, mut metrics) = blocks();
        mailbox.drain(&mut scripts, &mut metrics);
        assert_eq!((metrics.len(), metrics.float(metric::VALUE, 0)), (1, Some(2.0)));
    }
}
