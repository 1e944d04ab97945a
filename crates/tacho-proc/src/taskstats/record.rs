//! What the kernel tells when a thread ends: `struct taskstats` of `linux/taskstats.h`, by offset, as newer
//! versions add fields at its end.

use crate::process::Comm;

/// The first version that tells which process a thread is of (Linux 5.19).
pub(super) const OLDEST_VERSION: u16 = 12;

/// This one (Linux 6.14) put new fields among the old; the next took that back.
pub(super) const MISLAID_VERSION: u16 = 15;

/// Attributes of a message.
const STATS: u16 = 3;
const OF_THREAD: u16 = 4;
const OF_PROCESS: u16 = 5;

/// Bits of an attribute's kind that say how it is to be read.
const KIND_MASK: u16 = 0x3fff;

/// `AGROUP` of `linux/acct.h`: the last thread of its process.
const LAST_OF_PROCESS: u8 = 0x20;

/// The length of `ac_comm`.
const COMM_BYTES: usize = 32;

/// Offsets in the structure.
const STATUS: usize = 4;
const FLAGS: usize = 8;
const RUNTIME_NS: usize = 72;
const COMM: usize = 80;
const USER_ID: usize = 120;
const THREAD: usize = 128;
const PARENT: usize = 132;
const BEGAN_S: usize = 136;
const ELAPSED_US: usize = 144;
const USER_US: usize = 152;
const SYSTEM_US: usize = 160;
const MAJOR_FAULTS: usize = 176;
const READ_BYTES: usize = 248;
const WRITE_BYTES: usize = 256;
const PROCESS: usize = 368;
const PROCESS_ELAPSED_US: usize = 376;
const PROGRAM_DEVICE: usize = 384;
const PROGRAM_INODE: usize = 392;

/// A thread that ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThreadEnd {
    pub thread: u32,
    pub process: u32,
    /// Nothing of its process is left.
    pub is_last: bool,
    pub parent: u32,
    /// Real user, not the effective one.
    pub user_id: u32,
    /// As a parent that waits is told.
    pub status: u32,
    pub comm: Comm,
    /// It runs no program: the kernel's own.
    pub is_kernel_thread: bool,
    /// Since the start of the process, time asleep not included.
    pub process_elapsed_us: u64,
    /// Seconds since the epoch by the wall clock of that instant, rounded down.
    pub ended_s: u64,
    /// To the nanosecond up to its last scheduler tick; 0 where the kernel was built without delay accounting.
    pub runtime_ns: u64,
    /// As ticks counted it.
    pub user_us: u64,
    pub system_us: u64,
    pub major_faults: u64,
    pub read_bytes: u64,
    pub write_bytes: u64,
    /// Of all threads that the process ever had; with the last of several.
    pub process_runtime_ns: Option<u64>,
}

