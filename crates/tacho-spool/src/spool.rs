//! The spool as a whole: two locks, so that whoever pushes never waits for a disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::disk::Disk;
use crate::gaps::Gaps;
use crate::hot::Hot;
use crate::{
    Backlog, Config, Cursor, Gap, Ranges, Reason, Record, RecordHead, SpoolError, StreamId, files, segment,
};

/// The queue. All methods may be called from any thread; those that may wait for a disk say so.
#[derive(Debug)]
pub struct Spool {
    group: usize,
    hot_bytes: u64,
    new: Mutex<New>,
    old: Mutex<Old>,
    /// Of [`Old`], for those who must not wait for it.
    disk_records: AtomicU64,
    disk_bytes: AtomicU64,
    dropped: AtomicU64,
    damaged: AtomicU64,
    _locks: Vec<File>,
}

/// What is quick to get at.
#[derive(Debug)]
struct New {
    hot: Hot,
    gaps: Gaps,
    /// Acknowledged, and not yet looked for on disk.
    acknowledged: BTreeMap<StreamId, Ranges>,
    disk_error: Option<String>,
    /// What is on disk.
    backlog: Vec<Backlog>,
}

#[derive(Debug)]
struct Old {
    disk: Disk,
}

/// How full it is, and how well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Records that wait, wherever.
    pub records: u64,
    /// Bytes that wait in the runtime directory or in memory.
    pub hot_bytes: u64,
    /// Bytes of files on disk.
    pub disk_bytes: u64,
    /// Records dropped since it was opened.
    pub dropped: u64,
    /// Damaged places found since it was opened.
    pub damaged: u64,
    /// Why the runtime directory can not be written; records stay in memory.
    pub hot_error: Option<String>,
    /// Why the disk can not be written; records stay in the runtime directory.
    pub disk_error: Option<String>,
}

impl Spool {
    /// Takes hold of the directories, which are made when they are not there, and finds what waits in them. Reads
    /// files; an error is only that another process holds one of them.
    pub fn open(config: &Config) -> Result<Self, SpoolError> {
        let mut locks = Vec::new();
        let directories: std::collections::BTreeSet<_> =
            [&config.runtime_dir, &config.dir, &config.cold_dir].into_iter().collect();
        for directory in directories {
            // Where it can not be made, writing to it will say why.
            drop(files::create_directory(directory));
            locks.extend(files::lock(directory)?);
        }
        let (mut hot, recovered) = Hot::open(&config.runtime_dir);
        let mut disk = Disk::open(config);
        let mut gaps = Gaps::open(&config.dir);
        recovered.gaps.iter().for_each(|gap| gaps.add(*gap));
        // The file in the runtime directory may still hold what has gone to disk, and what was dropped there.
        let is_gone = |head: &RecordHead| {
            disk.contains(head.stream, head.sequence) || gaps.list().iter().any(|gap| gap.contains(*head))
        };
        let gone: Vec<RecordHead> = hot.heads().map(|(head, _)| head).filter(is_gone).collect();
        remove(&mut hot, &gone);
        // A kill may have come between a gap and the file that it is about.
        for gap in gaps.list() {
            disk.acknowledge(gap.stream, &[gap.first_sequence..=gap.last_sequence].into_iter().collect());
        }
        disk.damaged += recovered.damaged;
        disk.lost.extend(recovered.lost);
        disk.compare(&recovered.plain);
        // What is damaged here may be whole there, or be told already.
        for gap in std::mem::take(&mut disk.lost) {
            let told = gaps.list().iter().chain(&disk.lost);
            let left = without(&gap, &hot, &disk, told);
            disk.lost.extend(left);
        }
        let spool = Self {
            group: config.group.max(1),
            hot_bytes: config.hot_bytes,
            new: Mutex::new(New {
                hot,
                gaps,
                acknowledged: BTreeMap::new(),
                disk_error: None,
                backlog: Vec::new(),
            }),
            old: Mutex::new(Old { disk }),
            disk_records: AtomicU64::new(0),
            disk_bytes: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            _locks: locks,
        };
        spool.publish(&mut spool.disk_part(), &mut spool.recent_part());
        spool.recent_part().hot.keep_ledger();
        Ok(spool)
    }

    /// The note of the last push that a process before made, empty when there is none.
    pub fn note(&self) -> Vec<u8> {
        self.recent_part().hot.note().to_vec()
    }

