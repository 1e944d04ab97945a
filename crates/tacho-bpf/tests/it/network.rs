//! Bytes on the network, of processes that are known to have sent and received so many.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use tacho_bpf::{Bpf, Bytes, Ending};

use crate::child::{self, Child};

/// Two sockets connected over the loopback interface.
fn tcp() -> (OwnedFd, OwnedFd) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client.into(), listener.accept().unwrap().0.into())
}

fn udp() -> (OwnedFd, OwnedFd) {
    let [one, two] = [0, 1].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
    one.connect(two.local_addr().unwrap()).unwrap();
    two.connect(one.local_addr().unwrap()).unwrap();
    (one.into(), two.into())
}

/// Runs both, looks at what was counted for them while they live, and then at their ends.
fn counted(bpf: &mut Bpf, one: impl FnOnce(), two: impl FnOnce()) -> [Bytes; 2] {
    let (wait, go) = child::pipe();
    let (done, tell) = child::pipe();
    let children = [start(one, (&wait, &tell)), start(two, (&wait, &tell))];
    child::read(&done, 2);
    bpf.read_tasks().unwrap();
    let pids = [children[0].pid, children[1].pid];
    let alive = pids.map(|pid| bpf.task(pid).unwrap().network);
    child::write(&go, 2, 1);
    for child in children {
        assert_eq!(child.wait().status, 0);
    }
    let mut ended = [None; 2];
    while bpf.tells_exits() && ended.contains(&None) {
        bpf.drain_exits(|ending| {
            let Ending::Exit(exit) = ending else { return };
            if let Some(position) = pids.iter().position(|pid| *pid == exit.pid) {
                ended[position] = Some(exit.network);
            }
        });
    }
    assert!(
        ended.iter().zip(alive).all(|(ended, alive)| ended.is_none_or(|ended| ended == alive)),
        "{ended:?}"
    );
    alive
}

fn start(work: impl FnOnce(), (wait, tell): (&OwnedFd, &OwnedFd)) -> Child {
    Child::start(|| {
        work();
        child::write(tell, 1, 1);
        child::read(wait, 1);
        0
    })
}

fn bpf() -> Option<Bpf> {
    let bpf = crate::load()?;
    if !bpf.tells_network() {
        eprintln!("not tested, this kernel does not tell of the network");
    }
    Some(bpf).filter(Bpf::tells_network)
}

fn bytes(read: usize, written: usize) -> Bytes {
    let of = |count: usize| u64::try_from(count).unwrap();
    Bytes { read: of(read), written: of(written) }
}

#[test]
fn tcp_both_ways_to_the_byte() {
    const UP: usize = 5_000_003;
    const DOWN: usize = 2_500_001;
    let _room = crate::ring();
    let Some(mut bpf) = bpf() else { return };
    let (client, server) = tcp();
    let both = counted(
        &mut bpf,
        || {
            child::write(&client, UP, 16 << 10);
            child::read(&client, DOWN);
        },
        || {
            child::read(&server, UP);
            child::write(&server, DOWN, 1000);
        },
    );
    assert_eq!(both, [bytes(DOWN, UP), bytes(UP, DOWN)]);
}

#[test]
fn datagrams_to_the_byte() {
    const ROUNDS: usize = 500;
    let _room = crate::ring();
    let Some(mut bpf) = bpf() else { return };
    let (client, server) = udp();
    // One after the other, so that none is dropped.
    let both = counted(
        &mut bpf,
        || {
            for _ in 0..ROUNDS {
                child::write(&client, 1400, 1400);
                child::read(&client, 7);
            }
        },
        || {
            for _ in 0..ROUNDS {
                child::read(&server, 1400);
                child::write(&server, 7, 7);
            }
        },
    );
    assert_eq!(both, [bytes(ROUNDS * 7, ROUNDS * 1400), bytes(ROUNDS * 1400, ROUNDS * 7)]);
}

#[test]
fn sent_files_count_and_looking_does_not() {
    const FILE: usize = 3_000_000;
    let _room = crate::ring();
    let Some(mut bpf) = bpf() else { return };
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sent-file");
    std::fs::write(&path, vec![0; FILE]).unwrap();
    let file: OwnedFd = std::fs::File::open(&path).unwrap().into();
    std::fs::remove_file(path).unwrap();
    let (client, server) = tcp();
    let both = counted(
        &mut bpf,
        || child::send_file(&client, &file, FILE),
        || {
            child::receive(&server, 100, libc::MSG_PEEK | libc::MSG_WAITALL);
            child::read(&server, FILE);
        },
    );
    assert_eq!(both, [bytes(0, FILE), bytes(FILE, 0)]);
}

#[test]
fn sockets_within_the_host_do_not_count() {
    let _room = crate::ring();
    let Some(mut bpf) = bpf() else { return };
    let (one, two) = UnixStream::pair().unwrap();
    let (one, two): (OwnedFd, OwnedFd) = (one.into(), two.into());
    let both = counted(&mut bpf, || child::write(&one, 10_000, 1000), || child::read(&two, 10_000));
    assert_eq!(both, [Bytes::default(); 2]);
}
