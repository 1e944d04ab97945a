//! What is in memory: the head, the frames of a flush under way, the list of files, and what is known of
//! each stream. One lock guards all of it, so that a reader's view and a duplicate's check see one moment.
//! It is never held across I/O or an await.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use tacho_catalog::{FileChange, FileRecord, GapRecord, Mark, MarkUpdate, StreamKey};
use tacho_model::{SequenceSet, Table};

use crate::Commit;
use crate::files::{FileEntry, FileSet};
use crate::head::{Frame, Head, PendingGap};
use crate::rollup::{Level, stored_table};
use crate::scan::Hosts;

/// Streams in memory above which those not used for long are dropped; they are read again when needed.
const STREAMS_KEPT: usize = 20_000;

/// How long a stream stays in memory without a frame once there are too many.
const STREAM_IDLE_MS: i64 = 3_600_000;

/// Ranges of a stream's mark above which a frame or gap that would add one is refused. An agent's lanes leave a
/// handful; without the bound, one that sends every second number would grow its mark for ever.
const MARK_RANGES: usize = 10_000;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) head: Head,
    /// Frames of the flush under way. Readers see them until its files take their place.
    pub(crate) flushing: Option<Arc<Head>>,
    pub(crate) files: FileSet,
    /// Before these times rows may be in other rollups and not in those of a level, see [`Level::LATER`].
    pub(crate) levels_since_ms: BTreeMap<Level, i64>,
    /// Files that readers no longer see, and since when.
    pub(crate) removed: Vec<(Arc<FileEntry>, i64)>,
    streams: HashMap<StreamKey, Stream>,
}

/// What a flush made durable.
#[derive(Debug, Default)]
pub(crate) struct Published {
    pub(crate) commit: Commit,
    pub(crate) frames: u64,
    /// Frames that agents told to have dropped.
    pub(crate) dropped: u64,
}

/// What is known of a stream.
#[derive(Debug, Default)]
struct Stream {
    /// As read from or written to the catalog last. May be outdated when several servers share a catalog;
    /// the commit finds out.
    mark: Mark,
    /// In the head or in a flush under way.
    pending: HashSet<u64>,
    /// Dropped by the agent, and not in the mark yet.
    pending_gaps: SequenceSet,
    used_ms: i64,
}

/// What a query looks at: the rows of one host and table at one moment.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) frames: Vec<Arc<Frame>>,
    pub(crate) files: Vec<Arc<FileEntry>>,
}

/// What a reader of all hosts looks at.
#[derive(Debug)]
pub(crate) struct WholeView {
    pub(crate) files: Vec<Arc<FileEntry>>,
    /// Files of the table that have nothing to say.
    pub(crate) left_out: usize,
    pub(crate) frames: Vec<Arc<Frame>>,
}

/// What the state knows of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// The stream's mark has to be read first.
    StreamUnknown,
    New,
    Duplicate,
    /// The stream has so many holes that no more are taken.
    TooManyHoles,
}

impl State {
    pub(crate) fn knows(&mut self, stream: &StreamKey, sequence: u64, now_ms: i64) -> Known {
        let Some(stream) = self.streams.get_mut(stream) else { return Known::StreamUnknown };
        stream.used_ms = now_ms;
        let stored = &stream.mark.stored;
        if stored.contains(sequence)
            || stream.pending.contains(&sequence)
            || stream.pending_gaps.contains(sequence)
        {
            return Known::Duplicate;
        }
        let beside_another = sequence.checked_sub(1).is_some_and(|before| stored.contains(before))
            || sequence.checked_add(1).is_some_and(|after| stored.contains(after));
        if stored.range_count() >= MARK_RANGES && !beside_another {
            return Known::TooManyHoles;
        }
        Known::New
    }

    /// What of a gap is new: neither stored, nor in the head, nor known as a gap.
    pub(crate) fn knows_gap(
        &mut self,
        stream: &StreamKey,
        gap: &RangeInclusive<u64>,
        now_ms: i64,
    ) -> Result<SequenceSet, Known> {
        let Some(stream) = self.streams.get_mut(stream) else { return Err(Known::StreamUnknown) };
        stream.used_ms = now_ms;
        let pending = stream.pending.iter().copied().filter(|sequence| gap.contains(sequence));
        let pending: SequenceSet = pending.map(|sequence| sequence..=sequence).collect();
        let gap: SequenceSet = [gap.clone()].into_iter().collect();
        let new = gap.difference(&stream.mark.stored).difference(&stream.pending_gaps).difference(&pending);
        let holes = stream.mark.stored.range_count().saturating_add(stream.pending_gaps.range_count());
        match new.is_empty() {
            true => Err(Known::Duplicate),
            false if holes >= MARK_RANGES => Err(Known::TooManyHoles),
            false => Ok(new),
        }
    }

    /// Takes a gap whose sequences [`Self::knows_gap`] called new.
    pub(crate) fn push_gap(&mut self, gap: PendingGap) {
        self.streams.entry(gap.stream.clone()).or_default().pending_gaps.extend(&gap.sequences);
        self.head.push_gap(gap);
    }

