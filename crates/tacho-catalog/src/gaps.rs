//! Frames that agents had to drop: what the gap map of a host names.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tacho_model::GapReason;

use crate::marks::stream_text;
use crate::{Catalog, CatalogError, StreamKey, WriteTransaction};

/// Gaps kept for one host; more are melted into those that are there.
const GAPS_PER_HOST: i64 = 1000;

/// A run of frames of one stream that are in no history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapRecord {
    pub host_id: String,
    pub key: StreamKey,
    pub first_sequence: u64,
    pub last_sequence: u64,
    /// At most as many as there are sequences: others of them may have been stored.
    pub frames: u64,
    /// Of the first and the last of them, in milliseconds since the epoch.
    pub first_time_ms: i64,
    pub last_time_ms: i64,
    pub reason: GapReason,
}

impl Catalog {
    /// The gaps of a host that touch a range of time, by time.
    pub async fn gaps(
        &self,
        host_id: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<GapRecord>, CatalogError> {
        sqlx::query(
            "SELECT agent_id, stream, first_sequence, last_sequence, host_id, frame_count, first_time_ms, \
             last_time_ms, reason FROM delivery_gaps WHERE host_id = ? AND last_time_ms >= ? AND first_time_ms < ? \
             ORDER BY first_time_ms, stream, first_sequence",
        )
        .bind(host_id)
        .bind(from_ms)
        .bind(to_ms)
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(gap_record).collect())
        .map_err(CatalogError::query("list the gaps of a host"))
    }

    /// Forgets gaps that lie before `before_ms`. One with a time in the future counts from when it was told.
    pub async fn forget_gaps(&self, before_ms: i64) -> Result<u64, CatalogError> {
        sqlx::query("DELETE FROM delivery_gaps WHERE last_time_ms < ? OR told_ms < ?")
            .bind(before_ms)
            .bind(before_ms)
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected())
            .map_err(CatalogError::query("forget old gaps"))
    }
}

/// Writes gaps down, those that continue another one as one with it. Hosts that were removed get none.
pub(crate) async fn insert(
    transaction: &mut WriteTransaction,
    gaps: &[GapRecord],
    now_ms: i64,
) -> Result<(), CatalogError> {
    for gap in gaps {
        insert_one(transaction, gap, now_ms).await.map_err(CatalogError::query("store a gap"))?;
    }
    Ok(())
}

/// Writes a gap down as it is, for one of another catalog; `false` when sequences of it are known as one.
pub(crate) async fn insert_new(
    transaction: &mut WriteTransaction,
    gap: &GapRecord,
    now_ms: i64,
) -> Result<bool, sqlx::Error> {
    let known: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM delivery_gaps WHERE agent_id = ? AND stream = ? AND first_sequence <= ? AND last_sequence >= ?",
    )
    .bind(&*gap.key.agent_id)
    .bind(stream_text(gap.key.stream))
    .bind(bounded(gap.last_sequence))
    .bind(bounded(gap.first_sequence))
    .fetch_one(&mut **transaction)
    .await?;
    let of_host: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM delivery_gaps WHERE host_id = ?")
        .bind(&gap.host_id)
        .fetch_one(&mut **transaction)
        .await?;
    if known > 0 || of_host >= GAPS_PER_HOST {
        return Ok(false);
    }
    insert_row(transaction, gap, now_ms).await
}

async fn insert_one(
    transaction: &mut WriteTransaction,
    gap: &GapRecord,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let before = bounded(gap.first_sequence).saturating_sub(1);
    if widen(transaction, gap, Place::EndsAt(before), now_ms).await? {
        return Ok(());
    }
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM delivery_gaps WHERE host_id = ?")
        .bind(&gap.host_id)
        .fetch_one(&mut **transaction)
        .await?;
    if count >= GAPS_PER_HOST {
        if widen(transaction, gap, Place::Newest, now_ms).await? {
            return Ok(());
        }
        forget_oldest(transaction, &gap.host_id).await?;
    }
    insert_row(transaction, gap, now_ms).await?;
    Ok(())
}

