//! An outage of all servers, as this agent sees it. What was said of it is kept on disk.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tacho_runtime::files::write_private;
use tokio::time::Instant;

/// An outage under way.
#[derive(Debug)]
pub(super) struct Outage {
    /// When the server was there last, or the first attempt failed; milliseconds since the epoch.
    pub(super) since_ms: i64,
    /// When it was recognised, for waiting.
    pub(super) began: Instant,
    /// Of the newest attempt.
    pub(super) error: String,
    /// This agent has told people, so that it tells the end too.
    pub(super) spoken: bool,
    /// All its channels refuse.
    pub(super) failing: bool,
    /// Another sentinel has told people.
    pub(super) settled: bool,
    /// Tries of each channel; all that there may be once it went well.
    pub(super) said: Vec<u32>,
    /// Read from disk: what was said then is not known channel by channel, and not said again.
    restored: bool,
}

impl Outage {
    pub(super) fn new(since_ms: i64) -> Self {
        Self {
            since_ms,
            began: super::began(),
            error: String::new(),
            spoken: false,
            failing: false,
            settled: false,
            said: Vec::new(),
            restored: false,
        }
    }

    /// Nothing is left to be tried.
    pub(super) fn all_said(&self) -> bool {
        self.restored || self.said.iter().all(|tries| *tries >= super::TRIES)
    }
}

/// The file that says that people were told.
#[derive(Debug)]
pub(super) struct OutageFile {
    path: PathBuf,
}

impl OutageFile {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join("outage") }
    }

    /// An outage of which people were told before the agent was started anew.
    pub(super) fn read(&self) -> Option<Outage> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        let since_ms = serde_json::from_str::<Value>(&text).ok()?.get("since_ms")?.as_i64()?;
        Some(Outage { spoken: true, restored: true, ..Outage::new(since_ms) })
    }

    pub(super) fn write(&self, outage: &Outage) {
        let text = format!("{}\n", json!({ "since_ms": outage.since_ms }));
        if std::fs::read_to_string(&self.path).is_ok_and(|kept| kept == text) {
            return;
        }
        if let Err(error) = write_private(&self.path, text.as_bytes()) {
            tracing::warn!(path = %self.path.display(), %error, "cannot keep that people were told; a restart tells them again");
        }
    }

    pub(super) fn remove(&self) {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), %error, "cannot forget the outage; a restart tells its end again");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_said_outlives_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let file = OutageFile::new(directory.path());
        assert!(file.read().is_none());
        file.write(&Outage::new(7));
        let kept = file.read().unwrap();
        assert!(kept.spoken && kept.all_said() && kept.since_ms == 7);
        file.remove();
        file.remove();
        assert!(file.read().is_none());
        std::fs::write(directory.path().join("outage"), "{\"since_ms\":").unwrap();
        assert!(file.read().is_none());
    }
}
