//! What is new: one file in the runtime directory, written at each push, and rewritten when most of it is no
//! longer needed. Where it can not be written, records stay in memory.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::files::{self, FILE_HEAD};
use crate::record::{self, Found, HEAD_BYTES, Kind, Records};
use crate::{Gap, Ranges, Record, RecordHead, StreamId, gaps};

const FILE: &str = "hot.spool";
/// A file below this is not worth being rewritten.
const SMALL_BYTES: u64 = 256 << 10;
const NO_RECORD: RecordHead = RecordHead { stream: [0; 16], sequence: 0, time_ms: 0 };

#[derive(Debug)]
pub(crate) struct Hot {
    path: PathBuf,
    file: Option<File>,
    /// End of what is whole in the file.
    end: u64,
    entries: VecDeque<Entry>,
    bytes: u64,
    note: Vec<u8>,
    gaps: Vec<u8>,
    error: Option<String>,
}

#[derive(Debug)]
struct Entry {
    head: RecordHead,
    bytes: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Where the record begins.
    File(u64),
    Memory(Vec<u8>),
}

/// What a file gave back.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) gaps: Vec<Gap>,
    /// Records that are named but broken.
    pub(crate) broken: Vec<RecordHead>,
    /// Places where bytes were no record.
    pub(crate) damaged: u64,
}

impl Hot {
    /// Reads what a process before left.
    pub(crate) fn open(dir: &Path) -> (Self, Recovered) {
        let mut hot = Self {
            path: dir.join(FILE),
            file: None,
            end: 0,
            entries: VecDeque::new(),
            bytes: 0,
            note: Vec::new(),
            gaps: Vec::new(),
            error: None,
        };
        let mut recovered = Recovered::default();
        if let Ok(file) = File::open(&hot.path) {
            hot.recover(&file, &mut recovered);
            hot.file = files::open_for_writing(&hot.path).ok().or(Some(file));
        }
        // What was torn is cut off, and a file that can not be written to is found out now.
        if let Err(error) = hot.rewrite() {
            hot.error = Some(error.to_string());
        }
        (hot, recovered)
    }

    fn recover(&mut self, file: &File, recovered: &mut Recovered) {
        let mut records = Records::new(file, 0);
        // The file's head is no record.
        let (mut is_first, mut last_is_torn) = (true, false);
        loop {
            let position = records.position();
            let Some(found) = records.next() else { break };
            let is_broken = matches!(found, Found::Broken(Kind::Frame, _));
            match found {
                Found::Record(Kind::Frame, head, payload) => {
                    let bytes = (HEAD_BYTES + payload.len()) as u64;
                    self.bytes += bytes;
                    self.entries.push_back(Entry { head, bytes, place: Place::File(position) });
                }
                Found::Record(Kind::Note, _, payload) => self.note = payload,
                Found::Record(Kind::Gaps, _, payload) => {
                    recovered.gaps = gaps::decode(&payload);
                    self.gaps = payload;
                }
                Found::Broken(Kind::Frame, head) => recovered.broken.push(head),
                Found::Skipped(bytes) if is_first && bytes == FILE_HEAD.len() as u64 => {}
                Found::Skipped(_) | Found::Broken(..) => recovered.damaged += 1,
                Found::Record(Kind::Contents | Kind::Chunk, ..) => {}
            }
            is_first = false;
            last_is_torn = is_broken;
        }
        // A push that a kill interrupted never was.
        if last_is_torn {
            recovered.broken.pop();
        }
    }

    pub(crate) fn note(&self) -> &[u8] {
        &self.note
    }

    pub(crate) fn set_note(&mut self, note: &[u8]) {
        self.note = note.to_vec();
    }

    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn heads(&self) -> impl DoubleEndedIterator<Item = (RecordHead, u64)> + '_ {
        self.entries.iter().map(|entry| (entry.head, entry.bytes))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains(&self, stream: StreamId, sequence: u64) -> bool {
        self.entries.iter().any(|entry| entry.head.stream == stream && entry.head.sequence == sequence)
    }

    /// Takes a record, and the note that holds from now on. When the file can not be written, the record stays
    /// in memory and the note is not kept.
    pub(crate) fn push(&mut self, head: RecordHead, payload: Vec<u8>, note: &[u8]) {
        let bytes = (HEAD_BYTES + payload.len()) as u64;
        self.bytes += bytes;
        let mut batch = Vec::with_capacity(2 * HEAD_BYTES + payload.len() + note.len());
        record::encode(Kind::Frame, head, &payload, &mut batch);
        record::encode(Kind::Note, NO_RECORD, note, &mut batch);
        let appended = match &self.error {
            Some(_) => self.rewrite().and_then(|()| self.append(&batch)),
            None => self.append(&batch),
        };
        let place = match appended {
            Ok(position) => {
                (self.error, self.note) = (None, note.to_vec());
                Place::File(position)
            }
            Err(error) => {
                self.error = Some(error.to_string());
                Place::Memory(payload)
            }
        };
        self.entries.push_back(Entry { head, bytes, place });
    }

