//! Delivery marks: which frames of a stream are stored. Part of what makes storing exactly once.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use sqlx::Row;
use tacho_model::SequenceSet;

use crate::posted::POSTED_AGENT;
use crate::{Catalog, CatalogError, WriteTransaction};

/// Under which streams are kept, in place of an agent, that files alone tell of: which agent's they are was lost with the
/// catalog. Whoever names one, which is chosen at random from 2^128, goes on with it.
pub const FOUND_AGENT: &str = "found";

/// A stream of frames: of one agent, and of one boot of its host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    pub agent_id: Arc<str>,
    /// Chosen at random by the agent.
    pub stream: [u8; 16],
}

/// What of a stream is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// Changes with each write; 0 when the catalog has no row for the stream.
    pub version: i64,
    pub stored: SequenceSet,
}

/// A mark to be written if nobody else wrote it since it was read.
#[derive(Debug, Clone)]
pub struct MarkUpdate {
    pub key: StreamKey,
    /// [`Mark::version`] as it was read.
    pub version: i64,
    /// The whole set, not only what is new.
    pub stored: SequenceSet,
}

impl Catalog {
    /// The mark of a stream; an empty one when nothing of it is stored.
    pub async fn mark(&self, key: &StreamKey) -> Result<Mark, CatalogError> {
        let row = sqlx::query("SELECT version, stored FROM delivery_marks WHERE agent_id = ? AND stream = ?")
            .bind(&*key.agent_id)
            .bind(stream_text(key.stream))
            .fetch_optional(&self.pool)
            .await
            .map_err(CatalogError::query("read a delivery mark"))?;
        row.map_or_else(|| Ok(Mark::default()), |row| mark_of(&row))
    }

    /// The agent under which a stream of a host is kept: the first identity of the host that spoke of it, so that a host
    /// that joined again goes on with what it had; [`FOUND_AGENT`] where that was lost. `None` when nobody has.
    pub async fn stream_owner(
        &self,
        host_id: &str,
        stream: [u8; 16],
    ) -> Result<Option<String>, CatalogError> {
        let doing = CatalogError::query("look up a stream");
        let stream = stream_text(stream);
        let owner = sqlx::query_scalar(
            "SELECT a.id FROM agents a WHERE a.host_id = ? AND (\
             EXISTS (SELECT 1 FROM delivery_clocks c WHERE c.agent_id = a.id AND c.stream = ?) OR \
             EXISTS (SELECT 1 FROM delivery_marks m WHERE m.agent_id = a.id AND m.stream = ?)) \
             ORDER BY a.created_ms, a.id LIMIT 1",
        )
        .bind(host_id)
        .bind(&stream)
        .bind(&stream)
        .fetch_optional(&self.pool)
        .await
        .map_err(&doing)?;
        if owner.is_some() {
            return Ok(owner);
        }
        sqlx::query_scalar("SELECT agent_id FROM delivery_marks WHERE agent_id = ? AND stream = ?")
            .bind(FOUND_AGENT)
            .bind(&stream)
            .fetch_optional(&self.pool)
            .await
            .map_err(doing)
    }

    /// Forgets marks that were not written since `before_ms`, and the clocks of such streams. Call it with a
    /// time so far back that no frame of those streams can arrive again and still be kept. Returns how many
    /// marks there were.
    pub async fn forget_marks(&self, before_ms: i64) -> Result<u64, CatalogError> {
        let forget = CatalogError::query("forget old delivery marks");
        let marks = sqlx::query("DELETE FROM delivery_marks WHERE updated_ms < ?")
            .bind(before_ms)
            .execute(&self.pool)
            .await
            .map_err(&forget)?;
        sqlx::query(
            "DELETE FROM delivery_clocks WHERE updated_ms < ? AND NOT EXISTS (SELECT 1 FROM delivery_marks m \
             WHERE m.agent_id = delivery_clocks.agent_id AND m.stream = delivery_clocks.stream)",
        )
        .bind(before_ms)
        .execute(&self.pool)
        .await
        .map_err(forget)?;
        Ok(marks.rows_affected())
    }

    /// Forgets marks and clocks of agents that are not in the inventory: a flush that was under way when their
    /// host was removed may have written them. Returns how many there were. To be called while no agent is
    /// connected.
    pub async fn forget_orphans(&self) -> Result<u64, CatalogError> {
        let mut forgotten = 0;
        for sql in [
            "DELETE FROM delivery_marks WHERE agent_id NOT IN (SELECT id FROM agents) AND agent_id NOT IN (?, ?)",
            "DELETE FROM delivery_clocks WHERE agent_id NOT IN (SELECT id FROM agents) AND agent_id NOT IN (?, ?)",
        ] {
            let done = sqlx::query(sql)
                .bind(POSTED_AGENT)
                .bind(FOUND_AGENT)
                .execute(&self.pool)
                .await
                .map_err(CatalogError::query("forget marks of removed hosts"))?;
            forgotten += done.rows_affected();
        }
        Ok(forgotten)
    }
}

