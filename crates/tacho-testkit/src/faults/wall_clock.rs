//! The wall clock of single processes, set wrong: libfaketime stands between them and the kernel's
//! `CLOCK_REALTIME` and reads the offset from a file; the boot clock and the monotonic one stay right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// Where distributions put the library.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// The clock of one process and of those that come after it under the same name.
#[derive(Debug)]
pub struct WallClock {
    library: PathBuf,
    offset: PathBuf,
    seconds: i64,
}

/// Where libfaketime is, when it is installed.
pub fn library() -> Option<PathBuf> {
    LIBRARIES.iter().map(PathBuf::from).find(|path| path.exists())
}

impl WallClock {
    /// One that is right; `None` where libfaketime is not installed.
    pub fn new(offset_file: &Path) -> anyhow::Result<Option<Self>> {
        let Some(library) = library() else { return Ok(None) };
        let mut clock = Self { library, offset: offset_file.to_owned(), seconds: i64::MIN };
        clock.step_to(0)?;
        Ok(Some(clock))
    }

    /// Is off by so many seconds from now on.
    pub fn step_to(&mut self, seconds: i64) -> anyhow::Result<()> {
        if seconds == self.seconds {
            return Ok(());
        }
        // Replaced whole, so that no process ever reads half of it.
        let temporary = self.offset.with_added_extension("tmp");
        fs::write(&temporary, format!("{seconds:+}\n")).context("cannot write a clock's offset")?;
        fs::rename(&temporary, &self.offset).context("cannot replace a clock's offset")?;
        self.seconds = seconds;
        Ok(())
    }

    /// Puts a process under this clock.
    pub fn apply(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.offset)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
    }
}
