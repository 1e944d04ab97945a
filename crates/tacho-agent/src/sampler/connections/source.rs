//! Where sockets are told: socket diagnosis over netlink; without it, tables in `/proc/net`, which know listeners
//! but no bytes.

use std::io;
use std::path::Path;

use tacho_proc::{
    Buffer, KeptFile, ProcError, SocketDiag, SocketRecord, TcpStates, is_procfs, parse_socket_table,
};

use super::super::status::Status;
use super::listeners::{Listeners, Protocol};
use super::tracker::MAX_SOCKETS;

/// The tables hold every connection as text; they are read no more often than this.
const TABLES_PAUSE_US: u64 = 15_000_000;

/// TCP sockets listed at most: all that are told apart, and listeners.
const MAX_TCP_SOCKETS: usize = MAX_SOCKETS + 65_536;

/// UDP sockets without a peer looked at, at most.
const MAX_UDP_SOCKETS: usize = 50_000;

/// The kernel's state of a UDP socket without a peer.
const UDP_OPEN: u8 = 7;

/// Names of errors that are not of a file.
const TCP_SOCKETS: &str = "the list of TCP sockets";
const UDP_SOCKETS: &str = "the list of UDP sockets";

/// What is of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    /// Connections with their counters; TCP listeners are of interest in any case.
    pub(super) connections: bool,
    /// How many TCP sockets there are in each state; told with connections only.
    pub(super) states: bool,
    /// UDP sockets without a peer.
    pub(super) udp: bool,
}

#[derive(Debug)]
pub(super) struct Source {
    diag: Option<SocketDiag>,
    answers: Vec<u8>,
    /// This kernel answers no questions about TCP, or UDP; nor does a recorded tree.
    without_tcp: bool,
    without_udp: bool,
    tcp: [KeptFile; 2],
    udp: [KeptFile; 2],
}

/// How a look went.
#[derive(Debug)]
pub(super) struct Answer {
    /// All connections were told.
    pub(super) is_complete: bool,
    pub(super) has_counters: bool,
    pub(super) states: Option<TcpStates>,
    tcp: Result<(), ProcError>,
    /// `None` when it was not asked.
    udp: Option<Result<(), ProcError>>,
}

impl Source {
    pub(super) fn new(proc_root: &Path) -> Self {
        let is_recorded = !is_procfs(proc_root);
        let file = |name| KeptFile::new(proc_root, name);
        Self {
            diag: None,
            answers: Vec::new(),
            without_tcp: is_recorded,
            without_udp: is_recorded,
            tcp: [file("net/tcp"), file("net/tcp6")],
            udp: [file("net/udp"), file("net/udp6")],
        }
    }

    /// How long to wait at least between two looks.
    pub(super) fn pause_us(&self) -> u64 {
        if self.without_tcp || self.without_udp { TABLES_PAUSE_US } else { 0 }
    }

    /// Hands connections to `visit` and notes listeners.
    pub(super) fn read(
        &mut self,
        scope: Scope,
        buffer: &mut Buffer,
        listeners: &mut Listeners,
        visit: impl FnMut(&SocketRecord),
    ) -> Answer {
        let (mut counted, mut states) = (None, None);
        if !self.without_tcp {
            counted = match self.ask_tcp(scope, listeners, &mut states, visit) {
                Err(error) if is_refusal(&error) => {
                    self.without_tcp = true;
                    None
                }
                answer => Some(answer.map_err(|error| ProcError::from_io(TCP_SOCKETS, &error))),
            };
        }
        let tcp = match counted {
            Some(answer) => answer,
            None => read_tables(&mut self.tcp, TcpStates::LISTEN as u8, buffer, |local, inode| {
                listeners.note(Protocol::Tcp, local, inode);
            })
            .map(|()| true),
        };
        if tcp == Ok(true) {
            listeners.end(Protocol::Tcp);
        }
        let udp = scope.udp.then(|| self.read_udp(buffer, listeners));
        if udp == Some(Ok(true)) {
            listeners.end(Protocol::Udp);
        }
        Answer {
            is_complete: tcp == Ok(true),
            has_counters: counted.is_some_and(|answer| answer.is_ok()),
            states: states.filter(|_| tcp == Ok(true)),
            tcp: tcp.map(drop),
            udp: udp.map(|udp| udp.map(drop)),
        }
    }