/// Writes the mark unless another writer did since it was read; `false` then.
pub(crate) async fn swap(
    transaction: &mut WriteTransaction,
    update: &MarkUpdate,
    now_ms: i64,
) -> Result<bool, CatalogError> {
    // With version 0 the row must not exist: inserting one that does is a conflict, not an error.
    let sql = if update.version == 0 {
        "INSERT INTO delivery_marks (stored, updated_ms, agent_id, stream, version) VALUES (?, ?, ?, ?, ? + 1) \
         ON CONFLICT DO NOTHING"
    } else {
        "UPDATE delivery_marks SET stored = ?, updated_ms = ?, version = version + 1 \
         WHERE agent_id = ? AND stream = ? AND version = ?"
    };
    let done = sqlx::query(sql)
        .bind(text_of(&update.stored))
        .bind(now_ms)
        .bind(&*update.key.agent_id)
        .bind(stream_text(update.key.stream))
        .bind(update.version)
        .execute(&mut **transaction)
        .await
        .map_err(CatalogError::query("write a delivery mark"))?;
    Ok(done.rows_affected() == 1)
}

/// Marks that files tell of, under [`FOUND_AGENT`] where their agent is not known.
pub(crate) async fn found(
    transaction: &mut WriteTransaction,
    marks: &[MarkUpdate],
) -> Result<Vec<MarkUpdate>, CatalogError> {
    let agents: Vec<String> = sqlx::query_scalar("SELECT id FROM agents")
        .fetch_all(&mut **transaction)
        .await
        .map_err(CatalogError::query("list agents"))?;
    let known: HashSet<&str> = agents.iter().map(String::as_str).chain([POSTED_AGENT]).collect();
    let mut by_key: BTreeMap<StreamKey, SequenceSet> = BTreeMap::new();
    for mark in marks {
        let mut key = mark.key.clone();
        if !known.contains(&*key.agent_id) {
            key.agent_id = FOUND_AGENT.into();
        }
        by_key.entry(key).or_default().extend(&mark.stored);
    }
    Ok(by_key.into_iter().map(|(key, stored)| MarkUpdate { key, version: 0, stored }).collect())
}

/// Forgets what is stored of a stream.
pub(crate) async fn forget(transaction: &mut WriteTransaction, key: &StreamKey) -> Result<(), CatalogError> {
    sqlx::query("DELETE FROM delivery_marks WHERE agent_id = ? AND stream = ?")
        .bind(&*key.agent_id)
        .bind(stream_text(key.stream))
        .execute(&mut **transaction)
        .await
        .map(drop)
        .map_err(CatalogError::query("forget a delivery mark"))
}

fn mark_of(row: &sqlx::sqlite::SqliteRow) -> Result<Mark, CatalogError> {
    let read = CatalogError::query("read a delivery mark");
    let text: String = row.try_get("stored").map_err(&read)?;
    let stored = parse(&text).ok_or(CatalogError::Corrupt { what: "delivery mark", text })?;
    Ok(Mark { version: row.try_get("version").map_err(&read)?, stored })
}

pub(crate) fn stream_text(stream: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(stream))
}

/// `1-90,95`
fn text_of(stored: &SequenceSet) -> String {
    let mut text = String::new();
    for range in stored.ranges() {
        if !text.is_empty() {
            text.push(',');
        }
        let (first, last) = (range.start(), range.end());
        if first == last {
            text.push_str(&first.to_string())
        } else {
            text.push_str(&format!("{first}-{last}"))
        }
    }
    text
}

fn parse(text: &str) -> Option<SequenceSet> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse::<u64>().ok()?..=last.parse::<u64>().ok()?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_survives_its_text(ranges in proptest::collection::vec((any::<u64>(), 0u64..1000), 0..20)) {
            let set: SequenceSet = ranges.iter().map(|(first, length)| *first..=first.saturating_add(*length)).collect();
            prop_assert_eq!(parse(&text_of(&set)), Some(set));
        }

        #[test]
        fn any_text_is_a_set_or_nothing(text in ".{0,40}") {
            parse(&text);
        }
    }

    #[test]
    fn text_is_for_reading() {
        let set: SequenceSet = [1..=90, 95..=95].into_iter().collect();
        assert_eq!(text_of(&set), "1-90,95");
        assert_eq!(stream_text([1; 16]), "01010101010101010101010101010101");
        assert_eq!(parse("1-x"), None);
    }
}
