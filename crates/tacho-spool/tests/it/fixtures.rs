//! Files that this and each earlier version wrote stay readable. `BLESS=1` writes those of this version anew;
//! those of an earlier one are never written again.

use std::path::{Path, PathBuf};

use tacho_spool::{Reason, Spool};

use super::kept::{acknowledge, config, directory, files, in_gaps, push, sequences};

/// Of files, not of Tacho: v2 has a ledger.
const VERSIONS: &[&str] = &["v1", "v2"];
const DIRECTORIES: [&str; 3] = ["run", "spool", "cold"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/spool")
}

fn copy(from: &Path, to: &Path) {
    for directory in DIRECTORIES {
        std::fs::create_dir_all(to.join(directory)).unwrap();
        for file in files(&from.join(directory)) {
            std::fs::copy(&file, to.join(directory).join(file.file_name().unwrap())).unwrap();
        }
    }
}

/// 1 to 4 dropped, 5 to 12 in a packed file, 13 to 16 in a plain one, 17 to 18 in the runtime directory.
fn write(root: &Path) {
    let mut config = config(root);
    (config.group, config.segment_bytes, config.disk_bytes) = (4, 900, 3600);
    let spool = Spool::open(&config).unwrap();
    for sequence in 1..=18 {
        push(&spool, sequence, if sequence < 13 { 250 } else { 100 });
        spool.maintain(false, 0);
    }
}

#[test]
fn files_of_every_version_are_read() {
    let root = directory();
    if std::env::var_os("BLESS").is_some() {
        write(root.path());
        let to = fixtures().join("v2");
        drop(std::fs::remove_dir_all(&to));
        copy(root.path(), &to);
    }
    for version in VERSIONS {
        let root = directory();
        copy(&fixtures().join(version), root.path());
        let config = config(root.path());
        assert!(!files(&config.cold_dir).is_empty() && !files(&config.dir).is_empty(), "{version}");
        let spool = Spool::open(&config).unwrap();
        assert_eq!(sequences(&spool), (5..=18).collect::<Vec<_>>(), "{version}");
        assert_eq!(spool.recent().len(), 2);
        assert_eq!(spool.note(), b"18");
        let [gap] = spool.gaps().try_into().unwrap();
        assert_eq!((gap.first_sequence, gap.last_sequence, gap.reason), (1, 4, Reason::Space));
        acknowledge(&spool, 1..=18);
        spool.maintain(true, 0);
        assert_eq!(spool.state().records, 0);
        assert!(files(&config.cold_dir).is_empty() && files(&config.dir).is_empty(), "{version}");
    }
    check_ledger("v2");
}

/// The files to which records are appended lose all they had, and it is known.
fn check_ledger(version: &str) {
    let root = directory();
    copy(&fixtures().join(version), root.path());
    let config = config(root.path());
    std::fs::write(config.runtime_dir.join("hot.spool"), "").unwrap();
    let on_disk = files(&config.dir);
    let plain = on_disk.iter().find(|path| path.extension().is_some_and(|extension| extension == "spool"));
    std::fs::write(plain.unwrap(), "").unwrap();
    let spool = Spool::open(&config).unwrap();
    assert_eq!((spool.note(), spool.is_note_newest()), (b"18".to_vec(), true));
    assert_eq!(sequences(&spool), (5..=12).collect::<Vec<_>>());
    assert_eq!(in_gaps(&spool), (1..=4).chain(13..=18).collect());
}
