//! A directory of text files.

use std::fs;

use crate::scripts::textfiles::{Found, read_directory};

fn error_of(found: &Found, file: &str) -> Option<f64> {
    let (_, readings) = found.readings.iter().find(|(source, _)| source == file)?;
    readings.iter().find(|reading| reading.name == "textfile_error").map(|reading| reading.value)
}

fn names(found: &Found, file: &str) -> Vec<String> {
    let (_, readings) = found.readings.iter().find(|(source, _)| source == file).unwrap();
    readings.iter().map(|reading| reading.name.clone()).collect()
}

#[test]
fn a_file_is_taken_whole_or_not_at_all() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("textfiles");
    fs::create_dir(&directory).unwrap();
    let write = |name: &str, text: &[u8]| fs::write(directory.join(name), text).unwrap();
    write("good.prom", b"backup_age_seconds 12\n");
    write("empty.prom", b"");
    write("cut.prom", b"backup_age_seconds 12\nbackup_bytes 123");
    write("bad.prom", b"a 1\nb\n");
    write("binary.prom", b"a \xff\n");
    write("big.prom", &b"# filler\n".repeat(200_000));
    write("note.txt", b"a 1\n");
    write(".hidden.prom", b"a 1\n");
    fs::create_dir(directory.join("folder.prom")).unwrap();
    fs::write(root.path().join("outside"), "secret 1\n").unwrap();
    std::os::unix::fs::symlink("../outside", directory.join("out.prom")).unwrap();
    std::os::unix::fs::symlink("good.prom", directory.join("in.prom")).unwrap();
    std::os::unix::fs::symlink("nowhere", directory.join("lost.prom")).unwrap();
    let found = read_directory(&directory);
    assert_eq!(
        names(&found, "good.prom"),
        ["textfile_mtime_seconds", "backup_age_seconds", "textfile_error"]
    );
    assert_eq!(names(&found, "cut.prom"), ["textfile_mtime_seconds", "textfile_error"]);
    for good in ["good.prom", "empty.prom", "in.prom"] {
        assert_eq!(error_of(&found, good), Some(0.0), "{good}");
    }
    for bad in ["cut", "bad", "binary", "big", "folder", "out", "lost"] {
        assert_eq!(error_of(&found, &format!("{bad}.prom")), Some(1.0), "{bad}");
    }
    assert_eq!((found.readings.len(), found.problems.len()), (10, 7), "{:?}", found.problems);
    let good = &found.readings.iter().find(|(source, _)| source == "good.prom").unwrap().1;
    assert!(good[0].value > 1e9 && good[0].labels == r#"file="good.prom""#, "{good:?}");
}

#[test]
fn a_directory_that_is_not_there_is_one_error() {
    let root = tempfile::tempdir().unwrap();
    let found = read_directory(&root.path().join("gone"));
    assert_eq!(error_of(&found, "textfile_dir"), Some(1.0));
    assert_eq!(found.problems.len(), 1);
}

#[test]
fn many_files_and_many_readings_have_an_end() {
    let directory = tempfile::tempdir().unwrap();
    let text: String = (0..900).map(|number| format!("a{number} 1\n")).collect();
    for number in 0..120 {
        fs::write(directory.path().join(format!("{number:03}.prom")), &text).unwrap();
    }
    let found = read_directory(directory.path());
    assert_eq!(found.readings.len(), 100);
    let readings: usize = found.readings.iter().map(|(_, readings)| readings.len()).sum();
    assert!(readings <= 10_000 + 200, "{readings}");
    assert_eq!((error_of(&found, "000.prom"), error_of(&found, "099.prom")), (Some(0.0), Some(1.0)));
}
