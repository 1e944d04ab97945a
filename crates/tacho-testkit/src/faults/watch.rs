//! Memory and disk of the daemons through a run.

use std::fs;
use std::path::Path;

use super::disk::bytes_below;

/// The most that was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peak {
    /// Resident at a look, which leaves out the moment of a start.
    pub rss_bytes: u64,
    /// The kernel's own peak, of any start.
    pub hwm_bytes: u64,
    pub disk_bytes: u64,
}

impl Peak {
    /// Looks at a process and a directory.
    pub fn look(&mut self, pid: Option<u32>, disk_bytes: u64) {
        self.disk_bytes = self.disk_bytes.max(disk_bytes);
        let Some(status) = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok()) else {
            return;
        };
        self.rss_bytes = self.rss_bytes.max(kilobytes(&status, "VmRSS:"));
        self.hwm_bytes = self.hwm_bytes.max(kilobytes(&status, "VmHWM:"));
    }
}

/// Bytes that a process had written to disks (`write_bytes` less what was taken back).
pub fn written_bytes(pid: u32) -> Option<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let field = |name: &str| io.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    Some(field("write_bytes:")?.saturating_sub(field("cancelled_write_bytes:")?))
}

/// Files of a directory with their size and time of change, to see whether anything was written.
pub fn state_of(directory: &Path) -> Vec<(String, u64, std::time::SystemTime)> {
    let files = super::disk::files_below(directory);
    let mut seen: Vec<_> = files
        .iter()
        .filter_map(|path| {
            let file = fs::metadata(path).ok()?;
            Some((path.display().to_string(), file.len(), file.modified().ok()?))
        })
        .collect();
    seen.sort();
    seen
}

/// Bytes below several directories.
pub fn bytes_of(directories: &[&Path]) -> u64 {
    directories.iter().map(|directory| bytes_below(directory)).sum()
}

fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_as_the_kernel_tells_it() {
        let mut peak = Peak::default();
        peak.look(Some(std::process::id()), 5);
        assert!(peak.rss_bytes > 1 << 20 && peak.hwm_bytes >= peak.rss_bytes, "{peak:?}");
        peak.look(None, 3);
        assert_eq!(peak.disk_bytes, 5);
        assert!(written_bytes(std::process::id()).is_some());
    }
}
