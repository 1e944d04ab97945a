//! `/proc/diskstats`: what each block device did since boot.

use crate::bytes::{lines, number, words};

/// The unit of `sectors` in kernel statistics, whatever the device's own sector size.
pub const SECTOR_BYTES: u64 = 512;

/// Counters since boot, as they stand in the file. Times are in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskStat<'t> {
    pub name: &'t [u8],
    pub reads: u64,
    pub reads_merged: u64,
    pub sectors_read: u64,
    pub read_ms: u64,
    pub writes: u64,
    pub writes_merged: u64,
    pub sectors_written: u64,
    pub write_ms: u64,
    pub in_flight: u64,
    pub busy_ms: u64,
    pub queue_ms: u64,
    /// Since Linux 4.18.
    pub discards: Option<u64>,
    /// Since Linux 5.5.
    pub flushes: Option<u64>,
}

/// One item per line that has the fields every kernel has; other lines are passed over.
///
/// ` 254       0 vda 212996 21165 9119074 338289 24113 34919 6040304 15539 0 11972 354874 10253 26 827072 924 3414 121`
pub fn parse_diskstats(text: &[u8]) -> impl Iterator<Item = DiskStat<'_>> {
    lines(text).filter_map(parse_line)
}

fn parse_line(line: &[u8]) -> Option<DiskStat<'_>> {
    let mut words = words(line);
    let name = words.nth(2)?;
    let mut next = || words.next().and_then(number);
    Some(DiskStat {
        name,
        reads: next()?,
        reads_merged: next()?,
        sectors_read: next()?,
        read_ms: next()?,
        writes: next()?,
        writes_merged: next()?,
        sectors_written: next()?,
        write_ms: next()?,
        in_flight: next()?,
        busy_ms: next()?,
        queue_ms: next()?,
        discards: next(),
        flushes: words.nth(3).and_then(number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_lines() {
        let text = b" 254 0 vda 1 2 3 4 5 6 7 8 9 10 11 12 26 827072 924 3414 121\n   8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n 8 1 sda1 1 2 3\n";
        let disks: Vec<_> = parse_diskstats(text).collect();
        assert_eq!(disks.len(), 2, "a line of the 2.4 kind is passed over");
        assert_eq!((disks[0].queue_ms, disks[0].discards, disks[0].flushes), (11, Some(12), Some(3414)));
        assert_eq!((disks[1].name, disks[1].discards, disks[1].flushes), (&b"sda"[..], None, None));
    }
}
