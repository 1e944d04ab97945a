//! Which identities the server knows on one connection, when frames of two lanes and several streams come
//! between each other.
//!
//! An identity that a live frame names stays known until the frame that retires it. One that only the backlog
//! names is forgotten some frames after it was named last, so neither side keeps more than it needs.

use std::collections::{HashMap, HashSet};

use tacho_spool::StreamId;
use tacho_wire::v1;

/// Frames of the backlog after which an identity that none of them named is forgotten. An idle process has a row
/// once a minute: every twelfth frame.
const KEPT_FRAMES: u64 = 32;

#[derive(Debug, Default)]
pub(super) struct Known {
    live: HashSet<(StreamId, u32)>,
    /// With the number of the frame that named it last.
    backlog: HashMap<(StreamId, u32), u64>,
    backlog_frames: u64,
}

impl Known {
    /// Leaves out of a live frame what the server knows.
    pub(super) fn note_live(&mut self, stream: StreamId, frame: &mut v1::Frame) {
        frame.identities.retain(|identity| {
            let key = (stream, identity.id);
            let is_new = self.backlog.remove(&key).is_none();
            self.live.insert(key) && is_new
        });
        frame.forgotten.retain(|id| self.live.remove(&(stream, *id)));
    }

    /// Leaves out of a frame of the backlog what the server knows, and has it forget what it needs no more. The
    /// server forgets after it has read the frame, within the frame's stream only.
    pub(super) fn note_backlog(&mut self, stream: StreamId, frame: &mut v1::Frame) {
        self.backlog_frames += 1;
        let now = self.backlog_frames;
        frame.identities.retain(|identity| {
            let key = (stream, identity.id);
            !self.live.contains(&key) && self.backlog.insert(key, now).is_none()
        });
        frame.forgotten.clear();
        self.backlog.retain(|(of, id), named| {
            let stays = *of != stream || *named + KEPT_FRAMES > now;
            if !stays {
                frame.forgotten.push(*id);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(ids: &[u32], retired: &[u32]) -> v1::Frame {
        let identity = |id: &u32| v1::ProcessIdentity { id: *id, ..v1::ProcessIdentity::default() };
        v1::Frame {
            identities: ids.iter().map(identity).collect(),
            forgotten: retired.to_vec(),
            ..v1::Frame::default()
        }
    }

    proptest! {
        /// However lanes interleave, the server knows each identity that a frame names when it reads the frame, and
        /// in the end only those of live processes and of the newest frames of the backlog.
        #[test]
        fn the_server_knows_what_frames_name(
            frames in proptest::collection::vec((any::<bool>(), any::<bool>(), proptest::collection::btree_set(1u32..30, 0..6)), 1..200),
        ) {
            let (mut known, mut server, mut retired) = (Known::default(), HashSet::new(), HashSet::new());
            for (is_live, is_other, ids) in frames {
                let stream = if is_other && !is_live { [2; 16] } else { [1; 16] };
                let mut named: Vec<u32> = ids.iter().copied().collect();
                let mut gone = Vec::new();
                if is_live {
                    named.retain(|id| !retired.contains(id));
                    gone.extend(named.first().copied().filter(|id| id % 3 == 0));
                    retired.extend(gone.iter().copied());
                }
                let mut message = frame(&named, &gone);
                if is_live { known.note_live(stream, &mut message) } else { known.note_backlog(stream, &mut message) }
                server.extend(message.identities.iter().map(|identity| (stream, identity.id)));
                for id in &named {
                    prop_assert!(server.contains(&(stream, *id)), "{} of {:?}", id, server);
                }
                message.forgotten.iter().for_each(|id| assert!(server.remove(&(stream, *id))));
            }
            prop_assert_eq!(server.len(), known.live.len() + known.backlog.len());
        }
    }

    #[test]
    fn what_only_the_backlog_names_is_forgotten() {
        let mut known = Known::default();
        known.note_backlog([1; 16], &mut frame(&[1, 2], &[]));
        let mut forgotten = Vec::new();
        for _ in 0..KEPT_FRAMES {
            let mut next = frame(&[2], &[7]);
            known.note_backlog([1; 16], &mut next);
            assert!(next.identities.is_empty());
            forgotten.extend(next.forgotten);
        }
        assert_eq!(forgotten, [1]);
    }
}