/// `false` when there is one that begins so already, or no such host.
async fn insert_row(
    transaction: &mut WriteTransaction,
    gap: &GapRecord,
    now_ms: i64,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "INSERT INTO delivery_gaps (agent_id, stream, first_sequence, last_sequence, host_id, frame_count, \
         first_time_ms, last_time_ms, reason, told_ms) \
         SELECT ?, ?, ?, ?, id, ?, ?, ?, ?, ? FROM hosts WHERE id = ? ON CONFLICT DO NOTHING",
    )
    .bind(&*gap.key.agent_id)
    .bind(stream_text(gap.key.stream))
    .bind(bounded(gap.first_sequence))
    .bind(bounded(gap.last_sequence))
    .bind(bounded(gap.frames))
    .bind(gap.first_time_ms)
    .bind(gap.last_time_ms)
    .bind(gap.reason.as_str())
    .bind(now_ms)
    .bind(&gap.host_id)
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Which gap of the same stream and reason takes in another one.
enum Place {
    /// The one that ends with this sequence.
    EndsAt(i64),
    /// The last.
    Newest,
}

/// Melts a gap into one that is there; `false` when there is none.
async fn widen(
    transaction: &mut WriteTransaction,
    gap: &GapRecord,
    place: Place,
    now_ms: i64,
) -> Result<bool, sqlx::Error> {
    let last_sequence = match place {
        Place::EndsAt(sequence) => Some(sequence),
        Place::Newest => sqlx::query_scalar(
            "SELECT MAX(last_sequence) FROM delivery_gaps WHERE agent_id = ? AND stream = ? AND reason = ?",
        )
        .bind(&*gap.key.agent_id)
        .bind(stream_text(gap.key.stream))
        .bind(gap.reason.as_str())
        .fetch_one(&mut **transaction)
        .await?,
    };
    let Some(last_sequence): Option<i64> = last_sequence else { return Ok(false) };
    let done = sqlx::query(
        "UPDATE delivery_gaps SET frame_count = frame_count + ?, told_ms = ?, \
         last_sequence = CASE WHEN last_sequence < ? THEN ? ELSE last_sequence END, \
         first_time_ms = CASE WHEN first_time_ms > ? THEN ? ELSE first_time_ms END, \
         last_time_ms = CASE WHEN last_time_ms < ? THEN ? ELSE last_time_ms END \
         WHERE agent_id = ? AND stream = ? AND reason = ? AND last_sequence = ? AND frame_count < ?",
    )
    .bind(bounded(gap.frames))
    .bind(now_ms)
    .bind(bounded(gap.last_sequence))
    .bind(bounded(gap.last_sequence))
    .bind(gap.first_time_ms)
    .bind(gap.first_time_ms)
    .bind(gap.last_time_ms)
    .bind(gap.last_time_ms)
    .bind(&*gap.key.agent_id)
    .bind(stream_text(gap.key.stream))
    .bind(gap.reason.as_str())
    .bind(last_sequence)
    // No sum overflows, whatever an agent tells.
    .bind(i64::MAX.saturating_sub(bounded(gap.frames)))
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

async fn forget_oldest(transaction: &mut WriteTransaction, host_id: &str) -> Result<(), sqlx::Error> {
    let oldest = sqlx::query(
        "SELECT agent_id, stream, first_sequence FROM delivery_gaps WHERE host_id = ? ORDER BY last_time_ms LIMIT 1",
    )
    .bind(host_id)
    .fetch_optional(&mut **transaction)
    .await?;
    let Some(oldest) = oldest else { return Ok(()) };
    sqlx::query("DELETE FROM delivery_gaps WHERE agent_id = ? AND stream = ? AND first_sequence = ?")
        .bind(oldest.try_get::<String, _>("agent_id")?)
        .bind(oldest.try_get::<String, _>("stream")?)
        .bind(oldest.try_get::<i64, _>("first_sequence")?)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// The database has no unsigned numbers.
fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn gap_record(row: &SqliteRow) -> Result<GapRecord, sqlx::Error> {
    let number = |column: &str| -> Result<u64, sqlx::Error> {
        Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or_default())
    };
    let agent_id: String = row.try_get("agent_id")?;
    let stream: String = row.try_get("stream")?;
    let stream = u128::from_str_radix(&stream, 16).unwrap_or_default().to_be_bytes();
    Ok(GapRecord {
        host_id: row.try_get("host_id")?,
        key: StreamKey { agent_id: agent_id.into(), stream },
        first_sequence: number("first_sequence")?,
        last_sequence: number("last_sequence")?,
        frames: number("frame_count")?,
        first_time_ms: row.try_get("first_time_ms")?,
        last_time_ms: row.try_get("last_time_ms")?,
        reason: GapReason::of_text(row.try_get("reason")?),
    })
}

#[cfg(test)]
mod tests;
