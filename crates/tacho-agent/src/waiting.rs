//! What waits for a server, told to whoever asks on this machine (`tacho-agent show spool`): a small file in the
//! runtime directory that the running agent replaces at each snapshot. It is never synced, because the directory is
//! in memory.

use std::io::{self, Read as _};
use std::path::Path;

use serde_json::{Value, json};
use tacho_spool::{Gap, Reason, State};

const FILE: &str = "state.json";
/// More gaps than this are only counted.
const GAPS: usize = 100;
/// Far more than is written.
const FILE_BYTES: u64 = 64 << 10;

/// The state of the spool at a snapshot, as the file has it and `show spool --json` prints it.
pub fn describe(time_ms: i64, state: &State, gaps: &[Gap], is_delivering: bool) -> Value {
    json!({
        "time_ms": time_ms,
        "delivering": is_delivering,
        "frames": state.records,
        "memory_bytes": state.hot_bytes,
        "disk_bytes": state.disk_bytes,
        "dropped_frames": state.dropped,
        "damaged_places": state.damaged,
        "memory_error": state.hot_error,
        "disk_error": state.disk_error,
        "gap_count": gaps.len(),
        "gaps": gaps.iter().rev().take(GAPS).rev().map(gap).collect::<Vec<_>>(),
    })
}

fn gap(gap: &Gap) -> Value {
    json!({
        "frames": gap.last_sequence.saturating_sub(gap.first_sequence).saturating_add(1),
        "first_time_ms": gap.first_time_ms,
        "last_time_ms": gap.last_time_ms,
        "reason": match gap.reason {
            Reason::Space => "space",
            Reason::Age => "age",
            Reason::Damage => "damage",
            Reason::Disk => "disk",
        },
    })
}

/// Replaces the file.
pub fn write(runtime_dir: &Path, state: &Value) -> io::Result<()> {
    let temporary = runtime_dir.join("state.tmp");
    std::fs::write(&temporary, format!("{state}\n"))?;
    std::fs::rename(&temporary, runtime_dir.join(FILE))
}

/// Reads the file; the error says why there is nothing to tell.
pub fn read(runtime_dir: &Path) -> Result<Value, String> {
    let path = runtime_dir.join(FILE);
    let mut text = String::new();
    let read = std::fs::File::open(&path).and_then(|file| file.take(FILE_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!("there is no {}; does the agent run?", path.display()));
        }
        Err(error) => return Err(format!("cannot read {}: {error}; ask as root", path.display())),
    }
    serde_json::from_str(&text)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| format!("{} is not what an agent writes", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_not_there_is_explained() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path()).unwrap_err().contains("does the agent run?"));
        let gap = |sequence| Gap {
            stream: [1; 16],
            first_sequence: sequence,
            last_sequence: sequence + 4,
            first_time_ms: 1000,
            last_time_ms: 2000,
            reason: Reason::Age,
        };
        let gaps: Vec<Gap> = (0..200).map(|number| gap(number * 10)).collect();
        let state = State { records: 7, disk_error: Some("full".to_owned()), ..State::default() };
        let written = describe(5, &state, &gaps, false);
        write(directory.path(), &written).unwrap();
        let read_back = read(directory.path()).unwrap();
        assert_eq!(read_back, written);
        assert_eq!((&read_back["frames"], &read_back["gap_count"]), (&7.into(), &200.into()));
        assert_eq!(read_back["gaps"].as_array().unwrap().len(), GAPS);
        assert_eq!(
            (&read_back["gaps"][0]["frames"], &read_back["gaps"][0]["reason"]),
            (&5.into(), &"age".into())
        );
        for wrong in ["", "[]", "{", "\u{0}"] {
            std::fs::write(directory.path().join(FILE), wrong).unwrap();
            assert!(read(directory.path()).unwrap_err().contains("not what"), "{wrong}");
        }
    }
}
