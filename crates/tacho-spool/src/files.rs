//! Directories, file heads and names.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::SpoolError;

/// Every file begins with this; the last byte is the version of the file, not of its records.
pub(crate) const FILE_HEAD: [u8; 16] = *b"TACHOSPOOL\0\0\0\0\0\x01";

pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// How long a directory may be held by who is just ending: the process before, or a child of it that was forked and has
/// not yet become the program it is to be, which holds all that its parent held.
const PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// Holds a directory for this process until dropped. The directory itself is locked, so that one that can not
/// be written to can be held as well. `None` where it can not be opened.
pub(crate) fn lock(path: &Path) -> Result<Option<File>, SpoolError> {
    let Ok(directory) = File::open(path) else { return Ok(None) };
    let begin = Instant::now();
    loop {
        match directory.try_lock() {
            Ok(()) => return Ok(Some(directory)),
            Err(fs::TryLockError::WouldBlock) if begin.elapsed() < PATIENCE => {
                std::thread::sleep(BETWEEN_TRIES)
            }
            Err(fs::TryLockError::WouldBlock) => return Err(SpoolError::InUse { path: path.to_owned() }),
            // A file system without locks.
            Err(fs::TryLockError::Error(_)) => return Ok(Some(directory)),
        }
    }
}

/// A new file, for this user only, in place of one that may be there.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(true).read(true).write(true).mode(0o600).open(path)
}

pub(crate) fn open_for_writing(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes a file that may be gone already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Of what [`new_stem`] makes.
pub(crate) const STEM_BYTES: usize = 33;

/// A name that no other file has, and that sorts by the time it begins with.
pub(crate) fn new_stem(time_ms: i64) -> String {
    let mut random = [0; 8];
    if getrandom::fill(&mut random).is_err() {
        // Times repeat only when a clock was set back.
        random = std::process::id().to_le_bytes().repeat(2).try_into().unwrap_or_default();
    }
    format!("{:016}-{:016x}", time_ms.max(0), u64::from_le_bytes(random))
}

/// Whether `name` is a stem as [`new_stem`] makes them.
pub(crate) fn is_stem(name: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.split_once('-').is_some_and(|(time, random)| {
        time.len() == 16 && random.len() == 16 && digits(time) && digits(random)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_differ() {
        let (early, late) = (new_stem(999), new_stem(1_763_726_107_123));
        assert!(early < late && is_stem(&early) && is_stem(&late), "{early} {late}");
        assert_ne!(new_stem(5), new_stem(5));
        assert_eq!(new_stem(5).len(), STEM_BYTES);
        assert!(new_stem(-7).starts_with("0000000000000000-"));
        assert!(!is_stem("lost+found") && !is_stem("0-0"));
    }
}
