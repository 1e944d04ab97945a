//! A long outage: nothing passes between an agent and the servers until some thousand frames wait, then all is
//! well at once. How soon is the newest frame there, how soon all others, and in order? How soon is told what is wrong
//! then, and is what was over before told as if it were new?

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use tacho_runtime::clock;

use super::fleet::{Fleet, FleetOptions, time_ms};
use super::mark::{self, Mark};
use super::network::Packets;
use super::node::Node;
use super::plan::{Fault, Kind, Wanted};
use super::truth::Truth;
use super::verdict::Counts;
use super::watch::Peak;
use super::{Say, agent_settings, boot_time_ms};

const AGENT: &str = "agent-1";
/// Six hours of a crowded host and more.
const SPOOL_BYTES: u64 = 128 << 20;
const STEP: Duration = Duration::from_millis(20);
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const PROGRESS_INTERVAL: Duration = Duration::from_secs(20);
const EMPTY_PATIENCE: Duration = Duration::from_secs(180);
/// How long anything may take once the network is well again.
const PATIENCE: Duration = Duration::from_secs(600);

/// What to do.
#[derive(Debug, Clone)]
pub struct OutageOptions {
    /// Frames that wait at the end of the outage. Six hours at 5 s are 4320.
    pub frames: u64,
    pub interval: Duration,
    pub seed: u64,
    /// An empty directory.
    pub root: PathBuf,
}

/// What came of it. Times are from the moment at which the agent was connected again.
#[derive(Debug, Clone)]
pub struct OutageOutcome {
    pub interval: Duration,
    pub outage: Duration,
    /// Frames recorded while nothing passed.
    pub frames: u64,
    /// From the end of the outage.
    pub connected_after: Duration,
    /// Until a snapshot taken after the connection was visible.
    pub live_after: Duration,
    /// From the moment at which something went wrong, just after that, until an alert was seen to fire.
    pub alert_after: Duration,
    /// Frames of the backlog that had not come yet by then.
    pub waiting_at_alert: u64,
    /// Alerts of what began and was over during the outage: too late to be told as alerts.
    pub stale_alerts: u64,
    /// Until all that was recorded during the outage was stored or reported.
    pub backlog_gone_after: Duration,
    pub counts: Counts,
    /// What the agent's disk held at most, and at the end.
    pub peak: Peak,
    pub disk_bytes_after: u64,
    pub queued_after: Option<i64>,
    pub packets: Packets,
}

