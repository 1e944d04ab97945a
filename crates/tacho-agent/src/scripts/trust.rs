//! Whether a program may be run: nobody but root, the agent and the account it runs as can put another in
//! its place.
//!
//! Guards against permissions set by mistake. It looks at the program itself, not at files it reads: with
//! `["/bin/sh", "/tmp/script"]` it sees the shell only.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const GROUP_WRITE: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const EXECUTE: u32 = 0o111;
const STICKY: u32 = 0o1000;

/// Looks at the program and at every directory above it; symlinks are followed first.
pub(super) fn check_program(program: &Path, trusted_users: &[u32]) -> Result<(), String> {
    let unreadable = |path: &Path, error| format!("{} can not be looked at: {error}", path.display());
    let path = program.canonicalize().map_err(|error| unreadable(program, error))?;
    let metadata = path.metadata().map_err(|error| unreadable(&path, error))?;
    if !metadata.is_file() {
        return Err(format!("{} is no file", path.display()));
    }
    if metadata.mode() & EXECUTE == 0 {
        return Err(format!("{} is not executable", path.display()));
    }
    check(&path, &metadata, trusted_users)?;
    for directory in path.ancestors().skip(1) {
        let metadata = directory.metadata().map_err(|error| unreadable(directory, error))?;
        check(directory, &metadata, trusted_users)?;
    }
    Ok(())
}

fn check(path: &Path, metadata: &Metadata, trusted_users: &[u32]) -> Result<(), String> {
    let (mode, shown) = (metadata.mode(), path.display());
    if metadata.uid() != 0 && !trusted_users.contains(&metadata.uid()) {
        return Err(format!(
            "{shown} belongs to user {}; it has to belong to root or to this agent",
            metadata.uid()
        ));
    }
    // In a sticky directory only the owner of an entry can replace it.
    if metadata.is_dir() && mode & STICKY != 0 {
        return Ok(());
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(format!("{shown} can be written by everybody (chmod o-w)"));
    }
    if mode & GROUP_WRITE != 0 && metadata.gid() != 0 {
        return Err(format!("{shown} can be written by group {} (chmod g-w)", metadata.gid()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use tacho_proc::effective_user_id;

    use super::*;

    #[test]
    fn what_others_can_write_is_not_run() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("bin");
        let program = directory.join("check");
        let trusted = [effective_user_id()];
        fs::create_dir(&directory).unwrap();
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let check = |directory_mode, mode| {
            fs::set_permissions(&directory, Permissions::from_mode(directory_mode)).unwrap();
            fs::set_permissions(&program, Permissions::from_mode(mode)).unwrap();
            check_program(&program, &trusted)
        };
        assert_eq!(check(0o755, 0o755), Ok(()));
        assert!(check(0o755, 0o644).unwrap_err().ends_with("is not executable"));
        assert!(check(0o755, 0o757).unwrap_err().contains("by everybody"));
        assert!(check(0o777, 0o755).unwrap_err().contains("by everybody"), "others can replace the file");
        assert_eq!(check(0o1777, 0o755), Ok(()), "they can not in a sticky directory");
        assert!(check_program(&directory, &trusted).unwrap_err().ends_with("is no file"));
        assert!(check_program(&directory.join("gone"), &trusted).is_err());
    }
}
