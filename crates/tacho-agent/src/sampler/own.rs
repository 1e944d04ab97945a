//! What the agent itself costs.

use std::path::Path;

use tacho_model::Row;
use tacho_model::tables::host;
use tacho_proc::{Buffer, KeptFile, ProcError, page_size, parse_statm_resident};

use super::Tick;
use super::delta::grown;
use super::status::Status;

/// What the rest of the agent knows about the interval before a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgentCounters {
    /// Snapshots that were skipped since the one before.
    pub late_ticks: u64,
    /// Frames that wait now, wherever.
    pub queued_frames: u64,
    /// Bytes of those that are not on disk.
    pub queued_bytes: u64,
    /// Bytes of the spool's files on disk.
    pub spool_bytes: u64,
    /// Frames that were dropped since the snapshot before.
    pub dropped_frames: u64,
}

#[derive(Debug)]
pub(super) struct Own {
    statm: KeptFile,
    page_bytes: u64,
    pub(super) counters: AgentCounters,
    cpu_before_us: Option<u64>,
    snapshot_us: Option<u64>,
    pub(super) status: Status,
}

impl Own {
    pub(super) fn new(proc_root: &Path) -> Self {
        Self {
            statm: KeptFile::new(proc_root, "self/statm"),
            page_bytes: page_size(),
            counters: AgentCounters::default(),
            cpu_before_us: None,
            snapshot_us: None,
            status: Status::new("agent"),
        }
    }

    /// CPU time of the sampling thread before and after a snapshot.
    pub(super) fn note_cost(&mut self, before_us: Option<u64>, after_us: Option<u64>) {
        self.snapshot_us = grown(after_us, before_us);
    }

    pub(super) fn collect(&mut self, tick: &Tick, buffer: &mut Buffer, host: &mut Row<'_>) {
        let cpu_us = tacho_proc::process_cpu_time_us();
        let before_us = std::mem::replace(&mut self.cpu_before_us, cpu_us);
        let pages = self
            .statm
            .read_numbers(buffer)
            .and_then(|text| parse_statm_resident(text).ok_or(ProcError::Malformed { file: "self/statm" }));
        let rss_bytes =
            self.status.note("agent_rss_bytes", pages).and_then(|pages| pages.checked_mul(self.page_bytes));
        host.optional(host::AGENT_CPU_US, grown(cpu_us, before_us))
            .optional(host::AGENT_RSS_BYTES, rss_bytes)
            .optional(host::AGENT_SNAPSHOT_US, self.snapshot_us)
            .unsigned(host::AGENT_QUEUED_FRAMES, self.counters.queued_frames)
            .unsigned(host::AGENT_QUEUED_BYTES, self.counters.queued_bytes)
            .unsigned(host::AGENT_SPOOL_BYTES, self.counters.spool_bytes);
        if tick.interval_us.is_some() {
            host.unsigned(host::AGENT_LATE_TICKS, self.counters.late_ticks)
                .unsigned(host::AGENT_DROPPED_FRAMES, self.counters.dropped_frames);
        }
    }
}
