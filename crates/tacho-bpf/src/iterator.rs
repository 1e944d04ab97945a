//! Runs programs that the kernel calls for each thing of a kind: each task, each open file.

#![expect(unsafe_code, reason = "the loader gives no descriptor of an iterator's link to open it anew")]

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::mem::size_of;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use crate::pass::Pass;
use crate::records::next_task;

const LINK_CREATE: libc::c_long = 28;
const ITER_CREATE: libc::c_long = 33;
const ATTACH_TRACE_ITER: u32 = 28;

/// Twice what the kernel hands over at once.
const BUFFER_BYTES: usize = 64 << 10;

/// The kernel asks to be read again so often at most without giving anything.
const PATIENCE: u32 = 64;

/// An attached iterator; each pass opens it anew.
#[derive(Debug)]
pub(crate) struct Iterator {
    link: OwnedFd,
}

/// One that tells of tasks.
#[derive(Debug)]
pub(crate) struct TaskIterator {
    iterator: Iterator,
    buffer: Vec<u8>,
}

/// A pass that goes on.
#[derive(Debug)]
pub(crate) struct Reading {
    file: File,
    patience: u32,
}

/// The part of `union bpf_attr` for the two calls; the kernel takes what follows as zeros.
#[repr(C)]
struct LinkAttributes {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
}

#[repr(C)]
struct IterAttributes {
    link: u32,
    flags: u32,
}

impl Iterator {
    pub(crate) fn attach(program: BorrowedFd<'_>) -> io::Result<Self> {
        let program = u32::try_from(program.as_raw_fd()).map_err(io::Error::other)?;
        let attributes = LinkAttributes { program, target: 0, attach_type: ATTACH_TRACE_ITER, flags: 0 };
        Ok(Self { link: call(LINK_CREATE, &attributes)? })
    }

    /// Makes a pass with a program that tells nothing.
    pub(crate) fn run(&self) -> io::Result<()> {
        let mut reading = self.open()?;
        while reading.read(&mut [0; 64])? > 0 {}
        Ok(())
    }

    pub(crate) fn open(&self) -> io::Result<Reading> {
        let link = u32::try_from(self.link.as_raw_fd()).map_err(io::Error::other)?;
        let file = File::from(call(ITER_CREATE, &IterAttributes { link, flags: 0 })?);
        Ok(Reading { file, patience: PATIENCE })
    }
}

impl TaskIterator {
    pub(crate) fn new(iterator: Iterator) -> Self {
        Self { iterator, buffer: vec![0; BUFFER_BYTES] }
    }

    /// Makes a pass over all tasks.
    pub(crate) fn read(&mut self, pass: &mut Pass) -> io::Result<()> {
        let mut reading = self.iterator.open()?;
        let mut kept = 0;
        loop {
            let read = reading.read(self.buffer.get_mut(kept..).unwrap_or_default())?;
            if read == 0 {
                return Ok(());
            }
            let filled = kept + read;
            let mut rest = self.buffer.get(..filled).unwrap_or_default();
            while let Some(record) = next_task(&mut rest) {
                pass.take(record);
            }
            // No record is longer than the buffer, so there is always room for more.
            kept = rest.len();
            self.buffer.copy_within(filled - kept..filled, 0);
        }
    }
}

impl Reading {
    /// 0 at the end.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(room) {
                Err(error) if may_try_again(&error) && self.patience > 0 => self.patience -= 1,
                read => return read,
            }
        }
    }
}

fn may_try_again(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

/// A call of `bpf(2)` that gives a new descriptor.
fn call<T>(command: libc::c_long, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads `attributes`, which live across the call, and no more than their size.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<T>()) };
    let descriptor = i32::try_from(result).map_err(io::Error::other)?;
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