    /// Whether nothing newer than that note can have been lost. Where it can, what the note counts goes on under
    /// another name: a sequence number must not be given twice.
    pub fn is_note_newest(&self) -> bool {
        self.recent_part().hot.is_note_newest()
    }

    /// Notes something without a record; it is kept with the next push.
    pub fn set_note(&self, note: &[u8]) {
        self.recent_part().hot.set_note(note);
    }

    /// Takes a record, and a note that replaces the one before, both or none after a kill. Waits for no disk.
    /// When memory is full, the oldest records are dropped.
    pub fn push(&self, head: RecordHead, payload: Vec<u8>, note: &[u8]) {
        let mut new = self.recent_part();
        new.hot.push(head, payload, note);
        let mut dropped = 0;
        while new.hot.bytes() > self.hot_bytes && new.hot.len() > 1 {
            let reason = if new.disk_error.is_some() { Reason::Disk } else { Reason::Space };
            let Some(oldest) = new.hot.pop_oldest() else { break };
            new.gaps.add(Gap { reason, ..segment::lost(oldest) });
            dropped += 1;
        }
        if dropped > 0 {
            self.dropped.fetch_add(dropped, Ordering::Relaxed);
            new.keep_gaps();
            new.hot.compact();
        }
    }

    /// Forgets records that are stored elsewhere. Waits for no disk; files are deleted by [`Self::maintain`].
    pub fn acknowledge(&self, stream: StreamId, stored: &Ranges) {
        if stored.is_empty() {
            return;
        }
        let mut new = self.recent_part();
        new.hot.remove(stream, stored);
        new.gaps.acknowledge(stream, stored);
        new.keep_gaps();
        if self.disk_records.load(Ordering::Relaxed) > 0 {
            let known = new.acknowledged.entry(stream).or_default();
            stored.iter().for_each(|range| known.insert(range));
        }
    }

    /// Records that are not on disk, oldest first, with the bytes they take. Waits for no disk.
    pub fn recent(&self) -> Vec<(RecordHead, u64)> {
        self.recent_part().hot.heads().collect()
    }

    /// The newest record of a stream that is not on disk.
    pub fn newest(&self, stream: StreamId) -> Option<RecordHead> {
        self.recent_part().hot.heads().rev().map(|(head, _)| head).find(|head| head.stream == stream)
    }

    /// The first record not on disk that `wants` says yes to.
    pub fn find_recent(&self, wants: impl Fn(RecordHead) -> bool) -> Option<RecordHead> {
        self.recent_part().hot.heads().map(|(head, _)| head).find(|head| wants(*head))
    }

    /// A record that is not on disk; one that turns out to be damaged is dropped. Waits for no disk.
    pub fn read_recent(&self, stream: StreamId, sequence: u64) -> Option<Record> {
        let mut new = self.recent_part();
        let head = new
            .hot
            .heads()
            .map(|(head, _)| head)
            .rfind(|head| head.stream == stream && head.sequence == sequence)?;
        let record = new.hot.read(stream, sequence);
        if record.is_none() {
            self.add_gaps(vec![segment::lost(head)], &mut new);
            remove(&mut new.hot, &[head]);
        }
        record
    }

    /// How many records are on disk. Waits for no disk.
    pub fn disk_records(&self) -> u64 {
        self.disk_records.load(Ordering::Relaxed)
    }

    /// Records on disk that `wants` says yes to, in order of time, from where `cursor` is; about so many bytes, and
    /// none when there are no more. Reads from disk.
    pub fn read_disk(
        &self,
        cursor: &mut Cursor,
        bytes: usize,
        wants: impl Fn(RecordHead) -> bool,
    ) -> Vec<Record> {
        let mut old = self.disk_part();
        self.take_acknowledged(&mut old);
        let read = old.disk.read(cursor, bytes, &wants);
        let mut new = self.recent_part();
        if let Err(error) = &read {
            new.disk_error = Some(error.to_string());
        }
        self.publish(&mut old, &mut new);
        read.unwrap_or_default()
    }

    /// Gaps that nobody has taken note of.
    pub fn gaps(&self) -> Vec<Gap> {
        self.recent_part().gaps.list().to_vec()
    }

