//! Frames that the server has not acknowledged yet, in memory.
//!
//! The recorder's thread pushes, the connection reads on from where it is, and acknowledgements remove.
//! When the queue is full the oldest frames go, and are counted. Identities of processes are kept once,
//! for as long as a queued frame may name them, because another connection has to hear of them again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tacho_model::{ProcessIdentity, SequenceSet};
use tacho_wire::{identity_to_wire, v1};
use tokio::sync::Notify;

/// What a frame costs beside its bytes and its process ids.
const FRAME_OVERHEAD_BYTES: usize = 128;

/// A snapshot, packed.
#[derive(Debug, Default)]
pub struct NewFrame {
    pub boot_clock_us: u64,
    pub time_ms: i64,
    /// As [`tacho_wire::encode_blocks`] packs them.
    pub blocks: Bytes,
    /// Identity of each process row; 0 is the `other` row.
    pub processes: Vec<u32>,
    /// Identities named for the first time.
    pub identities: Vec<(u32, Arc<ProcessIdentity>)>,
    /// Identities that no later frame names.
    pub retired: Vec<u32>,
}

/// How full the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCounters {
    pub queued_frames: u64,
    /// Frames that were dropped since the agent started.
    pub dropped_frames: u64,
}

/// The queue; shared between the recorder's thread and the connection.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
    limit_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<QueuedFrame>,
    bytes: usize,
    last_sequence: u64,
    dropped: u64,
    identities: HashMap<u32, Arc<ProcessIdentity>>,
    /// Sequence of the last frame that may name an identity, and the identity; in order.
    retired: VecDeque<(u64, u32)>,
}

#[derive(Debug)]
struct QueuedFrame {
    sequence: u64,
    boot_clock_us: u64,
    time_ms: i64,
    blocks: Bytes,
    processes: Vec<u32>,
    retired: Vec<u32>,
}

impl Queue {
    pub fn new(limit_bytes: usize) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), limit_bytes }
    }

    /// Takes a frame and gives it the next sequence number, from 1. Never waits.
    pub fn push(&self, frame: NewFrame) -> u64 {
        let mut state = self.lock();
        state.last_sequence += 1;
        let sequence = state.last_sequence;
        state.identities.extend(frame.identities);
        state.retired.extend(frame.retired.iter().map(|id| (sequence, *id)));
        let queued = QueuedFrame {
            sequence,
            boot_clock_us: frame.boot_clock_us,
            time_ms: frame.time_ms,
            blocks: frame.blocks,
            processes: frame.processes,
            retired: frame.retired,
        };
        state.bytes += queued.bytes();
        state.frames.push_back(queued);
        while state.bytes > self.limit_bytes && state.frames.len() > 1 {
            if let Some(oldest) = state.frames.pop_front() {
                state.bytes -= oldest.bytes();
                state.dropped += 1;
            }
        }
        state.forget_identities();
        drop(state);
        self.changed.notify_one();
        sequence
    }

    /// The first frame after `sequence`, ready to be sent on a connection whose server knows the identities
    /// in `known`; that set is brought up to date.
    pub fn next_after(&self, sequence: u64, known: &mut HashSet<u32>) -> Option<v1::Frame> {
        let state = self.lock();
        let position = state.frames.partition_point(|frame| frame.sequence <= sequence);
        let frame = state.frames.get(position)?;
        let mut identities = Vec::new();
        for id in frame.processes.iter().filter(|id| **id != 0) {
            if let Some(identity) = state.identities.get(id)
                && known.insert(*id)
            {
                identities.push(identity_to_wire(*id, identity));
            }
        }
        Some(v1::Frame {
            sequence: frame.sequence,
            boot_clock_us: frame.boot_clock_us,
            time_ms: frame.time_ms,
            identities,
            forgotten: frame.retired.iter().copied().filter(|id| known.remove(id)).collect(),
            blocks: frame.blocks.clone(),
            backfill: false,
            stream: Vec::new(),
        })
    }

    /// Forgets frames that the server has stored.
    pub fn acknowledge(&self, stored: &SequenceSet) {
        let mut state = self.lock();
        state.frames.retain(|frame| !stored.contains(frame.sequence));
        state.bytes = state.frames.iter().map(QueuedFrame::bytes).sum();
        state.forget_identities();
    }

    pub fn counters(&self) -> QueueCounters {
        let state = self.lock();
        QueueCounters { queued_frames: state.frames.len() as u64, dropped_frames: state.dropped }
    }

    /// Waits until a frame was pushed since the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every method leaves the state whole at each step, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Drops identities that no queued and no later frame names.
    fn forget_identities(&mut self) {
        let oldest = self.frames.front().map_or(u64::MAX, |frame| frame.sequence);
        while let Some((last_named, id)) = self.retired.front().copied()
            && last_named < oldest
        {
            self.retired.pop_front();
            self.identities.remove(&id);
        }
    }
}

