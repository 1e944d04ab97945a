//! Several servers on one catalog: the office of the one that tells of alerts, and counters by which the others see
//! that something is new. No clock is in it: whoever wants the office watches whether its holder's beat stands still.

use sqlx::Row as _;

use crate::{Catalog, CatalogError, WriteTransaction};

/// Counter of changes of alerts.
pub(crate) const ALERTS: &str = "alerts";
/// Counter of changes of what people set: rules, thresholds, silences.
pub(crate) const SETTINGS: &str = "settings";

/// Who tells of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Office {
    /// Empty: nobody.
    pub server: String,
    /// Grows each time the office changes hands.
    pub term: i64,
    /// Moves as long as its holder is there.
    pub beat: i64,
}

/// What was changed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Revisions {
    pub alerts: i64,
    /// Rules, thresholds, silences.
    pub settings: i64,
}

impl Catalog {
    /// Who holds the office.
    pub async fn alert_office(&self) -> Result<Office, CatalogError> {
        let doing = CatalogError::query("look who tells of alerts");
        let row = sqlx::query("SELECT server, term, beat FROM alert_office WHERE id = 1")
            .fetch_one(&self.pool)
            .await
            .map_err(&doing)?;
        let office = || {
            Ok(Office {
                server: row.try_get("server")?,
                term: row.try_get("term")?,
                beat: row.try_get("beat")?,
            })
        };
        office().map_err(doing)
    }

    /// Takes the office over, unless it is not as it was `seen` any more. The new term.
    pub async fn take_alert_office(&self, server: &str, seen: &Office) -> Result<Option<i64>, CatalogError> {
        let term = seen.term.saturating_add(1);
        let done = sqlx::query(
            "UPDATE alert_office SET server = ?, term = ?, beat = beat + 1 \
             WHERE id = 1 AND server = ? AND term = ? AND beat = ?",
        )
        .bind(server)
        .bind(term)
        .bind(&seen.server)
        .bind(seen.term)
        .bind(seen.beat)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("take over telling of alerts"))?;
        Ok((done.rows_affected() == 1).then_some(term))
    }

    /// A sign of life of the holder of `term`; `false` when that term is over.
    pub async fn hold_alert_office(&self, term: i64) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("go on telling of alerts");
        let mut transaction = self.begin_write("go on telling of alerts").await?;
        let held = holds(&mut transaction, term).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(held)
    }

    /// Leaves the office to whoever comes, if `term` is not over.
    pub async fn leave_alert_office(&self, term: i64) -> Result<(), CatalogError> {
        sqlx::query("UPDATE alert_office SET server = '', beat = beat + 1 WHERE id = 1 AND term = ?")
            .bind(term)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(CatalogError::query("leave telling of alerts to others"))
    }

    /// What was changed last, by whomever.
    pub async fn alert_revisions(&self) -> Result<Revisions, CatalogError> {
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT name, revision FROM alert_revisions")
            .fetch_all(&self.pool)
            .await
            .map_err(CatalogError::query("look whether alerts changed"))?;
        let of = |name| rows.iter().find(|row| row.0 == name).map_or(0, |row| row.1);
        Ok(Revisions { alerts: of(ALERTS), settings: of(SETTINGS) })
    }
}

/// Whether `term` goes on until the transaction ends: the row stays locked. Counts as a sign of life.
pub(crate) async fn holds(transaction: &mut WriteTransaction, term: i64) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("UPDATE alert_office SET beat = beat + 1 WHERE id = 1 AND term = ?")
        .bind(term)
        .execute(&mut **transaction)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts a change. Whoever counts next waits for this transaction, so counts are seen in their order.
pub(crate) async fn next_revision(
    transaction: &mut WriteTransaction,
    name: &str,
) -> Result<i64, sqlx::Error> {
    sqlx::query("UPDATE alert_revisions SET revision = revision + 1 WHERE name = ?")
        .bind(name)
        .execute(&mut **transaction)
        .await?;
    sqlx::query_scalar("SELECT revision FROM alert_revisions WHERE name = ?")
        .bind(name)
        .fetch_one(&mut **transaction)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notifications::{ToldAlerts, notification_for_tests};
    use crate::open_for_tests as catalog;
    use crate::silences::silence_for_tests;

    #[tokio::test]
    async fn one_server_has_the_office_and_who_lost_it_writes_nothing() {
        let (_dir, catalog) = catalog().await;
        let nobody = catalog.alert_office().await.unwrap();
        assert_eq!(catalog.take_alert_office("a", &nobody).await.unwrap(), Some(1));
        assert_eq!(catalog.take_alert_office("b", &nobody).await.unwrap(), None);
        let seen = catalog.alert_office().await.unwrap();
        assert!(catalog.hold_alert_office(1).await.unwrap());
        assert_eq!(catalog.take_alert_office("b", &seen).await.unwrap(), None, "it gave a sign of life");
        let seen = catalog.alert_office().await.unwrap();
        assert_eq!(catalog.take_alert_office("b", &seen).await.unwrap(), Some(2));
        assert!(!catalog.hold_alert_office(1).await.unwrap());
        let notification = notification_for_tests("ops", "n");
        let told = ToldAlerts { firing: &[], resolved: &[] };
        assert_eq!(catalog.queue_notification(&notification, told, 1).await.unwrap(), None);
        assert_eq!(catalog.next_notification("ops").await.unwrap(), None);
        assert_eq!(catalog.queue_notification(&notification, told, 2).await.unwrap(), Some(0));
        assert!(!catalog.claim_notification("ops", "n", 1).await.unwrap());
        assert!(catalog.claim_notification("ops", "n", 2).await.unwrap());
        assert_eq!(catalog.next_notification("ops").await.unwrap().unwrap().claimed_term, 2);
        catalog.postpone_notification("ops", "n", 9).await.unwrap();
        assert_eq!(catalog.next_notification("ops").await.unwrap().unwrap().claimed_term, 0);
        catalog.leave_alert_office(1).await.unwrap();
        assert_eq!(catalog.alert_office().await.unwrap().server, "b");
        catalog.leave_alert_office(2).await.unwrap();
        assert_eq!(catalog.alert_office().await.unwrap().server, "");
    }

    #[tokio::test]
    async fn what_people_set_is_counted() {
        let (_dir, catalog) = catalog().await;
        let silence = silence_for_tests();
        catalog.add_silence(&silence).await.unwrap();
        catalog.remove_silence("s").await.unwrap();
        assert_eq!(catalog.alert_revisions().await.unwrap(), Revisions { alerts: 0, settings: 2 });
    }
}
