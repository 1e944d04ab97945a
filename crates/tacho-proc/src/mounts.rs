//! `/proc/PID/mountinfo`, and which mounts hold data of their own.

use std::collections::HashMap;

use crate::bytes::{lines, number, words};

/// File systems over a network; their source is a server rather than a device.
const NETWORK_TYPES: [&str; 16] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.glusterfs",
    "fuse.sshfs",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
    "virtiofs",
];

/// Local file systems whose source is not a path below `/dev`.
const LOCAL_TYPES: [&str; 3] = ["bcachefs", "btrfs", "zfs"];

/// Images: always full, and never to be written.
const IMAGE_TYPES: [&str; 5] = ["cramfs", "erofs", "iso9660", "squashfs", "udf"];

/// File systems of this kernel alone, which say what a file is without asking a disk that may hang, another machine or
/// a program. One that stands on others, such as an overlay, may ask those.
const IMMEDIATE_TYPES: [&[u8]; 22] = [
    b"bcachefs",
    b"btrfs",
    b"cgroup",
    b"cgroup2",
    b"devpts",
    b"devtmpfs",
    b"erofs",
    b"exfat",
    b"ext2",
    b"ext3",
    b"ext4",
    b"f2fs",
    b"hugetlbfs",
    b"iso9660",
    b"proc",
    b"ramfs",
    b"squashfs",
    b"sysfs",
    b"tmpfs",
    b"udf",
    b"vfat",
    b"xfs",
];

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// `major:minor`; the same for all mounts of one file system.
    pub device_number: String,
    /// Which directory of the file system is mounted; `/` unless it is a bind mount or a subvolume.
    pub root: String,
    pub mount_point: String,
    pub fs_type: String,
    /// A device, or a server and path.
    pub source: String,
    /// Mounted read-only.
    pub read_only: bool,
}

impl Mount {
    /// Answers may take for ever, because they come from another machine or from a program.
    pub fn is_remote(&self) -> bool {
        NETWORK_TYPES.contains(&self.fs_type.as_str()) || self.fs_type.starts_with("fuse")
    }

    /// Holds data rather than a view of the kernel, of memory, of an image or of other file systems.
    fn holds_data(&self) -> bool {
        if IMAGE_TYPES.contains(&self.fs_type.as_str()) {
            return false;
        }
        let fs_type = self.fs_type.as_str();
        // The root is what everything else stands on, whatever it is made of (an overlay in a container).
        self.mount_point == "/"
            || NETWORK_TYPES.contains(&fs_type)
            || LOCAL_TYPES.contains(&fs_type)
            || self.source.starts_with("/dev/")
    }
}

/// `27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard`
pub fn parse_mountinfo(text: &[u8]) -> Vec<Mount> {
    lines(text).filter_map(parse_line).collect()
}

/// Numbers of those mounts whose open files can be looked at without a wait.
pub fn parse_local_mounts(text: &[u8]) -> impl Iterator<Item = u64> {
    lines(text).filter_map(|line| {
        let id = words(line).next().and_then(number)?;
        let fs_type = words(line).skip_while(|field| *field != b"-").nth(1)?;
        IMMEDIATE_TYPES.contains(&fs_type).then_some(id)
    })
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = words(line).skip(2);
    let device_number = String::from_utf8_lossy(fields.next()?).into_owned();
    let (root, mount_point) = (unescape(fields.next()?), unescape(fields.next()?));
    let read_only = fields.next()?.split(|byte| *byte == b',').any(|option| option == b"ro");
    // Any number of optional fields, then a lone dash.
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let (fs_type, source) = (unescape(fields.next()?), unescape(fields.next()?));
    Some(Mount { device_number, root, mount_point, fs_type, source, read_only })
}

/// Undoes the octal escapes of space, tab, line feed and backslash.
fn unescape(field: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The mounts worth a row: each file system that holds data once, at its plainest place, ordered by mount
/// point, at most `limit`. Of two mounts on one place only the upper is reachable.
pub fn data_mounts(mounts: Vec<Mount>, limit: usize) -> Vec<Mount> {
    let mut reachable: HashMap<String, Mount> = HashMap::new();
    for mount in mounts {
        reachable.insert(mount.mount_point.clone(), mount);
    }
    let mut kept: Vec<Mount> = reachable.into_values().filter(Mount::holds_data).collect();
    kept.sort_by(|a, b| plainness(a).cmp(&plainness(b)));
    kept.dedup_by(|later, first| later.device_number == first.device_number);
    kept.sort_by(|a, b| a.mount_point.cmp(&b.mount_point));
    kept.truncate(limit);
    kept
}

/// Mounts of one file system come one after the other, the whole of it before parts, short paths before long.
fn plainness(mount: &Mount) -> (&str, bool, usize, &str) {
    (&mount.device_number, mount.root != "/", mount.mount_point.len(), &mount.mount_point)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<String> {
        data_mounts(parse_mountinfo(text.as_bytes()), 10).into_iter().map(|mount| mount.mount_point).collect()
    }

    #[test]
    fn mounts_of_other_machines_and_programs_are_not_local() {
        let text = b"27 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n\
            28 27 0:9 / /mnt rw - nfs4 nas:/x rw\n\
            29 27 0:9 / /home rw master:1 - fuse.sshfs a:/ rw\n\
            30 27 0:9 / /var/lib/x rw - overlay overlay rw\n\
            31 27 0:9 / /tmp rw - tmpfs tmpfs rw\n\
            x 27 0:9 / /tmp rw - tmpfs tmpfs rw\n32 27 -\n33 -";
        assert_eq!(parse_local_mounts(text).collect::<Vec<_>>(), [27, 31]);
    }

    #[test]
    fn each_file_system_with_data_once() {
        let text = "\
22 27 0:21 / /proc rw - proc proc rw
24 27 0:6 / /dev rw - devtmpfs devtmpfs rw
25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw
26 27 8:1 /srv/data /bind rw shared:7 master:1 - ext4 /dev/sda1 rw
27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
28 27 7:1 / /snap/core ro - squashfs /dev/loop1 ro
29 27 0:50 / /mnt/nfs rw - nfs4 server:/export rw
30 27 0:60 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
31 27 0:70 /@home /home ro - btrfs /dev/sdb rw
32 27 0:71 / /run/user/0 rw - fuse.portal portal rw";
        assert_eq!(places(text), ["/", "/home", "/mnt/nfs"]);
        let mounts = data_mounts(parse_mountinfo(text.as_bytes()), 10);
        assert_eq!((mounts[1].read_only, mounts[0].read_only), (true, false));
        assert_eq!((mounts[2].is_remote(), mounts[0].is_remote()), (true, false));
    }

    #[test]
    fn the_root_of_a_container_counts_and_what_is_mounted_over_does_not() {
        assert_eq!(places("1 0 0:30 / / rw - overlay overlay rw"), ["/"]);
        assert_eq!(places("1 0 8:1 / /a rw - ext4 /dev/sda1 rw\n2 0 0:9 / /a rw - tmpfs tmpfs rw"), [""; 0]);
    }

    #[test]
    fn escapes() {
        let mounts = parse_mountinfo(br"1 0 8:1 / /with\040space\134 rw - ext4 /dev/sda1 rw");
        assert_eq!(mounts[0].mount_point, r"/with space\");
        assert_eq!(parse_mountinfo(b"1 0 8:1 / /a rw ext4 /dev/sda1\n1 2 3"), []);
    }
}
