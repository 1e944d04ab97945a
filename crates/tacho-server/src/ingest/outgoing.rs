//! What is to be said to one agent. An agent that reads slowly gets the same in fewer messages: nothing grows
//! with the time it takes, and nobody waits for it.

use std::collections::BTreeMap;

use tacho_model::SequenceSet;
use tacho_wire::ranges_to_wire;
use tacho_wire::v1::{Acknowledge, Drain, Pace, Ping, Sentinel, from_server};

use super::streams::StreamId;

/// One of each kind at most; acknowledgements per stream.
#[derive(Default)]
pub(super) struct Outgoing {
    drain: Option<Drain>,
    ping: Option<Ping>,
    pace: Option<Pace>,
    sentinel: Option<Sentinel>,
    stored: BTreeMap<StreamId, SequenceSet>,
}

impl Outgoing {
    pub(super) fn drain(&mut self, return_after_ms: u32) {
        self.drain = Some(Drain { return_after_ms });
    }

    pub(super) fn ping(&mut self, number: u64) {
        self.ping = Some(Ping { number });
    }

    pub(super) fn pace(&mut self, backfill_bytes_per_second: u64) {
        self.pace = Some(Pace { backfill_bytes_per_second });
    }

    pub(super) fn sentinel(&mut self, duty: Sentinel) {
        self.sentinel = Some(duty);
    }

    pub(super) fn stored(&mut self, stream: StreamId, stored: &SequenceSet) {
        if !stored.is_empty() {
            self.stored.entry(stream).or_default().extend(stored);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let nothing_new = self.ping.is_none() && self.pace.is_none() && self.sentinel.is_none();
        self.drain.is_none() && nothing_new && self.stored.is_empty()
    }

    /// The next message. `own` is the stream that acknowledgements need not name.
    pub(super) fn next(&mut self, own: StreamId) -> Option<from_server::Message> {
        if let Some(drain) = self.drain.take() {
            return Some(from_server::Message::Drain(drain));
        }
        if let Some(ping) = self.ping.take() {
            return Some(from_server::Message::Ping(ping));
        }
        if let Some(pace) = self.pace.take() {
            return Some(from_server::Message::Pace(pace));
        }
        if let Some(duty) = self.sentinel.take() {
            return Some(from_server::Message::Sentinel(duty));
        }
        let (stream, stored) = self.stored.pop_first()?;
        let stream = if stream == own { Vec::new() } else { stream.to_vec() };
        Some(from_server::Message::Acknowledge(Acknowledge { stored: ranges_to_wire(&stored), stream }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_becomes_one_message() {
        let mut outgoing = Outgoing::default();
        for sequence in 1..=1000 {
            outgoing.stored([1; 16], &[sequence..=sequence].into_iter().collect());
            outgoing.pace(sequence);
        }
        outgoing.stored([2; 16], &[5..=5].into_iter().collect());
        outgoing.stored([3; 16], &SequenceSet::new());
        let mut messages = std::iter::from_fn(|| outgoing.next([1; 16]));
        assert_eq!(
            messages.next(),
            Some(from_server::Message::Pace(Pace { backfill_bytes_per_second: 1000 }))
        );
        let Some(from_server::Message::Acknowledge(own)) = messages.next() else {
            panic!("no acknowledgement")
        };
        assert_eq!((own.stored.len(), own.stored[0].last, own.stream), (1, 1000, Vec::new()));
        let Some(from_server::Message::Acknowledge(other)) = messages.next() else { panic!("only one") };
        assert_eq!((other.stored[0].first, other.stream), (5, vec![2; 16]));
        assert_eq!(messages.next(), None);
        assert!(outgoing.is_empty());
    }
}
