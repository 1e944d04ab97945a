//! Small file systems in memory that run full, turn read-only and lose bits on demand.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::namespace::mount;
use crate::random::Random;

const FILLER: &str = "filler";

/// A file system of its own, taken down with its value.
#[derive(Debug)]
pub struct SmallDisk {
    at: PathBuf,
    full: bool,
    read_only: bool,
}

/// What was done to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub file: PathBuf,
    pub what: String,
}

impl SmallDisk {
    /// Mounts one at `at`, which is made.
    pub fn mount(at: &Path, bytes: u64) -> anyhow::Result<Self> {
        fs::create_dir_all(at)?;
        let size = format!("size={bytes},mode=0700");
        let text = path_text(at)?;
        mount(&["-t", "tmpfs", "-o", &size, "tacho-faults", text])?;
        // Read-only before anything can be opened through it; later it is only laid over the other.
        let view = read_only_view(at);
        fs::create_dir_all(&view)?;
        mount(&["--bind", text, path_text(&view)?])?;
        mount(&["-o", "remount,bind,ro", path_text(&view)?])?;
        Ok(Self { at: at.to_owned(), full: false, read_only: false })
    }

    /// Writes until there is no room, or makes room again.
    pub fn set_full(&mut self, full: bool) -> anyhow::Result<()> {
        if full == self.full || self.read_only {
            return Ok(());
        }
        self.full = full;
        let path = self.at.join(FILLER);
        if !full {
            return fs::remove_file(&path).context("cannot remove the filler");
        }
        let mut file = File::create(&path).context("cannot make the filler")?;
        while file.write_all(&[7; 4096]).is_ok() {}
        Ok(())
    }

    /// Whatever is opened from now on is opened on a read-only file system; files that are open already stay
    /// writable. Or lifts that again.
    pub fn set_read_only(&mut self, read_only: bool) -> anyhow::Result<()> {
        if read_only == self.read_only {
            return Ok(());
        }
        let at = path_text(&self.at)?.to_owned();
        if read_only {
            mount(&["--bind", path_text(&read_only_view(&self.at))?, &at])?;
        } else {
            unmount(&at)?;
        }
        self.read_only = read_only;
        Ok(())
    }

    /// Bytes that its files take.
    pub fn used_bytes(&self) -> u64 {
        bytes_below(&self.at).saturating_sub(fs::metadata(self.at.join(FILLER)).map_or(0, |file| file.len()))
    }

    pub fn path(&self) -> &Path {
        &self.at
    }
}

/// Bytes of all files below a directory.
pub fn bytes_below(directory: &Path) -> u64 {
    files_below(directory).iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum()
}

/// All files below a directory, in the order of their names; those that vanish meanwhile are left out.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files_below(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found.sort();
    found
}

/// Flips a bit of a file, or cuts off its end; `None` when it is empty or gone.
pub fn damage(file: &Path, random: &mut Random) -> Option<Damage> {
    let length = fs::metadata(file).ok()?.len();
    if length == 0 {
        return None;
    }
    let mut opened = OpenOptions::new().read(true).write(true).open(file).ok()?;
    let place = random.below(length);
    let what = if random.below(4) == 0 {
        opened.set_len(place).ok()?;
        format!("cut at byte {place} of {length}")
    } else {
        let mut byte = [0];
        opened.seek(SeekFrom::Start(place)).ok()?;
        opened.read_exact(&mut byte).ok()?;
        let bit = random.below(8);
        opened.seek(SeekFrom::Start(place)).ok()?;
        opened.write_all(&[byte[0] ^ (1 << bit)]).ok()?;
        format!("bit {bit} of byte {place} of {length} flipped")
    };
    Some(Damage { file: file.to_owned(), what })
}

/// The same file system, mounted read-only beside it.
fn read_only_view(at: &Path) -> PathBuf {
    at.with_added_extension("read-only")
}

fn path_text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is not UTF-8")
}

fn unmount(at: &str) -> anyhow::Result<()> {
    // Lazily: files may be open.
    let output =
        Command::new("umount").args(["-l", at]).output().context("the program umount does not run")?;
    ensure!(output.status.success(), "umount {at}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Fails when it is not mounted any more, which is as good.
        if let Ok(at) = path_text(&self.at) {
            drop(self.read_only.then(|| unmount(at)));
            drop(unmount(at));
        }
        if let Ok(view) = path_text(&read_only_view(&self.at)) {
            drop(unmount(view));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_changes_one_bit_or_cuts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut random = Random::new(5);
        let (mut flipped, mut cut) = (0, 0);
        for _ in 0..50 {
            fs::write(&path, [0; 100]).unwrap();
            damage(&path, &mut random).unwrap();
            let content = fs::read(&path).unwrap();
            let bits: u32 = content.iter().map(|byte| byte.count_ones()).sum();
            match (content.len(), bits) {
                (100, 1) => flipped += 1,
                (0..100, 0) => cut += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(flipped > 20 && cut > 5, "{flipped} {cut}");
        fs::write(&path, []).unwrap();
        assert_eq!(damage(&path, &mut random), None);
        assert_eq!(damage(&directory.path().join("none"), &mut random), None);
    }
}
