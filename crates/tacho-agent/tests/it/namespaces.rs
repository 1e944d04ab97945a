//! Two network namespaces and a cable between them, where there is the right to make them: addresses that are
//! not of this machine, and a cable that can be pulled.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::connections::is_within;
use super::peer::{Peer, ROLE, transfer};
use super::watch::{Watch, has_socket_diagnosis};

/// The ends of the cable.
pub(crate) const NEAR: &str = "192.0.2.1";
pub(crate) const FAR: &str = "192.0.2.2";

/// Takes this thread to a network of its own, with a peer in it, and connects it with another that has a peer too.
/// `None`: that takes rights or programs that are not here.
pub(crate) fn peers_with_a_cable() -> Option<(Peer, Peer)> {
    if leave_network().is_err() {
        eprintln!("left out: takes the right to make network namespaces");
        return None;
    }
    let far = Peer::start_with(ROLE, in_another_network);
    if !connect_networks(&far) {
        eprintln!("left out: takes the programs ip and nsenter, and virtual cables");
        return None;
    }
    Some((Peer::start(), far))
}

/// Runs `ip` in this thread's namespace or in that of a process.
fn ip(pid: Option<i64>, arguments: &str) -> bool {
    let mut command = match pid {
        Some(pid) => {
            let mut command = Command::new("nsenter");
            command.arg(format!("--net=/proc/{pid}/ns/net")).arg("ip");
            command
        }
        None => Command::new("ip"),
    };
    let run = command.args(arguments.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

#[expect(unsafe_code, reason = "the standard library has no namespaces")]
fn leave_network() -> io::Result<()> {
    // SAFETY: no pointers; this thread alone gets another network.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[expect(
    unsafe_code,
    reason = "a child process in a network of its own has to be made between fork and exec"
)]
fn in_another_network(command: &mut Command) -> &mut Command {
    // SAFETY: after the fork only system calls are made.
    unsafe { command.pre_exec(leave_network) }
}

/// Connects this thread's network with the peer's.
fn connect_networks(far: &Peer) -> bool {
    let pid = far.pid();
    ip(None, &format!("link add tacho0 type veth peer name tacho1 netns {pid}"))
        && ip(None, &format!("addr add {NEAR}/24 dev tacho0"))
        && ip(None, "link set tacho0 up")
        && ip(Some(pid), &format!("addr add {FAR}/24 dev tacho1"))
        && ip(Some(pid), "link set tacho1 up")
}

#[test]
fn bytes_over_a_cable_arrive_and_a_pulled_cable_shows_in_what_is_sent_again() {
    if !has_socket_diagnosis() {
        return;
    }
    let Some((mut near, mut far)) = peers_with_a_cable() else { return };
    let mut watch = Watch::new();
    let remote = far.address(&format!("listen {FAR}:0"));
    let local = near.address(&format!("connect {remote}"));
    far.address("accept");
    let end = (local, remote);
    transfer(&mut near, &mut far, 1 << 20);
    transfer(&mut far, &mut near, 5000);
    watch.until("all is acknowledged", |watch| {
        watch.connections.get(&end).is_some_and(|seen| seen.tx_bytes >= 1 << 20 && seen.pid.is_some())
    });
    let seen = watch.connections[&end].clone();
    assert!(is_within(seen.tx_bytes, 1 << 20) && is_within(seen.rx_bytes, 5000), "{seen:?}");
    assert_eq!(seen.pid, Some(near.pid()));
    assert!(!watch.connections.contains_key(&(remote, local)), "the other end is in another network");
    assert!(watch.listeners.keys().all(|(_, address)| *address != remote));

    assert!(ip(Some(far.pid()), "link set tacho1 down"));
    near.done("send 3000");
    watch.until("it is sent again", |watch| watch.connections[&end].retransmits > seen.retransmits);
    assert!(ip(Some(far.pid()), "link set tacho1 up"));
    far.done("receive 3000");
    watch.until("it is acknowledged at last", |watch| {
        watch.connections[&end].tx_bytes >= seen.tx_bytes + 3000
    });
}
