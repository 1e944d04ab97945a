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
        let mut length = 0;
        loop {
            if length == self.bytes.len() {
                if length >= WHOLE_FILE_LIMIT {
                    return Err(ProcError::TooLong { file: name, limit: WHOLE_FILE_LIMIT });
                }
                self.bytes.resize(length * 2, 0);
            }
            let rest = self.bytes.get_mut(length..).unwrap_or_default();
            match file.read_at(rest, length as u64) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ProcError::from_io(name, &error)),
            }
        }
        Ok(self.bytes.get(..length).unwrap_or_default())
    }

    /// Reads a file of one record with one call, as the kernel hands such a file out in one piece.
    pub fn read_record(&mut self, name: &'static str, file: &File) -> Result<&[u8], ProcError> {
        let record = self.bytes.get_mut(..RECORD_BYTES).unwrap_or_default();
        let length = file.read_at(record, 0).map_err(|error| ProcError::from_io(name, &error))?;
        Ok(self.bytes.get(..length).unwrap_or_default())
    }
}

impl KeptFile {
    /// `name` is relative to `root` and also names the file in errors. Nothing is opened yet.
    pub fn new(root: &Path, name: &'static str) -> Self {
        Self { path: root.join(name), name, file: None }
    }

    /// The same for a path that is not known beforehand; `name` is what errors call it.
    pub fn at(path: PathBuf, name: &'static str) -> Self {
        Self { path, name, file: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the whole file as it is now.
    pub fn read<'b>(&mut self, buffer: &'b mut Buffer) -> Result<&'b [u8], ProcError> {
        let file = self.open()?;
        let text = buffer.read_whole(self.name, &file)?;
        self.file = Some(file);
        Ok(text)
    }

    /// Reads a file of one record, with one call.
    pub fn read_record<'b>(&mut self, buffer: &'b mut Buffer) -> Result<&'b [u8], ProcError> {
        let file = self.open()?;
        let text = buffer.read_record(self.name, &file)?;
        self.file = Some(file);
        Ok(text)
    }

    fn open(&mut self) -> Result<File, ProcError> {
        match self.file.take() {
            Some(file) => Ok(file),
            None => File::open(&self.path).map_err(|error| ProcError::from_io(self.name, &error)),
        }
    }

    /// Gives the descriptor back; the next reading opens the file again.
    pub fn close(&mut self) {
        self.file = None;
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
