//! Identities of processes that one connection has named.

use std::collections::HashMap;
use std::sync::Arc;

use tacho_model::ProcessIdentity;
use tacho_wire::{identity_from_wire, v1};
use tonic::Status;

/// Live processes of a large host, several times over, in all streams of a connection together. An agent that
/// names more gets its connection closed, and starts anew with what it still needs.
pub(super) const MAX_IDENTITIES: usize = 200_000;

/// What the agent's numbers stand for.
#[derive(Debug)]
pub(super) struct Identities {
    by_id: HashMap<u32, Arc<ProcessIdentity>>,
    other: Arc<ProcessIdentity>,
}

impl Default for Identities {
    fn default() -> Self {
        Self { by_id: HashMap::new(), other: Arc::new(ProcessIdentity::other()) }
    }
}

impl Identities {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Takes in what the agent names, as long as there are at most `room`.
    pub(super) fn learn(&mut self, identities: Vec<v1::ProcessIdentity>, room: usize) -> Result<(), Status> {
        if identities.len() > room {
            return Err(Status::resource_exhausted(
                "too many process identities on one connection; connect again",
            ));
        }
        self.by_id.extend(identities.into_iter().map(|wire| (wire.id, Arc::new(identity_from_wire(wire)))));
        Ok(())
    }

    /// Who the rows of a process block are.
    pub(super) fn resolve(&self, ids: &[u32]) -> Result<Vec<Arc<ProcessIdentity>>, Status> {
        let resolve = |id: &u32| match id {
            0 => Ok(Arc::clone(&self.other)),
            id => self.by_id.get(id).cloned().ok_or_else(|| {
                Status::invalid_argument(format!(
                    "a row names process identity {id}, which was not sent; connect again"
                ))
            }),
        };
        ids.iter().map(resolve).collect()
    }

    pub(super) fn forget(&mut self, ids: &[u32]) {
        for id in ids {
            self.by_id.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_for_what_was_sent_until_it_is_forgotten() {
        let mut identities = Identities::default();
        identities
            .learn(vec![v1::ProcessIdentity { id: 7, pid: 42, ..v1::ProcessIdentity::default() }], 1)
            .unwrap();
        assert!(identities.learn(vec![v1::ProcessIdentity::default()], 0).is_err());
        assert_eq!(identities.len(), 1);
        let resolved = identities.resolve(&[0, 7]).unwrap();
        assert_eq!((resolved[0].key.is_other(), resolved[1].key.pid), (true, 42));
        identities.forget(&[7, 9]);
        assert!(identities.resolve(&[7]).is_err());
    }
}