impl QueuedFrame {
    fn bytes(&self) -> usize {
        FRAME_OVERHEAD_BYTES + self.blocks.len() + 4 * (self.processes.len() + self.retired.len())
    }
}

#[cfg(test)]
mod tests {
    use tacho_model::ProcessKey;

    use super::*;

    fn identity(pid: i64) -> Arc<ProcessIdentity> {
        let key = ProcessKey { pid, start_time_ms: 1 };
        Arc::new(ProcessIdentity { key, ..ProcessIdentity::other() })
    }

    fn frame(processes: &[u32], new: &[u32], retired: &[u32]) -> NewFrame {
        NewFrame {
            blocks: Bytes::from_static(b"0123456789"),
            processes: processes.to_vec(),
            identities: new.iter().map(|id| (*id, identity((*id).into()))).collect(),
            retired: retired.to_vec(),
            ..NewFrame::default()
        }
    }

    fn sent(queue: &Queue, after: u64, known: &mut HashSet<u32>) -> Option<(u64, Vec<u32>, Vec<u32>)> {
        let frame = queue.next_after(after, known)?;
        Some((frame.sequence, frame.identities.iter().map(|identity| identity.id).collect(), frame.forgotten))
    }

    #[test]
    fn identities_are_sent_once_per_connection_and_kept_while_needed() {
        let queue = Queue::new(1 << 20);
        queue.push(frame(&[0, 1, 2], &[1, 2], &[]));
        queue.push(frame(&[0, 1, 2], &[], &[2]));
        queue.push(frame(&[1, 3], &[3], &[]));
        let mut known = HashSet::new();
        assert_eq!(sent(&queue, 0, &mut known), Some((1, vec![1, 2], vec![])));
        assert_eq!(sent(&queue, 1, &mut known), Some((2, vec![], vec![2])));
        assert_eq!(sent(&queue, 2, &mut known), Some((3, vec![3], vec![])));
        assert_eq!(sent(&queue, 3, &mut known), None);
        queue.acknowledge(&[1..=1].into_iter().collect());
        let mut known = HashSet::new();
        assert_eq!(
            sent(&queue, 0, &mut known),
            Some((2, vec![1, 2], vec![2])),
            "a new connection hears all again"
        );
        queue.acknowledge(&[1..=3].into_iter().collect());
        assert_eq!(queue.counters(), QueueCounters { queued_frames: 0, dropped_frames: 0 });
        assert!(!queue.lock().identities.contains_key(&2));
        assert!(queue.lock().identities.contains_key(&1), "later frames may name it");
        assert_eq!(queue.lock().bytes, 0);
    }

    #[test]
    fn a_full_queue_drops_the_oldest_and_counts() {
        let queue = Queue::new(2 * (FRAME_OVERHEAD_BYTES + 10));
        for _ in 0..5 {
            queue.push(frame(&[], &[], &[]));
        }
        assert_eq!(queue.counters(), QueueCounters { queued_frames: 2, dropped_frames: 3 });
        assert_eq!(sent(&queue, 0, &mut HashSet::new()).map(|(sequence, ..)| sequence), Some(4));
    }

    #[test]
    fn acknowledged_out_of_order_leaves_the_holes() {
        let queue = Queue::new(1 << 20);
        for _ in 0..4 {
            queue.push(frame(&[], &[], &[]));
        }
        queue.acknowledge(&[1..=1, 3..=3, 9..=u64::MAX].into_iter().collect());
        let mut known = HashSet::new();
        assert_eq!(sent(&queue, 0, &mut known).map(|(sequence, ..)| sequence), Some(2));
        assert_eq!(sent(&queue, 2, &mut known).map(|(sequence, ..)| sequence), Some(4));
    }
}
