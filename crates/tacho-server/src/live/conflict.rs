//! Machines that share one identity: which they are, and since when it is known.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A conflict that nothing was seen of for so long is over. A machine that is refused comes back at least every
/// half minute.
const OVER_MS: i64 = 15 * 60_000;

/// One of two machines, as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub address: IpAddr,
    /// What it calls itself; may be the same for both.
    pub host_name: String,
}

/// Two machines under one identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Whose data are the host's; absent while none is connected.
    pub connected: Option<Machine>,
    /// The other one.
    pub other: Machine,
    pub since_ms: i64,
    /// When the other one was seen last.
    pub last_ms: i64,
}

/// By host id.
#[derive(Debug, Default)]
pub struct Conflicts {
    by_host: Mutex<HashMap<String, Conflict>>,
}

impl Conflicts {
    /// Notes what was seen; `true` when it is news.
    pub fn note(&self, host_id: &str, connected: Option<Machine>, other: Machine, now_ms: i64) -> bool {
        let mut conflicts = self.lock();
        conflicts.retain(|_, conflict| !conflict.is_over(now_ms));
        let before = conflicts.get(host_id);
        let is_same = |before: &Conflict| {
            let (a, b) = (before.connected.as_ref(), Some(&before.other));
            (a, b) == (connected.as_ref(), Some(&other)) || (b, a) == (connected.as_ref(), Some(&other))
        };
        let is_news = !before.is_some_and(is_same);
        let since_ms = before.map_or(now_ms, |before| before.since_ms);
        conflicts.insert(host_id.to_owned(), Conflict { connected, other, since_ms, last_ms: now_ms });
        is_news
    }

    /// The conflict about a host, when there is one.
    pub fn of(&self, host_id: &str, now_ms: i64) -> Option<Conflict> {
        self.lock().get(host_id).filter(|conflict| !conflict.is_over(now_ms)).cloned()
    }

    pub(super) fn forget(&self, host_id: &str) {
        self.lock().remove(host_id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Conflict>> {
        // Nothing panics while the lock is held.
        self.by_host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Conflict {
    fn is_over(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.last_ms) > OVER_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(last: u8, name: &str) -> Machine {
        Machine { address: IpAddr::from([10, 0, 0, last]), host_name: name.to_owned() }
    }

    #[test]
    fn a_conflict_is_news_once_and_ends_when_nothing_is_seen_of_it() {
        let conflicts = Conflicts::default();
        let (a, b) = (machine(1, "web"), machine(2, "copy"));
        assert!(conflicts.note("h", Some(a.clone()), b.clone(), 1_000));
        assert!(!conflicts.note("h", Some(a.clone()), b.clone(), 2_000));
        assert!(!conflicts.note("h", Some(b.clone()), a.clone(), 3_000), "they took turns");
        let seen = conflicts.of("h", 3_000).unwrap();
        assert_eq!((seen.since_ms, seen.last_ms, seen.other), (1_000, 3_000, a.clone()));
        assert!(conflicts.note("h", Some(a), machine(3, "third"), 4_000));
        assert_eq!(conflicts.of("h", 4_000 + OVER_MS + 1), None);
        assert_eq!(conflicts.of("other", 4_000), None);
        conflicts.forget("h");
        assert_eq!(conflicts.of("h", 4_000), None);
    }
}
