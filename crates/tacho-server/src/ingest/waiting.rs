//! Frames and gaps of one connection that the head has no room for yet. Live ones go first.

use std::collections::VecDeque;

use tacho_history::{Gap, StreamKey};

use super::streams::Taken;

/// What is offered to the history.
pub(super) enum Offer {
    Frame(Taken),
    Gap(StreamKey, Gap),
}

/// Frames of a lane that wait. When as many do, nothing more is read from the agent until a flush has made room:
/// its messages then wait in the network's buffers, and after that in its queue.
const WAITING: usize = 4;

impl Offer {
    fn is_backfill(&self) -> bool {
        matches!(self, Self::Frame(taken) if taken.backfill)
    }
}

/// What waits, by lane, in the order it came.
#[derive(Default)]
pub(super) struct Waiting {
    live: VecDeque<Offer>,
    backfill: VecDeque<Offer>,
}

impl Waiting {
    pub(super) fn push(&mut self, offer: Offer) {
        let lane = if offer.is_backfill() { &mut self.backfill } else { &mut self.live };
        lane.push_back(offer);
    }

    pub(super) fn put_back(&mut self, offer: Offer) {
        let lane = if offer.is_backfill() { &mut self.backfill } else { &mut self.live };
        lane.push_front(offer);
    }

    /// The one that is to be offered next.
    pub(super) fn next(&mut self) -> Option<Offer> {
        self.live.pop_front().or_else(|| self.backfill.pop_front())
    }

    /// May another message be read? It could be of either lane.
    pub(super) fn has_room(&self) -> bool {
        self.live.len() < WAITING && self.backfill.len() < WAITING
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.backfill.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tacho_history::StreamKey;

    use super::*;

    fn frame(sequence: u64, backfill: bool) -> Offer {
        let key = StreamKey { agent_id: "a".into(), stream: [0; 16] };
        Offer::Frame(Taken { key, sequence, snapshot: Arc::default(), backfill })
    }

    #[test]
    fn live_frames_pass_and_each_lane_keeps_its_order() {
        let mut waiting = Waiting::default();
        for (sequence, backfill) in [(1, true), (2, true), (9, false), (3, true), (10, false)] {
            assert!(waiting.has_room());
            waiting.push(frame(sequence, backfill));
        }
        waiting.push(frame(4, true));
        assert!(!waiting.has_room());
        let first = waiting.next().unwrap();
        waiting.put_back(first);
        let sequence = |offer| if let Offer::Frame(taken) = offer { taken.sequence } else { 0 };
        let order: Vec<u64> = std::iter::from_fn(|| waiting.next()).map(sequence).collect();
        assert_eq!(order, [9, 10, 1, 2, 3, 4]);
        assert!(waiting.is_empty() && waiting.has_room());
    }
}
