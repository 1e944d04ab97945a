//! Silences: alerts that are not told for a time.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::office::{SETTINGS, next_revision};
use crate::{Catalog, CatalogError};

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceRecord {
    pub id: String,
    pub starts_ms: i64,
    pub ends_ms: i64,
    pub author: String,
    /// JSON.
    pub data: String,
}

impl Catalog {
    /// Silences that are not over at `now_ms`.
    pub async fn silences(&self, now_ms: i64) -> Result<Vec<SilenceRecord>, CatalogError> {
        sqlx::query(
            "SELECT id, starts_ms, ends_ms, author, data FROM alert_silences WHERE ends_ms > ? \
             ORDER BY ends_ms, id",
        )
        .bind(now_ms)
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(silence_record).collect())
        .map_err(CatalogError::query("list silences"))
    }

    /// Drops silences that were over before `before_ms`.
    pub async fn expire_silences(&self, before_ms: i64) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM alert_silences WHERE ends_ms < ?")
            .bind(before_ms)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(CatalogError::query("drop silences that are over"))
    }

    pub async fn add_silence(&self, silence: &SilenceRecord) -> Result<(), CatalogError> {
        let doing = CatalogError::query("store a silence");
        let mut transaction = self.begin_write("store a silence").await?;
        sqlx::query(
            "INSERT INTO alert_silences (id, starts_ms, ends_ms, author, data) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&silence.id)
        .bind(silence.starts_ms)
        .bind(silence.ends_ms)
        .bind(&silence.author)
        .bind(&silence.data)
        .execute(&mut *transaction)
        .await
        .map_err(&doing)?;
        next_revision(&mut transaction, SETTINGS).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)
    }

    /// `false` when there is none with this id.
    pub async fn remove_silence(&self, id: &str) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("remove a silence");
        let mut transaction = self.begin_write("remove a silence").await?;
        let done = sqlx::query("DELETE FROM alert_silences WHERE id = ?")
            .bind(id)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        next_revision(&mut transaction, SETTINGS).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(done.rows_affected() > 0)
    }
}

fn silence_record(row: &SqliteRow) -> Result<SilenceRecord, sqlx::Error> {
    Ok(SilenceRecord {
        id: row.try_get("id")?,
        starts_ms: row.try_get("starts_ms")?,
        ends_ms: row.try_get("ends_ms")?,
        author: row.try_get("author")?,
        data: row.try_get("data")?,
    })
}

/// One from 1 to 10.
#[cfg(test)]
pub(crate) fn silence_for_tests() -> SilenceRecord {
    let (id, author, data) = ("s".to_owned(), "ann".to_owned(), "{}".to_owned());
    SilenceRecord { id, starts_ms: 1, ends_ms: 10, author, data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    #[tokio::test]
    async fn silences_end() {
        let (_dir, catalog) = catalog().await;
        let silence = silence_for_tests();
        catalog.add_silence(&silence).await.unwrap();
        assert_eq!(catalog.silences(9).await.unwrap(), [silence]);
        assert!(catalog.silences(10).await.unwrap().is_empty());
        catalog.expire_silences(10).await.unwrap();
        assert_eq!(catalog.silences(9).await.unwrap().len(), 1);
        catalog.expire_silences(11).await.unwrap();
        assert!(!catalog.remove_silence("s").await.unwrap());
    }
}
