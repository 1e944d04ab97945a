//! Netlink: dumps, which are one request and an answer in pieces of many messages, and what single messages take.
//!
//! Lengths come from outside and are checked. Messages of another request, left over from one that was given
//! up, are passed over.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

/// `struct nlmsghdr`.
pub(crate) const HEADER_BYTES: usize = 16;

/// Ends of an answer.
pub(crate) const MESSAGE_ERROR: u16 = 2;
const MESSAGE_DONE: u16 = 3;

/// `NLM_F_REQUEST`, and the same with `NLM_F_ACK` and with `NLM_F_DUMP`.
pub(crate) const REQUEST: u16 = 0x0001;
pub(crate) const REQUEST_ACK: u16 = REQUEST | 0x0004;
const REQUEST_DUMP: u16 = REQUEST | 0x0300;

/// `NLM_F_DUMP_INTR`: what is dumped changed meanwhile so that something may be missing.
const INTERRUPTED: u16 = 0x0010;

/// The kernel fills at most this much at a time.
const ANSWER_BYTES: usize = 32 << 10;

/// A socket of the family that tells of sockets. Needs no privilege.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

/// What one piece of an answer said of the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DumpPiece {
    pub is_last: bool,
    pub is_interrupted: bool,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { socket: open_socket(libc::NETLINK_SOCK_DIAG)?, sequence: 0 })
    }

    /// Asks for a dump of messages of `kind` and visits the body of each until it answers `false`. The answer is
    /// `true` when the kernel told everything there is. `buffer` grows once and is used again.
    pub(super) fn dump(
        &mut self,
        kind: u16,
        request: &[u8],
        buffer: &mut Vec<u8>,
        mut visit: impl FnMut(&[u8]) -> bool,
    ) -> io::Result<bool> {
        self.sequence = self.sequence.wrapping_add(1);
        write_message(buffer, kind, REQUEST_DUMP, self.sequence, request);
        send(self.socket.as_raw_fd(), buffer)?;
        buffer.resize(ANSWER_BYTES, 0);
        let (mut is_complete, mut goes_on) = (true, true);
        while goes_on {
            let length = receive(self.socket.as_raw_fd(), buffer, 0)?;
            // Only a piece larger than any that the kernel makes would not fit.
            let answer = buffer.get(..length).ok_or(io::ErrorKind::InvalidData)?;
            let piece = parse_dump(answer, kind, self.sequence, |body| goes_on = goes_on && visit(body))?;
            is_complete &= !piece.is_interrupted;
            if piece.is_last {
                return Ok(is_complete);
            }
        }
        // The rest of the answer goes with the old socket.
        *self = Self::open()?;
        Ok(false)
    }
}

/// A socket that speaks to the part of the kernel that `protocol` names.
#[expect(unsafe_code, reason = "the standard library has no netlink sockets")]
pub(crate) fn open_socket(protocol: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; a descriptor that is not negative is new and ours.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_NETLINK, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, protocol);
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
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(socket) }
}

/// Puts a message in place of what `message` held.
pub(crate) fn write_message(message: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32, request: &[u8]) {
    let length = (HEADER_BYTES + request.len()) as u32;
    message.clear();
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend([0; 4]);
    message.extend(request);
}

