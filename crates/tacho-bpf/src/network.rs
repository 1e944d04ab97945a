//! Bytes on the network of each process: where they are counted.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use aya::maps::{HashMap, Map, MapData};
use aya::programs::cgroup_skb::CgroupSkbLink;
use aya::programs::cgroup_sock::CgroupSockLink;
use aya::programs::tp_btf::BtfTracePointLink;
use aya::programs::{CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSock};
use aya::{Btf, Ebpf};

use crate::error::BpfError;
use crate::iterator::Iterator;
use crate::programs::{iterate, program, refusal, take_map, trace};
use crate::task::Task;

const CLOSERS: &str = "closed_by_process";

/// Closers are compared with the living every so many passes.
const COMPARE_EVERY: u64 = 64;

/// Ways that may be tried, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkWays {
    pub tracepoints: bool,
    pub control_groups: bool,
}

/// How bytes are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkWay {
    /// Where a process sends and receives: exactly what it did.
    Tracepoints,
    /// The payload of each socket's packets at the root of the control groups, given to who holds the socket. What
    /// arrives counts whether or not it is ever read; what a process sent counts as it leaves.
    ControlGroups,
}

/// Programs that count at work. They end with it.
#[derive(Debug)]
pub(crate) enum Network {
    Tracepoints { _links: [BtfTracePointLink; 2] },
    ControlGroups(Box<Sockets>),
}

/// Counted for sockets first.
#[derive(Debug)]
pub(crate) struct Sockets {
    open: Iterator,
    closed: Iterator,
    closers: Closers,
    _packets: [CgroupSkbLink; 2],
    _closing: CgroupSockLink,
}

/// Processes that closed sockets. The end of a process takes it out; a kernel that is busy forgets to tell a few
/// ends, and what is left of those would fill the map in time.
struct Closers {
    map: HashMap<MapData, u32, [u64; 4]>,
    passes: u64,
    /// Those that the newest comparison did not find among the living.
    suspects: Vec<u32>,
}

impl NetworkWays {
    pub const ALL: Self = Self { tracepoints: true, control_groups: true };
    pub const NONE: Self = Self { tracepoints: false, control_groups: false };
}

impl Network {
    pub(crate) fn by_tracepoints(object: &mut Ebpf, types: &Btf) -> Result<Self, BpfError> {
        let sent = trace(object, types, "bytes_sent", "sock_send_length")?;
        let received = trace(object, types, "bytes_received", "sock_recv_length")?;
        Ok(Self::Tracepoints { _links: [sent, received] })
    }

    /// Takes CAP_NET_ADMIN beside the others. Ends of processes have to be told already: their programs give what
    /// the sockets of an ended process carried to nobody else.
    pub(crate) fn by_control_groups(object: &mut Ebpf, types: &Btf) -> Result<Self, BpfError> {
        let root = control_groups_root().ok_or(BpfError::NoControlGroups)?;
        let closers = Closers::new(take_map(object, CLOSERS)?)?;
        let root = File::open(&root).map_err(|source| BpfError::ControlGroups { path: root, source })?;
        // Who reads comes first, so that nothing is attached for nobody.
        let open = iterate(object, types, "open_sockets", "task_file")?;
        let closed = iterate(object, types, "closed_sockets", "task")?;
        let closing = see_sockets_close(object, "socket_closed", &root)?;
        let received = see_packets(object, "packet_received", CgroupSkbAttachType::Ingress, &root)?;
        let sent = see_packets(object, "packet_sent", CgroupSkbAttachType::Egress, &root)?;
        let packets = [sent, received];
        Ok(Self::ControlGroups(Box::new(Sockets {
            open,
            closed,
            closers,
            _packets: packets,
            _closing: closing,
        })))
    }

    pub(crate) fn way(&self) -> NetworkWay {
        match self {
            Self::Tracepoints { .. } => NetworkWay::Tracepoints,
            Self::ControlGroups(_) => NetworkWay::ControlGroups,
        }
    }

    /// Charges to processes what was counted for sockets; before a pass over tasks.
    pub(crate) fn charge(&self) -> Result<(), BpfError> {
        match self {
            Self::Tracepoints { .. } => Ok(()),
            Self::ControlGroups(sockets) => {
                sockets.open.run().and_then(|()| sockets.closed.run()).map_err(BpfError::Sockets)
            }
        }
    }

    /// Forgets processes that are gone; after a pass that found `tasks`, which are sorted by pid.
    pub(crate) fn forget_ended(&mut self, tasks: &[Task]) {
        if let Self::ControlGroups(sockets) = self {
            sockets.closers.forget_ended(tasks);
        }
    }
}

impl fmt::Debug for Closers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Closers").field("suspects", &self.suspects).finish_non_exhaustive()
    }
}

impl Closers {
    fn new(map: Map) -> Result<Self, BpfError> {
        let map = HashMap::try_from(map);
        let map = map.map_err(|error| BpfError::Map { name: CLOSERS, source: Box::new(error) })?;
        Ok(Self { map, passes: 0, suspects: Vec::new() })
    }

    /// Who is missing twice has ended, and the end was not told.
    fn forget_ended(&mut self, tasks: &[Task]) {
        self.passes += 1;
        if !self.passes.is_multiple_of(COMPARE_EVERY) {
            return;
        }
        let is_listed = |pid: u32| tasks.binary_search_by_key(&pid, |task| task.pid).is_ok();
        let missing: Vec<u32> = self.map.keys().flatten().filter(|pid| !is_listed(*pid)).collect();
        for pid in missing.iter().filter(|pid| self.suspects.contains(pid)) {
            // It may have gone by itself.
            self.map.remove(pid).ok();
        }
        self.suspects = missing;
    }
}

fn see_packets(
    object: &mut Ebpf,
    name: &'static str,
    direction: CgroupSkbAttachType,
    root: &File,
) -> Result<CgroupSkbLink, BpfError> {
    let refused = |error| refusal(name, error);
    let program: &mut CgroupSkb = program(object, name)?;
    program.load().map_err(refused)?;
    let link = program.attach(root, direction, CgroupAttachMode::Single).map_err(refused)?;
    program.take_link(link).map_err(refused)
}

fn see_sockets_close(object: &mut Ebpf, name: &'static str, root: &File) -> Result<CgroupSockLink, BpfError> {
    let refused = |error| refusal(name, error);
    let program: &mut CgroupSock = program(object, name)?;
    program.load().map_err(refused)?;
    let link = program.attach(root, CgroupAttachMode::Single).map_err(refused)?;
    program.take_link(link).map_err(refused)
}

fn control_groups_root() -> Option<PathBuf> {
    parse_control_groups_root(&std::fs::read_to_string("/proc/self/mountinfo").ok()?)
}

/// Where the whole of the second version's hierarchy is mounted:
/// `35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw`.
fn parse_control_groups_root(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        if kind.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = mount.split(' ').skip(3);
        let (root, path) = (fields.next()?, fields.next()?);
        (root == "/").then(|| Path::new(path).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_of_the_second_hierarchy_is_found() {
        let find = |text: &str| parse_control_groups_root(text);
        let own = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        let first = "30 25 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
        let beside = "41 25 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let part = "50 25 0:37 /system.slice /mnt rw - cgroup2 cgroup2 rw\n";
        assert_eq!(find(own), Some("/sys/fs/cgroup".into()));
        assert_eq!(find(&[first, part, beside].concat()), Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(find(first), None);
        assert_eq!(find("\n - cgroup2\n1 2 3 / - cgroup2"), None);
    }
}
