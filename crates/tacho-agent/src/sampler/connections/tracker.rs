//! What sockets carried between two looks at all of them.
//!
//! The kernel counts from the beginning of a connection and numbers sockets without using a number again. One
//! that was not there at the look before counts from 0, if that look told everything there was.

use std::collections::HashMap;

use tacho_proc::SocketRecord;

use super::super::traffic::Traffic;
use super::owners::Owner;

/// Sockets that are told apart; those beyond are left out, and the collector's status says so. Some 20 MB.
pub(super) const MAX_SOCKETS: usize = 200_000;

/// The kernel's walk may pass over a socket once while others close; one missing twice has closed.
const LOOKS_MISSING: u64 = 2;

#[derive(Debug, Default)]
pub(super) struct Tracker {
    sockets: HashMap<u64, Tracked>,
    /// Counts looks.
    look: u64,
    /// The look before told everything, so that what is new now began since.
    counts_new: bool,
    is_complete: bool,
}

/// What one connection did since the look before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) traffic: Traffic,
    pub(super) retransmits: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Tracked {
    counters: Counters,
    /// 0 once the process let go of it; what is left to send is still sent.
    pub(super) inode: u64,
    pub(super) owner: Option<Owner>,
    /// What no process has been given yet.
    pub(super) unclaimed: Traffic,
    look: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    traffic: Traffic,
    retransmits: u64,
}

impl Counters {
    fn of(record: &SocketRecord) -> Option<Self> {
        let traffic = Traffic { rx_bytes: record.tcp.received_bytes?, tx_bytes: record.tcp.acked_bytes? };
        Some(Self { traffic, retransmits: record.tcp.retransmits.unwrap_or(0).into() })
    }
}

impl Tracker {
    /// Begins a look.
    pub(super) fn begin(&mut self) {
        self.look += 1;
        self.is_complete = true;
    }

    /// Takes in one socket. `None`: nothing to compare with, or it came already in this look.
    pub(super) fn note(&mut self, record: &SocketRecord) -> Option<Change> {
        let now = Counters::of(record)?;
        let is_full = self.sockets.len() >= MAX_SOCKETS;
        let before = match self.sockets.get_mut(&record.cookie) {
            Some(tracked) if tracked.look == self.look => return None,
            Some(tracked) => {
                tracked.look = self.look;
                // A socket that was let go keeps its owner for the rest that it sends.
                if tracked.inode != record.inode && record.inode != 0 {
                    tracked.owner = None;
                }
                tracked.inode = record.inode;
                std::mem::replace(&mut tracked.counters, now)
            }
            None if is_full => {
                self.is_complete = false;
                return None;
            }
            None => {
                self.sockets.insert(record.cookie, Tracked::new(record.inode, now, self.look));
                if !self.counts_new {
                    return None;
                }
                Counters::default()
            }
        };
        Some(Change {
            traffic: now.traffic.since(before.traffic)?,
            retransmits: now.retransmits.checked_sub(before.retransmits)?,
        })
    }

    /// Ends a look: forgets what has closed. `is_complete`: the kernel told everything there is.
    pub(super) fn end(&mut self, is_complete: bool) {
        self.counts_new = is_complete && self.is_complete;
        let look = self.look;
        self.sockets.retain(|_, socket| look - socket.look < LOOKS_MISSING);
        if self.sockets.capacity() > 4 * self.sockets.len().max(1024) {
            self.sockets.shrink_to(2 * self.sockets.len());
        }
    }

    /// Sockets beyond the bound were left out.
    pub(super) fn left_some_out(&self) -> bool {
        !self.is_complete
    }

    pub(super) fn get(&self, cookie: u64) -> Option<&Tracked> {
        self.sockets.get(&cookie)
    }

