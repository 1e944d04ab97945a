//! What waits longer: files in a directory, and packed ones in a cold directory.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::files::{self, FILE_HEAD};
use crate::record::{self, Found, Kind};
use crate::segment::{Contents, Part, Reader, Segment, lost, pack, scan};
use crate::{Config, Gap, Ranges, Reason, Record, RecordHead, StreamId};

const PLAIN: &str = "spool";
const PACKED: &str = "spool.zst";

#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
    cold_dir: PathBuf,
    segment_bytes: u64,
    disk_bytes: u64,
    age_ms: i64,
    /// Oldest first.
    segments: VecDeque<Segment>,
    /// The newest segment, open to be appended to.
    open: Option<File>,
    newest_time_ms: i64,
    /// Dropped and not yet told.
    pub(crate) lost: Vec<Gap>,
    pub(crate) damaged: u64,
}

/// How far somebody has read.
#[derive(Debug, Default)]
pub struct Cursor {
    /// Stem of the file that is read, or was read last.
    stem: String,
    reader: Option<Reader>,
    seen: Contents,
}

impl Disk {
    /// Looks what a process before left. A directory that is not there yet or can not be read is empty.
    pub(crate) fn open(config: &Config) -> Self {
        let mut disk = Self {
            dir: config.dir.clone(),
            cold_dir: config.cold_dir.clone(),
            // A drop is a file, so there have to be some.
            segment_bytes: config.segment_bytes.min(config.disk_bytes / 4),
            disk_bytes: config.disk_bytes,
            age_ms: config.age_ms,
            segments: VecDeque::new(),
            open: None,
            newest_time_ms: i64::MIN,
            lost: Vec::new(),
            damaged: 0,
        };
        let packed = disk.find(&config.cold_dir, PACKED, true);
        let plain = disk.find(&config.dir, PLAIN, false);
        let mut segments: Vec<Segment> = packed;
        for segment in plain {
            // The packed one is whole; the process ended before it deleted the other.
            if segments.iter().any(|packed| packed.stem == segment.stem) {
                drop(files::remove(&segment.path));
            } else {
                segments.push(segment);
            }
        }
        segments.sort_by(|a, b| a.stem.cmp(&b.stem));
        disk.newest_time_ms = segments.last().map_or(i64::MIN, stem_time_ms);
        disk.segments = segments.into();
        disk
    }

