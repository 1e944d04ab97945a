//! Listens to the ends of threads by the kernel's `taskstats`, over generic netlink.
//!
//! Takes `CAP_NET_ADMIN`, and the kernel's first network, user and pid namespace. Every end of a thread on the
//! machine then costs the kernel some ten microseconds to tell. What nobody fetches waits in the socket's buffer;
//! when that is full, ends are lost and counted.

mod record;

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use crate::net::netlink::{
    HEADER_BYTES, MESSAGE_ERROR, REQUEST, REQUEST_ACK, open_socket, receive, refusal, send, write_message,
};
use record::{MISLAID_VERSION, OLDEST_VERSION, each_attribute};

pub use record::{ThreadEnd, parse_thread_end};

/// The family that knows the numbers of the others; its request and its attributes.
const CONTROL_FAMILY: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

const NAME: &[u8] = b"TASKSTATS\0";

/// A command of the family and its attributes.
const GET: u8 = 1;
const OF_THREAD: u16 = 1;
const LISTEN_ON_CPUS: u16 = 3;

/// `struct genlmsghdr`.
const COMMAND_BYTES: usize = 4;

/// What the kernel may hold for the listener; it counts twice this for its own overhead. Taken only while it is in
/// use, and enough for some eleven thousand ends. To fetch one takes a microsecond, so a thread that does nothing else
/// would not be cheaper than to fetch them all at each snapshot.
const BUFFER_BYTES: libc::c_int = 8 << 20;

/// The largest message is a kilobyte and a half; newer kernels may tell more.
const MESSAGE_BYTES: usize = 8 << 10;

/// Messages fetched in one call at most: more than the buffer holds.
const MAX_MESSAGES: usize = 65_536;

/// Where `SO_MEMINFO` has the number of messages that found no room, and how many numbers it has.
const DROPS: usize = 8;
const MEMINFO_WORDS: usize = 9;

/// Why ends of threads can not be heard.
#[derive(Debug, thiserror::Error)]
pub enum TaskstatsError {
    #[error("this kernel has no taskstats")]
    Absent { source: io::Error },
    #[error("version {version} of taskstats does not tell which process a thread is of (Linux 5.19)")]
    Version { version: u16 },
    #[error("the kernel refused to tell (it takes CAP_NET_ADMIN)")]
    Refused { source: io::Error },
    #[error("the end of a thread was not told")]
    Deaf,
}

/// Hears of the end of every thread.
#[derive(Debug)]
pub struct ExitListener {
    socket: OwnedFd,
    family: u16,
    sequence: u32,
    buffer: Vec<u8>,
}

impl ExitListener {
    /// Begins to listen on `cpus`, a list as in `/sys/devices/system/cpu/possible`, and looks whether the end of
    /// a thread of this process is told.
    pub fn open(cpus: &str) -> Result<Self, TaskstatsError> {
        Self::open_with(cpus, BUFFER_BYTES)
    }

    fn open_with(cpus: &str, buffer_bytes: libc::c_int) -> Result<Self, TaskstatsError> {
        let absent = |source| TaskstatsError::Absent { source };
        let socket = open_socket(libc::NETLINK_GENERIC).map_err(absent)?;
        let mut listener = Self { socket, family: CONTROL_FAMILY, sequence: 0, buffer: Vec::new() };
        listener.family = listener.look_up().map_err(absent)?;
        let refused = |source| TaskstatsError::Refused { source };
        let version = listener.ask_version().map_err(refused)?;
        if version < OLDEST_VERSION || version == MISLAID_VERSION {
            return Err(TaskstatsError::Version { version });
        }
        listener.bound(buffer_bytes).map_err(refused)?;
        let list = [cpus.trim().as_bytes(), b"\0"].concat();
        listener.ask(REQUEST_ACK, GET, LISTEN_ON_CPUS, &list).map_err(refused)?;
        if listener.hears()? { Ok(listener) } else { Err(TaskstatsError::Deaf) }
    }

