//! All that one tick read.

use std::sync::Arc;

use crate::{Block, ProcessIdentity, Table, tables};

/// Which host rows belong to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostKey {
    /// Stable for the host's whole history, whatever it is called. Lower-case letters and digits.
    pub id: Arc<str>,
    /// What people call it. May change.
    pub name: Arc<str>,
}

/// All that one tick of an agent read: at most one [`Block`] per table.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Milliseconds since the epoch: the agent's boot clock moved to wall time once per stream, so it
    /// never goes back within a stream.
    pub time_ms: i64,
    pub blocks: Vec<Block>,
    /// Who the rows of the `process` block are, one to one. The block itself carries no identity columns.
    pub processes: Vec<Arc<ProcessIdentity>>,
}

impl Snapshot {
    /// The block of `table`, when this tick read it.
    pub fn block(&self, table: &Table) -> Option<&Block> {
        self.blocks.iter().find(|block| block.table().id == table.id)
    }

    /// Rows of the `process` block with their identities.
    pub fn process_rows(&self) -> impl Iterator<Item = (&Arc<ProcessIdentity>, usize, &Block)> {
        let block = self.block(&tables::process::TABLE);
        self.processes.iter().enumerate().filter_map(move |(row, identity)| Some((identity, row, block?)))
    }
}
