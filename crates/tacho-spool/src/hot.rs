//! What is new: one file in the runtime directory, written at each push, and rewritten when most of it is no
//! longer needed. Where it can not be written, records stay in memory. The ledger beside it tells what it is to hold.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::files::{self, FILE_HEAD};
use crate::ledger::{Ledger, Note, Told};
use crate::record::{self, Found, HEAD_BYTES, Kind, Records};
use crate::segment::{Contents, between, lost};
use crate::{Gap, Ranges, Reason, Record, RecordHead, StreamId, gaps};

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
    note: Note,
    is_note_newest: bool,
    gaps: Vec<u8>,
    /// What plain files on disk hold, for the ledger.
    plain: Vec<(String, Contents)>,
    ledger: Ledger,
    /// Until what was lost is kept as gaps, the ledger of the process before is all that tells of it.
    is_ledger_kept: bool,
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

/// What the files gave back beside records and note.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) gaps: Vec<Gap>,
    /// Records that were to be in the file and are not.
    pub(crate) lost: Vec<Gap>,
    /// What plain files on disk are to hold.
    pub(crate) plain: Vec<(String, Contents)>,
    /// Places where bytes were no record.
    pub(crate) damaged: u64,
}

/// What reading the file alone comes upon.
#[derive(Debug, Default)]
struct Reading {
    gaps: Vec<Gap>,
    note: Option<Note>,
    /// Records that are named but broken, and what was between the neighbours of damage.
    lost: Vec<Gap>,
    damaged: u64,
}

impl Hot {
    /// Reads what a process before left. The ledger stays that of then until [`Self::keep_ledger`].
    pub(crate) fn open(dir: &Path) -> (Self, Recovered) {
        let mut hot = Self {
            path: dir.join(FILE),
            file: None,
            end: 0,
            entries: VecDeque::new(),
            bytes: 0,
            note: Note::default(),
            is_note_newest: true,
            gaps: Vec::new(),
            plain: Vec::new(),
            ledger: Ledger::of(dir),
            is_ledger_kept: false,
            error: None,
        };
        let mut reading = Reading::default();
        if let Ok(file) = File::open(&hot.path) {
            hot.read_file(&file, &mut reading);
            hot.file = files::open_for_writing(&hot.path).ok().or(Some(file));
        }
        let recovered = hot.compare(reading);
        // What was torn is cut off, and a file that can not be written to is found out now.
        if let Err(error) = hot.rewrite() {
            hot.error = Some(error.to_string());
        }
        (hot, recovered)
    }

    fn read_file(&mut self, file: &File, reading: &mut Reading) {
        let mut records = Records::new(file, 0);
        // The file's head is no record.
        let (mut is_first, mut last_is_torn) = (true, false);
        let (mut before, mut has_hole): (Option<RecordHead>, bool) = (None, false);
        loop {
            let position = records.position();
            let Some(found) = records.next() else { break };
            let is_broken = matches!(found, Found::Broken(Kind::Frame, _));
            match found {
                Found::Record(Kind::Frame, head, payload) => {
                    let bytes = (HEAD_BYTES + payload.len()) as u64;
                    self.bytes += bytes;
                    self.entries.push_back(Entry { head, bytes, place: Place::File(position) });
                    if std::mem::take(&mut has_hole) {
                        reading.lost.extend(before.and_then(|before| between(before, head)));
                    }
                    before = Some(head);
                }
                Found::Record(Kind::Note, head, text) => {
                    reading.note = Some(Note { number: head.sequence, text });
                }
                Found::Record(Kind::Gaps, _, payload) => reading.gaps = gaps::decode(&payload),
                Found::Broken(Kind::Frame, head) => {
                    reading.damaged += 1;
                    reading.lost.push(lost(head));
                    (before, has_hole) = (Some(head), true);
                }
                Found::Skipped(bytes) if is_first && bytes == FILE_HEAD.len() as u64 => {}
                Found::Skipped(_) | Found::Broken(..) => {
                    reading.damaged += 1;
                    has_hole = true;
                }
                Found::Record(Kind::Contents | Kind::Chunk, ..) => {}
            }
            is_first = false;
            last_is_torn = is_broken;
        }
        // A push that a kill interrupted never was.
        if last_is_torn {
            reading.lost.pop();
            reading.damaged -= 1;
        }
    }

