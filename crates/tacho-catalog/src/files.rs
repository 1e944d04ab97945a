//! Which Parquet files are the history, and the transactions that change that.

use std::path::PathBuf;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::gaps;
use crate::hosts::insert_found;
use crate::marks::{forget, found, swap};
use crate::{Catalog, CatalogError, FoundHost, GapRecord, MarkUpdate, StreamKey, WriteTransaction};

const LEVEL_SINCE: &str = "INSERT INTO history_levels (name, since_ms) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET since_ms = excluded.since_ms WHERE since_ms < excluded.since_ms";

/// One Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// A ULID.
    pub id: String,
    pub table: String,
    /// Relative to the history directory.
    pub path: PathBuf,
    /// 0 as flushed, 1 when merged to an hour, 2 to a day.
    pub level: i64,
    /// Least and greatest host id in it.
    pub host_min: String,
    pub host_max: String,
    /// Least and greatest row time in it, both inclusive.
    pub time_min_ms: i64,
    pub time_max_ms: i64,
    pub rows: i64,
    pub bytes: i64,
    /// CRC-32 of the whole file.
    pub checksum: u32,
    /// When its newest row was first written, by the server's clock.
    pub written_ms: i64,
    /// Its rows are in rollup files too, or its table has none.
    pub rolled: bool,
}

/// A change of which files are live: all of it or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileChange {
    /// Ids of live files that readers no longer see.
    pub removed: Vec<String>,
    pub added: Vec<FileRecord>,
    /// Ids of live files that are rolled up with this change and were not before.
    pub rolled: Vec<String>,
}

/// Whether readers see a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    Live,
    /// Replaced or expired: to be deleted from disk, then forgotten.
    Removed,
    /// Set aside: stays on disk under another name for whoever wants to look at it.
    Damaged,
}

/// What became of a flush.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlushOutcome {
    /// Files are live and marks written.
    Committed,
    /// Nothing was changed: another writer stored frames of these streams since their marks were read.
    Conflict(Vec<StreamKey>),
}

const COLUMNS: &str = "id, table_name, path, level, host_min, host_max, time_min_ms, time_max_ms, row_count, byte_count, \
                       checksum, written_ms, rolled";

impl Catalog {
    /// Every file that readers see, by table and time.
    pub async fn live_files(&self) -> Result<Vec<FileRecord>, CatalogError> {
        let files = self.files("removed_commit IS NULL").await?;
        Ok(files.into_iter().map(|(record, _)| record).collect())
    }

    /// Files that readers no longer see and that are not forgotten yet.
    pub async fn removed_files(&self) -> Result<Vec<(FileRecord, FileState)>, CatalogError> {
        self.files("removed_commit IS NOT NULL").await
    }

