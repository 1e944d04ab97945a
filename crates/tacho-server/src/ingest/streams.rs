//! The streams of one connection: that of the hello, whose frames are new, and those of the backlog.

use std::collections::HashMap;
use std::sync::Arc;

use tacho_history::StreamKey;
use tacho_model::tables::host;
use tacho_model::{Block, ColumnValues, IntegerColumn, Snapshot};
use tacho_runtime::logging;
use tacho_wire::decode_blocks;
use tacho_wire::v1::Frame;
use tonic::Status;

use super::clock::StreamClock;
use super::identities::{Identities, MAX_IDENTITIES};

/// Streams of one connection: an agent has one per boot and loss of its state, and its queue forgets those that
/// are delivered. One that has more connects again for the rest.
pub(super) const MAX_STREAMS: usize = 64;

/// A snapshot that arrives so long after it was taken is late, whatever its frame says: an agent that knows no
/// lanes sends what waited in its queue as if it were new.
const LATE_MS: i64 = 60_000;

/// The 16 bytes that name a stream.
pub(super) type StreamId = [u8; 16];

/// All streams that were named on a connection.
pub(super) struct Streams {
    agent_id: Arc<str>,
    /// Of streams that an earlier identity of the host began.
    owners: HashMap<StreamId, Arc<str>>,
    /// The hello's.
    own: StreamId,
    by_id: HashMap<StreamId, Stream>,
}

/// What is known of one.
pub(super) struct Stream {
    pub(super) key: StreamKey,
    identities: Identities,
    /// Absent for one of the backlog that was never connected: its times stay as the agent reckoned them, until a frame
    /// shows that it is of the boot of the hello's.
    pub(super) clock: Option<StreamClock>,
}

/// A frame read.
pub(super) struct Taken {
    pub(super) key: StreamKey,
    pub(super) sequence: u64,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) backfill: bool,
}

/// What the server adds to a snapshot.
pub(super) struct Arrival {
    pub(super) now_ms: i64,
    /// How far the agent's clock is ahead.
    pub(super) ahead_ms: Option<i64>,
}

impl Streams {
    pub(super) fn new(agent_id: &str, own: StreamId) -> Self {
        Self { agent_id: Arc::from(agent_id), owners: HashMap::new(), own, by_id: HashMap::new() }
    }

    pub(super) fn own(&self) -> StreamId {
        self.own
    }

    /// Under which it is kept what of a stream is stored.
    pub(super) fn key(&self, id: StreamId) -> StreamKey {
        let agent_id = self.owners.get(&id).unwrap_or(&self.agent_id);
        StreamKey { agent_id: Arc::clone(agent_id), stream: id }
    }

    /// Notes under which agent a stream is kept; to be called before it is [added](Self::add).
    pub(super) fn note_owner(&mut self, id: StreamId, agent_id: &str) {
        if agent_id != &*self.agent_id {
            self.owners.insert(id, Arc::from(agent_id));
        }
    }

    /// Which stream a message names; empty is the hello's.
    pub(super) fn id_of(&self, bytes: &[u8]) -> Result<StreamId, Status> {
        if bytes.is_empty() { Ok(self.own) } else { stream_id(bytes) }
    }

