//! Every SQL statement of Tacho: inventory, tokens, users, files, delivery marks and gaps.
//!
//! One SQLite database now; the SQL keeps to what PostgreSQL and MySQL understand too, so that several
//! servers can share a catalog later. Nothing outside this crate names a table or a column of it. Times
//! are milliseconds since the epoch and always come from the caller.

mod agents;
mod alerts;
mod audit;
mod clocks;
mod error;
mod files;
mod gaps;
mod hosts;
mod lake;
mod maintenance;
mod marks;
mod memories;
mod notifications;
mod office;
mod posted;
mod rules;
mod schema;
mod sessions;
mod silences;
mod thresholds;
mod tokens;
mod transfer;
mod users;

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

pub use agents::{AgentEntry, AgentRecord, NewAgent, NewCertificate};
pub use alerts::{
    Acknowledgement, AlertEnd, AlertFilter, AlertNews, AlertRecord, AlertWrite, Replaced, WrittenAlerts,
};
pub use audit::AuditEntry;
pub use error::CatalogError;
pub use files::{FileChange, FileRecord, FileState, FlushOutcome};
pub use gaps::GapRecord;
pub use hosts::{FoundHost, HostChange, HostRecord, Renamed};
pub use lake::{LakeColumn, LakeTable};
pub use maintenance::MaintenanceRecord;
pub use marks::{FOUND_AGENT, Mark, MarkUpdate, StreamKey};
pub use memories::HostMemory;
pub use notifications::{QueuedNotification, ToldAlerts};
pub use office::{Office, Revisions};
pub use posted::{POSTED_AGENT, PostedRecord};
pub use rules::{RuleChange, RuleRecord, RuleStore};
pub use sessions::SessionRecord;
pub use silences::SilenceRecord;
pub use thresholds::ThresholdRecord;
pub use tokens::{ApiToken, JoinToken, JoinTokenProblem, NewToken, Role, TokenKind, TokenRecord};
pub use transfer::{HostPart, ImportedHost};
pub use users::{UserChange, UserRecord};

/// Writers queue for the one write lock, also those of another process (`token create` beside a running
/// server). Each transaction takes milliseconds; who waits this long is told that the catalog is busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two tries to open a database that another program is making.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Enough for one writer and the readers that a page load causes; more would only hold file handles.
const CONNECTIONS: u32 = 4;

/// Statements of this crate and their transactions. Cheap to clone: all clones share the connections.
#[derive(Debug, Clone)]
pub struct Catalog {
    pool: SqlitePool,
}

impl Catalog {
    /// Opens the database at `path`, makes it when there is none, and brings its tables up to date.
    /// Refuses a database that a newer version of Tacho wrote.
    pub async fn open(path: &Path) -> Result<Self, CatalogError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit that was reported as done survives a power cut: agents forget their frames on it.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let begin = Instant::now();
        let pool = loop {
            let opened =
                SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options.clone()).await;
            match opened {
                Ok(pool) => break pool,
                // Two programs that make the database together: SQLite does not wait where one switches to the
                // write-ahead log (https://www.sqlite.org/c3ref/busy_handler.html), so we do.
                Err(error) if is_busy(&error) && begin.elapsed() < BUSY_TIMEOUT => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                Err(source) => return Err(CatalogError::open(path, source)),
            }
        };
        schema::migrate(&pool, path).await?;
        Ok(Self { pool })
    }

    /// Writes a copy as of one moment to `path`, where no file may be, and makes it durable. Readers and writers go on.
    pub async fn copy_to(&self, path: &Path) -> Result<(), CatalogError> {
        let failed = CatalogError::query("copy the catalog");
        // SQLite's own; a database with servers of its own has tools of its own for this.
        sqlx::query("VACUUM INTO ?")
            .bind(path.to_string_lossy().into_owned())
            .execute(&self.pool)
            .await
            .map_err(&failed)?;
        let sync = tokio::fs::File::open(path).await;
        match sync {
            Ok(file) => file.sync_all().await.map_err(|error| failed(sqlx::Error::Io(error))),
            Err(error) => Err(failed(sqlx::Error::Io(error))),
        }
    }

    /// Does the database hold together? What is wrong with it, else; a damaged one may open and fail later.
    pub async fn check(&self) -> Result<Option<String>, CatalogError> {
        let found: Result<String, _> =
            sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&self.pool).await;
        match found {
            Ok(found) => Ok((found != "ok").then_some(found)),
            Err(error) if error::is_damage(&error) => Ok(Some(error.to_string())),
            Err(error) => Err(CatalogError::query("check the catalog")(error)),
        }
    }

    /// Closes the connections once what runs on them is done.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Starts a transaction that will write: it takes the write lock now, so that what it reads cannot be
    /// changed by another writer before it commits.
    pub(crate) async fn begin_write(&self, what: &'static str) -> Result<WriteTransaction, CatalogError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(CatalogError::query(what))
    }
}

/// Another connection holds the lock: the low byte of SQLite's result code is `SQLITE_BUSY`.
fn is_busy(error: &sqlx::Error) -> bool {
    error::result_code(error).is_some_and(|code| code & 0xff == 5)
}

pub(crate) type WriteTransaction = sqlx::Transaction<'static, sqlx::Sqlite>;

/// Lower-case hexadecimal digits, as hashes are stored.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new catalog in a directory that lasts as long as it is held.
#[cfg(test)]
pub(crate) async fn open_for_tests() -> (tempfile::TempDir, Catalog) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let catalog = Catalog::open(&directory.path().join("catalog.sqlite")).await.expect("a new catalog");
    (directory, catalog)
}