    fn ask_tcp(
        &mut self,
        scope: Scope,
        listeners: &mut Listeners,
        states: &mut Option<TcpStates>,
        mut visit: impl FnMut(&SocketRecord),
    ) -> io::Result<bool> {
        let mut left = MAX_TCP_SOCKETS;
        let each = |record: SocketRecord| {
            if usize::from(record.state) == TcpStates::LISTEN {
                listeners.note(Protocol::Tcp, record.local, record.inode);
            } else {
                visit(&record);
            }
            left -= 1;
            left > 0
        };
        self.ask(|diag, answers| match (scope.connections, scope.states) {
            (true, true) => {
                let (is_complete, counts) = diag.tcp_sockets_and_states(answers, each)?;
                *states = Some(counts);
                Ok(is_complete)
            }
            (true, false) => diag.tcp_sockets(answers, each),
            (false, _) => diag.tcp_listeners(answers, each),
        })
    }

    fn read_udp(&mut self, buffer: &mut Buffer, listeners: &mut Listeners) -> Result<bool, ProcError> {
        if !self.without_udp {
            let mut left = MAX_UDP_SOCKETS;
            let answer = self.ask(|diag, answers| {
                diag.udp_listeners(answers, |record| {
                    listeners.note(Protocol::Udp, record.local, record.inode);
                    left -= 1;
                    left > 0
                })
            });
            match answer {
                Err(error) if is_refusal(&error) => self.without_udp = true,
                answer => return answer.map_err(|error| ProcError::from_io(UDP_SOCKETS, &error)),
            }
        }
        let note = |local, inode| listeners.note(Protocol::Udp, local, inode);
        read_tables(&mut self.udp, UDP_OPEN, buffer, note).map(|()| true)
    }

    /// A socket on which something went wrong is not used again.
    fn ask(
        &mut self,
        question: impl FnOnce(&mut SocketDiag, &mut Vec<u8>) -> io::Result<bool>,
    ) -> io::Result<bool> {
        let mut diag = match self.diag.take() {
            Some(diag) => diag,
            None => SocketDiag::open()?,
        };
        let answer = question(&mut diag, &mut self.answers)?;
        self.diag = Some(diag);
        Ok(answer)
    }
}

/// The kernel will never answer this.
fn is_refusal(error: &io::Error) -> bool {
    let refusals = [
        libc::ENOENT,
        libc::EPERM,
        libc::EACCES,
        libc::EINVAL,
        libc::EOPNOTSUPP,
        libc::EPROTONOSUPPORT,
        libc::EAFNOSUPPORT,
    ];
    error.raw_os_error().is_some_and(|code| refusals.contains(&code))
}

/// Reads the tables of both IP versions. The second is missing where there is no version 6.
fn read_tables(
    [version_4, version_6]: &mut [KeptFile; 2],
    state: u8,
    buffer: &mut Buffer,
    mut note: impl FnMut(std::net::SocketAddr, u64),
) -> Result<(), ProcError> {
    let mut each = |text: &[u8]| {
        let listening = parse_socket_table(text).filter(|socket| socket.state == state);
        listening.for_each(|socket| note(socket.local, socket.inode));
    };
    version_4.read(buffer).map(&mut each)?;
    match version_6.read(buffer).map(each) {
        Err(error) if !error.is_absence() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Answer {
    /// Says in the collector's status what is absent, and why.
    pub(super) fn tell(&self, scope: Scope, status: &mut Status) {
        status.note("tcp listeners", self.tcp);
        if let Some(udp) = self.udp {
            status.note("udp listeners", udp);
        }
        if scope.connections {
            let are_absent = self.tcp.is_ok() && !self.has_counters;
            status.set_absent("connections", are_absent.then_some("this kernel has no socket diagnosis"));
        }
    }
}