    /// Keeps gaps beside the records, so that they outlive a killed process.
    pub(crate) fn set_gaps(&mut self, list: &[Gap]) {
        let encoded = gaps::encode(list);
        if encoded == self.gaps {
            return;
        }
        let mut batch = Vec::new();
        record::encode(Kind::Gaps, NO_RECORD, &encoded, &mut batch);
        self.gaps = encoded;
        if self.error.is_none()
            && let Err(error) = self.append(&batch)
        {
            self.error = Some(error.to_string());
        }
    }

    fn append(&mut self, batch: &[u8]) -> io::Result<u64> {
        let Some(file) = &self.file else { return Err(io::ErrorKind::NotConnected.into()) };
        let position = self.end;
        file.write_all_at(batch, position)?;
        self.end += batch.len() as u64;
        Ok(position)
    }

    pub(crate) fn read(&self, stream: StreamId, sequence: u64) -> Option<Record> {
        let wanted = |entry: &&Entry| entry.head.sequence == sequence && entry.head.stream == stream;
        self.read_entry(self.entries.iter().rev().find(wanted)?)
    }

    /// The oldest records, at most so many. Those that can not be read are left out, and told beside.
    pub(crate) fn oldest(&self, count: usize) -> (Vec<Record>, Vec<RecordHead>) {
        let (mut records, mut unreadable) = (Vec::new(), Vec::new());
        for entry in self.entries.iter().take(count) {
            match self.read_entry(entry) {
                Some(record) => records.push(record),
                None => unreadable.push(entry.head),
            }
        }
        (records, unreadable)
    }

    fn read_entry(&self, entry: &Entry) -> Option<Record> {
        let payload = match &entry.place {
            Place::Memory(payload) => payload.clone(),
            Place::File(position) => self.read_at(entry, *position)?.split_off(HEAD_BYTES),
        };
        Some(Record { head: entry.head, payload })
    }

    /// The record as it lies in the file, when it is still what was written.
    fn read_at(&self, entry: &Entry, position: u64) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(entry.bytes).ok()?];
        self.file.as_ref()?.read_exact_at(&mut bytes, position).ok()?;
        let (_, head, _) = record::decode(&bytes)?;
        (head == entry.head).then_some(bytes)
    }

    pub(crate) fn pop_oldest(&mut self) -> Option<RecordHead> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.bytes;
        Some(entry.head)
    }

    pub(crate) fn remove(&mut self, stream: StreamId, sequences: &Ranges) {
        let mut bytes = 0;
        self.entries.retain(|entry| {
            let stays = entry.head.stream != stream || !sequences.contains(entry.head.sequence);
            bytes += if stays { entry.bytes } else { 0 };
            stays
        });
        self.bytes = bytes;
        self.compact();
    }

    /// Rewrites the file when less than half of it is needed. When that fails the file is as good as before.
    pub(crate) fn compact(&mut self) {
        if self.end > SMALL_BYTES && self.bytes < self.end / 2 && self.error.is_none() {
            drop(self.rewrite());
        }
    }

    /// Writes what is needed into a new file, which then takes the place of the old one.
    fn rewrite(&mut self) -> io::Result<()> {
        let temporary = self.path.with_extension("tmp");
        let rewritten = self.rewrite_at(&temporary);
        if rewritten.is_err() {
            // Half a file only takes room.
            drop(files::remove(&temporary));
        }
        rewritten
    }

    fn rewrite_at(&mut self, temporary: &Path) -> io::Result<()> {
        let file = files::create(temporary)?;
        let mut end = 0;
        let mut write = |bytes: &[u8]| -> io::Result<u64> {
            let position = end;
            file.write_all_at(bytes, position)?;
            end += bytes.len() as u64;
            Ok(position)
        };
        let mut batch = FILE_HEAD.to_vec();
        record::encode(Kind::Note, NO_RECORD, &self.note, &mut batch);
        record::encode(Kind::Gaps, NO_RECORD, &self.gaps, &mut batch);
        write(&batch)?;
        let mut positions = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            batch.clear();
            match &entry.place {
                Place::Memory(payload) => record::encode(Kind::Frame, entry.head, payload, &mut batch),
                // One that can not be read any more is found out when it is asked for.
                Place::File(position) => batch = self.read_at(entry, *position).unwrap_or_default(),
            }
            positions.push(write(&batch)?);
        }
        std::fs::rename(temporary, &self.path)?;
        for (entry, position) in self.entries.iter_mut().zip(positions) {
            entry.place = Place::File(position);
        }
        (self.file, self.end) = (Some(file), end);
        Ok(())
    }
}
