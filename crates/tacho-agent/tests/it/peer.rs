//! A process of known pid that opens sockets and moves bytes as it is told: this test binary once more.

mod sockets;

use std::io::{BufRead as _, BufReader, Write as _, stdin};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sockets::{DATAGRAMS_AT_ONCE, Sockets};

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

/// Moves `bytes` in datagrams, no more at once than the receiver's socket has room for.
pub(crate) fn transfer_datagrams(from: &mut Peer, to: &mut Peer, bytes: usize) {
    let mut left = bytes;
    while left > 0 {
        let length = left.min(DATAGRAMS_AT_ONCE);
        to.order(&format!("receive-datagrams {length}"));
        from.done(&format!("send-datagrams {length}"));
        assert_eq!(to.answer(), "done");
        left -= length;
    }
}

/// Sends a file of `bytes` from one peer to the other.
pub(crate) fn transfer_file(from: &mut Peer, to: &mut Peer, bytes: usize) {
    to.order(&format!("receive {bytes}"));
    from.done(&format!("send-file {bytes}"));
    assert_eq!(to.answer(), "done");
}

#[test]
fn runs_as_a_peer() {
    let mut sockets = Sockets::default();
    obey(|verb, argument| sockets.obey(verb, argument).unwrap());
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
