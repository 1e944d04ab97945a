//! The connections that carried most.

use tacho_proc::SocketRecord;

use super::tracker::Change;

/// Rows at most when a threshold is set.
const MAX_ROWS: usize = 1000;

#[derive(Debug)]
pub(super) struct Top {
    rows: usize,
    /// Bytes per second from which a connection gets a row in any case; 0: from none.
    threshold: u64,
    /// Those that carried most so far, and some that did not; in the end those that get a row.
    candidates: Vec<Candidate>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) record: SocketRecord,
    pub(super) change: Change,
}

impl Top {
    pub(super) fn new(rows: usize, threshold: u64) -> Self {
        Self { rows, threshold, candidates: Vec::new() }
    }

    /// How many may be chosen.
    pub(super) fn limit(&self) -> usize {
        if self.threshold > 0 { self.rows.max(MAX_ROWS) } else { self.rows }
    }

    pub(super) fn begin(&mut self) {
        self.candidates.clear();
    }

    /// A connection that did nothing is none to tell of.
    pub(super) fn offer(&mut self, record: &SocketRecord, change: Change) {
        let limit = self.limit();
        if limit == 0 || (change.traffic.total_bytes() == 0 && change.retransmits == 0) {
            return;
        }
        if self.candidates.len() >= 2 * limit {
            self.candidates.select_nth_unstable_by_key(limit, Candidate::order);
            self.candidates.truncate(limit);
        }
        self.candidates.push(Candidate { record: *record, change });
    }

    /// Keeps those that get a row, those that carried most first.
    pub(super) fn choose(&mut self, interval_us: Option<u64>) {
        self.candidates.sort_unstable_by_key(Candidate::order);
        self.candidates.truncate(self.limit());
        let interval_us = interval_us.unwrap_or(0).max(1);
        let is_above = |candidate: &Candidate| {
            let bytes = u128::from(candidate.change.traffic.total_bytes());
            self.threshold > 0 && bytes * 1_000_000 >= u128::from(self.threshold) * u128::from(interval_us)
        };
        let above = self.candidates.partition_point(is_above);
        self.candidates.truncate(above.max(self.rows));
    }

    pub(super) fn chosen(&self) -> &[Candidate] {
        &self.candidates
    }
}

impl Candidate {
    fn order(&self) -> std::cmp::Reverse<(u64, u64)> {
        std::cmp::Reverse((self.change.traffic.total_bytes(), self.change.retransmits))
    }
}

#[cfg(test)]
mod tests {
    use tacho_proc::TcpCounters;

    use super::super::super::traffic::Traffic;
    use super::*;

    /// Bytes of those chosen out of connections with 0 to 99 bytes in two seconds.
    fn choose(rows: usize, threshold: u64) -> Vec<u64> {
        let mut top = Top::new(rows, threshold);
        top.begin();
        let address = "127.0.0.1:1".parse().unwrap();
        for bytes in (0..100).map(|number| number * 37 % 100) {
            let record = SocketRecord {
                cookie: bytes,
                inode: 0,
                state: 1,
                local: address,
                remote: address,
                tcp: TcpCounters::default(),
            };
            let traffic = Traffic { rx_bytes: bytes / 3, tx_bytes: bytes - bytes / 3 };
            top.offer(&record, Change { traffic, retransmits: 0 });
        }
        top.choose(Some(2_000_000));
        top.chosen().iter().map(|candidate| candidate.change.traffic.total_bytes()).collect()
    }

    #[test]
    fn those_that_carried_most_and_those_above_the_threshold_are_chosen() {
        assert_eq!(choose(3, 0), [99, 98, 97]);
        assert_eq!(choose(3, 48), [99, 98, 97, 96]);
        assert_eq!(choose(3, 1000), [99, 98, 97]);
        assert_eq!(choose(0, 49), [99, 98]);
        assert!(choose(0, 0).is_empty());
        assert_eq!(choose(500, 0).len(), 99, "one that carried nothing is left out");
    }
}
