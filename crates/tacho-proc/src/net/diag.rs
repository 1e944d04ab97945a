//! TCP sockets by state, from the kernel's socket diagnosis (netlink), or from `/proc/net/tcp`.
//!
//! Established sockets and those in TIME-WAIT, which are nearly all on a busy server, are not asked for:
//! `/proc/net/snmp` and `sockstat` have their numbers for nothing.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

use crate::bytes::{lines, words};

/// Kernel's numbers of TCP states.
const ESTABLISHED: u8 = 1;
const TIME_WAIT: u8 = 6;

/// `TCPDIAG_GETSOCK`: the older of two requests. It alone answers for both IP versions in one walk through the
/// kernel's table, which on a large machine is most of the cost even when there are few sockets.
const GET_TCP_SOCKETS: u16 = 18;

/// Ends of an answer.
const MESSAGE_ERROR: u16 = 2;
const MESSAGE_DONE: u16 = 3;

/// `NLM_F_REQUEST | NLM_F_DUMP`.
const REQUEST_DUMP: u16 = 0x0001 | 0x0300;

/// `struct nlmsghdr`, and `struct inet_diag_req` behind it with the states of interest.
const HEADER_BYTES: usize = 16;
const REQUEST_BYTES: usize = HEADER_BYTES + 60;
const STATES_AT: usize = HEADER_BYTES + 52;

/// The kernel fills at most this much at a time.
const ANSWER_BYTES: usize = 32 << 10;

/// Sockets in each of the kernel's states, by its number (1 to 12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpStates {
    counts: [u64; 16],
}

/// A netlink socket that asks for socket states. Needs no privilege; sees this network namespace.
#[derive(Debug)]
pub struct SocketDiag {
    socket: OwnedFd,
    sequence: u32,
}

impl TcpStates {
    pub const SYN_SENT: usize = 2;
    pub const SYN_RECEIVED: usize = 3;
    pub const FIN_WAIT_1: usize = 4;
    pub const FIN_WAIT_2: usize = 5;
    pub const CLOSE_WAIT: usize = 8;
    pub const LAST_ACK: usize = 9;
    pub const LISTEN: usize = 10;
    pub const CLOSING: usize = 11;
    /// A request that is not a socket yet; the kernel tells it as SYN-RECEIVED.
    const NEW_SYN_RECEIVED: usize = 12;

    /// How many sockets are in `state`.
    pub fn count(&self, state: usize) -> u64 {
        let also = if state == Self::SYN_RECEIVED { Self::NEW_SYN_RECEIVED } else { usize::MAX };
        let of = |state: usize| self.counts.get(state).copied().unwrap_or(0);
        of(state).saturating_add(of(also))
    }

    fn add(&mut self, state: u8) {
        if let Some(count) = self.counts.get_mut(usize::from(state)) {
            *count = count.saturating_add(1);
        }
    }
}

impl SocketDiag {
    #[expect(unsafe_code, reason = "the standard library has no netlink sockets")]
    pub fn open() -> io::Result<Self> {
        // SAFETY: no pointers; a descriptor that is not negative is new and ours.
        let socket = unsafe {
            let fd = libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_DGRAM | libc::SOCK_CLOEXEC,
                libc::NETLINK_SOCK_DIAG,
            );
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        // An answer that never comes must not stop the sampler.
        let limit = libc::timeval { tv_sec: 1, tv_usec: 0 };
        // SAFETY: the option's value is a timeval that lives across the call, with its size.
        let set = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVTIMEO,
                (&raw const limit).cast(),
                size_of::<libc::timeval>() as libc::socklen_t,
            )
        };
        if set < 0 { Err(io::Error::last_os_error()) } else { Ok(Self { socket, sequence: 0 }) }
    }

    /// Counts the TCP sockets of both IP versions that are neither established nor in TIME-WAIT.
    /// `buffer` grows once and is used again.
    pub fn count(&mut self, buffer: &mut Vec<u8>) -> io::Result<TcpStates> {
        buffer.resize(ANSWER_BYTES, 0);
        let mut states = TcpStates::default();
        self.sequence = self.sequence.wrapping_add(1);
        send(self.socket.as_raw_fd(), &request(self.sequence))?;
        loop {
            let length = receive(self.socket.as_raw_fd(), buffer)?;
            let answer = buffer.get(..length).unwrap_or_default();
            if parse_socket_dump(answer, self.sequence, &mut states)? {
                break;
            }
        }
        Ok(states)
    }
}

