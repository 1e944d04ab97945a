//! What agents say in their own logs that they recorded: the side that the history is compared with.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What the message of a frame's line is.
const FRAME: &str = r#""message":"frame""#;
/// Of the line that an agent writes when it has a new certificate.
const RENEWED: &str = "renewed this agent's certificate";
/// Of the line about a connection.
const CONNECTED: &str = r#""message":"connected""#;

/// A frame is (agent, stream, sequence); the agent is known from whose log it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameKey {
    pub stream: String,
    pub sequence: u64,
}

/// Readings by which the row of a frame is found again, whatever became of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint {
    pub agent_cpu_us: Option<i64>,
    pub memory_available_bytes: Option<i64>,
}

/// A frame that an agent recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Produced {
    pub boot_clock_us: u64,
    pub fingerprint: Fingerprint,
}

/// Frames of one agent, read from its logs as they grow.
#[derive(Debug, Default)]
pub struct Truth {
    frames: BTreeMap<FrameKey, Produced>,
    read: BTreeMap<PathBuf, u64>,
    /// Lines that speak of a panic.
    pub panics: Vec<String>,
    /// New certificates of the agent.
    pub renewals: u64,
    /// How often a server welcomed it.
    pub connections: u64,
}

impl Truth {
    /// Reads what was added to these logs. The line that is being written is left for the next time; the last
    /// line of a killed agent may never be whole, and its frame then counts as never recorded.
    pub fn read(&mut self, logs: &[PathBuf]) -> anyhow::Result<()> {
        for log in logs {
            self.read_log(log)?;
        }
        Ok(())
    }

    pub fn frames(&self) -> &BTreeMap<FrameKey, Produced> {
        &self.frames
    }

    fn read_log(&mut self, path: &Path) -> anyhow::Result<()> {
        let from = self.read.get(path).copied().unwrap_or(0);
        let mut reader = BufReader::new(File::open(path)?);
        reader.seek(SeekFrom::Start(from))?;
        let (mut at, mut line) = (from, Vec::new());
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            at += line.len() as u64;
            let text = String::from_utf8_lossy(&line);
            if let Some((key, produced)) = parse_frame(&text) {
                self.frames.insert(key, produced);
            } else if text.contains(RENEWED) {
                self.renewals += 1;
            } else if text.contains(CONNECTED) {
                self.connections += 1;
            } else if text.contains("panicked at") {
                self.panics.push(text.trim().to_owned());
            }
            line.clear();
        }
        self.read.insert(path.to_owned(), at);
        Ok(())
    }
}

/// The frame that a line of a log in JSON tells of.
fn parse_frame(line: &str) -> Option<(FrameKey, Produced)> {
    if !line.contains(FRAME) {
        return None;
    }
    let event: Value = serde_json::from_str(line).ok()?;
    let key =
        FrameKey { stream: event["stream"].as_str()?.to_owned(), sequence: event["sequence"].as_u64()? };
    let fingerprint = Fingerprint {
        agent_cpu_us: event["agent_cpu_us"].as_i64(),
        memory_available_bytes: event["memory_available_bytes"].as_i64(),
    };
    Some((key, Produced { boot_clock_us: event["boot_clock_us"].as_u64()?, fingerprint }))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-11-21T11:00:00Z","level":"DEBUG","message":"frame","stream":"0a","sequence":7,"boot_clock_us":5000,"agent_cpu_us":12,"memory_available_bytes":4096}"#;

    #[test]
    fn a_log_is_read_as_it_grows_and_torn_lines_wait() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = File::create(&path).unwrap();
        let mut truth = Truth::default();
        write!(log, "not JSON \"message\":\"frame\"\n{}", &LINE[..60]).unwrap();
        truth.read(std::slice::from_ref(&path)).unwrap();
        assert!(truth.frames().is_empty());
        write!(log, "{}\nthread 'x' panicked at y\n{RENEWED}\n", &LINE[60..]).unwrap();
        truth.read(std::slice::from_ref(&path)).unwrap();
        let (key, produced) = truth.frames().iter().next().unwrap();
        assert_eq!((key.sequence, produced.boot_clock_us), (7, 5000));
        assert_eq!(produced.fingerprint.agent_cpu_us, Some(12));
        assert_eq!((truth.panics.len(), truth.renewals), (1, 1));
    }
}
