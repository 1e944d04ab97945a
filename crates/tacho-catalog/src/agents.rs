//! Agents: each is one identity, proved by a certificate, that speaks for one host.

use std::sync::Arc;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tacho_model::HostKey;

use crate::{Catalog, CatalogError, WriteTransaction, hex};

/// Certificates of one agent that may be valid together, beside the one that a new one was asked for with: an
/// agent whose disk takes nothing could ask for ever.
const CERTIFICATES: usize = 8;

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

/// A further certificate of an agent.
#[derive(Debug, Clone)]
pub struct NewCertificate {
    pub agent_id: String,
    /// SHA-256 of the certificate's DER.
    pub hash: [u8; 32],
    /// Of the certificate that it was asked for with: it stays valid.
    pub renews: [u8; 32],
    pub not_after_ms: i64,
    pub created_ms: i64,
}

/// Whom a certificate belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRecord {
    pub agent_id: String,
    pub host: HostKey,
    pub revoked: bool,
    /// Of the machine that joined, in hexadecimal; empty when it could not tell.
    pub machine: String,
    /// End of the certificate.
    pub not_after_ms: i64,
}

/// An agent as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentEntry {
    pub agent_id: String,
    pub host: HostKey,
    /// When it joined.
    pub created_ms: i64,
    /// End of its newest certificate.
    pub not_after_ms: i64,
    pub revoked_ms: Option<i64>,
}

impl Catalog {
    /// Stores an agent that joined. Those that spoke for the host before are revoked: they were this host's, or
    /// are copies of it. Answers with how many were.
    pub async fn add_agent(&self, agent: &NewAgent) -> Result<u64, CatalogError> {
        let doing = CatalogError::query("store an agent");
        let mut transaction = self.begin_write("store an agent").await?;
        let retired =
            sqlx::query("UPDATE agents SET revoked_ms = ? WHERE host_id = ? AND revoked_ms IS NULL")
                .bind(agent.created_ms)
                .bind(&agent.host_id)
                .execute(&mut *transaction)
                .await
                .map_err(&doing)?
                .rows_affected();
        sqlx::query(
            "INSERT INTO agents (id, host_id, certificate_hash, not_after_ms, created_ms) \
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&agent.agent_id)
        .bind(&agent.host_id)
        .bind(hex(&agent.certificate_hash))
        .bind(agent.not_after_ms)
        .bind(agent.created_ms)
        .execute(&mut *transaction)
        .await
        .map_err(&doing)?;
        let times = (agent.not_after_ms, agent.created_ms);
        insert_certificate(&mut transaction, &agent.agent_id, &agent.certificate_hash, times)
            .await
            .map_err(&doing)?;
        if retired > 0 {
            count_change(&mut transaction).await.map_err(&doing)?;
        }
        transaction.commit().await.map_err(doing)?;
        Ok(retired)
    }

    /// Stores a further certificate of an agent; `false`, and nothing is stored, when there is no such agent that
    /// is not revoked. Forgets those that have ended, and the oldest above a bound.
    pub async fn add_certificate(&self, new: &NewCertificate) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("store a certificate");
        let mut transaction = self.begin_write("store a certificate").await?;
        let known = sqlx::query("SELECT 1 FROM agents WHERE id = ? AND revoked_ms IS NULL")
            .bind(&new.agent_id)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(&doing)?;
        if known.is_none() {
            return Ok(false);
        }
        sqlx::query("DELETE FROM agent_certificates WHERE agent_id = ? AND not_after_ms <= ?")
            .bind(&new.agent_id)
            .bind(new.created_ms)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        let held: Vec<String> = sqlx::query_scalar(
            "SELECT hash FROM agent_certificates WHERE agent_id = ? AND hash <> ? ORDER BY created_ms DESC, hash",
        )
        .bind(&new.agent_id)
        .bind(hex(&new.renews))
        .fetch_all(&mut *transaction)
        .await
        .map_err(&doing)?;
        for hash in held.iter().skip(CERTIFICATES - 1) {
            sqlx::query("DELETE FROM agent_certificates WHERE hash = ?")
                .bind(hash)
                .execute(&mut *transaction)
                .await
                .map_err(&doing)?;
        }
        insert_certificate(&mut transaction, &new.agent_id, &new.hash, (new.not_after_ms, new.created_ms))
            .await
            .map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(true)
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
            "SELECT a.id, a.revoked_ms, h.id AS host_id, h.name, h.machine, c.not_after_ms \
             FROM agent_certificates c JOIN agents a ON a.id = c.agent_id \
             JOIN hosts h ON h.id = a.host_id WHERE c.hash = ?",
        )
        .bind(hex(hash))
        .fetch_optional(&self.pool)
        .await
        .and_then(|row| row.as_ref().map(agent_record).transpose())
        .map_err(CatalogError::query("look up an agent"))
    }

    /// All agents by host and time of joining, revoked ones too.
    pub async fn agents(&self) -> Result<Vec<AgentEntry>, CatalogError> {
        sqlx::query(
            "SELECT a.id, a.created_ms, a.revoked_ms, h.id AS host_id, h.name, \
             (SELECT MAX(c.not_after_ms) FROM agent_certificates c WHERE c.agent_id = a.id) AS end_ms, \
             a.not_after_ms FROM agents a JOIN hosts h ON h.id = a.host_id ORDER BY h.name, a.created_ms, a.id",
        )
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(agent_entry).collect())
        .map_err(CatalogError::query("list agents"))
    }

    /// Refuses an agent from now on; servers end its stream when they see [`Self::inventory_number`] change.
    /// `false` when there is none with this id that was not revoked before.
    pub async fn revoke_agent(&self, agent_id: &str, now_ms: i64) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("revoke an agent");
        let mut transaction = self.begin_write("revoke an agent").await?;
        let done = sqlx::query("UPDATE agents SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL")
            .bind(now_ms)
            .bind(agent_id)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        count_change(&mut transaction).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(done.rows_affected() > 0)
    }

    /// Grows whenever an agent is revoked, or a host removed or renamed, by whatever process.
    pub async fn inventory_number(&self) -> Result<i64, CatalogError> {
        sqlx::query_scalar("SELECT number FROM inventory_changes WHERE id = 1")
            .fetch_one(&self.pool)
            .await
            .map_err(CatalogError::query("look whether the inventory changed"))
    }
}

