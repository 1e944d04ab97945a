//! Files of records on disk: *plain* ones, which records are appended to, and *packed* ones, which are written
//! once. A packed file is a record of its contents, then chunks of some records that are compressed together:
//! damage costs the records of its chunk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Write as _};
use std::path::{Path, PathBuf};

use crate::files::{self, FILE_HEAD};
use crate::record::{self, Found, HEAD_BYTES, Kind, MAX_PAYLOAD, Records};
use crate::{Gap, Ranges, Reason, RecordHead, StreamId};

/// Records are compressed together until they have so many bytes.
const CHUNK_BYTES: usize = 128 << 10;
const COMPRESSION_LEVEL: i32 = 3;

/// What of a file still waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) streams: BTreeMap<StreamId, Part>,
}

/// What of one stream waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) sequences: Ranges,
    pub(crate) first_time_ms: i64,
    pub(crate) last_time_ms: i64,
}

impl Contents {
    pub(crate) fn add(&mut self, head: RecordHead) {
        let part = self.streams.entry(head.stream).or_insert_with(|| Part {
            sequences: Ranges::default(),
            first_time_ms: head.time_ms,
            last_time_ms: head.time_ms,
        });
        part.sequences.insert(head.sequence..=head.sequence);
        part.first_time_ms = part.first_time_ms.min(head.time_ms);
        part.last_time_ms = part.last_time_ms.max(head.time_ms);
    }

    pub(crate) fn contains(&self, stream: StreamId, sequence: u64) -> bool {
        self.streams.get(&stream).is_some_and(|part| part.sequences.contains(sequence))
    }

    pub(crate) fn remove(&mut self, stream: StreamId, sequences: &Ranges) {
        let Some(part) = self.streams.get_mut(&stream) else { return };
        sequences.iter().for_each(|range| part.sequences.remove(range));
        if part.sequences.is_empty() {
            self.streams.remove(&stream);
        }
    }

    pub(crate) fn sequences(&self, stream: StreamId) -> Option<&Ranges> {
        self.streams.get(&stream).map(|part| &part.sequences)
    }

    pub(crate) fn records(&self) -> u64 {
        self.streams.values().map(|part| part.sequences.len()).fold(0, u64::saturating_add)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    pub(crate) fn last_time_ms(&self) -> i64 {
        self.streams.values().map(|part| part.last_time_ms).max().unwrap_or(i64::MIN)
    }

    /// All of it as gaps.
    pub(crate) fn gaps(&self, reason: Reason) -> Vec<Gap> {
        let of_stream = |(stream, part): (&StreamId, &Part)| {
            let (stream, first_time_ms, last_time_ms) = (*stream, part.first_time_ms, part.last_time_ms);
            let gap = move |range: std::ops::RangeInclusive<u64>| Gap {
                stream,
                first_sequence: *range.start(),
                last_sequence: *range.end(),
                first_time_ms,
                last_time_ms,
                reason,
            };
            part.sequences.iter().map(gap).collect::<Vec<_>>()
        };
        self.streams.iter().flat_map(of_stream).collect()
    }

    /// What is in here and not in `seen`.
    pub(crate) fn without(&self, seen: &Contents) -> Contents {
        let mut left = self.clone();
        seen.streams.iter().for_each(|(stream, part)| left.remove(*stream, &part.sequences));
        left
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        crate::gaps::encode(&self.gaps(Reason::Space))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let mut contents = Self::default();
        for gap in crate::gaps::decode(bytes) {
            let part = contents.streams.entry(gap.stream).or_insert_with(|| Part {
                sequences: Ranges::default(),
                first_time_ms: gap.first_time_ms,
                last_time_ms: gap.last_time_ms,
            });
            part.sequences.insert(gap.first_sequence..=gap.last_sequence);
        }
        contents
    }
}

/// Reads the records of a file, plain or packed.
#[derive(Debug)]
pub(crate) struct Reader {
    records: Records<File>,
    chunk: Option<Records<Cursor<Vec<u8>>>>,
    at_head: bool,
    contents: Option<Contents>,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { records: Records::new(File::open(path)?, 0), chunk: None, at_head: true, contents: None })
    }

    /// The next frame, or what is left of one; `None` at the end of what is there.
    pub(crate) fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(chunk) = &mut self.chunk {
                match chunk.next() {
                    None => self.chunk = None,
                    found => return found,
                }
            }
            let found = self.records.next()?;
            let is_head = std::mem::replace(&mut self.at_head, false);
            match found {
                Found::Record(Kind::Chunk, head, packed) => match unpack(head, &packed) {
                    Some(bytes) => self.chunk = Some(Records::new(Cursor::new(bytes), 0)),
                    None => return Some(Found::Skipped(packed.len() as u64)),
                },
                Found::Record(Kind::Contents, _, payload) => self.contents = Some(Contents::decode(&payload)),
                Found::Broken(Kind::Chunk | Kind::Contents, _) => return Some(Found::Skipped(0)),
                // The file's head is no record.
                Found::Skipped(bytes) if is_head && bytes == FILE_HEAD.len() as u64 => {}
                found => return Some(found),
            }
        }
    }

    pub(crate) fn error(&self) -> Option<&io::Error> {
        self.records.error()
    }
}

