//! Bytes on the network, of processes that are known to have sent and received so many.

use std::collections::HashMap;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use tacho_bpf::{Bpf, Bytes, Ending, NetworkWay, NetworkWays};

use crate::child::{self, Child};

const TRACEPOINTS: NetworkWays = NetworkWays { tracepoints: true, control_groups: false };
const CONTROL_GROUPS: NetworkWays = NetworkWays { tracepoints: false, control_groups: true };

/// Two sockets connected over the loopback interface.
///
/// `None`: this machine has no such address.
fn tcp(address: &str) -> Option<(OwnedFd, OwnedFd)> {
    let listener = TcpListener::bind(address).ok()?;
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    Some((client.into(), listener.accept().unwrap().0.into()))
}

fn udp(address: &str) -> Option<(OwnedFd, OwnedFd)> {
    let (one, two) = (UdpSocket::bind(address).ok()?, UdpSocket::bind(address).ok()?);
    one.connect(two.local_addr().unwrap()).unwrap();
    two.connect(one.local_addr().unwrap()).unwrap();
    Some((one.into(), two.into()))
}

/// What one of two children does with its end.
type Work<'w> = &'w dyn Fn(&OwnedFd);

/// Runs two children with an end each, looks at what was counted for them while they live, and then at their
/// ends.
fn counted(bpf: &mut Bpf, (one, two): (OwnedFd, OwnedFd), work: [Work<'_>; 2]) -> [Bytes; 2] {
    let (begin, start) = child::pipe();
    let (wait, go) = child::pipe();
    let (done, tell) = child::pipe();
    // Each has its own end only before it begins, and this process none: a socket is of who holds it.
    let ends = [[&one, &two], [&two, &one]];
    let [first, second] = [0, 1].map(|position| {
        let ([own, other], work) = (ends[position], work[position]);
        Child::start(|| {
            child::close(other);
            child::write(&tell, 1, 1);
            child::read(&begin, 1);
            work(own);
            child::write(&tell, 1, 1);
            child::read(&wait, 1);
            0
        })
    });
    drop((one, two));
    child::read(&done, 2);
    child::write(&start, 2, 1);
    child::read(&done, 2);
    bpf.read_tasks().unwrap();
    let pids = [first.pid, second.pid];
    let alive = pids.map(|pid| bpf.task(pid).unwrap().network);
    child::write(&go, 2, 1);
    for child in [first, second] {
        assert_eq!(child.wait().status, 0);
    }
    if bpf.tells_exits() {
        assert_eq!(told_at_end(bpf, pids), alive);
    }
    alive
}

fn told_at_end(bpf: &mut Bpf, pids: [u32; 2]) -> [Bytes; 2] {
    let mut told = [None; 2];
    while told.contains(&None) {
        bpf.drain_exits(|ending| {
            let Ending::Exit(exit) = ending else { return };
            if let Some(position) = pids.iter().position(|pid| *pid == exit.pid) {
                told[position] = Some(exit.network);
            }
        });
    }
    told.map(Option::unwrap_or_default)
}

/// Hands the programs to `test` once for each way to count, as far as it works here.
fn each_way(test: impl Fn(&mut Bpf)) {
    let _room = crate::ring();
    for (ways, way) in [(TRACEPOINTS, NetworkWay::Tracepoints), (CONTROL_GROUPS, NetworkWay::ControlGroups)] {
        let Some(mut bpf) = crate::load_with(ways) else { return };
        match bpf.network() {
            Some(told) => {
                assert_eq!(told, way);
                test(&mut bpf);
            }
            None => eprintln!("not tested: {:?}", bpf.refusals()),
        }
    }
}

/// Of TCP: two packets of a connection that come at the same time on two CPUs may count more than they hold.
fn check(bpf: &Bpf, told: [Bytes; 2], expected: [Bytes; 2]) {
    told.into_iter().zip(expected).for_each(|(told, expected)| check_way(bpf.network(), told, expected));
}

fn check_way(way: Option<NetworkWay>, told: Bytes, expected: Bytes) {
    let is_close = |told: u64, bytes: u64| (bytes..=bytes + bytes / 20).contains(&told);
    match way {
        Some(NetworkWay::ControlGroups) => assert!(
            is_close(told.read, expected.read) && is_close(told.written, expected.written),
            "{told:?}, expected {expected:?}"
        ),
        _ => assert_eq!(told, expected),
    }
}

fn bytes(read: usize, written: usize) -> Bytes {
    let of = |count: usize| u64::try_from(count).unwrap();
    Bytes { read: of(read), written: of(written) }
}

#[test]
fn tcp_both_ways_to_the_byte() {
    const UP: usize = 5_000_003;
    const DOWN: usize = 2_500_001;
    for address in ["127.0.0.1:0", "[::1]:0"] {
        each_way(|bpf| {
            let Some(ends) = tcp(address) else { return };
            let both = counted(
                bpf,
                ends,
                [
                    &|client| {
                        child::write(client, UP, 16 << 10);
                        child::read(client, DOWN);
                    },
                    &|server| {
                        child::read(server, UP);
                        child::write(server, DOWN, 1000);
                    },
                ],
            );
            check(bpf, both, [bytes(DOWN, UP), bytes(UP, DOWN)]);
        });
    }
}

#[test]
fn datagrams_to_the_byte() {
    const ROUNDS: usize = 500;
    for address in ["127.0.0.1:0", "[::1]:0"] {
        each_way(|bpf| {
            let Some(ends) = udp(address) else { return };
            // One after the other, so that none is dropped.
            let both = counted(
                bpf,
                ends,
                [
                    &|client| {
                        for _ in 0..ROUNDS {
                            child::write(client, 1400, 1400);
                            child::read(client, 7);
                        }
                    },
                    &|server| {
                        for _ in 0..ROUNDS {
                            child::read(server, 1400);
                            child::write(server, 7, 7);
                        }
                    },
                ],
            );
            assert_eq!(both, [bytes(ROUNDS * 7, ROUNDS * 1400), bytes(ROUNDS * 1400, ROUNDS * 7)]);
        });
    }
}

#[test]
fn sent_files_count_and_looking_does_not() {
    const FILE: usize = 3_000_000;
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sent-file");
    std::fs::write(&path, vec![0; FILE]).unwrap();
    let file: OwnedFd = std::fs::File::open(&path).unwrap().into();
    std::fs::remove_file(path).unwrap();
    each_way(|bpf| {
        let both = counted(
            bpf,
            tcp("127.0.0.1:0").unwrap(),
            [&|client| child::send_file(client, &file, FILE), &|server| {
                child::receive(server, 100, libc::MSG_PEEK | libc::MSG_WAITALL);
                child::read(server, FILE);
            }],
        );
        check(bpf, both, [bytes(0, FILE), bytes(FILE, 0)]);
    });
}

#[test]
fn sockets_within_the_host_do_not_count() {
    each_way(|bpf| {
        let (one, two) = UnixStream::pair().unwrap();
        let both = counted(
            bpf,
            (one.into(), two.into()),
            [&|one| child::write(one, 10_000, 1000), &|two| child::read(two, 10_000)],
        );
        assert_eq!(both, [Bytes::default(); 2]);
    });
}

#[test]
fn a_socket_that_is_closed_is_not_lost() {
    const BYTES: usize = 1_000_000;
    each_way(|bpf| {
        let both = counted(
            bpf,
            tcp("127.0.0.1:0").unwrap(),
            [
                &|client| {
                    child::write(client, BYTES, 16 << 10);
                    child::read(client, 1);
                    child::close(client);
                },
                &|server| {
                    child::read(server, BYTES);
                    child::write(server, 1, 1);
                    child::close(server);
                },
            ],
        );
        check(bpf, both, [bytes(1, BYTES), bytes(BYTES, 1)]);
    });
}

/// One process sends to another, and both end.
fn live_shortly(sent: usize) -> [Child; 2] {
    let (client, server) = tcp("127.0.0.1:0").unwrap();
    let (wait, go) = child::pipe();
    let one = Child::start(|| {
        child::close(&server);
        child::read(&wait, 1);
        child::write(&client, sent, 16 << 10);
        child::read(&client, 1);
        0
    });
    let two = Child::start(|| {
        child::close(&client);
        child::read(&wait, 1);
        child::read(&server, sent);
        child::write(&server, 1, 1);
        0
    });
    drop((client, server));
    child::write(&go, 2, 1);
    [one, two]
}

#[test]
fn a_process_that_no_pass_saw_has_its_bytes_at_its_end() {
    const PAIRS: usize = 20;
    each_way(|bpf| {
        if !bpf.tells_exits() {
            return;
        }
        let mut expected = HashMap::new();
        for number in 1..=PAIRS {
            let sent = number * 10_000;
            let [one, two] = live_shortly(sent);
            expected.insert(one.pid, bytes(1, sent));
            expected.insert(two.pid, bytes(sent, 1));
            [one, two].into_iter().for_each(|child| assert_eq!(child.wait().status, 0));
        }
        let (mut told, way) = (HashMap::new(), bpf.network());
        // A few are never told to be freed.
        while told.len() < 2 * PAIRS - 4 {
            bpf.drain_exits(|ending| {
                let Ending::Total(total) = ending else { return };
                if let Some(expected) = expected.get(&total.pid) {
                    check_way(way, total.network, *expected);
                    told.insert(total.pid, total.network);
                }
            });
        }
    });
}

#[test]
fn a_socket_of_several_processes_is_of_the_one_with_the_lowest_pid() {
    const BYTES: usize = 100_000;
    let _room = crate::ring();
    let Some(mut bpf) = crate::load_with(CONTROL_GROUPS).filter(|bpf| bpf.network().is_some()) else {
        return eprintln!("not tested, packets are not counted here");
    };
    let (client, server) = tcp("127.0.0.1:0").unwrap();
    let (wait, go) = child::pipe();
    let hold = || {
        child::read(&wait, 1);
        0
    };
    let holders = [Child::start(hold), Child::start(hold)];
    child::write(&client, BYTES, 1000);
    child::read(&server, BYTES);
    bpf.read_tasks().unwrap();
    let pids = [std::process::id(), holders[0].pid, holders[1].pid];
    let told = pids.map(|pid| bpf.task(pid).unwrap().network);
    let lowest = pids.iter().enumerate().min_by_key(|(_, pid)| **pid).unwrap().0;
    for (position, told) in told.into_iter().enumerate() {
        let expected = if position == lowest { bytes(BYTES, BYTES) } else { Bytes::default() };
        check_way(bpf.network(), told, expected);
    }
    child::write(&go, 2, 1);
    holders.into_iter().for_each(|child| assert_eq!(child.wait().status, 0));
}

#[test]
fn nothing_is_tried_that_is_not_wanted() {
    let Some(bpf) = crate::load_with(NetworkWays::NONE) else { return };
    assert_eq!(bpf.network(), None);
    assert!(bpf.refusals().iter().all(|refusal| refusal.what == "exits"), "{:?}", bpf.refusals());
}
