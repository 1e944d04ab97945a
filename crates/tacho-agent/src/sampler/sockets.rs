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

/// A time in which next to nothing happens is one with fewer TCP segments than this in each fifteen seconds.
const SEGMENTS_AT_REST: u64 = 64;
const REST_US: u64 = 15_000_000;

/// So long the table is left alone while next to nothing happens and no connection begins: then it can only tell what
/// few segments did to connections that are known.
const LONGEST_REST_US: u64 = 30_000_000;

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
    /// When the newest reading was taken, and what TCP had done by then.
    counted: Option<(u64, Option<Activity>)>,
    pub(super) status: Status,
}

/// What TCP did since boot: segments received and sent, and connections begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Activity {
    pub(super) segments: u64,
    pub(super) opens: u64,
}

/// So little happened in `since_us` that the kernel's table of connections need not be gone through again.
pub(super) fn may_rest(before: Option<Activity>, now: Option<Activity>, since_us: u64) -> bool {
    let (Some(before), Some(now)) = (before, now) else { return false };
    let longest_us = if now.opens == before.opens { LONGEST_REST_US } else { REST_US };
    let segments_at_rest = SEGMENTS_AT_REST.saturating_mul(since_us.max(REST_US)) / REST_US;
    since_us < longest_us && now.segments.saturating_sub(before.segments) < segments_at_rest
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
            counted: None,
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
        // A snapshot may come a little early.
        let soon_us = tick.now_us.saturating_add(tick.interval_us.unwrap_or(0) / 8);
        let rests = self.counted.is_some_and(|(counted_us, before)| {
            may_rest(before, self.activity(), soon_us.saturating_sub(counted_us))
        });
        self.due_us <= soon_us && !rests
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
            self.counted = Some((tick.now_us, self.activity()));
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

    /// As of the newest snapshot, where the kernel tells.
    pub(super) fn activity(&self) -> Option<Activity> {
        let Protocols { tcp_segments_in, tcp_segments_out, tcp_active_opens, tcp_passive_opens, .. } =
            self.before;
        Some(Activity {
            segments: tcp_segments_in?.saturating_add(tcp_segments_out?),
            opens: tcp_active_opens?.saturating_add(tcp_passive_opens?),
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_left_alone_while_next_to_nothing_happens() {
        let rests = |segments: u64, opens: u64, seconds: u64| {
            let before = Some(Activity { segments: 1000, opens: 7 });
            let now = Some(Activity { segments: 1000 + segments, opens: 7 + opens });
            may_rest(before, now, seconds * 1_000_000)
        };
        assert!(rests(0, 0, 5) && rests(63, 1, 14) && rests(0, 0, 29) && rests(95, 0, 24));
        assert!(!rests(64, 0, 5), "traffic");
        assert!(!rests(0, 1, 15), "a connection began");
        assert!(!rests(96, 0, 22) && !rests(0, 0, 30));
        assert!(!may_rest(None, Some(Activity { segments: 0, opens: 0 }), 0), "nothing to compare with");
    }
}
