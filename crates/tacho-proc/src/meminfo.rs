//! `/proc/meminfo`: where the memory is.

use crate::bytes::{key_and_rest, lines, number, words};

/// All in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meminfo {
    pub total: Option<u64>,
    pub free: Option<u64>,
    /// Since Linux 3.14.
    pub available: Option<u64>,
    pub buffers: Option<u64>,
    pub cached: Option<u64>,
    pub shared: Option<u64>,
    pub anonymous: Option<u64>,
    pub mapped: Option<u64>,
    pub active: Option<u64>,
    pub inactive: Option<u64>,
    pub slab_reclaimable: Option<u64>,
    pub slab_unreclaimable: Option<u64>,
    pub dirty: Option<u64>,
    pub writeback: Option<u64>,
    pub page_tables: Option<u64>,
    pub kernel_stack: Option<u64>,
    pub unevictable: Option<u64>,
    pub committed: Option<u64>,
    pub commit_limit: Option<u64>,
    pub huge_pages_total: Option<u64>,
    pub huge_pages_free: Option<u64>,
    pub swap_total: Option<u64>,
    pub swap_free: Option<u64>,
    pub swap_cached: Option<u64>,
}

impl Meminfo {
    /// Memory that new work can have: the kernel's own figure, or an estimate before Linux 3.14.
    pub fn available_or_estimate(&self) -> Option<u64> {
        self.available.or_else(|| self.free?.checked_add(self.buffers?)?.checked_add(self.cached?))
    }

    pub fn swap_used(&self) -> Option<u64> {
        self.swap_total?.checked_sub(self.swap_free?)
    }
}

/// `MemTotal:       24684092 kB`
pub fn parse_meminfo(text: &[u8]) -> Meminfo {
    let mut meminfo = Meminfo::default();
    let (mut huge_total, mut huge_free, mut huge_size) = (None, None, None);
    for line in lines(text) {
        let Some((key, rest)) = key_and_rest(line, b':') else { continue };
        let mut rest = words(rest);
        let value = rest.next().and_then(number);
        let value =
            if rest.next() == Some(b"kB") { value.and_then(|kb| kb.checked_mul(1024)) } else { value };
        let field = match key {
            b"MemTotal" => &mut meminfo.total,
            b"MemFree" => &mut meminfo.free,
            b"MemAvailable" => &mut meminfo.available,
            b"Buffers" => &mut meminfo.buffers,
            b"Cached" => &mut meminfo.cached,
            b"Shmem" => &mut meminfo.shared,
            b"AnonPages" => &mut meminfo.anonymous,
            b"Mapped" => &mut meminfo.mapped,
            b"Active" => &mut meminfo.active,
            b"Inactive" => &mut meminfo.inactive,
            b"SReclaimable" => &mut meminfo.slab_reclaimable,
            b"SUnreclaim" => &mut meminfo.slab_unreclaimable,
            b"Dirty" => &mut meminfo.dirty,
            b"Writeback" => &mut meminfo.writeback,
            b"PageTables" => &mut meminfo.page_tables,
            b"KernelStack" => &mut meminfo.kernel_stack,
            b"Unevictable" => &mut meminfo.unevictable,
            b"Committed_AS" => &mut meminfo.committed,
            b"CommitLimit" => &mut meminfo.commit_limit,
            b"SwapTotal" => &mut meminfo.swap_total,
            b"SwapFree" => &mut meminfo.swap_free,
            b"SwapCached" => &mut meminfo.swap_cached,
            b"HugePages_Total" => &mut huge_total,
            b"HugePages_Free" => &mut huge_free,
            b"Hugepagesize" => &mut huge_size,
            _ => continue,
        };
        *field = value;
    }
    let huge_bytes = |pages: Option<u64>| pages?.checked_mul(huge_size?);
    meminfo.huge_pages_total = huge_bytes(huge_total);
    meminfo.huge_pages_free = huge_bytes(huge_free);
    meminfo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_pages_count_in_bytes_and_old_kernels_get_an_estimate() {
        let meminfo = parse_meminfo(
            b"MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 2 kB\nCached: 20 kB\nSwapTotal: 5 kB\nSwapFree: 3 kB\n\
              HugePages_Total: 3\nHugePages_Free: 1\nHugepagesize: 2048 kB\n",
        );
        assert_eq!(meminfo.available_or_estimate(), Some(32 << 10));
        assert_eq!((meminfo.huge_pages_total, meminfo.huge_pages_free), (Some(6 << 20), Some(2 << 20)));
        assert_eq!((meminfo.swap_used(), meminfo.dirty), (Some(2 << 10), None));
        assert_eq!(parse_meminfo(b"MemTotal: x kB\nMemFree\n"), Meminfo::default());
    }
}