/// Visits the bodies of the messages of `kind` in one piece of the answer to request `sequence`. Fails when the
/// kernel says that it can not answer.
pub fn parse_dump(
    answer: &[u8],
    kind: u16,
    sequence: u32,
    mut visit: impl FnMut(&[u8]),
) -> io::Result<DumpPiece> {
    let mut piece = DumpPiece::default();
    let mut rest = answer;
    while let Some(header) = rest.first_chunk::<HEADER_BYTES>() {
        let [l0, l1, l2, l3, t0, t1, f0, f1, s0, s1, s2, s3, ..] = *header;
        let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let Some(body) = rest.get(HEADER_BYTES..length) else { break };
        if u32::from_ne_bytes([s0, s1, s2, s3]) == sequence {
            piece.is_interrupted |= u16::from_ne_bytes([f0, f1]) & INTERRUPTED != 0;
            match u16::from_ne_bytes([t0, t1]) {
                MESSAGE_ERROR => return Err(refusal(body)),
                // A dump that failed on its way ends with the reason.
                MESSAGE_DONE if body.first_chunk().is_some_and(|code| i32::from_ne_bytes(*code) < 0) => {
                    return Err(refusal(body));
                }
                MESSAGE_DONE => return Ok(DumpPiece { is_last: true, ..piece }),
                other if other == kind => visit(body),
                _ => {}
            }
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(piece)
}

/// The error that a message of kind [`MESSAGE_ERROR`] tells.
pub(crate) fn refusal(body: &[u8]) -> io::Error {
    let code = body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
    io::Error::from_raw_os_error(code.checked_neg().filter(|code| *code > 0).unwrap_or(libc::EIO))
}

#[expect(unsafe_code, reason = "the standard library has no netlink sockets")]
pub(crate) fn send(socket: RawFd, message: &[u8]) -> io::Result<()> {
    // SAFETY: pointer and length are of one slice that lives across the call.
    again(|| unsafe { libc::send(socket, message.as_ptr().cast(), message.len(), 0) }).map(drop)
}

/// The length of the next datagram, which is more than the buffer's when it did not fit.
#[expect(unsafe_code, reason = "the standard library has no netlink sockets")]
pub(crate) fn receive(socket: RawFd, buffer: &mut [u8], flags: libc::c_int) -> io::Result<usize> {
    let (start, length) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the kernel writes at most the buffer's length to the buffer.
    match again(|| unsafe { libc::recv(socket, start, length, libc::MSG_TRUNC | flags) })? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        length => Ok(length),
    }
}

/// Calls again for as long as signals interrupt.
fn again(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        match usize::try_from(call()) {
            Ok(done) => return Ok(done),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: u16 = 18;

    fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        write_message(&mut message, kind, flags, sequence, body);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    fn parse(answer: &[u8]) -> (io::Result<DumpPiece>, Vec<Vec<u8>>) {
        let mut bodies = Vec::new();
        (parse_dump(answer, KIND, 7, |body| bodies.push(body.to_vec())), bodies)
    }

    #[test]
    fn an_answer_is_read_to_its_end_and_others_are_passed_over() {
        let mut answer = message(KIND, 0, 7, &[2, 10, 0]);
        answer.extend(message(KIND, 0, 6, &[2, 11]));
        answer.extend(message(KIND + 1, 0, 7, &[2, 12]));
        answer.extend(message(KIND, INTERRUPTED, 7, &[2, 13]));
        let (piece, bodies) = parse(&answer);
        assert_eq!(piece.unwrap(), DumpPiece { is_last: false, is_interrupted: true });
        assert_eq!(bodies, [vec![2, 10, 0], vec![2, 13]]);
        let last = DumpPiece { is_last: true, is_interrupted: false };
        assert_eq!(parse(&message(MESSAGE_DONE, 0, 7, &[0; 4])).0.unwrap(), last);
        assert_eq!(parse(&[8, 0, 0, 0]).0.unwrap(), DumpPiece::default());
    }

    #[test]
    fn a_refusal_is_an_error_with_the_kernels_number() {
        for kind in [MESSAGE_ERROR, MESSAGE_DONE] {
            let (piece, _) = parse(&message(kind, 0, 7, &(-libc::ENOENT).to_ne_bytes()));
            assert_eq!(piece.unwrap_err().raw_os_error(), Some(libc::ENOENT));
        }
        let (piece, _) = parse(&message(MESSAGE_ERROR, 0, 7, &i32::MIN.to_ne_bytes()));
        assert_eq!(piece.unwrap_err().raw_os_error(), Some(libc::EIO));
    }
}
