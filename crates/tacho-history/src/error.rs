//! What can go wrong with the history.

use std::io;
use std::path::PathBuf;

use parquet::errors::ParquetError;
use tacho_catalog::CatalogError;

/// Why a call to the history failed.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The caller's mistake; the text is for whoever asked.
    #[error("table {table} has no column {column}")]
    UnknownColumn { table: &'static str, column: String },

    /// The caller's mistake.
    #[error("column {column} of table {table} is text, which cannot be drawn as a line")]
    NotANumber { table: &'static str, column: String },

    /// The caller's mistake.
    #[error("the range ends at {to_ms}, which is not after its start {from_ms}")]
    EmptyRange { from_ms: i64, to_ms: i64 },

    /// The caller's mistake.
    #[error(
        "the answer would have {numbers} numbers, more than {most}: ask for fewer points or columns, or for one entity"
    )]
    TooMuch { numbers: usize, most: usize },

    /// The caller's mistake.
    #[error("the answer would look at {rows} rows, more than {most}: ask for a shorter range")]
    TooManyRows { rows: u64, most: u64 },

    /// The caller's mistake.
    #[error(
        "there are too many different things to compare: ask for a shorter range, or for groups that are fewer"
    )]
    TooManyEntities,

    /// The caller's mistake.
    #[error("the file is not a whole export of a host: {why}")]
    Archive { why: String },

    #[error("cannot {action} {}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: ParquetError },

    #[error("the catalog failed")]
    Catalog(#[source] CatalogError),

    #[error("cannot put rows together")]
    Arrow(#[source] arrow::error::ArrowError),

    /// Others stored the same frames again and again while this server tried to.
    #[error("gave up storing a flush after {attempts} conflicts with other writers")]
    Contended { attempts: usize },

    /// An agent's doing: it left out every other frame, thousands of times.
    #[error("the stream has so many holes that no more are taken")]
    TooManyHoles,

    #[error("files of {inputs} rows were merged into files of {merged} rows; they stay as they are")]
    RowsDiffer { merged: i64, inputs: i64 },

    /// A merge was given up because the server stops.
    #[error("the server is stopping")]
    Stopped,

    /// Whoever asked does not wait any more.
    #[error("nobody waits for the answer any more")]
    Cancelled,

    #[error("a background job of the history died: {0}")]
    Job(String),
}

impl HistoryError {
    /// True when the one who asked made a mistake, false when the history could not answer.
    pub fn is_callers_mistake(&self) -> bool {
        matches!(
            self,
            Self::UnknownColumn { .. }
                | Self::NotANumber { .. }
                | Self::EmptyRange { .. }
                | Self::TooMuch { .. }
                | Self::TooManyRows { .. }
                | Self::TooManyEntities
                | Self::Archive { .. }
        )
    }

    pub(crate) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

impl From<CatalogError> for HistoryError {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

impl From<arrow::error::ArrowError> for HistoryError {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Arrow(error)
    }
}
