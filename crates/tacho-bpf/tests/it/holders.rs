//! Who holds sockets, found in small steps.

use std::collections::BTreeMap;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

use crate::child::{self, Child};

fn inode(socket: impl AsFd) -> u64 {
    let file = std::fs::File::from(socket.as_fd().try_clone_to_owned().unwrap());
    file.metadata().unwrap().ino()
}

#[test]
fn a_socket_is_told_with_each_of_its_holders() {
    let _room = crate::ring();
    let Some(mut bpf) = crate::load() else { return };
    let mut holders = bpf.take_holders().unwrap();
    let (wait, go) = child::pipe();
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (tcp, udp) = (OwnedFd::from(tcp), OwnedFd::from(udp));
    let more: Vec<_> = (0..200).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let unix = std::os::unix::net::UnixDatagram::unbound().unwrap();
    let child = Child::start(|| {
        child::close(&go);
        child::close(&udp);
        child::read(&wait, 1);
        0
    });
    let mut found: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    let mut steps = 0;
    while !holders
        .walk(1, |pid, inode| {
            found.entry(inode).or_default().push(pid);
            true
        })
        .unwrap()
    {
        steps += 1;
    }
    assert!(steps > 1, "no step is longer than a few sockets");
    assert!(more.iter().all(|socket| found.contains_key(&inode(socket))));
    let own = std::process::id();
    let mut both = [own, child.pid];
    both.sort_unstable();
    // The child may not have closed its own yet.
    assert_eq!(found[&inode(&tcp)], both);
    assert!(found[&inode(&udp)].contains(&own));
    assert!(!found.contains_key(&inode(&unix)), "no socket of the network");
    let mut told = 0;
    while !holders
        .walk(1, |_, _| {
            told += 1;
            false
        })
        .unwrap()
    {}
    assert_eq!(told, 1, "enough was told");
    assert!(!holders.walk(1, |_, _| true).unwrap(), "a walk of its own");
    holders.stop();
    child::write(&go, 1, 1);
    child.wait();
}
