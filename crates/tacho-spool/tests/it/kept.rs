//! What tests do with a spool, and what it keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tacho_spool::{Config, Cursor, Ranges, RecordHead, Spool, StreamId};

pub(crate) const STREAM: StreamId = [1; 16];

pub(crate) fn config(root: &Path) -> Config {
    Config {
        runtime_dir: root.join("run"),
        dir: root.join("spool"),
        cold_dir: root.join("cold"),
        hot_bytes: 1 << 20,
        group: 10,
        segment_bytes: 1 << 20,
        disk_bytes: 64 << 20,
        age_ms: i64::MAX,
    }
}

pub(crate) fn head(sequence: u64) -> RecordHead {
    RecordHead { stream: STREAM, sequence, time_ms: sequence as i64 * 5000 }
}

/// Different for each record, and hard to compress.
pub(crate) fn payload(sequence: u64, bytes: usize) -> Vec<u8> {
    let mut state = sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..bytes).map(|_| next()).collect()
}

pub(crate) fn push(spool: &Spool, sequence: u64, bytes: usize) {
    spool.push(head(sequence), payload(sequence, bytes), sequence.to_string().as_bytes());
}

pub(crate) fn acknowledge(spool: &Spool, range: std::ops::RangeInclusive<u64>) {
    spool.acknowledge(STREAM, &[range].into_iter().collect::<Ranges>());
}

/// Everything that waits; it is an error when a record is there twice, or is not what was pushed.
pub(crate) fn all(spool: &Spool) -> BTreeMap<u64, usize> {
    let mut records = BTreeMap::new();
    let mut cursor = Cursor::default();
    loop {
        let read = spool.read_disk(&mut cursor, 5000, |_| true);
        if read.is_empty() {
            break;
        }
        for record in read {
            assert_eq!(record.payload, payload(record.head.sequence, record.payload.len()));
            records.insert(record.head.sequence, record.payload.len());
        }
    }
    for (head, _) in spool.recent() {
        let Some(record) = spool.read_recent(head.stream, head.sequence) else { continue };
        assert_eq!(record.payload, payload(head.sequence, record.payload.len()));
        assert!(
            records.insert(head.sequence, record.payload.len()).is_none(),
            "{} is there twice",
            head.sequence
        );
    }
    records
}

pub(crate) fn sequences(spool: &Spool) -> Vec<u64> {
    all(spool).into_keys().collect()
}

pub(crate) fn in_gaps(spool: &Spool) -> BTreeSet<u64> {
    spool.gaps().iter().flat_map(|gap| gap.first_sequence..=gap.last_sequence).collect()
}

/// Files below a directory.
pub(crate) fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A directory in memory where there is one: many small writes that wait for a disk take long.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
