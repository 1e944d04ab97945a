//! What a process holds open: the links in `/proc/PID/fd`, and what `/proc/PID/fdinfo` says of each.
//!
//! Links and their texts come from the kernel's memory. The files themselves are looked at only where their file
//! system is of this machine: one that another machine or a program answers for may answer never.

mod link;
mod sockets;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use crate::{ProcError, number, parse_local_mounts};

pub use link::{FdInfo, FileLink, parse_fdinfo, parse_file_link};
pub use sockets::SocketEnds;

/// What is of interest stands at the beginning, before the targets of an epoll or inotify descriptor.
const FDINFO_BYTES: u64 = 512;

/// A host with thousands of mounts has some 200 bytes for each.
const MOUNTS_BYTES: u64 = 4 << 20;

/// How far a look at a process goes.
#[derive(Debug, Clone, Copy)]
pub struct DescriptorLimits {
    /// Most descriptors told, those with the lowest numbers.
    pub descriptors: usize,
    /// Most bytes of names told, over all of them.
    pub name_bytes: usize,
}

/// The open files of a process.
#[derive(Debug, Default)]
pub struct Descriptors {
    /// By number.
    pub told: Vec<Descriptor>,
    /// How many there are; absent when time was over before all were counted.
    pub total: Option<u64>,
}

/// An open file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub number: u32,
    pub kind: DescriptorKind,
    /// A path, or what the kernel calls it: any bytes but zero.
    pub name: Vec<u8>,
    /// The path is gone.
    pub is_deleted: bool,
    pub access: Option<FileAccess>,
    /// Where the next read or write begins; of files and devices.
    pub position: Option<u64>,
    /// Of a file on a file system of this machine.
    pub size_bytes: Option<u64>,
    pub inode: Option<u64>,
    /// Of a socket that a table of the process's network has.
    pub socket: Option<SocketEnds>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DescriptorKind {
    File,
    Directory,
    Socket,
    Pipe,
    Device,
    /// Such as an event counter, a timer, or memory that is no file's.
    Anonymous,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAccess {
    Read,
    Write,
    ReadWrite,
    /// A place, neither to read nor to write (`O_PATH`).
    Path,
}

/// Lists what `<root>/<pid>` holds open. `is_over` is asked again and again; once it says so, what was found so far is
/// the answer. That the pid is still the same process is for the caller to see to, before and after.
pub fn read_descriptors(
    root: &Path,
    pid: u32,
    limits: DescriptorLimits,
    is_over: &dyn Fn() -> bool,
) -> Result<Descriptors, ProcError> {
    let directory = root.join(pid.to_string());
    let (numbers, is_complete) = list_numbers(&directory.join("fd"), limits.descriptors, is_over)?;
    let look = Look { local_mounts: local_mounts(&directory), directory: &directory };
    let mut found = Descriptors { total: is_complete.then_some(numbers.count), ..Descriptors::default() };
    let mut name_bytes = 0;
    for number in numbers.lowest {
        if is_over() {
            break;
        }
        let Some(descriptor) = look.descriptor(number)? else {
            // It was counted before.
            found.total = found.total.map(|total| total.saturating_sub(1));
            continue;
        };
        name_bytes += descriptor.name.len();
        if name_bytes > limits.name_bytes {
            break;
        }
        found.told.push(descriptor);
    }
    sockets::find_ends(&directory, &mut found.told, is_over);
    Ok(found)
}

struct Numbers {
    lowest: Vec<u32>,
    count: u64,
}

/// The names in `fd`, and whether those are all.
fn list_numbers(path: &Path, most: usize, is_over: &dyn Fn() -> bool) -> Result<(Numbers, bool), ProcError> {
    let failed = |error: io::Error| ProcError::from_io("fd", &error);
    let mut numbers = Numbers { lowest: Vec::new(), count: 0 };
    // The kernel lists them in order.
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().into_vec();
        let Some(found) = number(&name).and_then(|number| u32::try_from(number).ok()) else { continue };
        numbers.count += 1;
        if numbers.lowest.len() < most {
            numbers.lowest.push(found);
        }
        if is_over() {
            return Ok((numbers, false));
        }
    }
    numbers.lowest.sort_unstable();
    Ok((numbers, true))
}

