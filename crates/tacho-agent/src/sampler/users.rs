//! Account names from `/etc/passwd`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tacho_proc::parse_passwd;

/// A longer file is not read; names are numbers then.
const MAX_BYTES: u64 = 4 << 20;

/// Names by user id; read again when the file changes.
#[derive(Debug)]
pub(super) struct Users {
    path: PathBuf,
    read: Option<SystemTime>,
    /// Sorted by id; of several names of one id the first in the file.
    names: Vec<(u32, String)>,
}

impl Users {
    pub(super) fn new(etc_root: &Path) -> Self {
        Self { path: etc_root.join("passwd"), read: None, names: Vec::new() }
    }

    /// The account's name, or the number as text. Accounts of a directory service are not in the file.
    pub(super) fn name(&mut self, user_id: u32) -> String {
        self.refresh();
        let position = self.names.binary_search_by_key(&user_id, |(id, _)| *id);
        let known = position.ok().and_then(|position| self.names.get(position));
        known.map_or_else(|| user_id.to_string(), |(_, name)| name.clone())
    }

    fn refresh(&mut self) {
        let metadata = std::fs::metadata(&self.path).ok().filter(|metadata| metadata.len() <= MAX_BYTES);
        let modified = metadata.and_then(|metadata| metadata.modified().ok());
        if modified == self.read {
            return;
        }
        self.read = modified;
        let text = std::fs::read(&self.path).unwrap_or_default();
        let entries = parse_passwd(&text);
        self.names =
            entries.map(|entry| (entry.user_id, String::from_utf8_lossy(entry.name).into_owned())).collect();
        self.names.sort_by_key(|(id, _)| *id);
        self.names.dedup_by_key(|(id, _)| *id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwd");
        let mut users = Users::new(directory.path());
        assert_eq!(users.name(0), "0");
        std::fs::write(
            &path,
            "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\nbroken\nbob:x:1000:1000::/:/\n",
        )
        .unwrap();
        assert_eq!(
            (users.name(0), users.name(1000), users.name(5)),
            ("root".into(), "bob".into(), "5".into())
        );
        std::fs::write(&path, "bill:x:1000:1000::/:/\n").unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(10);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        assert_eq!(users.name(1000), "bill");
    }
}