/// Runs it.
pub fn run(options: &OutageOptions, say: Say<'_>) -> anyhow::Result<OutageOutcome> {
    let mark = Mark::new(&options.root)?;
    let mut fleet = Fleet::start(&FleetOptions {
        root: options.root.clone(),
        agents: 1,
        seed: options.seed,
        spool_bytes: SPOOL_BYTES,
        agent_settings: agent_settings(options.interval),
        server_settings: [
            ("flush_interval", "2s".to_owned()),
            ("rules_dir", mark.rules_dir.display().to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .to_vec(),
    })?;
    let mut outage = Outage { fleet: &mut fleet, truth: Truth::default(), peak: Peak::default(), say };
    outage.until("the agent is connected", |outage| Ok(outage.latest_ms()?.map(|_| ())))?;
    outage.cut(true)?;
    // So that the old connection does not outlive a short outage.
    outage.fleet.servers.iter_mut().for_each(Node::kill);
    let before = outage.recorded()?;
    say(&format!("nothing passes until {} frames wait", options.frames));
    let begin = Instant::now();
    let over_before = mark.start()?;
    outage.suffer(before + options.frames / 2)?;
    drop(over_before);
    let over_ms = clock::wall_ms();
    outage.suffer(before + options.frames)?;
    let (outage_lasted, frames) = (begin.elapsed(), outage.recorded()? - before);
    outage
        .until("the server is ready", |outage| Ok(outage.fleet.get("/api/v1/hosts").is_ok().then_some(())))?;
    outage.cut(false)?;
    let healed_ms = clock::wall_ms();
    say("all passes again");
    let backlog = outage.truth.frames().clone();
    let connected_ms = outage.until("the agent connects", |outage| outage.connected_since(healed_ms))?;
    let live_ms = outage.until("a live snapshot is visible", |outage| {
        Ok(outage.latest_ms()?.filter(|latest| *latest >= connected_ms).map(|_| clock::wall_ms()))
    })?;
    let wrong = mark.start()?;
    let wrong_ms = clock::wall_ms();
    let alert_ms = outage
        .until("an alert fires", |outage| Ok((outage.alerts_since(over_ms)?.0 > 0).then(clock::wall_ms)))?;
    let waiting_at_alert = outage.fleet.judge(AGENT, &backlog, boot_time_ms())?.counts.missing;
    let gone_ms = outage.until("the backlog is gone", |outage| {
        std::thread::sleep(LOOK_INTERVAL / 5);
        let verdict = outage.fleet.judge(AGENT, &backlog, boot_time_ms())?;
        Ok((verdict.counts.missing == 0).then(clock::wall_ms))
    })?;
    let disk_bytes_after = outage.wait_for_empty_spool()?;
    let queued_after = outage.queued()?;
    let stale_alerts = outage.alerts_since(over_ms)?.1;
    drop(wrong);
    outage.fleet.restart_in_order()?;
    outage.recorded()?;
    let mut verdict = outage.fleet.judge(AGENT, outage.truth.frames(), boot_time_ms())?;
    verdict.excuse(|key| !backlog.contains_key(key));
    let (counts, peak) = (verdict.counts, outage.peak);
    let since = |ms: i64, begin: i64| Duration::from_millis(u64::try_from(ms - begin).unwrap_or(0));
    Ok(OutageOutcome {
        interval: options.interval,
        outage: outage_lasted,
        frames,
        connected_after: since(connected_ms, healed_ms),
        live_after: since(live_ms, connected_ms),
        alert_after: since(alert_ms, wrong_ms),
        waiting_at_alert,
        stale_alerts,
        backlog_gone_after: since(gone_ms, connected_ms),
        counts,
        peak,
        disk_bytes_after,
        queued_after,
        packets: fleet.network.packets(),
    })
}

impl OutageOutcome {
    /// Why the run shows that something is wrong; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let counts = &self.counts;
        if counts.missing > 0 || counts.duplicates > 0 {
            problems.push(format!("{} frames missing, {} twice", counts.missing, counts.duplicates));
        }
        if self.disk_bytes_after > 0 {
            problems.push(format!("{} bytes left in the spool", self.disk_bytes_after));
        }
        if self.stale_alerts > 0 {
            problems.push(format!("{} alerts of what was over before", self.stale_alerts));
        }
        if counts.out_of_order > 0 {
            problems.push(format!("{} frames out of order", counts.out_of_order));
        }
        problems
    }
}

struct Outage<'a> {
    fleet: &'a mut Fleet,
    truth: Truth,
    peak: Peak,
    say: Say<'a>,
}

