//! Processes that do a piece of work and end, of which the system says what they used.

#![expect(unsafe_code, reason = "children that only do what they are told, and their exact usage")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// A child; it has to be waited for.
pub(crate) struct Child {
    pub(crate) pid: u32,
}

/// What the system says of a child at its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) status: i32,
    pub(crate) cpu_us: u64,
}

/// Two ends of a pipe; what reads comes first.
pub(crate) fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: the kernel fills the array, which lives across the call.
    assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
    // SAFETY: the kernel has just made both, and nobody else knows them.
    ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) }).into()
}

impl Child {
    /// Starts a copy of this process that does `work` and ends with its answer. The work may call the system
    /// and nothing that takes a lock or memory.
    pub(crate) fn start(work: impl FnOnce() -> i32) -> Self {
        // SAFETY: the copy has this thread only, calls the system only, and never returns from here.
        match unsafe { libc::fork() } {
            // SAFETY: ends at once, without what a return would run.
            0 => unsafe { libc::_exit(work()) },
            pid => Self { pid: u32::try_from(pid).expect("a child") },
        }
    }

    /// Waits until it has ended, and leaves it there.
    pub(crate) fn wait_for_end(&self) {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: the kernel fills the structure, which lives across the call.
        let result =
            unsafe { libc::waitid(libc::P_PID, self.pid, info.as_mut_ptr(), libc::WEXITED | libc::WNOWAIT) };
        assert_eq!(result, 0);
    }

    pub(crate) fn wait(self) -> Usage {
        let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
        let pid = i32::try_from(self.pid).expect("a pid");
        // SAFETY: the kernel fills both, which live across the call.
        let usage = unsafe {
            assert_eq!(libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()), pid);
            usage.assume_init()
        };
        let us = |time: libc::timeval| u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec).expect("a time");
        Usage { status, cpu_us: us(usage.ru_utime) + us(usage.ru_stime) }
    }
}

/// Uses so much CPU time.
pub(crate) fn burn(us: u64) {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        // SAFETY: the kernel fills the timespec, which lives across the call.
        unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
        if u64::try_from(time.tv_sec * 1_000_000 + time.tv_nsec / 1000).unwrap_or(u64::MAX) >= us {
            return;
        }
    }
}

/// Writes, or sends, `bytes` zeros in pieces of `piece`.
pub(crate) fn write(to: &OwnedFd, bytes: usize, piece: usize) {
    let zeros = [0u8; 16 << 10];
    let mut left = bytes;
    while left > 0 {
        let length = left.min(piece).min(zeros.len());
        // SAFETY: `zeros` is longer than `length`.
        let written = unsafe { libc::write(to.as_raw_fd(), zeros.as_ptr().cast(), length) };
        left -= usize::try_from(written).unwrap_or_else(|_| end_of_child());
    }
}

/// Writes a number, for [`hear`].
pub(crate) fn tell(to: &OwnedFd, number: u32) {
    let bytes = number.to_ne_bytes();
    // SAFETY: so many bytes are there.
    let written = unsafe { libc::write(to.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    if usize::try_from(written) != Ok(bytes.len()) {
        end_of_child();
    }
}

/// Reads a number, which fits into a pipe in one piece.
pub(crate) fn hear(from: &OwnedFd) -> u32 {
    let mut bytes = [0; 4];
    // SAFETY: there is room for so many.
    let read = unsafe { libc::read(from.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
    assert_eq!(read, 4);
    u32::from_ne_bytes(bytes)
}

/// Reads, or receives, exactly so many bytes.
pub(crate) fn read(from: &OwnedFd, bytes: usize) {
    receive(from, bytes, 0);
}

/// Receives exactly so many bytes, or looks at them only.
pub(crate) fn receive(from: &OwnedFd, bytes: usize, flags: i32) {
    let mut buffer = [0u8; 16 << 10];
    let mut left = bytes;
    while left > 0 {
        let length = left.min(buffer.len());
        // SAFETY: `buffer` is longer than `length`.
        let read = unsafe {
            match flags {
                0 => libc::read(from.as_raw_fd(), buffer.as_mut_ptr().cast(), length),
                _ => libc::recv(from.as_raw_fd(), buffer.as_mut_ptr().cast(), length, flags),
            }
        };
        match usize::try_from(read) {
            Ok(read) if read > 0 => left -= read,
            _ => end_of_child(),
        }
    }
}

/// Sends the whole of a file of `bytes`.
pub(crate) fn send_file(to: &OwnedFd, file: &OwnedFd, bytes: usize) {
    let (mut offset, mut left) = (0, bytes);
    while left > 0 {
        // SAFETY: the kernel changes `offset`, which lives across the call.
        let sent = unsafe { libc::sendfile(to.as_raw_fd(), file.as_raw_fd(), &raw mut offset, left) };
        left -= usize::try_from(sent).unwrap_or_else(|_| end_of_child());
    }
}

/// Closes a descriptor of this process's own table; whoever owns it must not use it any more.
pub(crate) fn close(descriptor: &OwnedFd) {
    // SAFETY: takes no pointer; in a child that leaves without a return nobody closes it once more.
    unsafe { libc::close(descriptor.as_raw_fd()) };
}

/// A child can not panic: that takes memory.
fn end_of_child() -> ! {
    // SAFETY: ends at once.
    unsafe { libc::_exit(99) }
}

/// Makes this process end by a signal.
pub(crate) fn raise(signal: i32) -> i32 {
    // SAFETY: takes no pointers.
    unsafe { libc::raise(signal) }
}

/// `read_bytes` and `write_bytes` of a process.
pub(crate) fn disk_use(pid: u32) -> io::Result<(u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/io"))?;
    let of = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    };
    Ok((of("read_bytes:"), of("write_bytes:")))
}
