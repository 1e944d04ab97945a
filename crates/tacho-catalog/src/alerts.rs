//! Alerts, silences, and notifications on their way.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Catalog, CatalogError};

/// Notifications that wait for one receiver; beyond them the oldest are given up.
const MAX_QUEUED: i64 = 10_000;

/// An alert that fires or fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRecord {
    pub id: String,
    pub rule: String,
    pub host_id: String,
    pub host: String,
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

/// A notification that a receiver has not taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedNotification {
    /// Sorts by the time it was made.
    pub id: String,
    pub receiver: String,
    pub created_ms: i64,
    /// Tries that failed.
    pub attempts: i64,
    pub next_ms: i64,
    /// JSON.
    pub data: String,
}

/// Ids of alerts that a notification tells of.
#[derive(Debug, Clone, Copy)]
pub struct ToldAlerts<'a> {
    pub firing: &'a [String],
    pub resolved: &'a [String],
}

pub(crate) const COLUMNS: &str = "id, rule, host_id, host, severity, fired_ms, resolved_ms, reason, acknowledged_ms, \
                       acknowledged_by, acknowledged_note, data";

impl Catalog {
    /// Stores an alert that fires. The same one again changes nothing.
    pub async fn add_alert(&self, alert: &AlertRecord) -> Result<(), CatalogError> {
        let doing = CatalogError::query("store an alert");
        let mut transaction = self.begin_write("store an alert").await?;
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM alerts WHERE id = ?")
            .bind(&alert.id)
            .fetch_one(&mut *transaction)
            .await
            .map_err(&doing)?;
        if known == 0 {
            sqlx::query(
                "INSERT INTO alerts (id, rule, host_id, host, severity, fired_ms, reason, data) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(&alert.id)
            .bind(&alert.rule)
            .bind(&alert.host_id)
            .bind(&alert.host)
            .bind(&alert.severity)
            .bind(alert.fired_ms)
            .bind(&alert.reason)
            .bind(&alert.data)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        }
        transaction.commit().await.map_err(doing)
    }

    /// Ends an alert, with what it was at its end.
    pub async fn resolve_alert(
        &self,
        id: &str,
        time_ms: i64,
        reason: &str,
        data: &str,
    ) -> Result<(), CatalogError> {
        sqlx::query(
            "UPDATE alerts SET resolved_ms = ?, reason = ?, data = ? WHERE id = ? AND resolved_ms IS NULL",
        )
        .bind(time_ms)
        .bind(reason)
        .bind(data)
        .bind(id)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("end an alert"))?;
        Ok(())
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

    /// Which receivers were told that an alert fires, and not yet that it is over: ids of alerts, and receivers.
    pub async fn told_alerts(&self) -> Result<Vec<(String, String)>, CatalogError> {
        sqlx::query_as("SELECT alert_id, receiver FROM alert_told")
            .fetch_all(&self.pool)
            .await
            .map_err(CatalogError::query("list who was told of alerts"))
    }

    /// Nobody is told of the end of an alert.
    pub async fn forget_told(&self, id: &str) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM alert_told WHERE alert_id = ?")
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("forget who was told of an alert"))?;
        Ok(())
    }

    /// Drops what waits for receivers that are no more, and what they were told; how many notifications.
    pub async fn keep_receivers(&self, receivers: &[String]) -> Result<u64, CatalogError> {
        let doing = CatalogError::query("drop notifications of receivers that are no more");
        let known: Vec<String> =
            sqlx::query_scalar("SELECT receiver FROM alert_queue UNION SELECT receiver FROM alert_told")
                .fetch_all(&self.pool)
                .await
                .map_err(&doing)?;
        let mut dropped = 0;
        for receiver in known.iter().filter(|known| !receivers.contains(known)) {
            let done = sqlx::query("DELETE FROM alert_queue WHERE receiver = ?")
                .bind(receiver)
                .execute(&self.pool)
                .await
                .map_err(&doing)?;
            dropped += done.rows_affected();
            sqlx::query("DELETE FROM alert_told WHERE receiver = ?")
                .bind(receiver)
                .execute(&self.pool)
                .await
                .map_err(&doing)?;
        }
        Ok(dropped)
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
        let done = sqlx::query(
            "UPDATE alerts SET acknowledged_ms = ?, acknowledged_by = ?, acknowledged_note = ? \
             WHERE id = ? AND resolved_ms IS NULL",
        )
        .bind(acknowledgement.time_ms)
        .bind(&acknowledgement.author)
        .bind(&acknowledgement.note)
        .bind(id)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("acknowledge an alert"))?;
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

    /// Queues a notification for its receiver and notes which alerts it was told of, in one transaction: what was
    /// told is on its way, and what is not on its way was not told. How many of the oldest made room for it.
    pub async fn queue_notification(
        &self,
        notification: &QueuedNotification,
        told: ToldAlerts<'_>,
    ) -> Result<u64, CatalogError> {
        let doing = CatalogError::query("queue a notification");
        let mut transaction = self.begin_write("queue a notification").await?;
        let receiver = &notification.receiver;
        sqlx::query(
            "INSERT INTO alert_queue (id, receiver, created_ms, attempts, next_ms, data) VALUES (?, ?, ?, 0, ?, ?)",
        )
        .bind(&notification.id)
        .bind(receiver)
        .bind(notification.created_ms)
        .bind(notification.next_ms)
        .bind(&notification.data)
        .execute(&mut *transaction)
        .await
        .map_err(&doing)?;
        let edge: Option<String> = sqlx::query_scalar(
            "SELECT id FROM alert_queue WHERE receiver = ? ORDER BY id DESC LIMIT 1 OFFSET ?",
        )
        .bind(receiver)
        .bind(MAX_QUEUED)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(&doing)?;
        let mut dropped = 0;
        if let Some(edge) = edge {
            let done = sqlx::query("DELETE FROM alert_queue WHERE receiver = ? AND id <= ?")
                .bind(receiver)
                .bind(edge)
                .execute(&mut *transaction)
                .await
                .map_err(&doing)?;
            dropped = done.rows_affected();
        }
        // What is told again is in there already.
        for id in told.firing.iter().chain(told.resolved) {
            sqlx::query("DELETE FROM alert_told WHERE alert_id = ? AND receiver = ?")
                .bind(id)
                .bind(receiver)
                .execute(&mut *transaction)
                .await
                .map_err(&doing)?;
        }
        for id in told.firing {
            sqlx::query("INSERT INTO alert_told (alert_id, receiver) VALUES (?, ?)")
                .bind(id)
                .bind(receiver)
                .execute(&mut *transaction)
                .await
                .map_err(&doing)?;
        }
        transaction.commit().await.map_err(doing)?;
        Ok(dropped)
    }

    /// The oldest notification that waits for a receiver.
    pub async fn next_notification(
        &self,
        receiver: &str,
    ) -> Result<Option<QueuedNotification>, CatalogError> {
        let row = sqlx::query(
            "SELECT id, receiver, created_ms, attempts, next_ms, data FROM alert_queue \
             WHERE receiver = ? ORDER BY id LIMIT 1",
        )
        .bind(receiver)
        .fetch_optional(&self.pool)
        .await;
        row.and_then(|row| row.as_ref().map(queued).transpose())
            .map_err(CatalogError::query("look for a notification"))
    }

    /// How many notifications wait, by receiver.
    pub async fn queued_notifications(&self) -> Result<Vec<(String, i64)>, CatalogError> {
        sqlx::query_as("SELECT receiver, COUNT(*) FROM alert_queue GROUP BY receiver ORDER BY receiver")
            .fetch_all(&self.pool)
            .await
            .map_err(CatalogError::query("count notifications"))
    }

    /// A receiver took it, or it is given up.
    pub async fn drop_notification(&self, receiver: &str, id: &str) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM alert_queue WHERE receiver = ? AND id = ?")
            .bind(receiver)
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("drop a notification"))?;
        Ok(())
    }

    /// A receiver did not take it; the next try is at `next_ms`.
    pub async fn postpone_notification(
        &self,
        receiver: &str,
        id: &str,
        next_ms: i64,
    ) -> Result<(), CatalogError> {
        sqlx::query(
            "UPDATE alert_queue SET attempts = attempts + 1, next_ms = ? WHERE receiver = ? AND id = ?",
        )
        .bind(next_ms)
        .bind(receiver)
        .bind(id)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("postpone a notification"))?;
        Ok(())
    }

    /// Silences that are not over at `now_ms`; older ones are dropped.
    pub async fn silences(&self, now_ms: i64) -> Result<Vec<SilenceRecord>, CatalogError> {
        let doing = CatalogError::query("list silences");
        sqlx::query("DELETE FROM alert_silences WHERE ends_ms <= ?")
            .bind(now_ms)
            .execute(&self.pool)
            .await
            .map_err(&doing)?;
        sqlx::query("SELECT id, starts_ms, ends_ms, author, data FROM alert_silences ORDER BY ends_ms, id")
            .fetch_all(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(silence_record).collect())
            .map_err(doing)
    }

    pub async fn add_silence(&self, silence: &SilenceRecord) -> Result<(), CatalogError> {
        sqlx::query(
            "INSERT INTO alert_silences (id, starts_ms, ends_ms, author, data) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&silence.id)
        .bind(silence.starts_ms)
        .bind(silence.ends_ms)
        .bind(&silence.author)
        .bind(&silence.data)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("store a silence"))?;
        Ok(())
    }

    /// `false` when there is none with this id.
    pub async fn remove_silence(&self, id: &str) -> Result<bool, CatalogError> {
        let done = sqlx::query("DELETE FROM alert_silences WHERE id = ?")
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("remove a silence"))?;
        Ok(done.rows_affected() > 0)
    }

    /// What rules remembered, as JSON.
    pub async fn alert_memory(&self) -> Result<Option<String>, CatalogError> {
        sqlx::query_scalar("SELECT data FROM alert_memory WHERE id = 1")
            .fetch_optional(&self.pool)
            .await
            .map_err(CatalogError::query("read what alert rules remember"))
    }

    pub async fn save_alert_memory(&self, data: &str, now_ms: i64) -> Result<(), CatalogError> {
        let doing = CatalogError::query("store what alert rules remember");
        let mut transaction = self.begin_write("store what alert rules remember").await?;
        sqlx::query("DELETE FROM alert_memory WHERE id = 1")
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        sqlx::query("INSERT INTO alert_memory (id, saved_ms, data) VALUES (1, ?, ?)")
            .bind(now_ms)
            .bind(data)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        transaction.commit().await.map_err(doing)
    }
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
        severity: row.try_get("severity")?,
        fired_ms: row.try_get("fired_ms")?,
        resolved_ms: row.try_get("resolved_ms")?,
        reason: row.try_get("reason")?,
        acknowledged,
        data: row.try_get("data")?,
    })
}

