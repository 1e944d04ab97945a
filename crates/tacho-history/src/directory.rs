//! The directory that holds the files: `<table>/<YYYY-MM-DD>/<ulid>.parquet`.
//!
//! Plain files and not an object store's interface: a flush needs the file *and* the directories above it on
//! the disk before the catalog may name it, and readers want positional reads. A file that is
//! being written is called `<ulid>.partial`, so that one that cannot be read under its final name has been damaged since.
//! What no catalog row names is nobody's, and is removed at the next start. Names sort by when the files were begun, even
//! when the clock does not move or is set back: a rebuild of the catalog asks which flush was the last.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::HistoryError;
use crate::id::{Ids, is_ulid};

const EXTENSION: &str = "parquet";

/// Of a file that is being written.
const PARTIAL: &str = "partial";

/// What a file that cannot be read is renamed to.
const DAMAGED: &str = "damaged";

/// Where a test can make things fail or stop: just before the step. Costs one branch elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Create,
    Write,
    SyncFile,
    Rename,
    SyncDirectory,
    Commit,
    Committed,
    Remove,
}

/// Called before each step; an error is what the step then fails with.
pub(crate) type Fault = Arc<dyn Fn(Step) -> io::Result<()> + Send + Sync>;

/// The history's directory.
pub(crate) struct Directory {
    root: PathBuf,
    /// Directories whose own entry is known to be on disk. Held while directories are made and removed,
    /// so that the two do not cross.
    made: Mutex<HashSet<PathBuf>>,
    ids: Ids,
    fault: Option<Fault>,
}

/// A file being written. Hashes and counts what goes through.
pub(crate) struct NewFile {
    /// Relative to the history's directory; the file has this name once it is finished.
    pub(crate) path: PathBuf,
    pub(crate) id: String,
    absolute: PathBuf,
    file: File,
    hasher: crc32fast::Hasher,
    bytes: u64,
    fault: Option<Fault>,
}

/// Bytes and their CRC-32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) checksum: u32,
}

impl Directory {
    /// Makes the directory when there is none.
    pub(crate) fn open(root: PathBuf, fault: Option<Fault>) -> Result<Self, HistoryError> {
        fs::create_dir_all(&root).map_err(HistoryError::io("make", &root))?;
        let directory = Self { root, made: Mutex::new(HashSet::new()), ids: Ids::default(), fault };
        for (path, _) in directory.list()? {
            directory.ids.follow(path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default());
        }
        Ok(directory)
    }

    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// Where it is for programs that run elsewhere.
    pub(crate) fn lasting_path(&self) -> Result<PathBuf, HistoryError> {
        self.root.canonicalize().map_err(HistoryError::io("find", &self.root))
    }

    pub(crate) fn step(&self, step: Step) -> io::Result<()> {
        self.fault.as_ref().map_or(Ok(()), |fault| fault(step))
    }

    /// A name for a job, greater than those of all files that are there.
    pub(crate) fn new_id(&self, now_ms: i64) -> String {
        self.ids.next(now_ms)
    }

    /// Starts a new file.
    pub(crate) fn create(&self, table: &str, day: &str, now_ms: i64) -> Result<NewFile, HistoryError> {
        let id = self.ids.next(now_ms);
        let path = Path::new(table).join(day).join(&id).with_extension(EXTENSION);
        let absolute = self.absolute(&path);
        let _made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let create = || {
            self.step(Step::Create)?;
            fs::create_dir_all(self.root.join(table).join(day))?;
            File::create_new(partial(&absolute))
        };
        let file = create().map_err(HistoryError::io("create", &absolute))?;
        let hasher = crc32fast::Hasher::new();
        Ok(NewFile { path, id, absolute, file, hasher, bytes: 0, fault: self.fault.clone() })
    }