    pub(super) fn knows(&self, id: StreamId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn add(&mut self, id: StreamId, clock: Option<StreamClock>) -> Result<(), Status> {
        if self.by_id.len() >= MAX_STREAMS && !self.knows(id) {
            return Err(Status::resource_exhausted(format!(
                "more than {MAX_STREAMS} streams on one connection; connect again for the rest"
            )));
        }
        let stream = Stream { key: self.key(id), identities: Identities::default(), clock };
        self.by_id.entry(id).or_insert(stream);
        Ok(())
    }

    pub(super) fn get(&self, id: StreamId) -> Option<&Stream> {
        self.by_id.get(&id)
    }

    pub(super) fn own_mut(&mut self) -> Option<&mut Stream> {
        self.by_id.get_mut(&self.own)
    }

    /// Names of all of them.
    pub(super) fn ids(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.by_id.keys().copied()
    }

    /// When something happened that the agent tells by its own reckoning.
    pub(super) fn time_of_agent_ms(&self, id: StreamId, agent_ms: i64) -> i64 {
        let clock = self.get(id).and_then(|stream| stream.clock.as_ref());
        clock.map_or(agent_ms, |clock| clock.time_of_agent_ms(agent_ms))
    }

    /// Gives a stream the clock of the hello's when a frame shows that both are of one boot.
    fn find_clock(&mut self, id: StreamId, frame: &Frame) {
        let own = self.get(self.own).and_then(|own| own.clock.as_ref());
        let clock = own.filter(|clock| clock.is_of(frame.boot_clock_us, frame.time_ms)).cloned();
        if let Some(stream) = self.by_id.get_mut(&id) {
            stream.clock = clock;
        }
    }

    /// Reads a frame of a stream that was [added](Self::add).
    pub(super) fn read(&mut self, id: StreamId, frame: Frame, arrival: &Arrival) -> Result<Taken, Status> {
        let named: usize = self.by_id.values().map(|stream| stream.identities.len()).sum();
        if self.get(id).is_some_and(|stream| stream.clock.is_none()) {
            self.find_clock(id, &frame);
        }
        let stream = self.by_id.get_mut(&id).ok_or_else(|| Status::internal("a stream that is not there"))?;
        stream.identities.learn(frame.identities, MAX_IDENTITIES.saturating_sub(named))?;
        let decoded = decode_blocks(&frame.blocks).map_err(|error| {
            Status::invalid_argument(format!("frame {}: {}", frame.sequence, logging::chain(&error)))
        })?;
        let clock = stream.clock.as_ref();
        let time_ms = clock.map_or(frame.time_ms, |clock| clock.time_ms(frame.boot_clock_us, frame.time_ms));
        let mut snapshot = Snapshot {
            time_ms,
            blocks: decoded.blocks,
            processes: stream.identities.resolve(&decoded.processes)?,
        };
        stream.identities.forget(&frame.forgotten);
        note_arrival(&mut snapshot, frame.backfill, arrival);
        let (key, sequence, backfill) = (stream.key.clone(), frame.sequence, frame.backfill);
        Ok(Taken { key, sequence, snapshot: Arc::new(snapshot), backfill })
    }
}

/// The 16 bytes of a stream's name.
pub(super) fn stream_id(bytes: &[u8]) -> Result<StreamId, Status> {
    bytes.try_into().map_err(|_| Status::invalid_argument("a stream has 16 bytes"))
}

/// Sets the readings that are the server's, whatever the agent sent in their place.
fn note_arrival(snapshot: &mut Snapshot, backfill: bool, arrival: &Arrival) {
    let late_ms = arrival.now_ms.saturating_sub(snapshot.time_ms).max(0);
    let Some(block) = snapshot.blocks.iter_mut().find(|block| block.table().id == host::TABLE.id) else {
        return;
    };
    let late = backfill || late_ms >= LATE_MS.max(block.interval_ms.saturating_mul(3));
    set(block, host::ARRIVED_LATE_MS, late.then_some(late_ms));
    set(block, host::CLOCK_OFFSET_MS, arrival.ahead_ms.filter(|_| !late));
}

/// Sets one column in all rows.
fn set(block: &mut Block, column: IntegerColumn, value: Option<i64>) {
    let rows = if value.is_some() { block.len() } else { 0 };
    let values = vec![value.unwrap_or_default(); rows];
    // It is a column of integers, and there are as many as rows.
    block.set_column(column.0.into(), ColumnValues::Integer { values, present: vec![true; rows] });
}

#[cfg(test)]
mod tests {
    use tacho_wire::encode_blocks;

    use super::*;
    use crate::ingest::clock::Sample;

    fn frame(interval_ms: i64) -> Frame {
        let mut block = Block::new(&host::TABLE);
        block.interval_ms = interval_ms;
        block
            .push()
            .float(host::LOAD1, 1.0)
            .integer(host::CLOCK_OFFSET_MS, 7)
            .integer(host::ARRIVED_LATE_MS, 7);
        let blocks = encode_blocks(&[block], &[]).unwrap().into();
        Frame { sequence: 1, time_ms: 100_000, blocks, ..Frame::default() }
    }

