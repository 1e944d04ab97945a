//! TCP sockets by state, from the kernel's socket diagnosis (netlink), or from `/proc/net/tcp`.
//!
//! Established sockets and those in TIME-WAIT, which are nearly all on a busy server, are not asked for:
//! `/proc/net/snmp` and `sockstat` have their numbers for nothing.

use std::io;

use super::netlink::Netlink;
use super::socket::{SocketRecord, TCP_INFO, parse_socket};
use crate::bytes::{lines, words};

/// Kernel's numbers of TCP states.
const ESTABLISHED: usize = 1;
const TIME_WAIT: usize = 6;
const CLOSED: usize = 7;

/// Sockets that processes hold or held: all but those in TIME-WAIT and requests that are not sockets yet.
const LIVE_STATES: u32 = 0x0fff & !(1 << TcpStates::SYN_RECEIVED) & !(1 << TIME_WAIT) & !(1 << CLOSED);

/// `TCPDIAG_GETSOCK`: the older of two requests. It alone answers for both IP versions in one walk through the
/// kernel's table, which on a large machine is most of the cost even when there are few sockets.
const GET_TCP_SOCKETS: u16 = 18;

/// `SOCK_DIAG_BY_FAMILY`: the newer request, which also tells of protocols other than TCP.
const GET_SOCKETS: u16 = 20;

/// `struct inet_diag_req` with the states of interest at its end, and `struct inet_diag_req_v2`.
const OLD_REQUEST_BYTES: usize = 60;
const OLD_EXTENSIONS_AT: usize = 3;
const OLD_STATES_AT: usize = 52;
const REQUEST_BYTES: usize = 56;
const STATES_AT: usize = 4;

/// Sockets in each of the kernel's states, by its number (1 to 12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpStates {
    counts: [u64; 16],
}

/// Asks the kernel for sockets. Needs no privilege; sees this network namespace.
#[derive(Debug)]
pub struct SocketDiag {
    netlink: Netlink,
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

    /// Family, then the state.
    fn add_message(&mut self, body: &[u8]) {
        body.get(1).into_iter().for_each(|state| self.add(*state));
    }

    fn add(&mut self, state: u8) {
        if let Some(count) = self.counts.get_mut(usize::from(state)) {
            *count = count.saturating_add(1);
        }
    }
}

impl SocketDiag {
    pub fn open() -> io::Result<Self> {
        Ok(Self { netlink: Netlink::open()? })
    }

    /// Counts the TCP sockets of both IP versions that are neither established nor in TIME-WAIT.
    /// `buffer` grows once and is used again.
    pub fn count(&mut self, buffer: &mut Vec<u8>) -> io::Result<TcpStates> {
        let mut states = TcpStates::default();
        let wanted = 0x0fff & !(1 << ESTABLISHED) & !(1 << TIME_WAIT);
        self.netlink.dump(GET_TCP_SOCKETS, &tcp_request(wanted, 0), buffer, |body| {
            states.add_message(body);
            true
        })?;
        Ok(states)
    }

    /// Visits the TCP sockets of both IP versions that processes hold or held, with their counters, until `visit`
    /// answers `false`. A socket may come twice, and one may be left out while others close. Answers whether the
    /// kernel told all there are.
    pub fn tcp_sockets(
        &mut self,
        buffer: &mut Vec<u8>,
        visit: impl FnMut(SocketRecord) -> bool,
    ) -> io::Result<bool> {
        let request = tcp_request(LIVE_STATES, 1 << (TCP_INFO - 1));
        self.netlink.dump(GET_TCP_SOCKETS, &request, buffer, each_socket(visit))
    }

    /// The same, and counts the sockets in all states but TIME-WAIT: what two walks through the table would tell.
    pub fn tcp_sockets_and_states(
        &mut self,
        buffer: &mut Vec<u8>,
        mut visit: impl FnMut(SocketRecord) -> bool,
    ) -> io::Result<(bool, TcpStates)> {
        let mut states = TcpStates::default();
        let request = tcp_request(0x0fff & !(1 << TIME_WAIT), 1 << (TCP_INFO - 1));
        let each = each_socket(|record| {
            states.add(record.state);
            let is_live = 1u32.checked_shl(record.state.into()).is_some_and(|bit| LIVE_STATES & bit != 0);
            !is_live || visit(record)
        });
        let is_complete = self.netlink.dump(GET_TCP_SOCKETS, &request, buffer, each)?;
        Ok((is_complete, states))
    }