    async fn files(&self, condition: &'static str) -> Result<Vec<(FileRecord, FileState)>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS}, removed_commit, damaged FROM history_files WHERE {condition} ORDER BY table_name, time_min_ms, id"
        );
        // Built from two constants of this file.
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await
            .map_err(CatalogError::query("list the files of the history"))?;
        rows.iter().map(record_of).collect()
    }

    /// Is the file known, in whatever state? For a flush whose commit failed with an unknown outcome.
    pub async fn knows_file(&self, id: &str) -> Result<bool, CatalogError> {
        let found: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM history_files WHERE id = ?")
            .bind(id)
            .fetch_one(&self.pool)
            .await
            .map_err(CatalogError::query("look up a file of the history"))?;
        Ok(found > 0)
    }

    /// Makes the files of one flush live, writes the marks of the frames in them, and the gaps whose sequences
    /// the marks have: all or nothing.
    pub async fn commit_flush(
        &self,
        files: &[FileRecord],
        marks: &[MarkUpdate],
        gaps: &[GapRecord],
        now_ms: i64,
    ) -> Result<FlushOutcome, CatalogError> {
        let mut transaction = self.begin_write("start the transaction of a flush").await?;
        let mut conflicts = Vec::new();
        for mark in marks {
            if !swap(&mut transaction, mark, now_ms).await? {
                conflicts.push(mark.key.clone());
            }
        }
        if !conflicts.is_empty() {
            // Dropping would roll back too, but later, when the connection is next used.
            transaction.rollback().await.map_err(CatalogError::query("take back a flush"))?;
            return Ok(FlushOutcome::Conflict(conflicts));
        }
        let commit = next_commit(&mut transaction).await?;
        insert(&mut transaction, files, commit).await?;
        gaps::insert(&mut transaction, gaps, now_ms).await?;
        transaction.commit().await.map_err(CatalogError::query("commit a flush"))?;
        Ok(FlushOutcome::Committed)
    }

    /// Replaces live files by others with the same rows (or, at retention, by none), and adds rollups.
    /// `false`, and nothing changed, when one of the files is not live any more or rolled up already.
    pub async fn change_files(&self, change: &FileChange) -> Result<bool, CatalogError> {
        let mut transaction = self.begin_write("start the transaction of a compaction").await?;
        let commit = next_commit(&mut transaction).await?;
        for id in &change.removed {
            let done = sqlx::query(
                "UPDATE history_files SET removed_commit = ? WHERE id = ? AND removed_commit IS NULL",
            )
            .bind(commit)
            .bind(id)
            .execute(&mut *transaction)
            .await
            .map_err(CatalogError::query("mark a file as removed"))?;
            if done.rows_affected() != 1 {
                transaction.rollback().await.map_err(CatalogError::query("take back a compaction"))?;
                return Ok(false);
            }
        }
        for id in &change.rolled {
            let done = sqlx::query(
                "UPDATE history_files SET rolled = 1 WHERE id = ? AND rolled = 0 AND removed_commit IS NULL",
            )
            .bind(id)
            .execute(&mut *transaction)
            .await
            .map_err(CatalogError::query("mark a file as rolled up"))?;
            if done.rows_affected() != 1 {
                transaction.rollback().await.map_err(CatalogError::query("take back a compaction"))?;
                return Ok(false);
            }
        }
        insert(&mut transaction, &change.added, commit).await?;
        transaction.commit().await.map_err(CatalogError::query("commit a compaction"))?;
        Ok(true)
    }

    /// Replaces the list of files by another, takes these marks in place of what is known of their streams (under
    /// [`FOUND_AGENT`](crate::FOUND_AGENT) where their agent is not known), and notes
    /// since when levels are there, see [`Self::levels_since`]. Adds hosts that it does not know, and tells how many.
    pub async fn rebuild_files(
        &self,
        files: &[FileRecord],
        marks: &[MarkUpdate],
        levels_since: &[(&str, i64)],
        hosts: &[FoundHost],
        now_ms: i64,
    ) -> Result<u64, CatalogError> {
        let mut transaction = self.begin_write("start a transaction").await?;
        let failed = CatalogError::query("rebuild the list of files");
        sqlx::query("DELETE FROM history_levels").execute(&mut *transaction).await.map_err(&failed)?;
        for (name, since_ms) in levels_since {
            let write = sqlx::query(LEVEL_SINCE).bind(*name).bind(since_ms);
            write.execute(&mut *transaction).await.map_err(&failed)?;
        }
        sqlx::query("DELETE FROM history_files").execute(&mut *transaction).await.map_err(&failed)?;
        for mark in found(&mut transaction, marks).await? {
            forget(&mut transaction, &mark.key).await?;
            swap(&mut transaction, &mark, now_ms).await?;
        }
        let commit = next_commit(&mut transaction).await?;
        insert(&mut transaction, files, commit).await?;
        let added = insert_found(&mut transaction, hosts).await.map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(added)
    }

    /// Levels of rollups by name, and the times before which rows may be in rollups of other levels only.
    pub async fn levels_since(&self) -> Result<Vec<(String, i64)>, CatalogError> {
        sqlx::query_as("SELECT name, since_ms FROM history_levels ORDER BY name")
            .fetch_all(&self.pool)
            .await
            .map_err(CatalogError::query("read since when there are rollups"))
    }

    /// Says that rows before a time may not be in rollups of a level. A later time that was said before stays.
    pub async fn set_level_since(&self, name: &str, since_ms: i64) -> Result<(), CatalogError> {
        let doing = CatalogError::query("store since when there are rollups");
        let mut transaction = self.begin_write("start a transaction").await?;
        let write = sqlx::query(LEVEL_SINCE).bind(name).bind(since_ms);
        write.execute(&mut *transaction).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)
    }

    /// Takes a file that cannot be read away from readers and remembers where it was put.
    pub async fn set_damaged(&self, id: &str, path: &std::path::Path) -> Result<(), CatalogError> {
        let mut transaction = self.begin_write("start a transaction").await?;
        let commit = next_commit(&mut transaction).await?;
        sqlx::query(
            "UPDATE history_files SET removed_commit = COALESCE(removed_commit, ?), damaged = 1, path = ? WHERE id = ?",
        )
        .bind(commit)
        .bind(path.to_string_lossy().into_owned())
        .bind(id)
        .execute(&mut *transaction)
        .await
        .map_err(CatalogError::query("mark a file as damaged"))?;
        transaction.commit().await.map_err(CatalogError::query("mark a file as damaged"))
    }

    /// Forgets removed files once they are gone from disk. Live ones are left alone.
    pub async fn forget_files(&self, ids: &[String]) -> Result<(), CatalogError> {
        let mut transaction = self.begin_write("start a transaction").await?;
        for id in ids {
            sqlx::query("DELETE FROM history_files WHERE id = ? AND removed_commit IS NOT NULL")
                .bind(id)
                .execute(&mut *transaction)
                .await
                .map_err(CatalogError::query("forget a file"))?;
        }
        transaction.commit().await.map_err(CatalogError::query("forget files"))
    }
}