    pub(super) fn get_mut(&mut self, cookie: u64) -> Option<&mut Tracked> {
        self.sockets.get_mut(&cookie)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tracked> {
        self.sockets.values_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }
}

impl Tracked {
    fn new(inode: u64, counters: Counters, look: u64) -> Self {
        Self { counters, inode, owner: None, unclaimed: Traffic::default(), look }
    }
}

#[cfg(test)]
mod tests {
    use tacho_proc::TcpCounters;

    use super::*;

    fn record(cookie: u64, received: u64, acked: u64) -> SocketRecord {
        let tcp = TcpCounters {
            acked_bytes: Some(acked),
            received_bytes: Some(received),
            retransmits: Some(1),
            rtt_us: None,
        };
        let address = "127.0.0.1:1".parse().unwrap();
        SocketRecord { cookie, inode: cookie, state: 1, local: address, remote: address, tcp }
    }

    fn look(tracker: &mut Tracker, records: &[SocketRecord], is_complete: bool) -> Vec<Option<(u64, u64)>> {
        tracker.begin();
        let changes = records.iter().map(|record| tracker.note(record));
        let changes = changes
            .map(|change| change.map(|change| (change.traffic.rx_bytes, change.traffic.tx_bytes)))
            .collect();
        tracker.end(is_complete);
        changes
    }

    #[test]
    fn a_socket_counts_from_the_look_before_and_a_new_one_from_nothing() {
        let mut tracker = Tracker::default();
        assert_eq!(look(&mut tracker, &[record(1, 100, 200)], true), [None]);
        let records = [record(1, 150, 200), record(1, 160, 200), record(2, 7, 8)];
        assert_eq!(look(&mut tracker, &records, true), [Some((50, 0)), None, Some((7, 8))]);
        assert_eq!(look(&mut tracker, &[record(1, 149, 200)], true), [None], "counters never go back");
    }

    #[test]
    fn what_is_new_after_a_look_that_left_something_out_may_be_old() {
        let mut tracker = Tracker::default();
        look(&mut tracker, &[record(1, 0, 0)], true);
        look(&mut tracker, &[record(1, 0, 0)], false);
        assert_eq!(look(&mut tracker, &[record(2, 1 << 40, 0)], true), [None]);
        assert_eq!(look(&mut tracker, &[record(3, 5, 0)], true), [Some((5, 0))]);
    }

    #[test]
    fn a_socket_passed_over_once_is_no_new_one_and_one_that_closed_is_forgotten() {
        let mut tracker = Tracker::default();
        look(&mut tracker, &[record(1, 100, 0)], true);
        look(&mut tracker, &[], true);
        assert_eq!(look(&mut tracker, &[record(1, 130, 0)], true), [Some((30, 0))]);
        look(&mut tracker, &[], true);
        look(&mut tracker, &[], true);
        assert_eq!(tracker.len(), 0);
    }

    #[test]
    fn a_socket_keeps_its_owner_to_its_end_and_no_longer_than_its_inode() {
        let mut tracker = Tracker::default();
        look(&mut tracker, &[record(1, 0, 0)], true);
        tracker.get_mut(1).unwrap().owner = Some(Owner { pid: 5, found_us: 0 });
        look(&mut tracker, &[SocketRecord { inode: 0, ..record(1, 0, 9) }], true);
        assert_eq!(tracker.get(1).unwrap().owner.map(|owner| owner.pid), Some(5));
        look(&mut tracker, &[SocketRecord { inode: 77, ..record(1, 0, 9) }], true);
        assert_eq!(tracker.get(1).unwrap().owner, None);
    }

    #[test]
    fn there_is_a_bound_and_it_is_told() {
        let mut tracker = Tracker::default();
        let records: Vec<_> = (0..MAX_SOCKETS as u64 + 1).map(|cookie| record(cookie, 0, 0)).collect();
        look(&mut tracker, &records, true);
        assert_eq!((tracker.len(), tracker.left_some_out()), (MAX_SOCKETS, true));
        let changes = look(&mut tracker, &[record(1 << 40, 9, 9)], true);
        assert_eq!(changes, [None], "it may have been there before");
    }
}
