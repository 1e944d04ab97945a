//! Directories that are full, read-only, held by another, or away.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tacho_spool::{Reason, Spool, SpoolError};

use super::kept::{acknowledge, config, directory, files, in_gaps, push, sequences};

/// A small file system of its own, taken down with its value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={size}");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tacho-test"]).arg(at).status();
        let mounted = status.is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("not checked: this user may not mount a file system");
        }
        mounted.then(|| Self(at.to_owned()))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap().success());
    }

    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// Cut to nothing, because a file that is only removed keeps its room for as long as it is open: a program that another
/// test starts has it open until it is executed.
fn make_room(filler: &Path) {
    File::create(filler).unwrap();
    std::fs::remove_file(filler).unwrap();
}

#[test]
fn one_process_holds_a_spool() {
    let root = directory();
    let first = Spool::open(&config(root.path())).unwrap();
    for change in ["run", "spool", "cold"] {
        let mut other = config(&root.path().join("other"));
        match change {
            "run" => other.runtime_dir = root.path().join(change),
            "spool" => other.dir = root.path().join(change),
            _ => other.cold_dir = root.path().join(change),
        }
        assert!(matches!(Spool::open(&other), Err(SpoolError::InUse { path }) if path.ends_with(change)));
    }
    drop(first);
    assert!(Spool::open(&config(root.path())).is_ok());
}

#[test]
fn while_records_are_delivered_nothing_is_on_disk() {
    let root = directory();
    let config = config(root.path());
    let spool = Spool::open(&config).unwrap();
    for sequence in 1..=500 {
        push(&spool, sequence, 2000);
        assert!(!spool.needs_maintenance(true));
        if sequence % 12 == 0 {
            acknowledge(&spool, 1..=sequence);
        }
    }
    assert!(files(&config.dir).is_empty() && files(&config.cold_dir).is_empty());
    let hot = std::fs::metadata(config.runtime_dir.join("hot.spool")).unwrap().len();
    assert!(hot < 400_000, "the file is rewritten now and then: {hot} bytes");
    assert_eq!(spool.note(), b"500");
}

#[test]
fn full_files_are_packed_elsewhere_and_deleted_when_delivered() {
    let root = directory();
    let mut config = config(root.path());
    config.segment_bytes = 40_000;
    let spool = Spool::open(&config).unwrap();
    for sequence in 1..=105 {
        push(&spool, sequence, 1000);
        spool.maintain(false, 0);
    }
    assert_eq!(spool.recent().len(), 5);
    assert_eq!((files(&config.cold_dir).len(), files(&config.dir).len()), (2, 1));
    assert_eq!(sequences(&spool), (1..=105).collect::<Vec<_>>());
    drop(spool);
    let spool = Spool::open(&config).unwrap();
    assert_eq!(sequences(&spool), (1..=105).collect::<Vec<_>>());
    acknowledge(&spool, 1..=50);
    spool.maintain(true, 0);
    assert_eq!(files(&config.cold_dir).len(), 1);
    acknowledge(&spool, 51..=105);
    spool.maintain(true, 0);
    assert_eq!((files(&config.cold_dir).len(), files(&config.dir).len()), (0, 0));
    assert_eq!(spool.state().records, 0);
}

#[test]
fn too_much_and_too_old_is_dropped_with_a_gap() {
    let root = directory();
    let mut config = config(root.path());
    (config.segment_bytes, config.disk_bytes, config.age_ms) = (20_000, 100_000, 600_000);
    let spool = Spool::open(&config).unwrap();
    for sequence in 1..=200 {
        push(&spool, sequence, 1000);
        spool.maintain(false, 0);
        assert!(spool.state().disk_bytes <= 100_000 + 12_000);
    }
    let kept = sequences(&spool);
    let gaps = spool.gaps();
    assert_eq!((gaps.len(), gaps[0].reason, gaps[0].first_sequence), (1, Reason::Space, 1));
    assert_eq!(gaps[0].last_sequence + 1, kept[0]);
    assert_eq!(gaps[0].first_time_ms, 5000);
    assert_eq!(kept.last(), Some(&200));
    assert_eq!(spool.state().dropped, gaps[0].last_sequence);
    spool.maintain(false, 200 * 5000 + 600_001);
    assert_eq!(spool.gaps().last().unwrap().reason, Reason::Age);
    assert_eq!(sequences(&spool).len() + in_gaps(&spool).len(), 200);
}

#[test]
fn a_kill_between_a_drop_and_its_deletion_loses_no_gap_and_brings_nothing_back() {
    let root = directory();
    let mut config = config(root.path());
    (config.segment_bytes, config.disk_bytes) = (20_000, 100_000);
    let spool = Spool::open(&config).unwrap();
    (1..=70).for_each(|sequence| {
        push(&spool, sequence, 1000);
        spool.maintain(false, 0);
    });
    let before: Vec<_> = files(&config.cold_dir)
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
        .collect();
    for sequence in 71..=120 {
        push(&spool, sequence, 1000);
        spool.maintain(false, 0);
    }
    let dropped = in_gaps(&spool);
    assert!(!dropped.is_empty());
    // As the kill leaves it: the gap is kept, the files are there.
    drop(spool);
    before.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    let spool = Spool::open(&config).unwrap();
    let kept = sequences(&spool);
    assert!(dropped.is_subset(&in_gaps(&spool)) && kept.iter().all(|sequence| !dropped.contains(sequence)));
    assert_eq!(kept.len() + in_gaps(&spool).len(), 120);
}