    /// Visits the listening TCP sockets of both IP versions, without counters.
    pub fn tcp_listeners(
        &mut self,
        buffer: &mut Vec<u8>,
        visit: impl FnMut(SocketRecord) -> bool,
    ) -> io::Result<bool> {
        let request = tcp_request(1 << TcpStates::LISTEN, 0);
        self.netlink.dump(GET_TCP_SOCKETS, &request, buffer, each_socket(visit))
    }

    /// Visits the UDP sockets of both IP versions that have no peer.
    pub fn udp_listeners(
        &mut self,
        buffer: &mut Vec<u8>,
        mut visit: impl FnMut(SocketRecord) -> bool,
    ) -> io::Result<bool> {
        let mut is_complete = true;
        for family in [libc::AF_INET, libc::AF_INET6] {
            let request = udp_request(family as u8, 1 << CLOSED);
            is_complete &= self.netlink.dump(GET_SOCKETS, &request, buffer, each_socket(&mut visit))?;
        }
        Ok(is_complete)
    }
}

/// Messages that are no socket are passed over.
fn each_socket(mut visit: impl FnMut(SocketRecord) -> bool) -> impl FnMut(&[u8]) -> bool {
    move |body| parse_socket(body).is_none_or(&mut visit)
}

fn tcp_request(states: u32, extensions: u8) -> [u8; OLD_REQUEST_BYTES] {
    let mut request = [0; OLD_REQUEST_BYTES];
    request[OLD_EXTENSIONS_AT] = extensions;
    put(&mut request, OLD_STATES_AT, states);
    request
}

fn udp_request(family: u8, states: u32) -> [u8; REQUEST_BYTES] {
    let mut request = [0; REQUEST_BYTES];
    (request[0], request[1]) = (family, libc::IPPROTO_UDP as u8);
    put(&mut request, STATES_AT, states);
    request
}

fn put(request: &mut [u8], at: usize, word: u32) {
    request.iter_mut().skip(at).zip(word.to_ne_bytes()).for_each(|(to, from)| *to = from);
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
    use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

    use super::*;

    /// A kernel without socket diagnosis is a machine this crate has to live with.
    fn diag() -> Option<SocketDiag> {
        let mut diag = SocketDiag::open().ok()?;
        diag.count(&mut Vec::new()).is_ok().then_some(diag)
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
        let Some(mut diag) = diag() else { return };
        let _listeners =
            [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        assert!(diag.count(&mut Vec::new()).unwrap().count(TcpStates::LISTEN) >= 2);
    }

    #[test]
    fn the_kernel_tells_listeners_connections_and_sockets_for_datagrams() {
        let Some(mut diag) = diag() else { return };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listening = listener.local_addr().unwrap();
        let client = TcpStream::connect(listening).unwrap();
        let server = listener.accept().unwrap().0;
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut buffer, mut found) = (Vec::new(), Vec::new());
        let mut visit = |record: SocketRecord| {
            found.push((record.local, record.remote, usize::from(record.state), record.tcp.rtt_us.is_some()));
            true
        };
        diag.tcp_sockets(&mut buffer, &mut visit).unwrap();
        diag.udp_listeners(&mut buffer, &mut visit).unwrap();
        let nobody = SocketAddr::from(([0; 4], 0));
        let ends = (client.local_addr().unwrap(), server.local_addr().unwrap());
        for expected in [
            (listening, nobody, TcpStates::LISTEN, false),
            (ends.0, ends.1, ESTABLISHED, true),
            (ends.1, ends.0, ESTABLISHED, false),
            (datagrams.local_addr().unwrap(), nobody, CLOSED, false),
        ] {
            let is_told = found.iter().any(|(local, remote, state, has_rtt)| {
                (*local, *remote, *state) == (expected.0, expected.1, expected.2) && (*has_rtt || !expected.3)
            });
            assert!(is_told, "{expected:?} in {found:?}");
        }
        let mut visited = 0;
        let told = diag.tcp_sockets_and_states(&mut buffer, |record| {
            assert!(LIVE_STATES & (1 << record.state) != 0, "{record:?}");
            visited += 1;
            true
        });
        let (is_complete, states) = told.unwrap();
        assert!(is_complete && states.count(TcpStates::LISTEN) >= 1 && states.count(ESTABLISHED) >= 2);
        assert!(visited >= states.count(TcpStates::LISTEN) + states.count(ESTABLISHED));
        let mut states = Vec::new();
        let is_complete = diag.tcp_listeners(&mut buffer, |record| {
            states.push(usize::from(record.state));
            states.len() < 2
        });
        assert!(states.iter().all(|state| *state == TcpStates::LISTEN) && !states.is_empty());
        assert_eq!(is_complete.unwrap(), states.len() < 2, "cut short when told to stop");
        assert!(diag.count(&mut buffer).is_ok(), "what was left of the answer is not taken for the next");
    }
}
