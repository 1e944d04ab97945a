//! The mixed run: everything goes wrong as planned, then everything is made good, and what the agents
//! recorded is compared with what the history has.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tacho_runtime::clock;

use super::fleet::{Fleet, FleetOptions, GapMap};
use super::network::Packets;
use super::plan::{CERTIFICATE_LIFETIME, Fault, Kind, Terms, Wanted, plan};
use super::truth::{FrameKey, Produced, Truth};
use super::verdict::{Counts, Verdict};
use super::wall_clock;
use super::watch::Peak;
use super::{Say, agent_settings, boot_time_ms};
use crate::daemons::binary;

const STEP: Duration = Duration::from_millis(50);
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// After the end of all faults, how long a backlog may grow no smaller before the run gives up on it.
const STILL: Duration = Duration::from_secs(60);
/// What an agent may use by its settings: `budget_memory`, to which a debug build adds its larger code, and the
/// room for its spool.
const MEMORY_CAP: u64 = 32 << 20;
const MEMORY_CAP_DEBUG: u64 = 48 << 20;
const SPOOL_CAP: u64 = 16 << 20;
const GAP_MARGIN_MS: i64 = 2 * 3_600_000;
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// What to do.
#[derive(Debug, Clone)]
pub struct MixedOptions {
    pub terms: Terms,
    pub interval: Duration,
    /// An empty directory.
    pub root: PathBuf,
}

/// What came of one agent.
#[derive(Debug, Clone)]
pub struct AgentOutcome {
    pub name: String,
    pub counts: Counts,
    pub missing: Vec<FrameKey>,
    pub starts: u32,
    pub own_ends: Vec<String>,
    pub slow_stops: u32,
    /// New certificates.
    pub renewals: u64,
    /// How often a server welcomed it.
    pub connections: u64,
    pub peak: Peak,
    pub panics: Vec<String>,
    /// What the API's map says.
    pub gap_map: GapMap,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct MixedOutcome {
    /// In which faults came and went.
    pub duration: Duration,
    pub faults: BTreeMap<&'static str, u32>,
    /// Kinds that were asked for and can not be done here, with the reason.
    pub left_out: Vec<(Kind, &'static str)>,
    pub agents: Vec<AgentOutcome>,
    pub server_starts: u32,
    pub server_own_ends: Vec<String>,
    pub server_slow_stops: u32,
    pub server_peak: Peak,
    pub damaged: Vec<String>,
    pub packets: Packets,
    /// From the end of the faults until every frame was accounted for; `None`: never.
    pub recovered_after: Option<Duration>,
    /// Most bytes that an agent may have resident.
    pub memory_cap: u64,
}

impl MixedOutcome {
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.agents.iter().for_each(|agent| total.add(&agent.counts));
        total
    }

    /// Why the run shows that something is wrong; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for agent in &self.agents {
            let counts = &agent.counts;
            let dropped: u64 = counts.dropped.values().sum();
            let shown = dropped.saturating_sub(agent.gap_map.future_frames);
            let is_hidden = shown > 0 && agent.gap_map.dropped.is_empty();
            if shown > agent.gap_map.frames || is_hidden {
                problems.push(format!(
                    "{}: {dropped} frames were dropped, the gap map names {} in {} ranges",
                    agent.name,
                    agent.gap_map.frames,
                    agent.gap_map.dropped.len()
                ));
            }
            if !counts.are_good(u64::from(agent.starts)) {
                problems.push(format!(
                    "{}: {} missing, {} twice, {} from nowhere, {} out of order, {} overlapping",
                    agent.name,
                    counts.missing,
                    counts.duplicates,
                    counts.unlogged,
                    counts.out_of_order,
                    counts.overlapping
                ));
            }
            if agent.peak.rss_bytes > self.memory_cap {
                problems.push(format!("{}: {} bytes resident", agent.name, agent.peak.rss_bytes));
            }
            if agent.peak.disk_bytes > SPOOL_CAP {
                problems.push(format!("{}: {} bytes in its spool", agent.name, agent.peak.disk_bytes));
            }
            // Each attempt waits 1.5 s in the mean.
            if agent.connections > self.duration.as_secs() {
                problems.push(format!("{}: connected {} times", agent.name, agent.connections));
            }
            if counts.produced == 0 {
                problems.push(format!("{}: recorded nothing", agent.name));
            }
            problems.extend(agent.panics.iter().map(|panic| format!("{}: {panic}", agent.name)));
        }
        problems
    }
}

