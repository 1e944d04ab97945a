//! How the clock of each stream is put right, as text of whoever does so.

use crate::marks::stream_text;
use crate::{Catalog, CatalogError, StreamKey};

/// Clocks of one host that are looked at: a stream ends with a boot, or with the state of its agent.
const MOST_CLOCKS: i64 = 64;

impl Catalog {
    /// What was kept of the clocks of a host's streams, under whichever identity; the newest few.
    pub async fn clocks_of_host(&self, host_id: &str) -> Result<Vec<String>, CatalogError> {
        sqlx::query_scalar(
            "SELECT c.clock FROM delivery_clocks c JOIN agents a ON a.id = c.agent_id \
             WHERE a.host_id = ? ORDER BY c.updated_ms DESC, c.agent_id, c.stream LIMIT ?",
        )
        .bind(host_id)
        .bind(MOST_CLOCKS)
        .fetch_all(&self.pool)
        .await
        .map_err(CatalogError::query("read the clocks of a host"))
    }

    /// What was kept last of a stream's clock.
    pub async fn clock(&self, key: &StreamKey) -> Result<Option<String>, CatalogError> {
        sqlx::query_scalar("SELECT clock FROM delivery_clocks WHERE agent_id = ? AND stream = ?")
            .bind(&*key.agent_id)
            .bind(stream_text(key.stream))
            .fetch_optional(&self.pool)
            .await
            .map_err(CatalogError::query("read a stream's clock"))
    }

    /// Keeps a stream's clock, for as long as its mark.
    pub async fn save_clock(&self, key: &StreamKey, clock: &str, now_ms: i64) -> Result<(), CatalogError> {
        let doing = CatalogError::query("store a stream's clock");
        let mut transaction = self.begin_write("store a stream's clock").await?;
        let changed = sqlx::query(
            "UPDATE delivery_clocks SET clock = ?, updated_ms = ? WHERE agent_id = ? AND stream = ?",
        )
        .bind(clock)
        .bind(now_ms)
        .bind(&*key.agent_id)
        .bind(stream_text(key.stream))
        .execute(&mut *transaction)
        .await
        .map_err(&doing)?;
        if changed.rows_affected() == 0 {
            sqlx::query(
                "INSERT INTO delivery_clocks (agent_id, stream, clock, updated_ms) VALUES (?, ?, ?, ?)",
            )
            .bind(&*key.agent_id)
            .bind(stream_text(key.stream))
            .bind(clock)
            .bind(now_ms)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        }
        transaction.commit().await.map_err(doing)
    }
}
