//! What is in memory: the head, the frames of a flush under way, the list of files, and what is known of
//! each stream. One lock guards all of it, so that a reader's view and a duplicate's check see one moment.
//! It is never held across I/O or an await.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use tacho_catalog::{FileRecord, Mark, MarkUpdate, StreamKey};
use tacho_model::{SequenceSet, Table};

use crate::Commit;
use crate::files::{FileEntry, FileSet};
use crate::head::{Frame, Head};

/// Streams in memory above which those not used for long are dropped; they are read again when needed.
const STREAMS_KEPT: usize = 20_000;

/// How long a stream stays in memory without a frame once there are too many.
const STREAM_IDLE_MS: i64 = 3_600_000;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) head: Head,
    /// Frames of the flush under way. Readers see them until its files take their place.
    pub(crate) flushing: Option<Arc<Head>>,
    pub(crate) files: FileSet,
    /// Files that readers no longer see, and since when.
    pub(crate) removed: Vec<(Arc<FileEntry>, i64)>,
    streams: HashMap<StreamKey, Stream>,
}

/// What is known of a stream.
#[derive(Debug, Default)]
struct Stream {
    /// As read from or written to the catalog last. May be outdated when several servers share a catalog;
    /// the commit finds out.
    mark: Mark,
    /// In the head or in a flush under way.
    pending: HashSet<u64>,
    used_ms: i64,
}

/// What a query looks at: the rows of one host and table at one moment.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) frames: Vec<Arc<Frame>>,
    pub(crate) files: Vec<Arc<FileEntry>>,
}

/// What the state knows of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// The stream's mark has to be read first.
    StreamUnknown,
    New,
    Duplicate,
}

impl State {
    pub(crate) fn knows(&mut self, stream: &StreamKey, sequence: u64, now_ms: i64) -> Known {
        let Some(stream) = self.streams.get_mut(stream) else { return Known::StreamUnknown };
        stream.used_ms = now_ms;
        let known = stream.mark.stored.contains(sequence) || stream.pending.contains(&sequence);
        if known { Known::Duplicate } else { Known::New }
    }

    /// Takes a mark as read from the catalog. One that is in memory stays: it is newer, or the commit finds
    /// out that it is not.
    pub(crate) fn set_mark(&mut self, stream: StreamKey, mark: Mark, now_ms: i64) {
        self.streams.entry(stream).or_insert(Stream { mark, pending: HashSet::new(), used_ms: now_ms });
    }

    pub(crate) fn stored(&self, stream: &StreamKey) -> Option<SequenceSet> {
        self.streams.get(stream).map(|stream| stream.mark.stored.clone())
    }

    /// Takes a frame that [`Self::knows`] called new.
    pub(crate) fn push(&mut self, frame: Frame) {
        self.streams.entry(frame.stream.clone()).or_default().pending.insert(frame.sequence);
        self.head.push(Arc::new(frame));
    }

    /// Everything that is not durable yet.
    pub(crate) fn head_bytes(&self) -> usize {
        self.head.bytes + self.flushing.as_ref().map_or(0, |head| head.bytes)
    }

    pub(crate) fn head_frames(&self) -> usize {
        self.head.frames + self.flushing.as_ref().map_or(0, |head| head.frames)
    }

    /// Starts a flush: its frames stay visible, new ones go to an empty head.
    pub(crate) fn freeze(&mut self) -> Option<Arc<Head>> {
        if self.head.is_empty() {
            return None;
        }
        let frozen = Arc::new(std::mem::take(&mut self.head));
        self.flushing = Some(Arc::clone(&frozen));
        Some(frozen)
    }

    /// Ends a flush that failed: its frames are in the head again.
    pub(crate) fn unfreeze(&mut self) {
        if let Some(frozen) = self.flushing.take() {
            self.head.put_back(&frozen);
        }
    }

    /// The marks to write with these frames.
    pub(crate) fn mark_updates(&self, frozen: &Head) -> Vec<MarkUpdate> {
        let mut updates: HashMap<&StreamKey, MarkUpdate> = HashMap::new();
        for frame in frozen.frames() {
            let update = updates.entry(&frame.stream).or_insert_with(|| {
                let mark =
                    self.streams.get(&frame.stream).map(|stream| stream.mark.clone()).unwrap_or_default();
                MarkUpdate { key: frame.stream.clone(), version: mark.version, stored: mark.stored }
            });
            update.stored.insert(frame.sequence);
        }
        let mut updates: Vec<_> = updates.into_values().collect();
        updates.sort_by(|a, b| a.key.cmp(&b.key));
        updates
    }

