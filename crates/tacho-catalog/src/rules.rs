//! Alert rules that people made by the API, and the history of all rules.

use sqlx::Row as _;
use sqlx::sqlite::{Sqlite, SqliteRow};

use crate::office::{SETTINGS, next_revision};
use crate::{Catalog, CatalogError};

/// Changes that are kept; beyond them the oldest are dropped.
const MAX_CHANGES: i64 = 10_000;

/// What people said of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRecord {
    pub name: String,
    /// Text of one `[[rule]]`; absent: the one of the files or the default one.
    pub definition: Option<String>,
    pub enabled: bool,
    pub author: String,
    pub changed_ms: i64,
    /// Id of the last change.
    pub revision: String,
}

/// One change of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange {
    /// Sorts by time.
    pub id: String,
    pub time_ms: i64,
    pub rule: String,
    pub author: String,
    /// `created`, `changed`, …
    pub action: String,
    pub note: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What becomes of the stored rule with a change.
#[derive(Debug, Clone, Copy)]
pub enum RuleStore<'a> {
    /// Nothing: the change is of a file or a threshold.
    Keep,
    Put {
        definition: Option<&'a str>,
        enabled: bool,
    },
    Remove,
}

impl Catalog {
    /// Rules that people made, by name.
    pub async fn alert_rules(&self) -> Result<Vec<RuleRecord>, CatalogError> {
        sqlx::query(
            "SELECT name, definition, enabled, author, changed_ms, revision FROM alert_rules ORDER BY name",
        )
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(rule).collect())
        .map_err(CatalogError::query("list alert rules"))
    }

    /// Changes rules and notes it in their history, all in one transaction.
    pub async fn change_alert_rules(
        &self,
        changes: &[(RuleChange, RuleStore<'_>)],
    ) -> Result<(), CatalogError> {
        let doing = CatalogError::query("change alert rules");
        let mut transaction = self.begin_write("change alert rules").await?;
        for (change, store) in changes {
            if !matches!(store, RuleStore::Keep) {
                sqlx::query("DELETE FROM alert_rules WHERE name = ?")
                    .bind(&change.rule)
                    .execute(&mut *transaction)
                    .await
                    .map_err(&doing)?;
            }
            if let RuleStore::Put { definition, enabled } = store {
                sqlx::query(
                    "INSERT INTO alert_rules (name, definition, enabled, author, changed_ms, revision) \
                     VALUES (?, ?, ?, ?, ?, ?)",
                )
                .bind(&change.rule)
                .bind(*definition)
                .bind(i64::from(*enabled))
                .bind(&change.author)
                .bind(change.time_ms)
                .bind(&change.id)
                .execute(&mut *transaction)
                .await
                .map_err(&doing)?;
            }
            note(&mut transaction, change).await.map_err(&doing)?;
        }
        next_revision(&mut transaction, SETTINGS).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)
    }

    /// Changes of one rule or of all, the newest first; those before the one called `before`.
    pub async fn alert_rule_changes(
        &self,
        rule: Option<&str>,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<RuleChange>, CatalogError> {
        let (rule, before) = (rule.unwrap_or_default(), before.unwrap_or_default());
        sqlx::query(
            "SELECT id, time_ms, rule, author, action, note, before_text, after_text FROM alert_rule_changes \
             WHERE (? = '' OR rule = ?) AND (? = '' OR id < ?) ORDER BY id DESC LIMIT ?",
        )
        .bind(rule)
        .bind(rule)
        .bind(before)
        .bind(before)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(change_of).collect())
        .map_err(CatalogError::query("list changes of alert rules"))
    }
}

/// Adds a change to the history, and drops the oldest beyond [`MAX_CHANGES`].
pub(crate) async fn note(
    transaction: &mut sqlx::Transaction<'_, Sqlite>,
    change: &RuleChange,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO alert_rule_changes (id, time_ms, rule, author, action, note, before_text, after_text) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&change.id)
    .bind(change.time_ms)
    .bind(&change.rule)
    .bind(&change.author)
    .bind(&change.action)
    .bind(&change.note)
    .bind(&change.before)
    .bind(&change.after)
    .execute(&mut **transaction)
    .await?;
    let edge: Option<String> =
        sqlx::query_scalar("SELECT id FROM alert_rule_changes ORDER BY id DESC LIMIT 1 OFFSET ?")
            .bind(MAX_CHANGES)
            .fetch_optional(&mut **transaction)
            .await?;
    if let Some(edge) = edge {
        sqlx::query("DELETE FROM alert_rule_changes WHERE id <= ?")
            .bind(edge)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

fn rule(row: &SqliteRow) -> Result<RuleRecord, sqlx::Error> {
    Ok(RuleRecord {
        name: row.try_get("name")?,
        definition: row.try_get("definition")?,
        enabled: row.try_get::<i64, _>("enabled")? != 0,
        author: row.try_get("author")?,
        changed_ms: row.try_get("changed_ms")?,
        revision: row.try_get("revision")?,
    })
}

fn change_of(row: &SqliteRow) -> Result<RuleChange, sqlx::Error> {
    Ok(RuleChange {
        id: row.try_get("id")?,
        time_ms: row.try_get("time_ms")?,
        rule: row.try_get("rule")?,
        author: row.try_get("author")?,
        action: row.try_get("action")?,
        note: row.try_get("note")?,
        before: row.try_get("before_text")?,
        after: row.try_get("after_text")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    fn change(id: &str, rule: &str) -> RuleChange {
        RuleChange {
            id: id.to_owned(),
            time_ms: 7,
            rule: rule.to_owned(),
            author: "ann".to_owned(),
            action: "changed".to_owned(),
            note: String::new(),
            before: None,
            after: Some("text".to_owned()),
        }
    }

    #[tokio::test]
    async fn rules_are_stored_with_their_history() {
        let (_dir, catalog) = catalog().await;
        let put = RuleStore::Put { definition: Some("text"), enabled: true };
        let off = RuleStore::Put { definition: None, enabled: false };
        let changes = [
            (change("1", "a"), put),
            (change("2", "b"), off),
            (change("3", "a"), RuleStore::Keep),
            (change("4", "b"), RuleStore::Remove),
        ];
        catalog.change_alert_rules(&changes).await.unwrap();
        let expected = RuleRecord {
            name: "a".to_owned(),
            definition: Some("text".to_owned()),
            enabled: true,
            author: "ann".to_owned(),
            changed_ms: 7,
            revision: "1".to_owned(),
        };
        assert_eq!(catalog.alert_rules().await.unwrap(), [expected]);
        assert_eq!(
            catalog.alert_rule_changes(Some("a"), None, 9).await.unwrap(),
            [change("3", "a"), change("1", "a")]
        );
        assert_eq!(
            catalog.alert_rule_changes(None, Some("4"), 2).await.unwrap(),
            [change("3", "a"), change("2", "b")]
        );
        // Nothing of it happens when a part can not.
        let twice = [(change("5", "c"), put), (change("5", "d"), put)];
        assert!(catalog.change_alert_rules(&twice).await.is_err());
        assert_eq!(catalog.alert_rules().await.unwrap().len(), 1);
    }
}
