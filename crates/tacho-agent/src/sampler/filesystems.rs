//! Mounted file systems that hold data.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tacho_model::Block;
use tacho_model::tables::filesystem;
use tacho_proc::{Buffer, FileSystemUsage, KeptFile, Mount, data_mounts, parse_mountinfo, statvfs};

use super::Tick;
use super::every::Every;
use super::patience::Patience;
use super::status::Status;

/// Rows at most: the first by mount point.
const MAX_FILE_SYSTEMS: usize = 256;

/// How long a file system from elsewhere may take to answer; a healthy one needs a millisecond.
const ANSWER_LIMIT: Duration = Duration::from_millis(100);

/// One that did not answer is left alone for so long.
const PAUSE_US: u64 = 600_000_000;

#[derive(Debug)]
pub(super) struct FileSystems {
    mountinfo: KeptFile,
    every: Every,
    patience: Patience<PathBuf, io::Result<FileSystemUsage>>,
    /// Those that did not answer, and when to ask them again.
    silent: Vec<(String, u64)>,
    pub(super) status: Status,
}

impl FileSystems {
    pub(super) fn new(proc_root: &Path, interval: Duration) -> Self {
        Self {
            mountinfo: KeptFile::new(proc_root, "self/mountinfo"),
            every: Every::new(interval),
            patience: Patience::new("tacho-statvfs", |path| statvfs(&path)),
            silent: Vec::new(),
            status: Status::new("filesystem"),
        }
    }

    pub(super) fn collect(&mut self, tick: &Tick, buffer: &mut Buffer, block: &mut Block) {
        let Some(since_ms) = self.every.due(tick) else { return };
        block.interval_ms = since_ms;
        let mounts = self.mountinfo.read(buffer).map(parse_mountinfo);
        let Some(mounts) = self.status.note("mounts", mounts) else { return };
        self.status.remarks.clear();
        self.silent.retain(|(_, until_us)| *until_us > tick.now_us);
        for mount in data_mounts(mounts, MAX_FILE_SYSTEMS) {
            let usage = self.usage(&mount, tick.now_us);
            write_row(&mount, usage, block);
        }
    }

    fn usage(&mut self, mount: &Mount, now_us: u64) -> Option<FileSystemUsage> {
        let answer = if mount.is_remote() {
            self.ask(mount, now_us)
        } else {
            Some(statvfs(Path::new(&mount.mount_point)))
        };
        let problem = match answer {
            Some(Ok(usage)) => return Some(usage),
            Some(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => "denied".to_owned(),
            Some(Err(error)) => error.to_string(),
            None => "does not answer".to_owned(),
        };
        self.status.remarks.push(format!("size of {}: {problem}", mount.mount_point));
        None
    }

    fn ask(&mut self, mount: &Mount, now_us: u64) -> Option<io::Result<FileSystemUsage>> {
        if self.silent.iter().any(|(mount_point, _)| *mount_point == mount.mount_point) {
            return None;
        }
        let answer = self.patience.ask(PathBuf::from(&mount.mount_point), ANSWER_LIMIT);
        if answer.is_none() {
            tracing::warn!(
                mount_point = mount.mount_point,
                "a file system does not answer; asked again in ten minutes"
            );
            self.silent.push((mount.mount_point.clone(), now_us.saturating_add(PAUSE_US)));
        }
        answer
    }
}

fn write_row(mount: &Mount, usage: Option<FileSystemUsage>, block: &mut Block) {
    let read_only = usage.map_or(mount.read_only, |usage| usage.read_only || mount.read_only);
    block
        .push()
        .text(filesystem::MOUNT_POINT, &mount.mount_point)
        .text(filesystem::DEVICE, &mount.source)
        .text(filesystem::FS_TYPE, &mount.fs_type)
        .optional(filesystem::SIZE_BYTES, usage.map(|usage| usage.size_bytes))
        .optional(filesystem::USED_BYTES, usage.map(|usage| usage.used_bytes))
        .optional(filesystem::AVAILABLE_BYTES, usage.map(|usage| usage.available_bytes))
        .optional(filesystem::INODES, usage.and_then(|usage| usage.inodes))
        .optional(filesystem::INODES_USED, usage.and_then(|usage| usage.inodes_used))
        .integer(filesystem::READ_ONLY, i64::from(read_only));
}
