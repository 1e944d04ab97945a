//! `/sys/devices/system/node/nodeN/{meminfo,numastat}`: memory of one node.

use crate::bytes::{lines, number, words};

/// Memory of a node, in bytes; huge pages in pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeMemory {
    pub total: Option<u64>,
    pub free: Option<u64>,
    pub huge_pages_total: Option<u64>,
    pub huge_pages_free: Option<u64>,
}

/// Pages since boot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodePages {
    pub hits: Option<u64>,
    pub misses: Option<u64>,
    pub foreign: Option<u64>,
}

/// `Node 0 MemTotal:       24684092 kB`
pub fn parse_node_memory(text: &[u8]) -> NodeMemory {
    let mut memory = NodeMemory::default();
    for line in lines(text) {
        let mut words = words(line).skip(2);
        let (Some(key), Some(value)) = (words.next(), words.next().and_then(number)) else { continue };
        let bytes = value.checked_mul(1024);
        match key {
            b"MemTotal:" => memory.total = bytes,
            b"MemFree:" => memory.free = bytes,
            b"HugePages_Total:" => memory.huge_pages_total = Some(value),
            b"HugePages_Free:" => memory.huge_pages_free = Some(value),
            _ => {}
        }
    }
    memory
}

/// `numa_hit 26423112`
pub fn parse_node_pages(text: &[u8]) -> NodePages {
    let mut pages = NodePages::default();
    for line in lines(text) {
        let mut words = words(line);
        let field = match words.next() {
            Some(b"numa_hit") => &mut pages.hits,
            Some(b"numa_miss") => &mut pages.misses,
            Some(b"numa_foreign") => &mut pages.foreign,
            _ => continue,
        };
        *field = words.next().and_then(number);
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node() {
        let memory = parse_node_memory(
            b"Node 1 MemTotal:  100 kB\nNode 1 MemFree: 40 kB\nNode 1 HugePages_Total:     8\nNode 1 HugePages_Free: 3\nx\n",
        );
        let expected = NodeMemory {
            total: Some(102_400),
            free: Some(40_960),
            huge_pages_total: Some(8),
            huge_pages_free: Some(3),
        };
        assert_eq!(memory, expected);
        let pages = parse_node_pages(b"numa_hit 5\nnuma_miss x\nnuma_foreign 7\ninterleave_hit 1\n");
        assert_eq!(pages, NodePages { hits: Some(5), misses: None, foreign: Some(7) });
    }
}
