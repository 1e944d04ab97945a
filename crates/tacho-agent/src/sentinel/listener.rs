//! Answers other sentinels: agents of the same authority, a few at a time, and nothing but whether this agent
//! sees a server.

use std::sync::Arc;
use std::time::Duration;

use tacho_runtime::tls;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::peer::{PeerState, QUESTION, TIMEOUT, read_line};
use crate::identity::Held;

/// Connections at once; the next wait in the kernel's queue.
const CONNECTIONS: usize = 16;
/// After accepting failed (too many open files), before the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The listening socket.
#[derive(Debug)]
pub struct Listener {
    pub socket: TcpListener,
    pub held: watch::Receiver<Arc<Held>>,
    pub state: watch::Receiver<PeerState>,
}

impl Listener {
    /// Answers until told to stop.
    pub async fn run(self, stop: CancellationToken) -> Result<(), std::io::Error> {
        let (permits, tasks) = (Arc::new(Semaphore::new(CONNECTIONS)), TaskTracker::new());
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return Ok(()) };
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = stop.cancelled() => return Ok(()),
            };
            let Ok((tcp, address)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (held, state) = (Arc::clone(&self.held.borrow()), self.state.clone());
            tasks.spawn(async move {
                let answered = tokio::time::timeout(TIMEOUT, answer(tcp, &held, &state)).await;
                if !matches!(answered, Ok(Ok(()))) {
                    tracing::debug!(%address, "a question was not answered");
                }
                drop(permit);
            });
        }
    }
}

async fn answer(tcp: TcpStream, held: &Held, state: &watch::Receiver<PeerState>) -> std::io::Result<()> {
    let config = tls::peer_server_config(held.identity.clone(), held.authority.clone());
    let acceptor = TlsAcceptor::from(Arc::new(config.map_err(std::io::Error::other)?));
    let mut stream = acceptor.accept(tcp).await?;
    if read_line(&mut stream).await? != QUESTION {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let line = state.borrow().to_line();
    stream.write_all(line.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests;