/// The version of the structure in the attributes of a message.
pub(super) fn version(attributes: &[u8]) -> Option<u16> {
    let (_, stats) = aggregates(attributes).next()?;
    stats.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

/// Reads the attributes of one message. `None`: it tells of no thread, or in a version that is not understood.
pub fn parse_thread_end(attributes: &[u8]) -> Option<ThreadEnd> {
    let version = version(attributes)?;
    if version < OLDEST_VERSION || version == MISLAID_VERSION {
        return None;
    }
    let stats = |wanted| aggregates(attributes).find(|(kind, _)| *kind == wanted).map(|(_, stats)| stats);
    let thread = thread_end(stats(OF_THREAD)?)?;
    let process_runtime_ns = stats(OF_PROCESS).and_then(|stats| u64_at(stats, RUNTIME_NS));
    Some(ThreadEnd { process_runtime_ns, ..thread })
}

fn thread_end(stats: &[u8]) -> Option<ThreadEnd> {
    let elapsed_us = u64_at(stats, ELAPSED_US)?;
    let comm = stats.get(COMM..COMM + COMM_BYTES)?;
    Some(ThreadEnd {
        thread: u32_at(stats, THREAD)?,
        process: u32_at(stats, PROCESS)?,
        is_last: stats.get(FLAGS)? & LAST_OF_PROCESS != 0,
        parent: u32_at(stats, PARENT)?,
        user_id: u32_at(stats, USER_ID)?,
        status: u32_at(stats, STATUS)?,
        comm: Comm::new(comm.split(|byte| *byte == 0).next().unwrap_or_default()),
        is_kernel_thread: u64_at(stats, PROGRAM_DEVICE)? == 0 && u64_at(stats, PROGRAM_INODE)? == 0,
        process_elapsed_us: u64_at(stats, PROCESS_ELAPSED_US)?,
        ended_s: u64::from(u32_at(stats, BEGAN_S)?).saturating_add(elapsed_us / 1_000_000),
        runtime_ns: u64_at(stats, RUNTIME_NS)?,
        user_us: u64_at(stats, USER_US)?,
        system_us: u64_at(stats, SYSTEM_US)?,
        major_faults: u64_at(stats, MAJOR_FAULTS)?,
        read_bytes: u64_at(stats, READ_BYTES)?,
        write_bytes: u64_at(stats, WRITE_BYTES)?,
        process_runtime_ns: None,
    })
}

/// Kind and structure of each thread or process that a message tells of.
fn aggregates(attributes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let aggregates = each_attribute(attributes).filter(|(kind, _)| matches!(*kind, OF_THREAD | OF_PROCESS));
    aggregates.filter_map(|(kind, inner)| {
        let (_, stats) = each_attribute(inner).find(|(kind, _)| *kind == STATS)?;
        Some((kind, stats))
    })
}

/// Kind and value of each netlink attribute, up to the first that is not all there.
pub(super) fn each_attribute(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let [l0, l1, k0, k1] = *rest.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([k0, k1]) & KIND_MASK, value))
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn stats(version: u16, length: usize) -> Vec<u8> {
        let mut stats = vec![0; length.max(400)];
        let mut put = |at: usize, bytes: &[u8]| stats[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &version.to_ne_bytes());
        put(STATUS, &(3u32 << 8).to_ne_bytes());
        put(FLAGS, &[LAST_OF_PROCESS]);
        put(RUNTIME_NS, &5_000_000u64.to_ne_bytes());
        put(COMM, b"name");
        put(THREAD, &8u32.to_ne_bytes());
        put(PROCESS, &7u32.to_ne_bytes());
        put(BEGAN_S, &1000u32.to_ne_bytes());
        put(ELAPSED_US, &2_900_000u64.to_ne_bytes());
        put(PROCESS_ELAPSED_US, &4_000_000u64.to_ne_bytes());
        put(PROGRAM_INODE, &1u64.to_ne_bytes());
        put(WRITE_BYTES, &4096u64.to_ne_bytes());
        stats.truncate(length);
        stats
    }

    fn message(stats: &[u8]) -> Vec<u8> {
        let of_thread = [attribute(1, &8u32.to_ne_bytes()), attribute(STATS, stats)].concat();
        let of_process = [attribute(2, &7u32.to_ne_bytes()), attribute(STATS, stats)].concat();
        [attribute(OF_THREAD, &of_thread), attribute(OF_PROCESS, &of_process)].concat()
    }

    #[test]
    fn a_thread_is_read_in_every_version_that_has_its_process() {
        for (version, length) in [(12, 400), (13, 416), (14, 432), (16, 560), (17, 4000)] {
            let end = parse_thread_end(&message(&stats(version, length))).unwrap();
            assert_eq!((end.thread, end.process, end.is_last, end.is_kernel_thread), (8, 7, true, false));
            assert_eq!((end.status, end.comm.as_bytes()), (3 << 8, b"name".as_slice()));
            assert_eq!((end.ended_s, end.process_elapsed_us, end.write_bytes), (1002, 4_000_000, 4096));
            assert_eq!((end.runtime_ns, end.process_runtime_ns), (5_000_000, Some(5_000_000)));
        }
        for (version, length) in [(11, 400), (15, 560), (12, 399), (13, 0)] {
            assert_eq!(parse_thread_end(&message(&stats(version, length))), None, "{version} {length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..900),
            at in 0usize..450,
            length in 0usize..600,
        ) {
            let _ = parse_thread_end(&bytes);
            let mut message = message(&stats(13, length));
            for (to, from) in message.iter_mut().skip(at).zip(&bytes) {
                *to ^= *from;
            }
            let _ = parse_thread_end(&message);
        }
    }
}
