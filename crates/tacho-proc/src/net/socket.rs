//! One socket as the kernel's socket diagnosis tells it (`struct inet_diag_msg` and its attributes), or as a line
//! of `/proc/net/tcp`, `tcp6`, `udp` and `udp6`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::bytes::{lines, number, words};

/// Places in `struct inet_diag_msg`.
const STATE_AT: usize = 1;
const LOCAL_PORT_AT: usize = 4;
const REMOTE_PORT_AT: usize = 6;
const LOCAL_ADDRESS_AT: usize = 8;
const REMOTE_ADDRESS_AT: usize = 24;
const COOKIE_AT: usize = 44;
const INODE_AT: usize = 68;
const ATTRIBUTES_AT: usize = 72;

/// `INET_DIAG_INFO`, which holds a `struct tcp_info`.
pub(super) const TCP_INFO: u16 = 2;

/// Places in `struct tcp_info`; the byte counters are there since Linux 4.1.
const RTT_AT: usize = 68;
const RETRANSMITS_AT: usize = 100;
const ACKED_AT: usize = 120;
const RECEIVED_AT: usize = 128;

/// A TCP or UDP socket. Addresses of version 4 are told as such also where the socket is of version 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketRecord {
    /// The kernel's number of this socket, never used again.
    pub cookie: u64,
    /// 0 once no process holds it.
    pub inode: u64,
    pub state: u8,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub tcp: TcpCounters,
}

/// Since the connection began; absent where this kernel does not tell, and of sockets that are not TCP's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpCounters {
    /// Bytes that the other side acknowledged, the beginning and the end of the stream counting as one each.
    pub acked_bytes: Option<u64>,
    pub received_bytes: Option<u64>,
    pub retransmits: Option<u32>,
    /// Smoothed; absent before the first measurement.
    pub rtt_us: Option<u32>,
}

/// A socket in a table of `/proc/net`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSocket {
    pub local: SocketAddr,
    /// Port 0: not connected.
    pub remote: SocketAddr,
    pub state: u8,
    pub inode: u64,
}

/// Reads the body of one message; `None` when it is cut off or of an unknown family.
pub fn parse_socket(body: &[u8]) -> Option<SocketRecord> {
    let family = i32::from(*body.first()?);
    let address = |at: usize| match family {
        libc::AF_INET => Some(IpAddr::from(*body.get(at..)?.first_chunk::<4>()?)),
        libc::AF_INET6 => Some(Ipv6Addr::from(*body.get(at..)?.first_chunk::<16>()?).to_canonical()),
        _ => None,
    };
    let port = |at: usize| body.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
    let mut record = SocketRecord {
        // Two words, the low one first on any machine.
        cookie: u64::from(word(body, COOKIE_AT)?) | u64::from(word(body, COOKIE_AT + 4)?) << 32,
        inode: word(body, INODE_AT)?.into(),
        state: *body.get(STATE_AT)?,
        local: SocketAddr::new(address(LOCAL_ADDRESS_AT)?, port(LOCAL_PORT_AT)?),
        remote: SocketAddr::new(address(REMOTE_ADDRESS_AT)?, port(REMOTE_PORT_AT)?),
        tcp: TcpCounters::default(),
    };
    let mut rest = body.get(ATTRIBUTES_AT..).unwrap_or_default();
    // Length, kind, value; the next one begins at a multiple of four.
    while let Some([l0, l1, k0, k1]) = rest.first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([*l0, *l1]));
        let Some(value) = rest.get(4..length) else { break };
        if u16::from_ne_bytes([*k0, *k1]) == TCP_INFO {
            record.tcp = parse_tcp_info(value);
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(record)
}

