//! Which agent is connected where, so that two machines under one identity do not mix their data, and an
//! identity that is worthless now ends at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tacho_catalog::{AgentEntry, AgentRecord};
use tacho_model::HostKey;
use tacho_wire::v1::{FromServer, Hello, Ping, from_server};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::questions::{Asked, MOST_AT_ONCE};
use super::starts::Starts;
use crate::live::{Conflicts, Machine};

/// An agent that is still there answers well within this.
const PING_TIMEOUT: Duration = Duration::from_secs(3);
/// It has given up on a question before.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer ones tell nothing more.
const START_BYTES: usize = 16;
const HASH_BYTES: usize = 64;
const SHOWN_CHARACTERS: usize = 253;
const JOIN: &str = "join with a new token, which `tacho-server token create join` prints";

/// Sends messages to one agent.
pub(super) type Sender = mpsc::Sender<Result<FromServer, Status>>;

/// All sessions by agent. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    by_agent: Mutex<HashMap<String, Session>>,
    starts: Mutex<Starts>,
    last_number: AtomicU64,
    /// Questions that may still be asked at this time.
    questions: Arc<Semaphore>,
    /// How long an answer to one is waited for.
    patience: Duration,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            by_agent: Mutex::default(),
            starts: Mutex::default(),
            last_number: AtomicU64::default(),
            questions: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            patience: PATIENCE,
        }
    }
}

/// Who asks for an agent's place.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) agent: AgentRecord,
    /// Start of the agent, or of its stream where it is too old to tell.
    pub(super) start: Vec<u8>,
    pub(super) machine: Machine,
    /// Hash of its machine id in hexadecimal; empty when unknown.
    pub(super) machine_hash: String,
    pub(super) sender: Sender,
}

/// One connected agent.
#[derive(Debug, Clone)]
pub(super) struct Session {
    number: u64,
    host: HostKey,
    start: Vec<u8>,
    machine: Machine,
    not_after_ms: i64,
    pub(super) sender: Sender,
    /// Told when the agent answers a ping.
    pub(super) pong: Arc<Notify>,
    pub(super) asked: Arc<Asked>,
    end: Arc<End>,
}

/// Why a server ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Replaced,
    Revoked,
    Renamed,
    Expired,
}

#[derive(Debug, Default)]
struct End {
    asked: CancellationToken,
    why: OnceLock<Ended>,
}

/// What the inventory says of a session that does not fit it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Id of the host.
    Removed(Arc<str>),
    /// The host as it is called now.
    Renamed(HostKey),
}

impl Claim {
    pub(super) fn new(agent: &AgentRecord, hello: &Hello, address: IpAddr, sender: Sender) -> Self {
        let start = if hello.start.is_empty() { &hello.stream } else { &hello.start };
        let host_name = hello.facts.as_ref().map(|facts| facts.host_name.as_str()).unwrap_or_default();
        let host_name = host_name.chars().take(SHOWN_CHARACTERS).collect();
        Self {
            agent: agent.clone(),
            start: start.iter().take(START_BYTES).copied().collect(),
            machine: Machine { address, host_name },
            machine_hash: hello.machine.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect(),
            sender,
        }
    }

    fn is_another_machine(&self) -> bool {
        let joined = &self.agent.machine;
        !joined.is_empty() && !self.machine_hash.is_empty() && *joined != self.machine_hash
    }
}

impl Sessions {
    /// The same with another patience for answers to questions.
    pub fn with_patience(patience: Duration) -> Self {
        Self { inner: Arc::new(Inner { patience, ..Inner::default() }) }
    }

    pub(super) fn patience(&self) -> Duration {
        self.inner.patience
    }

