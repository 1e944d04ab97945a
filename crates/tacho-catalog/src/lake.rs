//! The history as a DuckLake: what DuckDB has to know of tables and columns beside the list of files. The views are in
//! `migrations/0010_lake.sql`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use sqlx::QueryBuilder;

use crate::{Catalog, CatalogError, WriteTransaction};

/// Columns in one statement, of six values each; SQLite takes 32766 values.
const ROWS_AT_ONCE: usize = 1000;

/// A table as its files hold it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LakeTable {
    /// Never given to another table.
    pub id: i64,
    pub name: &'static str,
    /// In the order in which they are shown.
    pub columns: Vec<LakeColumn>,
}

/// A column of a [`LakeTable`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LakeColumn {
    /// The field id in the table's files.
    pub id: i64,
    pub name: String,
    /// As DuckLake calls it: `int64`, `float64`, `varchar`, `timestamptz`.
    pub data_type: &'static str,
    pub nullable: bool,
}

impl Catalog {
    /// Says what files hold and where paths of files begin, in place of what was said before. Writes nothing when all of
    /// it is known.
    pub async fn describe_lake(&self, directory: &Path, tables: &[LakeTable]) -> Result<(), CatalogError> {
        let failed = CatalogError::query("describe the history");
        let (directory, hash) = (directory.to_string_lossy().into_owned(), hash_of(tables));
        let known: Option<(String, i64)> =
            sqlx::query_as("SELECT directory, tables_hash FROM lake_place WHERE id = 1")
                .fetch_optional(&self.pool)
                .await
                .map_err(&failed)?;
        let same_tables = known.as_ref().is_some_and(|(_, known)| *known == hash);
        if same_tables && known.is_some_and(|(known, _)| known == directory) {
            return Ok(());
        }
        let mut transaction = self.begin_write("start a transaction").await?;
        if !same_tables {
            replace_tables(&mut transaction, tables).await.map_err(&failed)?;
        }
        replace_place(&mut transaction, &directory, hash).await.map_err(&failed)?;
        transaction.commit().await.map_err(failed)
    }
}

/// Another version of Tacho may come to another number for the same, and then writes them once more.
fn hash_of(tables: &[LakeTable]) -> i64 {
    let mut hasher = DefaultHasher::new();
    tables.hash(&mut hasher);
    hasher.finish().cast_signed()
}

async fn replace_tables(transaction: &mut WriteTransaction, tables: &[LakeTable]) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM lake_columns").execute(&mut **transaction).await?;
    sqlx::query("DELETE FROM lake_tables").execute(&mut **transaction).await?;
    let mut insert = QueryBuilder::new("INSERT INTO lake_tables (id, name) ");
    insert.push_values(tables, |mut row, table| {
        row.push_bind(table.id).push_bind(table.name);
    });
    insert.build().execute(&mut **transaction).await?;
    let columns: Vec<_> = tables
        .iter()
        .flat_map(|table| {
            table.columns.iter().zip(0_i64..).map(|(column, position)| (table.id, position, column))
        })
        .collect();
    for some in columns.chunks(ROWS_AT_ONCE) {
        let mut insert = QueryBuilder::new(
            "INSERT INTO lake_columns (table_id, id, position, name, data_type, nullable) ",
        );
        insert.push_values(some, |mut row, (table_id, position, column)| {
            row.push_bind(table_id).push_bind(column.id).push_bind(position).push_bind(&column.name);
            row.push_bind(column.data_type).push_bind(i64::from(column.nullable));
        });
        insert.build().execute(&mut **transaction).await?;
    }
    Ok(())
}

/// The version grows, so that whoever has the tables in mind reads them anew.
async fn replace_place(
    transaction: &mut WriteTransaction,
    directory: &str,
    hash: i64,
) -> Result<(), sqlx::Error> {
    let changed = sqlx::query(
        "UPDATE lake_place SET directory = ?, tables_hash = ?, version = version + 1 WHERE id = 1",
    )
    .bind(directory)
    .bind(hash)
    .execute(&mut **transaction)
    .await?;
    if changed.rows_affected() == 0 {
        sqlx::query("INSERT INTO lake_place (id, directory, tables_hash, version) VALUES (1, ?, ?, 1)")
            .bind(directory)
            .bind(hash)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests;

    fn table(id: i64, name: &'static str, columns: &[&str]) -> LakeTable {
        let columns = columns.iter().zip(1..).map(|(name, id)| LakeColumn {
            id,
            name: (*name).to_owned(),
            data_type: "int64",
            nullable: id > 1,
        });
        LakeTable { id, name, columns: columns.collect() }
    }

    /// What DuckDB is told: the version, and each column with its table, in order.
    async fn told(catalog: &Catalog) -> (i64, Vec<String>) {
        let version = sqlx::query_scalar("SELECT version FROM lake_place");
        let columns = sqlx::query_scalar(
            "SELECT t.table_name || '.' || c.column_name FROM ducklake_table t \
             JOIN ducklake_column c ON c.table_id = t.table_id ORDER BY t.table_id, c.column_order",
        );
        let columns = columns.fetch_all(&catalog.pool).await.unwrap();
        (version.fetch_one(&catalog.pool).await.unwrap(), columns)
    }

    #[tokio::test]
    async fn what_is_new_is_taken_over_and_has_another_version() {
        let (_directory, catalog) = open_for_tests().await;
        let first = [table(1, "host", &["time", "load1"]), table(2, "cpu", &["time"])];
        for _ in 0..2 {
            catalog.describe_lake(Path::new("/a"), &first).await.unwrap();
            let columns = ["host.time", "host.load1", "cpu.time"].map(str::to_owned);
            assert_eq!(told(&catalog).await, (1, columns.to_vec()));
        }
        let second = [table(1, "host", &["time", "load1", "load5"]), table(3, "disk", &["time"])];
        catalog.describe_lake(Path::new("/a"), &second).await.unwrap();
        let columns = ["host.time", "host.load1", "host.load5", "disk.time"].map(str::to_owned);
        assert_eq!(told(&catalog).await, (2, columns.to_vec()));

        catalog.describe_lake(Path::new("/b"), &second).await.unwrap();
        let place: String = sqlx::query_scalar("SELECT value FROM ducklake_metadata WHERE key = 'data_path'")
            .fetch_one(&catalog.pool)
            .await
            .unwrap();
        assert_eq!((told(&catalog).await.0, place.as_str()), (3, "/b"));
    }
}
