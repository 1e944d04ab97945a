//! Numbered migrations. Each is applied once, in its own transaction, in order.

use std::path::Path;

use sqlx::sqlite::SqlitePool;

use crate::CatalogError;

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

/// All of them, by ascending version. One that was released is never changed.
const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "history", sql: include_str!("../migrations/0001_history.sql") },
    Migration { version: 2, name: "inventory", sql: include_str!("../migrations/0002_inventory.sql") },
    Migration { version: 3, name: "delivery", sql: include_str!("../migrations/0003_delivery.sql") },
    Migration { version: 4, name: "identity", sql: include_str!("../migrations/0004_identity.sql") },
    Migration { version: 5, name: "rollups", sql: include_str!("../migrations/0005_rollups.sql") },
    Migration { version: 6, name: "alerts", sql: include_str!("../migrations/0006_alerts.sql") },
    Migration { version: 7, name: "rules", sql: include_str!("../migrations/0007_rules.sql") },
    Migration { version: 8, name: "tags", sql: include_str!("../migrations/0008_tags.sql") },
    Migration {
        version: 9,
        name: "alert servers",
        sql: include_str!("../migrations/0009_alert_servers.sql"),
    },
    Migration { version: 10, name: "lake", sql: include_str!("../migrations/0010_lake.sql") },
    Migration { version: 11, name: "maintenance", sql: include_str!("../migrations/0011_maintenance.sql") },
    Migration { version: 12, name: "levels", sql: include_str!("../migrations/0012_levels.sql") },
];

const CREATE: &str = "CREATE TABLE IF NOT EXISTS catalog_schema (version BIGINT NOT NULL PRIMARY KEY, name VARCHAR(64) NOT NULL)";

/// Applies what is missing.
pub(crate) async fn migrate(pool: &SqlitePool, path: &Path) -> Result<(), CatalogError> {
    apply(pool, path, MIGRATIONS).await
}

async fn apply(pool: &SqlitePool, path: &Path, migrations: &[Migration]) -> Result<(), CatalogError> {
    let read = CatalogError::query("read the version of the catalog's schema");
    sqlx::query(CREATE).execute(pool).await.map_err(&read)?;
    let known = migrations.last().map_or(0, |last| last.version);
    for migration in migrations {
        let failed = |source| CatalogError::Migrate {
            path: path.to_owned(),
            version: migration.version,
            name: migration.name,
            source,
        };
        // The version is read under the write lock: two programs that start together must not both apply it.
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM catalog_schema")
            .fetch_one(&mut *transaction)
            .await
            .map_err(&read)?;
        if found > known {
            return Err(CatalogError::NewerSchema { path: path.to_owned(), found, known });
        }
        if found >= migration.version {
            continue;
        }
        sqlx::raw_sql(migration.sql).execute(&mut *transaction).await.map_err(failed)?;
        sqlx::query("INSERT INTO catalog_schema (version, name) VALUES (?, ?)")
            .bind(migration.version)
            .bind(migration.name)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{Catalog, CatalogError};

    use super::{MIGRATIONS, Migration, apply};

    #[tokio::test]
    async fn a_catalog_opens_again_and_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalog.sqlite");
        for _ in 0..3 {
            let catalog = Catalog::open(&path).await.unwrap();
            assert_eq!(catalog.live_files().await.unwrap().len(), 0);
            catalog.close().await;
        }
    }

    #[tokio::test]
    async fn two_that_start_together_migrate_once() {
        // Where the two meet is a matter of chance.
        for _ in 0..20 {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("catalog.sqlite");
            let (left, right) = tokio::join!(Catalog::open(&path), Catalog::open(&path));
            assert!(left.is_ok() && right.is_ok(), "{left:?} {right:?}");
        }
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused_and_says_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalog.sqlite");
        let catalog = Catalog::open(&path).await.unwrap();
        sqlx::query("INSERT INTO catalog_schema VALUES (999, 'future')")
            .execute(&catalog.pool)
            .await
            .unwrap();
        catalog.close().await;
        let error = Catalog::open(&path).await.unwrap_err();
        assert!(matches!(error, CatalogError::NewerSchema { found: 999, .. }), "{error:?}");
        assert!(error.to_string().contains("start the version that wrote it"), "{error}");
    }

    #[tokio::test]
    async fn a_migration_that_fails_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalog.sqlite");
        let catalog = Catalog::open(&path).await.unwrap();
        let version = MIGRATIONS.last().unwrap().version + 1;
        let broken = "CREATE TABLE half (id INTEGER); SELECT * FROM nowhere;";
        let migration = Migration { version, name: "broken", sql: broken };
        let error = apply(&catalog.pool, &path, &[migration]).await.unwrap_err();
        assert!(matches!(error, CatalogError::Migrate { name: "broken", .. }), "{error:?}");
        assert!(sqlx::query("SELECT * FROM half").fetch_all(&catalog.pool).await.is_err());
    }

    #[test]
    fn versions_ascend() {
        assert!(MIGRATIONS.is_sorted_by(|a, b| a.version < b.version));
    }
}
