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

/// Who changes a window.
#[derive(Debug)]
pub(crate) struct WindowEditor {
    pub(crate) author: String,
    /// The revision that the person has seen last. Absent: it does not matter.
    pub(crate) revision: Option<String>,
}

/// Why a window was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WindowEditError {
    #[error("no maintenance window that was made here is called {0:?}; /api/v1/maintenance lists them")]
    NotFound(String),
    /// Somebody else was quicker.
    #[error(
        "the maintenance window {0:?} is not as you saw it any more; look at it again at /api/v1/maintenance, and \
         repeat the change with its revision"
    )]
    Conflict(String),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Alerts {
    /// Makes a window.
    pub(crate) async fn create_window(
        &self,
        id: &str,
        window: &Maintenance,
        author: String,
    ) -> Result<(), CatalogError> {
        let _writing = self.inner.writing.lock().await;
        self.put_window(id, window, None, author).await?;
        self.take_stored_rules().await
    }

    /// Puts a window in place of the one with its id, unless that one is not as the person saw it.
    pub(crate) async fn replace_window(
        &self,
        id: &str,
        window: &Maintenance,
        editor: WindowEditor,
    ) -> Result<(), WindowEditError> {
        let _writing = self.inner.writing.lock().await;
        self.take_news().await?;
        let before = self.seen_window(id, editor.revision.as_deref())?;
        let is_done = self.put_window(id, window, Some(&before), editor.author).await?;
        self.take_stored_rules().await?;
        // Another server of the catalog was quicker in this moment.
        is_done.then_some(()).ok_or_else(|| before.conflict())
    }

    /// Removes a window, unless it is not as the person saw it.
    pub(crate) async fn remove_window(&self, id: &str, editor: WindowEditor) -> Result<(), WindowEditError> {
        let _writing = self.inner.writing.lock().await;
        self.take_news().await?;
        let before = self.seen_window(id, editor.revision.as_deref())?;
        let text = &before.window.text;
        tracing::info!(
            window = text.name,
            by = editor.author,
            action = "maintenance.remove",
            "maintenance window"
        );
        let entry = self.window_entry("maintenance.remove", editor.author, text, Some(shown(text)), None);
        let is_done = self.catalog().remove_maintenance(id, before.changed_ms, &entry).await?;
        self.take_stored_rules().await?;
        is_done.then_some(()).ok_or_else(|| before.conflict())
    }

    async fn put_window(
        &self,
        id: &str,
        window: &Maintenance,
        before: Option<&StoredWindow>,
        author: String,
    ) -> Result<bool, CatalogError> {
        let before_ms = before.map(|stored| stored.changed_ms);
        let record = MaintenanceRecord {
            id: id.to_owned(),
            author: author.clone(),
            // It is the revision, too: two changes of one millisecond differ.
            changed_ms: before_ms.map_or(i64::MIN, |time| time.saturating_add(1)).max(self.now_ms()),
            data: json(&window.text),
        };
        let action = if before.is_none() { "maintenance.create" } else { "maintenance.change" };
        tracing::info!(window = window.text.name, by = author, action, "maintenance window");
        let before = before.map(|stored| shown(&stored.window.text));
        let entry = self.window_entry(action, author, &window.text, before, Some(shown(&window.text)));
        self.catalog().put_maintenance(&record, before_ms, &entry).await
    }

    /// The stored one with this id, if it is as the person saw it.
    fn seen_window(&self, id: &str, revision: Option<&str>) -> Result<StoredWindow, WindowEditError> {
        let found = self.core().window(id).cloned();
        let found = found.ok_or_else(|| WindowEditError::NotFound(id.to_owned()))?;
        if revision.is_none_or(|seen| seen == found.revision()) { Ok(found) } else { Err(found.conflict()) }
    }

    /// Windows as the catalog has them. What a newer version wrote and this one can not read is left out.
    pub(super) async fn read_windows(&self) -> Result<Vec<StoredWindow>, CatalogError> {
        let records = self.catalog().maintenance().await?;
        Ok(records.into_iter().filter_map(read).collect())
    }

    fn window_entry(
        &self,
        action: &str,
        author: String,
        text: &MaintenanceText,
        before: Option<String>,
        after: Option<String>,
    ) -> AuditEntry {
        AuditEntry {
            id: self.new_id(),
            time_ms: self.now_ms(),
            author,
            action: action.to_owned(),
            subject: text.name.clone(),
            before,
            after,
        }
    }
}

impl StoredWindow {
    /// Names this state of the window: another one after each change.
    pub(crate) fn revision(&self) -> String {
        self.changed_ms.to_string()
    }

    fn conflict(&self) -> WindowEditError {
        WindowEditError::Conflict(self.window.text.name.clone())
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
