//! Memory, swap and paging: `/proc/meminfo`, `/proc/vmstat`.

use std::path::Path;

use tacho_model::tables::host;
use tacho_model::{IntegerColumn, Row, six_digits};
use tacho_proc::{Buffer, KeptFile, Meminfo, ProcError, Vmstat, page_size, parse_meminfo, parse_vmstat};

use super::delta::grown;
use super::status::Status;

/// Parts of the value before and of the current one in the moving average.
const PREVIOUS_WEIGHT: f64 = 0.3;
const CURRENT_WEIGHT: f64 = 0.7;

/// By so many bytes the lines before the last one of interest may grow from one snapshot to the next.
const VMSTAT_SLACK: usize = 256;

#[derive(Debug)]
pub(super) struct Memory {
    meminfo: KeptFile,
    vmstat: KeptFile,
    page_bytes: u64,
    before: Vmstat,
    /// Moving average of the share of memory in use.
    used_average: Option<f64>,
    pub(super) status: Status,
}

impl Memory {
    pub(super) fn new(proc_root: &Path) -> Self {
        Self {
            meminfo: KeptFile::new(proc_root, "meminfo"),
            vmstat: KeptFile::new(proc_root, "vmstat"),
            page_bytes: page_size(),
            before: Vmstat::default(),
            used_average: None,
            status: Status::new("memory"),
        }
    }

    /// Answers how much swap is in use.
    pub(super) fn collect(&mut self, buffer: &mut Buffer, host: &mut Row<'_>) -> Option<u64> {
        let read = self.read_vmstat(buffer);
        let vmstat = self.status.note("paging", read).unwrap_or_default();
        let before = std::mem::replace(&mut self.before, vmstat);
        let page_bytes = self.page_bytes;
        let paged = |now, before| grown(now, before).and_then(|pages| pages.checked_mul(page_bytes));
        host.optional(host::SWAP_IN_BYTES, paged(vmstat.swap_in, before.swap_in))
            .optional(host::SWAP_OUT_BYTES, paged(vmstat.swap_out, before.swap_out))
            .optional(host::PAGE_FAULTS, grown(vmstat.page_faults, before.page_faults))
            .optional(host::PAGE_FAULTS_MAJOR, grown(vmstat.page_faults_major, before.page_faults_major))
            .optional(host::OOM_KILLS, grown(vmstat.oom_kills, before.oom_kills));
        let meminfo = self.status.note("memory", self.meminfo.read_long_record(buffer).map(parse_meminfo))?;
        for (column, value) in columns(&meminfo) {
            host.optional(column, value);
        }
        if let Some(used) = used_ratio(&meminfo) {
            let average = moving_average(self.used_average, used);
            self.used_average = Some(average);
            host.float(host::MEMORY_USED_AVERAGE_RATIO, six_digits(average));
        }
        meminfo.swap_used()
    }

    /// Of two hundred lines a few are of interest; what comes after them is not asked for again.
    fn read_vmstat(&mut self, buffer: &mut Buffer) -> Result<Vmstat, ProcError> {
        if self.before.end > 0 {
            let limit = self.before.end.saturating_add(VMSTAT_SLACK);
            let beginning = parse_vmstat(self.vmstat.read_beginning(buffer, limit)?);
            if beginning.covers(&self.before) {
                return Ok(beginning);
            }
        }
        self.vmstat.read(buffer).map(parse_vmstat)
    }
}

/// Share of memory that new work can not have.
fn used_ratio(meminfo: &Meminfo) -> Option<f64> {
    let (total, available) = (meminfo.total?, meminfo.available_or_estimate()?);
    (total > 0).then(|| total.saturating_sub(available) as f64 / total as f64)
}

/// The first value is its own average.
fn moving_average(previous: Option<f64>, current: f64) -> f64 {
    previous.map_or(current, |previous| PREVIOUS_WEIGHT * previous + CURRENT_WEIGHT * current)
}

fn columns(meminfo: &Meminfo) -> [(IntegerColumn, Option<u64>); 24] {
    [
        (host::MEMORY_TOTAL_BYTES, meminfo.total),
        (host::MEMORY_FREE_BYTES, meminfo.free),
        (host::MEMORY_AVAILABLE_BYTES, meminfo.available_or_estimate()),
        (host::MEMORY_BUFFERS_BYTES, meminfo.buffers),
        (host::MEMORY_CACHED_BYTES, meminfo.cached),
        (host::MEMORY_SHARED_BYTES, meminfo.shared),
        (host::MEMORY_ANONYMOUS_BYTES, meminfo.anonymous),
        (host::MEMORY_MAPPED_BYTES, meminfo.mapped),
        (host::MEMORY_ACTIVE_BYTES, meminfo.active),
        (host::MEMORY_INACTIVE_BYTES, meminfo.inactive),
        (host::MEMORY_SLAB_RECLAIMABLE_BYTES, meminfo.slab_reclaimable),
        (host::MEMORY_SLAB_UNRECLAIMABLE_BYTES, meminfo.slab_unreclaimable),
        (host::MEMORY_DIRTY_BYTES, meminfo.dirty),
        (host::MEMORY_WRITEBACK_BYTES, meminfo.writeback),
        (host::MEMORY_PAGE_TABLES_BYTES, meminfo.page_tables),
        (host::MEMORY_KERNEL_STACK_BYTES, meminfo.kernel_stack),
        (host::MEMORY_UNEVICTABLE_BYTES, meminfo.unevictable),
        (host::MEMORY_COMMITTED_BYTES, meminfo.committed),
        (host::MEMORY_COMMIT_LIMIT_BYTES, meminfo.commit_limit),
        (host::MEMORY_HUGE_PAGES_TOTAL_BYTES, meminfo.huge_pages_total),
        (host::MEMORY_HUGE_PAGES_FREE_BYTES, meminfo.huge_pages_free),
        (host::SWAP_TOTAL_BYTES, meminfo.swap_total),
        (host::SWAP_FREE_BYTES, meminfo.swap_free),
        (host::SWAP_CACHED_BYTES, meminfo.swap_cached),
    ]
}