impl Outage<'_> {
    fn cut(&mut self, cut: bool) -> anyhow::Result<()> {
        let partition = Fault {
            kind: Kind::Partition,
            begin: Duration::ZERO,
            end: Duration::MAX,
            agent: None,
            reverse: false,
        };
        self.fleet.strive(&Wanted::under(cut.then_some(&partition), 1))
    }

    /// How many frames the agent has recorded.
    fn recorded(&mut self) -> anyhow::Result<u64> {
        let agent = self.fleet.agents.first().context("no agent")?;
        self.truth.read(&agent.node.logs())?;
        Ok(self.truth.frames().len() as u64)
    }

    /// Lets the outage last until so many frames are recorded.
    fn suffer(&mut self, frames: u64) -> anyhow::Result<()> {
        let mut told = Instant::now();
        loop {
            let recorded = self.recorded()?;
            self.look();
            self.cut(true)?;
            if recorded >= frames {
                return Ok(());
            }
            if told.elapsed() > PROGRESS_INTERVAL {
                told = Instant::now();
                (self.say)(&format!("{} frames to be recorded", frames - recorded));
            }
            std::thread::sleep(LOOK_INTERVAL.min(STEP * 10));
        }
    }

    fn look(&mut self) {
        if let Some(agent) = self.fleet.agents.first() {
            self.peak.look(agent.node.pid(), agent.disk.used_bytes());
        }
    }

    /// Asks again and again until there is an answer.
    fn until<T>(
        &mut self,
        what: &str,
        mut asked: impl FnMut(&mut Self) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(answer) = asked(self)? {
                (self.say)(&format!("{what}: after {:.2} s", begin.elapsed().as_secs_f64()));
                return Ok(answer);
            }
            self.look();
            std::thread::sleep(STEP);
        }
        anyhow::bail!("waited {} s in vain until {what}", PATIENCE.as_secs())
    }

    /// Bytes of frames on the agent's disk once the acknowledgements had their time: they come after a flush.
    fn wait_for_empty_spool(&mut self) -> anyhow::Result<u64> {
        let begin = Instant::now();
        loop {
            let agent = self.fleet.agents.first().context("no agent")?;
            let bytes = agent.frame_bytes_on_disk();
            if bytes == 0 || begin.elapsed() > EMPTY_PATIENCE {
                (self.say)(&format!(
                    "{bytes} bytes in the spool after {:.1} s",
                    begin.elapsed().as_secs_f64()
                ));
                return Ok(bytes);
            }
            std::thread::sleep(STEP);
        }
    }

    /// Time of the newest snapshot that the server has.
    fn latest_ms(&mut self) -> anyhow::Result<Option<i64>> {
        let host = self.fleet.get(&format!("/api/v1/hosts/{AGENT}"))?;
        let time = &host["latest"]["time"];
        if time.is_null() { Ok(None) } else { time_ms(time).map(Some) }
    }

    /// How many alerts of the mark began at or after an instant, and how many before.
    fn alerts_since(&mut self, since_ms: i64) -> anyhow::Result<(u64, u64)> {
        let answer = self.fleet.get(&format!("/api/v1/alerts?rule={}&state=all", mark::RULE))?;
        let (mut after, mut before) = (0, 0);
        for alert in answer["alerts"].as_array().context("alerts are not a list")? {
            if alert["fired"].is_null() {
                continue;
            }
            let is_after = time_ms(&alert["since"])? >= since_ms;
            *(if is_after { &mut after } else { &mut before }) += 1;
        }
        Ok((after, before))
    }

    /// When the agent was connected, at or after an instant, as its log says.
    fn connected_since(&self, since_ms: i64) -> anyhow::Result<Option<i64>> {
        let agent = self.fleet.agents.first().context("no agent")?;
        for log in agent.node.logs() {
            let text = std::fs::read_to_string(log)?;
            for line in text.lines().filter(|line| line.contains(r#""message":"connected""#)) {
                let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
                let at_ms = time_ms(&event["timestamp"])?;
                if at_ms >= since_ms {
                    return Ok(Some(at_ms));
                }
            }
        }
        Ok(None)
    }

    /// Frames in the agent's queue, as its newest row says.
    fn queued(&mut self) -> anyhow::Result<Option<i64>> {
        let from = clock::wall_ms() - 60_000;
        let rows = self.fleet.get(&format!(
            "/api/v1/hosts/{AGENT}/rows?table=host&columns=time,agent_queued_frames&from={from}&to=4102444800000"
        ))?;
        let rows = rows["rows"].as_array().context("rows are not a list")?;
        let newest = rows.iter().max_by_key(|row| time_ms(&row["time"]).unwrap_or(0));
        Ok(newest.and_then(|row| row["agent_queued_frames"].as_i64()))
    }
}
