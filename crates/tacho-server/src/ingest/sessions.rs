//! Which agent is connected where, so that two machines under one identity do not mix their data.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tacho_wire::v1::{FromServer, Ping, from_server};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// An agent that is still there answers well within this.
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// Sends messages to one agent.
pub(super) type Sender = mpsc::Sender<Result<FromServer, Status>>;

/// All sessions by agent.
#[derive(Debug, Default)]
pub struct Sessions {
    by_agent: Mutex<HashMap<String, Session>>,
    last_number: AtomicU64,
}

/// One connected agent.
#[derive(Debug, Clone)]
pub(super) struct Session {
    number: u64,
    stream: [u8; 16],
    address: IpAddr,
    sender: Sender,
    /// Told when the agent answers a ping.
    pub(super) pong: Arc<Notify>,
    /// Ends the connection when another one takes its place.
    pub(super) replaced: CancellationToken,
}

impl Sessions {
    /// Claims an agent's place for a connection. The same start of the agent takes it over from its own older
    /// connection. Another start does so only when the older one no longer answers: while it does, there are
    /// two machines with one identity, and the newcomer is refused.
    pub(super) async fn claim(
        &self,
        agent_id: &str,
        stream: [u8; 16],
        address: IpAddr,
        sender: Sender,
    ) -> Result<Session, Status> {
        let before = self.lock().get(agent_id).cloned();
        if let Some(before) = before
            && before.stream != stream
            && before.answers().await
        {
            tracing::warn!(agent = agent_id, connected = %before.address, refused = %address, "two agents under one identity");
            return Err(Status::already_exists(format!(
                "an agent with the same identity is connected from {}; if this machine is a copy of that one, \
                 give it an identity of its own: join with a new token, which `tacho-server token create join` prints",
                before.address
            )));
        }
        let session = Session {
            number: self.last_number.fetch_add(1, Ordering::Relaxed),
            stream,
            address,
            sender,
            pong: Arc::default(),
            replaced: CancellationToken::new(),
        };
        if let Some(before) = self.lock().insert(agent_id.to_owned(), session.clone()) {
            before.replaced.cancel();
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

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        // Nothing panics while the lock is held.
        self.by_agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test(start_paused = true)]
    async fn the_same_start_takes_over_and_another_one_only_from_the_dead() {
        let sessions = Sessions::default();
        let (sender, mut receiver) = mpsc::channel(4);
        let first = sessions.claim("a", [1; 16], ADDRESS, sender.clone()).await.unwrap();
        let second = sessions.claim("a", [1; 16], ADDRESS, sender.clone()).await.unwrap();
        assert!(first.replaced.is_cancelled() && !second.replaced.is_cancelled());
        assert!(!sessions.release("a", &first));

        // The agent answers the ping: two machines.
        let pong = Arc::clone(&second.pong);
        let agent = async {
            receiver.recv().await.unwrap().unwrap();
            pong.notify_waiters();
        };
        let (refused, ()) = tokio::join!(sessions.claim("a", [2; 16], ADDRESS, sender.clone()), agent);
        assert_eq!(refused.unwrap_err().code(), tonic::Code::AlreadyExists);

        // It does not answer: the old connection is dead.
        let third = sessions.claim("a", [2; 16], ADDRESS, sender).await.unwrap();
        assert!(second.replaced.is_cancelled());
        assert!(sessions.release("a", &third));
    }
}
