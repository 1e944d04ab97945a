//! Bytes on the network of processes of known pid, by each way to count them, within this machine and over a cable.

use tacho_agent::sampler::{NetworkChoice, SamplerConfig};

use super::connections::is_within;
use super::namespaces::{FAR, NEAR, peers_with_a_cable};
use super::peer::{Peer, transfer, transfer_datagrams, transfer_file};
use super::watch::{Watch, config, has_socket_diagnosis};

const UP: i64 = 3_000_017;
const DOWN: i64 = 1_000_003;
const FILE: i64 = 2_000_001;
const DATAGRAMS: i64 = 700_007;

/// Two packets of a connection that come at the same time on two CPUs may count more than they hold.
const AT_ONCE_RATIO: i64 = 20;

fn watch(network: NetworkChoice, name: &str) -> Option<Watch> {
    let mut watch = Watch::with(SamplerConfig { network, ..config() });
    let told = watch.network();
    if told != name {
        eprintln!("left out: the network is told by {told}, not by {name}");
        return None;
    }
    Some(watch)
}

/// Moves bytes over TCP both ways, by sendfile, and in datagrams. Both peers have been seen before.
fn move_bytes(watch: &mut Watch, near: &mut Peer, far: &mut Peer, hosts: [&str; 2]) {
    let listening = far.address(&format!("listen {}:0", hosts[1]));
    near.address(&format!("connect {listening}"));
    far.address("accept");
    let of_near = near.address(&format!("udp {}:0", hosts[0]));
    let of_far = far.address(&format!("udp {}:0", hosts[1]));
    near.done(&format!("peer {of_far}"));
    far.done(&format!("peer {of_near}"));
    watch.sample();
    transfer(near, far, UP as usize);
    transfer(far, near, DOWN as usize);
    watch.sample();
    transfer_file(near, far, FILE as usize);
    transfer_datagrams(near, far, DATAGRAMS as usize);
}

/// Received and sent by each in the end.
fn told(watch: &mut Watch, near: &Peer, far: &Peer, sent: i64, both: bool) -> [(i64, i64); 2] {
    let of = |watch: &Watch, peer: &Peer| watch.processes.get(&peer.pid()).copied().unwrap_or_default();
    watch.until("the bytes are told", |watch| {
        of(watch, near).1 >= sent && (!both || of(watch, far).0 >= sent)
    });
    [of(watch, near), of(watch, far)]
}

fn each_path(test: impl Fn(&mut Peer, &mut Peer, [&str; 2])) {
    test(&mut Peer::start(), &mut Peer::start(), ["127.0.0.1", "127.0.0.1"]);
    // The thread that has another network afterwards is the test's own.
    if let Some((mut near, mut far)) = peers_with_a_cable() {
        test(&mut near, &mut far, [NEAR, FAR]);
    }
}

#[test]
fn by_tracepoints_to_the_byte() {
    each_path(|near, far, hosts| {
        let Some(mut watch) = watch(NetworkChoice::Tracepoint, "tracepoint") else { return };
        move_bytes(&mut watch, near, far, hosts);
        let sent = UP + FILE + DATAGRAMS;
        assert_eq!(told(&mut watch, near, far, sent, true), [(DOWN, sent), (sent, DOWN)]);
    });
}

#[test]
fn by_control_groups_to_the_byte_but_for_packets_at_once() {
    each_path(|near, far, hosts| {
        let Some(mut watch) = watch(NetworkChoice::Cgroup, "cgroup") else { return };
        move_bytes(&mut watch, near, far, hosts);
        let sent = UP + FILE + DATAGRAMS;
        let told = told(&mut watch, near, far, sent, true);
        let is_close = |told: i64, bytes: i64| (bytes..=bytes + bytes / AT_ONCE_RATIO).contains(&told);
        for ((rx_bytes, tx_bytes), (received, sent)) in told.into_iter().zip([(DOWN, sent), (sent, DOWN)]) {
            assert!(is_close(rx_bytes, received) && is_close(tx_bytes, sent), "{told:?}");
        }
    });
}

#[test]
fn by_diagnosis_tcp_of_the_own_network_and_nothing_else() {
    if !has_socket_diagnosis() {
        return;
    }
    each_path(|near, far, hosts| {
        let Some(mut watch) = watch(NetworkChoice::Diag, "diag") else { return };
        move_bytes(&mut watch, near, far, hosts);
        let (sent, is_near) = (UP + FILE, hosts[0] == hosts[1]);
        let [(rx_bytes, tx_bytes), of_far] = told(&mut watch, near, far, sent, is_near);
        assert!(is_within(rx_bytes, DOWN) && is_within(tx_bytes, sent), "{rx_bytes} {tx_bytes}");
        if is_near {
            assert!(is_within(of_far.0, sent) && is_within(of_far.1, DOWN), "{of_far:?}");
        } else {
            assert!(!watch.tells_network[&far.pid()], "absent is never zero");
        }
    });
}

#[test]
fn what_is_not_wanted_is_absent() {
    let (mut near, mut far) = (Peer::start(), Peer::start());
    let Some(mut watch) = watch(NetworkChoice::None, "none") else { return };
    move_bytes(&mut watch, &mut near, &mut far, ["127.0.0.1", "127.0.0.1"]);
    let pid = near.pid();
    watch.until("there is a row", |watch| watch.tells_network.contains_key(&pid));
    assert!(!watch.tells_network[&pid]);
}
