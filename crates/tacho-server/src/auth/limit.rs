//! How often one address may try to sign in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Wrong passwords in a row before an address has to wait.
const BURST: i64 = 10;

/// After the burst, one more attempt per this time.
const REFILL_MS: i64 = 6_000;

/// Addresses remembered. When full, the one whose last attempt is longest ago is forgotten; an attacker with
/// that many addresses still meets the bound on passwords checked at once.
const ADDRESSES: usize = 4_096;

/// Counts attempts by address. Clones share the counts.
#[derive(Clone, Default)]
pub struct SignInLimit {
    attempts: Arc<Mutex<HashMap<IpAddr, Attempts>>>,
}

/// A bucket that leaks one attempt per [`REFILL_MS`]: `empty_ms` is when it will be empty.
#[derive(Clone, Copy)]
struct Attempts {
    empty_ms: i64,
}

impl SignInLimit {
    /// Counts an attempt before the password is looked at. `Err` is how many milliseconds to wait.
    pub fn attempt(&self, address: IpAddr, now_ms: i64) -> Result<(), i64> {
        let mut attempts = self.lock();
        let address = network(address);
        if !attempts.contains_key(&address) && attempts.len() >= ADDRESSES {
            forget_one(&mut attempts, now_ms);
        }
        let entry = attempts.entry(address).or_insert(Attempts { empty_ms: now_ms });
        // A clock that went back must not lock anybody out for longer than a full bucket does.
        let empty_ms = entry.empty_ms.clamp(now_ms, now_ms.saturating_add(BURST * REFILL_MS));
        let after_ms = empty_ms.saturating_add(REFILL_MS);
        let over_ms = after_ms.saturating_sub(now_ms).saturating_sub(BURST * REFILL_MS);
        if over_ms > 0 {
            return Err(over_ms);
        }
        entry.empty_ms = after_ms;
        Ok(())
    }

    /// Takes an attempt back: the password was right.
    pub fn forgive(&self, address: IpAddr) {
        if let Some(attempts) = self.lock().get_mut(&network(address)) {
            attempts.empty_ms = attempts.empty_ms.saturating_sub(REFILL_MS);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Attempts>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has one IPv6 address usually has its whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let high = v6.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(high))
        }
        v4 => v4,
    }
}

fn forget_one(attempts: &mut HashMap<IpAddr, Attempts>, now_ms: i64) {
    attempts.retain(|_, entry| entry.empty_ms > now_ms);
    if attempts.len() >= ADDRESSES
        && let Some(oldest) = attempts.iter().min_by_key(|(_, entry)| entry.empty_ms).map(|(key, _)| *key)
    {
        attempts.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn after_a_burst_an_address_waits_and_others_do_not() {
        let limit = SignInLimit::default();
        let here = address("192.0.2.1");
        for _ in 0..BURST {
            assert_eq!(limit.attempt(here, 0), Ok(()));
        }
        assert_eq!(limit.attempt(here, 0), Err(REFILL_MS));
        assert_eq!(limit.attempt(here, 1_000), Err(REFILL_MS - 1_000), "a refused attempt costs nothing");
        assert_eq!(limit.attempt(address("192.0.2.2"), 0), Ok(()));
        assert_eq!(limit.attempt(here, REFILL_MS), Ok(()));
        assert!(limit.attempt(here, REFILL_MS).is_err());
    }

    #[test]
    fn a_right_password_is_not_held_against_anybody() {
        let limit = SignInLimit::default();
        let here = address("::ffff:192.0.2.1");
        for _ in 0..10 * BURST {
            assert_eq!(limit.attempt(here, 0), Ok(()));
            limit.forgive(address("192.0.2.1"));
        }
    }

    #[test]
    fn one_network_of_ipv6_counts_as_one_address() {
        let limit = SignInLimit::default();
        for low in 0..BURST {
            assert_eq!(limit.attempt(address(&format!("2001:db8::{low:x}")), 0), Ok(()));
        }
        assert!(limit.attempt(address("2001:db8::ffff"), 0).is_err());
        assert_eq!(limit.attempt(address("2001:db8:0:1::1"), 0), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let limit = SignInLimit::default();
        let worst = address("192.0.2.1");
        for _ in 0..BURST {
            assert_eq!(limit.attempt(worst, 0), Ok(()));
        }
        for number in 0..(2 * ADDRESSES as u32) {
            assert_eq!(limit.attempt(IpAddr::V4((0x0a00_0000 + number).into()), 0), Ok(()));
        }
        assert!(limit.lock().len() <= ADDRESSES);
        assert!(limit.attempt(worst, 0).is_err());
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out() {
        let limit = SignInLimit::default();
        let here = address("192.0.2.1");
        for _ in 0..BURST {
            assert_eq!(limit.attempt(here, 1_000_000_000), Ok(()));
        }
        assert_eq!(limit.attempt(here, 0), Err(REFILL_MS));
    }
}