pub(crate) async fn next_commit(transaction: &mut WriteTransaction) -> Result<i64, CatalogError> {
    let count = CatalogError::query("count a commit");
    sqlx::query("UPDATE history_commit SET number = number + 1 WHERE id = 1")
        .execute(&mut **transaction)
        .await
        .map_err(&count)?;
    sqlx::query_scalar("SELECT number FROM history_commit WHERE id = 1")
        .fetch_one(&mut **transaction)
        .await
        .map_err(count)
}

pub(crate) async fn insert(
    transaction: &mut WriteTransaction,
    files: &[FileRecord],
    commit: i64,
) -> Result<(), CatalogError> {
    let mut number = take_numbers(transaction, files.len()).await?;
    for file in files {
        let sql = format!(
            "INSERT INTO history_files ({COLUMNS}, added_commit, number) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&file.id)
            .bind(&file.table)
            .bind(file.path.to_string_lossy().into_owned())
            .bind(file.level)
            .bind(&file.host_min)
            .bind(&file.host_max)
            .bind(file.time_min_ms)
            .bind(file.time_max_ms)
            .bind(file.rows)
            .bind(file.bytes)
            .bind(i64::from(file.checksum))
            .bind(file.written_ms)
            .bind(i64::from(file.rolled))
            .bind(commit)
            .bind(number)
            .execute(&mut **transaction)
            .await
            .map_err(CatalogError::query("add a file to the history"))?;
        number += 1;
    }
    Ok(())
}

/// The first of so many numbers that no file has had.
async fn take_numbers(transaction: &mut WriteTransaction, count: usize) -> Result<i64, CatalogError> {
    let failed = CatalogError::query("number files of the history");
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query("UPDATE history_commit SET next_file = next_file + ? WHERE id = 1")
        .bind(count)
        .execute(&mut **transaction)
        .await
        .map_err(&failed)?;
    let next: i64 = sqlx::query_scalar("SELECT next_file FROM history_commit WHERE id = 1")
        .fetch_one(&mut **transaction)
        .await
        .map_err(failed)?;
    Ok(next - count)
}

fn record_of(row: &SqliteRow) -> Result<(FileRecord, FileState), CatalogError> {
    let columns = || -> Result<(FileRecord, FileState), sqlx::Error> {
        let removed: Option<i64> = row.try_get("removed_commit")?;
        let damaged: i64 = row.try_get("damaged")?;
        let state = match (removed, damaged) {
            (None, _) => FileState::Live,
            (Some(_), 0) => FileState::Removed,
            (Some(_), _) => FileState::Damaged,
        };
        let record = FileRecord {
            id: row.try_get("id")?,
            table: row.try_get("table_name")?,
            path: PathBuf::from(row.try_get::<String, _>("path")?),
            level: row.try_get("level")?,
            host_min: row.try_get("host_min")?,
            host_max: row.try_get("host_max")?,
            time_min_ms: row.try_get("time_min_ms")?,
            time_max_ms: row.try_get("time_max_ms")?,
            rows: row.try_get("row_count")?,
            bytes: row.try_get("byte_count")?,
            checksum: u32::try_from(row.try_get::<i64, _>("checksum")?).unwrap_or_default(),
            written_ms: row.try_get("written_ms")?,
            rolled: row.try_get::<i64, _>("rolled")? != 0,
        };
        Ok((record, state))
    };
    columns().map_err(CatalogError::query("read a file of the history"))
}

#[cfg(test)]
mod tests;
