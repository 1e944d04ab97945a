//! Frames that the server has not acknowledged yet.
//!
//! The recorder's thread pushes, the link sends, acknowledgements remove. Where frames are kept is the matter of
//! `tacho-spool`: new ones in a file in the runtime directory, those that wait longer on disk. Each is kept as the
//! message that is sent, with all identities that its rows name, so a frame that is lost costs only itself.

mod known;
mod lanes;
mod stream;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use prost::Message as _;
use tacho_model::{ProcessIdentity, SequenceSet};
use tacho_runtime::tls;
use tacho_spool::{Backlog, Gap, Ranges, RecordHead, Spool, State, StreamId};
use tacho_wire::{identity_to_wire, v1};
use tokio::sync::{Notify, watch};

pub use lanes::{Lanes, read};
pub use stream::{Clocks, Stream};

/// A snapshot, packed.
#[derive(Debug, Default)]
pub struct NewFrame {
    pub boot_clock_us: u64,
    /// As [`tacho_wire::encode_blocks`] packs them.
    pub blocks: Bytes,
    /// Identity of each process row; 0 is the `other` row.
    pub processes: Vec<u32>,
    /// Identities named for the first time.
    pub identities: Vec<(u32, Arc<ProcessIdentity>)>,
    /// Identities that no later frame names.
    pub retired: Vec<u32>,
}

/// The queue; shared between the recorder's thread, the link and the task that works on the disk.
#[derive(Debug)]
pub struct Queue {
    spool: Spool,
    writer: Mutex<Writer>,
    changed: Notify,
    /// There may be something to do on the disk.
    work: Notify,
    /// A server takes frames.
    is_delivering: watch::Sender<bool>,
    /// By the stream's reckoning.
    now_ms: AtomicU64,
}

/// What numbers new frames.
#[derive(Debug)]
struct Writer {
    stream: Stream,
    /// Of processes that live.
    identities: HashMap<u32, Arc<ProcessIdentity>>,
    is_in_memory: bool,
}

impl Queue {
    /// Goes on with the stream that the spool's note tells of, when it is of this boot, or begins one. Where damage
    /// may have taken the newest note, its numbers could be given twice, and a new stream takes its place.
    pub fn new(spool: Spool, boot_id: &str, clocks: Clocks) -> Self {
        let kept = Stream::from_note(&spool.note(), boot_id, clocks);
        let mut stream = kept.unwrap_or_else(|| Stream::begin(new_stream_id(), boot_id, clocks));
        if !spool.is_note_newest() {
            stream.branch(new_stream_id());
        }
        // A kill may have come between a frame and its note.
        for (head, _) in spool.recent() {
            if head.stream == stream.id && head.sequence > stream.last_sequence {
                stream.last_sequence = head.sequence;
                let frame = spool.read_recent(head.stream, head.sequence).map(|record| record.payload);
                let frame = frame.and_then(|payload| v1::Frame::decode(payload.as_slice()).ok());
                let ids = frame.iter().flat_map(|frame| &frame.identities).map(|identity| identity.id);
                stream.last_identity = ids.max().unwrap_or(0).max(stream.last_identity);
            }
        }
        Self {
            spool,
            writer: Mutex::new(Writer { stream, identities: HashMap::new(), is_in_memory: false }),
            changed: Notify::new(),
            work: Notify::new(),
            is_delivering: watch::Sender::new(false),
            now_ms: AtomicU64::new(0),
        }
    }

    /// The stream of new frames, as it is now.
    pub fn stream(&self) -> Stream {
        self.writer().stream.clone()
    }

    /// Takes a frame and gives it the next sequence number, from 1. Waits for no disk.
    pub fn push(&self, frame: NewFrame) -> RecordHead {
        let mut writer = self.writer();
        writer.identities.extend(frame.identities.iter().cloned());
        if self.spool.state().hot_error.is_some() {
            // The number of a frame that only memory holds would be given again after a kill.
            if !std::mem::replace(&mut writer.is_in_memory, true) {
                writer.stream.branch(new_stream_id());
            }
        } else {
            writer.is_in_memory = false;
        }
        writer.stream.last_sequence += 1;
        let newest = frame.identities.iter().map(|(id, _)| *id).max().unwrap_or(0);
        writer.stream.last_identity = writer.stream.last_identity.max(newest);
        let time_ms = writer.stream.time_ms(frame.boot_clock_us);
        let head = RecordHead { stream: writer.stream.id, sequence: writer.stream.last_sequence, time_ms };
        let message = writer.message(head, &frame);
        for id in &frame.retired {
            writer.identities.remove(id);
        }
        self.spool.push(head, message.encode_to_vec(), &writer.stream.note(frame.boot_clock_us));
        drop(writer);
        self.now_ms.store(u64::try_from(time_ms).unwrap_or(0), Ordering::Relaxed);
        self.changed.notify_one();
        if self.needs_work() {
            self.work.notify_one();
        }
        head
    }

    /// Forgets frames that the server has stored, and gaps that it has taken note of.
    pub fn acknowledge(&self, stream: StreamId, stored: &SequenceSet) {
        self.spool.acknowledge(stream, &stored.ranges().collect());
        if self.needs_work() {
            self.work.notify_one();
        }
    }

