//! A child of the test that does what it is told, under a pid of choice where there is the right to choose.

#![expect(unsafe_code, reason = "the standard library neither forks nor chooses pids")]

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;

/// Orders of one byte; any other is so many milliseconds of CPU time to use.
const END: u8 = 255;
const BECOME_SHELL: u8 = 254;

/// What a child ends with.
pub(super) const CODE: i64 = 7;

/// What the shell is called with that a child becomes; it ends with code 4.
pub(super) const SHELL_COMMAND: &str = "sh -c exit 4 later";

/// A process that was forked and never waited for by anybody else.
#[derive(Debug)]
pub(super) struct Forked {
    pub(super) pid: u32,
    orders: UnixStream,
}

/// The beginning of `struct clone_args`, as of Linux 5.5, which brought the choice of a pid.
#[repr(C)]
#[derive(Debug, Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
}

impl Forked {
    /// Forks, with `pid` if there is one, which has to be free.
    pub(super) fn start(pid: Option<u32>) -> io::Result<Self> {
        let (orders, theirs) = UnixStream::pair()?;
        let wanted = pid.map(|pid| libc::pid_t::try_from(pid).unwrap());
        let arguments = CloneArguments {
            exit_signal: libc::SIGCHLD as u64,
            set_tid: wanted.as_ref().map_or(0, |wanted| std::ptr::from_ref(wanted) as u64),
            set_tid_size: u64::from(wanted.is_some()),
            ..CloneArguments::default()
        };
        let (near, far) = (orders.as_raw_fd(), theirs.as_raw_fd());
        // SAFETY: the arguments live across the call, and a fork copies the stack. The child makes system calls
        // only, until it ends.
        let pid = unsafe {
            match libc::syscall(libc::SYS_clone3, &raw const arguments, size_of_val(&arguments)) {
                0 => obey(near, far),
                pid => pid,
            }
        };
        match u32::try_from(pid) {
            Ok(pid) => Ok(Self { pid, orders }),
            Err(_) => Err(io::Error::last_os_error()),
        }
    }

    /// Has it use so much CPU time, and waits until it did.
    pub(super) fn work_ms(&mut self, ms: u8) {
        assert!(ms < BECOME_SHELL);
        self.orders.write_all(&[ms]).unwrap();
        self.orders.read_exact(&mut [0]).unwrap();
    }

    /// Ends it, and waits for that.
    pub(super) fn end(self) {
        self.order_and_wait(END);
    }

    /// Has it run a shell, which ends at once, and waits for that.
    pub(super) fn become_shell(self) {
        self.order_and_wait(BECOME_SHELL);
    }

    fn order_and_wait(mut self, order: u8) {
        self.orders.write_all(&[order]).unwrap();
        let pid = libc::pid_t::try_from(self.pid).unwrap();
        // SAFETY: no status is asked for.
        assert_eq!(unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) }, pid);
    }
}

/// The child's whole life.
///
/// # Safety
///
/// To be called after a fork only, as it ends the process.
unsafe fn obey(near: RawFd, far: RawFd) -> ! {
    // SAFETY: pointers are to values of this frame or constants, with their sizes; strings end with zero.
    unsafe {
        // With the parent's end closed, the end of the test is the end of this.
        libc::close(near);
        loop {
            let mut order = 0u8;
            if libc::read(far, (&raw mut order).cast(), 1) != 1 {
                libc::_exit(1);
            }
            match order {
                END => libc::_exit(CODE as libc::c_int),
                BECOME_SHELL => {
                    let arguments = [c"sh", c"-c", c"exit 4", c"later"].map(std::ffi::CStr::as_ptr);
                    let [a, b, c, d] = arguments;
                    let arguments = [a, b, c, d, std::ptr::null()];
                    libc::execve(c"/bin/sh".as_ptr(), arguments.as_ptr(), [std::ptr::null()].as_ptr());
                    libc::_exit(1);
                }
                ms => {
                    use_cpu_ms(i64::from(ms));
                    libc::write(far, (&raw const order).cast(), 1);
                }
            }
        }
    }
}

/// Computes until it used so much more CPU time.
fn use_cpu_ms(ms: i64) {
    let used_ns = || {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the kernel fills the timespec, which lives across the call.
        unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    };
    let until_ns = used_ns() + ms * 1_000_000;
    while used_ns() < until_ns {
        std::hint::spin_loop();
    }
}
