//! Watches the server: when no server can be reached, one of a few agents says so, and says when it is over.
//!
//! While all is well the server ranks some agents as sentinels and tells each who comes before it (`duty`). In an
//! outage the first speaks; each other one asks those before it (`peer`) and speaks only when they are dead or
//! can not speak (`decide`). What was said is kept on disk (`outage`), so that a restart repeats nothing.

mod decide;
mod duty;
mod listener;
mod message;
mod outage;
mod peer;
mod settings;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tacho_notify::Channel;
use tacho_runtime::{clock, logging};
use tacho_wire::v1::Sentinel;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::identity::Held;
use crate::link::Reachability;

use decide::{Decision, decide};
pub use duty::{DutyFile, channels_from_wire};
pub use listener::Listener;
use message::Outcome;
use outage::{Outage, OutageFile};
pub use peer::PeerState;
pub use settings::{SentinelSettings, read_sentinel};

/// Attempts in a row, of each server, that have to fail.
pub const FAILED_ATTEMPTS: u32 = 3;
/// Tries of one channel in one outage; the rest of it is for others to say.
const TRIES: u32 = 5;

/// Watches, asks and speaks.
pub struct Watch {
    /// What this host is called.
    pub host_name: String,
    pub servers: Vec<String>,
    /// Of the local settings.
    pub channels: Vec<Channel>,
    /// Between two rounds of asking and speaking.
    pub check: Duration,
    /// How long an agent that knows of no sentinel waits before it speaks.
    pub delay: Duration,
    pub data_dir: PathBuf,
    pub reachability: watch::Receiver<Reachability>,
    pub duty: watch::Receiver<Option<Sentinel>>,
    pub held: watch::Receiver<Arc<Held>>,
    /// What others are answered.
    pub state: watch::Sender<PeerState>,
}

impl Watch {
    /// Watches until told to stop.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), std::io::Error> {
        tokio::select! {
            () = self.watch() => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    }

    async fn watch(&mut self) {
        let duties = DutyFile::new(&self.data_dir);
        let file = OutageFile::new(&self.data_dir);
        let mut outage = file.read();
        // A server that has just started again may not have ranked this agent yet, and still it is told when
        // the outage is over, where it was told of it.
        let mut channels = self.all_channels(&self.duty.borrow().clone().unwrap_or_default());
        loop {
            if self.duty.has_changed().unwrap_or(false)
                && let Some(duty) = &*self.duty.borrow_and_update()
            {
                duties.write(duty);
            }
            let now = self.reachability.borrow_and_update().clone();
            if now.connected {
                self.state.send_replace(PeerState { connected: true, ..PeerState::default() });
                if let Some(ended) = outage.take() {
                    self.over(&file, &ended, &channels).await;
                }
                self.changed().await;
                continue;
            }
            let known = self.all_channels(&self.duty.borrow().clone().unwrap_or_default());
            if !known.is_empty() {
                channels = known;
            }
            let is_out = outage.as_ref().is_some_and(|outage| outage.spoken) || self.is_out(&now);
            if !is_out {
                self.tell(outage.as_ref());
                self.changed().await;
                continue;
            }
            let current = outage.get_or_insert_with(|| Outage::new(now.since_ms));
            current.error.clone_from(&now.error);
            self.round(&file, current).await;
            self.tell(Some(&*current));
            tokio::select! {
                () = tokio::time::sleep(self.check) => {}
                () = connected(&mut self.reachability) => {}
            }
        }
    }

    fn is_out(&self, now: &Reachability) -> bool {
        let servers = u32::try_from(self.servers.len()).unwrap_or(u32::MAX);
        now.failures >= FAILED_ATTEMPTS.saturating_mul(servers)
    }

    async fn changed(&mut self) {
        // An end of the senders is an end of the agent.
        tokio::select! {
            _ = self.reachability.changed() => {}
            _ = self.duty.changed() => self.duty.mark_changed(),
        }
    }

