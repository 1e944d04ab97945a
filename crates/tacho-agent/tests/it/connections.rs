//! Connections of this machine: processes of known pid move known bytes, and snapshots say so.

use std::net::SocketAddr;

use super::peer::{Peer, transfer};
use super::watch::{Watch, has_socket_diagnosis};

/// The beginning and the end of a stream count as a byte each.
const SYN_AND_FIN: i64 = 2;

pub(crate) fn is_within(value: i64, bytes: i64) -> bool {
    (bytes..=bytes + SYN_AND_FIN).contains(&value)
}

/// A pair of connected peers, and the addresses of the first and the second one's end.
fn connect(watch: &mut Watch, listen: &str) -> (Peer, Peer, (SocketAddr, SocketAddr)) {
    let (mut client, mut server) = (Peer::start(), Peer::start());
    let listening = server.address(&format!("listen {listen}"));
    let key = ("tcp".to_owned(), listening);
    let expected = (Some(server.pid()), 1);
    watch.until("the listener is told with its owner", |watch| watch.listeners.get(&key) == Some(&expected));
    let local = client.address(&format!("connect {listening}"));
    assert_eq!(server.address("accept"), local);
    (client, server, (local, listening))
}

fn bytes_arrive_exactly(listen: &str) {
    if !has_socket_diagnosis() {
        return;
    }
    let (sent, returned) = (3 << 20, 1_234_567);
    let mut watch = Watch::new();
    let (mut client, mut server, (local, remote)) = connect(&mut watch, listen);
    transfer(&mut client, &mut server, sent as usize);
    watch.sample();
    transfer(&mut server, &mut client, returned as usize);
    let of_client = (local, remote);
    let of_server = (remote, local);
    watch.until("both ends have seen all bytes acknowledged", |watch| {
        let ends = [of_client, of_server].map(|end| watch.connections.get(&end).cloned().unwrap_or_default());
        ends[0].tx_bytes >= sent && ends[1].tx_bytes >= returned
    });
    for (end, pid, received, acknowledged) in
        [(of_client, client.pid(), returned, sent), (of_server, server.pid(), sent, returned)]
    {
        let seen = &watch.connections[&end];
        assert!(is_within(seen.rx_bytes, received) && is_within(seen.tx_bytes, acknowledged), "{seen:?}");
        assert_eq!((seen.pid, seen.state.as_str()), (Some(pid), "established"), "{seen:?}");
        assert!(seen.rtt_us > Some(0) && seen.name.is_some(), "{seen:?}");
        let (rx_bytes, tx_bytes) = watch.processes[&pid];
        assert!(is_within(rx_bytes, received) && is_within(tx_bytes, acknowledged), "{rx_bytes} {tx_bytes}");
    }
    closed_sockets_are_gone(watch, [client, server], of_client);
}

fn closed_sockets_are_gone(mut watch: Watch, mut peers: [Peer; 2], end: (SocketAddr, SocketAddr)) {
    let owner = Some(peers[1].pid());
    peers.iter_mut().for_each(|peer| peer.done("close"));
    let key = ("tcp".to_owned(), end.1);
    watch.until("the listener has gone", |watch| watch.listeners.get(&key) == Some(&(owner, 0)));
    let rows = watch.connections[&end].rows;
    watch.sample();
    watch.sample();
    assert!(watch.connections[&end].rows <= rows + 1, "the end of the stream at most is left to tell");
}

#[test]
fn bytes_over_version_4_arrive_exactly() {
    bytes_arrive_exactly("127.0.0.1:0");
}

#[test]
fn bytes_over_version_6_arrive_exactly() {
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        bytes_arrive_exactly("[::1]:0");
    }
}

#[test]
fn a_connection_that_was_there_before_does_not_bring_its_past() {
    if !has_socket_diagnosis() {
        return;
    }
    let (mut client, mut server, (local, remote)) = connect(&mut Watch::new(), "127.0.0.1:0");
    transfer(&mut client, &mut server, 1 << 20);
    let mut watch = Watch::new();
    transfer(&mut client, &mut server, 5000);
    let pid = server.pid();
    watch.until("the bytes are told", |watch| {
        watch.processes.get(&pid).is_some_and(|(rx_bytes, _)| *rx_bytes >= 5000)
            && watch.connections.contains_key(&(remote, local))
    });
    assert_eq!(watch.connections[&(remote, local)].rx_bytes, 5000);
    assert_eq!(watch.processes[&pid].0, 5000);
}

#[test]
fn a_socket_for_datagrams_is_told_when_it_stays() {
    if !has_socket_diagnosis() {
        return;
    }
    let (mut watch, mut peer) = (Watch::new(), Peer::start());
    let key = ("udp".to_owned(), peer.address("udp 127.0.0.1:0"));
    watch.until("it is told", |watch| watch.listeners.get(&key) == Some(&(Some(peer.pid()), 1)));
    let pid = peer.pid();
    peer.done("close");
    watch.until("it has gone", |watch| watch.listeners.get(&key) == Some(&(Some(pid), 0)));
}
