//! Notifications on their way to receivers, and who was told of which alert.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::office::holds;
use crate::{Catalog, CatalogError};

/// Notifications that wait for one receiver; beyond them the oldest are given up.
const MAX_QUEUED: i64 = 10_000;

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
    /// The term of whoever began to send it; 0: nobody.
    pub claimed_term: i64,
    /// JSON.
    pub data: String,
}

/// Ids of alerts that a notification tells of.
#[derive(Debug, Clone, Copy)]
pub struct ToldAlerts<'a> {
    pub firing: &'a [String],
    pub resolved: &'a [String],
}

impl Catalog {
    /// Which receivers were told that an alert fires, and not yet that it is over: ids of alerts, and receivers.
    pub async fn told_alerts(&self) -> Result<Vec<(String, String)>, CatalogError> {
        sqlx::query_as("SELECT alert_id, receiver FROM alert_told")
            .fetch_all(&self.pool)
            .await
            .map_err(CatalogError::query("list who was told of alerts"))
    }

    /// Those of one alert, in order.
    pub async fn told_of(&self, alert_id: &str) -> Result<Vec<String>, CatalogError> {
        sqlx::query_scalar("SELECT receiver FROM alert_told WHERE alert_id = ? ORDER BY receiver")
            .bind(alert_id)
            .fetch_all(&self.pool)
            .await
            .map_err(CatalogError::query("list who was told of an alert"))
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

    /// Queues a notification for its receiver and notes which alerts it was told of, in one transaction: what was
    /// told is on its way, and what is not on its way was not told. How many of the oldest made room for it; `None`,
    /// and nothing is done, when `term` of the office is over.
    pub async fn queue_notification(
        &self,
        notification: &QueuedNotification,
        told: ToldAlerts<'_>,
        term: i64,
    ) -> Result<Option<u64>, CatalogError> {
        let doing = CatalogError::query("queue a notification");
        let mut transaction = self.begin_write("queue a notification").await?;
        if !holds(&mut transaction, term).await.map_err(&doing)? {
            return Ok(None);
        }
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
        Ok(Some(dropped))
    }

    /// Notes that the holder of `term` begins to send a notification; `false` when that term of the office is over.
    pub async fn claim_notification(
        &self,
        receiver: &str,
        id: &str,
        term: i64,
    ) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("claim a notification");
        let mut transaction = self.begin_write("claim a notification").await?;
        if !holds(&mut transaction, term).await.map_err(&doing)? {
            return Ok(false);
        }
        sqlx::query("UPDATE alert_queue SET claimed_term = ? WHERE receiver = ? AND id = ?")
            .bind(term)
            .bind(receiver)
            .bind(id)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(true)
    }

    /// The oldest notification that waits for a receiver.
    pub async fn next_notification(
        &self,
        receiver: &str,
    ) -> Result<Option<QueuedNotification>, CatalogError> {
        let row = sqlx::query(
            "SELECT id, receiver, created_ms, attempts, next_ms, claimed_term, data FROM alert_queue \
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
            "UPDATE alert_queue SET attempts = attempts + 1, next_ms = ?, claimed_term = 0 \
             WHERE receiver = ? AND id = ?",
        )
        .bind(next_ms)
        .bind(receiver)
        .bind(id)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("postpone a notification"))?;
        Ok(())
    }
}

/// Nobody is told of the end of an alert.
pub(crate) async fn forget_told(
    transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    id: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM alert_told WHERE alert_id = ?").bind(id).execute(&mut **transaction).await?;
    Ok(())
}

fn queued(row: &SqliteRow) -> Result<QueuedNotification, sqlx::Error> {
    Ok(QueuedNotification {
        id: row.try_get("id")?,
        receiver: row.try_get("receiver")?,
        created_ms: row.try_get("created_ms")?,
        attempts: row.try_get("attempts")?,
        next_ms: row.try_get("next_ms")?,
        claimed_term: row.try_get("claimed_term")?,
        data: row.try_get("data")?,
    })
}

/// One that waits.
#[cfg(test)]
pub(crate) fn notification_for_tests(receiver: &str, id: &str) -> QueuedNotification {
    QueuedNotification {
        id: id.to_owned(),
        receiver: receiver.to_owned(),
        created_ms: 7,
        attempts: 0,
        next_ms: 7,
        claimed_term: 0,
        data: "[]".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{notification_for_tests as notification, *};
    use crate::alerts::{
        Acknowledgement, AlertEnd, AlertFilter, AlertRecord, AlertWrite, alert_for_tests as alert,
    };
    use crate::open_for_tests as catalog;

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
            catalog.queue_notification(&notification(receiver, notified), firing, 0).await.unwrap();
        }
        let mut told = catalog.told_alerts().await.unwrap();
        told.sort();
        assert_eq!(told, [("a", "log"), ("a", "ops")].map(|(id, name)| (id.to_owned(), name.to_owned())));
        assert_eq!(catalog.told_of("a").await.unwrap(), ["log", "ops"]);
        assert!(catalog.told_of("b").await.unwrap().is_empty());
        let mut end = AlertEnd {
            id: "a".to_owned(),
            time_ms: 9,
            reason: "gone".to_owned(),
            data: "{\"x\":1}".to_owned(),
            is_quiet: false,
        };
        catalog.write_alerts(&[AlertWrite::Ended(end.clone())]).await.unwrap();
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
            catalog.queue_notification(&notification(receiver, "n3"), over, 0).await.unwrap();
        }
        assert!(catalog.open_alerts().await.unwrap().is_empty());
        catalog.queue_notification(&notification("ops", "n4"), firing, 0).await.unwrap();
        end.is_quiet = true;
        catalog.write_alerts(&[AlertWrite::Ended(end)]).await.unwrap();
        assert!(catalog.told_alerts().await.unwrap().is_empty());
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
            catalog.queue_notification(&notification(receiver, id), none, 0).await.unwrap();
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
}
