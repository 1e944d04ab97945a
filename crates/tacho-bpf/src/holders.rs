//! Which process has which socket open.

use std::io;

use aya::{Btf, Ebpf};

use crate::error::BpfError;
use crate::iterator::{Iterator, Reading};
use crate::programs::iterate;
use crate::records::{HOLDER_BYTES, parse_holder};

/// As in `bpf/records.h`: a record without a socket stands for so many files.
const FILES_PER_SIGN: u64 = 16;

/// The kernel goes through files until it has told so much: from 64 to a thousand of them.
const BUFFER_BYTES: usize = 64 * HOLDER_BYTES;

/// A walk through all open files that tells who holds sockets. It goes on without [`Bpf`](crate::Bpf).
#[derive(Debug)]
pub struct Holders {
    iterator: Iterator,
    walk: Option<Reading>,
    buffer: Box<[u8; BUFFER_BYTES]>,
}

impl Holders {
    pub(crate) fn load(object: &mut Ebpf, types: &Btf) -> Result<Self, BpfError> {
        let iterator = iterate(object, types, "socket_holders", "task_file")?;
        Ok(Self { iterator, walk: None, buffer: Box::new([0; BUFFER_BYTES]) })
    }

    /// Begins a walk, or goes on with the one that was begun, through about so many files, and hands over the pid and the
    /// inode of each socket of the internet protocols among them, the lowest pids first. `true`: the walk has ended, as it
    /// does when `take` says `false`.
    pub fn walk(&mut self, files: u64, mut take: impl FnMut(u32, u64) -> bool) -> io::Result<bool> {
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None => self.iterator.open()?,
        };
        let mut left = files;
        while left > 0 {
            let read = walk.read(self.buffer.as_mut_slice())?;
            if read == 0 {
                return Ok(true);
            }
            // The kernel hands over whole records: each fits into what is left of a buffer of whole ones.
            let (records, _) = self.buffer.get(..read).unwrap_or_default().as_chunks();
            for record in records {
                let (pid, inode) = parse_holder(record);
                left = left.saturating_sub(if inode == 0 { FILES_PER_SIGN } else { 1 });
                if inode != 0 && !take(pid, inode) {
                    return Ok(true);
                }
            }
        }
        self.walk = Some(walk);
        Ok(false)
    }

    /// Ends the walk that goes on.
    pub fn stop(&mut self) {
        self.walk = None;
    }
}