    /// Hands over, and forgets, what was told since the last call.
    pub fn drain(&mut self, mut visit: impl FnMut(ThreadEnd)) -> io::Result<()> {
        self.buffer.resize(MESSAGE_BYTES, 0);
        for _ in 0..MAX_MESSAGES {
            match receive(self.socket.as_raw_fd(), &mut self.buffer, libc::MSG_DONTWAIT) {
                Ok(length) => {
                    self.body(length, self.family).and_then(parse_thread_end).into_iter().for_each(&mut visit)
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Told once when messages were lost; how many, the socket knows.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// How many ends of threads found no room since the start.
    #[expect(unsafe_code, reason = "the standard library has no netlink sockets")]
    pub fn lost(&self) -> u64 {
        let mut words = [0u32; MEMINFO_WORDS];
        let mut length = size_of_val(&words) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes to the array, and both live across the call.
        unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                words.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        words.get(DROPS).copied().map_or(0, u64::from)
    }

    fn look_up(&mut self) -> io::Result<u16> {
        let answer = self.ask(REQUEST, GET_FAMILY, FAMILY_NAME, NAME)?;
        let id = each_attribute(answer).find(|(kind, _)| *kind == FAMILY_ID);
        let id = id.and_then(|(_, value)| value.first_chunk().copied());
        id.map(u16::from_ne_bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The version of what the kernel tells, seen in what it says of this process.
    fn ask_version(&mut self) -> io::Result<u16> {
        let answer = self.ask(REQUEST, GET, OF_THREAD, &std::process::id().to_ne_bytes())?;
        record::version(answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Sends a command with one attribute and answers the attributes of what comes back.
    fn ask(&mut self, flags: u16, command: u8, kind: u16, value: &[u8]) -> io::Result<&[u8]> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = u16::try_from(4 + value.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut request = vec![command, 1, 0, 0];
        request.extend(length.to_ne_bytes());
        request.extend(kind.to_ne_bytes());
        request.extend(value);
        request.resize(request.len().next_multiple_of(4), 0);
        write_message(&mut self.buffer, self.family, flags, self.sequence, &request);
        send(self.socket.as_raw_fd(), &self.buffer)?;
        self.buffer.resize(MESSAGE_BYTES, 0);
        let length = receive(self.socket.as_raw_fd(), &mut self.buffer, 0)?;
        let is_error = self.body(length, MESSAGE_ERROR).map(|body| body.first_chunk().copied());
        match is_error {
            // An acknowledgement is an error of number 0.
            Some(Some([0, 0, 0, 0])) => Ok(&[]),
            Some(_) => Err(refusal(self.buffer.get(HEADER_BYTES..).unwrap_or_default())),
            None => self.body(length, self.family).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        }
    }

    /// What follows the headers of the message in the buffer, if it is one of `kind`.
    fn body(&self, received: usize, kind: u16) -> Option<&[u8]> {
        let message = self.buffer.get(..received)?;
        let [l0, l1, l2, l3, k0, k1, ..] = *message.first_chunk::<HEADER_BYTES>()?;
        let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let header = if kind == MESSAGE_ERROR { HEADER_BYTES } else { HEADER_BYTES + COMMAND_BYTES };
        message.get(header..length).filter(|_| u16::from_ne_bytes([k0, k1]) == kind)
    }

    /// Makes room for ends that wait, and for no more.
    #[expect(unsafe_code, reason = "the standard library has no netlink sockets")]
    fn bound(&self, bytes: libc::c_int) -> io::Result<()> {
        // SAFETY: the option's value is an integer that lives across the call, with its size.
        let set = unsafe {
            libc::setsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVBUFFORCE,
                (&raw const bytes).cast(),
                size_of_val(&bytes) as libc::socklen_t,
            )
        };
        if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// A thread that has been waited for was told of before.
    fn hears(&mut self) -> Result<bool, TaskstatsError> {
        let refused = |source| TaskstatsError::Refused { source };
        let thread =
            std::thread::Builder::new().name("tacho-end".to_owned()).spawn(|| {}).map_err(refused)?;
        // It does nothing that could fail.
        let _ended = thread.join();
        let (own, mut is_told) = (std::process::id(), false);
        self.drain(|end| is_told |= end.process == own && end.thread != own).map_err(refused)?;
        Ok(is_told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::print_stderr, reason = "a test that can not run says why")]
    fn open(buffer_bytes: libc::c_int) -> Option<ExitListener> {
        let cpus = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap();
        let listener = ExitListener::open_with(&cpus, buffer_bytes);
        if let Err(error) = &listener {
            eprintln!("not tested: {error}");
        }
        listener.ok()
    }

    /// Ends threads of this process one after the other, and answers how many of those the listener tells of.
    fn end_threads(listener: &mut ExitListener, count: usize) -> usize {
        let mut ended = Vec::new();
        for _ in 0..count {
            let thread = std::thread::spawn(tid);
            ended.push(thread.join().unwrap());
        }
        let mut told = Vec::new();
        listener.drain(|end| told.push(end)).unwrap();
        let of_thread = |tid: &u32| told.iter().filter(|end| end.thread == *tid).count();
        assert!(ended.iter().all(|tid| of_thread(tid) <= 1), "each once");
        let own = std::process::id();
        assert!(
            told.iter()
                .filter(|end| ended.contains(&end.thread))
                .all(|end| end.process == own && !end.is_last)
        );
        ended.iter().map(of_thread).sum()
    }

    #[expect(unsafe_code, reason = "the standard library does not tell it")]
    fn tid() -> u32 {
        // SAFETY: takes nothing and can not fail.
        u32::try_from(unsafe { libc::gettid() }).unwrap()
    }

    #[test]
    fn every_end_of_a_thread_is_told_once() {
        let Some(mut listener) = open(BUFFER_BYTES) else { return };
        assert_eq!(end_threads(&mut listener, 50), 50);
        assert_eq!(listener.lost(), 0);
        assert_eq!(end_threads(&mut listener, 1), 1);
    }

    #[test]
    fn ends_that_find_no_room_are_counted_and_the_next_are_told() {
        let Some(mut listener) = open(16 << 10) else { return };
        let told = end_threads(&mut listener, 100);
        let lost = usize::try_from(listener.lost()).unwrap();
        assert!(told > 0 && told < 100 && told + lost >= 100, "{told} told, {lost} lost");
        assert_eq!(end_threads(&mut listener, 1), 1);
    }
}