fn queued(row: &SqliteRow) -> Result<QueuedNotification, sqlx::Error> {
    Ok(QueuedNotification {
        id: row.try_get("id")?,
        receiver: row.try_get("receiver")?,
        created_ms: row.try_get("created_ms")?,
        attempts: row.try_get("attempts")?,
        next_ms: row.try_get("next_ms")?,
        data: row.try_get("data")?,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    fn alert(id: &str, fired_ms: i64) -> AlertRecord {
        AlertRecord {
            id: id.to_owned(),
            rule: "memory".to_owned(),
            host_id: "h1".to_owned(),
            host: "web".to_owned(),
            severity: "warning".to_owned(),
            fired_ms,
            resolved_ms: None,
            reason: String::new(),
            acknowledged: None,
            data: "{}".to_owned(),
        }
    }

    fn notification(receiver: &str, id: &str) -> QueuedNotification {
        QueuedNotification {
            id: id.to_owned(),
            receiver: receiver.to_owned(),
            created_ms: 7,
            attempts: 0,
            next_ms: 7,
            data: "[]".to_owned(),
        }
    }

    #[tokio::test]
    async fn an_alert_is_open_until_its_end_was_told() {
        let (_dir, catalog) = catalog().await;
        catalog.add_alert(&alert("a", 5)).await.unwrap();
        catalog.add_alert(&alert("a", 5)).await.unwrap();
        let acknowledged = Acknowledgement { time_ms: 6, author: "ann".to_owned(), note: "on it".to_owned() };
        assert!(catalog.acknowledge_alert("a", &acknowledged).await.unwrap());
        assert!(!catalog.acknowledge_alert("b", &acknowledged).await.unwrap());
        let ids = ["a".to_owned()];
        let firing = ToldAlerts { firing: &ids, resolved: &[] };
        for (receiver, notified) in [("ops", "n1"), ("log", "n1"), ("ops", "n2")] {
            catalog.queue_notification(&notification(receiver, notified), firing).await.unwrap();
        }
        let mut told = catalog.told_alerts().await.unwrap();
        told.sort();
        assert_eq!(told, [("a", "log"), ("a", "ops")].map(|(id, name)| (id.to_owned(), name.to_owned())));
        catalog.resolve_alert("a", 9, "gone", "{\"x\":1}").await.unwrap();
        let expected = AlertRecord {
            resolved_ms: Some(9),
            reason: "gone".to_owned(),
            acknowledged: Some(acknowledged),
            data: "{\"x\":1}".to_owned(),
            ..alert("a", 5)
        };
        let over = ToldAlerts { firing: &[], resolved: &ids };
        for receiver in ["ops", "log"] {
            assert_eq!(catalog.open_alerts().await.unwrap(), std::slice::from_ref(&expected));
            catalog.queue_notification(&notification(receiver, "n3"), over).await.unwrap();
        }
        assert!(catalog.open_alerts().await.unwrap().is_empty());
        assert_eq!(catalog.alert("a").await.unwrap(), Some(expected.clone()));
        let filter = AlertFilter { from_ms: 9, to_ms: 6, limit: 10, ..AlertFilter::default() };
        assert_eq!(catalog.past_alerts(&filter).await.unwrap(), [expected]);
        let other = AlertFilter { rule: Some("cpu".to_owned()), ..filter };
        assert!(catalog.past_alerts(&other).await.unwrap().is_empty());
        catalog.remove_alerts_of("h1").await.unwrap();
        assert_eq!(catalog.alert("a").await.unwrap(), None);
    }

    #[tokio::test]
    async fn notifications_come_in_order_until_each_receiver_took_them() {
        let (_dir, catalog) = catalog().await;
        let none = ToldAlerts { firing: &[], resolved: &[] };
        for (receiver, id) in [("ops", "n2"), ("log", "n2"), ("ops", "n1"), ("log", "n1")] {
            catalog.queue_notification(&notification(receiver, id), none).await.unwrap();
        }
        let counts = [("log".to_owned(), 2), ("ops".to_owned(), 2)];
        assert_eq!(catalog.queued_notifications().await.unwrap(), counts);
        catalog.postpone_notification("ops", "n1", 99).await.unwrap();
        let next = catalog.next_notification("ops").await.unwrap().unwrap();
        assert_eq!((next.id.as_str(), next.attempts, next.next_ms), ("n1", 1, 99));
        catalog.drop_notification("ops", "n1").await.unwrap();
        assert_eq!(catalog.next_notification("ops").await.unwrap().unwrap().id, "n2");
        assert_eq!(catalog.next_notification("log").await.unwrap().unwrap().id, "n1");
        assert_eq!(catalog.next_notification("nobody").await.unwrap(), None);
        assert_eq!(catalog.keep_receivers(&["ops".to_owned()]).await.unwrap(), 2);
        assert_eq!(catalog.next_notification("log").await.unwrap(), None);
        assert_eq!(catalog.queued_notifications().await.unwrap(), [("ops".to_owned(), 1)]);
    }

    #[tokio::test]
    async fn past_alerts_are_kept_for_a_time_and_up_to_a_number() {
        let (_dir, catalog) = catalog().await;
        for number in 0..10 {
            let id = format!("a{number}");
            catalog.add_alert(&alert(&id, number)).await.unwrap();
            if number < 8 {
                catalog.resolve_alert(&id, 100 + number, "", "{}").await.unwrap();
            }
        }
        assert_eq!(catalog.expire_alerts(102, 3).await.unwrap(), 5);
        let filter = AlertFilter { to_ms: 1000, limit: 100, ..AlertFilter::default() };
        let left = catalog.past_alerts(&filter).await.unwrap();
        assert_eq!(left.iter().map(|alert| alert.id.as_str()).collect::<Vec<_>>(), ["a7", "a6", "a5"]);
        assert_eq!(catalog.open_alerts().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn silences_end_and_memory_is_replaced() {
        let (_dir, catalog) = catalog().await;
        let silence = SilenceRecord {
            id: "s".to_owned(),
            starts_ms: 1,
            ends_ms: 10,
            author: "ann".to_owned(),
            data: "{}".to_owned(),
        };
        catalog.add_silence(&silence).await.unwrap();
        assert_eq!(catalog.silences(9).await.unwrap(), [silence]);
        assert!(catalog.silences(10).await.unwrap().is_empty());
        assert!(!catalog.remove_silence("s").await.unwrap());
        for text in ["{}", "[1]"] {
            catalog.save_alert_memory(text, 5).await.unwrap();
            assert_eq!(catalog.alert_memory().await.unwrap().as_deref(), Some(text));
        }
    }
}
