//! What files are to hold to which records are appended, told a second time, so that it is known when an end was lost.
//!
//! The ledger is written anew, and renamed into its place, after each write to the file of new records, and before
//! records are taken out of that. So after a kill it tells at most one push too few, which then is in the other file,
//! and never one too many. It holds, as records: the note, which has the number of the push as its sequence; the gaps;
//! which records wait in the file of new ones (sequence 0), and which in a plain file on disk (1, its stem goes
//! before). Packed files tell of their contents themselves.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::files::{self, FILE_HEAD};
use crate::record::{self, Found, Kind, Records};
use crate::segment::Contents;
use crate::{Gap, RecordHead, gaps};

const FILE: &str = "ledger.spool";
/// What a record of contents is about.
const NEW: u64 = 0;
const PLAIN: u64 = 1;

/// The caller's note with the number of the push it came with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// From 1. In the file of new records 0 is what earlier versions wrote, which kept no ledger; in a ledger it
    /// stands for a note that is lost.
    pub(crate) number: u64,
    pub(crate) text: Vec<u8>,
}

/// What a ledger tells; damage takes a part away.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) note: Option<Note>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) waiting: Option<Contents>,
    /// By the stem of the plain file.
    pub(crate) plain: Vec<(String, Contents)>,
    /// There is a file, and it is not whole.
    pub(crate) is_damaged: bool,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
}

impl Note {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        record::encode(Kind::Note, head(self.number), &self.text, out);
    }
}

impl Ledger {
    pub(crate) fn of(dir: &Path) -> Self {
        Self { path: dir.join(FILE) }
    }

    /// Reads what a process before left.
    pub(crate) fn read(&self) -> Told {
        let Ok(file) = File::open(&self.path) else { return Told::default() };
        let mut told = Told::default();
        let mut has_gaps = false;
        let mut records = Records::new(file, 0);
        while let Some(found) = records.next() {
            match found {
                Found::Record(Kind::Note, head, text) => {
                    told.note = Some(Note { number: head.sequence, text });
                }
                Found::Record(Kind::Gaps, _, payload) => {
                    (told.gaps, has_gaps) = (gaps::decode(&payload), true);
                }
                Found::Record(Kind::Contents, head, payload) if head.sequence == NEW => {
                    told.waiting = Some(Contents::decode(&payload));
                }
                Found::Record(Kind::Contents, _, payload) => told.plain.extend(decode_plain(&payload)),
                Found::Skipped(bytes) if bytes == FILE_HEAD.len() as u64 => {}
                _ => told.is_damaged = true,
            }
        }
        told.is_damaged |= told.note.is_none() || told.waiting.is_none() || !has_gaps;
        told
    }

    /// Replaces it; `gaps` as they are encoded.
    pub(crate) fn write(
        &self,
        note: &Note,
        gaps: &[u8],
        waiting: &Contents,
        plain: &[(String, Contents)],
    ) -> io::Result<()> {
        let mut bytes = FILE_HEAD.to_vec();
        note.encode(&mut bytes);
        record::encode(Kind::Gaps, head(0), gaps, &mut bytes);
        record::encode(Kind::Contents, head(NEW), &waiting.encode(), &mut bytes);
        for (stem, contents) in plain {
            let payload = [stem.as_bytes(), &contents.encode()].concat();
            record::encode(Kind::Contents, head(PLAIN), &payload, &mut bytes);
        }
        let temporary = self.path.with_extension("tmp");
        let written = files::create(&temporary)
            .and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| std::fs::rename(&temporary, &self.path));
        if written.is_err() {
            // Half a file only takes room.
            drop(files::remove(&temporary));
        }
        written
    }
}

fn head(sequence: u64) -> RecordHead {
    RecordHead { stream: [0; 16], sequence, time_ms: 0 }
}

fn decode_plain(payload: &[u8]) -> Option<(String, Contents)> {
    let (stem, contents) = payload.split_at_checked(files::STEM_BYTES)?;
    Some((String::from_utf8(stem.to_vec()).ok()?, Contents::decode(contents)))
}
