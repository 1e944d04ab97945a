//! Alerts that fire or fired, and what their rules remember.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::notifications::forget_told;
use crate::office::{ALERTS, next_revision};
use crate::{Catalog, CatalogError, WriteTransaction};

/// An alert that fires or fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRecord {
    pub id: String,
    pub rule: String,
    pub host_id: String,
    pub host: String,
    /// What of the host; empty for the host itself.
    pub entity: String,
    pub severity: String,
    pub fired_ms: i64,
    /// Absent while it fires.
    pub resolved_ms: Option<i64>,
    /// How it ended; empty when the condition was gone.
    pub reason: String,
    pub acknowledged: Option<Acknowledgement>,
    /// JSON of the alert with its evidence.
    pub data: String,
}

/// What became of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertWrite {
    Fired(AlertRecord),
    Ended(AlertEnd),
}

/// The end of an alert, with what it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertEnd {
    pub id: String,
    pub time_ms: i64,
    pub reason: String,
    pub data: String,
    /// Nobody is told of it.
    pub is_quiet: bool,
}

/// Somebody looks after an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    pub time_ms: i64,
    pub author: String,
    pub note: String,
}

/// Which alerts that are over; what is absent does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    pub host_id: Option<String>,
    pub rule: Option<String>,
    pub severity: Option<String>,
    /// Fired before `to_ms`, and did not end before `from_ms`.
    pub from_ms: i64,
    pub to_ms: i64,
    pub limit: i64,
}

/// An alert that was not stored, since another server's of the same rule, host and entity fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    pub id: String,
    pub by: AlertRecord,
}

/// What came of storing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenAlerts {
    pub replaced: Vec<Replaced>,
    /// Of the last write; each counts as one.
    pub revision: i64,
}

/// An alert that somebody stored or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertNews {
    pub revision: i64,
    pub alert: AlertRecord,
    /// Nobody is told of its end.
    pub is_quiet: bool,
}

pub(crate) const COLUMNS: &str = "id, rule, host_id, host, entity, severity, fired_ms, resolved_ms, reason, acknowledged_ms, \
                       acknowledged_by, acknowledged_note, data";

impl Catalog {
    /// Stores an alert that fires. The same one again changes nothing.
    pub async fn add_alert(&self, alert: &AlertRecord) -> Result<(), CatalogError> {
        self.write_alerts(&[AlertWrite::Fired(alert.clone())]).await.map(drop)
    }

    /// Stores what became of alerts, in order, all of it or nothing. The same again changes nothing. Of one rule, host
    /// and entity one alert fires at a time: a second one is left out, and its end is that of the first.
    pub async fn write_alerts(&self, writes: &[AlertWrite]) -> Result<WrittenAlerts, CatalogError> {
        let doing = CatalogError::query("store alerts");
        let mut transaction = self.begin_write("store alerts").await?;
        let mut replaced: Vec<Replaced> = Vec::new();
        let mut revision = 0;
        for write in writes {
            revision = next_revision(&mut transaction, ALERTS).await.map_err(&doing)?;
            match write {
                AlertWrite::Fired(alert) => {
                    let other = insert(&mut transaction, alert, revision).await.map_err(&doing)?;
                    replaced.extend(other.map(|by| Replaced { id: alert.id.clone(), by }));
                }
                AlertWrite::Ended(end) => {
                    let first = replaced.iter().find(|replaced| replaced.id == end.id);
                    let id = first.map_or(&end.id, |replaced| &replaced.by.id);
                    resolve(&mut transaction, id, end, revision).await.map_err(&doing)?;
                }
            }
        }
        transaction.commit().await.map_err(doing)?;
        Ok(WrittenAlerts { replaced, revision })
    }