    /// What waits, by stream.
    pub fn backlog(&self) -> Vec<Backlog> {
        let new = self.recent_part();
        let mut backlog: BTreeMap<StreamId, Backlog> =
            new.backlog.iter().map(|part| (part.stream, *part)).collect();
        for (head, bytes) in new.hot.heads() {
            let part = backlog.entry(head.stream).or_insert(Backlog {
                stream: head.stream,
                records: 0,
                bytes: 0,
                first_time_ms: head.time_ms,
                last_time_ms: head.time_ms,
            });
            part.records += 1;
            part.bytes += bytes;
            part.first_time_ms = part.first_time_ms.min(head.time_ms);
            part.last_time_ms = part.last_time_ms.max(head.time_ms);
        }
        backlog.into_values().collect()
    }

    pub fn state(&self) -> State {
        let new = self.recent_part();
        State {
            records: new.hot.len() as u64 + self.disk_records(),
            hot_bytes: new.hot.bytes(),
            disk_bytes: self.disk_bytes.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
            hot_error: new.hot.error().map(str::to_owned),
            disk_error: new.disk_error.clone(),
        }
    }

    /// Whether [`Self::maintain`] has something to do. Waits for no disk.
    pub fn needs_maintenance(&self, is_delivering: bool) -> bool {
        let new = self.recent_part();
        !self.group_to_move(&new, is_delivering).is_empty()
            || self.disk_records() > 0
            || new.disk_error.is_some()
            || !new.gaps.list().is_empty()
            || self.disk_bytes.load(Ordering::Relaxed) > 0
    }

    /// Moves records to disk in groups, packs full files, deletes delivered ones, keeps the limits. While records
    /// are delivered, they go to disk only when memory runs short. Works on the disk.
    pub fn maintain(&self, is_delivering: bool, now_ms: i64) {
        let mut old = self.disk_part();
        self.take_acknowledged(&mut old);
        let mut result = self.move_groups(&mut old, is_delivering, false);
        result = old.disk.delete_delivered().and(result);
        result = old.disk.pack_full().and(result);
        result = self.keep_limits(&mut old, now_ms).and(result);
        self.finish(&mut old, result);
    }

    /// Moves everything to disk that is not there, also less than a group: for an end that may be one of the
    /// machine. Works on the disk.
    pub fn move_all(&self) {
        let mut old = self.disk_part();
        let result = self.move_groups(&mut old, false, true);
        self.finish(&mut old, result);
    }

    fn finish(&self, old: &mut Old, result: std::io::Result<()>) {
        let mut new = self.recent_part();
        self.publish(old, &mut new);
        let saved = new.gaps.save();
        new.disk_error = result.and(saved).err().map(|error| error.to_string());
    }

    fn move_groups(&self, old: &mut Old, is_delivering: bool, all: bool) -> std::io::Result<()> {
        loop {
            let (heads, records, unreadable) = {
                let new = self.recent_part();
                let heads = match all {
                    true => new.hot.heads().map(|(head, _)| head).take(self.group).collect(),
                    false => self.group_to_move(&new, is_delivering),
                };
                let (records, unreadable) = new.hot.oldest(heads.len());
                (heads, records, unreadable)
            };
            if heads.is_empty() {
                return Ok(());
            }
            old.disk.append(&records)?;
            self.disk_records.store(old.disk.records(), Ordering::Relaxed);
            unreadable.into_iter().for_each(|head| old.disk.lose(head));
            let mut new = self.recent_part();
            self.add_gaps(std::mem::take(&mut old.disk.lost), &mut new);
            for head in &heads {
                // One that was acknowledged meanwhile is not there any more, and has to go from the disk, too.
                if !new.hot.contains(head.stream, head.sequence) {
                    new.acknowledged.entry(head.stream).or_default().insert(head.sequence..=head.sequence);
                }
            }
            new.hot.set_plain(old.disk.plain());
            remove(&mut new.hot, &heads);
        }
    }

    /// Drops what is too old or too much. That it is dropped is kept where it outlives a kill before the file goes; a
    /// file about which that can be kept nowhere stays.
    fn keep_limits(&self, old: &mut Old, now_ms: i64) -> std::io::Result<()> {
        let mut result = Ok(());
        while let Some(gaps) = old.disk.excess(now_ms) {
            let mut new = self.recent_part();
            let (known, dropped) = (new.gaps.clone(), self.dropped.load(Ordering::Relaxed));
            self.add_gaps(gaps, &mut new);
            let saved = new.gaps.save();
            if saved.is_err() && new.hot.error().is_some() {
                new.gaps = known;
                new.keep_gaps();
                self.dropped.store(dropped, Ordering::Relaxed);
                return saved;
            }
            drop(new);
            result = old.disk.drop_oldest().and(result);
        }
        result
    }

