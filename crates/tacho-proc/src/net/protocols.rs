//! `/proc/net/snmp` and `/proc/net/sockstat`: counters of TCP and UDP, and how many sockets there are.

use crate::bytes::{lines, number, words};

/// Since boot, but for the number of connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Protocols {
    /// TCP connections now established or in CLOSE-WAIT, version 6 included.
    pub tcp_current_established: Option<u64>,
    /// Connections begun here, and taken.
    pub tcp_active_opens: Option<u64>,
    pub tcp_passive_opens: Option<u64>,
    pub tcp_segments_in: Option<u64>,
    pub tcp_segments_out: Option<u64>,
    pub tcp_retransmits: Option<u64>,
    /// Datagrams dropped on receipt, full buffers included.
    pub udp_errors_in: Option<u64>,
}

/// Sockets now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SocketCounts {
    /// Of any kind, of all processes of this network namespace.
    pub used: Option<u64>,
    pub udp: Option<u64>,
    pub tcp_time_wait: Option<u64>,
}

/// Pairs of lines, names before numbers:
/// `Tcp: RtoAlgorithm RtoMin … CurrEstab InSegs OutSegs RetransSegs …`, `Tcp: 1 200 … 3 20781 13162 0 …`
pub fn parse_snmp(text: &[u8]) -> Protocols {
    let mut protocols = Protocols::default();
    let mut lines = lines(text);
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let (mut names, mut values) = (words(names), words(values));
        let protocol = names.next();
        if protocol != values.next() {
            continue;
        }
        for (name, value) in names.zip(values) {
            let field = match (protocol, name) {
                (Some(b"Tcp:"), b"CurrEstab") => &mut protocols.tcp_current_established,
                (Some(b"Tcp:"), b"ActiveOpens") => &mut protocols.tcp_active_opens,
                (Some(b"Tcp:"), b"PassiveOpens") => &mut protocols.tcp_passive_opens,
                (Some(b"Tcp:"), b"InSegs") => &mut protocols.tcp_segments_in,
                (Some(b"Tcp:"), b"OutSegs") => &mut protocols.tcp_segments_out,
                (Some(b"Tcp:"), b"RetransSegs") => &mut protocols.tcp_retransmits,
                (Some(b"Udp:"), b"InErrors") => &mut protocols.udp_errors_in,
                _ => continue,
            };
            *field = number(value);
        }
    }
    protocols
}

/// Adds what `sockstat` or `sockstat6` says to `counts`.
///
/// `sockets: used 14`, `TCP: inuse 2 orphan 0 tw 0 alloc 2 mem 320`, `UDP6: inuse 0`
pub fn parse_sockstat(text: &[u8], counts: &mut SocketCounts) {
    for line in lines(text) {
        let mut words = words(line);
        let (field, key) = match words.next() {
            Some(b"sockets:") => (&mut counts.used, &b"used"[..]),
            Some(b"UDP:" | b"UDP6:") => (&mut counts.udp, &b"inuse"[..]),
            Some(b"TCP:") => (&mut counts.tcp_time_wait, &b"tw"[..]),
            _ => continue,
        };
        let Some(value) = words.skip_while(|word| *word != key).nth(1).and_then(number) else { continue };
        *field = Some(field.unwrap_or(0).saturating_add(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_name() {
        let text = b"Ip: A B\nIp: 1 2\nTcp: ActiveOpens PassiveOpens CurrEstab InSegs RetransSegs OutSegs\nTcp: 5 6 3 20 4 13\nUdp: InDatagrams InErrors\nUdp: 323 9\n";
        let protocols = parse_snmp(text);
        assert_eq!((protocols.tcp_current_established, protocols.tcp_segments_in), (Some(3), Some(20)));
        assert_eq!((protocols.tcp_retransmits, protocols.tcp_segments_out), (Some(4), Some(13)));
        assert_eq!((protocols.tcp_active_opens, protocols.tcp_passive_opens), (Some(5), Some(6)));
        assert_eq!(protocols.udp_errors_in, Some(9));
        assert_eq!(parse_snmp(b"Tcp: CurrEstab\nUdp: 1\n"), Protocols::default());
    }

    #[test]
    fn both_versions_add_up() {
        let mut counts = SocketCounts::default();
        parse_sockstat(
            b"sockets: used 14\nTCP: inuse 2 orphan 0 tw 5 alloc 2 mem 320\nUDP: inuse 3 mem 0\n",
            &mut counts,
        );
        parse_sockstat(b"TCP6: inuse 1\nUDP6: inuse 4\nUDPLITE6: inuse 9\n", &mut counts);
        assert_eq!(counts, SocketCounts { used: Some(14), udp: Some(7), tcp_time_wait: Some(5) });
    }
}
