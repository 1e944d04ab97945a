//! Files of a data directory: private, written whole or not at all, and held by one process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const LOCK_FILE: &str = "lock";

/// Why a data directory can not be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("cannot create {}; create it, give it to this user, or set data_dir to another place", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("{} is in use by another process (it holds {LOCK_FILE}); stop that one or set another data_dir", path.display())]
    InUse { path: PathBuf },
    #[error("cannot lock {}", path.display())]
    Lock { path: PathBuf, source: io::Error },
}

/// Holds a data directory for this process until dropped, or until the process dies in whatever way.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

/// Makes `path` (mode 0700) when it is not there, and takes its lock.
pub fn open_directory(path: &Path) -> Result<DirectoryLock, DirectoryError> {
    create_private_directory(path).map_err(|source| DirectoryError::Create { path: path.into(), source })?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path.join(LOCK_FILE))
        .map_err(|source| DirectoryError::Lock { path: path.into(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(DirectoryLock { _file: file }),
        Err(fs::TryLockError::WouldBlock) => Err(DirectoryError::InUse { path: path.into() }),
        Err(fs::TryLockError::Error(source)) => Err(DirectoryError::Lock { path: path.into(), source }),
    }
}

/// Makes a directory and its parents, readable by this user only where it is new.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that only this user can read; after a crash it has either the old content or the new.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_added_extension("tmp");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_directory_is_held_once_and_freed_when_dropped() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        let held = open_directory(&path).unwrap();
        let error = open_directory(&path).unwrap_err();
        assert!(matches!(error, DirectoryError::InUse { .. }), "{error}");
        drop(held);
        assert!(open_directory(&path).is_ok());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_private_file_is_replaced_whole() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("key.pem");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
