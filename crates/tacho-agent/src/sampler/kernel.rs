//! Single figures of the kernel: tracked connections, NFS calls, how well the clock is kept, taint.

use std::path::Path;

use tacho_model::Row;
use tacho_model::tables::host;
use tacho_proc::{Buffer, ClockState, KeptFile, ProcError, RpcCalls, parse_number, parse_rpc};

use super::delta::grown;
use super::status::Status;

/// Asks how well the clock is kept.
pub type ReadClock = fn() -> Result<ClockState, ProcError>;

#[derive(Debug)]
pub(super) struct Kernel {
    conntrack_count: KeptFile,
    conntrack_max: KeptFile,
    nfs: KeptFile,
    nfsd: KeptFile,
    tainted: KeptFile,
    clock: ReadClock,
    client_before: Option<RpcCalls>,
    server_before: Option<RpcCalls>,
    pub(super) status: Status,
}

impl Kernel {
    pub(super) fn new(proc_root: &Path, clock: ReadClock) -> Self {
        let file = |name| KeptFile::new(proc_root, name).patient();
        Self {
            conntrack_count: file("sys/net/netfilter/nf_conntrack_count"),
            conntrack_max: file("sys/net/netfilter/nf_conntrack_max"),
            nfs: file("net/rpc/nfs"),
            nfsd: file("net/rpc/nfsd"),
            tainted: file("sys/kernel/tainted"),
            clock,
            client_before: None,
            server_before: None,
            status: Status::new("kernel"),
        }
    }

    pub(super) fn collect(&mut self, buffer: &mut Buffer, host: &mut Row<'_>) {
        for (column, reading, file) in [
            (host::CONNTRACK_ENTRIES, "tracked connections", &mut self.conntrack_count),
            (host::CONNTRACK_MAX, "most tracked connections", &mut self.conntrack_max),
            (host::KERNEL_TAINT, "taint", &mut self.tainted),
        ] {
            let number = file.read_numbers(buffer).and_then(|text| {
                parse_number(text).ok_or(ProcError::Malformed { file: "a number of the kernel" })
            });
            host.optional(column, self.status.note(reading, number));
        }
        self.collect_nfs(buffer, host);
        if let Some(clock) = self.status.note("clock", (self.clock)()) {
            host.integer(host::CLOCK_SYNCHRONIZED, i64::from(clock.synchronized))
                .optional(host::CLOCK_ERROR_MAX_US, clock.error_max_us);
        }
    }

    /// The files are there once the kernel's NFS client or server was in use.
    fn collect_nfs(&mut self, buffer: &mut Buffer, host: &mut Row<'_>) {
        let client = self.status.note("nfs client", read_calls(&mut self.nfs, buffer));
        let before = std::mem::replace(&mut self.client_before, client);
        let of =
            |calls: Option<RpcCalls>| (calls.map(|calls| calls.calls), calls.and_then(|calls| calls.second));
        let ((calls, again), (calls_before, again_before)) = (of(client), of(before));
        host.optional(host::NFS_CLIENT_CALLS, grown(calls, calls_before))
            .optional(host::NFS_CLIENT_RETRANSMITS, grown(again, again_before));
        let server = self.status.note("nfs server", read_calls(&mut self.nfsd, buffer));
        let before = std::mem::replace(&mut self.server_before, server);
        host.optional(host::NFS_SERVER_CALLS, grown(of(server).0, of(before).0));
    }
}

fn read_calls(file: &mut KeptFile, buffer: &mut Buffer) -> Result<RpcCalls, ProcError> {
    parse_rpc(file.read(buffer)?).ok_or(ProcError::Malformed { file: "net/rpc" })
}
