//! Thresholds of alert rules that are other on some hosts.

use sqlx::Row as _;

use crate::office::{SETTINGS, next_revision};
use crate::rules::{RuleChange, note};
use crate::{Catalog, CatalogError};

/// Another threshold of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdRecord {
    pub rule: String,
    /// A pattern of names.
    pub hosts: String,
    pub threshold: f64,
    pub author: String,
    pub changed_ms: i64,
}

impl Catalog {
    /// All of them, the one that was set last at the end.
    pub async fn alert_thresholds(&self) -> Result<Vec<ThresholdRecord>, CatalogError> {
        let rows = sqlx::query(
            "SELECT rule, hosts, threshold, author, changed_ms FROM alert_thresholds ORDER BY changed_ms, rule, hosts",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(CatalogError::query("list thresholds"))?;
        let record = |row: &sqlx::sqlite::SqliteRow| {
            Ok(ThresholdRecord {
                rule: row.try_get("rule")?,
                hosts: row.try_get("hosts")?,
                threshold: row.try_get("threshold")?,
                author: row.try_get("author")?,
                changed_ms: row.try_get("changed_ms")?,
            })
        };
        rows.iter()
            .map(record)
            .collect::<Result<_, sqlx::Error>>()
            .map_err(CatalogError::query("list thresholds"))
    }

    /// Sets one, in place of what was set before for the same rule and pattern, and notes it in the rule's history.
    pub async fn set_alert_threshold(
        &self,
        record: &ThresholdRecord,
        change: &RuleChange,
    ) -> Result<(), CatalogError> {
        let doing = CatalogError::query("set a threshold");
        let mut transaction = self.begin_write("set a threshold").await?;
        sqlx::query("DELETE FROM alert_thresholds WHERE rule = ? AND hosts = ?")
            .bind(&record.rule)
            .bind(&record.hosts)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        sqlx::query(
            "INSERT INTO alert_thresholds (rule, hosts, threshold, author, changed_ms) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&record.rule)
        .bind(&record.hosts)
        .bind(record.threshold)
        .bind(&record.author)
        .bind(record.changed_ms)
        .execute(&mut *transaction)
        .await
        .map_err(&doing)?;
        note(&mut transaction, change).await.map_err(&doing)?;
        next_revision(&mut transaction, SETTINGS).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)
    }

    /// `false` when there is none, which is not noted either.
    pub async fn remove_alert_threshold(
        &self,
        rule: &str,
        hosts: &str,
        change: &RuleChange,
    ) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("remove a threshold");
        let mut transaction = self.begin_write("remove a threshold").await?;
        let done = sqlx::query("DELETE FROM alert_thresholds WHERE rule = ? AND hosts = ?")
            .bind(rule)
            .bind(hosts)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        note(&mut transaction, change).await.map_err(&doing)?;
        next_revision(&mut transaction, SETTINGS).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    #[tokio::test]
    async fn the_last_one_that_was_set_is_at_the_end() {
        let (_dir, catalog) = catalog().await;
        let record = |hosts: &str, changed_ms| ThresholdRecord {
            rule: "cpu-busy".to_owned(),
            hosts: hosts.to_owned(),
            threshold: 0.5,
            author: "ann".to_owned(),
            changed_ms,
        };
        let change = |changed_ms: i64| RuleChange {
            id: changed_ms.to_string(),
            time_ms: changed_ms,
            rule: "cpu-busy".to_owned(),
            author: "ann".to_owned(),
            action: "threshold".to_owned(),
            note: String::new(),
            before: None,
            after: None,
        };
        for (hosts, changed_ms) in [("web-*", 1), ("db-*", 2), ("web-*", 3)] {
            catalog.set_alert_threshold(&record(hosts, changed_ms), &change(changed_ms)).await.unwrap();
        }
        assert_eq!(catalog.alert_thresholds().await.unwrap(), [record("db-*", 2), record("web-*", 3)]);
        assert!(catalog.remove_alert_threshold("cpu-busy", "db-*", &change(4)).await.unwrap());
        assert!(!catalog.remove_alert_threshold("cpu-busy", "db-*", &change(5)).await.unwrap());
        let noted = catalog.alert_rule_changes(Some("cpu-busy"), None, 9).await.unwrap();
        assert_eq!(noted, [change(4), change(3), change(2), change(1)]);
    }
}
