//! One host's part of the catalog, as an export of its history carries it from one server to another.

use std::sync::Arc;

use sqlx::Row;
use tacho_model::{HostKey, check_tags};

use crate::alerts::{COLUMNS as ALERT_COLUMNS, alert_record};
use crate::files::{insert as insert_files, next_commit};
use crate::gaps::insert_new as insert_gap;
use crate::hosts::{free_name, read_facts, tags};
use crate::{AlertRecord, Catalog, CatalogError, FileRecord, GapRecord, WriteTransaction};

/// Alerts that an export carries; the older ones are left out.
const ALERTS: i64 = 10_000;

/// What the catalog knows of a host, beside its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPart {
    pub id: String,
    pub name: String,
    /// JSON as this crate writes it.
    pub facts: Option<String>,
    pub created_ms: i64,
    pub last_seen_ms: Option<i64>,
    /// Those that were set where it comes from.
    pub tags: Vec<String>,
    pub gaps: Vec<GapRecord>,
    pub alerts: Vec<AlertRecord>,
}

/// What an import added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedHost {
    /// Under the name that it has here.
    pub key: HostKey,
    /// It was not in the inventory.
    pub is_new: bool,
    pub gaps: u64,
    pub alerts: u64,
}

impl Catalog {
    /// A host with the gaps and alerts that touch a range of time; absent when there is no such host.
    pub async fn host_part(
        &self,
        host_id: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Option<HostPart>, CatalogError> {
        let doing = CatalogError::query("read what is known of a host");
        let row = sqlx::query("SELECT id, name, facts, created_ms, last_seen_ms FROM hosts WHERE id = ?")
            .bind(host_id)
            .fetch_optional(&self.pool)
            .await
            .map_err(&doing)?;
        let Some(row) = row else { return Ok(None) };
        let alerts = format!(
            "SELECT {ALERT_COLUMNS} FROM alerts WHERE host_id = ? AND fired_ms < ? \
             AND (resolved_ms IS NULL OR resolved_ms >= ?) ORDER BY fired_ms DESC, id LIMIT ?"
        );
        let alerts = sqlx::query(sqlx::AssertSqlSafe(alerts))
            .bind(host_id)
            .bind(to_ms)
            .bind(from_ms)
            .bind(ALERTS)
            .fetch_all(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(alert_record).collect::<Result<Vec<_>, _>>())
            .map_err(&doing)?;
        let gaps = self.gaps(host_id, from_ms, to_ms).await?;
        let tags = tags::of_host(&self.pool, host_id).await.map_err(&doing)?;
        let part = || -> Result<HostPart, sqlx::Error> {
            Ok(HostPart {
                id: row.try_get("id")?,
                name: row.try_get("name")?,
                facts: row.try_get("facts")?,
                created_ms: row.try_get("created_ms")?,
                last_seen_ms: row.try_get("last_seen_ms")?,
                tags,
                gaps,
                alerts,
            })
        };
        part().map(Some).map_err(doing)
    }

    /// Takes a host in with files of its rows: all of it or nothing. A host with this id stays what it is here; a new
    /// one whose name another has gets a number appended. Gaps and alerts that are known change nothing.
    pub async fn import_host(
        &self,
        part: &HostPart,
        files: &[FileRecord],
        now_ms: i64,
    ) -> Result<ImportedHost, CatalogError> {
        let doing = CatalogError::query("import a host");
        let mut transaction = self.begin_write("import a host").await?;
        let known: Option<String> = sqlx::query_scalar("SELECT name FROM hosts WHERE id = ?")
            .bind(&part.id)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(&doing)?;
        let is_new = known.is_none();
        let name = match known {
            Some(name) => name,
            None => insert_host(&mut transaction, part).await.map_err(&doing)?,
        };
        if !files.is_empty() {
            let commit = next_commit(&mut transaction).await?;
            insert_files(&mut transaction, files, commit).await?;
        }
        let (mut gaps, mut alerts) = (0, 0);
        for gap in &part.gaps {
            gaps += u64::from(insert_gap(&mut transaction, gap, now_ms).await.map_err(&doing)?);
        }
        for alert in &part.alerts {
            alerts += u64::from(insert_alert(&mut transaction, alert, &name).await.map_err(&doing)?);
        }
        transaction.commit().await.map_err(doing)?;
        let key = HostKey { id: Arc::from(part.id.as_str()), name: Arc::from(name) };
        Ok(ImportedHost { key, is_new, gaps, alerts })
    }
}

/// The machine stays unknown: who joins takes this host's place only when a token says so.
async fn insert_host(transaction: &mut WriteTransaction, part: &HostPart) -> Result<String, sqlx::Error> {
    let name = free_name(transaction, &part.name).await?;
    let facts = part.facts.as_ref().filter(|json| read_facts(json).is_ok());
    sqlx::query(
        "INSERT INTO hosts (id, name, join_name, machine, facts, created_ms, last_seen_ms) \
         VALUES (?, ?, ?, '', ?, ?, ?)",
    )
    .bind(&part.id)
    .bind(&name)
    .bind(&part.name)
    .bind(facts)
    .bind(part.created_ms)
    .bind(part.last_seen_ms)
    .execute(&mut **transaction)
    .await?;
    tags::insert(transaction, &part.id, &check_tags(&part.tags).unwrap_or_default()).await?;
    Ok(name)
}

/// An alert that is over; `false` when there is one with this id.
async fn insert_alert(
    transaction: &mut WriteTransaction,
    alert: &AlertRecord,
    host: &str,
) -> Result<bool, sqlx::Error> {
    let acknowledged = alert.acknowledged.as_ref();
    let done = sqlx::query(
        "INSERT INTO alerts (id, rule, host_id, host, entity, severity, fired_ms, resolved_ms, reason, \
         acknowledged_ms, acknowledged_by, acknowledged_note, data) \
         SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM alerts WHERE id = ?)",
    )
    .bind(&alert.id)
    .bind(&alert.rule)
    .bind(&alert.host_id)
    .bind(host)
    .bind(&alert.entity)
    .bind(&alert.severity)
    .bind(alert.fired_ms)
    .bind(alert.resolved_ms)
    .bind(&alert.reason)
    .bind(acknowledged.map(|by| by.time_ms))
    .bind(acknowledged.map(|by| &by.author))
    .bind(acknowledged.map(|by| &by.note))
    .bind(&alert.data)
    .bind(&alert.id)
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use tacho_model::{GapReason, HostFacts};

    use super::*;
    use crate::{AlertEnd, AlertWrite, HostChange, StreamKey, open_for_tests};

    fn alert(id: &str, resolved_ms: Option<i64>) -> AlertRecord {
        AlertRecord {
            id: id.to_owned(),
            rule: "cpu".to_owned(),
            host_id: "h1".to_owned(),
            host: "web".to_owned(),
            entity: String::new(),
            severity: "warning".to_owned(),
            fired_ms: 100,
            resolved_ms,
            reason: String::new(),
            acknowledged: None,
            data: "{}".to_owned(),
        }
    }

    fn gap(first: u64, last: u64) -> GapRecord {
        GapRecord {
            host_id: "h1".to_owned(),
            key: StreamKey { agent_id: "a".into(), stream: [1; 16] },
            first_sequence: first,
            last_sequence: last,
            frames: last - first + 1,
            first_time_ms: 100,
            last_time_ms: 200,
            reason: GapReason::Space,
        }
    }

    #[tokio::test]
    async fn a_host_goes_from_one_catalog_to_another_once() {
        let (_dir, here) = open_for_tests().await;
        here.host_for_join("web", b"m", "h1", 5).await.unwrap();
        here.save_facts("h1", &HostFacts { os: "Debian".to_owned(), ..HostFacts::default() }, 6)
            .await
            .unwrap();
        here.add_alert(&alert("old", None)).await.unwrap();
        let end = AlertEnd {
            id: "old".to_owned(),
            time_ms: 150,
            reason: String::new(),
            data: "{}".to_owned(),
            is_quiet: true,
        };
        here.write_alerts(&[AlertWrite::Ended(end)]).await.unwrap();
        let tagged = HostChange { id: "1".to_owned(), time_ms: 7, author: "ann".to_owned() };
        here.set_host_tags("h1", &["dc=eu".to_owned()], &tagged).await.unwrap();
        let mut part = here.host_part("h1", 0, 1000).await.unwrap().unwrap();
        assert_eq!((part.alerts.len(), part.created_ms, part.last_seen_ms), (1, 5, Some(6)));
        assert_eq!(here.host_part("h1", 151, 1000).await.unwrap().unwrap().alerts, []);
        assert_eq!(here.host_part("h2", 0, 1000).await.unwrap(), None);
        part.gaps = vec![gap(5, 9), gap(10, 12)];

        let (_dir, there) = open_for_tests().await;
        there.host_for_join("web", b"other", "h9", 1).await.unwrap();
        let first = there.import_host(&part, &[], 300).await.unwrap();
        assert_eq!((first.is_new, first.gaps, first.alerts, &*first.key.name), (true, 2, 1, "web-2"));
        let again = there.import_host(&part, &[], 400).await.unwrap();
        assert_eq!((again.is_new, again.gaps, again.alerts, &*again.key.name), (false, 0, 0, "web-2"));
        let host = there.host("h1").await.unwrap().unwrap();
        assert_eq!(host.own_tags, ["dc=eu"]);
        assert_eq!(host.facts.unwrap().os, "Debian");
        assert_eq!(there.gaps("h1", 0, 1000).await.unwrap(), part.gaps);
        assert!(there.open_alerts().await.unwrap().is_empty(), "nothing fires");
        // Nobody joins as it by chance.
        assert_ne!(&*there.host_for_join("web", b"m", "h3", 2).await.unwrap().id, "h1");
    }
}