    /// Alerts that were stored or changed after `revision`, in that order, at most `limit`.
    pub async fn alert_news(&self, revision: i64, limit: i64) -> Result<Vec<AlertNews>, CatalogError> {
        let text = format!(
            "SELECT {COLUMNS}, revision, quiet FROM alerts WHERE revision > ? ORDER BY revision LIMIT ?"
        );
        let news = |row: &SqliteRow| {
            let is_quiet = row.try_get::<i64, _>("quiet")? != 0;
            Ok(AlertNews { revision: row.try_get("revision")?, alert: alert_record(row)?, is_quiet })
        };
        sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(revision)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(news).collect())
            .map_err(CatalogError::query("look what is new of alerts"))
    }

    /// Alerts that fire, and those that are over of which a receiver was told that they fire, but not that they are over.
    pub async fn open_alerts(&self) -> Result<Vec<AlertRecord>, CatalogError> {
        let text = format!(
            "SELECT {COLUMNS} FROM alerts WHERE resolved_ms IS NULL \
             OR id IN (SELECT alert_id FROM alert_told) ORDER BY fired_ms, id"
        );
        sqlx::query(sqlx::AssertSqlSafe(text))
            .fetch_all(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(alert_record).collect())
            .map_err(CatalogError::query("list open alerts"))
    }

    /// One alert.
    pub async fn alert(&self, id: &str) -> Result<Option<AlertRecord>, CatalogError> {
        let text = format!("SELECT {COLUMNS} FROM alerts WHERE id = ?");
        let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).fetch_optional(&self.pool).await;
        row.and_then(|row| row.as_ref().map(alert_record).transpose())
            .map_err(CatalogError::query("look up an alert"))
    }

    /// Alerts that are over, the newest first.
    pub async fn past_alerts(&self, filter: &AlertFilter) -> Result<Vec<AlertRecord>, CatalogError> {
        let text = format!(
            "SELECT {COLUMNS} FROM alerts WHERE resolved_ms >= ? AND fired_ms < ? \
             AND (? = '' OR host_id = ?) AND (? = '' OR rule = ?) AND (? = '' OR severity = ?) \
             ORDER BY resolved_ms DESC, id LIMIT ?"
        );
        let empty = |text: &Option<String>| text.clone().unwrap_or_default();
        let (host_id, rule, severity) =
            (empty(&filter.host_id), empty(&filter.rule), empty(&filter.severity));
        sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(filter.from_ms)
            .bind(filter.to_ms)
            .bind(&host_id)
            .bind(&host_id)
            .bind(&rule)
            .bind(&rule)
            .bind(&severity)
            .bind(&severity)
            .bind(filter.limit)
            .fetch_all(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(alert_record).collect())
            .map_err(CatalogError::query("list past alerts"))
    }

    /// Notes who looks after an alert; `false` when it does not fire.
    pub async fn acknowledge_alert(
        &self,
        id: &str,
        acknowledgement: &Acknowledgement,
    ) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("acknowledge an alert");
        let mut transaction = self.begin_write("acknowledge an alert").await?;
        let revision = next_revision(&mut transaction, ALERTS).await.map_err(&doing)?;
        let done = sqlx::query(
            "UPDATE alerts SET acknowledged_ms = ?, acknowledged_by = ?, acknowledged_note = ?, revision = ? \
             WHERE id = ? AND resolved_ms IS NULL",
        )
        .bind(acknowledgement.time_ms)
        .bind(&acknowledgement.author)
        .bind(&acknowledgement.note)
        .bind(revision)
        .bind(id)
        .execute(&mut *transaction)
        .await
        .map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(done.rows_affected() > 0)
    }

    /// Drops alerts that ended before `before_ms`, and the oldest beyond `most`.
    pub async fn expire_alerts(&self, before_ms: i64, most: i64) -> Result<u64, CatalogError> {
        let doing = CatalogError::query("drop old alerts");
        let old = sqlx::query("DELETE FROM alerts WHERE resolved_ms < ?")
            .bind(before_ms)
            .execute(&self.pool)
            .await
            .map_err(&doing)?;
        let edge: Option<i64> = sqlx::query_scalar(
            "SELECT resolved_ms FROM alerts WHERE resolved_ms IS NOT NULL \
             ORDER BY resolved_ms DESC LIMIT 1 OFFSET ?",
        )
        .bind(most)
        .fetch_optional(&self.pool)
        .await
        .map_err(&doing)?;
        let Some(edge_ms) = edge else {
            self.forget_orphaned_told().await?;
            return Ok(old.rows_affected());
        };
        let many = sqlx::query("DELETE FROM alerts WHERE resolved_ms <= ?")
            .bind(edge_ms)
            .execute(&self.pool)
            .await
            .map_err(&doing)?;
        self.forget_orphaned_told().await?;
        Ok(old.rows_affected() + many.rows_affected())
    }

    async fn forget_orphaned_told(&self) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM alert_told WHERE alert_id NOT IN (SELECT id FROM alerts)")
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("forget who was told of old alerts"))?;
        Ok(())
    }

    /// Drops every alert of a host.
    pub async fn remove_alerts_of(&self, host_id: &str) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM alerts WHERE host_id = ?")
            .bind(host_id)
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("drop a host's alerts"))?;
        self.forget_orphaned_told().await
    }
}

/// The other alert of the same rule, host and entity that fires, when there is one; nothing is stored then.
async fn insert(
    transaction: &mut WriteTransaction,
    alert: &AlertRecord,
    revision: i64,
) -> Result<Option<AlertRecord>, sqlx::Error> {
    let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM alerts WHERE id = ?")
        .bind(&alert.id)
        .fetch_one(&mut **transaction)
        .await?;
    if known > 0 {
        return Ok(None);
    }
    let other = format!(
        "SELECT {COLUMNS} FROM alerts WHERE host_id = ? AND rule = ? AND entity = ? AND resolved_ms IS NULL"
    );
    let other = sqlx::query(sqlx::AssertSqlSafe(other))
        .bind(&alert.host_id)
        .bind(&alert.rule)
        .bind(&alert.entity)
        .fetch_optional(&mut **transaction)
        .await?;
    if let Some(row) = other {
        return alert_record(&row).map(Some);
    }
    sqlx::query(
        "INSERT INTO alerts (id, rule, host_id, host, entity, severity, fired_ms, reason, data, revision) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&alert.id)
    .bind(&alert.rule)
    .bind(&alert.host_id)
    .bind(&alert.host)
    .bind(&alert.entity)
    .bind(&alert.severity)
    .bind(alert.fired_ms)
    .bind(&alert.reason)
    .bind(&alert.data)
    .bind(revision)
    .execute(&mut **transaction)
    .await?;
    Ok(None)
}

async fn resolve(
    transaction: &mut WriteTransaction,
    id: &str,
    end: &AlertEnd,
    revision: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE alerts SET resolved_ms = ?, reason = ?, data = ?, quiet = ?, revision = ? \
         WHERE id = ? AND resolved_ms IS NULL",
    )
    .bind(end.time_ms)
    .bind(&end.reason)
    .bind(&end.data)
    .bind(i64::from(end.is_quiet))
    .bind(revision)
    .bind(id)
    .execute(&mut **transaction)
    .await?;
    if end.is_quiet {
        forget_told(transaction, id).await?;
    }
    Ok(())
}

