//! Has connected agents feel what was changed in the inventory, by this server's API or by another process:
//! revoked agents and removed hosts are sent away, renamed hosts go by their new name, and tags are those that were set.

use std::time::Duration;

use tacho_catalog::{Catalog, CatalogError};
use tacho_runtime::clock::NowMs;
use tacho_runtime::logging;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::sessions::{Change, Sessions};
use crate::live::Live;

/// A change is felt within this.
const POLL: Duration = Duration::from_secs(1);
/// An agent that was let in just before a change may take so long to have its session.
const SETTLED: Duration = Duration::from_secs(15);

/// Follows the inventory.
pub struct InventoryWatch {
    pub catalog: Catalog,
    pub sessions: Sessions,
    pub live: Live,
    pub now: NowMs,
}

impl InventoryWatch {
    /// Looks again and again until told to stop.
    pub async fn run(self, stop: CancellationToken) -> Result<(), std::io::Error> {
        let mut tick = interval(POLL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut known, mut until, mut failed) = (None, Instant::now(), false);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => return Ok(()),
            }
            self.sessions.end_expired((self.now)());
            let looked = self.look(&mut known, &mut until).await;
            if let Err(error) = &looked
                && !failed
            {
                tracing::error!(error = %logging::chain(error), "cannot look whether agents were revoked; trying again");
            }
            failed = looked.is_err();
        }
    }

    async fn look(&self, known: &mut Option<i64>, until: &mut Instant) -> Result<(), CatalogError> {
        let number = self.catalog.inventory_number().await?;
        let now = Instant::now();
        if known.replace(number) != Some(number) {
            *until = now + SETTLED;
        }
        if now < *until { self.follow().await } else { Ok(()) }
    }

    async fn follow(&self) -> Result<(), CatalogError> {
        self.live.take_tags(self.catalog.host_tags().await?);
        let asked = self.sessions.next_number();
        let agents = self.catalog.agents().await?;
        for change in self.sessions.follow(&agents, asked) {
            match change {
                Change::Removed(host_id) => self.live.remove(&host_id),
                Change::Renamed(key) => self.live.rename(&key),
            }
        }
        Ok(())
    }
}
