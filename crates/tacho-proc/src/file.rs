//! Files of `/proc` and `/sys` that are read again and again.
//!
//! A kept file is read with `pread` from offset 0, which makes the kernel write its text anew; that
//! costs a third of opening, reading and closing it. A kept file of a process stays tied to that
//! process: once it has ended, reading fails, even when its pid is in use again.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::ProcError;

/// No file that is read whole is longer than this; what is longer is an error rather than memory.
const WHOLE_FILE_LIMIT: usize = 8 << 20;

/// Enough for every one-record file of a process but `status`, which fits too.
const RECORD_BYTES: usize = 4096;

/// Enough for a few numbers. For each file of `/proc/sys` the kernel takes and clears memory as large as what it is
/// asked for.
const NUMBERS_BYTES: usize = 256;

/// A patient file that is not there is looked for at every so many readings: a minute of snapshots.
const PATIENCE: u8 = 12;

/// Bytes that readers share; grows to the longest file and stays.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
}

/// A file under a root that stays open from one reading to the next.
#[derive(Debug)]
pub struct KeptFile {
    path: PathBuf,
    name: &'static str,
    file: Option<File>,
    is_patient: bool,
    /// Why there is none, and for how many more readings that is taken to hold.
    absent: Option<(ProcError, u8)>,
}

/// Opens and reads the files below `<root>/<pid>/`.
#[derive(Debug)]
pub struct ProcessFiles {
    /// `<root>/`, followed by the newest pid and file name.
    path: String,
    root_length: usize,
}

impl Default for Buffer {
    fn default() -> Self {
        Self { bytes: vec![0; 4 * RECORD_BYTES] }
    }
}

impl Buffer {
    /// Reads `file` from its start to its end.
    pub fn read_whole(&mut self, name: &'static str, file: &File) -> Result<&[u8], ProcError> {
        let length = self.fill_whole(name, file)?;
        Ok(self.beginning(length))
    }

    /// Reads a file of one record with one call, as the kernel hands such a file out in one piece.
    pub fn read_record(&mut self, name: &'static str, file: &File) -> Result<&[u8], ProcError> {
        let length = self.fill_once(name, file, RECORD_BYTES)?;
        Ok(self.beginning(length))
    }

    fn beginning(&self, length: usize) -> &[u8] {
        self.bytes.get(..length).unwrap_or_default()
    }

    fn fill_whole(&mut self, name: &'static str, file: &File) -> Result<usize, ProcError> {
        let mut length = 0;
        loop {
            if length == self.bytes.len() {
                self.grow(name)?;
            }
            let rest = self.bytes.get_mut(length..).unwrap_or_default();
            match file.read_at(rest, length as u64) {
                Ok(0) => return Ok(length),
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ProcError::from_io(name, &error)),
            }
        }
    }

    /// One call, unless the record fills the buffer.
    fn fill_long_record(&mut self, name: &'static str, file: &File) -> Result<usize, ProcError> {
        loop {
            let room = self.bytes.len();
            let length = self.fill_once(name, file, room)?;
            if length < room {
                return Ok(length);
            }
            self.grow(name)?;
        }
    }

    /// What one call gives of the first `limit` bytes.
    fn fill_once(&mut self, name: &'static str, file: &File, limit: usize) -> Result<usize, ProcError> {
        let room = limit.min(self.bytes.len());
        let room = self.bytes.get_mut(..room).unwrap_or_default();
        file.read_at(room, 0).map_err(|error| ProcError::from_io(name, &error))
    }

    fn grow(&mut self, name: &'static str) -> Result<(), ProcError> {
        let length = self.bytes.len();
        if length >= WHOLE_FILE_LIMIT {
            return Err(ProcError::TooLong { file: name, limit: WHOLE_FILE_LIMIT });
        }
        self.bytes.resize(length * 2, 0);
        Ok(())
    }
}

impl KeptFile {
    /// `name` is relative to `root` and also names the file in errors. Nothing is opened yet.
    pub fn new(root: &Path, name: &'static str) -> Self {
        Self::at(root.join(name), name)
    }

    /// The same for a path that is not known beforehand; `name` is what errors call it.
    pub fn at(path: PathBuf, name: &'static str) -> Self {
        Self { path, name, file: None, is_patient: false, absent: None }
    }