fn parse_tcp_info(info: &[u8]) -> TcpCounters {
    let long = |at: usize| info.get(at..)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
    TcpCounters {
        acked_bytes: long(ACKED_AT),
        received_bytes: long(RECEIVED_AT),
        retransmits: word(info, RETRANSMITS_AT),
        rtt_us: word(info, RTT_AT).filter(|rtt| *rtt > 0),
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// Name of a TCP state by the kernel's number.
pub fn tcp_state_name(state: u8) -> Option<&'static str> {
    const NAMES: [&str; 12] = [
        "established",
        "syn-sent",
        "syn-received",
        "fin-wait-1",
        "fin-wait-2",
        "time-wait",
        "closed",
        "close-wait",
        "last-ack",
        "listen",
        "closing",
        "syn-received",
    ];
    NAMES.get(usize::from(state).checked_sub(1)?).copied()
}

/// The sockets of a table of `/proc/net`; lines in an unknown form are passed over.
///
/// `   0: 0100007F:24AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 29366 1 …`
pub fn parse_socket_table(text: &[u8]) -> impl Iterator<Item = TableSocket> {
    lines(text).skip(1).filter_map(parse_socket_line)
}

/// One line of such a table; `None` for its heading.
pub fn parse_socket_line(line: &[u8]) -> Option<TableSocket> {
    let mut words = words(line).skip(1);
    let (local, remote) = (table_address(words.next()?)?, table_address(words.next()?)?);
    let state = u8::try_from(hex(words.next()?)?).ok()?;
    Some(TableSocket { local, remote, state, inode: words.nth(5).and_then(number)? })
}

/// Inode and path of a line of `/proc/net/unix`; `None` for its heading. The path is empty where there is none.
///
/// `0000000000000000: 00000002 00000000 00010000 0001 01 29366 /run/x.sock`
pub fn parse_unix_socket(line: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = line.get(line.iter().position(|byte| *byte == b':')? + 1..)?;
    let mut field = rest;
    for _ in 0..6 {
        rest = rest.trim_ascii_start();
        (field, rest) =
            rest.split_at_checked(rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len()))?;
    }
    Some((number(field)?, rest.strip_prefix(b" ").unwrap_or_default()))
}

/// Words of four bytes in the machine's order, a colon, the port.
fn table_address(text: &[u8]) -> Option<SocketAddr> {
    let (address, port) = text.split_at_checked(text.iter().position(|byte| *byte == b':')?)?;
    let mut bytes = [0; 16];
    let (words, []) = address.as_chunks::<8>() else { return None };
    for (to, word) in bytes.chunks_mut(4).zip(words) {
        to.copy_from_slice(&hex(word)?.to_ne_bytes());
    }
    let address = match words.len() {
        1 => Ipv4Addr::from(*bytes.first_chunk::<4>()?).into(),
        4 => Ipv6Addr::from(bytes).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(address, u16::try_from(hex(port.get(1..)?)?).ok()?))
}

fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    digits.iter().try_fold(0, |value: u32, byte| Some(value << 4 | digit(byte)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as the kernel writes it, with a `tcp_info` of `info_bytes`.
    fn message(family: i32, local: &[u8], remote: &[u8], info_bytes: usize) -> Vec<u8> {
        let mut body = vec![0; ATTRIBUTES_AT];
        (body[0], body[STATE_AT]) = (family as u8, 1);
        body[LOCAL_PORT_AT..][..4].copy_from_slice(&[0x1f, 0x90, 0x00, 0x50]);
        body[LOCAL_ADDRESS_AT..][..local.len()].copy_from_slice(local);
        body[REMOTE_ADDRESS_AT..][..remote.len()].copy_from_slice(remote);
        body[COOKIE_AT..][..8].copy_from_slice(&[7u32.to_ne_bytes(), 1u32.to_ne_bytes()].concat());
        body[INODE_AT..].copy_from_slice(&99u32.to_ne_bytes());
        // An attribute of another kind and an odd length comes first.
        body.extend([5u16.to_ne_bytes(), 8u16.to_ne_bytes(), [0xff; 2], [0xff; 2]].concat());
        let mut info = vec![0; 256];
        info[RTT_AT..][..4].copy_from_slice(&1500u32.to_ne_bytes());
        info[RETRANSMITS_AT..][..4].copy_from_slice(&3u32.to_ne_bytes());
        info[ACKED_AT..][..8].copy_from_slice(&(5u64 << 40).to_ne_bytes());
        info[RECEIVED_AT..][..8].copy_from_slice(&6u64.to_ne_bytes());
        body.extend([(info_bytes as u16 + 4).to_ne_bytes(), TCP_INFO.to_ne_bytes()].concat());
        body.extend(&info[..info_bytes]);
        body
    }

    #[test]
    fn a_unix_socket_has_a_path_with_spaces_or_none() {
        let line = |rest: &str| format!("0000000000000000: 00000002 00000000 00010000 0001 01 {rest}");
        for (rest, expected) in [
            ("29366 /run/x.sock", Some((29366, "/run/x.sock"))),
            ("   66 @a b  c", Some((66, "@a b  c"))),
            ("   66", Some((66, ""))),
            ("x /run", None),
            ("", None),
        ] {
            let line = line(rest);
            let found = parse_unix_socket(line.as_bytes());
            assert_eq!(found, expected.map(|(inode, path)| (inode, path.as_bytes())), "{rest}");
        }
        assert_eq!(parse_unix_socket(b"Num       RefCount Protocol Flags    Type St Inode Path"), None);
    }

    #[test]
    fn a_message_is_read_by_its_places() {
        let record = parse_socket(&message(libc::AF_INET, &[10, 0, 0, 1], &[10, 0, 0, 2], 256)).unwrap();
        assert_eq!(record.local, "10.0.0.1:8080".parse().unwrap());
        assert_eq!(record.remote, "10.0.0.2:80".parse().unwrap());
        assert_eq!((record.cookie, record.inode, record.state), (1 << 32 | 7, 99, 1));
        let tcp = TcpCounters {
            acked_bytes: Some(5 << 40),
            received_bytes: Some(6),
            retransmits: Some(3),
            rtt_us: Some(1500),
        };
        assert_eq!(record.tcp, tcp);
        // Kernels before 4.1 have no byte counters.
        let old = parse_socket(&message(libc::AF_INET, &[10, 0, 0, 1], &[10, 0, 0, 2], 104)).unwrap();
        assert_eq!(old.tcp, TcpCounters { acked_bytes: None, received_bytes: None, ..tcp });
    }

    #[test]
    fn a_mapped_address_is_told_as_version_4_and_other_families_not_at_all() {
        let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets();
        let real = "2001:db8::1".parse::<Ipv6Addr>().unwrap().octets();
        let record = parse_socket(&message(libc::AF_INET6, &mapped, &real, 256)).unwrap();
        assert_eq!(record.local, "192.0.2.1:8080".parse().unwrap());
        assert_eq!(record.remote, "[2001:db8::1]:80".parse().unwrap());
        assert_eq!(parse_socket(&message(libc::AF_UNIX, &mapped, &real, 256)), None);
        assert_eq!(parse_socket(&[2; 71]), None);
        assert!(parse_socket(&[2; ATTRIBUTES_AT]).is_some(), "attributes may be missing");
    }

    #[test]
    fn a_table_is_read_by_its_words() {
        let text = b"  sl  local_address rem_address   st\n   \
            0: 0100007F:24AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 29366 1 0\n   \
            1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 5 1\n   \
            2: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 6 1\n   \
            3: 0100007:0050 0:0 0A 0:0 0:0 0 0 0 7\n x\n";
        let sockets: Vec<_> = parse_socket_table(text)
            .map(|socket| (socket.local.to_string(), socket.state, socket.inode))
            .collect();
        let expected = [("127.0.0.1:9390", 10, 29366), ("[::1]:80", 10, 5), ("127.0.0.1:81", 7, 6)];
        assert_eq!(sockets, expected.map(|(local, state, inode)| (local.to_owned(), state, inode)));
        assert_eq!((tcp_state_name(1), tcp_state_name(8)), (Some("established"), Some("close-wait")));
        assert_eq!((tcp_state_name(0), tcp_state_name(255)), (None, None));
    }
}
