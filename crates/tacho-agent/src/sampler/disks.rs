//! Block devices: `/proc/diskstats`.

use std::path::{Path, PathBuf};

use tacho_model::tables::{disk, host};
use tacho_model::{Block, Row};
use tacho_proc::{Buffer, DiskStat, KeptFile, SECTOR_BYTES, parse_diskstats};

use super::Tick;
use super::delta::{add, grown};
use super::status::Status;

/// More block devices than this are left out and said so.
const MAX_DISKS: usize = 1024;

/// Devices in `/sys/block` that are made of memory or of files, not disks of their own.
const NOT_DISKS: [&str; 4] = ["loop", "ram", "zram", "fd"];

#[derive(Debug)]
pub(super) struct Disks {
    file: KeptFile,
    sys_root: PathBuf,
    known: Vec<Disk>,
    pub(super) status: Status,
}

#[derive(Debug)]
struct Disk {
    name: String,
    whole: bool,
    /// Tick that saw it last.
    seen: u64,
    /// The newest counters; without the name.
    before: Option<DiskStat<'static>>,
}

/// Sums over whole disks.
#[derive(Debug, Default)]
struct Totals {
    read_bytes: Option<u64>,
    write_bytes: Option<u64>,
    busy_us_max: Option<u64>,
}

impl Disks {
    pub(super) fn new(proc_root: &Path, sys_root: &Path) -> Self {
        Self {
            file: KeptFile::new(proc_root, "diskstats"),
            sys_root: sys_root.to_owned(),
            known: Vec::new(),
            status: Status::new("disk"),
        }
    }

    pub(super) fn collect(
        &mut self,
        tick: &Tick,
        buffer: &mut Buffer,
        host: &mut Row<'_>,
        block: &mut Block,
    ) {
        let Some(text) = self.status.note("disks", self.file.read(buffer)) else { return self.known.clear() };
        let mut totals = Totals::default();
        let mut expected = 0;
        for stat in parse_diskstats(text) {
            let Some(position) = position(&mut self.known, expected, &stat, &self.sys_root) else { continue };
            expected = position + 1;
            let Some(known) = self.known.get_mut(position) else { continue };
            known.seen = tick.number;
            let before = known.before.replace(DiskStat { name: b"", ..stat });
            write_row(known, &stat, before.as_ref(), block, &mut totals);
        }
        self.known.retain(|disk| disk.seen == tick.number);
        if self.known.len() >= MAX_DISKS {
            self.status.absent("disks beyond the first 1024", "too many");
        }
        host.optional(host::DISK_READ_BYTES, totals.read_bytes)
            .optional(host::DISK_WRITE_BYTES, totals.write_bytes)
            .optional(host::DISK_BUSY_US_MAX, totals.busy_us_max);
    }
}

/// Where the device is among the known ones; it is expected at `expected`, as the order seldom changes. A device
/// that never did anything (empty loop devices) is not taken in.
fn position(known: &mut Vec<Disk>, expected: usize, stat: &DiskStat<'_>, sys_root: &Path) -> Option<usize> {
    let is_it = |disk: &Disk| disk.name.as_bytes() == stat.name;
    if known.get(expected).is_some_and(is_it) {
        return Some(expected);
    }
    if let Some(position) = known.iter().position(is_it) {
        return Some(position);
    }
    if (stat.reads == 0 && stat.writes == 0) || known.len() >= MAX_DISKS {
        return None;
    }
    let name = std::str::from_utf8(stat.name).ok()?.to_owned();
    let whole = is_whole(&name, sys_root);
    known.push(Disk { name, whole, seen: 0, before: None });
    Some(known.len() - 1)
}

/// A disk of its own: no partition, not made of other block devices, of memory or of a file.
fn is_whole(name: &str, sys_root: &Path) -> bool {
    // The kernel writes a slash in a device's name as an exclamation mark.
    let directory = sys_root.join("block").join(name.replace('/', "!"));
    let made_of_others =
        || std::fs::read_dir(directory.join("slaves")).is_ok_and(|mut slaves| slaves.next().is_some());
    !NOT_DISKS.iter().any(|prefix| name.starts_with(prefix)) && directory.is_dir() && !made_of_others()
}

fn write_row(
    known: &Disk,
    now: &DiskStat<'_>,
    before: Option<&DiskStat<'_>>,
    block: &mut Block,
    totals: &mut Totals,
) {
    let grown = |of: fn(&DiskStat<'_>) -> u64| grown(Some(of(now)), before.map(of));
    let scaled = |of, factor: u64| grown(of).and_then(|count| count.checked_mul(factor));
    let read_bytes = scaled(|stat| stat.sectors_read, SECTOR_BYTES);
    let write_bytes = scaled(|stat| stat.sectors_written, SECTOR_BYTES);
    let busy_us = scaled(|stat| stat.busy_ms, 1000);
    if known.whole {
        add(&mut totals.read_bytes, read_bytes);
        add(&mut totals.write_bytes, write_bytes);
        totals.busy_us_max = totals.busy_us_max.max(busy_us);
    }
    let later = |of: fn(&DiskStat<'_>) -> Option<u64>| super::delta::grown(of(now), before.and_then(of));
    block
        .push()
        .text(disk::DEVICE, &known.name)
        .integer(disk::WHOLE, i64::from(known.whole))
        .optional(disk::READS, grown(|stat| stat.reads))
        .optional(disk::WRITES, grown(|stat| stat.writes))
        .optional(disk::READ_BYTES, read_bytes)
        .optional(disk::WRITE_BYTES, write_bytes)
        .optional(disk::READS_MERGED, grown(|stat| stat.reads_merged))
        .optional(disk::WRITES_MERGED, grown(|stat| stat.writes_merged))
        .optional(disk::READ_US, scaled(|stat| stat.read_ms, 1000))
        .optional(disk::WRITE_US, scaled(|stat| stat.write_ms, 1000))
        .optional(disk::BUSY_US, busy_us)
        .optional(disk::QUEUE_US, scaled(|stat| stat.queue_ms, 1000))
        .unsigned(disk::IN_FLIGHT, now.in_flight)
        .optional(disk::DISCARDS, later(|stat| stat.discards))
        .optional(disk::FLUSHES, later(|stat| stat.flushes));
}
