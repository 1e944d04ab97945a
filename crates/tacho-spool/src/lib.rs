//! A bounded, crash-safe queue of opaque records.
//!
//! New records go into one file in a *runtime directory*, which is to be in memory (tmpfs) and to outlive the
//! process. Records that wait longer go to a *directory* on disk, in groups; a file there that is full is
//! compressed and moved to a *cold directory*, maybe on another file system. What is delivered is deleted. What
//! has to be dropped, because there is too much of it, it is too old or it was damaged, is told as a [`Gap`]
//! until somebody has taken note of it.
//!
//! What is written when, and what a failure can cost:
//!
//! | where | written | `fsync` | lost by a power cut |
//! |---|---|---|---|
//! | runtime directory | at each push | never: it is memory | all of it |
//! | directory | a group at a time | after each group, before the records leave the runtime directory | nothing |
//! | cold directory | a file at a time | file, then directory, before the file it came from is deleted | nothing |
//!
//! A killed process loses nothing anywhere. Damage to one file costs what it touches, and is told: packed files tell of
//! their contents first, those that are appended to have a ledger in the runtime directory. When a file can not be written, records stay one step before it, in
//! the end in the process's memory, and [`Spool::state`] says so; each write is tried again the next time.
//!
//! Nothing here knows what a record means: it is bytes with a stream, a sequence number that is unique within
//! the stream, and a time.

mod disk;
mod files;
mod gaps;
mod hot;
mod ledger;
mod ranges;
mod record;
mod segment;
mod spool;

use std::path::PathBuf;

pub use disk::Cursor;
pub use ranges::Ranges;
pub use spool::{Spool, State};

/// Within a stream, sequence numbers are unique.
pub type StreamId = [u8; 16];

/// What the spool knows about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHead {
    pub stream: StreamId,
    pub sequence: u64,
    /// Milliseconds since the epoch; what ages are reckoned from.
    pub time_ms: i64,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub head: RecordHead,
    pub payload: Vec<u8>,
}

/// Where the spool is, and its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// In memory, and outliving the process.
    pub runtime_dir: PathBuf,
    /// On disk.
    pub dir: PathBuf,
    /// For what is full and compressed; may be on another file system.
    pub cold_dir: PathBuf,
    /// Most bytes in the runtime directory, or in memory when that can not be written. When full, records go
    /// to disk; where that fails, the oldest are dropped.
    pub hot_bytes: u64,
    /// Records that are written to disk at once.
    pub group: usize,
    /// A file that has so many bytes is compressed and moved to the cold directory.
    pub segment_bytes: u64,
    /// Most bytes on disk. When there are more, the oldest file is dropped.
    pub disk_bytes: u64,
    /// A file whose newest record is older, in milliseconds, is dropped.
    pub age_ms: i64,
}

/// Why records were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// There were more than fit.
    Space = 1,
    /// They were too old.
    Age = 2,
    /// What was read is not what was written.
    Damage = 3,
    /// The disk took no more, and memory was full.
    Disk = 4,
}

/// Records of a stream that were dropped. Sequence numbers and times are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    pub stream: StreamId,
    pub first_sequence: u64,
    pub last_sequence: u64,
    pub first_time_ms: i64,
    pub last_time_ms: i64,
    pub reason: Reason,
}

impl Gap {
    pub(crate) fn contains(&self, head: RecordHead) -> bool {
        self.stream == head.stream && (self.first_sequence..=self.last_sequence).contains(&head.sequence)
    }

    /// A gap for each range of `sequences`, which are some of this one's.
    pub(crate) fn parts(&self, sequences: &Ranges) -> impl Iterator<Item = Self> {
        let (gap, ranges): (Self, Vec<_>) = (*self, sequences.iter().collect());
        ranges.into_iter().map(move |range| Self {
            first_sequence: *range.start(),
            last_sequence: *range.end(),
            ..gap
        })
    }
}

/// Records of a stream that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    pub stream: StreamId,
    pub records: u64,
    /// On disk an estimate: by the records of the same file.
    pub bytes: u64,
    pub first_time_ms: i64,
    pub last_time_ms: i64,
}

/// Why there can be no spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("{} is in use by another process; stop that one or choose another directory", path.display())]
    InUse { path: PathBuf },
}
