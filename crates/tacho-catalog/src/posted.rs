//! Events that people and programs told, each until the history has it: what agents are for their frames, the catalog
//! is for these.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Catalog, CatalogError, StreamKey, hex};

/// Whose frames they are, in place of an agent's id.
pub const POSTED_AGENT: &str = "server";

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedRecord {
    /// Of the frame of its first host; those of the others follow.
    pub first_sequence: u64,
    pub host_count: u64,
    pub posted_ms: i64,
    /// JSON.
    pub data: String,
}

impl PostedRecord {
    /// Sequences of its frames.
    pub fn sequences(&self) -> std::ops::RangeInclusive<u64> {
        self.first_sequence..=self.first_sequence.saturating_add(self.host_count).saturating_sub(1)
    }
}

impl Catalog {
    /// Keeps an event of `host_count` hosts, at least one; absent when more than `most` frames would wait then.
    /// `new_stream` names the stream when this is the first event of the catalog.
    pub async fn add_posted_event(
        &self,
        data: &str,
        (host_count, most): (u64, u64),
        new_stream: [u8; 16],
        now_ms: i64,
    ) -> Result<Option<PostedRecord>, CatalogError> {
        let doing = CatalogError::query("keep an event");
        let mut transaction = self.begin_write("keep an event").await?;
        let waiting: i64 = sqlx::query_scalar("SELECT COALESCE(SUM(host_count), 0) FROM posted_events")
            .fetch_one(&mut *transaction)
            .await
            .map_err(&doing)?;
        if unsigned(waiting).saturating_add(host_count) > most {
            return Ok(None);
        }
        let next: Option<i64> = sqlx::query_scalar("SELECT next_sequence FROM posted_stream WHERE id = 1")
            .fetch_optional(&mut *transaction)
            .await
            .map_err(&doing)?;
        let count = i64::try_from(host_count).unwrap_or(i64::MAX);
        let first = next.unwrap_or(1);
        let after = first.saturating_add(count);
        let stream = if next.is_some() {
            sqlx::query("UPDATE posted_stream SET next_sequence = ? WHERE id = 1").bind(after)
        } else {
            sqlx::query("INSERT INTO posted_stream (id, next_sequence, stream) VALUES (1, ?, ?)")
                .bind(after)
                .bind(hex(&new_stream))
        };
        stream.execute(&mut *transaction).await.map_err(&doing)?;
        sqlx::query(
            "INSERT INTO posted_events (first_sequence, host_count, posted_ms, data) VALUES (?, ?, ?, ?)",
        )
        .bind(first)
        .bind(count)
        .bind(now_ms)
        .bind(data)
        .execute(&mut *transaction)
        .await
        .map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        let (first_sequence, data) = (unsigned(first), data.to_owned());
        Ok(Some(PostedRecord { first_sequence, host_count, posted_ms: now_ms, data }))
    }

    /// Those that wait, in the order they came.
    pub async fn posted_events(&self) -> Result<Vec<PostedRecord>, CatalogError> {
        sqlx::query(
            "SELECT first_sequence, host_count, posted_ms, data FROM posted_events ORDER BY first_sequence",
        )
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(record).collect())
        .map_err(CatalogError::query("list events"))
    }

    /// The stream of their frames; absent before the first.
    pub async fn posted_stream(&self) -> Result<Option<StreamKey>, CatalogError> {
        let stream: Option<String> = sqlx::query_scalar("SELECT stream FROM posted_stream WHERE id = 1")
            .fetch_optional(&self.pool)
            .await
            .map_err(CatalogError::query("look up the stream of events"))?;
        // It is as `hex` wrote it.
        let number = stream.and_then(|text| u128::from_str_radix(&text, 16).ok());
        Ok(number.map(|number| StreamKey { agent_id: POSTED_AGENT.into(), stream: number.to_be_bytes() }))
    }

    /// The history has it.
    pub async fn drop_posted_event(&self, first_sequence: u64) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM posted_events WHERE first_sequence = ?")
            .bind(i64::try_from(first_sequence).unwrap_or(i64::MAX))
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("forget an event"))?;
        Ok(())
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn record(row: &SqliteRow) -> Result<PostedRecord, sqlx::Error> {
    Ok(PostedRecord {
        first_sequence: unsigned(row.try_get("first_sequence")?),
        host_count: unsigned(row.try_get("host_count")?),
        posted_ms: row.try_get("posted_ms")?,
        data: row.try_get("data")?,
    })
}

#[cfg(test)]
mod tests {
    use crate::open_for_tests as catalog;

    #[tokio::test]
    async fn sequences_go_on_and_the_stream_stays() {
        let (_dir, catalog) = catalog().await;
        assert_eq!(catalog.posted_stream().await.unwrap(), None);
        let add = async |data: &str, hosts| {
            catalog.add_posted_event(data, (hosts, 5), [hosts as u8; 16], 7).await.unwrap()
        };
        assert_eq!(add("a", 3).await.unwrap().sequences(), 1..=3);
        assert_eq!(add("b", 2).await.unwrap().sequences(), 4..=5);
        assert_eq!(add("c", 1).await, None, "too many wait");
        assert_eq!(catalog.posted_stream().await.unwrap().unwrap().stream, [3; 16]);
        let waiting = catalog.posted_events().await.unwrap();
        assert_eq!(waiting.iter().map(|it| it.data.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        for record in waiting {
            catalog.drop_posted_event(record.first_sequence).await.unwrap();
        }
        assert_eq!(add("d", 1).await.unwrap().first_sequence, 6, "no sequence comes twice");
    }
}
