//! Which processes there are: the numeric names in `/proc`.
//!
//! The standard library's directory iterator allocates for each entry; here the kernel's records are
//! read into a kept buffer.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use crate::{ProcError, number};

/// Name of the directory in errors.
const NAME: &str = "the list of processes";

/// Records of about 24 bytes: a thousand processes a call.
const BUFFER_BYTES: usize = 32 << 10;

/// Offset of the record's length, and of its name, in `struct linux_dirent64`.
const LENGTH_AT: usize = 16;
const NAME_AT: usize = 19;

/// A directory whose numeric entries are listed again and again.
#[derive(Debug)]
pub struct PidDirectory {
    directory: File,
    buffer: Vec<u8>,
}

impl PidDirectory {
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self { directory: File::open(root)?, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Puts all pids, ascending, in place of what `pids` held. At most `limit`: what is beyond is left out.
    pub fn list(&mut self, limit: usize, pids: &mut Vec<u32>) -> Result<(), ProcError> {
        pids.clear();
        self.directory.seek(SeekFrom::Start(0)).map_err(|error| ProcError::from_io(NAME, &error))?;
        loop {
            let length = self.next_records().map_err(|error| ProcError::from_io(NAME, &error))?;
            if length == 0 {
                break;
            }
            parse_directory_entries(self.buffer.get(..length).unwrap_or_default(), |name| {
                if let Some(pid) = number(name).and_then(|pid| u32::try_from(pid).ok())
                    && pids.len() < limit
                {
                    pids.push(pid);
                }
            });
        }
        // The kernel lists ascending already; a directory on disk does not.
        pids.sort_unstable();
        Ok(())
    }

    fn next_records(&mut self) -> io::Result<usize> {
        next_directory_entries(&self.directory, &mut self.buffer)
    }
}

/// Reads the next records of a directory into `buffer`; answers how many bytes, 0 at the end.
#[expect(unsafe_code, reason = "the standard library has no call that lists a directory into a kept buffer")]
pub(crate) fn next_directory_entries(directory: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let (fd, length) = (directory.as_raw_fd(), buffer.len());
    // SAFETY: the descriptor is open, and the kernel writes at most `length` bytes to a buffer of that size.
    let read = unsafe { libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), length) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

/// Calls `visit` with each name among records of `getdents64`; stops at one that is cut off.
pub fn parse_directory_entries(records: &[u8], mut visit: impl FnMut(&[u8])) {
    let mut rest = records;
    while let Some([low, high]) = rest.get(LENGTH_AT..LENGTH_AT + 2) {
        let length = usize::from(u16::from_ne_bytes([*low, *high]));
        let Some(name) = rest.get(NAME_AT..length) else { return };
        visit(name.split(|byte| *byte == 0).next().unwrap_or_default());
        rest = rest.get(length..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_this_process_in_ascending_order() {
        let mut directory = PidDirectory::open(Path::new("/proc")).unwrap();
        let mut pids = vec![7];
        for _ in 0..2 {
            directory.list(usize::MAX, &mut pids).unwrap();
            assert!(pids.contains(&std::process::id()));
            assert!(pids.is_sorted());
        }
        directory.list(2, &mut pids).unwrap();
        assert_eq!(pids.len(), 2);
    }
}
