//! What alert rules remember of hosts between looks, and which hosts servers hear.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::{Catalog, CatalogError};

/// What rules remember of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostMemory {
    pub host_id: String,
    /// Who saved it.
    pub server: String,
    /// JSON.
    pub data: String,
}

impl Catalog {
    /// Of all hosts.
    pub async fn alert_memories(&self) -> Result<Vec<HostMemory>, CatalogError> {
        sqlx::query("SELECT host_id, server, data FROM alert_memory")
            .fetch_all(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(memory).collect())
            .map_err(CatalogError::query("read what alert rules remember"))
    }

    /// Of one host.
    pub async fn alert_memory(&self, host_id: &str) -> Result<Option<HostMemory>, CatalogError> {
        sqlx::query("SELECT host_id, server, data FROM alert_memory WHERE host_id = ?")
            .bind(host_id)
            .fetch_optional(&self.pool)
            .await
            .and_then(|row| row.as_ref().map(memory).transpose())
            .map_err(CatalogError::query("read what alert rules remember of a host"))
    }

    /// Replaces what was saved of these hosts.
    pub async fn save_alert_memories(
        &self,
        memories: &[HostMemory],
        now_ms: i64,
    ) -> Result<(), CatalogError> {
        let doing = CatalogError::query("store what alert rules remember");
        let mut transaction = self.begin_write("store what alert rules remember").await?;
        for memory in memories {
            sqlx::query("DELETE FROM alert_memory WHERE host_id = ?")
                .bind(&memory.host_id)
                .execute(&mut *transaction)
                .await
                .map_err(&doing)?;
            sqlx::query("INSERT INTO alert_memory (host_id, server, saved_ms, data) VALUES (?, ?, ?, ?)")
                .bind(&memory.host_id)
                .bind(&memory.server)
                .bind(now_ms)
                .bind(&memory.data)
                .execute(&mut *transaction)
                .await
                .map_err(&doing)?;
        }
        transaction.commit().await.map_err(doing)
    }

    /// Drops what is remembered of hosts that are not in the inventory.
    pub async fn forget_alert_memories(&self) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM alert_memory WHERE host_id NOT IN (SELECT id FROM hosts)")
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(CatalogError::query("forget what alert rules remember of removed hosts"))
    }

    /// Says which hosts a server hears, in its own words, in place of what it said before.
    pub async fn say_presence(&self, server: &str, data: &str) -> Result<(), CatalogError> {
        let doing = CatalogError::query("say which hosts are heard");
        let mut transaction = self.begin_write("say which hosts are heard").await?;
        for sql in [
            "DELETE FROM alert_presence WHERE server = ?",
            "INSERT INTO alert_presence (server, data) VALUES (?, ?)",
        ] {
            let query = sqlx::query(sql).bind(server);
            let query = if sql.starts_with("INSERT") { query.bind(data) } else { query };
            query.execute(&mut *transaction).await.map_err(&doing)?;
        }
        transaction.commit().await.map_err(doing)
    }

    /// What servers other than `server` said last.
    pub async fn presences(&self, server: &str) -> Result<Vec<(String, String)>, CatalogError> {
        sqlx::query_as("SELECT server, data FROM alert_presence WHERE server <> ?")
            .bind(server)
            .fetch_all(&self.pool)
            .await
            .map_err(CatalogError::query("look which hosts other servers hear"))
    }

    /// A server says nothing any more.
    pub async fn end_presence(&self, server: &str) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM alert_presence WHERE server = ?")
            .bind(server)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(CatalogError::query("forget which hosts a server heard"))
    }
}

fn memory(row: &SqliteRow) -> Result<HostMemory, sqlx::Error> {
    Ok(HostMemory {
        host_id: row.try_get("host_id")?,
        server: row.try_get("server")?,
        data: row.try_get("data")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    #[tokio::test]
    async fn memories_are_replaced_host_by_host_and_end_with_the_host() {
        let (_dir, catalog) = catalog().await;
        let key = catalog.host_for_join("web", b"web", "h1", 5).await.unwrap();
        let memory = |host_id: &str, server: &str| HostMemory {
            host_id: host_id.to_owned(),
            server: server.to_owned(),
            data: "{}".to_owned(),
        };
        catalog.save_alert_memories(&[memory(&key.id, "a"), memory("gone", "a")], 5).await.unwrap();
        catalog.save_alert_memories(&[memory(&key.id, "b")], 6).await.unwrap();
        assert_eq!(catalog.alert_memory(&key.id).await.unwrap(), Some(memory(&key.id, "b")));
        catalog.forget_alert_memories().await.unwrap();
        assert_eq!(catalog.alert_memories().await.unwrap(), [memory(&key.id, "b")]);
    }

    #[tokio::test]
    async fn what_a_server_hears_the_others_read() {
        let (_dir, catalog) = catalog().await;
        for data in ["1", "2"] {
            catalog.say_presence("a", data).await.unwrap();
        }
        assert_eq!(catalog.presences("b").await.unwrap(), [("a".to_owned(), "2".to_owned())]);
        assert!(catalog.presences("a").await.unwrap().is_empty());
        catalog.end_presence("a").await.unwrap();
        assert!(catalog.presences("b").await.unwrap().is_empty());
    }
}
