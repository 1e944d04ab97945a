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
    /// Who changed it last, and when.
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

    /// Makes a window, or puts it in place of the one with its id; noted in the list of changes.
    pub async fn put_maintenance(
        &self,
        record: &MaintenanceRecord,
        entry: &AuditEntry,
    ) -> Result<(), CatalogError> {
        let doing = CatalogError::query("store a maintenance window");
        let mut transaction = self.begin_write("store a maintenance window").await?;
        sqlx::query("DELETE FROM alert_maintenance WHERE id = ?")
            .bind(&record.id)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        sqlx::query("INSERT INTO alert_maintenance (id, author, changed_ms, data) VALUES (?, ?, ?, ?)")
            .bind(&record.id)
            .bind(&record.author)
            .bind(record.changed_ms)
            .bind(&record.data)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        audit::write(&mut transaction, entry).await.map_err(&doing)?;
        next_revision(&mut transaction, SETTINGS).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)
    }

    /// `false`, and nothing noted, when there is none with this id.
    pub async fn remove_maintenance(&self, id: &str, entry: &AuditEntry) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("remove a maintenance window");
        let mut transaction = self.begin_write("remove a maintenance window").await?;
        let done = sqlx::query("DELETE FROM alert_maintenance WHERE id = ?")
            .bind(id)
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
        let window = |id: &str, data: &str| MaintenanceRecord {
            id: id.to_owned(),
            author: "ann".to_owned(),
            changed_ms: 7,
            data: data.to_owned(),
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
        catalog.put_maintenance(&window("b", "1"), &entry("1")).await.unwrap();
        catalog.put_maintenance(&window("a", "2"), &entry("2")).await.unwrap();
        catalog.put_maintenance(&window("b", "3"), &entry("3")).await.unwrap();
        assert_eq!(catalog.maintenance().await.unwrap(), [window("a", "2"), window("b", "3")]);
        assert!(catalog.remove_maintenance("a", &entry("4")).await.unwrap());
        assert!(!catalog.remove_maintenance("a", &entry("5")).await.unwrap());
        assert_eq!(catalog.maintenance().await.unwrap(), [window("b", "3")]);
        assert_eq!(catalog.audit_entries(None, 9).await.unwrap().len(), 4);
        assert_eq!(catalog.alert_revisions().await.unwrap().settings, before + 4);
    }
}
