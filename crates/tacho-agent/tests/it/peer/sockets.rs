//! Sockets that do as they are told.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;

use tacho_proc::process_cpu_time_us;

/// What is sent at once, and the size of a datagram.
const PIECE_BYTES: usize = 64 << 10;
const DATAGRAM_BYTES: usize = 1400;

/// So many datagrams are kept for a receiver that has not come to them yet.
pub(crate) const DATAGRAMS_AT_ONCE: usize = 32 * DATAGRAM_BYTES;

/// What one process has open.
#[derive(Default)]
pub(crate) struct Sockets {
    listener: Option<TcpListener>,
    stream: Option<TcpStream>,
    udp: Option<UdpSocket>,
}

impl Sockets {
    /// Does what it is told and answers an address, or that it is done.
    pub(crate) fn obey(&mut self, verb: &str, argument: &str) -> io::Result<String> {
        let local = match verb {
            "listen" => self.listener.insert(TcpListener::bind(argument)?).local_addr()?,
            "connect" => self.stream.insert(TcpStream::connect(argument)?).local_addr()?,
            "accept" => self.accept()?,
            "udp" => self.udp.insert(UdpSocket::bind(argument)?).local_addr()?,
            _ => {
                self.act(verb, argument)?;
                return Ok("done".to_owned());
            }
        };
        Ok(local.to_string())
    }

    fn accept(&mut self) -> io::Result<SocketAddr> {
        let (stream, remote) = some(self.listener.as_ref())?.accept()?;
        self.stream = Some(stream);
        Ok(remote)
    }

    fn act(&mut self, verb: &str, argument: &str) -> io::Result<()> {
        match verb {
            "close" => *self = Self::default(),
            "peer" => some(self.udp.as_ref())?.connect(argument)?,
            _ => self.move_bytes(verb, argument.parse().map_err(io::Error::other)?)?,
        }
        Ok(())
    }

    fn move_bytes(&mut self, verb: &str, bytes: usize) -> io::Result<()> {
        let mut buffer = vec![b'x'; PIECE_BYTES];
        match verb {
            "send" => pieces(bytes, &mut buffer, |piece| some(self.stream.as_mut())?.write_all(piece)),
            "receive" => pieces(bytes, &mut buffer, |piece| some(self.stream.as_mut())?.read_exact(piece)),
            "send-datagrams" => pieces(bytes, &mut buffer[..DATAGRAM_BYTES], |piece| {
                some(self.udp.as_ref())?.send(piece).map(drop)
            }),
            "receive-datagrams" => pieces(bytes, &mut buffer[..DATAGRAM_BYTES], |piece| {
                some(self.udp.as_ref())?.recv(piece).map(drop)
            }),
            "send-file" => send_file(some(self.stream.as_ref())?, bytes),
            "work" => {
                work(bytes as u64);
                Ok(())
            }
            _ => Err(io::Error::other(format!("{verb:?} is no order"))),
        }
    }
}

fn some<T>(socket: Option<T>) -> io::Result<T> {
    socket.ok_or_else(|| io::Error::other("there is no such socket yet"))
}

fn pieces(
    bytes: usize,
    buffer: &mut [u8],
    mut each: impl FnMut(&mut [u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let length = left.min(buffer.len());
        each(&mut buffer[..length])?;
        left -= length;
    }
    Ok(())
}

/// Sends a file of so many bytes without having read it.
#[expect(unsafe_code, reason = "the standard library does not say how it sends a file")]
fn send_file(stream: &TcpStream, bytes: usize) -> io::Result<()> {
    let path = std::env::temp_dir().join(format!("tacho-sent-{}", std::process::id()));
    let file = File::options().create_new(true).read(true).write(true).open(&path)?;
    std::fs::remove_file(path)?;
    file.set_len(bytes as u64)?;
    let (mut offset, mut left) = (0, bytes);
    while left > 0 {
        // SAFETY: the kernel changes `offset`, which lives across the call.
        let sent = unsafe { libc::sendfile(stream.as_raw_fd(), file.as_raw_fd(), &raw mut offset, left) };
        left -= usize::try_from(sent).map_err(|_| io::Error::last_os_error())?;
    }
    Ok(())
}

fn work(us: u64) {
    let now_us = || process_cpu_time_us().unwrap_or(u64::MAX);
    let until_us = now_us().saturating_add(us);
    while now_us() < until_us {
        std::hint::black_box(0);
    }
}
