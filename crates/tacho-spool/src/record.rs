//! Records as they lie in files, and the reader that finds its way through damaged ones.
//!
//! A record is 52 bytes of head and its payload, numbers little-endian:
//!
//! ```text
//!  0  4  "TCR" and the version, 1      12 16  stream          44 4  CRC-32 of the payload
//!  4  4  bytes of the payload          28  8  sequence        48 4  CRC-32 of bytes 0 to 47
//!  8  1  kind, then 3 zero bytes       36  8  time
//! ```
//!
//! A head that is whole but whose payload is not names the record that is lost. Where no head is, the reader
//! looks for the next one byte by byte.

use std::io::{self, Read};

use crate::{RecordHead, StreamId};

/// A longer payload is damage.
pub(crate) const MAX_PAYLOAD: usize = 4 << 20;
pub(crate) const HEAD_BYTES: usize = 52;
const MAGIC: [u8; 4] = *b"TCR\x01";
const READ_BYTES: usize = 64 << 10;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What the queue is for.
    Frame = 1,
    /// The caller's note; the newest holds.
    Note = 2,
    /// All gaps; the newest holds.
    Gaps = 3,
    /// What is in a packed segment.
    Contents = 4,
    /// Records that are compressed together; its sequence is how many bytes they have.
    Chunk = 5,
}

/// What a reader comes upon.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Record(Kind, RecordHead, Vec<u8>),
    /// A record whose payload is not what was written.
    Broken(Kind, RecordHead),
    /// So many bytes are no record.
    Skipped(u64),
}