    /// Compares what is in the file with what the ledger says was to be there.
    fn compare(&mut self, reading: Reading) -> Recovered {
        // An earlier version wrote the file and knew of no ledger; one that is there is older than that.
        let is_without = reading.note.as_ref().is_some_and(|note| note.number == 0);
        let told = if is_without { Told::default() } else { self.ledger.read() };
        let told_note = told.note.filter(|note| note.number > 0);
        self.is_note_newest = told_note.is_some() || is_without || reading.note.is_none();
        let notes = [told_note, reading.note].into_iter().flatten();
        self.note = notes.max_by_key(|note| note.number).unwrap_or_default();
        self.note.number += 1;
        let mut recovered =
            Recovered { gaps: told.gaps, lost: reading.lost, plain: told.plain, damaged: reading.damaged };
        for gap in reading.gaps {
            if !recovered.gaps.contains(&gap) {
                recovered.gaps.push(gap);
            }
        }
        self.gaps = gaps::encode(&recovered.gaps);
        recovered.damaged += u64::from(told.is_damaged);
        if let Some(waiting) = told.waiting {
            let missing = waiting.without(&self.contents());
            recovered.lost = missing.gaps(Reason::Damage).iter().map(|gap| self.narrowed(gap)).collect();
            // A file that was cut between two records looks whole.
            recovered.damaged = recovered.damaged.max(u64::from(!recovered.lost.is_empty()));
        }
        recovered
    }

    /// A gap with its times as near as the records before and after it in the file tell.
    fn narrowed(&self, gap: &Gap) -> Gap {
        let same = || self.entries.iter().map(|entry| entry.head).filter(|head| head.stream == gap.stream);
        let before = same().filter(|head| head.sequence < gap.first_sequence).map(|head| head.time_ms);
        let after = same().filter(|head| head.sequence > gap.last_sequence).map(|head| head.time_ms);
        Gap {
            first_time_ms: before.max().unwrap_or(gap.first_time_ms),
            last_time_ms: after.min().unwrap_or(gap.last_time_ms),
            ..*gap
        }
    }

    fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        self.entries.iter().for_each(|entry| contents.add(entry.head));
        contents
    }

    /// Keeps the ledger from now on: what it told of the process before is kept as gaps.
    pub(crate) fn keep_ledger(&mut self) {
        self.is_ledger_kept = true;
        self.write_ledger();
    }

    fn write_ledger(&mut self) -> bool {
        if !self.is_ledger_kept {
            return false;
        }
        let unknown = Note::default();
        let note = if self.is_note_newest { &self.note } else { &unknown };
        let written = self.ledger.write(note, &self.gaps, &self.contents(), &self.plain);
        if let Err(error) = &written {
            self.error = Some(error.to_string());
        }
        written.is_ok()
    }

    pub(crate) fn note(&self) -> &[u8] {
        &self.note.text
    }

    /// Whether nothing newer than the note can have been lost.
    pub(crate) fn is_note_newest(&self) -> bool {
        self.is_note_newest
    }

    pub(crate) fn set_note(&mut self, note: &[u8]) {
        self.note.text = note.to_vec();
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

    /// Takes a record, and the note that holds from now on. When no file can be written, the record stays in memory
    /// and the note is not kept.
    pub(crate) fn push(&mut self, head: RecordHead, payload: Vec<u8>, text: &[u8]) {
        let bytes = (HEAD_BYTES + payload.len()) as u64;
        self.bytes += bytes;
        let note = Note { number: self.note.number.saturating_add(1), text: text.to_vec() };
        let mut batch = Vec::with_capacity(2 * HEAD_BYTES + payload.len() + text.len());
        record::encode(Kind::Frame, head, &payload, &mut batch);
        note.encode(&mut batch);
        let appended = match &self.error {
            Some(_) => self.rewrite().and_then(|()| self.append(&batch)),
            None => self.append(&batch),
        };
        let before = (std::mem::replace(&mut self.note, note), self.is_note_newest);
        self.is_note_newest = true;
        let (place, error) = match appended {
            Ok(position) => (Place::File(position), None),
            Err(error) => (Place::Memory(payload), Some(error.to_string())),
        };
        let is_in_memory = error.is_some();
        self.error = error;
        self.entries.push_back(Entry { head, bytes, place });
        if !self.write_ledger() && is_in_memory {
            (self.note, self.is_note_newest) = before;
        }
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
        self.write_ledger();
    }

    /// Notes in the ledger what plain files on disk hold.
    pub(crate) fn set_plain(&mut self, plain: Vec<(String, Contents)>) {
        if self.plain != plain {
            self.plain = plain;
            self.write_ledger();
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
        let (mut bytes, before) = (0, self.entries.len());
        self.entries.retain(|entry| {
            let stays = entry.head.stream != stream || !sequences.contains(entry.head.sequence);
            bytes += if stays { entry.bytes } else { 0 };
            stays
        });
        self.bytes = bytes;
        if self.entries.len() < before {
            self.write_ledger();
            self.compact();
        }
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
        self.note.encode(&mut batch);
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
