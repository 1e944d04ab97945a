//! Sockets by kind and TCP state, and counters of TCP and UDP.

use std::path::Path;

use tacho_model::tables::host;
use tacho_model::{IntegerColumn, Row};
use tacho_proc::{
    Buffer, KeptFile, ProcError, Protocols, SocketCounts, SocketDiag, TcpStates, is_procfs, parse_snmp,
    parse_sockstat, parse_tcp_table,
};

use super::Tick;
use super::delta::grown;
use super::status::Status;

/// Going through the kernel's table of connections takes longer than all else of a snapshot on a large machine.
const STATES_INTERVAL_US: u64 = 15_000_000;

const STATE_COLUMNS: [(IntegerColumn, &[usize]); 6] = [
    (host::TCP_SYN_SENT, &[TcpStates::SYN_SENT]),
    (host::TCP_SYN_RECEIVED, &[TcpStates::SYN_RECEIVED]),
    (host::TCP_FIN_WAIT, &[TcpStates::FIN_WAIT_1, TcpStates::FIN_WAIT_2]),
    (host::TCP_CLOSE_WAIT, &[TcpStates::CLOSE_WAIT]),
    (host::TCP_CLOSING, &[TcpStates::LAST_ACK, TcpStates::CLOSING]),
    (host::TCP_LISTEN, &[TcpStates::LISTEN]),
];

#[derive(Debug)]
pub(super) struct Sockets {
    snmp: KeptFile,
    sockstat: KeptFile,
    sockstat6: KeptFile,
    before: Protocols,
    states: StateReader,
    /// The newest reading, and when the next is due.
    newest: Option<TcpStates>,
    due_us: u64,
    pub(super) status: Status,
}

/// Where TCP states come from.
#[derive(Debug)]
enum StateReader {
    /// Netlink; quick, and sees this machine only.
    Diag { diag: Option<SocketDiag>, answers: Vec<u8>, otherwise: [KeptFile; 2] },
    /// `/proc/net/tcp` and `tcp6`: where the kernel was built without socket diagnosis, and in recorded trees.
    Tables([KeptFile; 2]),
}

impl Sockets {
    pub(super) fn new(proc_root: &Path) -> Self {
        let tables = [KeptFile::new(proc_root, "net/tcp"), KeptFile::new(proc_root, "net/tcp6")];
        let states = match is_procfs(proc_root) {
            true => StateReader::Diag { diag: None, answers: Vec::new(), otherwise: tables },
            false => StateReader::Tables(tables),
        };
        Self {
            snmp: KeptFile::new(proc_root, "net/snmp"),
            sockstat: KeptFile::new(proc_root, "net/sockstat"),
            sockstat6: KeptFile::new(proc_root, "net/sockstat6").patient(),
            before: Protocols::default(),
            states,
            newest: None,
            due_us: 0,
            status: Status::new("socket"),
        }
    }

    pub(super) fn collect(&mut self, buffer: &mut Buffer, host: &mut Row<'_>) {
        let counts = self.read_counts(buffer);
        host.optional(host::SOCKETS, counts.used)
            .optional(host::UDP_SOCKETS, counts.udp)
            .optional(host::TCP_TIME_WAIT, counts.tcp_time_wait);
        let now = self
            .status
            .note("tcp and udp counters", self.snmp.read_long_record(buffer).map(parse_snmp))
            .unwrap_or_default();
        let before = std::mem::replace(&mut self.before, now);
        host.optional(host::TCP_RETRANSMITS, grown(now.tcp_retransmits, before.tcp_retransmits))
            .optional(host::TCP_SEGMENTS_IN, grown(now.tcp_segments_in, before.tcp_segments_in))
            .optional(host::TCP_SEGMENTS_OUT, grown(now.tcp_segments_out, before.tcp_segments_out))
            .optional(host::UDP_ERRORS_IN, grown(now.udp_errors_in, before.udp_errors_in));
    }

    /// It is time to count sockets by state.
    pub(super) fn wants_states(&self, tick: &Tick) -> bool {
        self.due_us <= tick.now_us
    }

    /// Writes the newest states. `counted`: a look at all connections has counted them; else they are asked for when
    /// it is time.
    pub(super) fn write_states(
        &mut self,
        tick: &Tick,
        counted: Option<TcpStates>,
        buffer: &mut Buffer,
        host: &mut Row<'_>,
    ) {
        if self.wants_states(tick) {
            self.due_us = tick.now_us.saturating_add(STATES_INTERVAL_US);
            let states = counted.map_or_else(|| self.states.read(buffer), Ok);
            self.newest = self.status.note("tcp states", states);
        }
        let Some(states) = &self.newest else { return };
        for (column, members) in STATE_COLUMNS {
            host.unsigned(column, members.iter().map(|state| states.count(*state)).sum());
        }
        // The kernel counts connections whose peer hung up as established ones.
        let close_wait = states.count(TcpStates::CLOSE_WAIT);
        let established =
            self.before.tcp_current_established.map(|current| current.saturating_sub(close_wait));
        host.optional(host::TCP_ESTABLISHED, established);
    }

    /// TCP segments received and sent since boot, as of the newest snapshot.
    pub(super) fn segments(&self) -> Option<u64> {
        Some(self.before.tcp_segments_in?.saturating_add(self.before.tcp_segments_out?))
    }

    fn read_counts(&mut self, buffer: &mut Buffer) -> SocketCounts {
        let mut counts = SocketCounts::default();
        let read = self.sockstat.read_record(buffer).map(|text| parse_sockstat(text, &mut counts));
        self.status.note("sockets", read);
        // Kernels without IPv6 do not have the second.
        if let Ok(text) = self.sockstat6.read_record(buffer) {
            parse_sockstat(text, &mut counts);
        }
        counts
    }
}

impl StateReader {
    fn read(&mut self, buffer: &mut Buffer) -> Result<TcpStates, ProcError> {
        if let Self::Diag { diag, answers, otherwise } = self {
            let count = match diag {
                Some(open) => open.count(answers),
                None => SocketDiag::open().and_then(|open| diag.insert(open).count(answers)),
            };
            match count {
                Ok(states) => return Ok(states),
                Err(error) => {
                    tracing::debug!(%error, "no socket diagnosis; reading tables of connections instead");
                    let tables =
                        std::mem::replace(otherwise, [0, 1].map(|_| KeptFile::new(Path::new(""), "")));
                    *self = Self::Tables(tables);
                }
            }
        }
        let Self::Tables([version_4, version_6]) = self else {
            return Err(ProcError::Missing { file: "net/tcp" });
        };
        let mut states = TcpStates::default();
        parse_tcp_table(version_4.read(buffer)?, &mut states);
        if let Ok(text) = version_6.read(buffer) {
            parse_tcp_table(text, &mut states);
        }
        Ok(states)
    }
}