    /// Is the frame durable, as far as is known here?
    pub(crate) fn is_stored(&self, stream: &StreamKey, sequence: u64) -> bool {
        self.streams.get(stream).is_some_and(|stream| stream.mark.stored.contains(sequence))
    }

    /// Can the mark of a stream be replaced by the catalog's? Not while frames wait that were looked up in it.
    pub(crate) fn is_idle(&self, stream: &StreamKey) -> bool {
        self.streams
            .get(stream)
            .is_none_or(|stream| stream.pending.is_empty() && stream.pending_gaps.is_empty())
    }

    /// Takes the catalog's mark of a stream, of which others may have stored something, unless frames came in
    /// the meantime.
    pub(crate) fn refresh_mark(&mut self, stream: &StreamKey, mark: Mark, now_ms: i64) {
        if self.is_idle(stream) {
            let stream = self.streams.entry(stream.clone()).or_default();
            stream.used_ms = now_ms;
            // A flush that ended since the catalog was read has left a newer one.
            if mark.version >= stream.mark.version {
                stream.mark = mark;
            }
        }
    }

    /// Forgets the streams of an agent that is not in the inventory any more.
    pub(crate) fn forget_agent(&mut self, agent_id: &str) {
        self.streams.retain(|key, stream| {
            &*key.agent_id != agent_id || !stream.pending.is_empty() || !stream.pending_gaps.is_empty()
        });
    }

    /// Takes a mark as read from the catalog. One that is in memory stays: it is newer, or the commit finds
    /// out that it is not.
    pub(crate) fn set_mark(&mut self, stream: StreamKey, mark: Mark, now_ms: i64) {
        self.streams.entry(stream).or_insert(Stream { mark, used_ms: now_ms, ..Stream::default() });
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

    /// The marks to write with these frames and gaps.
    pub(crate) fn mark_updates(&self, frozen: &Head) -> Vec<MarkUpdate> {
        let mut updates: HashMap<&StreamKey, MarkUpdate> = HashMap::new();
        let begin = |stream: &StreamKey| {
            let mark = self.streams.get(stream).map(|stream| stream.mark.clone()).unwrap_or_default();
            MarkUpdate { key: stream.clone(), version: mark.version, stored: mark.stored }
        };
        for frame in frozen.frames() {
            let update = updates.entry(&frame.stream).or_insert_with(|| begin(&frame.stream));
            update.stored.insert(frame.sequence);
        }
        for gap in frozen.gaps() {
            let update = updates.entry(&gap.stream).or_insert_with(|| begin(&gap.stream));
            update.stored.extend(&gap.sequences);
        }
        let mut updates: Vec<_> = updates.into_values().collect();
        updates.sort_by(|a, b| a.key.cmp(&b.key));
        updates
    }

    /// The gaps to write down with these marks.
    pub(crate) fn gap_records(&self, frozen: &Head) -> Vec<GapRecord> {
        let record = |gap: &PendingGap| {
            Some(GapRecord {
                host_id: gap.host_id.to_string(),
                key: gap.stream.clone(),
                first_sequence: *gap.sequences.ranges().next()?.start(),
                last_sequence: *gap.sequences.ranges().last()?.end(),
                frames: gap.sequences.len(),
                first_time_ms: gap.first_time_ms,
                last_time_ms: gap.last_time_ms,
                reason: gap.reason,
            })
        };
        frozen.gaps().iter().filter_map(record).collect()
    }

    /// Ends a flush that was committed: files take the place of its frames.
    pub(crate) fn publish(&mut self, files: &[FileRecord], marks: Vec<MarkUpdate>) -> Published {
        let mut published = Published::default();
        let frozen = self.flushing.take();
        let stored = &mut published.commit.stored;
        for frame in frozen.iter().flat_map(|frozen| frozen.frames()) {
            if let Some(stream) = self.streams.get_mut(&frame.stream) {
                stream.pending.remove(&frame.sequence);
            }
            stored.entry(frame.stream.clone()).or_default().insert(frame.sequence);
            published.frames += 1;
        }
        for gap in frozen.iter().flat_map(|frozen| frozen.gaps()) {
            if let Some(stream) = self.streams.get_mut(&gap.stream) {
                stream.pending_gaps = stream.pending_gaps.difference(&gap.sequences);
            }
            stored.entry(gap.stream.clone()).or_default().extend(&gap.sequences);
            published.dropped = published.dropped.saturating_add(gap.sequences.len());
        }
        for update in marks {
            let stream = self.streams.entry(update.key).or_default();
            stream.mark = Mark { version: update.version + 1, stored: update.stored };
        }
        self.files.add(files.iter().cloned().map(FileEntry::new));
        published
    }

    /// After a conflict: takes the marks and files that others wrote, and drops from the flush and the head the
    /// frames that turned out to be stored. Returns what is left to store, and what was dropped.
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
        let mut dropped = Commit::default();
        let left = Arc::new(self.without_stored(frozen, &mut dropped));
        self.flushing = Some(Arc::clone(&left));
        // What came since the flush began was looked up in the outdated marks too.
        let head = std::mem::take(&mut self.head);
        self.head = self.without_stored(&head, &mut dropped);
        (left, dropped)
    }

