//! Network of the host: interfaces, protocol counters, sockets.

mod diag;
pub(crate) mod netlink;
mod protocols;
mod socket;

pub use diag::{SocketDiag, TcpStates, parse_tcp_table};
pub use netlink::{DumpPiece, parse_dump};
pub use protocols::{Protocols, SocketCounts, parse_snmp, parse_sockstat};
pub use socket::{
    SocketRecord, TableSocket, TcpCounters, parse_socket, parse_socket_line, parse_socket_table,
    parse_unix_socket, tcp_state_name,
};

use crate::bytes::{lines, number, words};

/// Counters of one interface since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InterfaceStat<'t> {
    pub name: &'t [u8],
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_drops: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_drops: u64,
}

/// `  eth0: 312110558   10545    0    0    0     0          0         0   777241    6883    0    0 …`; the two
/// lines of headings are passed over.
pub fn parse_net_dev(text: &[u8]) -> impl Iterator<Item = InterfaceStat<'_>> {
    lines(text).filter_map(|line| {
        // An alias may hold a colon; the one before the numbers is the last.
        let colon = line.iter().rposition(|byte| *byte == b':')?;
        let name = line.get(..colon)?.trim_ascii();
        let mut words = words(line.get(colon + 1..)?);
        let mut next = || words.next().and_then(number);
        let (rx_bytes, rx_packets, rx_errors, rx_drops) = (next()?, next()?, next()?, next()?);
        let tx_bytes = words.nth(4).and_then(number)?;
        let mut next = || words.next().and_then(number);
        let (tx_packets, tx_errors, tx_drops) = (next()?, next()?, next()?);
        Some(InterfaceStat {
            name,
            rx_bytes,
            rx_packets,
            rx_errors,
            rx_drops,
            tx_bytes,
            tx_packets,
            tx_errors,
            tx_drops,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_short_lines_are_passed_over() {
        let text = b"Inter-|   Receive  |  Transmit\n face |bytes packets errs\n  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n lo: 1 2\n";
        let interfaces: Vec<_> = parse_net_dev(text).collect();
        let expected = InterfaceStat {
            name: b"eth0",
            rx_bytes: 1,
            rx_packets: 2,
            rx_errors: 3,
            rx_drops: 4,
            tx_bytes: 9,
            tx_packets: 10,
            tx_errors: 11,
            tx_drops: 12,
        };
        assert_eq!(interfaces, [expected]);
    }
}
