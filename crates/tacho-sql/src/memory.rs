//! The memory of queries: half of it for work that can go on on disk, half for work that can not. In one pool, sorts
//! would fill it, and what merges them again would find nothing left. For the same reason no merge may take more than
//! its share: it takes as much as it can get to read more files at once, and makes do with less.

use std::fmt;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    FairSpillPool, GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// How the engine calls what merges sorted files.
const MERGE: &str = "ExternalSorterMerge";

/// Sorting and grouping share one half evenly, and spill beyond; joins and the rest share the other.
#[derive(Debug)]
pub(crate) struct Halves {
    bytes: usize,
    spillable: FairSpillPool,
    other: GreedyMemoryPool,
    /// Most bytes of one merge.
    merge_bytes: usize,
}

impl Halves {
    /// Of so many bytes, for queries whose sorts run in so many parts.
    pub(crate) fn new(bytes: usize, parts: usize) -> Self {
        let half = bytes / 2;
        Self {
            bytes,
            spillable: FairSpillPool::new(half),
            other: GreedyMemoryPool::new(half),
            merge_bytes: half / 2 / parts.max(1),
        }
    }

    fn of(&self, consumer: &MemoryConsumer) -> &dyn MemoryPool {
        if consumer.can_spill() { &self.spillable } else { &self.other }
    }
}

impl fmt::Display for Halves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", self.spillable, self.other)
    }
}

impl MemoryPool for Halves {
    fn name(&self) -> &str {
        "halves"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.of(consumer).register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.of(consumer).unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.of(reservation.consumer()).grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.of(reservation.consumer()).shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let consumer = reservation.consumer();
        let wanted = reservation.size().saturating_add(additional);
        if wanted > self.merge_bytes && consumer.name().starts_with(MERGE) {
            let message = format!("{} may have {} bytes, not {wanted}", consumer.name(), self.merge_bytes);
            return Err(DataFusionError::ResourcesExhausted(message));
        }
        self.of(consumer).try_grow(reservation, additional)
    }

    fn reserved(&self) -> usize {
        self.spillable.reserved().saturating_add(self.other.reserved())
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes)
    }
}
