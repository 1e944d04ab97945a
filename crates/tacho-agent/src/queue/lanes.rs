//! What goes next on a connection: the newest frame first, new ones as they come, and the backlog in order of
//! time between them.

use std::collections::{HashMap, VecDeque};

use prost::Message as _;
use tacho_spool::{Cursor, Ranges, Record, RecordHead, StreamId};
use tacho_wire::v1;

use super::Queue;
use super::known::Known;

/// When more new frames wait, because the connection is slow, the newest goes first again and those before it
/// are backlog.
const LIVE_FRAMES: u64 = 3;
/// Read from disk at once.
const READ_BYTES: usize = 128 << 10;

/// Reads frames of the backlog from disk. Waits for it.
pub fn read(queue: &Queue, mut cursor: Cursor) -> (Cursor, Vec<Record>) {
    let records = queue.spool.read_disk(&mut cursor, READ_BYTES, |_| true);
    (cursor, records)
}

/// What was sent on one connection.
#[derive(Debug, Default)]
pub struct Lanes {
    /// The stream of the hello; frames of others name theirs.
    hello: StreamId,
    live: StreamId,
    live_through: u64,
    sent: HashMap<StreamId, Ranges>,
    known: Known,
    /// `None` while somebody reads.
    cursor: Option<Cursor>,
    read: VecDeque<Record>,
    /// How many were on disk when there was nothing more to read.
    disk_end: Option<u64>,
}

impl Lanes {
    /// Of a connection whose hello named `stream`.
    pub fn new(hello: StreamId) -> Self {
        Self { hello, cursor: Some(Cursor::default()), ..Self::default() }
    }

    /// The next frame that was taken since the connection began, and at first the newest there is.
    pub fn next_live(&mut self, queue: &Queue) -> Option<v1::Frame> {
        let stream = queue.stream();
        let newest = queue.spool.newest(stream.id)?;
        let is_new_stream = self.live != stream.id;
        if is_new_stream {
            (self.live, self.live_through) = (stream.id, 0);
        }
        if is_new_stream || newest.sequence.saturating_sub(self.live_through) > LIVE_FRAMES {
            self.live_through = newest.sequence.saturating_sub(1);
        }
        let next =
            queue.spool.find_recent(|head| head.stream == stream.id && head.sequence > self.live_through)?;
        self.live_through = next.sequence;
        if self.is_sent(next) {
            return None;
        }
        let record = queue.spool.read_recent(next.stream, next.sequence)?;
        self.message(record, false)
    }

    /// Takes the place to read on from, when frames of the backlog wait on disk that have to be read first.
    pub fn start_reading(&mut self, queue: &Queue) -> Option<Cursor> {
        let on_disk = queue.spool.disk_records();
        if let Some(end) = &mut self.disk_end {
            *end = on_disk.min(*end);
        }
        let is_wanted = self.read.is_empty() && on_disk > 0 && self.disk_end.is_none_or(|end| on_disk > end);
        if is_wanted { self.cursor.take() } else { None }
    }

    /// Takes what [`read`] read.
    pub fn end_reading(&mut self, queue: &Queue, (cursor, records): (Cursor, Vec<Record>)) {
        self.cursor = Some(cursor);
        self.disk_end = records.is_empty().then(|| queue.spool.disk_records());
        self.read = records.into();
    }

    /// The next frame of the backlog of those that were read and those that are not on disk.
    pub fn next_backlog(&mut self, queue: &Queue) -> Option<v1::Frame> {
        while let Some(record) = self.read.pop_front() {
            if !self.is_sent(record.head) {
                return self.message(record, true);
            }
        }
        let (live, through) = (self.live, self.live_through);
        let is_late = |head: RecordHead| head.stream != live || head.sequence <= through;
        let next = queue.spool.find_recent(|head| is_late(head) && !self.is_sent(head))?;
        let record = queue.spool.read_recent(next.stream, next.sequence);
        if record.is_none() {
            // It was damaged, and is a gap now, or was acknowledged meanwhile.
            self.note_sent(next);
        }
        self.message(record?, true)
    }

    fn is_sent(&self, head: RecordHead) -> bool {
        self.sent.get(&head.stream).is_some_and(|sent| sent.contains(head.sequence))
    }

    fn note_sent(&mut self, head: RecordHead) {
        self.sent.entry(head.stream).or_default().insert(head.sequence..=head.sequence);
    }

    fn message(&mut self, record: Record, is_backlog: bool) -> Option<v1::Frame> {
        let Record { head, payload } = record;
        self.note_sent(head);
        let mut frame = v1::Frame::decode(payload.as_slice()).ok()?;
        if is_backlog {
            self.known.note_backlog(head.stream, &mut frame);
        } else {
            self.known.note_live(head.stream, &mut frame);
        }
        frame.backfill = is_backlog;
        frame.stream = if head.stream == self.hello { Vec::new() } else { head.stream.to_vec() };
        Some(frame)
    }
}
