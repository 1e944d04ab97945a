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
    /// Why BPF was tried and is not used.
    pub(super) refusal: Option<String>,
    /// Why ends of processes are not told as they could be, or were asked to be.
    pub(super) exits_refusal: Option<String>,
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
