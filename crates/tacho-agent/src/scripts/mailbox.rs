//! Between those that run scripts and the recorder: outcomes and readings wait here for the next snapshot.

use std::sync::{Mutex, PoisonError};

use tacho_model::Block;
use tacho_model::tables::{metric, script};

use super::outcome::Outcome;
use super::reading::Reading;

/// Runs that wait. A slow snapshot interval of ten minutes collects this many at most; the oldest go then.
const MAX_OUTCOMES: usize = 1000;
/// Readings that wait, and so the most in one snapshot; the oldest deliveries go then.
const MAX_WAITING_READINGS: usize = 20_000;

/// Holds what came since the last snapshot. Never blocks for longer than a copy.
#[derive(Debug, Default)]
pub struct Mailbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    deliveries: Vec<Delivery>,
    readings: usize,
    dropped: u64,
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

    /// Moves everything into the two blocks, and answers how many deliveries were dropped since the last call
    /// because nobody fetched them.
    pub fn drain(&self, scripts: &mut Block, metrics: &mut Block) -> u64 {
        let state = std::mem::take(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner));
        for delivery in &state.deliveries {
            if let Some(outcome) = &delivery.outcome {
                write_outcome(outcome, delivery.readings.len(), scripts);
            }
            for reading in &delivery.readings {
                write_reading(&delivery.source, reading, metrics);
            }
        }
        state.dropped
    }

    fn put(&self, delivery: Delivery) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.readings += delivery.readings.len();
        state.deliveries.push(delivery);
        while state.deliveries.len() > MAX_OUTCOMES || state.readings > MAX_WAITING_READINGS {
            let oldest = state.deliveries.remove(0);
            state.readings -= oldest.readings.len();
            state.dropped += 1;
        }
    }
}

impl State {
    fn forget_readings(&mut self, source: &str) {
        let is_old = |delivery: &Delivery| delivery.outcome.is_none() && delivery.source == source;
        self.readings -=
            self.deliveries.iter().filter(|d| is_old(d)).map(|d| d.readings.len()).sum::<usize>();
        self.deliveries.retain(|delivery| !is_old(delivery));
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
        assert_eq!(mailbox.drain(&mut scripts, &mut metrics), 0);
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
        for number in 0..30 {
            mailbox.put_readings(&number.to_string(), vec![Reading::default(); 1000]);
            mailbox.put_readings(&number.to_string(), vec![Reading::default(); 1000]);
        }
        let (mut scripts, mut metrics) = blocks();
        assert_eq!(mailbox.drain(&mut scripts, &mut metrics), 10);
        assert_eq!((scripts.len(), metrics.len()), (0, MAX_WAITING_READINGS));
    }
}