fn unpack(head: RecordHead, packed: &[u8]) -> Option<Vec<u8>> {
    let bytes = usize::try_from(head.sequence).ok()?;
    if bytes > MAX_PAYLOAD + HEAD_BYTES + CHUNK_BYTES {
        return None;
    }
    zstd::bulk::decompress(packed, bytes).ok()
}

/// What a file holds, and what of it is damaged.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) contents: Contents,
    /// Records that were in the file, by their heads or by their neighbours.
    pub(crate) lost: Vec<Gap>,
    /// Places that are damaged.
    pub(crate) damaged: u64,
}

/// Looks through a file. Of a packed one its own word is taken where it is whole.
pub(crate) fn scan(path: &Path) -> io::Result<Scan> {
    let mut reader = Reader::open(path)?;
    let mut scan = Scan::default();
    let mut before: Option<RecordHead> = None;
    let mut has_hole = false;
    while let Some(found) = reader.next() {
        if let Some(contents) = reader.contents.take() {
            return Ok(Scan { contents, ..Scan::default() });
        }
        match found {
            Found::Record(Kind::Frame, head, _) => {
                if std::mem::take(&mut has_hole) {
                    scan.lost.extend(before.and_then(|before| between(before, head)));
                }
                scan.contents.add(head);
                before = Some(head);
            }
            Found::Broken(Kind::Frame, head) => {
                scan.damaged += 1;
                scan.lost.push(lost(head));
                before = Some(head);
                // The damage may reach into the next.
                has_hole = true;
            }
            Found::Broken(..) | Found::Skipped(_) => {
                scan.damaged += 1;
                has_hole = true;
            }
            Found::Record(..) => {}
        }
    }
    match reader.error() {
        Some(error) => Err(io::Error::new(error.kind(), error.to_string())),
        None => Ok(scan),
    }
}

pub(crate) fn lost(head: RecordHead) -> Gap {
    Gap {
        stream: head.stream,
        first_sequence: head.sequence,
        last_sequence: head.sequence,
        first_time_ms: head.time_ms,
        last_time_ms: head.time_ms,
        reason: Reason::Damage,
    }
}

/// What was between two records of a stream.
pub(crate) fn between(before: RecordHead, after: RecordHead) -> Option<Gap> {
    let (first, last) = (before.sequence.checked_add(1)?, after.sequence.checked_sub(1)?);
    (before.stream == after.stream && first <= last).then_some(Gap {
        stream: before.stream,
        first_sequence: first,
        last_sequence: last,
        first_time_ms: before.time_ms,
        last_time_ms: after.time_ms,
        reason: Reason::Damage,
    })
}

/// Writes what still waits of a plain file into a packed one at `to`: whole and durable, or not at all.
/// Answers with the bytes it has.
pub(crate) fn pack(plain: &Path, contents: &Contents, to: &Path) -> io::Result<u64> {
    let temporary = to.with_added_extension("tmp");
    let packed = write_packed(plain, contents, &temporary).and_then(|bytes| {
        std::fs::rename(&temporary, to)?;
        to.parent().map_or(Ok(()), files::sync_directory)?;
        Ok(bytes)
    });
    if packed.is_err() {
        drop(files::remove(&temporary));
    }
    packed
}

fn write_packed(plain: &Path, contents: &Contents, to: &Path) -> io::Result<u64> {
    let mut out = Packer { file: files::create(to)?, bytes: 0, chunk: Vec::new() };
    let mut batch = FILE_HEAD.to_vec();
    let head = RecordHead { stream: [0; 16], sequence: 0, time_ms: 0 };
    record::encode(Kind::Contents, head, &contents.encode(), &mut batch);
    out.write(&batch)?;
    let mut reader = Reader::open(plain)?;
    while let Some(found) = reader.next() {
        let Found::Record(Kind::Frame, head, payload) = found else { continue };
        if contents.contains(head.stream, head.sequence) {
            out.add(head, &payload)?;
        }
    }
    if let Some(error) = reader.error() {
        return Err(io::Error::new(error.kind(), error.to_string()));
    }
    out.end_chunk()?;
    out.file.sync_all()?;
    Ok(out.bytes)
}

struct Packer {
    file: File,
    bytes: u64,
    chunk: Vec<u8>,
}

impl Packer {
    fn write(&mut self, batch: &[u8]) -> io::Result<()> {
        self.file.write_all(batch)?;
        self.bytes += batch.len() as u64;
        Ok(())
    }

    fn add(&mut self, head: RecordHead, payload: &[u8]) -> io::Result<()> {
        record::encode(Kind::Frame, head, payload, &mut self.chunk);
        if self.chunk.len() >= CHUNK_BYTES { self.end_chunk() } else { Ok(()) }
    }

    fn end_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let packed = zstd::bulk::compress(&self.chunk, COMPRESSION_LEVEL)?;
        let head = RecordHead { stream: [0; 16], sequence: self.chunk.len() as u64, time_ms: 0 };
        let mut batch = Vec::with_capacity(HEAD_BYTES + packed.len());
        record::encode(Kind::Chunk, head, &packed, &mut batch);
        self.chunk.clear();
        self.write(&batch)
    }
}

/// A file on disk.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Its name without what follows the first dot; sorts by time.
    pub(crate) stem: String,
    pub(crate) path: PathBuf,
    pub(crate) is_packed: bool,
    /// On disk.
    pub(crate) bytes: u64,
    /// Nothing in it was torn or flipped when it was looked through.
    pub(crate) is_whole: bool,
    pub(crate) contents: Contents,
}