pub(crate) fn alert_record(row: &SqliteRow) -> Result<AlertRecord, sqlx::Error> {
    let acknowledged = match row.try_get::<Option<i64>, _>("acknowledged_ms")? {
        Some(time_ms) => Some(Acknowledgement {
            time_ms,
            author: row.try_get::<Option<String>, _>("acknowledged_by")?.unwrap_or_default(),
            note: row.try_get::<Option<String>, _>("acknowledged_note")?.unwrap_or_default(),
        }),
        None => None,
    };
    Ok(AlertRecord {
        id: row.try_get("id")?,
        rule: row.try_get("rule")?,
        host_id: row.try_get("host_id")?,
        host: row.try_get("host")?,
        entity: row.try_get("entity")?,
        severity: row.try_get("severity")?,
        fired_ms: row.try_get("fired_ms")?,
        resolved_ms: row.try_get("resolved_ms")?,
        reason: row.try_get("reason")?,
        acknowledged,
        data: row.try_get("data")?,
    })
}

/// One that fires.
#[cfg(test)]
pub(crate) fn alert_for_tests(id: &str, fired_ms: i64) -> AlertRecord {
    AlertRecord {
        id: id.to_owned(),
        rule: "memory".to_owned(),
        host_id: "h1".to_owned(),
        host: "web".to_owned(),
        entity: String::new(),
        severity: "warning".to_owned(),
        fired_ms,
        resolved_ms: None,
        reason: String::new(),
        acknowledged: None,
        data: "{}".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{alert_for_tests as alert, *};
    use crate::open_for_tests as catalog;

    #[tokio::test]
    async fn past_alerts_are_kept_for_a_time_and_up_to_a_number() {
        let (_dir, catalog) = catalog().await;
        for number in 0..10 {
            let id = format!("a{number}");
            let alert = AlertRecord { entity: id.clone(), ..alert(&id, number) };
            catalog.add_alert(&alert).await.unwrap();
            if number < 8 {
                let end = AlertEnd {
                    id,
                    time_ms: 100 + number,
                    reason: String::new(),
                    data: "{}".to_owned(),
                    is_quiet: false,
                };
                catalog.write_alerts(&[AlertWrite::Ended(end)]).await.unwrap();
            }
        }
        assert_eq!(catalog.expire_alerts(102, 3).await.unwrap(), 5);
        let filter = AlertFilter { to_ms: 1000, limit: 100, ..AlertFilter::default() };
        let left = catalog.past_alerts(&filter).await.unwrap();
        assert_eq!(left.iter().map(|alert| alert.id.as_str()).collect::<Vec<_>>(), ["a7", "a6", "a5"]);
        assert_eq!(catalog.open_alerts().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn of_one_rule_host_and_entity_one_alert_fires_whoever_stores_it() {
        let (_dir, catalog) = catalog().await;
        let end = |id: &str, time_ms| {
            let (reason, data) = (String::new(), "{}".to_owned());
            AlertWrite::Ended(AlertEnd { id: id.to_owned(), time_ms, reason, data, is_quiet: false })
        };
        let disk = AlertRecord { entity: "/".to_owned(), ..alert("c", 6) };
        let first = [AlertWrite::Fired(alert("a", 5)), AlertWrite::Fired(disk)];
        assert!(catalog.write_alerts(&first).await.unwrap().replaced.is_empty());
        let second = [AlertWrite::Fired(alert("b", 7)), end("b", 9)];
        let replaced = catalog.write_alerts(&second).await.unwrap().replaced;
        assert_eq!(replaced, [Replaced { id: "b".to_owned(), by: alert("a", 5) }]);
        assert_eq!(catalog.alert("b").await.unwrap(), None);
        assert_eq!(catalog.alert("a").await.unwrap().unwrap().resolved_ms, Some(9));
        assert_eq!(catalog.write_alerts(&[AlertWrite::Fired(alert("d", 11))]).await.unwrap().revision, 5);
        let news = catalog.alert_news(0, 10).await.unwrap();
        let ids: Vec<_> = news.iter().map(|news| news.alert.id.as_str()).collect();
        assert_eq!(ids, ["c", "a", "d"]);
        assert!(news.is_sorted_by(|left, right| left.revision < right.revision));
        assert_eq!(catalog.alert_news(news[1].revision, 10).await.unwrap(), news[2..]);
    }
}
