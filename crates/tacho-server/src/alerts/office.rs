//! Which of several servers on one catalog tells of alerts. It shows that it is there by a beat in the catalog; another
//! takes its place when that stands still for as long as a lease lasts, by a clock that nobody sets. Pure.

use std::path::Path;
use std::time::{Duration, Instant};

use tacho_catalog::Office;
use tacho_runtime::files::write_private;

/// How long a server may be silent before another one tells.
pub const LEASE: Duration = Duration::from_secs(10);
/// Longest time that handing one message over takes; what was begun by another server is left alone for it.
pub(super) const SENDING: Duration = Duration::from_secs(60);
const NAME_FILE: &str = "server-id";
const LONGEST_NAME: usize = 64;

/// This server among those of its catalog.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Unlike every other's, and the same after a restart.
    pub server: String,
    pub lease: Duration,
}

impl Membership {
    /// Of the server whose data directory this is, which it holds alone.
    pub fn open(data_dir: &Path) -> std::io::Result<Self> {
        let path = data_dir.join(NAME_FILE);
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        let known = known.trim();
        let is_name = !known.is_empty()
            && known.len() <= LONGEST_NAME
            && known.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name {
            return Ok(Self { server: known.to_owned(), lease: LEASE });
        }
        let server = ulid::Ulid::new().to_string().to_lowercase();
        write_private(&path, format!("{server}\n").as_bytes())?;
        Ok(Self { server, lease: LEASE })
    }
}

/// What this server knows of the office, and its part in it.
#[derive(Debug)]
pub(super) struct Lease {
    membership: Membership,
    /// As another server's was seen first, and when.
    seen: Option<(Office, Instant)>,
    held: Option<Held>,
}

/// The office in this server's hands.
#[derive(Debug, Clone, Copy)]
struct Held {
    term: i64,
    since: Instant,
    /// When its holder gave the last sign of life.
    renewed: Instant,
    /// The term before, when its holder is at sending no more: it said good-bye, or was an earlier life of this server.
    ended_term: Option<i64>,
}

/// What to do about the office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    /// Give a sign of life.
    Hold(i64),
    /// Take it, unless it changed since.
    Take(Office),
    /// It is another's now.
    Lost,
}

impl Lease {
    pub(super) fn new(membership: Membership) -> Self {
        Self { membership, seen: None, held: None }
    }

    /// How often to look.
    pub(super) fn look_every(&self) -> Duration {
        self.membership.lease / 10
    }

    pub(super) fn server(&self) -> &str {
        &self.membership.server
    }

    /// The office was found like this; `now` is from before it was looked at.
    pub(super) fn next(&mut self, found: Office, now: Instant) -> Next {
        if let Some(held) = self.held {
            if held.term != found.term {
                return Next::Lost;
            }
            self.seen = None;
            let due = now.saturating_duration_since(held.renewed) >= self.membership.lease / 3;
            return if due { Next::Hold(held.term) } else { Next::Nothing };
        }
        // What an earlier life of this very server left: nobody else has its directory.
        if found.server.is_empty() || found.server == self.membership.server {
            return Next::Take(found);
        }
        match &self.seen {
            Some((office, since)) if *office == found => {
                let still = now.saturating_duration_since(*since);
                if still >= self.membership.lease { Next::Take(found) } else { Next::Nothing }
            }
            _ => {
                self.seen = Some((found, now));
                Next::Nothing
            }
        }
    }

    /// `before` was taken over at `began` or later.
    pub(super) fn took(&mut self, before: &Office, term: i64, began: Instant) {
        let has_ended = before.server.is_empty() || before.server == self.membership.server;
        self.seen = None;
        self.held =
            Some(Held { term, since: began, renewed: began, ended_term: has_ended.then_some(before.term) });
    }

    /// A sign of life was given at `began` or later.
    pub(super) fn held(&mut self, began: Instant) {
        if let Some(held) = &mut self.held {
            held.renewed = began;
        }
    }

    pub(super) fn lost(&mut self) -> Option<i64> {
        self.held.take().map(|held| held.term)
    }

    /// The term, as long as nobody else can have taken the office.
    pub(super) fn term(&self, now: Instant) -> Option<i64> {
        let held = self.held?;
        (now.saturating_duration_since(held.renewed) < self.membership.lease).then_some(held.term)
    }

