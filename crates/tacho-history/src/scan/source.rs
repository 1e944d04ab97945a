//! Bytes of a file for the Parquet reader, by position, counted.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use rustix::fs::Advice;

use super::buffer::Buffer;
use super::{ReadFailure, Reading};
use crate::HistoryError;
use crate::counters::Counters;
use crate::files::FileEntry;
use crate::inner::Inner;

thread_local! {
    static BUFFER: RefCell<Buffer> = RefCell::default();
}

/// An open file. Clones share it.
#[derive(Clone)]
pub(crate) struct Source(Arc<Shared>);

struct Shared {
    file: File,
    path: PathBuf,
    length: u64,
    counters: Arc<Counters>,
    reading: Arc<Reading>,
    /// The Parquet reader turns errors of the system into text; kept here to tell them from damage.
    error: Mutex<Option<io::Error>>,
}

impl Source {
    pub(crate) fn open(
        inner: &Inner,
        reading: &Arc<Reading>,
        entry: &FileEntry,
    ) -> Result<Self, ReadFailure> {
        let path = inner.directory.absolute(&entry.record.path);
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => ReadFailure::Damaged("it is missing".to_owned()),
            _ => ReadFailure::Io(HistoryError::io("open", &path)(error)),
        };
        let file = File::open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if i64::try_from(length) != Ok(entry.record.bytes) {
            let why = format!("it has {length} bytes and was written with {}", entry.record.bytes);
            return Err(ReadFailure::Damaged(why));
        }
        let counters = Arc::clone(&inner.counters);
        let reading = Arc::clone(reading);
        Ok(Self(Arc::new(Shared { file, path, length, counters, reading, error: Mutex::default() })))
    }

    /// What to make of a failure to read.
    pub(crate) fn failure(&self, why: String) -> ReadFailure {
        let error = self.0.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        match error {
            Some(error) => ReadFailure::Io(HistoryError::io("read", &self.0.path)(error)),
            None => ReadFailure::Damaged(why),
        }
    }

    /// CRC-32 of all bytes.
    pub(crate) fn checksum(&self) -> Result<u32, String> {
        let mut hasher = crc32fast::Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        let mut offset = 0;
        while offset < self.0.length {
            let read = self.read_at(&mut buffer, offset).map_err(|error| error.to_string())?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            offset += read as u64;
        }
        Ok(hasher.finalize())
    }

    /// Asks the system to read ahead; that it does not is no failure.
    pub(super) fn will_need(&self, range: &Range<u64>) {
        if let Some(length) = NonZeroU64::new(range.end.saturating_sub(range.start)) {
            rustix::fs::fadvise(&self.0.file, range.start, Some(length), Advice::WillNeed).ok();
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.0.file.read_at(buffer, offset);
        match &read {
            Ok(read) => {
                self.0.counters.bytes_read.add(*read as u64);
                self.0.reading.bytes_read.add(*read as u64);
            }
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let copy = io::Error::from(error.kind());
                *self.0.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
            }
            Err(_) => {}
        }
        read
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.0.length
    }
}

impl ChunkReader for Source {
    type T = BufReader<At>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(At { source: self.clone(), offset: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // The length comes from the file itself: never ask for more memory than the file could fill.
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.length) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} are beyond the end")));
        }
        let mut at = At { source: self.clone(), offset: start };
        let fill = |bytes: &mut [u8]| at.read_exact(bytes);
        Ok(BUFFER.with_borrow_mut(|buffer| buffer.take(length, fill))?)
    }
}

/// Reads on from a position of its own.
pub(crate) struct At {
    source: Source,
    offset: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
