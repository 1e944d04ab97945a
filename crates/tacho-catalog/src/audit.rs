//! Who changed what.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Catalog, CatalogError, HostChange, WriteTransaction};

/// Entries that are kept; the oldest go first.
const MAX_ENTRIES: i64 = 10_000;
/// Of them, questions to agents: programs may ask often, and must not push changes out.
const MAX_QUESTIONS: i64 = 2_000;

/// Somebody asked which files a process holds open.
const OPEN_FILES: &str = "host.open_files";

/// A change that somebody made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Unique; sorts by time.
    pub id: String,
    pub time_ms: i64,
    pub author: String,
    /// Such as `host.tags`.
    pub action: String,
    /// What was changed, such as the name of a host.
    pub subject: String,
    /// What held before and after; absent where nothing did.
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Catalog {
    /// Notes that somebody asks the agent of a host for the open files of a process.
    pub async fn note_open_files(
        &self,
        host_name: &str,
        process: String,
        change: &HostChange,
    ) -> Result<(), CatalogError> {
        let doing = CatalogError::query("note a question");
        let mut transaction = self.begin_write("note a question").await?;
        let entry = change.entry(OPEN_FILES, host_name, None, Some(process));
        write(&mut transaction, &entry).await.map_err(&doing)?;
        keep_newest_questions(&mut transaction, MAX_QUESTIONS).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)
    }

    /// The newest entries, those before one when its id is given; at most `limit`.
    pub async fn audit_entries(
        &self,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, CatalogError> {
        sqlx::query(
            "SELECT id, time_ms, author, action, subject, before_text, after_text FROM audit_entries \
             WHERE ? IS NULL OR id < ? ORDER BY id DESC LIMIT ?",
        )
        .bind(before)
        .bind(before)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(entry).collect())
        .map_err(CatalogError::query("list what was changed"))
    }
}

/// Writes an entry, in the transaction of the change.
pub(crate) async fn write(transaction: &mut WriteTransaction, entry: &AuditEntry) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit_entries (id, time_ms, author, action, subject, before_text, after_text) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&entry.id)
    .bind(entry.time_ms)
    .bind(&entry.author)
    .bind(&entry.action)
    .bind(&entry.subject)
    .bind(&entry.before)
    .bind(&entry.after)
    .execute(&mut **transaction)
    .await?;
    keep_newest(transaction, MAX_ENTRIES).await
}

async fn keep_newest(transaction: &mut WriteTransaction, most: i64) -> Result<(), sqlx::Error> {
    let oldest: Option<String> =
        sqlx::query_scalar("SELECT id FROM audit_entries ORDER BY id DESC LIMIT 1 OFFSET ?")
            .bind(most)
            .fetch_optional(&mut **transaction)
            .await?;
    if let Some(oldest) = oldest {
        sqlx::query("DELETE FROM audit_entries WHERE id <= ?")
            .bind(oldest)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn keep_newest_questions(transaction: &mut WriteTransaction, most: i64) -> Result<(), sqlx::Error> {
    let oldest: Option<String> =
        sqlx::query_scalar("SELECT id FROM audit_entries WHERE action = ? ORDER BY id DESC LIMIT 1 OFFSET ?")
            .bind(OPEN_FILES)
            .bind(most)
            .fetch_optional(&mut **transaction)
            .await?;
    if let Some(oldest) = oldest {
        sqlx::query("DELETE FROM audit_entries WHERE action = ? AND id <= ?")
            .bind(OPEN_FILES)
            .bind(oldest)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

fn entry(row: &SqliteRow) -> Result<AuditEntry, sqlx::Error> {
    Ok(AuditEntry {
        id: row.try_get("id")?,
        time_ms: row.try_get("time_ms")?,
        author: row.try_get("author")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        before: row.try_get("before_text")?,
        after: row.try_get("after_text")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    #[tokio::test]
    async fn the_newest_entries_come_first_and_the_oldest_go() {
        let (_dir, catalog) = catalog().await;
        let entry = |number: i64| AuditEntry {
            id: format!("{number:06}"),
            time_ms: number,
            author: "ann".to_owned(),
            action: "host.tags".to_owned(),
            subject: "web".to_owned(),
            before: None,
            after: Some("db".to_owned()),
        };
        let mut transaction = catalog.begin_write("test").await.unwrap();
        for number in 0..8 {
            write(&mut transaction, &entry(number)).await.unwrap();
        }
        keep_newest(&mut transaction, 5).await.unwrap();
        keep_newest(&mut transaction, 5).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(catalog.audit_entries(None, 2).await.unwrap(), [entry(7), entry(6)]);
        assert_eq!(catalog.audit_entries(Some("000005"), 99).await.unwrap(), [entry(4), entry(3)]);
    }

    #[tokio::test]
    async fn questions_do_not_push_changes_out() {
        let (_dir, catalog) = catalog().await;
        let change = |number: i64| HostChange {
            id: format!("{number:06}"),
            time_ms: number,
            author: "ann".to_owned(),
        };
        let mut transaction = catalog.begin_write("test").await.unwrap();
        let tags = change(0).entry("host.tags", "web", None, Some("db".to_owned()));
        write(&mut transaction, &tags).await.unwrap();
        transaction.commit().await.unwrap();
        for number in 1..=5 {
            catalog.note_open_files("web", format!("pid {number}"), &change(number)).await.unwrap();
        }
        let mut transaction = catalog.begin_write("test").await.unwrap();
        keep_newest_questions(&mut transaction, 2).await.unwrap();
        transaction.commit().await.unwrap();
        let entries = catalog.audit_entries(None, 99).await.unwrap();
        let shown: Vec<_> = entries.iter().map(|entry| entry.after.as_deref().unwrap()).collect();
        assert_eq!(shown, ["pid 5", "pid 4", "db"]);
        assert_eq!((entries[0].action.as_str(), entries[0].subject.as_str()), (OPEN_FILES, "web"));
    }
}
