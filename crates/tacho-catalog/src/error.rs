//! What can go wrong with the catalog.

use std::path::PathBuf;

/// Why a call to the catalog failed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("cannot open the catalog {}", path.display())]
    Open { path: PathBuf, source: sqlx::Error },

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

    #[error("the catalog holds a {what} that cannot be read: {text}")]
    Corrupt { what: &'static str, text: String },
}

impl CatalogError {
    /// Turns the error of a statement into one that says what was attempted: an infinitive without `to`.
    pub(crate) fn query(what: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Query { what, source }
    }
}
