//! The newest minute: frames that are not in files yet, by host.
//!
//! Snapshots are kept as they came; Arrow arrays are made when they are flushed or asked for, and a query
//! about one host never looks at another's.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tacho_catalog::StreamKey;
use tacho_model::{Block, ColumnValues, GapReason, HostKey, ProcessIdentity, SequenceSet, Snapshot};

use crate::scan::Hosts;

/// A frame that is not durable yet.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) host: HostKey,
    pub(crate) stream: StreamKey,
    pub(crate) sequence: u64,
    pub(crate) snapshot: Arc<Snapshot>,
}

/// Frames that an agent dropped, and that the catalog does not know of yet.
#[derive(Debug, Clone)]
pub(crate) struct PendingGap {
    pub(crate) host_id: Arc<str>,
    pub(crate) stream: StreamKey,
    pub(crate) sequences: SequenceSet,
    pub(crate) first_time_ms: i64,
    pub(crate) last_time_ms: i64,
    pub(crate) reason: GapReason,
}

/// Frames by host, and gaps.
#[derive(Debug, Default)]
pub(crate) struct Head {
    hosts: BTreeMap<Arc<str>, HostHead>,
    gaps: Vec<PendingGap>,
    /// Estimate of the memory that the frames hold.
    pub(crate) bytes: usize,
    pub(crate) frames: usize,
}

#[derive(Debug, Default)]
struct HostHead {
    frames: Vec<Arc<Frame>>,
    /// Addresses of the identities that were counted: frames of one connection share them. The frames keep
    /// them alive, so an address cannot come to mean another identity.
    identities: HashSet<usize>,
}

impl Head {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames == 0 && self.gaps.is_empty()
    }

    pub(crate) fn push_gap(&mut self, gap: PendingGap) {
        self.bytes += size_of::<PendingGap>() + gap.sequences.range_count() * size_of::<(u64, u64)>();
        self.gaps.push(gap);
    }

    pub(crate) fn gaps(&self) -> &[PendingGap] {
        &self.gaps
    }

    pub(crate) fn push(&mut self, frame: Arc<Frame>) {
        let host = self.hosts.entry(Arc::clone(&frame.host.id)).or_default();
        self.bytes += snapshot_bytes(&frame.snapshot, &mut host.identities);
        self.frames += 1;
        host.frames.push(frame);
    }

    /// Puts frames back that could not be flushed, before those that came since.
    pub(crate) fn put_back(&mut self, older: &Self) {
        let newer = std::mem::take(self);
        for frame in older.frames().chain(newer.frames()) {
            self.push(Arc::clone(frame));
        }
        for gap in older.gaps.iter().chain(&newer.gaps) {
            self.push_gap(gap.clone());
        }
    }

    /// All frames, by host.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &Arc<Frame>> {
        self.hosts.values().flat_map(|host| &host.frames)
    }

    /// The frames of hosts, of each in the order they came.
    pub(crate) fn frames_of(&self, hosts: &Hosts) -> impl Iterator<Item = &Arc<Frame>> {
        let found: Vec<_> = match hosts {
            Hosts::One(id) => self.hosts.get(id.as_str()).into_iter().collect(),
            Hosts::Between(..) => {
                self.hosts.iter().filter(|(id, _)| hosts.include(id)).map(|(_, host)| host).collect()
            }
        };
        found.into_iter().flat_map(|host| &host.frames)
    }
}

impl FromIterator<Arc<Frame>> for Head {
    fn from_iter<I: IntoIterator<Item = Arc<Frame>>>(frames: I) -> Self {
        let mut head = Self::default();
        frames.into_iter().for_each(|frame| head.push(frame));
        head
    }
}

/// Roughly what a snapshot holds in memory.
fn snapshot_bytes(snapshot: &Snapshot, counted: &mut HashSet<usize>) -> usize {
    let blocks: usize = snapshot.blocks.iter().map(block_bytes).sum();
    let identities: usize = snapshot
        .processes
        .iter()
        .filter(|identity| counted.insert(Arc::as_ptr(identity).addr()))
        .map(|identity| identity_bytes(identity))
        .sum();
    size_of::<Frame>()
        + size_of::<Snapshot>()
        + snapshot.processes.len() * size_of::<usize>()
        + blocks
        + identities
}

fn block_bytes(block: &Block) -> usize {
    let columns: usize = block.columns().iter().map(column_bytes).sum();
    size_of::<Block>() + size_of_val(block.columns()) + columns
}

fn column_bytes(column: &ColumnValues) -> usize {
    match column {
        ColumnValues::Integer { values, present } => size_of_val(values.as_slice()) + present.len(),
        ColumnValues::Float { values, present } => size_of_val(values.as_slice()) + present.len(),
        ColumnValues::Text { bytes, ends, present } => {
            bytes.len() + size_of_val(ends.as_slice()) + present.len()
        }
    }
}

fn identity_bytes(identity: &ProcessIdentity) -> usize {
    let texts = [
        &identity.name,
        &identity.command,
        &identity.user,
        &identity.cgroup,
        &identity.unit,
        &identity.container,
    ];
    size_of::<ProcessIdentity>() + texts.iter().map(|text| text.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use tacho_model::tables::host;

    use super::*;

    fn frame(host_id: &str, sequence: u64, processes: Vec<Arc<ProcessIdentity>>) -> Arc<Frame> {
        let mut block = Block::new(&host::TABLE);
        block.push().float(host::LOAD1, 1.0);
        let snapshot = Snapshot { time_ms: 0, blocks: vec![block], processes };
        Arc::new(Frame {
            host: HostKey { id: host_id.into(), name: host_id.into() },
            stream: StreamKey { agent_id: host_id.into(), stream: [0; 16] },
            sequence,
            snapshot: Arc::new(snapshot),
        })
    }

    #[test]
    fn an_identity_that_frames_share_is_counted_once() {
        let mut identity = ProcessIdentity::other();
        identity.command = "x".repeat(100_000);
        let identity = Arc::new(identity);
        let mut head = Head::default();
        head.push(frame("a", 1, vec![Arc::clone(&identity)]));
        let first = head.bytes;
        head.push(frame("a", 2, vec![identity]));
        assert!(first > 100_000 && head.bytes < first + 50_000, "{first} {}", head.bytes);
    }

    #[test]
    fn what_is_put_back_comes_before_what_came_since() {
        let older: Head = [frame("a", 1, Vec::new()), frame("b", 1, Vec::new())].into_iter().collect();
        let mut head: Head = [frame("a", 2, Vec::new())].into_iter().collect();
        let bytes = older.bytes + head.bytes;
        head.put_back(&older);
        let sequences: Vec<_> = head.frames_of(&"a".into()).map(|frame| frame.sequence).collect();
        assert_eq!((sequences, head.frames, head.bytes), (vec![1, 2], 3, bytes));
        assert!(head.frames_of(&"c".into()).next().is_none());
    }
}