/// Appends a record to `out`.
pub(crate) fn encode(kind: Kind, head: RecordHead, payload: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&[kind as u8, 0, 0, 0]);
    out.extend_from_slice(&head.stream);
    out.extend_from_slice(&head.sequence.to_le_bytes());
    out.extend_from_slice(&head.time_ms.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let crc = crc32fast::hash(out.get(begin..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(payload);
}

/// A head, with what follows it.
#[derive(Debug, Clone, Copy)]
struct Head {
    kind: Kind,
    record: RecordHead,
    payload_bytes: usize,
    payload_crc: u32,
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn decode_head(bytes: &[u8]) -> Option<Head> {
    let crc = u32::from_le_bytes(array(bytes, 48)?);
    if array(bytes, 0)? != MAGIC || crc != crc32fast::hash(bytes.get(..48)?) {
        return None;
    }
    let kind = match bytes.get(8)? {
        1 => Kind::Frame,
        2 => Kind::Note,
        3 => Kind::Gaps,
        4 => Kind::Contents,
        5 => Kind::Chunk,
        _ => return None,
    };
    let payload_bytes = usize::try_from(u32::from_le_bytes(array(bytes, 4)?)).ok()?;
    if payload_bytes > MAX_PAYLOAD {
        return None;
    }
    let stream: StreamId = array(bytes, 12)?;
    let record = RecordHead {
        stream,
        sequence: u64::from_le_bytes(array(bytes, 28)?),
        time_ms: i64::from_le_bytes(array(bytes, 36)?),
    };
    Some(Head { kind, record, payload_bytes, payload_crc: u32::from_le_bytes(array(bytes, 44)?) })
}

/// Reads the one record that `bytes` are; `None` when they are not one.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Kind, RecordHead, &[u8])> {
    let head = decode_head(bytes)?;
    let payload = bytes.get(HEAD_BYTES..)?;
    (payload.len() == head.payload_bytes && crc32fast::hash(payload) == head.payload_crc).then_some((
        head.kind,
        head.record,
        payload,
    ))
}

/// Reads records one after the other. Holds one record in memory and reads ahead a little.
#[derive(Debug)]
pub(crate) struct Records<R> {
    input: R,
    buffer: Vec<u8>,
    /// Where the next record begins in the buffer, and in the input.
    at: usize,
    position: u64,
    error: Option<io::Error>,
}

impl<R: Read> Records<R> {
    /// `position` is where `input` stands; it only counts on from there.
    pub(crate) fn new(input: R, position: u64) -> Self {
        Self { input, buffer: Vec::new(), at: 0, position, error: None }
    }

    /// Where the next record begins.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Why the input ended before its end.
    pub(crate) fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// The next thing; `None` at the end, and where the input can not be read.
    pub(crate) fn next(&mut self) -> Option<Found> {
        if !self.fill(1) {
            return None;
        }
        self.fill(HEAD_BYTES);
        let Some(head) = decode_head(self.rest()) else { return Some(Found::Skipped(self.skip())) };
        let bytes = HEAD_BYTES + head.payload_bytes;
        let is_whole = self.fill(bytes);
        let payload = self.rest().get(HEAD_BYTES..bytes).unwrap_or_default();
        if is_whole && crc32fast::hash(payload) == head.payload_crc {
            let found = Found::Record(head.kind, head.record, payload.to_vec());
            self.advance(bytes);
            return Some(found);
        }
        // The length may be right and the bytes wrong, or bytes may be missing: only the head is believed.
        self.advance(HEAD_BYTES);
        self.skip_to_magic();
        Some(Found::Broken(head.kind, head.record))
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.buffer.len());
        self.position = self.position.saturating_add(bytes as u64);
    }

    /// Skips at least one byte, up to the next head.
    fn skip(&mut self) -> u64 {
        self.advance(1);
        1 + self.skip_to_magic()
    }

    fn skip_to_magic(&mut self) -> u64 {
        let mut skipped = 0;
        while self.fill(1) {
            self.fill(HEAD_BYTES);
            let rest = self.rest();
            let step = rest.windows(MAGIC.len()).position(|window| window == MAGIC);
            match step {
                Some(0) if decode_head(rest).is_some() => break,
                Some(step) => {
                    let step = step.max(1);
                    skipped += step as u64;
                    self.advance(step);
                }
                None => {
                    // The beginning of a magic may be at the end.
                    let step = rest.len().saturating_sub(MAGIC.len() - 1).max(1);
                    skipped += step as u64;
                    self.advance(step);
                }
            }
        }
        skipped
    }

    /// Makes sure that so many bytes are in the buffer; `false` when the input has fewer.
    fn fill(&mut self, bytes: usize) -> bool {
        if self.rest().len() >= bytes {
            return true;
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        while self.buffer.len() < bytes {
            let have = self.buffer.len();
            self.buffer.resize(have + READ_BYTES.max(bytes - have), 0);
            let read = loop {
                match self.input.read(self.buffer.get_mut(have..).unwrap_or_default()) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(read) => break read,
                    Err(error) => {
                        self.error = Some(error);
                        break 0;
                    }
                }
            };
            self.buffer.truncate(have + read);
            if read == 0 {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(sequence: u64) -> RecordHead {
        RecordHead { stream: [7; 16], sequence, time_ms: -5 }
    }

    fn all(bytes: &[u8]) -> Vec<Found> {
        let mut records = Records::new(bytes, 0);
        std::iter::from_fn(|| records.next()).collect()
    }

    fn sequences(found: &[Found]) -> Vec<u64> {
        found
            .iter()
            .filter_map(
                |found| if let Found::Record(_, head, _) = found { Some(head.sequence) } else { None },
            )
            .collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let mut bytes = Vec::new();
        encode(Kind::Frame, head(1), b"one", &mut bytes);
        encode(Kind::Note, head(2), b"", &mut bytes);
        assert_eq!(
            all(&bytes),
            [
                Found::Record(Kind::Frame, head(1), b"one".to_vec()),
                Found::Record(Kind::Note, head(2), Vec::new())
            ]
        );
        assert_eq!(decode(&bytes[..HEAD_BYTES + 3]), Some((Kind::Frame, head(1), b"one".as_slice())));
    }

    #[test]
    fn a_damaged_payload_names_its_record() {
        let mut bytes = Vec::new();
        (1..=3).for_each(|sequence| encode(Kind::Frame, head(sequence), b"payload", &mut bytes));
        bytes[HEAD_BYTES + 7 + HEAD_BYTES + 2] ^= 1;
        let found = all(&bytes);
        assert_eq!((sequences(&found), &found[1]), (vec![1, 3], &Found::Broken(Kind::Frame, head(2))));
        bytes.truncate(bytes.len() - 1);
        assert_eq!(all(&bytes).last(), Some(&Found::Broken(Kind::Frame, head(3))));
    }

    proptest! {
        /// Any damage costs the records it touches and no other, and never a panic.
        #[test]
        fn damage_costs_what_it_touches(
            lengths in proptest::collection::vec(0usize..200, 1..20),
            at in any::<prop::sample::Index>(),
            with in proptest::collection::vec(any::<u8>(), 1..80),
        ) {
            let (mut bytes, mut places) = (Vec::new(), Vec::new());
            for (sequence, length) in lengths.iter().enumerate() {
                let begin = bytes.len();
                encode(Kind::Frame, head(sequence as u64), &vec![b'T'; *length], &mut bytes);
                places.push(begin..bytes.len());
            }
            let begin = at.index(bytes.len());
            let end = (begin + with.len()).min(bytes.len());
            let touched: Vec<u64> = (0..places.len()).filter(|i| places[*i].start < end && begin < places[*i].end).map(|i| i as u64).collect();
            bytes[begin..end].copy_from_slice(&with[..end - begin]);
            let read = sequences(&all(&bytes));
            for sequence in 0..places.len() as u64 {
                prop_assert!(read.contains(&sequence) || touched.contains(&sequence), "{} of {:?}, {:?}", sequence, read, touched);
            }
        }

        #[test]
        fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(prop_oneof![Just(b'T'), Just(b'C'), Just(b'R'), Just(1u8), any::<u8>()], 0..500)) {
            let mut records = Records::new(bytes.as_slice(), 0);
            while records.next().is_some() {}
            prop_assert_eq!(records.position(), bytes.len() as u64);
        }
    }
}
