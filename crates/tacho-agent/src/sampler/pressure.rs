//! Pressure stall information: time lost to waiting.

use std::path::Path;

use tacho_model::tables::host;
use tacho_model::{IntegerColumn, Row};
use tacho_proc::{Buffer, KeptFile, Pressure, parse_pressure};

use super::delta::grown;
use super::status::Status;

#[derive(Debug)]
pub(super) struct Pressures {
    resources: [Resource; 4],
    pub(super) status: Status,
}

/// Something that can be waited for.
#[derive(Debug)]
struct Resource {
    name: &'static str,
    file: KeptFile,
    some: Option<IntegerColumn>,
    full: Option<IntegerColumn>,
    before: Pressure,
}

impl Pressures {
    pub(super) fn new(proc_root: &Path) -> Self {
        let resource = |name, path, some, full| {
            let file = KeptFile::new(proc_root, path).patient();
            Resource { name, file, some, full, before: Pressure::default() }
        };
        let (memory_some, memory_full) = (host::MEMORY_PRESSURE_SOME_US, host::MEMORY_PRESSURE_FULL_US);
        let (io_some, io_full) = (host::IO_PRESSURE_SOME_US, host::IO_PRESSURE_FULL_US);
        Self {
            resources: [
                resource("cpu pressure", "pressure/cpu", Some(host::CPU_PRESSURE_SOME_US), None),
                resource("memory pressure", "pressure/memory", Some(memory_some), Some(memory_full)),
                resource("io pressure", "pressure/io", Some(io_some), Some(io_full)),
                resource("irq pressure", "pressure/irq", None, Some(host::IRQ_PRESSURE_FULL_US)),
            ],
            status: Status::new("pressure"),
        }
    }

    pub(super) fn collect(&mut self, buffer: &mut Buffer, host: &mut Row<'_>) {
        for resource in &mut self.resources {
            let read = resource.file.read_record(buffer).map(parse_pressure);
            let now = self.status.note(resource.name, read).unwrap_or_default();
            let before = std::mem::replace(&mut resource.before, now);
            if let Some(column) = resource.some {
                host.optional(column, grown(now.some_us, before.some_us));
            }
            if let Some(column) = resource.full {
                host.optional(column, grown(now.full_us, before.full_us));
            }
        }
    }
}