    /// For a file that this machine may never have: when it is not there, or may not be read, the next eleven readings
    /// answer the same without trying, as that costs more than to read it.
    pub fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the whole file as it is now.
    pub fn read<'b>(&mut self, buffer: &'b mut Buffer) -> Result<&'b [u8], ProcError> {
        self.read_by(buffer, Buffer::fill_whole)
    }

    /// Reads a file of one record, with one call.
    pub fn read_record<'b>(&mut self, buffer: &'b mut Buffer) -> Result<&'b [u8], ProcError> {
        self.read_by(buffer, |buffer, name, file| buffer.fill_once(name, file, RECORD_BYTES))
    }

    /// The same for one that may be longer than a page, such as `stat` with its numbers of each interrupt.
    pub fn read_long_record<'b>(&mut self, buffer: &'b mut Buffer) -> Result<&'b [u8], ProcError> {
        self.read_by(buffer, Buffer::fill_long_record)
    }

    /// Reads a file of a few numbers, with one call.
    pub fn read_numbers<'b>(&mut self, buffer: &'b mut Buffer) -> Result<&'b [u8], ProcError> {
        self.read_by(buffer, |buffer, name, file| buffer.fill_once(name, file, NUMBERS_BYTES))
    }

    /// Reads the lines that are whole within the first `limit` bytes: of a file of many lines the kernel writes no
    /// more than it is asked for.
    pub fn read_beginning<'b>(
        &mut self,
        buffer: &'b mut Buffer,
        limit: usize,
    ) -> Result<&'b [u8], ProcError> {
        let text = self.read_by(buffer, |buffer, name, file| buffer.fill_once(name, file, limit))?;
        let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        Ok(text.get(..end).unwrap_or_default())
    }

    fn read_by<'b>(
        &mut self,
        buffer: &'b mut Buffer,
        fill: impl Fn(&mut Buffer, &'static str, &File) -> Result<usize, ProcError>,
    ) -> Result<&'b [u8], ProcError> {
        if let Some((error, left @ 1..)) = &mut self.absent {
            *left -= 1;
            return Err(*error);
        }
        let was_open = self.file.is_some();
        let mut filled = self.fill(buffer, &fill);
        // What it stood for is gone, and may be there anew under the same name.
        if was_open && filled.is_err_and(|error| error.is_of(libc::ENODEV)) {
            filled = self.fill(buffer, &fill);
        }
        let absence = filled.err().filter(|error| self.is_patient && error.is_absence());
        self.absent = absence.map(|error| (error, PATIENCE - 1));
        Ok(buffer.beginning(filled?))
    }

    /// Opens the file unless it is open, and keeps it open if all goes well.
    fn fill(
        &mut self,
        buffer: &mut Buffer,
        fill: impl Fn(&mut Buffer, &'static str, &File) -> Result<usize, ProcError>,
    ) -> Result<usize, ProcError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::open(&self.path).map_err(|error| ProcError::from_io(self.name, &error))?,
        };
        let filled = fill(buffer, self.name, &file);
        // A file that refuses for now, as those of an interface that is switched off, is still the same file.
        if filled.is_ok() || filled.is_err_and(|error| error.is_of(libc::EINVAL)) {
            self.file = Some(file);
        }
        filled
    }

    /// Gives the descriptor back; the next reading opens the file again.
    pub fn close(&mut self) {
        (self.file, self.absent) = (None, None);
    }
}

impl ProcessFiles {
    pub fn new(root: &Path) -> Self {
        let mut path = root.to_string_lossy().into_owned();
        path.push('/');
        Self { root_length: path.len(), path }
    }

    /// Opens `<root>/<pid>/<name>`.
    pub fn open(&mut self, pid: u32, name: &'static str) -> Result<File, ProcError> {
        File::open(self.path_of(pid, name)).map_err(|error| ProcError::from_io(name, &error))
    }

