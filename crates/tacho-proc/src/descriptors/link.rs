//! Texts of links in `/proc/PID/fd`, and of files in `/proc/PID/fdinfo`.

use super::FileAccess;
use crate::bytes::{key_and_rest, lines};
use crate::number;

/// What the kernel writes behind the path of a file that has none any more; a file may also be called so.
const DELETED: &[u8] = b" (deleted)";
/// How the kernel names memory that was made to be held like a file.
const MEMORY: &[u8] = b"/memfd:";

/// Access, the lowest two bits of the flags.
const ACCESS: u32 = 3;
const WRITE_ONLY: u32 = 1;
const READ_WRITE: u32 = 2;

/// What a link in `fd` leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileLink<'a> {
    Path {
        path: &'a [u8],
        is_marked_deleted: bool,
    },
    /// Of this inode.
    Socket(u64),
    Pipe(u64),
    /// Made by `memfd_create`, under this name.
    Memory(&'a [u8]),
    /// Neither: `anon_inode:[eventfd]`, `net:[4026531840]`.
    Anonymous(&'a [u8]),
}

/// Sorts the text of a link; anything that does not begin with a slash and is no socket and no pipe is anonymous.
pub fn parse_file_link(link: &[u8]) -> FileLink<'_> {
    let inode = |kind: &[u8]| link.strip_prefix(kind)?.strip_suffix(b"]").and_then(number);
    if let Some(inode) = inode(b"socket:[") {
        return FileLink::Socket(inode);
    }
    if let Some(inode) = inode(b"pipe:[") {
        return FileLink::Pipe(inode);
    }
    let is_marked_deleted = link.ends_with(DELETED);
    match link {
        [b'/', ..] if is_marked_deleted && link.starts_with(MEMORY) => {
            FileLink::Memory(without_mark(link).get(1..).unwrap_or_default())
        }
        [b'/', ..] => FileLink::Path { path: link, is_marked_deleted },
        _ => FileLink::Anonymous(link),
    }
}

/// The path as it was before the file was deleted.
pub(super) fn without_mark(path: &[u8]) -> &[u8] {
    path.strip_suffix(DELETED).unwrap_or(path)
}

/// What `fdinfo` says of any descriptor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FdInfo {
    pub position: Option<u64>,
    /// As it was opened, and changed since (`O_*`).
    pub flags: Option<u32>,
    pub mount_id: Option<u64>,
    /// Since Linux 5.14.
    pub inode: Option<u64>,
}

/// Reads `pos`, `flags`, `mnt_id` and `ino`; lines of other names, and those in an unknown form, are passed over.
pub fn parse_fdinfo(text: &[u8]) -> FdInfo {
    let mut info = FdInfo::default();
    for (key, value) in lines(text).filter_map(|line| key_and_rest(line, b':')) {
        // The first counts: what descriptors of some kinds say further on is of something else.
        match key {
            b"pos" => info.position = info.position.or(number(value)),
            b"flags" => info.flags = info.flags.or(octal(value)),
            b"mnt_id" => info.mount_id = info.mount_id.or(number(value)),
            b"ino" => info.inode = info.inode.or(number(value)),
            _ => {}
        }
    }
    info
}

impl FdInfo {
    pub(super) fn access(&self) -> Option<FileAccess> {
        let flags = self.flags?;
        if flags & libc::O_PATH.cast_unsigned() != 0 {
            return Some(FileAccess::Path);
        }
        Some(match flags & ACCESS {
            WRITE_ONLY => FileAccess::Write,
            READ_WRITE => FileAccess::ReadWrite,
            // 3 is for calls that control a device only.
            _ => FileAccess::Read,
        })
    }

    pub(super) fn is_directory(&self) -> bool {
        self.flags.is_some_and(|flags| flags & libc::O_DIRECTORY.cast_unsigned() != 0)
    }
}

fn octal(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 7)?;
        value.checked_mul(8)?.checked_add(u32::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_sorted_by_what_they_lead_to() {
        use FileLink::*;
        let path = |path: &'static str, is_marked_deleted| Path { path: path.as_bytes(), is_marked_deleted };
        for (link, expected) in [
            ("socket:[29366]", Socket(29366)),
            ("pipe:[7]", Pipe(7)),
            ("/tmp/a b", path("/tmp/a b", false)),
            ("/tmp/a (deleted)", path("/tmp/a (deleted)", true)),
            ("/socket:[1]", path("/socket:[1]", false)),
            ("/memfd:shm (deleted)", Memory(b"memfd:shm")),
            ("/memfd:shm", path("/memfd:shm", false)),
            ("anon_inode:[eventfd]", Anonymous(b"anon_inode:[eventfd]")),
            ("net:[4026531840]", Anonymous(b"net:[4026531840]")),
            ("socket:[x]", Anonymous(b"socket:[x]")),
            ("", Anonymous(b"")),
        ] {
            assert_eq!(parse_file_link(link.as_bytes()), expected, "{link}");
        }
        assert_eq!(without_mark(b"/a (deleted) (deleted)"), b"/a (deleted)");
    }

    #[test]
    fn the_first_of_each_line_of_fdinfo_counts() {
        let text =
            b"pos:\t4096\nflags:\t0102002\nmnt_id:\t27\nino:\t99\ntfd: 5 events: 19 pos:0 ino:7\nino: 3\n";
        let info = parse_fdinfo(text);
        let expected =
            FdInfo { position: Some(4096), flags: Some(0o10_2002), mount_id: Some(27), inode: Some(99) };
        assert_eq!(
            (info, info.access(), info.is_directory()),
            (expected, Some(FileAccess::ReadWrite), false)
        );
        let flags = |text: &str| parse_fdinfo(text.as_bytes()).access();
        assert_eq!(flags("flags:\t00"), Some(FileAccess::Read));
        assert_eq!(flags("flags:\t01"), Some(FileAccess::Write));
        assert_eq!(flags("flags:\t012000000"), Some(FileAccess::Path));
        for nonsense in ["flags:\t08", "flags:", "flags:\t77777777777777", "", "pos"] {
            assert_eq!(flags(nonsense), None, "{nonsense}");
        }
        assert!(parse_fdinfo(b"flags: 0200000").is_directory());
    }
}