    /// How long to leave a message alone that the holder of `claimed_term` began to send.
    pub(super) fn leave_alone(&self, claimed_term: i64, now: Instant) -> Duration {
        let Some(held) = self.held else { return Duration::ZERO };
        if claimed_term == 0 || claimed_term == held.term || Some(claimed_term) == held.ended_term {
            return Duration::ZERO;
        }
        SENDING.saturating_sub(now.saturating_duration_since(held.since))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TICK: Duration = Duration::from_millis(500);

    fn lease(server: &str) -> Lease {
        Lease::new(Membership { server: server.to_owned(), lease: LEASE })
    }

    fn office(server: &str, term: i64, beat: i64) -> Office {
        Office { server: server.to_owned(), term, beat }
    }

    #[test]
    fn what_nobody_has_or_what_was_mine_is_taken_at_once_and_another_s_after_a_lease_of_silence() {
        let now = Instant::now();
        assert_eq!(lease("a").next(office("", 0, 0), now), Next::Take(office("", 0, 0)));
        assert_eq!(lease("a").next(office("a", 3, 9), now), Next::Take(office("a", 3, 9)));
        let mut other = lease("b");
        assert_eq!(other.next(office("a", 3, 9), now), Next::Nothing);
        assert_eq!(other.next(office("a", 3, 10), now + LEASE), Next::Nothing, "it moved");
        assert_eq!(other.next(office("a", 3, 10), now + LEASE * 2 - TICK), Next::Nothing);
        assert_eq!(other.next(office("a", 3, 10), now + LEASE * 2), Next::Take(office("a", 3, 10)));
    }

    #[test]
    fn what_another_began_to_send_is_left_alone_unless_it_said_good_bye() {
        let now = Instant::now();
        let mut lease = lease("b");
        lease.took(&office("a", 3, 9), 4, now);
        assert_eq!(lease.leave_alone(3, now + TICK), SENDING - TICK);
        assert_eq!(lease.leave_alone(3, now + SENDING), Duration::ZERO);
        assert_eq!((lease.leave_alone(4, now), lease.leave_alone(0, now)), (Duration::ZERO, Duration::ZERO));
        lease.took(&office("", 3, 9), 4, now);
        assert_eq!(lease.leave_alone(3, now), Duration::ZERO);
    }

    #[test]
    fn a_server_keeps_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let first = Membership::open(directory.path()).unwrap().server;
        assert_eq!(Membership::open(directory.path()).unwrap().server, first);
        std::fs::write(directory.path().join(NAME_FILE), "../x\n").unwrap();
        assert_ne!(Membership::open(directory.path()).unwrap().server, "../x");
    }

    /// What befalls one of three servers at a moment.
    #[derive(Debug, Clone)]
    enum Step {
        Look(usize),
        /// It goes on only after this many ticks, and what it found stays as it was.
        LookSlowly(usize, u32),
        Pass(u32),
        Restart(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => (0_usize..3).prop_map(Step::Look),
            2 => (0_usize..3, 0_u32..40).prop_map(|(server, ticks)| Step::LookSlowly(server, ticks)),
            3 => (1_u32..30).prop_map(Step::Pass),
            1 => (0_usize..3).prop_map(Step::Restart),
        ];
        proptest::collection::vec(step, 1..120)
    }

    proptest! {
        /// However slow they are, no two servers hold the office at one time, and a term has one holder.
        #[test]
        fn one_server_tells_at_a_time(steps in steps()) {
            let names = ["a", "b", "c"];
            let mut leases = names.map(lease);
            let (mut catalog, mut now) = (office("", 0, 0), Instant::now());
            for step in steps {
                let (server, wait) = match step {
                    Step::Look(server) => (server, 0),
                    Step::LookSlowly(server, ticks) => (server, ticks),
                    Step::Pass(ticks) => { now += TICK * ticks; continue }
                    Step::Restart(server) => { leases[server] = lease(names[server]); continue }
                };
                let (found, began) = (catalog.clone(), now);
                let next = leases[server].next(found, began);
                now += TICK * wait;
                match next {
                    Next::Nothing => {}
                    Next::Lost => { leases[server].lost(); }
                    Next::Hold(term) => if catalog.term == term {
                        catalog.beat += 1;
                        leases[server].held(began);
                    } else {
                        leases[server].lost();
                    },
                    Next::Take(seen) => if catalog == seen {
                        catalog = office(names[server], seen.term + 1, seen.beat + 1);
                        leases[server].took(&seen, seen.term + 1, began);
                    },
                }
                let holders = leases.iter().filter(|lease| lease.term(now).is_some()).count();
                prop_assert!(holders <= 1, "{leases:?}");
            }
        }
    }
}
