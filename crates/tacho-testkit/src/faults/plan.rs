//! What goes wrong when: decided beforehand, from the seed alone.

use std::time::Duration;

use super::network::Condition;
use crate::random::Random;

const SECOND: Duration = Duration::from_secs(1);
/// Nothing begins in the last part of a run, so that each fault takes effect within it.
const QUIET_END: Duration = Duration::from_secs(2);
/// How far wall clocks are set wrong.
const CLOCK_STEP_SECONDS: i64 = 3600;
/// How long the certificates of a run hold.
pub const CERTIFICATE_LIFETIME: &str = "1d";
/// So far ahead is a clock by which a certificate nears its end: every one that was made since the begin of the run is
/// to be renewed (15 h to 17 h 15 min after it was made), none has ended, also where a clock is an hour wrong beside.
const NEAR_END_SECONDS: i64 = 18 * 3600 + 1800;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9` of an agent, started again after a while.
    AgentKill,
    /// SIGTERM, and started again.
    AgentStop,
    /// `kill -9` of the server.
    ServerKill,
    /// SIGTERM of the server.
    ServerStop,
    /// The server stands still (SIGSTOP) and takes nothing.
    ServerPause,
    /// The other server takes over the history while the first is down.
    Takeover,
    /// Nothing passes between an agent, or all, and the servers.
    Partition,
    /// Nothing passes in one direction.
    OneWay,
    /// 30 % of packets are lost, the others come 500 ms late.
    Loss,
    /// The way to the server takes little.
    SlowReader,
    /// No room in the agent's spool.
    AgentDiskFull,
    /// No room for the server's history and catalog.
    ServerDiskFull,
    /// The spool's file system is read-only.
    ReadOnly,
    /// An agent's wall clock is an hour wrong, either way.
    AgentClock,
    /// The server's is.
    ServerClock,
    /// A bit of a spool file flips, or its end is lost.
    Damage,
    /// An agent is killed, and while it lasts its starts find that its certificate nears its end: it is renewed while
    /// frames are delivered.
    Rotation,
}

/// Kinds with their names on the command line.
pub const KINDS: [(Kind, &str); 17] = [
    (Kind::AgentKill, "agent-kill"),
    (Kind::AgentStop, "agent-stop"),
    (Kind::ServerKill, "server-kill"),
    (Kind::ServerStop, "server-stop"),
    (Kind::ServerPause, "server-pause"),
    (Kind::Takeover, "takeover"),
    (Kind::Partition, "partition"),
    (Kind::OneWay, "one-way"),
    (Kind::Loss, "loss"),
    (Kind::SlowReader, "slow-reader"),
    (Kind::AgentDiskFull, "agent-disk-full"),
    (Kind::ServerDiskFull, "server-disk-full"),
    (Kind::ReadOnly, "read-only"),
    (Kind::AgentClock, "agent-clock"),
    (Kind::ServerClock, "server-clock"),
    (Kind::Damage, "damage"),
    (Kind::Rotation, "rotation"),
];

/// Shorthands for several kinds.
const GROUPS: [(&str, &[Kind]); 5] = [
    ("kill", &[Kind::AgentKill, Kind::ServerKill]),
    ("stop", &[Kind::AgentStop, Kind::ServerStop]),
    ("network", &[Kind::Partition, Kind::OneWay, Kind::Loss, Kind::SlowReader]),
    ("disk", &[Kind::AgentDiskFull, Kind::ServerDiskFull, Kind::ReadOnly, Kind::Damage]),
    ("clock", &[Kind::AgentClock, Kind::ServerClock]),
];

/// One fault, from its begin to its end within the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub kind: Kind,
    pub begin: Duration,
    pub end: Duration,
    /// The agent it is about; `None`: all, or the server.
    pub agent: Option<usize>,
    /// To the agent rather than from it; an hour back rather than forward.
    pub reverse: bool,
}

/// What a plan is made for.
#[derive(Debug, Clone)]
pub struct Terms {
    pub seed: u64,
    pub duration: Duration,
    pub kinds: Vec<Kind>,
    pub agents: usize,
}

impl Kind {
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Shortest and longest time that it lasts.
    fn lasts(self) -> (Duration, Duration) {
        match self {
            Self::AgentKill | Self::AgentStop | Self::ServerKill | Self::ServerStop => {
                (SECOND / 2, 6 * SECOND)
            }
            Self::Takeover | Self::Loss | Self::Rotation => (8 * SECOND, 20 * SECOND),
            Self::Partition => (3 * SECOND, 30 * SECOND),
            Self::Damage => (SECOND / 10, SECOND / 10),
            _ => (3 * SECOND, 12 * SECOND),
        }
    }

    fn is_of_one_agent(self) -> bool {
        matches!(
            self,
            Self::AgentKill
                | Self::AgentStop
                | Self::AgentDiskFull
                | Self::ReadOnly
                | Self::AgentClock
                | Self::Damage
                | Self::Rotation
        )
    }

    /// Of one agent or of all, as the dice fall.
    fn is_of_cables(self) -> bool {
        matches!(self, Self::Partition | Self::OneWay | Self::Loss | Self::SlowReader)
    }
}

/// Kinds named with commas between; the error names what there is.
pub fn parse_kinds(text: &str) -> Result<Vec<Kind>, String> {
    let mut kinds = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        if word == "all" {
            kinds.extend(KINDS.iter().map(|(kind, _)| *kind));
        } else if let Some((kind, _)) = KINDS.iter().find(|(_, name)| *name == word) {
            kinds.push(*kind);
        } else if let Some((_, group)) = GROUPS.iter().find(|(name, _)| *name == word) {
            kinds.extend(*group);
        } else if word != "none" {
            let names: Vec<&str> =
                KINDS.iter().map(|(_, name)| *name).chain(GROUPS.iter().map(|(name, _)| *name)).collect();
            return Err(format!("{word:?} is no fault; there are all, none, {}", names.join(", ")));
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

/// All faults of a run, by their begin. Each kind has its own dice, so that leaving one out changes no other.
pub fn plan(terms: &Terms) -> Vec<Fault> {
    let mut faults = Vec::new();
    for kind in &terms.kinds {
        let number = KINDS.iter().position(|(known, _)| known == kind).unwrap_or(0) as u64;
        let mut random = Random::new(terms.seed.wrapping_mul(1_000_003).wrapping_add(number));
        let last_begin = terms.duration.saturating_sub(QUIET_END);
        let mut begin = between(&mut random, SECOND, 20 * SECOND).min(last_begin);
        while begin <= last_begin && !last_begin.is_zero() {
            let (shortest, longest) = kind.lasts();
            let end = (begin + between(&mut random, shortest, longest)).min(terms.duration);
            let one = usize::try_from(random.below(terms.agents as u64)).unwrap_or(0);
            let all = random.below(3) == 0;
            let agent = (kind.is_of_one_agent() || (kind.is_of_cables() && !all)).then_some(one);
            faults.push(Fault { kind: *kind, begin, end, agent, reverse: random.below(2) == 0 });
            begin = end + between(&mut random, 10 * SECOND, 40 * SECOND);
        }
    }
    faults.sort_by_key(|fault| (fault.begin, fault.kind));
    faults
}

fn between(random: &mut Random, shortest: Duration, longest: Duration) -> Duration {
    let span = u64::try_from(longest.saturating_sub(shortest).as_millis()).unwrap_or(0);
    shortest + Duration::from_millis(random.below(span + 1))
}

/// What shall be, while some faults last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// By agent.
    pub agents: Vec<WantedAgent>,
    /// Which of the servers runs; none while it is down.
    pub server: Option<usize>,
    pub server_paused: bool,
    pub server_disk_full: bool,
    pub server_clock_seconds: i64,
    /// Of packets between each agent and the servers, in both directions.
    pub cables: Vec<Cable>,
}

/// What an agent shall be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WantedAgent {
    pub down: bool,
    pub disk_full: bool,
    pub read_only: bool,
    pub clock_seconds: i64,
}

/// Between an agent and the servers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cable {
    pub to_server: Condition,
    pub to_agent: Condition,
}

impl Wanted {
    /// What shall be under these faults.
    pub fn under<'a>(active: impl IntoIterator<Item = &'a Fault>, agents: usize) -> Self {
        let mut wanted = Self {
            agents: vec![WantedAgent::default(); agents],
            server: Some(0),
            cables: vec![Cable::default(); agents],
            ..Self::default()
        };
        let mut server_down = false;
        for fault in active {
            let about = |agent: usize| fault.agent.is_none_or(|one| one == agent);
            let clock = if fault.reverse { -CLOCK_STEP_SECONDS } else { CLOCK_STEP_SECONDS };
            match fault.kind {
                Kind::ServerKill | Kind::ServerStop => server_down = true,
                Kind::ServerPause => wanted.server_paused = true,
                Kind::Takeover => wanted.server = Some(1),
                Kind::ServerDiskFull => wanted.server_disk_full = true,
                Kind::ServerClock => wanted.server_clock_seconds += clock,
                _ => {}
            }
            for (_, agent) in wanted.agents.iter_mut().enumerate().filter(|(number, _)| about(*number)) {
                match fault.kind {
                    Kind::AgentKill | Kind::AgentStop => agent.down = true,
                    Kind::AgentDiskFull => agent.disk_full = true,
                    Kind::ReadOnly => agent.read_only = true,
                    Kind::AgentClock => agent.clock_seconds += clock,
                    Kind::Rotation => agent.clock_seconds += NEAR_END_SECONDS,
                    _ => {}
                }
            }
            for (_, cable) in wanted.cables.iter_mut().enumerate().filter(|(number, _)| about(*number)) {
                cable.suffer(fault);
            }
        }
        if server_down {
            wanted.server = None;
        }
        wanted
    }
}

impl Cable {
    fn suffer(&mut self, fault: &Fault) {
        match fault.kind {
            Kind::Partition => (self.to_server.cut, self.to_agent.cut) = (true, true),
            Kind::OneWay if fault.reverse => self.to_agent.cut = true,
            Kind::OneWay => self.to_server.cut = true,
            Kind::Loss => {
                for direction in [&mut self.to_server, &mut self.to_agent] {
                    direction.loss_ratio = 0.3;
                    direction.delay = Duration::from_millis(500);
                }
            }
            Kind::SlowReader => self.to_server.bytes_per_second = Some(2000),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(kinds: Vec<Kind>) -> Terms {
        Terms { seed: 7, duration: Duration::from_secs(120), kinds, agents: 3 }
    }

    fn all() -> Vec<Kind> {
        parse_kinds("all").unwrap()
    }

    #[test]
    fn a_seed_gives_the_same_plan_and_every_kind_is_in_it() {
        let faults = plan(&terms(all()));
        assert_eq!(faults, plan(&terms(all())));
        assert_ne!(faults, plan(&Terms { seed: 8, ..terms(all()) }));
        for (kind, name) in KINDS {
            assert!(faults.iter().filter(|fault| fault.kind == kind).count() >= 2, "{name}");
        }
        assert!(faults.iter().all(|fault| fault.begin < fault.end && fault.end <= Duration::from_secs(120)));
        assert!(faults.is_sorted_by_key(|fault| fault.begin));
    }

    #[test]
    fn leaving_a_kind_out_changes_no_other() {
        let without: Vec<Fault> =
            plan(&terms(all())).into_iter().filter(|fault| fault.kind != Kind::Partition).collect();
        let kinds = all().into_iter().filter(|kind| *kind != Kind::Partition).collect();
        assert_eq!(plan(&terms(kinds)), without);
    }

    #[test]
    fn overlapping_faults_add_up() {
        let fault = |kind, agent| Fault { kind, begin: Duration::ZERO, end: SECOND, agent, reverse: false };
        let faults = [
            fault(Kind::Takeover, None),
            fault(Kind::OneWay, Some(1)),
            fault(Kind::Loss, None),
            fault(Kind::AgentClock, Some(0)),
            fault(Kind::Rotation, Some(0)),
            fault(Kind::AgentKill, Some(2)),
        ];
        let wanted = Wanted::under(&faults, 3);
        assert_eq!(wanted.server, Some(1));
        assert!(
            wanted.cables[1].to_server.cut
                && !wanted.cables[1].to_agent.cut
                && !wanted.cables[0].to_server.cut
        );
        assert!(wanted.cables.iter().all(|cable| cable.to_agent.loss_ratio > 0.0));
        assert_eq!(wanted.agents[0].clock_seconds, 3600 + NEAR_END_SECONDS);
        assert!(wanted.agents[2].down && !wanted.agents[1].down);
        let faults = [fault(Kind::Takeover, None), fault(Kind::ServerKill, None)];
        assert_eq!(Wanted::under(&faults, 3).server, None);
        assert_eq!(Wanted::under(&[], 1).server, Some(0));
    }

    #[test]
    fn kinds_are_named_alone_or_together() {
        assert_eq!(parse_kinds("kill, loss"), Ok(vec![Kind::AgentKill, Kind::ServerKill, Kind::Loss]));
        assert_eq!(parse_kinds("none"), Ok(vec![]));
        assert!(parse_kinds("rain").unwrap_err().contains("partition"));
    }

    #[test]
    fn a_run_too_short_for_anything_has_an_empty_plan() {
        assert_eq!(plan(&Terms { duration: SECOND, ..terms(all()) }), []);
    }
}