/// Asks for all TCP sockets in the states of interest, without any extension.
fn request(sequence: u32) -> [u8; REQUEST_BYTES] {
    let states: u32 = 0x0fff & !(1 << ESTABLISHED) & !(1 << TIME_WAIT);
    let mut message = [0; REQUEST_BYTES];
    let mut put = |at: usize, bytes: &[u8]| {
        message.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
    };
    put(0, &(REQUEST_BYTES as u32).to_ne_bytes());
    put(4, &GET_TCP_SOCKETS.to_ne_bytes());
    put(6, &REQUEST_DUMP.to_ne_bytes());
    put(8, &sequence.to_ne_bytes());
    put(STATES_AT, &states.to_ne_bytes());
    message
}

/// Counts the sockets in one piece of an answer; true when it was the last piece. Messages of another
/// request, left over from one that was given up, are passed over.
pub fn parse_socket_dump(answer: &[u8], sequence: u32, states: &mut TcpStates) -> io::Result<bool> {
    let mut rest = answer;
    while let Some(header) = rest.first_chunk::<HEADER_BYTES>() {
        let [l0, l1, l2, l3, t0, t1, _, _, s0, s1, s2, s3, ..] = *header;
        let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let Some(body) = rest.get(HEADER_BYTES..length) else { break };
        if u32::from_ne_bytes([s0, s1, s2, s3]) == sequence {
            match u16::from_ne_bytes([t0, t1]) {
                MESSAGE_DONE => return Ok(true),
                MESSAGE_ERROR => return Err(refusal(body)),
                // Family, then the state.
                GET_TCP_SOCKETS => body.get(1).into_iter().for_each(|state| states.add(*state)),
                _ => {}
            }
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

fn refusal(body: &[u8]) -> io::Error {
    let code = body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
    io::Error::from_raw_os_error(code.checked_neg().unwrap_or(libc::EIO))
}

#[expect(unsafe_code, reason = "the standard library has no netlink sockets")]
fn send(socket: RawFd, message: &[u8]) -> io::Result<()> {
    // SAFETY: pointer and length are of one slice that lives across the call.
    let sent = unsafe { libc::send(socket, message.as_ptr().cast(), message.len(), 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[expect(unsafe_code, reason = "the standard library has no netlink sockets")]
fn receive(socket: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most the buffer's length to the buffer.
    let received = unsafe { libc::recv(socket, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    match usize::try_from(received) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(length) => Ok(length),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Adds the sockets of `/proc/net/tcp` or `tcp6` to `states`, all states.
///
/// `   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1161 1 …`
pub fn parse_tcp_table(text: &[u8], states: &mut TcpStates) {
    for line in lines(text).skip(1) {
        let state =
            words(line).nth(3).and_then(|word| u8::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok());
        state.into_iter().for_each(|state| states.add(state));
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn message(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        message.extend(((HEADER_BYTES + body.len()) as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend([0, 0]);
        message.extend(sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(body);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    #[test]
    fn an_answer_is_counted_to_its_end() {
        let mut states = TcpStates::default();
        let mut piece = message(GET_TCP_SOCKETS, 7, &[2, 10, 0]);
        piece.extend(message(GET_TCP_SOCKETS, 6, &[2, 10]));
        piece.extend(message(GET_TCP_SOCKETS, 7, &[2, 12]));
        assert!(!parse_socket_dump(&piece, 7, &mut states).unwrap());
        assert!(parse_socket_dump(&message(MESSAGE_DONE, 7, &[0; 4]), 7, &mut states).unwrap());
        assert_eq!((states.count(TcpStates::LISTEN), states.count(TcpStates::SYN_RECEIVED)), (1, 1));
        let refused = parse_socket_dump(&message(MESSAGE_ERROR, 7, &(-2i32).to_ne_bytes()), 7, &mut states);
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::ENOENT));
        assert!(!parse_socket_dump(&[8, 0, 0, 0], 7, &mut states).unwrap());
    }

    #[test]
    fn the_table_of_proc_is_counted_by_state() {
        let text = b"  sl  local_address rem_address   st tx_queue\n   0: 00000000:07E8 00000000:0000 0A 0:0\n   1: 0:1 0:0 01 0\n x\n";
        let mut states = TcpStates::default();
        parse_tcp_table(text, &mut states);
        assert_eq!((states.count(TcpStates::LISTEN), states.count(1)), (1, 1));
    }

    #[test]
    fn the_kernel_counts_a_listener() {
        // A kernel without socket diagnosis is a machine this crate has to live with.
        let Ok(mut diag) = SocketDiag::open() else { return };
        let Ok(_) = diag.count(&mut Vec::new()) else { return };
        let _listeners =
            [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        assert!(diag.count(&mut Vec::new()).unwrap().count(TcpStates::LISTEN) >= 2);
    }
}
