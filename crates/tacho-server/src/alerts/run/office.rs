//! The task's part in the office: takes it, keeps it, loses it, leaves it.

use std::time::Instant;

use tacho_catalog::CatalogError;
use tacho_runtime::logging;

use super::Watch;
use crate::alerts::office::Next;

impl Watch {
    /// Looks at the office when it is time: gives a sign of life, takes it over, or finds that it is another's.
    pub(super) async fn see_to_office(&mut self) {
        let due =
            self.office_looked.is_none_or(|looked| looked.elapsed() >= self.alerts.office().look_every());
        if !due {
            return;
        }
        self.office_looked = Some(Instant::now());
        if let Err(error) = self.try_see_to_office().await {
            tracing::error!(error = %logging::chain(&error), "cannot look which server tells of alerts");
        }
    }

    async fn try_see_to_office(&mut self) -> Result<(), CatalogError> {
        let catalog = self.alerts.catalog().clone();
        let began = Instant::now();
        let found = catalog.alert_office().await?;
        let next = self.alerts.office().next(found, began);
        match next {
            Next::Nothing => {}
            Next::Hold(term) if catalog.hold_alert_office(term).await? => self.alerts.office().held(began),
            Next::Hold(_) | Next::Lost => self.lose_office(),
            Next::Take(before) => {
                let server = self.alerts.server();
                let Some(term) = catalog.take_alert_office(&server, &before).await? else { return Ok(()) };
                tracing::info!(server, term, before = before.server, "this server tells of alerts");
                // Not before it knows what was told: until then it is as if another one told.
                while self.alerts.save_changes().await? {}
                self.alerts.begin_telling().await?;
                self.alerts.office().took(&before, term, began);
                catalog.end_presence(&server).await?;
                self.queued.iter().for_each(|queued| queued.notify_one());
            }
        }
        Ok(())
    }

    pub(super) fn lose_office(&mut self) {
        tracing::warn!("another server tells of alerts now");
        self.alerts.office().lost();
        self.alerts.stop_telling();
        self.untold.clear();
    }

    /// Leaves the office to another server at once.
    pub(super) async fn say_good_bye(&self) {
        let (catalog, server) = (self.alerts.catalog(), self.alerts.server());
        let term = self.alerts.office().lost();
        let said = async {
            if let Some(term) = term {
                catalog.leave_alert_office(term).await?;
            }
            catalog.end_presence(&server).await
        };
        if let Err(error) = said.await {
            tracing::error!(error = %logging::chain(&error), "cannot leave alerts to other servers");
        }
    }
}
