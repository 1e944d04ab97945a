//! How processes are read on this host.

/// What the settings ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SamplerChoice {
    /// BPF where it works, else `/proc`.
    #[default]
    Auto,
    /// `/proc` only.
    Proc,
}

/// What the settings ask for where processes end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExitsChoice {
    /// The best there is.
    #[default]
    Auto,
    Bpf,
    Taskstats,
    Parent,
}

/// What the settings ask for about bytes on the network of each process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NetworkChoice {
    /// The best way that works here.
    #[default]
    Auto,
    /// This way or none.
    Tracepoint,
    Cgroup,
    Diag,
    None,
}

/// Where readings of processes come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SamplerWay {
    Bpf,
    #[default]
    Proc,
}

/// Where bytes on the network of each process come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum NetworkSource {
    /// To the byte, TCP and UDP.
    Tracepoint,
    /// The payload of the packets of sockets.
    Cgroup,
    /// From the counters of TCP connections.
    Diag,
    #[default]
    None,
}

/// Where it comes from what processes used that ended between two snapshots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ExitSource {
    /// Each is told by itself.
    Bpf,
    /// Each of its threads is told by itself, with neither network nor command line.
    Taskstats,
    /// From what the parent that waited for them inherited.
    #[default]
    Parent,
}

/// What was chosen, and tried where that shows only in use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ways {
    pub(super) sampler: SamplerWay,
    pub(super) network: NetworkSource,
    pub(super) exits: ExitSource,
    /// What was tried in vain and why, a sentence for people each.
    pub(super) refusals: Vec<String>,
}

impl NetworkChoice {
    /// Takes programs in the kernel, so that there is nothing of it where processes are read from `/proc`.
    pub fn takes_bpf(self) -> bool {
        matches!(self, Self::Tracepoint | Self::Cgroup)
    }

    /// What connections carried may be taken where nothing better tells.
    pub(super) fn takes_connections(self) -> bool {
        matches!(self, Self::Auto | Self::Diag)
    }
}

impl SamplerWay {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bpf => "bpf",
            Self::Proc => "proc",
        }
    }
}

impl NetworkSource {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tracepoint => "tracepoint",
            Self::Cgroup => "cgroup",
            Self::Diag => "diag",
            Self::None => "none",
        }
    }
}

impl ExitSource {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bpf => "bpf",
            Self::Taskstats => "taskstats",
            Self::Parent => "parent",
        }
    }
}
