//! A process of known pid that opens sockets and moves bytes as it is told: this test binary once more.

use std::io::{BufRead as _, BufReader, Read as _, Write as _, stdin};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tacho_proc::process_cpu_time_us;

/// Tells the binary that it plays a role in a test and is none.
const IS_CHILD: &str = "TACHO_TEST_CHILD";

/// The test that is the peer.
pub(crate) const ROLE: &str = "peer::runs_as_a_peer";

/// Held by tests that end thousands of processes or threads, and by those that would miss ends where there are so
/// many.
static CROWD: Mutex<()> = Mutex::new(());

pub(crate) fn alone() -> MutexGuard<'static, ()> {
    CROWD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running peer. Orders go in as lines and each is answered with one.
pub(crate) struct Peer {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStderr>,
}

impl Peer {
    pub(crate) fn start() -> Self {
        Self::start_with(ROLE, |command| command)
    }

    /// Starts this binary in `role`. `prepare` may change how.
    pub(crate) fn start_with(role: &str, prepare: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        // This way a user may execute it who may not enter its directory.
        let mut command = Command::new("/proc/self/exe");
        command.args(["--exact", role, "--nocapture"]).env(IS_CHILD, "1");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = prepare(&mut command).spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stderr.take().unwrap());
        let mut peer = Self { child, orders, answers };
        assert_eq!(peer.answer(), "ready");
        peer
    }

    pub(crate) fn pid(&self) -> i64 {
        self.child.id().into()
    }

    pub(crate) fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    pub(crate) fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Gives an order and waits for its answer, an address.
    pub(crate) fn address(&mut self, order: &str) -> SocketAddr {
        self.order(order);
        self.answer().parse().unwrap()
    }

    pub(crate) fn done(&mut self, order: &str) {
        self.order(order);
        assert_eq!(self.answer(), "done");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Moves `bytes` from one peer to the other.
pub(crate) fn transfer(from: &mut Peer, to: &mut Peer, bytes: usize) {
    to.order(&format!("receive {bytes}"));
    from.done(&format!("send {bytes}"));
    assert_eq!(to.answer(), "done");
}

#[derive(Default)]
struct Sockets {
    listener: Option<TcpListener>,
    stream: Option<TcpStream>,
    udp: Option<UdpSocket>,
}

#[test]
fn runs_as_a_peer() {
    let mut sockets = Sockets::default();
    obey(|verb, argument| sockets.obey(verb, argument));
}

/// Answers orders, of a verb and an argument each, for as long as there are some.
pub(crate) fn obey(mut answer: impl FnMut(&str, &str) -> String) {
    if std::env::var_os(IS_CHILD).is_none() {
        return;
    }
    eprintln!("ready");
    for order in stdin().lines() {
        let order = order.unwrap();
        let (verb, argument) = order.split_once(' ').unwrap_or((&order, ""));
        eprintln!("{}", answer(verb, argument));
    }
}

impl Sockets {
    fn obey(&mut self, verb: &str, argument: &str) -> String {
        let local = match verb {
            "listen" => self.listener.insert(TcpListener::bind(argument).unwrap()).local_addr(),
            "connect" => self.stream.insert(TcpStream::connect(argument).unwrap()).local_addr(),
            "accept" => Ok(self.accept()),
            "udp" => self.udp.insert(UdpSocket::bind(argument).unwrap()).local_addr(),
            _ => {
                self.move_bytes(verb, argument);
                return "done".to_owned();
            }
        };
        local.unwrap().to_string()
    }

    fn accept(&mut self) -> SocketAddr {
        let (stream, remote) = self.listener.as_ref().unwrap().accept().unwrap();
        self.stream = Some(stream);
        remote
    }

    fn move_bytes(&mut self, verb: &str, argument: &str) {
        match verb {
            "send" => {
                let bytes = vec![b'x'; argument.parse().unwrap()];
                self.stream.as_mut().unwrap().write_all(&bytes).unwrap();
            }
            "receive" => {
                let mut bytes = vec![0; argument.parse().unwrap()];
                self.stream.as_mut().unwrap().read_exact(&mut bytes).unwrap();
            }
            "work" => {
                let until_us = process_cpu_time_us().unwrap() + argument.parse::<u64>().unwrap();
                while process_cpu_time_us().unwrap() < until_us {
                    std::hint::black_box(0);
                }
            }
            "close" => *self = Self::default(),
            _ => panic!("{verb:?} is no order"),
        }
    }
}
