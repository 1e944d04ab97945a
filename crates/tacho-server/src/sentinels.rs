//! Which agents raise the alarm when no server can be reached: a few of those that other agents can ask, ranked,
//! each told who is asked before it speaks and where to speak, while all is well.

mod rank;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tacho_catalog::AgentRecord;
use tacho_notify::Channel;
use tacho_wire::v1::{NoticeChannel, Sentinel, SentinelPeer, SmtpSettings};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use rank::Candidate;

/// A sentinel that is away for so many looks is replaced: longer than a restart takes.
const ABSENT_LOOKS: u32 = 3;
/// Longer addresses are none.
const MAX_ADDRESS: usize = 300;

/// Ranks sentinels. Clones share the ranking.
#[derive(Debug, Clone)]
pub struct Sentinels {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// How many there are to be.
    count: usize,
    /// How often is looked whether they are still there.
    settle: Duration,
    channels: Vec<NoticeChannel>,
    candidates: Mutex<HashMap<String, Present>>,
    /// Absent until the agents had time to come back after a start of the server: what they were told before holds
    /// until then.
    ranking: watch::Sender<Option<Arc<Vec<Candidate>>>>,
}

/// An agent that others can ask.
#[derive(Debug)]
struct Present {
    candidate: Candidate,
    connections: u32,
    gone: Option<Instant>,
}

/// What one connected agent is to be told, again whenever it changes. Its end says that the agent is gone.
#[derive(Debug)]
pub struct Duty {
    sentinels: Sentinels,
    agent_id: String,
    is_candidate: bool,
    ranking: watch::Receiver<Option<Arc<Vec<Candidate>>>>,
    told: Option<Sentinel>,
}

impl Sentinels {
    pub fn new(count: usize, settle: Duration, channels: &[Channel]) -> Self {
        let channels = channels.iter().map(channel_to_wire).collect();
        let (ranking, _) = watch::channel(None);
        Self { inner: Arc::new(Inner { count, settle, channels, candidates: Mutex::default(), ranking }) }
    }

    /// An agent is connected from `from`. `address` is where it answers others; empty when it does not.
    pub fn enter(&self, agent: &AgentRecord, address: &str, from: IpAddr) -> Duty {
        let address = reachable(address, from);
        if let Some(address) = &address {
            let (agent_id, host_name) = (agent.agent_id.clone(), agent.host.name.to_string());
            let candidate = Candidate { agent_id: agent_id.clone(), host_name, address: address.clone() };
            let mut candidates = self.lock();
            let connections = candidates.get(&agent_id).map_or(0, |present| present.connections);
            candidates.insert(agent_id, Present { candidate, connections: connections + 1, gone: None });
            drop(candidates);
            // Agents come back one by one after a restart; who comes late is not told that it has no duty.
            let has_place = |ranking: &Arc<Vec<Candidate>>| ranking.len() < self.inner.count;
            if self.inner.ranking.borrow().as_ref().is_some_and(has_place) {
                self.look(Instant::now());
            }
        }
        Duty {
            sentinels: self.clone(),
            agent_id: agent.agent_id.clone(),
            is_candidate: address.is_some(),
            ranking: self.inner.ranking.subscribe(),
            told: None,
        }
    }

