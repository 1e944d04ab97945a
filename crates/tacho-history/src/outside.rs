//! What the server tells a reader in another process, over sockets that only its own user can open.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tacho_catalog::FileRecord;

/// Directory of the sockets, in the server's data directory.
pub const SOCKET_DIRECTORY: &str = "sql";

/// Where the server answers: `GET /tables/{table}`, `POST /callers`.
pub const HISTORY_SOCKET: &str = "history.sock";

/// Where the SQL program answers: `POST /queries`.
pub const QUERY_SOCKET: &str = "queries.sock";

/// First line of the answer to `GET /tables/{table}`; the rest is an Arrow IPC stream of the rows in no file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFiles {
    /// Where paths of files begin.
    pub directory: PathBuf,
    pub files: Vec<TableFile>,
    /// Files of the table that have no row of the host or the range.
    pub left_out: usize,
}

/// A Parquet file of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFile {
    pub path: PathBuf,
    pub bytes: u64,
    pub rows: u64,
    /// Least and greatest, both inclusive.
    pub host_min: String,
    pub host_max: String,
    pub time_min_ms: i64,
    pub time_max_ms: i64,
}

/// Who a caller is, the answer to `POST /callers` with an API token as the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerRole {
    pub name: String,
    pub role: String,
}

/// A certificate with its key, the answer to `GET /identity`. All DER.
#[derive(Clone, Serialize, Deserialize)]
pub struct ServedIdentity {
    pub chain: Vec<Vec<u8>>,
    /// PKCS#8.
    pub key: Vec<u8>,
}

/// A query, the body of `POST /queries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlQuery {
    pub query: String,
    /// `json`, `csv`, `arrow` or `parquet`.
    pub format: String,
    /// Rows at most; the program's own limit when absent or above it.
    pub limit: Option<u64>,
}

impl TableFiles {
    pub fn new<'f>(directory: &Path, files: impl Iterator<Item = &'f FileRecord>, left_out: usize) -> Self {
        Self { directory: directory.to_owned(), files: files.map(TableFile::of).collect(), left_out }
    }
}

impl TableFile {
    fn of(record: &FileRecord) -> Self {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Self {
            path: record.path.clone(),
            bytes: count(record.bytes),
            rows: count(record.rows),
            host_min: record.host_min.clone(),
            host_max: record.host_max.clone(),
            time_min_ms: record.time_min_ms,
            time_max_ms: record.time_max_ms,
        }
    }
}
