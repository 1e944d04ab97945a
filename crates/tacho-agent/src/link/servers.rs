//! Which server to go to, and when. Pure; times are milliseconds of a clock that never jumps.

use std::time::Duration;

/// The longest a first attempt waits: agents that lost their server together come back spread over this.
pub(super) const FIRST_RETRY: Duration = Duration::from_secs(3);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Servers in order of preference.
#[derive(Debug)]
pub(super) struct Servers {
    list: Vec<Server>,
    current: usize,
    failures: u32,
}

#[derive(Debug)]
struct Server {
    address: String,
    /// It asked not to be visited before.
    not_before_ms: u64,
    /// It has answered since.
    well_since_ms: Option<u64>,
}

impl Servers {
    pub(super) fn new(addresses: &[String]) -> Self {
        let server =
            |address: &String| Server { address: address.clone(), not_before_ms: 0, well_since_ms: None };
        Self { list: addresses.iter().map(server).collect(), current: 0, failures: 0 }
    }

    pub(super) fn current(&self) -> &str {
        self.list.get(self.current).map_or("", |server| &server.address)
    }

    /// The current one took frames.
    pub(super) fn note_well(&mut self) {
        self.failures = 0;
    }

    /// The current one failed: goes to the next and answers how long to wait before, from `share` of the longest,
    /// 0 to 1.
    pub(super) fn note_failure(&mut self, now_ms: u64, share: f64) -> Duration {
        let longest = FIRST_RETRY.saturating_mul(1 << self.failures.min(10)).min(LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        let wait = longest.mul_f64(share.clamp(0.0, 1.0));
        self.advance(now_ms, wait)
    }

    /// The current one is about to stop: goes to another, and not back before.
    pub(super) fn note_drain(&mut self, now_ms: u64, return_after: Duration, share: f64) -> Duration {
        let away = u64::try_from(return_after.as_millis()).unwrap_or(u64::MAX);
        if let Some(server) = self.list.get_mut(self.current) {
            server.not_before_ms = now_ms.saturating_add(away);
            server.well_since_ms = None;
        }
        self.advance(now_ms, FIRST_RETRY.mul_f64(share.clamp(0.0, 1.0)))
    }

    /// Goes to the next server that may be visited, or to the one that may be soonest.
    fn advance(&mut self, now_ms: u64, wait: Duration) -> Duration {
        let count = self.list.len().max(1);
        let order = (1..=count).map(|step| (self.current + step) % count);
        let not_before = |index: &usize| self.list.get(*index).map_or(0, |server| server.not_before_ms);
        let next = order.min_by_key(|index| not_before(index).max(now_ms));
        self.current = next.unwrap_or(0);
        let barred = not_before(&self.current).saturating_sub(now_ms);
        wait.saturating_add(Duration::from_millis(barred))
    }

    /// Servers that are preferred to the current one and may be visited.
    pub(super) fn preferred(&self, now_ms: u64) -> Vec<String> {
        let better = self.list.iter().take(self.current);
        better.filter(|server| server.not_before_ms <= now_ms).map(|server| server.address.clone()).collect()
    }

    /// What a try of a preferred server gave. Goes back to it, and answers so, when it has been well long enough.
    pub(super) fn note_probe(
        &mut self,
        address: &str,
        is_well: bool,
        now_ms: u64,
        long_enough: Duration,
    ) -> bool {
        let Some(index) = self.list.iter().position(|server| server.address == address) else { return false };
        let Some(server) = self.list.get_mut(index) else { return false };
        if !is_well {
            server.well_since_ms = None;
            return false;
        }
        let since_ms = *server.well_since_ms.get_or_insert(now_ms);
        let returns = u128::from(now_ms.saturating_sub(since_ms)) >= long_enough.as_millis();
        if returns {
            server.well_since_ms = None;
            self.current = index;
        }
        returns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(count: usize) -> Servers {
        Servers::new(&["a:1", "b:1", "c:1"].map(str::to_owned)[..count])
    }

    #[test]
    fn waits_grow_to_a_limit_and_are_spread() {
        let mut servers = servers(1);
        assert_eq!(servers.note_failure(0, 1.0), FIRST_RETRY);
        assert_eq!(servers.note_failure(0, 0.5), FIRST_RETRY);
        assert_eq!(servers.note_failure(0, 0.0), Duration::ZERO);
        assert_eq!((0..40).map(|_| servers.note_failure(0, 1.0)).max(), Some(LONGEST_RETRY));
        assert_eq!(servers.failures, 43);
        servers.note_well();
        assert_eq!(servers.note_failure(0, 1.0), FIRST_RETRY);
    }

    #[test]
    fn the_next_one_follows_a_failure() {
        let mut servers = servers(3);
        let visited: Vec<String> = (0..4)
            .map(|_| {
                servers.note_failure(0, 0.0);
                servers.current().to_owned()
            })
            .collect();
        assert_eq!(visited, ["b:1", "c:1", "a:1", "b:1"]);
    }

    #[test]
    fn a_server_that_stops_is_left_alone_for_a_while() {
        let mut servers = servers(2);
        assert_eq!(servers.note_drain(1000, Duration::from_secs(60), 0.0), Duration::ZERO);
        assert_eq!(servers.current(), "b:1");
        assert!(servers.preferred(60_999).is_empty());
        assert_eq!(servers.preferred(61_000), ["a:1"]);
        servers.note_failure(5000, 0.0);
        assert_eq!(servers.current(), "b:1", "the other one asked for time");
        let mut alone = self::servers(1);
        assert_eq!(alone.note_drain(1000, Duration::from_secs(9), 1.0), FIRST_RETRY + Duration::from_secs(9));
    }

    #[test]
    fn the_preferred_one_is_gone_back_to_once_it_has_been_well() {
        let (mut servers, while_well) = (servers(2), Duration::from_secs(300));
        servers.note_failure(0, 0.0);
        assert_eq!(servers.preferred(0), ["a:1"]);
        assert!(!servers.note_probe("a:1", true, 1000, while_well));
        assert!(!servers.note_probe("a:1", false, 200_000, while_well));
        assert!(!servers.note_probe("a:1", true, 250_000, while_well));
        assert!(!servers.note_probe("a:1", true, 549_999, while_well));
        assert!(servers.note_probe("a:1", true, 550_000, while_well));
        assert_eq!((servers.current(), servers.preferred(550_000).len()), ("a:1", 0));
    }
}