    /// The server has frames of the current stream that were not numbered here: this is a machine that was set
    /// back to an earlier state. What was numbered since goes on as a new stream, by a clock read anew. Answers
    /// whether that is so.
    pub fn leave_stream(&self, stored: &SequenceSet, clocks: Clocks) -> bool {
        let mut writer = self.writer();
        let is_ahead = stored.ranges().last().is_some_and(|range| *range.end() > writer.stream.last_sequence);
        if !is_ahead {
            return false;
        }
        let old = writer.stream.id;
        let boot_id = writer.stream.boot_id.clone();
        let last_identity = writer.stream.last_identity;
        writer.stream = Stream { last_identity, ..Stream::begin(new_stream_id(), &boot_id, clocks) };
        let mut moved = Ranges::default();
        for (head, _) in self.spool.recent() {
            let record = self.spool.read_recent(head.stream, head.sequence).filter(|_| head.stream == old);
            let Some(mut frame) = record.and_then(|record| v1::Frame::decode(record.payload.as_slice()).ok())
            else {
                continue;
            };
            writer.stream.last_sequence += 1;
            frame.sequence = writer.stream.last_sequence;
            frame.time_ms = writer.stream.time_ms(frame.boot_clock_us);
            let renamed =
                RecordHead { stream: writer.stream.id, sequence: frame.sequence, time_ms: frame.time_ms };
            self.spool.push(renamed, frame.encode_to_vec(), &writer.stream.note(frame.boot_clock_us));
            moved.insert(head.sequence..=head.sequence);
        }
        self.spool.acknowledge(old, &moved);
        true
    }

    /// Boot clock, and the wall clock that frames go by, so that the server's correction fits them.
    pub fn clocks(&self) -> Clocks {
        let boot_us = tacho_runtime::clock::boot_us();
        Clocks { boot_us, wall_ms: self.writer().stream.time_ms(boot_us) }
    }

    /// What waits, by stream; that of new frames among them.
    pub fn backlog(&self) -> Vec<Backlog> {
        let mut backlog = self.spool.backlog();
        let stream = self.stream();
        if backlog.iter().all(|part| part.stream != stream.id) {
            let time_ms = i64::try_from(self.now_ms.load(Ordering::Relaxed)).unwrap_or(0);
            backlog.push(Backlog {
                stream: stream.id,
                records: 0,
                bytes: 0,
                first_time_ms: time_ms,
                last_time_ms: time_ms,
            });
        }
        backlog
    }

    /// Frames that were dropped, as long as no server has taken note of it.
    pub fn gaps(&self) -> Vec<Gap> {
        self.spool.gaps()
    }

    pub fn state(&self) -> State {
        self.spool.state()
    }

    /// Waits until a frame was pushed since the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Says whether a server takes frames; while one does, none go to disk.
    pub fn set_delivering(&self, is_delivering: bool) {
        self.is_delivering.send_replace(is_delivering);
    }

    pub fn is_delivering(&self) -> bool {
        *self.is_delivering.borrow()
    }

    /// Waits until a server takes frames.
    pub async fn delivering(&self) {
        // The sender lives as long as the queue.
        drop(self.is_delivering.subscribe().wait_for(|is_delivering| *is_delivering).await);
    }

    /// Waits until there is something to do on the disk.
    pub async fn work(&self) {
        self.work.notified().await;
    }

    /// Does what is to be done on the disk. Waits for it.
    pub fn maintain(&self) {
        let now_ms = i64::try_from(self.now_ms.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let is_delivering = *self.is_delivering.borrow();
        self.spool.maintain(is_delivering, now_ms);
    }

    /// Before an end: while no server takes frames, the last ones go to disk, too, because the machine may be
    /// about to stop.
    pub fn settle(&self) {
        if !*self.is_delivering.borrow() {
            self.spool.move_all();
        }
    }

    fn needs_work(&self) -> bool {
        self.spool.needs_maintenance(*self.is_delivering.borrow())
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // Every method leaves it whole at each step, so a panic elsewhere does not spoil it.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// The frame as it is kept: with all identities it names.
    fn message(&self, head: RecordHead, frame: &NewFrame) -> v1::Frame {
        let mut ids: Vec<u32> = frame.processes.iter().copied().filter(|id| *id != 0).collect();
        ids.sort_unstable();
        ids.dedup();
        let known = |id: &u32| self.identities.get(id).map(|identity| identity_to_wire(*id, identity));
        v1::Frame {
            sequence: head.sequence,
            boot_clock_us: frame.boot_clock_us,
            time_ms: head.time_ms,
            identities: ids.iter().filter_map(known).collect(),
            forgotten: frame.retired.clone(),
            blocks: frame.blocks.clone(),
            backfill: false,
            stream: Vec::new(),
        }
    }
}

fn new_stream_id() -> StreamId {
    let mut stream = [0; 16];
    stream.copy_from_slice(&tls::random_secret()[..16]);
    stream
}

#[cfg(test)]
mod tests;