    /// Makes the names of files durable: the directories they are in, and those above when they are new.
    pub(crate) fn sync<'a>(&self, paths: impl Iterator<Item = &'a Path>) -> Result<(), HistoryError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let parents: HashSet<_> = paths.filter_map(Path::parent).collect();
        for parent in parents {
            self.sync_directory(parent)?;
            for above in parent.ancestors().skip(1) {
                if !made.contains(above) || !made.contains(parent) {
                    self.sync_directory(above)?;
                }
            }
            made.extend(parent.ancestors().map(Path::to_owned));
        }
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> Result<(), HistoryError> {
        let absolute = self.absolute(path);
        let sync = || {
            self.step(Step::SyncDirectory)?;
            File::open(&absolute)?.sync_all()
        };
        sync().map_err(HistoryError::io("make durable", &absolute))
    }

    /// Deletes a file, and the directory of its day when that was the last one. A file that is gone is fine.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), HistoryError> {
        let absolute = self.absolute(path);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = self.step(Step::Remove).and_then(|()| fs::remove_file(&absolute));
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(HistoryError::io("remove", &absolute)(error));
            }
            _ => {}
        }
        // Fails while there are other files, which is most of the time.
        if let Some(day) = path.parent()
            && fs::remove_dir(self.absolute(day)).is_ok()
        {
            made.remove(day);
        }
        Ok(())
    }

    /// Deletes a file that does not become part of the history, finished or not.
    pub(crate) fn discard(&self, path: &Path) -> Result<(), HistoryError> {
        self.remove(&partial(path))?;
        self.remove(path)
    }

    /// Sets a file aside that cannot be read, and says where.
    pub(crate) fn set_aside(&self, path: &Path) -> Result<PathBuf, HistoryError> {
        let aside = path.with_extension(DAMAGED);
        let absolute = self.absolute(path);
        match fs::rename(&absolute, self.absolute(&aside)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(HistoryError::io("rename", &absolute)(error))
            }
            _ => Ok(aside),
        }
    }

    /// Every file that this module could have made, unfinished ones too, with its size.
    pub(crate) fn list(&self) -> Result<Vec<(PathBuf, u64)>, HistoryError> {
        let mut files = Vec::new();
        for table in entries(&self.root)? {
            for day in entries(&table)? {
                for file in entries(&day)? {
                    self.note(&file, &mut files);
                }
            }
        }
        Ok(files)
    }

    fn note(&self, file: &Path, files: &mut Vec<(PathBuf, u64)>) {
        let ours = file.extension().is_some_and(|extension| extension == EXTENSION || extension == PARTIAL)
            && file.file_stem().and_then(|stem| stem.to_str()).is_some_and(is_ulid);
        if let Ok(path) = file.strip_prefix(&self.root)
            && ours
            && let Ok(metadata) = file.metadata()
        {
            files.push((path.to_owned(), metadata.len()));
        }
    }
}

/// What the file is called while it is written.
fn partial(path: &Path) -> PathBuf {
    path.with_extension(PARTIAL)
}

/// Was this file never finished?
pub(crate) fn is_partial(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == PARTIAL)
}

/// What is in a directory; nothing where there is no directory.
fn entries(path: &Path) -> Result<Vec<PathBuf>, HistoryError> {
    let read = match fs::read_dir(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound) => {
            return Ok(Vec::new());
        }
        read => read.map_err(HistoryError::io("list", path))?,
    };
    read.map(|entry| Ok(entry.map_err(HistoryError::io("list", path))?.path())).collect()
}

impl NewFile {
    /// Makes the content durable and gives the file its name, which is not durable yet: see [`Directory::sync`].
    pub(crate) fn finish(self) -> io::Result<Written> {
        step(self.fault.as_ref(), Step::SyncFile)?;
        self.file.sync_all()?;
        step(self.fault.as_ref(), Step::Rename)?;
        fs::rename(partial(&self.absolute), &self.absolute)?;
        Ok(Written { bytes: self.bytes, checksum: self.hasher.finalize() })
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        step(self.fault.as_ref(), Step::Write)?;
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn step(fault: Option<&Fault>, step: Step) -> io::Result<()> {
    fault.map_or(Ok(()), |fault| fault(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_listed_until_it_is_removed_or_set_aside() {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::open(root.path().join("history"), None).unwrap();
        let mut file = directory.create("host", "2026-11-20", 1).unwrap();
        file.write_all(b"123456789").unwrap();
        let path = file.path.clone();
        assert_eq!(directory.list().unwrap(), [(path.with_extension("partial"), 9)]);
        let written = file.finish().unwrap();
        // The check value of CRC-32.
        assert_eq!(written, Written { bytes: 9, checksum: 0xCBF4_3926 });
        directory.sync([path.as_path()].into_iter()).unwrap();
        assert_eq!(directory.list().unwrap(), [(path.clone(), 9)]);

        let aside = directory.set_aside(&path).unwrap();
        assert!(directory.absolute(&aside).exists());
        assert_eq!(directory.list().unwrap(), []);
        directory.remove(&path).unwrap();
        directory.remove(&aside).unwrap();
        assert!(!root.path().join("history/host/2026-11-20").exists(), "an empty day is removed");

        // And made again when it is needed again.
        let again = directory.create("host", "2026-11-20", 2).unwrap().path;
        directory.sync([again.as_path()].into_iter()).unwrap();
        directory.discard(&again).unwrap();
        assert_eq!(directory.list().unwrap(), []);
    }

    #[test]
    fn names_go_on_after_those_that_are_there() {
        let root = tempfile::tempdir().unwrap();
        let create = |now_ms| {
            let directory = Directory::open(root.path().to_owned(), None).unwrap();
            directory.create("host", "2026-11-20", now_ms).unwrap().id
        };
        let ids = [create(5_000), create(5_000), create(1_000), create(6_000)];
        assert!(ids.is_sorted(), "{ids:?}");
    }

    #[test]
    fn files_of_others_are_not_ours() {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::open(root.path().to_owned(), None).unwrap();
        fs::create_dir_all(root.path().join("host/2026-11-20")).unwrap();
        fs::write(root.path().join("host/2026-11-20/notes.parquet"), "x").unwrap();
        fs::write(root.path().join("host/2026-11-20/01ARYZ6S410000000000000000.damaged"), "x").unwrap();
        fs::write(root.path().join("README"), "x").unwrap();
        assert_eq!(directory.list().unwrap(), []);
    }
}
