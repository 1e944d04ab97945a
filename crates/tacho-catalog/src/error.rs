//! What can go wrong with the catalog.

use std::path::{Path, PathBuf};

/// Why a call to the catalog failed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("cannot open the catalog {}", path.display())]
    Open { path: PathBuf, source: sqlx::Error },

    #[error("the disk is full: there is no room to open the catalog {}; make room there and start again", path.display())]
    Full { path: PathBuf, source: sqlx::Error },

    #[error("cannot bring the catalog {} to schema {version} ({name})", path.display())]
    Migrate { path: PathBuf, version: i64, name: &'static str, source: sqlx::Error },

    #[error(
        "the catalog {} has schema {found}, this version of Tacho knows schemas up to {known}: \
         start the version that wrote it, or a newer one",
        path.display()
    )]
    NewerSchema { path: PathBuf, found: i64, known: i64 },

    #[error("cannot {what}")]
    Query { what: &'static str, source: sqlx::Error },

    #[error(
        "cannot {what}: the catalog is damaged. Stop the server; `tacho-server restore` takes a backup, without one \
         `tacho-server rebuild-catalog` finds the history again, but no users and tokens"
    )]
    Damaged { what: String, source: sqlx::Error },

    #[error("the catalog holds a {what} that cannot be read: {text}")]
    Corrupt { what: &'static str, text: String },
}

/// Codes of SQLite (<https://www.sqlite.org/rescode.html>) for want of room: `SQLITE_FULL`, and `SQLITE_IOERR_SHMSIZE`,
/// with which it says that the index of the write-ahead log can not be made as large as it has to be.
const FULL: [u32; 2] = [13, 4874];

/// Codes for what is no database, or not a whole one: `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
const DAMAGED: [u32; 2] = [11, 26];

impl CatalogError {
    /// Why the database could not be opened.
    pub(crate) fn open(path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        if is_damage(&source) {
            return Self::Damaged { what: format!("open {}", path.display()), source };
        }
        match result_code(&source).is_some_and(|code| FULL.contains(&code)) {
            true => Self::Full { path, source },
            false => Self::Open { path, source },
        }
    }

    /// Turns the error of a statement into one that says what was attempted: an infinitive without `to`.
    pub(crate) fn query(what: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| match is_damage(&source) {
            true => Self::Damaged { what: what.to_owned(), source },
            false => Self::Query { what, source },
        }
    }
}

/// Is it the database itself that is wrong? The low byte of an extended code is its kind.
pub(crate) fn is_damage(error: &sqlx::Error) -> bool {
    result_code(error).is_some_and(|code| DAMAGED.contains(&(code & 0xff)))
}

/// SQLite's extended result code.
pub(crate) fn result_code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}
