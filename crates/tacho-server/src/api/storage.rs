//! What the history keeps, and how large it is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tacho_history::{DayStorage, StorageReport, TableStorage};
use utoipa::ToSchema;

use super::ApiState;
use super::time::Time;

/// All files of the history.
#[derive(Serialize, ToSchema)]
pub(crate) struct StorageAnswer {
    files: u64,
    rows: u64,
    bytes: u64,
    /// Most bytes, as configured (`history_limit`); null when there is no limit.
    limit_bytes: Option<u64>,
    /// What it comes to when everything is as old as it may become, at the pace of the last days, and no more than
    /// the limit; null while there is less than an hour of history.
    projected_bytes: Option<u64>,
    /// By table and level; those without files are left out.
    tables: Vec<StorageOfTable>,
}

/// One table at one level.
#[derive(Serialize, ToSchema)]
struct StorageOfTable {
    table: &'static str,
    /// `raw` for rows as they were sent, `1m` and `1h` for rollups.
    level: &'static str,
    files: u64,
    rows: u64,
    bytes: u64,
    /// Time of the first row.
    from: Time,
    /// Time of the last row.
    to: Time,
    /// How long rows are kept, in seconds.
    retention_seconds: i64,
    /// Mean of the last seven complete days; before there is one, what there is by how long it took.
    bytes_per_day: Option<u64>,
    projected_bytes: Option<u64>,
    /// The oldest first.
    days: Vec<StorageOfDay>,
}

/// One day of a table at one level.
#[derive(Serialize, ToSchema)]
struct StorageOfDay {
    /// When it starts, UTC.
    day: Time,
    files: u64,
    rows: u64,
    bytes: u64,
}

/// What the history keeps: its size by table, level and day, how long it is kept, and how large it will be.
#[utoipa::path(get, path = "/api/v1/storage", tag = "status", responses((status = 200, body = StorageAnswer)))]
pub(crate) async fn show_storage(State(state): State<ApiState>) -> Json<StorageAnswer> {
    Json(state.history.storage().into())
}

impl From<StorageReport> for StorageAnswer {
    fn from(report: StorageReport) -> Self {
        Self {
            files: report.files,
            rows: report.rows,
            bytes: report.bytes,
            limit_bytes: report.limit_bytes,
            projected_bytes: report.projected_bytes,
            tables: report.tables.into_iter().map(StorageOfTable::from).collect(),
        }
    }
}

impl From<TableStorage> for StorageOfTable {
    fn from(table: TableStorage) -> Self {
        Self {
            table: table.table,
            level: table.level.name(),
            files: table.files,
            rows: table.rows,
            bytes: table.bytes,
            from: Time(table.oldest_ms),
            to: Time(table.newest_ms),
            retention_seconds: table.keep_ms / 1000,
            bytes_per_day: table.bytes_per_day,
            projected_bytes: table.projected_bytes,
            days: table.days.into_iter().map(StorageOfDay::from).collect(),
        }
    }
}

impl From<DayStorage> for StorageOfDay {
    fn from(day: DayStorage) -> Self {
        Self { day: Time(day.start_ms), files: day.files, rows: day.rows, bytes: day.bytes }
    }
}