    fn group_to_move(&self, new: &New, is_delivering: bool) -> Vec<RecordHead> {
        // A quarter is left for what comes while the disk is busy.
        let is_short = new.hot.bytes() > self.hot_bytes / 4 * 3;
        let is_group = !is_delivering && new.hot.len() >= self.group;
        let count = if is_group || is_short { self.group } else { 0 };
        new.hot.heads().map(|(head, _)| head).take(count).collect()
    }

    fn take_acknowledged(&self, old: &mut Old) {
        let acknowledged = std::mem::take(&mut self.recent_part().acknowledged);
        for (stream, stored) in acknowledged {
            old.disk.acknowledge(stream, &stored);
        }
    }

    /// Tells what is on disk to those who do not look there, and what was lost.
    fn publish(&self, old: &mut Old, new: &mut New) {
        self.disk_records.store(old.disk.records(), Ordering::Relaxed);
        self.disk_bytes.store(old.disk.bytes(), Ordering::Relaxed);
        self.damaged.store(old.disk.damaged, Ordering::Relaxed);
        self.add_gaps(std::mem::take(&mut old.disk.lost), new);
        new.hot.set_plain(old.disk.plain());
        new.backlog = backlog(&old.disk);
    }

    fn add_gaps(&self, gaps: Vec<Gap>, new: &mut New) {
        for gap in gaps {
            let records = (gap.last_sequence - gap.first_sequence).saturating_add(1);
            self.dropped.fetch_add(records, Ordering::Relaxed);
            new.gaps.add(gap);
        }
        new.keep_gaps();
    }

    fn recent_part(&self) -> MutexGuard<'_, New> {
        // Every method leaves it whole at each step, so a panic elsewhere does not spoil it.
        self.new.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disk_part(&self) -> MutexGuard<'_, Old> {
        self.old.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl New {
    fn keep_gaps(&mut self) {
        self.hot.set_gaps(self.gaps.list());
    }
}

fn remove(hot: &mut Hot, heads: &[RecordHead]) {
    let mut of: BTreeMap<StreamId, Ranges> = BTreeMap::new();
    for head in heads {
        of.entry(head.stream).or_default().insert(head.sequence..=head.sequence);
    }
    of.iter().for_each(|(stream, sequences)| hot.remove(*stream, sequences));
}

/// What of a gap is neither in the runtime directory nor on disk, nor in another gap.
fn without<'a>(gap: &Gap, hot: &Hot, disk: &Disk, told: impl Iterator<Item = &'a Gap>) -> Vec<Gap> {
    let mut left: Ranges = [gap.first_sequence..=gap.last_sequence].into_iter().collect();
    let on_disk = disk.segments().filter_map(|segment| segment.contents.sequences(gap.stream));
    on_disk.flat_map(Ranges::iter).for_each(|range| left.remove(range));
    let in_hot = hot.heads().filter(|(head, _)| head.stream == gap.stream);
    in_hot.for_each(|(head, _)| left.remove(head.sequence..=head.sequence));
    let told = told.filter(|told| told.stream == gap.stream);
    told.for_each(|told| left.remove(told.first_sequence..=told.last_sequence));
    gap.parts(&left).collect()
}

fn backlog(disk: &Disk) -> Vec<Backlog> {
    let mut backlog: BTreeMap<StreamId, Backlog> = BTreeMap::new();
    for segment in disk.segments() {
        let all = segment.contents.records().max(1);
        for (stream, part) in &segment.contents.streams {
            let records = part.sequences.len();
            let known = backlog.entry(*stream).or_insert(Backlog {
                stream: *stream,
                records: 0,
                bytes: 0,
                first_time_ms: part.first_time_ms,
                last_time_ms: part.last_time_ms,
            });
            known.records += records;
            known.bytes += (u128::from(segment.bytes) * u128::from(records) / u128::from(all)) as u64;
            known.first_time_ms = known.first_time_ms.min(part.first_time_ms);
            known.last_time_ms = known.last_time_ms.max(part.last_time_ms);
        }
    }
    backlog.into_values().collect()
}