/// Mounts of the process whose files answer at once; none where that is not known.
fn local_mounts(directory: &Path) -> HashSet<u64> {
    let text = read_beginning(&directory.join("mountinfo"), MOUNTS_BYTES).unwrap_or_default();
    parse_local_mounts(&text).collect()
}

fn read_beginning(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

struct Look<'a> {
    directory: &'a Path,
    local_mounts: HashSet<u64>,
}

impl Look<'_> {
    /// `None` for one that was closed meanwhile.
    fn descriptor(&self, number: u32) -> Result<Option<Descriptor>, ProcError> {
        let path = self.directory.join(format!("fd/{number}"));
        let link = match std::fs::read_link(&path) {
            Ok(link) => link.into_os_string().into_vec(),
            Err(error) => match ProcError::from_io("fd", &error) {
                error @ ProcError::Denied { .. } => return Err(error),
                error if error.is_gone() => return Ok(None),
                // Longer than any path that the kernel tells.
                _ => Vec::new(),
            },
        };
        let text = read_beginning(&self.directory.join(format!("fdinfo/{number}")), FDINFO_BYTES);
        let info = parse_fdinfo(&text.unwrap_or_default());
        let mut descriptor = Descriptor {
            number,
            kind: DescriptorKind::Anonymous,
            name: Vec::new(),
            is_deleted: false,
            access: info.access(),
            position: None,
            size_bytes: None,
            inode: info.inode,
            socket: None,
        };
        match parse_file_link(&link) {
            FileLink::Path { path: name, is_marked_deleted } => {
                self.file(&mut descriptor, &path, &info, name, is_marked_deleted);
            }
            FileLink::Socket(inode) => {
                descriptor.kind = DescriptorKind::Socket;
                descriptor.inode = Some(inode);
            }
            FileLink::Pipe(inode) => {
                descriptor.kind = DescriptorKind::Pipe;
                descriptor.inode = Some(inode);
            }
            FileLink::Memory(name) => descriptor.name = name.to_owned(),
            FileLink::Anonymous(name) => descriptor.name = name.to_owned(),
        }
        Ok(Some(descriptor))
    }

    fn file(&self, to: &mut Descriptor, link: &Path, info: &FdInfo, name: &[u8], is_marked: bool) {
        let is_local = info.mount_id.is_some_and(|mount| self.local_mounts.contains(&mount));
        // Through the link of the descriptor: no path is walked.
        let metadata = is_local.then(|| std::fs::metadata(link).ok()).flatten();
        let has_name = metadata.as_ref().is_some_and(|metadata| metadata.nlink() > 0);
        to.is_deleted = is_marked && !has_name;
        to.name = if to.is_deleted { link::without_mark(name) } else { name }.to_owned();
        to.kind = match &metadata {
            Some(metadata) => kind_of(metadata.file_type()),
            None if info.is_directory() => DescriptorKind::Directory,
            None if name.starts_with(b"/dev/") => DescriptorKind::Device,
            None => DescriptorKind::File,
        };
        to.position = info
            .position
            .filter(|_| matches!(to.kind, DescriptorKind::File | DescriptorKind::Device))
            .filter(|_| to.access != Some(FileAccess::Path));
        if let Some(metadata) = &metadata {
            to.inode = Some(metadata.ino());
            to.size_bytes = (to.kind == DescriptorKind::File).then_some(metadata.len());
        }
    }
}

fn kind_of(file_type: std::fs::FileType) -> DescriptorKind {
    if file_type.is_dir() {
        DescriptorKind::Directory
    } else if file_type.is_char_device() || file_type.is_block_device() {
        DescriptorKind::Device
    } else if file_type.is_fifo() {
        DescriptorKind::Pipe
    } else if file_type.is_socket() {
        DescriptorKind::Socket
    } else {
        DescriptorKind::File
    }
}

#[cfg(test)]
mod tests;
