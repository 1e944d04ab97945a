//! Memory by node: `/sys/devices/system/node`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tacho_model::Block;
use tacho_model::tables::numa;
use tacho_proc::{Buffer, KeptFile, NodePages, parse_node_memory, parse_node_pages};

use super::Tick;
use super::delta::grown;
use super::every::Every;
use super::sensors::subdirectories;
use super::status::Status;

#[derive(Debug)]
pub(super) struct Nodes {
    directory: PathBuf,
    every: Every,
    nodes: Vec<Node>,
    pub(super) status: Status,
}

#[derive(Debug)]
struct Node {
    number: u64,
    meminfo: KeptFile,
    numastat: KeptFile,
    before: NodePages,
}

impl Nodes {
    pub(super) fn new(sys_root: &Path, interval: Duration) -> Self {
        Self {
            directory: sys_root.join("devices/system/node"),
            every: Every::new(interval),
            nodes: Vec::new(),
            status: Status::new("numa"),
        }
    }

    pub(super) fn collect(&mut self, tick: &Tick, buffer: &mut Buffer, block: &mut Block) {
        let Some(since_ms) = self.every.due(tick) else { return };
        block.interval_ms = since_ms;
        self.search();
        for node in &mut self.nodes {
            let read = node.meminfo.read(buffer).map(parse_node_memory);
            let memory = self.status.note("memory of nodes", read).unwrap_or_default();
            let read = node.numastat.read(buffer).map(parse_node_pages);
            let pages = self.status.note("pages of nodes", read).unwrap_or_default();
            let before = std::mem::replace(&mut node.before, pages);
            block
                .push()
                .unsigned(numa::NODE, node.number)
                .optional(numa::MEMORY_TOTAL_BYTES, memory.total)
                .optional(numa::MEMORY_FREE_BYTES, memory.free)
                .optional(numa::HITS, grown(pages.hits, before.hits))
                .optional(numa::MISSES, grown(pages.misses, before.misses))
                .optional(numa::FOREIGN, grown(pages.foreign, before.foreign))
                .optional(numa::HUGE_PAGES_TOTAL, memory.huge_pages_total)
                .optional(numa::HUGE_PAGES_FREE, memory.huge_pages_free);
        }
    }

    /// Nodes may come and go with memory that is plugged in.
    fn search(&mut self) {
        let found = subdirectories(&self.directory, "node");
        if found.is_empty() {
            self.status.absent("nodes", "not on this kernel");
        } else {
            self.status.present("nodes");
        }
        self.nodes.retain(|node| found.iter().any(|path| path.join("meminfo") == node.meminfo.path()));
        for path in found {
            if self.nodes.iter().all(|node| node.meminfo.path() != path.join("meminfo")) {
                let digits = path.file_name().and_then(|name| name.to_str()?.strip_prefix("node"));
                let Some(number) = digits.and_then(|digits| digits.parse().ok()) else { continue };
                self.nodes.push(Node {
                    number,
                    meminfo: KeptFile::at(path.join("meminfo"), "node/meminfo"),
                    numastat: KeptFile::at(path.join("numastat"), "node/numastat"),
                    before: NodePages::default(),
                });
            }
        }
    }
}