    /// Asks those before, and speaks when it is this agent's turn.
    async fn round(&self, file: &OutageFile, outage: &mut Outage) {
        if outage.settled || outage.spoken && outage.all_said() {
            return;
        }
        let duty = self.duty.borrow().clone().unwrap_or_default();
        let channels = self.all_channels(&duty);
        if !outage.spoken {
            let answers = if duty.rank > 1 { self.ask(&duty).await } else { Vec::new() };
            let waited = outage.began.elapsed();
            let turn = decide(&duty, !channels.is_empty(), waited >= self.delay, &answers);
            match turn {
                Decision::Speak => {}
                Decision::Wait => return,
                Decision::Settled => {
                    outage.settled = true;
                    return;
                }
            }
        }
        let outcome = Outcome::Unreachable { since_ms: outage.since_ms, error: outage.error.clone() };
        let text = message::message(&self.host_name, &self.servers, &outcome, clock::wall_ms());
        outage.said.resize(channels.len(), 0);
        for (channel, said) in channels.iter().zip(&mut outage.said) {
            if *said >= TRIES {
                continue;
            }
            *said = if self.say(channel, &text).await { TRIES } else { *said + 1 };
            if *said == TRIES || outage.spoken {
                outage.spoken = true;
            }
        }
        outage.failing = !outage.spoken;
        if outage.spoken {
            file.write(outage);
        }
    }

    async fn over(&self, file: &OutageFile, outage: &Outage, channels: &[Channel]) {
        if !outage.spoken {
            return;
        }
        let now_ms = clock::wall_ms();
        let outcome = Outcome::Reachable { since_ms: outage.since_ms };
        let text = message::message(&self.host_name, &self.servers, &outcome, now_ms);
        // Before it is sent: better not at all than twice.
        file.remove();
        for channel in channels {
            for _ in 0..FAILED_ATTEMPTS {
                if self.say(channel, &text).await {
                    break;
                }
                tokio::time::sleep(self.check).await;
            }
        }
    }

    async fn say(&self, channel: &Channel, text: &tacho_notify::Message) -> bool {
        let kind = channel.kind.name();
        match tacho_notify::send(channel, text, clock::wall_ms()).await {
            Ok(()) => {
                tracing::info!(channel = kind, event = text.event, "told people about the server");
                true
            }
            Err(error) => {
                tracing::warn!(channel = kind, event = text.event, error = %logging::chain(&error), "cannot tell people about the server");
                false
            }
        }
    }

    async fn ask(&self, duty: &Sentinel) -> Vec<peer::Answer> {
        let held = Arc::clone(&self.held.borrow());
        let mut asked = tokio::task::JoinSet::new();
        for before in duty.before.iter().take(duty::MAX_BEFORE).cloned() {
            let held = Arc::clone(&held);
            asked.spawn(async move {
                let answer = peer::ask(&held, &before).await;
                tracing::info!(host = before.host_name, ?answer, "asked the sentinel before this one");
                answer
            });
        }
        asked.join_all().await
    }

    /// Those of the settings, and for a sentinel those of the server; each once.
    fn all_channels(&self, duty: &Sentinel) -> Vec<Channel> {
        let mut channels = self.channels.clone();
        for channel in channels_from_wire(&duty.channels) {
            if duty.rank > 0 && !channels.contains(&channel) {
                channels.push(channel);
            }
        }
        channels
    }

    fn tell(&self, outage: Option<&Outage>) {
        let duty = self.duty.borrow().clone().unwrap_or_default();
        let mute = self.all_channels(&duty).is_empty();
        let failing = mute || outage.is_some_and(|outage| outage.failing);
        let spoken = outage.is_some_and(|outage| outage.spoken);
        self.state.send_replace(PeerState { connected: false, spoken, failing });
    }
}

/// Waits until there is a connection.
async fn connected(reachability: &mut watch::Receiver<Reachability>) {
    // An end of the sender is an end of the agent.
    drop(reachability.wait_for(|now| now.connected).await);
}

/// When something began, for waiting.
pub(crate) fn began() -> Instant {
    Instant::now()
}
