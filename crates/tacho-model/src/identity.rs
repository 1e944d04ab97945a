//! Who a process is.

/// Identity of a process on one host. A pid alone is reused; with the start time it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessKey {
    pub pid: i64,
    /// Milliseconds since the epoch, in steps of the kernel's clock tick (10 ms). It is the boot time that
    /// the agent keeps per boot id plus the kernel's start time, so a stepped wall clock does not change it.
    pub start_time_ms: i64,
}

/// What does not change from snapshot to snapshot about a process, or changes so rarely (exec, setuid,
/// a move between cgroups) that the agent sends it anew under a new wire id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessIdentity {
    pub key: ProcessKey,
    pub parent_pid: i64,
    /// The kernel's `comm`, at most 15 bytes; lossy UTF-8.
    pub name: String,
    /// Arguments joined by spaces, secrets scrubbed; empty for kernel threads.
    pub command: String,
    pub user_id: i64,
    /// Account name, or the number as text where the account is unknown.
    pub user: String,
    /// cgroup v2 path (or the v1 systemd hierarchy's).
    pub cgroup: String,
    /// systemd unit (`nginx.service`, `session-3.scope`), empty where there is none.
    pub unit: String,
    /// Container id (12 hexadecimal digits), empty where there is none.
    pub container: String,
}

/// Name of the row that stands for every process without a row of its own in a snapshot.
pub const OTHER_NAME: &str = "other";

impl ProcessKey {
    /// Key of the `other` row. Pid 0 is the kernel's swapper, which never has a row.
    pub const OTHER: Self = Self { pid: 0, start_time_ms: 0 };

    pub fn is_other(self) -> bool {
        self == Self::OTHER
    }
}

impl ProcessIdentity {
    /// Identity of the `other` row.
    pub fn other() -> Self {
        Self {
            key: ProcessKey::OTHER,
            parent_pid: 0,
            name: OTHER_NAME.to_owned(),
            command: String::new(),
            user_id: 0,
            user: String::new(),
            cgroup: String::new(),
            unit: String::new(),
            container: String::new(),
        }
    }
}