    pub(super) fn question_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.inner.questions).try_acquire_owned().ok()
    }

    /// The newest session of a host's agent that was welcomed.
    pub(super) fn of_host(&self, host_id: &str) -> Option<Session> {
        let sessions = self.lock();
        let open =
            sessions.values().filter(|session| *session.host.id == *host_id && session.asked.is_open());
        open.max_by_key(|session| session.number).cloned()
    }

    /// Claims an agent's place for a connection. The same start of the agent takes it over from its own older
    /// connection. Another start does so only when the older one no longer answers: while it does, there are
    /// two machines with one identity, and the newcomer is refused. So is a machine with another machine id
    /// than the one that joined. Each such conflict is noted with both machines.
    pub(super) async fn claim(
        &self,
        claim: Claim,
        conflicts: &Conflicts,
        now_ms: i64,
    ) -> Result<Session, Status> {
        let agent_id = claim.agent.agent_id.clone();
        let before = self.lock().get(&agent_id).cloned();
        if claim.is_another_machine() {
            note(conflicts, &claim, before.map(|before| before.machine), now_ms);
            return Err(Status::permission_denied(format!(
                "this machine ({}) is not the one that joined as {}: its machine id is another; it seems to be a \
                 copy of that one, so give it an identity of its own: {JOIN}",
                shown(&claim.machine),
                claim.agent.host.name
            )));
        }
        if let Some(before) = before
            && before.start != claim.start
            && before.answers().await
        {
            let connected = shown(&before.machine);
            note(conflicts, &claim, Some(before.machine), now_ms);
            return Err(Status::already_exists(format!(
                "an agent with the same identity is connected from {connected}; if this machine ({}) is a copy of \
                 that one, give it an identity of its own: {JOIN}",
                shown(&claim.machine)
            )));
        }
        if let Some(other) = self.starts().seen(&agent_id, &claim.start, &claim.machine, now_ms)
            && conflicts.note(&claim.agent.host.id, Some(claim.machine.clone()), other.clone(), now_ms)
        {
            tracing::warn!(
                agent = agent_id, host = %claim.agent.host.name, connected = shown(&claim.machine), other = shown(&other),
                "two machines take turns under one identity; the copy has to join with a new token"
            );
        }
        let session = Session {
            number: self.inner.last_number.fetch_add(1, Ordering::AcqRel),
            host: claim.agent.host,
            start: claim.start,
            machine: claim.machine,
            not_after_ms: claim.agent.not_after_ms,
            sender: claim.sender,
            pong: Arc::default(),
            asked: Arc::default(),
            end: Arc::default(),
        };
        if let Some(before) = self.lock().insert(agent_id, session.clone()) {
            before.end(Ended::Replaced);
        }
        Ok(session)
    }

    /// Gives the place up; `false` when another connection has it by now.
    pub(super) fn release(&self, agent_id: &str, session: &Session) -> bool {
        let mut sessions = self.lock();
        let ours = sessions.get(agent_id).is_some_and(|current| current.number == session.number);
        if ours {
            sessions.remove(agent_id);
        }
        ours
    }

    /// Those of the hosts whose agent is connected and answers, by id.
    pub(super) async fn busy(&self, hosts: &[HostKey]) -> Vec<Arc<str>> {
        let mut busy = Vec::new();
        for host in hosts {
            let session = self.lock().values().find(|session| session.host.id == host.id).cloned();
            if let Some(session) = session
                && session.answers().await
            {
                busy.push(Arc::clone(&host.id));
            }
        }
        busy
    }

    /// Numbers of sessions from here on belong to such that are opened later.
    pub(super) fn next_number(&self) -> u64 {
        self.inner.last_number.load(Ordering::Acquire)
    }

    /// Ends the sessions of agents that are revoked by now, and those whose host is called otherwise: they come
    /// back under its new name. Answers with what else is to be done. Of sessions from `asked` on nothing is
    /// concluded: their agents may have joined after the agents were asked for.
    pub(super) fn follow(&self, agents: &[AgentEntry], asked: u64) -> Vec<Change> {
        let agents: HashMap<&str, &AgentEntry> =
            agents.iter().map(|agent| (agent.agent_id.as_str(), agent)).collect();
        let mut changes = Vec::new();
        for (agent_id, session) in self.lock().iter().filter(|(_, session)| session.number < asked) {
            match agents.get(agent_id.as_str()) {
                None => changes.push(Change::Removed(Arc::clone(&session.host.id))),
                Some(agent) if agent.revoked_ms.is_some() => session.end(Ended::Revoked),
                Some(agent) if agent.host.name != session.host.name => {
                    session.end(Ended::Renamed);
                    changes.push(Change::Renamed(agent.host.clone()));
                }
                Some(_) => {}
            }
        }
        changes
    }

    /// Ends the sessions whose certificate has ended: agents connect with a newer one well before.
    pub(super) fn end_expired(&self, now_ms: i64) {
        for session in self.lock().values().filter(|session| session.not_after_ms <= now_ms) {
            session.end(Ended::Expired);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        // Nothing panics while the lock is held.
        self.inner.by_agent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn starts(&self) -> MutexGuard<'_, Starts> {
        self.inner.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Waits until the session is to end; answers with what the agent is told.
    pub(super) async fn ended(&self) -> Status {
        self.end.asked.cancelled().await;
        match self.end.why.get() {
            Some(Ended::Revoked) => Status::permission_denied(format!(
                "the identity of this agent was revoked on the server, or the host has joined anew; {JOIN}"
            )),
            Some(Ended::Renamed) => Status::unavailable("the host was renamed on the server; connect again"),
            Some(Ended::Expired) => Status::unauthenticated(format!(
                "the certificate of this agent has ended; connect with its newer one, or {JOIN}"
            )),
            Some(Ended::Replaced) | None => Status::aborted("this agent has connected anew"),
        }
    }

    fn end(&self, why: Ended) {
        // The first reason counts.
        self.end.why.get_or_init(|| why);
        self.end.asked.cancel();
    }

    async fn answers(&self) -> bool {
        let pong = self.pong.notified();
        let ping = FromServer { message: Some(from_server::Message::Ping(Ping { number: self.number })) };
        let asked = async {
            self.sender.send(Ok(ping)).await.ok()?;
            pong.await;
            Some(())
        };
        tokio::time::timeout(PING_TIMEOUT, asked).await.ok().flatten().is_some()
    }
}

fn note(conflicts: &Conflicts, claim: &Claim, connected: Option<Machine>, now_ms: i64) {
    let other = claim.machine.clone();
    let text = connected.as_ref().map_or_else(|| "nobody".to_owned(), shown);
    if conflicts.note(&claim.agent.host.id, connected, other, now_ms) {
        tracing::warn!(
            agent = claim.agent.agent_id, host = %claim.agent.host.name, connected = text, refused = shown(&claim.machine),
            "two machines under one identity; the copy has to join with a new token"
        );
    }
}

/// Address and what the machine calls itself.
fn shown(machine: &Machine) -> String {
    match machine.host_name.as_str() {
        "" => machine.address.to_string(),
        name => format!("{} ({name})", machine.address),
    }
}

#[cfg(test)]
mod tests;