/// Has running servers look at the inventory.
pub(crate) async fn count_change(transaction: &mut WriteTransaction) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE inventory_changes SET number = number + 1 WHERE id = 1")
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// `times`: when it ends and when it was made, in milliseconds since the epoch.
async fn insert_certificate(
    transaction: &mut WriteTransaction,
    agent_id: &str,
    hash: &[u8; 32],
    times: (i64, i64),
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO agent_certificates (hash, agent_id, not_after_ms, created_ms) VALUES (?, ?, ?, ?)",
    )
    .bind(hex(hash))
    .bind(agent_id)
    .bind(times.0)
    .bind(times.1)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn host_of(row: &SqliteRow) -> Result<HostKey, sqlx::Error> {
    let id: String = row.try_get("host_id")?;
    let name: String = row.try_get("name")?;
    Ok(HostKey { id: Arc::from(id), name: Arc::from(name) })
}

fn agent_record(row: &SqliteRow) -> Result<AgentRecord, sqlx::Error> {
    Ok(AgentRecord {
        agent_id: row.try_get("id")?,
        host: host_of(row)?,
        revoked: row.try_get::<Option<i64>, _>("revoked_ms")?.is_some(),
        machine: row.try_get("machine")?,
        not_after_ms: row.try_get("not_after_ms")?,
    })
}