    /// Opens, reads and closes a file of one record.
    pub fn read_record<'b>(
        &mut self,
        pid: u32,
        name: &'static str,
        buffer: &'b mut Buffer,
    ) -> Result<&'b [u8], ProcError> {
        let file = self.open(pid, name)?;
        buffer.read_record(name, &file)
    }

    /// The user that owns the process's directory, which is its effective user id. Files below it belong to
    /// root where the process is not dumpable.
    pub fn user_id(&mut self, pid: u32) -> Result<u32, ProcError> {
        let metadata = std::fs::symlink_metadata(self.path_of(pid, ""));
        metadata.map(|metadata| metadata.uid()).map_err(|error| ProcError::from_io("", &error))
    }

    /// How many files the process has open: the size of its `fd` directory, since Linux 6.2.
    pub fn open_files(&mut self, pid: u32) -> Result<u64, ProcError> {
        let metadata = std::fs::symlink_metadata(self.path_of(pid, "fd"));
        metadata.map(|metadata| metadata.size()).map_err(|error| ProcError::from_io("fd", &error))
    }

    fn path_of(&mut self, pid: u32, name: &str) -> &Path {
        self.path.truncate(self.root_length);
        // Writing to a String cannot fail.
        write!(self.path, "{pid}/{name}").ok();
        Path::new(&self.path)
    }
}

/// Reads a small file whole into text of its own, trimmed; for facts, not for the sampling path.
pub fn read_small(path: &Path) -> io::Result<String> {
    const LIMIT: u64 = 1 << 20;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(File::open(path)?, LIMIT), &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_file_shows_what_it_holds_now_and_recovers() {
        let directory = tempfile::tempdir().unwrap();
        let (mut buffer, mut kept) = (Buffer::default(), KeptFile::new(directory.path(), "loadavg"));
        assert_eq!(kept.read(&mut buffer), Err(ProcError::Missing { file: "loadavg" }));
        let path = directory.path().join("loadavg");
        std::fs::write(&path, "one").unwrap();
        assert_eq!(kept.read(&mut buffer), Ok(&b"one"[..]));
        let long = "x".repeat(100_000);
        std::fs::write(&path, &long).unwrap();
        assert_eq!(kept.read(&mut buffer).map(<[u8]>::len), Ok(100_000));
        std::fs::write(&path, "two").unwrap();
        assert_eq!(kept.read(&mut buffer), Ok(&b"two"[..]));
    }

    #[test]
    fn each_way_to_read_gives_what_it_says() {
        let directory = tempfile::tempdir().unwrap();
        let (mut buffer, mut kept) = (Buffer::default(), KeptFile::new(directory.path(), "stat"));
        let text = "a 12\n".repeat(10_000);
        std::fs::write(directory.path().join("stat"), &text).unwrap();
        assert_eq!(kept.read_long_record(&mut buffer), Ok(text.as_bytes()));
        assert_eq!(kept.read_record(&mut buffer).map(<[u8]>::len), Ok(RECORD_BYTES));
        assert_eq!(kept.read_numbers(&mut buffer).map(<[u8]>::len), Ok(NUMBERS_BYTES));
        assert_eq!(kept.read_beginning(&mut buffer, 23), Ok(&b"a 12\na 12\na 12\na 12\n"[..]), "whole lines");
        assert_eq!(kept.read_beginning(&mut buffer, 3), Ok(&b""[..]));
    }

    #[test]
    fn a_patient_file_is_looked_for_now_and_then() {
        let directory = tempfile::tempdir().unwrap();
        let mut buffer = Buffer::default();
        let mut kept = KeptFile::new(directory.path(), "mdstat").patient();
        let missing = Err(ProcError::Missing { file: "mdstat" });
        assert_eq!(kept.read(&mut buffer), missing);
        std::fs::write(directory.path().join("mdstat"), "md0").unwrap();
        for _ in 1..PATIENCE {
            assert_eq!(kept.read(&mut buffer), missing);
        }
        assert_eq!(kept.read(&mut buffer), Ok(&b"md0"[..]));
        std::fs::remove_file(directory.path().join("mdstat")).unwrap();
        kept.close();
        assert_eq!(kept.read(&mut buffer), missing);
        std::fs::write(directory.path().join("mdstat"), "md1").unwrap();
        kept.close();
        assert_eq!(kept.read(&mut buffer), Ok(&b"md1"[..]), "one that was closed is opened at once");
    }

    #[test]
    fn a_process_that_ended_is_gone() {
        let mut files = ProcessFiles::new(Path::new("/proc"));
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let kept = files.open(child.id(), "stat").unwrap();
        let mut buffer = Buffer::default();
        assert!(buffer.read_record("stat", &kept).is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(buffer.read_record("stat", &kept), Err(ProcError::Ended { file: "stat" }));
        assert!(files.read_record(child.id(), "stat", &mut buffer).unwrap_err().is_gone());
        assert!(files.user_id(child.id()).unwrap_err().is_gone());
    }
}