#[test]
fn a_file_of_which_nobody_would_know_stays_until_its_gap_can_be_kept() {
    let root = directory();
    let mut config = config(root.path());
    config.age_ms = 1000;
    let (Some(disk), Some(memory)) =
        (SmallDisk::mount(&config.dir, "1m"), SmallDisk::mount(&config.runtime_dir, "1m"))
    else {
        return;
    };
    let spool = Spool::open(&config).unwrap();
    (1..=20).for_each(|sequence| push(&spool, sequence, 1000));
    spool.maintain(false, 0);
    assert_eq!(spool.disk_records(), 20);
    let fillers = [disk.fill(), memory.fill()];
    // Finds out that the runtime directory is full.
    push(&spool, 21, 100_000);
    let (long_after, state) = (1_000_000_000, spool.state());
    spool.maintain(true, long_after);
    assert_eq!((spool.disk_records(), spool.gaps().len()), (20, 0), "{:?}", spool.state());
    assert_eq!(spool.state().dropped, state.dropped);
    fillers.iter().for_each(|filler| make_room(filler));
    spool.maintain(true, long_after);
    assert_eq!((spool.disk_records(), in_gaps(&spool).len()), (0, 20));
    drop(spool);
    // And of the one that only memory held it is known that it was there.
    assert_eq!(in_gaps(&Spool::open(&config).unwrap()), (1..=21).collect());
}

#[test]
fn a_full_disk_keeps_records_in_memory_until_there_is_room() {
    let root = directory();
    let mut config = config(root.path());
    config.hot_bytes = 60_000;
    let Some(disk) = SmallDisk::mount(&config.dir, "1m") else { return };
    let filler = disk.fill();
    let spool = Spool::open(&config).unwrap();
    for sequence in 1..=40 {
        push(&spool, sequence, 1000);
        spool.maintain(false, 0);
    }
    assert!(spool.state().disk_error.is_some(), "{:?}", spool.state());
    assert_eq!(sequences(&spool), (1..=40).collect::<Vec<_>>());
    for sequence in 41..=80 {
        push(&spool, sequence, 1000);
        spool.maintain(false, 0);
    }
    let gaps = spool.gaps();
    assert_eq!((gaps.len(), gaps[0].reason), (1, Reason::Disk));
    assert_eq!(in_gaps(&spool).len() + sequences(&spool).len(), 80);
    make_room(&filler);
    push(&spool, 81, 1000);
    spool.maintain(false, 0);
    assert_eq!(spool.state().disk_error, None);
    assert!(spool.disk_records() >= 50);
    assert_eq!(in_gaps(&spool).len() + sequences(&spool).len(), 81);
}

#[test]
fn a_disk_that_turns_read_only_keeps_what_it_has() {
    let root = directory();
    let config = config(root.path());
    let Some(disk) = SmallDisk::mount(&config.dir, "8m") else { return };
    let spool = Spool::open(&config).unwrap();
    (1..=20).for_each(|sequence| push(&spool, sequence, 1000));
    spool.maintain(false, 0);
    drop(spool);
    disk.remount("ro");
    let spool = Spool::open(&config).unwrap();
    (21..=40).for_each(|sequence| push(&spool, sequence, 1000));
    spool.maintain(false, 0);
    assert!(spool.state().disk_error.is_some());
    assert_eq!(sequences(&spool), (1..=40).collect::<Vec<_>>());
    acknowledge(&spool, 1..=20);
    spool.maintain(true, 0);
    assert_eq!(sequences(&spool), (21..=40).collect::<Vec<_>>());
    disk.remount("rw");
    spool.maintain(false, 0);
    assert_eq!((spool.state().disk_error, spool.disk_records()), (None, 20));
    assert_eq!(files(&config.dir).len(), 1);
}

#[test]
fn a_full_runtime_directory_keeps_records_in_memory() {
    let root = directory();
    let mut config = config(root.path());
    config.hot_bytes = 200_000;
    let Some(disk) = SmallDisk::mount(&config.runtime_dir, "64k") else { return };
    let spool = Spool::open(&config).unwrap();
    push(&spool, 1, 1000);
    let filler = disk.fill();
    for sequence in 2..=100 {
        push(&spool, sequence, 1000);
    }
    assert!(spool.state().hot_error.is_some());
    assert_eq!(sequences(&spool), (1..=100).collect::<Vec<_>>());
    assert_ne!(spool.note(), b"100", "a note that is not kept is not claimed");
    make_room(&filler);
    acknowledge(&spool, 1..=90);
    push(&spool, 101, 1000);
    assert_eq!(spool.state().hot_error, None);
    drop(spool);
    assert_eq!(sequences(&Spool::open(&config).unwrap()), (91..=101).collect::<Vec<_>>());
}

#[test]
fn without_any_directory_there_is_memory() {
    let root = directory();
    std::fs::write(root.path().join("file"), "").unwrap();
    let spool = Spool::open(&config(&root.path().join("file"))).unwrap();
    (1..=30).for_each(|sequence| push(&spool, sequence, 100));
    spool.maintain(false, 0);
    assert_eq!(sequences(&spool), (1..=30).collect::<Vec<_>>());
    let state = spool.state();
    assert!(state.hot_error.is_some() && state.disk_error.is_some(), "{state:?}");
}