    /// Frames and gaps without those that the marks have; these are added to `dropped`.
    fn without_stored(&mut self, head: &Head, dropped: &mut Commit) -> Head {
        let mut left = Head::default();
        for frame in head.frames() {
            match self.streams.get_mut(&frame.stream) {
                Some(stream) if stream.mark.stored.contains(frame.sequence) => {
                    stream.pending.remove(&frame.sequence);
                    dropped.stored.entry(frame.stream.clone()).or_default().insert(frame.sequence);
                }
                _ => left.push(Arc::clone(frame)),
            }
        }
        for gap in head.gaps() {
            let Some(stream) = self.streams.get_mut(&gap.stream) else { continue };
            let sequences = gap.sequences.difference(&stream.mark.stored);
            let known = gap.sequences.difference(&sequences);
            if !known.is_empty() {
                stream.pending_gaps = stream.pending_gaps.difference(&known);
                dropped.stored.entry(gap.stream.clone()).or_default().extend(&known);
            }
            if !sequences.is_empty() {
                left.push_gap(PendingGap { sequences, ..gap.clone() });
            }
        }
        left
    }

    /// Replaces the list of files; what is known of one stays known.
    pub(crate) fn set_files(&mut self, records: Vec<FileRecord>, now_ms: i64) {
        let known: HashMap<_, _> =
            self.files.iter().map(|file| (file.record.id.clone(), Arc::clone(file))).collect();
        let entry = |record: FileRecord| match known.get(&record.id) {
            Some(file) => {
                if record.rolled {
                    file.set_rolled();
                }
                Arc::clone(file)
            }
            None => FileEntry::new(record),
        };
        let files = FileSet::new(records.into_iter().map(entry));
        let gone = known.values().filter(|file| !files.iter().any(|live| Arc::ptr_eq(live, file)));
        self.removed.extend(gone.map(|file| (Arc::clone(file), now_ms)));
        self.files = files;
    }

    /// Changes which files there are, in one step for readers.
    pub(crate) fn change_files(&mut self, change: &FileChange, now_ms: i64) {
        let removed = self.files.remove(&change.removed);
        self.removed.extend(removed.into_iter().map(|file| (file, now_ms)));
        self.files.add(change.added.iter().cloned().map(FileEntry::new));
        if !change.rolled.is_empty() {
            self.files
                .iter()
                .filter(|file| change.rolled.contains(&file.record.id))
                .for_each(|file| file.set_rolled());
        }
    }

    /// What a query has to look at.
    pub(crate) fn view(&self, table: &Table, hosts: &Hosts, from_ms: i64, to_ms: i64) -> View {
        let in_range = |frame: &&Arc<Frame>| (from_ms..to_ms).contains(&frame.snapshot.time_ms);
        let heads = self.flushing.as_deref().into_iter().chain([&self.head]);
        let frames = heads.flat_map(|head| head.frames_of(hosts)).filter(in_range).cloned().collect();
        let files = self.files.of(table).iter().filter(|file| file.may_have(hosts, from_ms, to_ms));
        View { frames, files: files.cloned().collect() }
    }

    /// What a reader of a whole table or rollup has to look at: files that may have rows of the host and the range,
    /// and the frames of the range that are in none.
    pub(crate) fn whole_view(&self, table: &Table, host_id: Option<&str>, range: Range<i64>) -> WholeView {
        let may_have = |file: &&Arc<FileEntry>| {
            let record = &file.record;
            record.time_min_ms < range.end
                && record.time_max_ms >= range.start
                && host_id.is_none_or(|id| *record.host_min <= *id && *id <= *record.host_max)
        };
        let all = self.files.of(table);
        let files: Vec<_> = all.iter().filter(may_have).cloned().collect();
        let flushing = self.flushing.iter().flat_map(|head| head.frames());
        // What is in no file is in no rollup either.
        let raw = stored_table(table.name).is_some_and(|(_, _, level)| level == Level::Raw);
        let frames = flushing.chain(self.head.frames()).filter(|frame| {
            raw && range.contains(&frame.snapshot.time_ms) && host_id.is_none_or(|id| *frame.host.id == *id)
        });
        WholeView { left_out: all.len() - files.len(), files, frames: frames.cloned().collect() }
    }

    /// Bounds the memory that streams take.
    pub(crate) fn forget_idle_streams(&mut self, now_ms: i64) {
        if self.streams.len() > STREAMS_KEPT {
            let idle = |stream: &Stream| {
                stream.pending.is_empty()
                    && stream.pending_gaps.is_empty()
                    && stream.used_ms < now_ms.saturating_sub(STREAM_IDLE_MS)
            };
            self.streams.retain(|_, stream| !idle(stream));
        }
    }
}
