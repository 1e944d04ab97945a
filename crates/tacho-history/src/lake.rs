//! What the catalog says of tables and columns to DuckDB, which then reads the files by itself.

use arrow::datatypes::{DataType, Field};
use tacho_catalog::{Catalog, LakeColumn, LakeTable};
use tacho_model::Table;

use crate::HistoryError;
use crate::columns::{field_id, layout};
use crate::directory::Directory;
use crate::rollup::{Level, stored_table, stored_tables};

/// Numbers of tables: ids of the model are below it, those of their minutes are more by it once, of hours twice, of ten minutes
/// three times, of days four times. Never renumber one.
const LEVEL_STEP: i64 = 256;

/// Says in the catalog what files in this directory hold.
pub(crate) async fn describe(catalog: &Catalog, directory: &Directory) -> Result<(), HistoryError> {
    let tables: Vec<_> = stored_tables().map(lake_table).collect();
    Ok(catalog.describe_lake(&directory.lasting_path()?, &tables).await?)
}

fn lake_table(table: &'static Table) -> LakeTable {
    let level = stored_table(table.name).map_or(Level::Raw, |(_, _, level)| level);
    let step = match level {
        Level::Raw => 0,
        Level::Minute => LEVEL_STEP,
        Level::Hour => 2 * LEVEL_STEP,
        Level::TenMinutes => 3 * LEVEL_STEP,
        Level::Day => 4 * LEVEL_STEP,
    };
    let columns = layout(table).schema.fields().iter().map(|field| lake_column(field)).collect();
    LakeTable { id: i64::from(table.id) + step, name: table.name, columns }
}

fn lake_column(field: &Field) -> LakeColumn {
    let data_type = match field.data_type() {
        DataType::Int64 => "int64",
        DataType::Float64 => "float64",
        DataType::Timestamp(..) => "timestamptz",
        _ => "varchar",
    };
    LakeColumn { id: field_id(field), name: field.name().clone(), data_type, nullable: field.is_nullable() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_of_tables_and_columns_are_their_own() {
        let tables: Vec<_> = stored_tables().map(lake_table).collect();
        let ids: HashSet<_> = tables.iter().map(|table| table.id).collect();
        assert_eq!(ids.len(), tables.len());
        for table in &tables {
            let ids: HashSet<_> = table.columns.iter().map(|column| column.id).collect();
            assert_eq!(ids.len(), table.columns.len(), "{}", table.name);
            assert!(table.columns.iter().all(|column| column.id > 0), "{}", table.name);
        }
        let host = tables.iter().find(|table| table.name == "host").unwrap();
        assert_eq!((host.id, host.columns[0].id, host.columns[0].data_type), (1, 1, "timestamptz"));
    }
}