    /// Ends a flush that was committed: files take the place of its frames.
    pub(crate) fn publish(&mut self, files: &[FileRecord], marks: Vec<MarkUpdate>) -> Commit {
        let mut commit = Commit::default();
        let frozen = self.flushing.take();
        for frame in frozen.iter().flat_map(|frozen| frozen.frames()) {
            if let Some(stream) = self.streams.get_mut(&frame.stream) {
                stream.pending.remove(&frame.sequence);
            }
            commit.stored.entry(frame.stream.clone()).or_default().insert(frame.sequence);
        }
        for update in marks {
            let stream = self.streams.entry(update.key).or_default();
            stream.mark = Mark { version: update.version + 1, stored: update.stored };
        }
        self.files.add(files.iter().cloned().map(FileEntry::new));
        commit
    }

    /// After a conflict: takes the marks and files that others wrote, and drops from the flush the frames that
    /// turned out to be stored. Returns what is left to store, and what was dropped.
    pub(crate) fn resolve(
        &mut self,
        marks: Vec<(StreamKey, Mark)>,
        files: Vec<FileRecord>,
        frozen: &Head,
        now_ms: i64,
    ) -> (Arc<Head>, Commit) {
        for (key, mark) in marks {
            self.streams.entry(key).or_default().mark = mark;
        }
        self.set_files(files, now_ms);
        let mut left = Vec::new();
        let mut dropped = Commit::default();
        for frame in frozen.frames() {
            match self.streams.get_mut(&frame.stream) {
                Some(stream) if stream.mark.stored.contains(frame.sequence) => {
                    stream.pending.remove(&frame.sequence);
                    dropped.stored.entry(frame.stream.clone()).or_default().insert(frame.sequence);
                }
                _ => left.push(Arc::clone(frame)),
            }
        }
        let left = Arc::new(left.into_iter().collect::<Head>());
        self.flushing = Some(Arc::clone(&left));
        (left, dropped)
    }

    /// Replaces the list of files; what is known of one stays known.
    pub(crate) fn set_files(&mut self, records: Vec<FileRecord>, now_ms: i64) {
        let known: HashMap<_, _> =
            self.files.iter().map(|file| (file.record.id.clone(), Arc::clone(file))).collect();
        let entry = |record: FileRecord| match known.get(&record.id) {
            Some(file) => Arc::clone(file),
            None => FileEntry::new(record),
        };
        let files = FileSet::new(records.into_iter().map(entry));
        let gone = known.values().filter(|file| !files.iter().any(|live| Arc::ptr_eq(live, file)));
        self.removed.extend(gone.map(|file| (Arc::clone(file), now_ms)));
        self.files = files;
    }

    /// Replaces files, in one step for readers.
    pub(crate) fn replace_files(&mut self, removed: &[String], added: &[FileRecord], now_ms: i64) {
        let removed = self.files.remove(removed);
        self.removed.extend(removed.into_iter().map(|file| (file, now_ms)));
        self.files.add(added.iter().cloned().map(FileEntry::new));
    }

    /// What a query has to look at.
    pub(crate) fn view(&self, table: &Table, host_id: &str, from_ms: i64, to_ms: i64) -> View {
        let in_range = |frame: &&Arc<Frame>| (from_ms..to_ms).contains(&frame.snapshot.time_ms);
        let flushing = self.flushing.iter().flat_map(|head| head.frames_of(host_id));
        let frames = flushing.chain(self.head.frames_of(host_id)).filter(in_range).cloned().collect();
        let files = self.files.of(table).iter().filter(|file| file.may_have(host_id, from_ms, to_ms));
        View { frames, files: files.cloned().collect() }
    }

    /// What a reader of a whole table has to look at: files that may have rows of the host and the range, and the
    /// frames of the range that are in none.
    pub(crate) fn whole_view(
        &self,
        table: &Table,
        host_id: Option<&str>,
        range: Range<i64>,
    ) -> (Vec<Arc<FileEntry>>, Vec<Arc<Frame>>) {
        let may_have = |file: &&Arc<FileEntry>| {
            let record = &file.record;
            record.time_min_ms < range.end
                && record.time_max_ms >= range.start
                && host_id.is_none_or(|id| *record.host_min <= *id && *id <= *record.host_max)
        };
        let files = self.files.of(table).iter().filter(may_have).cloned().collect();
        let flushing = self.flushing.iter().flat_map(|head| head.frames());
        let frames = flushing.chain(self.head.frames()).filter(|frame| {
            range.contains(&frame.snapshot.time_ms) && host_id.is_none_or(|id| *frame.host.id == *id)
        });
        (files, frames.cloned().collect())
    }

    /// Bounds the memory that streams take.
    pub(crate) fn forget_idle_streams(&mut self, now_ms: i64) {
        if self.streams.len() > STREAMS_KEPT {
            let idle = |stream: &Stream| {
                stream.pending.is_empty() && stream.used_ms < now_ms.saturating_sub(STREAM_IDLE_MS)
            };
            self.streams.retain(|_, stream| !idle(stream));
        }
    }
}
