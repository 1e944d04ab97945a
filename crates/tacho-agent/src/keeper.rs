//! Does the queue's work on the disk, aside from everything else, and tells how the spool is.

use std::sync::Arc;

use tacho_spool::State;
use tokio_util::sync::CancellationToken;

use crate::queue::Queue;

/// Works on the disk when there is something to do.
#[derive(Debug)]
pub struct Keeper {
    pub queue: Arc<Queue>,
}

/// A task of the keeper's panicked.
#[derive(Debug, thiserror::Error)]
#[error("the work on the spool ended")]
pub struct KeeperError(#[from] tokio::task::JoinError);

impl Keeper {
    pub async fn run(self, stop: CancellationToken) -> Result<(), KeeperError> {
        let mut told = State::default();
        loop {
            tokio::select! {
                () = self.queue.work() => {}
                () = stop.cancelled() => return Ok(()),
            }
            let queue = Arc::clone(&self.queue);
            tokio::task::spawn_blocking(move || queue.maintain()).await?;
            let state = self.queue.state();
            tell(&told, &state);
            told = state;
        }
    }
}

/// Logs what has changed for the worse or the better.
fn tell(before: &State, now: &State) {
    for (what, before, now) in [
        ("runtime directory", &before.hot_error, &now.hot_error),
        ("spool directory", &before.disk_error, &now.disk_error),
    ] {
        match (before, now) {
            (None, Some(error)) => {
                tracing::warn!(error, "the {what} can not be written; frames are kept in memory")
            }
            (Some(_), None) => tracing::info!("the {what} can be written again"),
            _ => {}
        }
    }
    if now.damaged > before.damaged {
        tracing::warn!(places = now.damaged - before.damaged, "what was read of the spool is damaged");
    }
    // Drops go on for as long as their reason does; the first says enough.
    if now.dropped > 0 && before.dropped == 0 {
        tracing::warn!(frames = now.dropped, "frames were dropped; the server is told which");
    }
}
