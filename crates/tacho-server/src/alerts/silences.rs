//! Silences, in the catalog and in memory.

use tacho_alert::Silence;
use tacho_catalog::{CatalogError, SilenceRecord};

use super::{Alerts, json};

impl Alerts {
    /// Keeps matching alerts quiet.
    pub(crate) async fn add_silence(&self, silence: &Silence) -> Result<(), CatalogError> {
        let _writing = self.inner.writing.lock().await;
        let record = SilenceRecord {
            id: silence.id.clone(),
            starts_ms: silence.starts_ms,
            ends_ms: silence.ends_ms,
            author: silence.author.clone(),
            data: json(silence),
        };
        self.catalog().add_silence(&record).await?;
        self.core().silences.push(silence.clone());
        Ok(())
    }

    /// `false` when there is none with this id.
    pub(crate) async fn remove_silence(&self, id: &str) -> Result<bool, CatalogError> {
        let _writing = self.inner.writing.lock().await;
        let found = self.catalog().remove_silence(id).await?;
        self.core().silences.retain(|silence| silence.id != id);
        Ok(found)
    }

    /// Takes silences as the catalog has them. To be called with `writing` held, or before anybody else knows of these
    /// alerts.
    pub(super) async fn read_silences(&self) -> Result<(), CatalogError> {
        let records = self.catalog().silences(self.now_ms()).await?;
        // What a newer version wrote and this one can not read is left out.
        let silences = records.iter().filter_map(|record| serde_json::from_str(&record.data).ok()).collect();
        self.core().silences = silences;
        Ok(())
    }
}
