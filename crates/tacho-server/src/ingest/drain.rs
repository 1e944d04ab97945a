//! Stopping without losing time: agents are told first, so that they go to another server; what they have sent
//! is stored and acknowledged; then their streams end.

use std::time::Duration;

use tacho_history::History;
use tacho_runtime::tls;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long frames that are under way may take to arrive.
const SETTLE: Duration = Duration::from_secs(1);

/// How long acknowledgements may take to be sent, and agents to end their streams.
const FAREWELL: Duration = Duration::from_secs(2);

/// Agents come back this much later, each at another moment: by then a server that was only restarted is there.
const RETURN_AFTER_MS: u32 = 5_000;
const RETURN_SPREAD_MS: u32 = 10_000;

/// All streams of agents, and how they end together.
#[derive(Debug, Clone, Default)]
pub struct Draining {
    /// Agents are told to go.
    pub(super) asked: CancellationToken,
    /// What is acknowledged was sent; streams end.
    pub(super) closing: CancellationToken,
    pub(super) streams: TaskTracker,
}

impl Draining {
    /// Ends all streams: tells the agents, waits for frames under way, stores and acknowledges them. Takes a
    /// flush and 3 s at most. New streams are refused from now on.
    pub async fn run(&self, history: &History) {
        self.asked.cancel();
        self.streams.close();
        if self.streams.is_empty() {
            return;
        }
        tracing::info!(agents = self.streams.len(), "telling agents that this server stops");
        // Agents that know how end their streams as soon as they have what is stored.
        timeout(SETTLE, self.streams.wait()).await.ok();
        if history.flush().await.is_err() {
            // It was logged; the agents keep their frames.
            tracing::warn!("the last frames are not acknowledged; agents send them again");
        }
        self.closing.cancel();
        if timeout(FAREWELL, self.streams.wait()).await.is_err() {
            tracing::info!(agents = self.streams.len(), "agents that did not read to the end are cut off");
        }
    }
}

/// When an agent may come back.
pub(super) fn return_after_ms() -> u32 {
    let [one, two, ..] = tls::random_secret();
    RETURN_AFTER_MS + u32::from(u16::from_be_bytes([one, two])) % RETURN_SPREAD_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_do_not_come_back_together() {
        let waits: Vec<u32> = (0..50).map(|_| return_after_ms()).collect();
        assert!(waits.iter().all(|wait| (5_000..15_000).contains(wait)));
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}
