//! Agents: each is one identity, proved by a certificate, that speaks for one host.

use std::sync::Arc;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tacho_model::HostKey;

use crate::{Catalog, CatalogError, hex};

/// An agent that has just joined.
#[derive(Debug, Clone)]
pub struct NewAgent {
    pub agent_id: String,
    pub host_id: String,
    /// SHA-256 of the certificate's DER.
    pub certificate_hash: [u8; 32],
    pub not_after_ms: i64,
    pub created_ms: i64,
}

/// Whom a certificate belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRecord {
    pub agent_id: String,
    pub host: HostKey,
    pub revoked: bool,
}

impl Catalog {
    pub async fn add_agent(&self, agent: &NewAgent) -> Result<(), CatalogError> {
        sqlx::query(
            "INSERT INTO agents (id, host_id, certificate_hash, not_after_ms, created_ms) \
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&agent.agent_id)
        .bind(&agent.host_id)
        .bind(hex(&agent.certificate_hash))
        .bind(agent.not_after_ms)
        .bind(agent.created_ms)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("store an agent"))?;
        Ok(())
    }

    /// Ids of all agents that ever joined for a host.
    pub async fn agents_of_host(&self, host_id: &str) -> Result<Vec<String>, CatalogError> {
        sqlx::query_scalar("SELECT id FROM agents WHERE host_id = ? ORDER BY id")
            .bind(host_id)
            .fetch_all(&self.pool)
            .await
            .map_err(CatalogError::query("list the agents of a host"))
    }

    /// The agent whose certificate has this hash, revoked or not; expiry is for TLS to check.
    pub async fn agent_by_certificate(&self, hash: &[u8; 32]) -> Result<Option<AgentRecord>, CatalogError> {
        sqlx::query(
            "SELECT a.id, a.revoked_ms, h.id AS host_id, h.name FROM agents a \
             JOIN hosts h ON h.id = a.host_id WHERE a.certificate_hash = ?",
        )
        .bind(hex(hash))
        .fetch_optional(&self.pool)
        .await
        .and_then(|row| row.as_ref().map(agent_record).transpose())
        .map_err(CatalogError::query("look up an agent"))
    }

    /// Refuses an agent from its next connection on; `false` when there is none with this id that was
    /// not revoked before.
    pub async fn revoke_agent(&self, agent_id: &str, now_ms: i64) -> Result<bool, CatalogError> {
        let done = sqlx::query("UPDATE agents SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL")
            .bind(now_ms)
            .bind(agent_id)
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("revoke an agent"))?;
        Ok(done.rows_affected() > 0)
    }
}

fn agent_record(row: &SqliteRow) -> Result<AgentRecord, sqlx::Error> {
    let host_id: String = row.try_get("host_id")?;
    let host_name: String = row.try_get("name")?;
    Ok(AgentRecord {
        agent_id: row.try_get("id")?,
        host: HostKey { id: Arc::from(host_id), name: Arc::from(host_name) },
        revoked: row.try_get::<Option<i64>, _>("revoked_ms")?.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    #[tokio::test]
    async fn a_certificate_names_its_agent_until_the_host_is_removed() {
        let (_dir, catalog) = catalog().await;
        let host = catalog.host_for_join("web", b"m", "h1", 0).await.unwrap();
        let agent = NewAgent {
            agent_id: "a1".to_owned(),
            host_id: "h1".to_owned(),
            certificate_hash: [7; 32],
            not_after_ms: 100,
            created_ms: 0,
        };
        catalog.add_agent(&agent).await.unwrap();
        let known = AgentRecord { agent_id: "a1".to_owned(), host, revoked: false };
        assert_eq!(catalog.agent_by_certificate(&[7; 32]).await.unwrap(), Some(known.clone()));
        assert_eq!(catalog.agent_by_certificate(&[8; 32]).await.unwrap(), None);
        assert!(catalog.revoke_agent("a1", 5).await.unwrap());
        assert!(!catalog.revoke_agent("a1", 6).await.unwrap());
        let revoked = AgentRecord { revoked: true, ..known };
        assert_eq!(catalog.agent_by_certificate(&[7; 32]).await.unwrap(), Some(revoked));
        assert!(catalog.remove_host("h1").await.unwrap());
        assert_eq!(catalog.agent_by_certificate(&[7; 32]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_agent_needs_a_host() {
        let (_dir, catalog) = catalog().await;
        let agent = NewAgent {
            agent_id: "a1".to_owned(),
            host_id: "nowhere".to_owned(),
            certificate_hash: [7; 32],
            not_after_ms: 100,
            created_ms: 0,
        };
        assert!(catalog.add_agent(&agent).await.is_err());
    }
}
