//! Which sockets a process holds: the links in `/proc/PID/fd`, some at a time.
//!
//! A process may hold a hundred thousand files, and reading each link is a system call, so a reader goes on
//! later where it stopped.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use crate::listing::next_directory_entries;
use crate::{ProcError, number, parse_directory_entries};

/// Records of 24 bytes: some forty files a piece.
const BUFFER_BYTES: usize = 1024;

/// `socket:[` and a number of 64 bits fit; what does not is another kind of file.
const LINK_BYTES: usize = 40;

/// A descriptor's number with its end.
const NAME_BYTES: usize = 24;

/// The open files of one process.
#[derive(Debug)]
pub struct OpenFiles {
    directory: File,
}

impl OpenFiles {
    /// Opens `<root>/<pid>/fd`, which takes the same user or the right to trace the process.
    pub fn open(root: &Path, pid: u32) -> Result<Self, ProcError> {
        let path = root.join(format!("{pid}/fd"));
        let directory = File::open(path).map_err(|error| ProcError::from_io("fd", &error))?;
        Ok(Self { directory })
    }

    /// Visits the inodes of the sockets among the next few files; answers how many files those were, 0 at the end.
    pub fn next_sockets(&mut self, mut visit: impl FnMut(u64)) -> Result<usize, ProcError> {
        let mut buffer = [0; BUFFER_BYTES];
        let length = next_directory_entries(&self.directory, &mut buffer)
            .map_err(|error| ProcError::from_io("fd", &error))?;
        let mut files = 0;
        parse_directory_entries(buffer.get(..length).unwrap_or_default(), |name| {
            files += 1;
            if name.first().is_some_and(u8::is_ascii_digit)
                && let Ok(Some(inode)) = self.socket(name)
            {
                visit(inode);
            }
        });
        Ok(files)
    }

    #[expect(unsafe_code, reason = "the standard library reads links by whole paths only, into new memory")]
    fn socket(&self, name: &[u8]) -> io::Result<Option<u64>> {
        let mut path = [0; NAME_BYTES];
        let Some(to) = path.get_mut(..name.len()).filter(|to| to.len() < NAME_BYTES) else { return Ok(None) };
        to.copy_from_slice(name);
        let mut link = [0; LINK_BYTES];
        // SAFETY: the name ends with a zero byte, as it is shorter than its buffer of zeros; the kernel writes at
        // most the link's length to the link.
        let length = unsafe {
            libc::readlinkat(
                self.directory.as_raw_fd(),
                path.as_ptr().cast(),
                link.as_mut_ptr().cast(),
                link.len(),
            )
        };
        let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
        Ok(parse_socket_link(link.get(..length).unwrap_or_default()))
    }
}

/// The inode of `socket:[29366]`; `None` for a file of another kind.
pub fn parse_socket_link(link: &[u8]) -> Option<u64> {
    link.strip_prefix(b"socket:[")?.strip_suffix(b"]").and_then(number)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn all_sockets_of_this_process_are_found_in_pieces() {
        let listeners: Vec<_> = (0..60).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let inode = |listener: &TcpListener| {
            std::fs::metadata(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap().ino()
        };
        let mut files = OpenFiles::open(Path::new("/proc"), std::process::id()).unwrap();
        let (mut found, mut pieces) = (Vec::new(), 0);
        while files.next_sockets(|inode| found.push(inode)).unwrap() > 0 {
            pieces += 1;
        }
        assert!(pieces > 1 && listeners.iter().all(|listener| found.contains(&inode(listener))));
        assert!(OpenFiles::open(Path::new("/proc"), 0).unwrap_err().is_gone());
    }

    #[test]
    fn links_to_other_files_are_no_sockets() {
        assert_eq!(parse_socket_link(b"socket:[29366]"), Some(29366));
        for link in ["socket:[29366", "socket:[]", "pipe:[1]", "/tmp/socket:[1]", ""] {
            assert_eq!(parse_socket_link(link.as_bytes()), None, "{link}");
        }
    }
}
