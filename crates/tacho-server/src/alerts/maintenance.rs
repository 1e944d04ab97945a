//! Maintenance windows that people make by the API, in the catalog and in memory. They hold as those of files do.

use tacho_alert::{Maintenance, MaintenanceOrigin, MaintenanceText};
use tacho_catalog::{AuditEntry, CatalogError, MaintenanceRecord};

use super::{Alerts, json};

/// A window as the catalog has it.
#[derive(Debug, Clone)]
pub(crate) struct StoredWindow {
    pub(crate) window: Maintenance,
    /// Who changed it last, and when.
    pub(crate) author: String,
    pub(crate) changed_ms: i64,
}

impl Alerts {
    /// Makes a window, or puts it in place of the one with its id; `false` when `is_new` is not and there is none.
    pub(crate) async fn put_window(
        &self,
        id: &str,
        window: &Maintenance,
        is_new: bool,
        author: &str,
    ) -> Result<bool, CatalogError> {
        let _writing = self.inner.writing.lock().await;
        self.take_news().await?;
        let before = self.core().window(id).map(|stored| shown(&stored.window.text));
        if !is_new && before.is_none() {
            return Ok(false);
        }
        let changed_ms = self.now_ms();
        let record = MaintenanceRecord {
            id: id.to_owned(),
            author: author.to_owned(),
            changed_ms,
            data: json(&window.text),
        };
        let action = if before.is_none() { "maintenance.create" } else { "maintenance.change" };
        tracing::info!(window = window.text.name, by = author, action, "maintenance window");
        let entry = self.window_entry(action, author, &window.text, before, Some(shown(&window.text)));
        self.catalog().put_maintenance(&record, &entry).await?;
        self.take_stored_rules().await?;
        Ok(true)
    }

    /// `false` when there is none with this id.
    pub(crate) async fn remove_window(&self, id: &str, author: &str) -> Result<bool, CatalogError> {
        let _writing = self.inner.writing.lock().await;
        self.take_news().await?;
        let Some(text) = self.core().window(id).map(|stored| stored.window.text.clone()) else {
            return Ok(false);
        };
        tracing::info!(window = text.name, by = author, "maintenance window removed");
        let entry = self.window_entry("maintenance.remove", author, &text, Some(shown(&text)), None);
        let found = self.catalog().remove_maintenance(id, &entry).await?;
        self.take_stored_rules().await?;
        Ok(found)
    }

    /// Windows as the catalog has them. What a newer version wrote and this one can not read is left out.
    pub(super) async fn read_windows(&self) -> Result<Vec<StoredWindow>, CatalogError> {
        let records = self.catalog().maintenance().await?;
        Ok(records.into_iter().filter_map(read).collect())
    }

    fn window_entry(
        &self,
        action: &str,
        author: &str,
        text: &MaintenanceText,
        before: Option<String>,
        after: Option<String>,
    ) -> AuditEntry {
        AuditEntry {
            id: self.new_id(),
            time_ms: self.now_ms(),
            author: author.to_owned(),
            action: action.to_owned(),
            subject: text.name.clone(),
            before,
            after,
        }
    }
}

impl super::Core {
    /// The stored one with this id.
    fn window(&self, id: &str) -> Option<&StoredWindow> {
        self.windows
            .iter()
            .find(|stored| matches!(&stored.window.origin, MaintenanceOrigin::Stored(known) if known == id))
    }
}

fn read(record: MaintenanceRecord) -> Option<StoredWindow> {
    let text: MaintenanceText = serde_json::from_str(&record.data).ok()?;
    match Maintenance::read(text, MaintenanceOrigin::Stored(record.id)) {
        Ok(window) => Some(StoredWindow { window, author: record.author, changed_ms: record.changed_ms }),
        Err(problems) => {
            // Its zone may be gone from the machine's database.
            tracing::error!(?problems, "a stored maintenance window can not be used");
            None
        }
    }
}

/// `sat,sun 22:00-06:00 Europe/Berlin host=web-*`, for people.
fn shown(text: &MaintenanceText) -> String {
    let days = if text.days.is_empty() { "every day".to_owned() } else { text.days.join(",") };
    let matchers =
        text.matchers.iter().map(|matcher| format!(" {}={}", matcher.label, matcher.pattern.text()));
    let matchers: String = matchers.collect();
    format!("{days} {}-{} {}{matchers}", text.from, text.to, text.time_zone)
}
