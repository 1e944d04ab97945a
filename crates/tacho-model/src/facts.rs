//! What a host is, as opposed to what it does.

/// Facts of a host: sent when an agent connects and when one of them changes.
/// Empty text or 0 means that the machine did not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Host name as the agent reports it.
    pub host_name: String,
    /// `PRETTY_NAME` of os-release.
    pub os: String,
    /// Kernel release, as of `uname -r`.
    pub kernel: String,
    /// As of `uname -m`.
    pub architecture: String,
    pub cpu_model: String,
    /// Logical CPUs online.
    pub cpu_cores: u32,
    pub memory_bytes: u64,
    /// Milliseconds since the epoch.
    pub boot_time_ms: i64,
    pub boot_id: String,
    /// Hypervisor or container technology (`kvm`, `docker`, …), `none` on bare metal.
    pub virtualization: String,
    /// Addresses of all interfaces but loopback and link-local ones.
    pub addresses: Vec<String>,
    pub agent_version: String,
    /// User the agent runs as; decides what it may see.
    pub agent_user: String,
    /// Which sampler was chosen at start: `bpf` or `proc`.
    pub sampler: String,
    /// Where network bytes of each process come from: `tracepoint`, `cgroup`, `diag` or `none`.
    pub network: String,
    /// Where it comes from what processes used that ended between two snapshots: each is told (`bpf`), or from
    /// what their parents inherited (`parent`).
    pub exits: String,
    /// Tags that the agent's settings give the host, as they were sent: the server looks whether they are any.
    pub tags: Vec<String>,
    /// What each collector can and cannot read on this host.
    pub collectors: Vec<CollectorStatus>,
}

/// What one collector can and cannot read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectorStatus {
    pub name: String,
    /// Readings that are absent, with the reason: `disk_read_bytes: denied for processes of other users`.
    pub absent: Vec<String>,
    /// Error of the newest attempt, empty when it went well.
    pub error: String,
}