/// Kinds that can be done on this machine, and those that can not.
fn possible(kinds: &[Kind]) -> (Vec<Kind>, Vec<(Kind, &'static str)>) {
    let has_clock = wall_clock::library().is_some();
    let reason = |kind: Kind| match kind {
        Kind::AgentClock | Kind::ServerClock | Kind::Rotation if !has_clock => {
            Some("libfaketime is not installed (Debian: apt-get install libfaketime)")
        }
        _ => None,
    };
    let left_out: Vec<_> = kinds.iter().filter_map(|kind| Some((*kind, reason(*kind)?))).collect();
    (kinds.iter().copied().filter(|kind| reason(*kind).is_none()).collect(), left_out)
}

/// By the build of the agent, which need not be that of this program.
fn memory_cap() -> anyhow::Result<u64> {
    let is_debug = binary("tacho-agent")?.parent().is_some_and(|directory| directory.ends_with("debug"));
    Ok(if is_debug { MEMORY_CAP_DEBUG } else { MEMORY_CAP })
}

/// Runs it.
pub fn run(options: &MixedOptions, say: Say<'_>) -> anyhow::Result<MixedOutcome> {
    let (kinds, left_out) = possible(&options.terms.kinds);
    for (kind, reason) in &left_out {
        say(&format!("left out: {}: {reason}", kind.name()));
    }
    let faults = plan(&Terms { kinds, ..options.terms.clone() });
    let mut fleet = Fleet::start(&FleetOptions {
        root: options.root.clone(),
        agents: options.terms.agents,
        seed: options.terms.seed,
        spool_bytes: SPOOL_CAP,
        agent_settings: agent_settings(options.interval),
        server_settings: [("flush_interval", "2s"), ("certificate_lifetime", CERTIFICATE_LIFETIME)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec(),
    })?;
    let mut run = Run {
        truths: fleet.agents.iter().map(|_| Truth::default()).collect(),
        peaks: vec![Peak::default(); fleet.agents.len()],
        server_peak: Peak::default(),
        boot_time_ms: boot_time_ms(),
        begin_ms: clock::wall_ms(),
        say,
    };
    run.suffer(&mut fleet, &faults, options.terms.duration)?;
    // Later ones may still wait in their agent when all is stopped; those have to be there.
    let due: Vec<Vec<FrameKey>> = run.recorded(&mut fleet)?;
    let recovered_after = run.recover(&mut fleet, &due)?;
    say("stopping all, and starting the server again");
    fleet.restart_in_order()?;
    let agents = run.outcomes(&mut fleet, &due)?;
    let mut counted: BTreeMap<&'static str, u32> = BTreeMap::new();
    faults.iter().for_each(|fault| *counted.entry(fault.kind.name()).or_default() += 1);
    Ok(MixedOutcome {
        duration: options.terms.duration,
        faults: counted,
        left_out,
        agents,
        server_starts: fleet.servers.iter().map(super::node::Node::starts).sum(),
        server_own_ends: fleet.servers.iter().flat_map(|server| server.own_ends.clone()).collect(),
        server_slow_stops: fleet.servers.iter().map(|server| server.slow_stops).sum(),
        server_peak: run.server_peak,
        damaged: fleet
            .damages
            .iter()
            .map(|damage| format!("{}: {}", damage.file.display(), damage.what))
            .collect(),
        packets: fleet.network.packets(),
        recovered_after,
        memory_cap: memory_cap()?,
    })
}

struct Run<'a> {
    truths: Vec<Truth>,
    peaks: Vec<Peak>,
    server_peak: Peak,
    boot_time_ms: i64,
    begin_ms: i64,
    say: Say<'a>,
}

impl Run<'_> {
    /// Lets the planned faults come and go.
    fn suffer(&mut self, fleet: &mut Fleet, faults: &[Fault], duration: Duration) -> anyhow::Result<()> {
        let begin = Instant::now();
        let (mut begun, mut looked) = (0, Duration::ZERO);
        while begin.elapsed() < duration {
            let now = begin.elapsed();
            while let Some(fault) = faults.get(begun).filter(|fault| fault.begin <= now) {
                begun += 1;
                let whom = fault.agent.map_or_else(String::new, |agent| format!(" of agent-{}", agent + 1));
                let (kind, lasts) = (fault.kind.name(), (fault.end - fault.begin).as_secs_f64());
                (self.say)(&format!("{:7.1} s  {kind}{whom} for {lasts:.1} s", now.as_secs_f64()));
                fleet.begin(fault)?;
            }
            let active = faults.iter().filter(|fault| fault.begin <= now && now < fault.end);
            let wanted = Wanted::under(active, fleet.agents.len());
            fleet.strive(&wanted)?;
            if now >= looked {
                looked = now + LOOK_INTERVAL;
                self.look(fleet);
            }
            std::thread::sleep(STEP);
        }
        Ok(())
    }

    fn look(&mut self, fleet: &mut Fleet) {
        for (agent, peak) in fleet.agents.iter().zip(&mut self.peaks) {
            peak.look(agent.node.pid(), agent.disk.used_bytes());
        }
        let used = fleet.server_disk.used_bytes();
        fleet.servers.iter().for_each(|server| self.server_peak.look(server.pid(), used));
    }

    /// Ends all faults and waits until everything recorded by then is stored or reported. `None` when it
    /// stands still before.
    fn recover(&mut self, fleet: &mut Fleet, recorded: &[Vec<FrameKey>]) -> anyhow::Result<Option<Duration>> {
        let well = Wanted::under([], fleet.agents.len());
        let begin = Instant::now();
        let (mut least, mut moved, mut told) = (u64::MAX, Instant::now(), None::<Instant>);
        loop {
            fleet.strive(&well)?;
            self.look(fleet);
            // A server that is just starting can not be asked.
            let waiting = self
                .verdicts(fleet, recorded)
                .ok()
                .map(|verdicts| verdicts.iter().map(|verdict| verdict.counts.missing).sum::<u64>());
            match waiting {
                Some(0) => return Ok(Some(begin.elapsed())),
                Some(fewer) if fewer < least => (least, moved) = (fewer, Instant::now()),
                _ if moved.elapsed() > STILL => return Ok(None),
                _ => {}
            }
            if told.is_none_or(|at| at.elapsed() > PROGRESS_INTERVAL) {
                told = Some(Instant::now());
                let text = waiting
                    .map_or("the server does not answer yet".to_owned(), |n| format!("{n} frames to come"));
                (self.say)(&format!("recovering: {text}"));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Frames of each agent by now.
    fn recorded(&mut self, fleet: &mut Fleet) -> anyhow::Result<Vec<Vec<FrameKey>>> {
        let mut recorded = Vec::new();
        for (truth, agent) in self.truths.iter_mut().zip(&fleet.agents) {
            truth.read(&agent.node.logs())?;
            recorded.push(truth.frames().keys().cloned().collect());
        }
        Ok(recorded)
    }

    /// Compares what each agent recorded, its frames in `recorded` only, with the history.
    fn verdicts(&self, fleet: &mut Fleet, recorded: &[Vec<FrameKey>]) -> anyhow::Result<Vec<Verdict>> {
        let names: Vec<String> = fleet.agents.iter().map(|agent| agent.name.clone()).collect();
        let mut verdicts = Vec::new();
        for ((name, truth), keys) in names.iter().zip(&self.truths).zip(recorded) {
            let frame = |key: &FrameKey| Some((key.clone(), *truth.frames().get(key)?));
            let produced: BTreeMap<FrameKey, Produced> = keys.iter().filter_map(frame).collect();
            verdicts.push(fleet.judge(name, &produced, self.boot_time_ms)?);
        }
        Ok(verdicts)
    }

    /// What came of the agents. Frames that are not in `due` may wait in a spool and are not held
    /// against anybody, but none of them may be there twice.
    fn outcomes(&mut self, fleet: &mut Fleet, due: &[Vec<FrameKey>]) -> anyhow::Result<Vec<AgentOutcome>> {
        let all = self.recorded(fleet)?;
        let verdicts = self.verdicts(fleet, &all)?;
        let mut outcomes = Vec::new();
        let names: Vec<String> = fleet.agents.iter().map(|agent| agent.name.clone()).collect();
        // A clock that was an hour wrong may have moved a gap.
        let from_ms = self.begin_ms - GAP_MARGIN_MS;
        let maps =
            names.iter().map(|name| fleet.gap_map(name, from_ms)).collect::<anyhow::Result<Vec<_>>>()?;
        for (number, (mut verdict, agent)) in verdicts.into_iter().zip(&fleet.agents).enumerate() {
            let due = due.get(number).map(Vec::as_slice).unwrap_or_default();
            verdict.excuse(|key| due.binary_search(key).is_err());
            outcomes.push(AgentOutcome {
                name: agent.name.clone(),
                counts: verdict.counts,
                missing: verdict.missing,
                starts: agent.node.starts(),
                own_ends: agent.node.own_ends.clone(),
                slow_stops: agent.node.slow_stops,
                renewals: self.truths.get(number).map_or(0, |truth| truth.renewals),
                connections: self.truths.get(number).map_or(0, |truth| truth.connections),
                peak: self.peaks.get(number).copied().unwrap_or_default(),
                gap_map: maps.get(number).cloned().unwrap_or_default(),
                panics: self.truths.get(number).map(|truth| truth.panics.clone()).unwrap_or_default(),
            });
        }
        Ok(outcomes)
    }
}