    fn find(&mut self, dir: &Path, extension: &str, is_packed: bool) -> Vec<Segment> {
        let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
        let mut segments = Vec::new();
        for entry in entries.flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            let Some((stem, rest)) = name.to_str().and_then(|name| name.split_once('.')) else { continue };
            if !files::is_stem(stem) {
                continue;
            }
            if rest == extension {
                let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
                segments.extend(self.look_through(stem, path, is_packed, bytes));
            } else if rest.ends_with("tmp") {
                drop(files::remove(&path));
            }
        }
        segments
    }

    fn look_through(&mut self, stem: &str, path: PathBuf, is_packed: bool, bytes: u64) -> Option<Segment> {
        match scan(&path) {
            Ok(found) => {
                self.damaged += found.damaged;
                self.lost.extend(found.lost);
                let (is_whole, contents) = (found.damaged == 0, found.contents);
                Some(Segment { stem: stem.to_owned(), path, is_packed, bytes, is_whole, contents })
            }
            Err(_) => {
                self.damaged += 1;
                None
            }
        }
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter()
    }

    /// What waits in files that records are appended to, and that do not tell of their contents themselves.
    pub(crate) fn plain(&self) -> Vec<(String, Contents)> {
        let plain = self.segments.iter().filter(|segment| !segment.is_packed);
        plain.map(|segment| (segment.stem.clone(), segment.contents.clone())).collect()
    }

    /// Notes as lost what plain files are to hold and do not. Of a file that is not there nothing is said: its file
    /// system may be away for now.
    pub(crate) fn compare(&mut self, told: &[(String, Contents)]) {
        for (stem, contents) in told {
            let found = self.segments.iter().find(|segment| segment.stem == *stem && !segment.is_packed);
            if let Some(segment) = found {
                let lost = contents.without(&segment.contents).gaps(Reason::Damage);
                // A file that was cut between two records looks whole.
                self.damaged += u64::from(segment.is_whole && !lost.is_empty());
                self.lost.extend(lost);
            }
        }
    }

    pub(crate) fn contains(&self, stream: StreamId, sequence: u64) -> bool {
        self.segments.iter().any(|segment| segment.contents.contains(stream, sequence))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    pub(crate) fn records(&self) -> u64 {
        self.segments.iter().map(|segment| segment.contents.records()).sum()
    }

    /// Writes records to the end of the newest file, and waits until they are on the disk.
    pub(crate) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let Some(first) = records.first() else { return Ok(()) };
        let mut batch = Vec::new();
        for record in records {
            record::encode(Kind::Frame, record.head, &record.payload, &mut batch);
        }
        if self.open.is_none() {
            self.begin(first.head.time_ms)?;
        }
        let (Some(file), Some(segment)) = (&self.open, self.segments.back_mut()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let written = file.write_all_at(&batch, segment.bytes).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // What was written of them is not there; were it to stay, it would be damage.
            drop(file.set_len(segment.bytes));
            self.open = None;
            return Err(error);
        }
        segment.bytes += batch.len() as u64;
        records.iter().for_each(|record| segment.contents.add(record.head));
        if segment.bytes >= self.segment_bytes {
            self.open = None;
        }
        Ok(())
    }

    /// Opens the newest file when there is room in it, or a new one. Nothing is written behind damage: what stood
    /// there is told by its neighbours, which have to be those of then.
    fn begin(&mut self, time_ms: i64) -> io::Result<()> {
        files::create_directory(&self.dir)?;
        if let Some(newest) = self.segments.back()
            && !newest.is_packed
            && newest.is_whole
            && newest.bytes < self.segment_bytes
            && newest.bytes >= FILE_HEAD.len() as u64
            && let Ok(file) = files::open_for_writing(&newest.path)
        {
            self.open = Some(file);
            return Ok(());
        }
        // Names are read in order, so a clock that was set back may not come before.
        self.newest_time_ms = time_ms.max(self.newest_time_ms.saturating_add(1)).max(0);
        let stem = files::new_stem(self.newest_time_ms);
        let path = self.dir.join(format!("{stem}.{PLAIN}"));
        let file = files::create(&path)?;
        let begun = file.write_all_at(&FILE_HEAD, 0).and_then(|()| files::sync_directory(&self.dir));
        if let Err(error) = begun {
            drop(files::remove(&path));
            return Err(error);
        }
        let bytes = FILE_HEAD.len() as u64;
        self.segments.push_back(Segment {
            stem,
            path,
            is_packed: false,
            bytes,
            is_whole: true,
            contents: Contents::default(),
        });
        self.open = Some(file);
        Ok(())
    }

    /// Packs files that are full.
    pub(crate) fn pack_full(&mut self) -> io::Result<()> {
        let newest = self.segments.len().saturating_sub(usize::from(self.open.is_some()));
        for segment in self.segments.iter_mut().take(newest) {
            if segment.is_packed || segment.bytes < self.segment_bytes || segment.contents.is_empty() {
                continue;
            }
            files::create_directory(&self.cold_dir)?;
            let path = self.cold_dir.join(format!("{}.{PACKED}", segment.stem));
            let bytes = pack(&segment.path, &segment.contents, &path)?;
            files::remove(&segment.path)?;
            (segment.path, segment.bytes, segment.is_packed) = (path, bytes, true);
        }
        Ok(())
    }

    pub(crate) fn acknowledge(&mut self, stream: StreamId, stored: &Ranges) {
        for segment in &mut self.segments {
            segment.contents.remove(stream, stored);
        }
    }

    /// Deletes files of which nothing waits.
    pub(crate) fn delete_delivered(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        let newest = self.segments.back().map(|segment| segment.stem.clone());
        self.segments.retain(|segment| {
            if !segment.contents.is_empty() {
                return true;
            }
            match files::remove(&segment.path) {
                Ok(()) => {
                    if newest.as_ref() == Some(&segment.stem) {
                        self.open = None;
                    }
                    false
                }
                Err(error) => {
                    result = Err(error);
                    true
                }
            }
        });
        result
    }

    /// What the oldest file holds, and is to be dropped because it is too old or there is too much; `None` when all is
    /// within the limits. The file goes with [`Self::drop_oldest`].
    pub(crate) fn excess(&self, now_ms: i64) -> Option<Vec<Gap>> {
        let oldest = self.segments.front()?;
        let is_old = oldest.contents.last_time_ms() < now_ms.saturating_sub(self.age_ms);
        let reason = match () {
            () if is_old && !oldest.contents.is_empty() => Reason::Age,
            () if self.bytes() > self.disk_bytes => Reason::Space,
            () => return None,
        };
        Some(oldest.contents.gaps(reason))
    }

    /// Deletes the oldest file.
    pub(crate) fn drop_oldest(&mut self) -> io::Result<()> {
        let Some(oldest) = self.segments.pop_front() else { return Ok(()) };
        if self.segments.is_empty() {
            self.open = None;
        }
        // One that can not be deleted takes its room, but its frames are as good as gone.
        files::remove(&oldest.path)
    }

    /// Reads on from where `cursor` is, until there are so many bytes of records that `wants` says yes to. Fewer
    /// are all there are now.
    pub(crate) fn read(
        &mut self,
        cursor: &mut Cursor,
        bytes: usize,
        wants: &dyn Fn(RecordHead) -> bool,
    ) -> io::Result<Vec<Record>> {
        let (mut records, mut have) = (Vec::new(), 0);
        let mut result = Ok(());
        while have < bytes {
            let Some(reader) = &mut cursor.reader else {
                match self.next_segment(cursor) {
                    Ok(true) => continue,
                    Ok(false) => break,
                    Err(error) => {
                        result = Err(error);
                        continue;
                    }
                }
            };
            match reader.next() {
                Some(Found::Record(Kind::Frame, head, payload)) => {
                    cursor.seen.add(head);
                    let waits = self.segments.iter().any(|segment| {
                        segment.stem == cursor.stem && segment.contents.contains(head.stream, head.sequence)
                    });
                    if waits && wants(head) {
                        have += payload.len();
                        records.push(Record { head, payload });
                    }
                }
                Some(_) => self.damaged += 1,
                None => {
                    let error = reader.error().map(|error| io::Error::new(error.kind(), error.to_string()));
                    if !self.end_segment(cursor, error.is_none()) {
                        break;
                    }
                    result = error.map_or(result, Err);
                }
            }
        }
        if records.is_empty() { result.map(|()| records) } else { Ok(records) }
    }

    /// Opens the file after the cursor's; `false` when there is none.
    fn next_segment(&mut self, cursor: &mut Cursor) -> io::Result<bool> {
        let next = self.segments.iter_mut().find(|segment| segment.stem > cursor.stem);
        let Some(segment) = next else { return Ok(false) };
        cursor.stem.clone_from(&segment.stem);
        cursor.seen = Contents::default();
        match Reader::open(&segment.path) {
            Ok(reader) => {
                cursor.reader = Some(reader);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.lost.extend(segment.contents.gaps(Reason::Damage));
                segment.contents = Contents::default();
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// At the end of a file: what should have been there and was not is lost. `false` when there is nothing after
    /// it; the file may grow.
    fn end_segment(&mut self, cursor: &mut Cursor, was_read: bool) -> bool {
        if was_read
            && let Some(segment) = self.segments.iter_mut().find(|segment| segment.stem == cursor.stem)
        {
            let missing = segment.contents.without(&cursor.seen);
            self.lost.extend(missing.gaps(Reason::Damage));
            for (stream, Part { sequences, .. }) in &missing.streams {
                segment.contents.remove(*stream, sequences);
            }
        }
        let has_next = self.segments.iter().any(|segment| segment.stem > cursor.stem);
        if has_next || !was_read {
            cursor.reader = None;
        }
        has_next
    }

    /// Adds what was lost from the runtime directory.
    pub(crate) fn lose(&mut self, head: RecordHead) {
        self.lost.push(lost(head));
    }
}

fn stem_time_ms(segment: &Segment) -> i64 {
    segment.stem.split('-').next().and_then(|time| time.parse().ok()).unwrap_or(0)
}
