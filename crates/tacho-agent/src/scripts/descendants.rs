//! The processes below another one, wherever they went: those that made a session of their own have left their
//! group, but not their parent.
//!
//! What lost its parent before it was looked for belongs to the first process and is not found.

use std::io;
use std::path::Path;

use tacho_proc::{Buffer, PidDirectory, ProcError, ProcessFiles, parse_process_stat};

/// Processes looked at most: the most that the kernel can be set to hold.
const MAX_PIDS: usize = 1 << 22;

/// A process, told apart from others that get its pid later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// In clock ticks since boot.
    start: u64,
}

/// A process and its parent.
#[derive(Debug, Clone, Copy)]
struct Link {
    process: Process,
    parent: u32,
}

/// All that is below `child`, which was not waited for, or below `known` now, those of `known` that still live included. Blocks for some
/// microseconds for each process of the host.
pub(super) fn below(child: Option<u32>, known: &[Process]) -> io::Result<Vec<Process>> {
    Ok(closure(&links(Path::new("/proc"))?, child, known))
}

fn links(proc_root: &Path) -> io::Result<Vec<Link>> {
    let (mut directory, mut files) = (PidDirectory::open(proc_root)?, ProcessFiles::new(proc_root));
    let (mut buffer, mut pids) = (Buffer::default(), Vec::new());
    directory.list(MAX_PIDS, &mut pids).map_err(io::Error::other)?;
    // One that is gone by now is no link.
    Ok(pids.into_iter().filter_map(|pid| read_link(pid, &mut files, &mut buffer).ok()).collect())
}

fn read_link(pid: u32, files: &mut ProcessFiles, buffer: &mut Buffer) -> Result<Link, ProcError> {
    const NAME: &str = "stat";
    let stat = parse_process_stat(files.read_record(pid, NAME, buffer)?);
    let stat = stat.ok_or(ProcError::Malformed { file: NAME })?;
    Ok(Link { process: Process { pid, start: stat.start }, parent: stat.parent })
}

/// Goes down from parents to children until there is nobody new.
fn closure(links: &[Link], child: Option<u32>, known: &[Process]) -> Vec<Process> {
    let is_there = |process: &&Process| links.iter().any(|link| link.process == **process);
    let mut found: Vec<Process> = known.iter().filter(is_there).copied().collect();
    let mut parents: Vec<u32> = found.iter().map(|process| process.pid).chain(child).collect();
    while let Some(parent) = parents.pop() {
        for link in links.iter().filter(|link| link.parent == parent) {
            if Some(link.process.pid) != child && !found.contains(&link.process) {
                found.push(link.process);
                parents.push(link.process.pid);
            }
        }
    }
    found
}

impl Process {
    /// Sends it a signal. One that is gone, or that is somebody else's, is left alone.
    #[expect(unsafe_code, reason = "the standard library signals children only")]
    pub(super) fn signal(self, signal: libc::c_int) {
        let Ok(pid) = libc::pid_t::try_from(self.pid) else { return };
        if pid <= 1 {
            return;
        }
        // SAFETY: no pointers; a descriptor that is not negative is ours, and is closed once.
        unsafe {
            // The descriptor stays with the process that has the pid now, so what is looked at is what is signalled.
            let handle = libc::syscall(libc::SYS_pidfd_open, pid, 0);
            if self.is_there() {
                if handle < 0 {
                    // Before Linux 5.3.
                    libc::kill(pid, signal);
                } else {
                    libc::syscall(libc::SYS_pidfd_send_signal, handle, signal, 0, 0);
                }
            }
            if let Ok(handle) = libc::c_int::try_from(handle)
                && handle >= 0
            {
                libc::close(handle);
            }
        }
    }

    fn is_there(self) -> bool {
        let mut files = ProcessFiles::new(Path::new("/proc"));
        read_link(self.pid, &mut files, &mut Buffer::default()).is_ok_and(|link| link.process == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(pid: u32, start: u64, parent: u32) -> Link {
        Link { process: Process { pid, start }, parent }
    }

    #[test]
    fn it_finds_all_below_and_nobody_else() {
        let links =
            [link(1, 0, 0), link(5, 1, 1), link(6, 2, 5), link(7, 3, 6), link(8, 3, 1), link(9, 4, 8)];
        let pids = |child, known: &[Process]| {
            let mut pids: Vec<u32> =
                closure(&links, Some(child), known).iter().map(|found| found.pid).collect();
            pids.sort_unstable();
            pids
        };
        assert_eq!(pids(5, &[]), [6, 7]);
        assert_eq!(pids(5, &[Process { pid: 8, start: 3 }]), [6, 7, 8, 9], "one that lost its parent");
        assert_eq!(pids(5, &[Process { pid: 8, start: 2 }]), [6, 7], "another process with its pid");
        assert_eq!(pids(77, &[]), [0; 0]);
        // No tree; the kernel may be read while it changes.
        let circle = [link(2, 0, 3), link(3, 0, 2)];
        assert_eq!(closure(&circle, Some(2), &[]).len(), 1);
        assert!(closure(&links, None, &[]).is_empty());
    }
}