    /// Looks again and again who is there. `stop` is the first sign of a stop: what was ranked then stays, while
    /// agents leave one by one.
    pub async fn run(self, stop: CancellationToken) -> Result<(), std::io::Error> {
        let settle = self.inner.settle;
        let mut tick = interval_at(Instant::now() + settle * ABSENT_LOOKS, settle);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => self.look(Instant::now()),
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    fn look(&self, now: Instant) {
        let patience = self.inner.settle * ABSENT_LOOKS;
        let mut candidates = self.lock();
        candidates.retain(|_, present| present.gone.is_none_or(|gone| now.duration_since(gone) < patience));
        let mut present: Vec<&Candidate> = candidates.values().map(|present| &present.candidate).collect();
        present.sort_by(|a, b| a.agent_id.cmp(&b.agent_id));
        self.inner.ranking.send_if_modified(|ranking| {
            let before = ranking.as_deref().map_or(&[][..], Vec::as_slice);
            let next = rank::rank(&present, before, self.inner.count);
            let changed = ranking.as_deref() != Some(&next);
            if changed {
                let names: Vec<&str> = next.iter().map(|sentinel| sentinel.host_name.as_str()).collect();
                tracing::info!(sentinels = names.join(", "), "ranked the agents that watch this server");
                *ranking = Some(Arc::new(next));
            }
            changed
        });
    }

    fn duty(&self, agent_id: &str, ranking: &[Candidate]) -> Sentinel {
        let position = ranking.iter().position(|sentinel| sentinel.agent_id == agent_id);
        let before = &ranking[..position.unwrap_or(ranking.len())];
        let channels = position.map_or_else(Vec::new, |_| self.inner.channels.clone());
        let rank = position.and_then(|position| u32::try_from(position + 1).ok()).unwrap_or(0);
        Sentinel { rank, before: before.iter().map(peer).collect(), channels }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Present>> {
        // Nothing panics while the lock is held.
        self.inner.candidates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Duty {
    /// Waits until there is something to tell. May be dropped and called again.
    pub async fn next(&mut self) -> Sentinel {
        loop {
            let ranking = self.ranking.borrow_and_update().clone();
            let duty = ranking.map(|ranking| self.sentinels.duty(&self.agent_id, &ranking));
            if let Some(duty) = duty.filter(|duty| self.is_news(duty)) {
                self.told = Some(duty.clone());
                return duty;
            }
            if self.ranking.changed().await.is_err() {
                // The server is about to end.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Who is no sentinel only needs to know whether there are any.
    fn is_news(&self, duty: &Sentinel) -> bool {
        match &self.told {
            Some(told) if told.rank == 0 && duty.rank == 0 => {
                told.before.is_empty() != duty.before.is_empty()
            }
            Some(told) => told != duty,
            // Said even when there is none: what was told before a restart of the server counts no more.
            None => true,
        }
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        if !self.is_candidate {
            return;
        }
        if let Some(present) = self.sentinels.lock().get_mut(&self.agent_id) {
            present.connections = present.connections.saturating_sub(1);
            if present.connections == 0 {
                present.gone = Some(Instant::now());
            }
        }
    }
}

/// Where others reach an agent that listens at `address`: an unspecified address means the one it came from.
fn reachable(address: &str, from: IpAddr) -> Option<String> {
    if address.is_empty() || address.len() > MAX_ADDRESS || !address.contains(':') {
        return None;
    }
    match address.parse::<SocketAddr>() {
        Ok(socket) if socket.ip().is_unspecified() => {
            Some(SocketAddr::new(from.to_canonical(), socket.port()).to_string())
        }
        _ => Some(address.to_owned()),
    }
}

fn peer(candidate: &Candidate) -> SentinelPeer {
    SentinelPeer {
        agent_id: candidate.agent_id.clone(),
        host_name: candidate.host_name.clone(),
        address: candidate.address.clone(),
    }
}

fn channel_to_wire(channel: &Channel) -> NoticeChannel {
    let smtp = channel.smtp.as_ref().map(|smtp| SmtpSettings {
        server: smtp.server.clone(),
        security: smtp.security.name().to_owned(),
        user: smtp.user.clone(),
        password: smtp.password.expose().to_owned(),
        from: smtp.from.clone(),
        to: smtp.to.clone(),
    });
    NoticeChannel {
        kind: channel.kind.name().to_owned(),
        url: channel.url.expose().to_owned(),
        key: channel.key.as_ref().map(|key| key.expose().to_owned()).unwrap_or_default(),
        smtp,
    }
}

#[cfg(test)]
mod tests {
    use tacho_model::HostKey;
    use tacho_notify::{Kind, Secret};

    use super::*;

    const SETTLE: Duration = Duration::from_secs(1);

    fn agent(id: &str) -> AgentRecord {
        AgentRecord {
            agent_id: id.to_owned(),
            host: HostKey { id: id.into(), name: format!("host-{id}").into() },
            revoked: false,
            machine: String::new(),
            not_after_ms: 0,
        }
    }

    fn enter(sentinels: &Sentinels, id: &str, network: u8) -> Duty {
        sentinels.enter(&agent(id), "0.0.0.0:9301", IpAddr::from([10, 0, network, 1]))
    }

    #[tokio::test(start_paused = true)]
    async fn duties_follow_who_is_there_and_outlive_a_stop() {
        let channel = Channel { kind: Kind::Slack, url: Secret::new("http://hook"), key: None, smtp: None };
        let sentinels = Sentinels::new(2, SETTLE, &[channel]);
        let mut one = enter(&sentinels, "a", 1);
        let mut two = enter(&sentinels, "b", 2);
        let mut watcher = sentinels.enter(&agent("c"), "", IpAddr::from([10, 0, 3, 1]));
        let early = tokio::time::timeout(SETTLE, watcher.next()).await;
        assert!(early.is_err(), "what was told before a restart of the server holds");
        sentinels.look(Instant::now());
        let first = one.next().await;
        assert_eq!((first.rank, first.before.len(), first.channels.len()), (1, 0, 1));
        let second = two.next().await;
        assert_eq!((second.rank, second.before[0].address.as_str()), (2, "10.0.1.1:9301"));
        let unranked = watcher.next().await;
        assert_eq!((unranked.rank, unranked.before.len(), unranked.channels.len()), (0, 2, 0));
        assert_eq!(Sentinels::new(2, SETTLE, &[]).duty("c", &[]), Sentinel::default());

        // A short absence changes nothing, a long one does.
        drop(one);
        sentinels.look(Instant::now());
        assert_eq!(sentinels.inner.ranking.borrow().as_ref().map(|ranking| ranking.len()), Some(2));
        sentinels.look(Instant::now() + SETTLE * ABSENT_LOOKS);
        assert_eq!(two.next().await.rank, 1);
    }

    #[test]
    fn an_agent_that_listens_everywhere_is_reached_where_it_came_from() {
        let from = IpAddr::from([192, 0, 2, 7]);
        assert_eq!(reachable("0.0.0.0:1", from).as_deref(), Some("192.0.2.7:1"));
        assert_eq!(reachable("[::]:1", from).as_deref(), Some("192.0.2.7:1"));
        assert_eq!(reachable("agent.example.org:1", from).as_deref(), Some("agent.example.org:1"));
        assert_eq!(reachable("", from), None);
        assert_eq!(reachable(&"a:".repeat(200), from), None);
    }
}