    fn readings(frame: Frame, now_ms: i64) -> (Option<i64>, Option<i64>) {
        let mut streams = Streams::new("a", [1; 16]);
        streams.add([1; 16], None).unwrap();
        let taken = streams.read([1; 16], frame, &Arrival { now_ms, ahead_ms: Some(-5) }).unwrap();
        let block = taken.snapshot.block(&host::TABLE).unwrap();
        (block.integer(host::CLOCK_OFFSET_MS, 0), block.integer(host::ARRIVED_LATE_MS, 0))
    }

    #[test]
    fn what_is_late_is_marked_and_says_nothing_of_the_clock() {
        assert_eq!(readings(frame(5_000), 100_300), (Some(-5), None));
        assert_eq!(readings(frame(5_000), 90_000), (Some(-5), None));
        assert_eq!(readings(frame(5_000), 160_000), (None, Some(60_000)), "an agent that knows no lanes");
        assert_eq!(readings(frame(30_000), 160_000), (Some(-5), None));
        assert_eq!(readings(Frame { backfill: true, ..frame(5_000) }, 100_300), (None, Some(300)));
    }

    #[test]
    fn a_stream_that_was_never_connected_goes_by_the_clock_of_its_boot() {
        let hello = Sample { boot_ms: 60_000, agent_ms: 3_660_000, server_ms: 60_000, uncertain_ms: 0 };
        let mut streams = Streams::new("a", [1; 16]);
        streams.add([1; 16], Some(StreamClock::of_hello(&hello, true))).unwrap();
        streams.add([2; 16], None).unwrap();
        streams.add([3; 16], None).unwrap();
        let mut time = |stream: u8, time_ms| {
            let frame = Frame { boot_clock_us: 40_000_000, time_ms, ..frame(5_000) };
            let arrival = Arrival { now_ms: 0, ahead_ms: None };
            streams.read([stream; 16], frame, &arrival).unwrap().snapshot.time_ms
        };
        assert_eq!(time(2, 3_640_000), 40_000, "of this boot: an hour ahead as the hello was");
        assert_eq!(time(3, 640_000), 640_000, "of another boot");
    }

    #[test]
    fn streams_are_bounded_and_each_has_its_own_identities() {
        let mut streams = Streams::new("a", [0; 16]);
        for number in 0..MAX_STREAMS {
            streams.add([u8::try_from(number).unwrap(); 16], None).unwrap();
        }
        streams.add([0; 16], None).unwrap();
        assert_eq!(streams.add([255; 16], None).unwrap_err().code(), tonic::Code::ResourceExhausted);
        assert_eq!(streams.id_of(&[]).unwrap(), [0; 16]);
        assert_eq!(streams.id_of(&[3; 16]).unwrap(), [3; 16]);
        assert!(streams.id_of(&[3; 15]).is_err());

        let arrival = Arrival { now_ms: 0, ahead_ms: None };
        let mut block = Block::new(&tacho_model::tables::process::TABLE);
        block.push();
        let blocks: bytes::Bytes = encode_blocks(&[block], &[7]).unwrap().into();
        let named = |pid| Frame {
            blocks: blocks.clone(),
            identities: vec![tacho_wire::v1::ProcessIdentity { id: 7, pid, ..Default::default() }],
            ..Frame::default()
        };
        let pid = |taken: Taken| taken.snapshot.processes[0].key.pid;
        assert_eq!(pid(streams.read([0; 16], named(1), &arrival).unwrap()), 1);
        assert_eq!(pid(streams.read([1; 16], named(2), &arrival).unwrap()), 2);
        let again = Frame { identities: Vec::new(), ..named(0) };
        assert_eq!(pid(streams.read([0; 16], again.clone(), &arrival).unwrap()), 1);
        assert!(streams.read([2; 16], again, &arrival).is_err(), "not sent in this stream");
    }
}
