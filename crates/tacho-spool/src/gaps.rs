//! What was dropped and has not been taken note of yet.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::files;
use crate::record::{self, Found, Kind, Records};
use crate::{Gap, Ranges, Reason, RecordHead, StreamId};

const FILE: &str = "gaps";
const GAP_BYTES: usize = 49;
/// More than this are merged where streams and reasons agree, so the list stays small; when all differ, the
/// oldest go.
const MAX_GAPS: usize = 1024;

/// The gaps, in memory and in a file.
#[derive(Debug, Clone)]
pub(crate) struct Gaps {
    path: PathBuf,
    list: Vec<Gap>,
    /// The file does not say what the list says.
    is_dirty: bool,
}

impl Gaps {
    pub(crate) fn open(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let list = std::fs::read(&path).map(|bytes| decode_file(&bytes)).unwrap_or_default();
        Self { path, list, is_dirty: false }
    }

    pub(crate) fn list(&self) -> &[Gap] {
        &self.list
    }

    /// Adds a gap, as part of one that it continues where there is one.
    pub(crate) fn add(&mut self, gap: Gap) {
        self.is_dirty = true;
        let alike = |known: &&mut Gap| known.stream == gap.stream && known.reason == gap.reason;
        let touches = |known: &&mut Gap| {
            gap.first_sequence <= known.last_sequence.saturating_add(1)
                && known.first_sequence <= gap.last_sequence.saturating_add(1)
        };
        match self.list.iter_mut().filter(alike).find(touches) {
            Some(known) => *known = merged(known, &gap),
            None => self.list.push(gap),
        }
        if self.list.len() > MAX_GAPS {
            self.list.remove(0);
        }
    }

    pub(crate) fn acknowledge(&mut self, stream: StreamId, stored: &Ranges) {
        if self.list.iter().all(|gap| gap.stream != stream) {
            return;
        }
        let list = std::mem::take(&mut self.list);
        for gap in &list {
            if gap.stream != stream {
                self.list.push(*gap);
                continue;
            }
            let mut left: Ranges = [gap.first_sequence..=gap.last_sequence].into_iter().collect();
            stored.iter().for_each(|range| left.remove(range));
            self.list.extend(gap.parts(&left));
        }
        self.is_dirty |= self.list != list;
    }

    /// Brings the file up to date.
    pub(crate) fn save(&mut self) -> io::Result<()> {
        if !self.is_dirty {
            return Ok(());
        }
        if self.list.is_empty() {
            files::remove(&self.path)?;
        } else {
            let temporary = self.path.with_extension("tmp");
            let mut file = files::create(&temporary)?;
            file.write_all(&encode_file(&self.list))?;
            file.sync_all()?;
            std::fs::rename(&temporary, &self.path)?;
        }
        self.is_dirty = false;
        Ok(())
    }
}

fn merged(a: &Gap, b: &Gap) -> Gap {
    Gap {
        first_sequence: a.first_sequence.min(b.first_sequence),
        last_sequence: a.last_sequence.max(b.last_sequence),
        first_time_ms: a.first_time_ms.min(b.first_time_ms),
        last_time_ms: a.last_time_ms.max(b.last_time_ms),
        ..*a
    }
}

pub(crate) fn encode(list: &[Gap]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(list.len() * GAP_BYTES);
    for gap in list {
        bytes.extend_from_slice(&gap.stream);
        bytes.extend_from_slice(&gap.first_sequence.to_le_bytes());
        bytes.extend_from_slice(&gap.last_sequence.to_le_bytes());
        bytes.extend_from_slice(&gap.first_time_ms.to_le_bytes());
        bytes.extend_from_slice(&gap.last_time_ms.to_le_bytes());
        bytes.push(gap.reason as u8);
    }
    bytes
}

pub(crate) fn decode(bytes: &[u8]) -> Vec<Gap> {
    bytes.chunks_exact(GAP_BYTES).filter_map(decode_gap).collect()
}

fn decode_gap(bytes: &[u8]) -> Option<Gap> {
    let word = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let time = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(i64::from_le_bytes);
    Some(Gap {
        stream: bytes.get(..16)?.try_into().ok()?,
        first_sequence: word(16)?,
        last_sequence: word(24)?,
        first_time_ms: time(32)?,
        last_time_ms: time(40)?,
        reason: match bytes.get(48)? {
            1 => Reason::Space,
            2 => Reason::Age,
            4 => Reason::Disk,
            _ => Reason::Damage,
        },
    })
}

fn encode_file(list: &[Gap]) -> Vec<u8> {
    let mut bytes = files::FILE_HEAD.to_vec();
    let head = RecordHead { stream: [0; 16], sequence: 0, time_ms: 0 };
    record::encode(Kind::Gaps, head, &encode(list), &mut bytes);
    bytes
}

fn decode_file(bytes: &[u8]) -> Vec<Gap> {
    let mut records = Records::new(bytes, 0);
    while let Some(found) = records.next() {
        if let Found::Record(Kind::Gaps, _, payload) = found {
            return decode(&payload);
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(first: u64, last: u64) -> Gap {
        Gap {
            stream: [1; 16],
            first_sequence: first,
            last_sequence: last,
            first_time_ms: first as i64 * 10,
            last_time_ms: last as i64 * 10,
            reason: Reason::Space,
        }
    }

    #[test]
    fn gaps_grow_together_and_are_taken_note_of_in_parts() {
        let directory = tempfile::tempdir().unwrap();
        let mut gaps = Gaps::open(directory.path());
        gaps.add(gap(1, 3));
        gaps.add(gap(4, 9));
        gaps.add(Gap { reason: Reason::Age, ..gap(10, 11) });
        assert_eq!(gaps.list(), [gap(1, 9), Gap { reason: Reason::Age, ..gap(10, 11) }]);
        gaps.save().unwrap();
        assert_eq!(Gaps::open(directory.path()).list(), gaps.list());
        gaps.acknowledge([1; 16], &[2..=8, 10..=30].into_iter().collect());
        let ends: Vec<_> = gaps.list().iter().map(|gap| (gap.first_sequence, gap.last_sequence)).collect();
        assert_eq!(ends, [(1, 1), (9, 9)]);
        gaps.acknowledge([2; 16], &[0..=u64::MAX].into_iter().collect());
        assert_eq!(gaps.list().len(), 2);
        gaps.acknowledge([1; 16], &[0..=u64::MAX].into_iter().collect());
        gaps.save().unwrap();
        assert!(!directory.path().join(FILE).exists());
    }

    #[test]
    fn a_damaged_file_is_no_gap() {
        let directory = tempfile::tempdir().unwrap();
        let mut bytes = encode_file(&[gap(1, 2)]);
        let at = bytes.len() - 3;
        bytes[at] ^= 0x40;
        std::fs::write(directory.path().join(FILE), bytes).unwrap();
        assert_eq!(Gaps::open(directory.path()).list(), []);
    }
}
