//! Maintenance windows: times that come again, at which alerts are not told.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::audit::{self, AuditEntry};
use crate::office::{SETTINGS, next_revision};
use crate::{Catalog, CatalogError};

/// A window that somebody made by the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceRecord {
    pub id: String,
    /// Who changed it last, and when. No two states of one window have the same time.
    pub author: String,
    pub changed_ms: i64,
    /// JSON.
    pub data: String,
}

impl Catalog {
    /// All of them, in the order in which they were made.
    pub async fn maintenance(&self) -> Result<Vec<MaintenanceRecord>, CatalogError> {
        sqlx::query("SELECT id, author, changed_ms, data FROM alert_maintenance ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(record).collect())
            .map_err(CatalogError::query("list maintenance windows"))
    }

    /// Makes a window, or puts it in place of the one with its id that was changed at `before_ms`; noted in the list of
    /// changes. `false`, and nothing stored, when that one is not as it was any more.
    pub async fn put_maintenance(
        &self,
        record: &MaintenanceRecord,
        before_ms: Option<i64>,
        entry: &AuditEntry,
    ) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("store a maintenance window");
        let mut transaction = self.begin_write("store a maintenance window").await?;
        let write = match before_ms {
            None => sqlx::query(
                "INSERT INTO alert_maintenance (author, changed_ms, data, id) VALUES (?, ?, ?, ?)",
            ),
            Some(_) => sqlx::query(
                "UPDATE alert_maintenance SET author = ?, changed_ms = ?, data = ? WHERE id = ? AND changed_ms = ?",
            ),
        };
        let write = write.bind(&record.author).bind(record.changed_ms).bind(&record.data).bind(&record.id);
        let write = if before_ms.is_some() { write.bind(before_ms) } else { write };
        let done = write.execute(&mut *transaction).await.map_err(&doing)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        audit::write(&mut transaction, entry).await.map_err(&doing)?;
        next_revision(&mut transaction, SETTINGS).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(true)
    }

    /// `false`, and nothing noted, when there is none with this id that was changed at `before_ms`.
    pub async fn remove_maintenance(
        &self,
        id: &str,
        before_ms: i64,
        entry: &AuditEntry,
    ) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("remove a maintenance window");
        let mut transaction = self.begin_write("remove a maintenance window").await?;
        let done = sqlx::query("DELETE FROM alert_maintenance WHERE id = ? AND changed_ms = ?")
            .bind(id)
            .bind(before_ms)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        audit::write(&mut transaction, entry).await.map_err(&doing)?;
        next_revision(&mut transaction, SETTINGS).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(true)
    }
}

fn record(row: &SqliteRow) -> Result<MaintenanceRecord, sqlx::Error> {
    Ok(MaintenanceRecord {
        id: row.try_get("id")?,
        author: row.try_get("author")?,
        changed_ms: row.try_get("changed_ms")?,
        data: row.try_get("data")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    #[tokio::test]
    async fn windows_are_kept_noted_and_news_to_other_servers() {
        let (_dir, catalog) = catalog().await;
        let window = |id: &str, changed_ms: i64| MaintenanceRecord {
            id: id.to_owned(),
            author: "ann".to_owned(),
            changed_ms,
            data: changed_ms.to_string(),
        };
        let entry = |id: &str| AuditEntry {
            id: id.to_owned(),
            time_ms: 7,
            author: "ann".to_owned(),
            action: "maintenance.create".to_owned(),
            subject: "backup".to_owned(),
            before: None,
            after: Some("sat".to_owned()),
        };
        let before = catalog.alert_revisions().await.unwrap().settings;
        let put = async |window, before_ms, id: &str| {
            catalog.put_maintenance(&window, before_ms, &entry(id)).await.unwrap()
        };
        let remove = async |id: &str, before_ms, entry_id: &str| {
            catalog.remove_maintenance(id, before_ms, &entry(entry_id)).await.unwrap()
        };
        assert!(put(window("b", 1), None, "1").await && put(window("a", 2), None, "2").await);
        assert!(put(window("b", 3), Some(1), "3").await);
        // Neither what was changed meanwhile, nor what is not there.
        assert!(!put(window("b", 4), Some(1), "x").await && !put(window("c", 4), Some(1), "x").await);
        assert!(!remove("a", 1, "x").await);
        assert_eq!(catalog.maintenance().await.unwrap(), [window("a", 2), window("b", 3)]);
        assert!(remove("a", 2, "4").await);
        assert!(!remove("a", 2, "x").await);
        assert_eq!(catalog.maintenance().await.unwrap(), [window("b", 3)]);
        assert_eq!(catalog.audit_entries(None, 9).await.unwrap().len(), 4);
        assert_eq!(catalog.alert_revisions().await.unwrap().settings, before + 4);
    }
}
