//! Text files: programs leave their readings as `*.prom` files in one directory, in the format of Prometheus.
//!
//! A file is taken whole or not at all: it is refused when it is too big, has a bad line or does not end with
//! a line feed, as it may be half written then. Write beside it and rename.

use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::mailbox::Mailbox;
use super::reading::{Reading, label};
use super::{MAX_READINGS, parse_prometheus};

/// How often the directory is read.
const INTERVAL: Duration = Duration::from_secs(15);
const MAX_FILE_BYTES: u64 = 1 << 20;
/// The first by name; the others are left out, which is logged.
const MAX_FILES: usize = 100;
/// Readings of all files together. A file that would go beyond is refused.
const MAX_ALL_READINGS: usize = 10_000;
/// Source of the readings about the directory itself.
const DIRECTORY_SOURCE: &str = "textfile_dir";

/// Reads the directory on its interval until told to stop.
#[derive(Debug)]
pub struct Textfiles {
    pub directory: PathBuf,
    pub mailbox: Arc<Mailbox>,
}

/// What reading a directory gave: readings by source, and each problem as a sentence.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) readings: Vec<(String, Vec<Reading>)>,
    pub(super) problems: Vec<String>,
}

impl Textfiles {
    pub async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut known_problems = Vec::new();
        loop {
            tokio::select! {
                _ = interval.tick() => {}
                () = stop.cancelled() => return Ok(()),
            }
            let directory = self.directory.clone();
            let reading = tokio::task::spawn_blocking(move || read_directory(&directory));
            let Ok(found) = (tokio::select! {
                found = reading => found,
                () = stop.cancelled() => return Ok(()),
            }) else {
                continue;
            };
            if found.problems != known_problems {
                found.problems.iter().for_each(|problem| tracing::warn!("text files: {problem}"));
                known_problems = found.problems;
            }
            for (source, readings) in found.readings {
                self.mailbox.put_readings(&source, readings);
            }
        }
    }
}

/// Reads all `*.prom` files of a directory, once.
pub(super) fn read_directory(directory: &Path) -> Found {
    let mut found = Found::default();
    let names = match names(directory, &mut found.problems) {
        Ok(names) => names,
        Err(error) => {
            found.problems.push(format!("{} can not be read: {error}", directory.display()));
            let failed = reading("textfile_error", &directory.to_string_lossy(), 1.0);
            found.readings.push((DIRECTORY_SOURCE.to_owned(), vec![failed]));
            return found;
        }
    };
    let mut room = MAX_ALL_READINGS;
    for name in names {
        let mut readings = Vec::new();
        let taken = read_file(directory, &name, room, &mut readings);
        if let Err(problem) = &taken {
            found.problems.push(format!("{name}: {problem}"));
        }
        room = room.saturating_sub(readings.len());
        readings.push(reading("textfile_error", &name, f64::from(u8::from(taken.is_err()))));
        found.readings.push((name, readings));
    }
    found
}

/// Names of the files, sorted. Names that begin with a dot or are not UTF-8 are left out.
fn names(directory: &Path, problems: &mut Vec<String>) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        if name.ends_with(".prom") && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    if names.len() > MAX_FILES {
        problems.push(format!("{} files, of which the first {MAX_FILES} are read", names.len()));
        names.truncate(MAX_FILES);
    }
    Ok(names)
}

fn read_file(directory: &Path, name: &str, room: usize, readings: &mut Vec<Reading>) -> Result<(), String> {
    let (file, modified_s) = open(directory, name)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    readings.push(reading("textfile_mtime_seconds", name, modified_s));
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("more than {MAX_FILE_BYTES} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("does not end with a line feed; is it half written?".to_owned());
    }
    let parsed = parse_prometheus(&text, MAX_READINGS);
    if let Some(problem) = parsed.problem {
        return Err(problem);
    }
    if parsed.readings.len() > room {
        return Err(format!("more than {MAX_ALL_READINGS} readings in all files together"));
    }
    readings.extend(parsed.readings);
    Ok(())
}

/// Opens a file of the directory, through symlinks that stay in it, with the time of its last change in
/// seconds since the epoch. Never waits for a pipe.
fn open(directory: &Path, name: &str) -> Result<(File, f64), String> {
    let real = |path: &Path| path.canonicalize().map_err(|error| error.to_string());
    let path = real(&directory.join(name))?;
    if !path.starts_with(real(directory)?) {
        return Err("leads out of the directory".to_owned());
    }
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("is no file".to_owned());
    }
    Ok((file, metadata.mtime() as f64 + metadata.mtime_nsec() as f64 / 1e9))
}

fn reading(name: &str, file: &str, value: f64) -> Reading {
    Reading { name: name.to_owned(), labels: label("file", file), value, unit: String::new() }
}