fn agent_entry(row: &SqliteRow) -> Result<AgentEntry, sqlx::Error> {
    let end_ms: Option<i64> = row.try_get("end_ms")?;
    Ok(AgentEntry {
        agent_id: row.try_get("id")?,
        host: host_of(row)?,
        created_ms: row.try_get("created_ms")?,
        not_after_ms: end_ms.unwrap_or(row.try_get("not_after_ms")?),
        revoked_ms: row.try_get("revoked_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    fn agent(id: &str, hash: u8) -> NewAgent {
        NewAgent {
            agent_id: id.to_owned(),
            host_id: "h1".to_owned(),
            certificate_hash: [hash; 32],
            not_after_ms: 100,
            created_ms: i64::from(hash),
        }
    }

    fn certificate(hash: u8, renews: u8) -> NewCertificate {
        let (not_after_ms, created_ms) = (100 + i64::from(hash), i64::from(hash));
        NewCertificate {
            agent_id: "a1".to_owned(),
            hash: [hash; 32],
            renews: [renews; 32],
            not_after_ms,
            created_ms,
        }
    }

    #[tokio::test]
    async fn a_certificate_names_its_agent_until_the_host_is_removed() {
        let (_dir, catalog) = catalog().await;
        let host = catalog.host_for_join("web", b"m", "h1", 0).await.unwrap();
        assert_eq!(catalog.add_agent(&agent("a1", 7)).await.unwrap(), 0);
        let known = AgentRecord {
            agent_id: "a1".to_owned(),
            host,
            revoked: false,
            machine: hex(b"m"),
            not_after_ms: 100,
        };
        assert_eq!(catalog.agent_by_certificate(&[7; 32]).await.unwrap(), Some(known.clone()));
        assert_eq!(catalog.agent_by_certificate(&[8; 32]).await.unwrap(), None);
        assert!(catalog.revoke_agent("a1", 5).await.unwrap());
        assert!(!catalog.revoke_agent("a1", 6).await.unwrap());
        let revoked = AgentRecord { revoked: true, ..known };
        assert_eq!(catalog.agent_by_certificate(&[7; 32]).await.unwrap(), Some(revoked));
        assert!(catalog.remove_host("h1", &crate::hosts::change_for_tests(9)).await.unwrap());
        assert_eq!(catalog.agent_by_certificate(&[7; 32]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_agent_needs_a_host() {
        let (_dir, catalog) = catalog().await;
        assert!(catalog.add_agent(&agent("a1", 7)).await.is_err());
    }

    #[tokio::test]
    async fn old_and_new_certificate_hold_until_the_old_one_ends() {
        let (_dir, catalog) = catalog().await;
        catalog.host_for_join("web", b"m", "h1", 0).await.unwrap();
        catalog.add_agent(&agent("a1", 1)).await.unwrap();
        assert!(catalog.add_certificate(&certificate(2, 1)).await.unwrap());
        for hash in [1, 2] {
            let found = catalog.agent_by_certificate(&[hash; 32]).await.unwrap().unwrap();
            assert_eq!(
                (found.agent_id.as_str(), found.not_after_ms),
                ("a1", [100, 102][usize::from(hash) - 1])
            );
        }
        assert_eq!(catalog.agents().await.unwrap()[0].not_after_ms, 102);
        // Asked for when the first one has ended.
        assert!(
            catalog.add_certificate(&NewCertificate { created_ms: 101, ..certificate(3, 2) }).await.unwrap()
        );
        assert_eq!(catalog.agent_by_certificate(&[1; 32]).await.unwrap(), None);
        assert!(catalog.revoke_agent("a1", 5).await.unwrap());
        assert!(!catalog.add_certificate(&certificate(4, 3)).await.unwrap(), "a revoked agent gets none");
    }

    #[tokio::test]
    async fn certificates_of_one_agent_are_bounded_and_the_one_in_use_stays() {
        let (_dir, catalog) = catalog().await;
        catalog.host_for_join("web", b"m", "h1", 0).await.unwrap();
        catalog.add_agent(&agent("a1", 1)).await.unwrap();
        for hash in 2..40 {
            assert!(catalog.add_certificate(&certificate(hash, 1)).await.unwrap());
        }
        let mut valid = Vec::new();
        for hash in 1..40 {
            if catalog.agent_by_certificate(&[hash; 32]).await.unwrap().is_some() {
                valid.push(hash);
            }
        }
        assert_eq!(valid, [1, 32, 33, 34, 35, 36, 37, 38, 39]);
    }

    #[tokio::test]
    async fn who_joins_again_retires_who_was_there_and_servers_can_see_it() {
        let (_dir, catalog) = catalog().await;
        catalog.host_for_join("web", b"m", "h1", 0).await.unwrap();
        assert_eq!(catalog.add_agent(&agent("a1", 1)).await.unwrap(), 0);
        let before = catalog.inventory_number().await.unwrap();
        assert_eq!(catalog.add_agent(&agent("a2", 2)).await.unwrap(), 1);
        assert!(catalog.inventory_number().await.unwrap() > before);
        let agents = catalog.agents().await.unwrap();
        let states: Vec<_> = agents.iter().map(|agent| (agent.agent_id.as_str(), agent.revoked_ms)).collect();
        assert_eq!(states, [("a1", Some(2)), ("a2", None)]);
    }
}
