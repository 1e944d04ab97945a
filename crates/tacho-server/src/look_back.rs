//! Looks once after a start which snapshots of the last day are stored, one host after the other, so that the list of
//! hosts can tell of gaps in it. Until a host's turn has come, nothing is told of its gaps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tacho_catalog::Catalog;
use tacho_history::History;
use tacho_runtime::clock::NowMs;
use tacho_runtime::logging;
use tokio_util::sync::CancellationToken;

use crate::live::{DAY_MS, Live};

/// A snapshot that covers the beginning of the day may come so much later.
const BEFORE_MS: i64 = 750_000;

pub struct LookBack {
    pub history: History,
    pub catalog: Catalog,
    pub live: Live,
    pub now: NowMs,
}

impl LookBack {
    /// Is over when all hosts have had their turn, and waits for the stop then.
    pub async fn run(self, stop: CancellationToken) -> Result<(), std::io::Error> {
        if stop.run_until_cancelled(self.look_back()).await.is_some() {
            stop.cancelled().await;
        }
        Ok(())
    }

    /// Gives all hosts their turn.
    pub async fn look_back(&self) {
        let hosts = match self.catalog.hosts().await {
            Ok(hosts) => hosts,
            Err(error) => {
                tracing::warn!(error = %logging::chain(&error), "cannot look for gaps of the last day: no list of hosts");
                return;
            }
        };
        for host in hosts {
            let begin = Instant::now();
            self.look_back_at(&host.key.id).await;
            // Agents and people go before: at most half of the time is spent on it.
            tokio::time::sleep(begin.elapsed().max(Duration::from_millis(1))).await;
        }
    }

    async fn look_back_at(&self, host_id: &Arc<str>) {
        let now_ms = (self.now)();
        let from_ms = now_ms.saturating_sub(DAY_MS).saturating_sub(BEFORE_MS);
        match self.history.recorded(host_id, from_ms, now_ms.saturating_add(BEFORE_MS)).await {
            Ok(stored) => {
                let stored = stored.iter().map(|row| (row.time_ms, row.interval_ms));
                self.live.coverages().look_back(host_id, stored);
            }
            Err(error) => {
                tracing::warn!(host = %host_id, error = %logging::chain(&error), "cannot look for gaps of the last day");
            }
        }
    }
}
