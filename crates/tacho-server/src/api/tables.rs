//! The tables and columns of the history: what can be asked for.

use axum::Json;
use serde::Serialize;
use tacho_history::derived;
use tacho_model::{Column, ColumnType, Meaning, Table, Unit, tables};
use utoipa::ToSchema;

use super::parameters::Problems;

/// More would make an answer that nobody draws.
const MOST_COLUMNS: usize = 100;

/// Columns that every table has.
const COMMON: &[(&str, &str, &str, &str)] = &[
    ("time", "time", "none", "When the snapshot was taken."),
    ("host_id", "text", "none", "Stable id of the host."),
    ("host", "text", "none", "Name of the host when the row was stored."),
    ("interval_ms", "integer", "milliseconds", "What the deltas in the row cover, by the host's boot clock."),
];

#[derive(Serialize, ToSchema)]
pub(crate) struct TableList {
    tables: Vec<TableEntry>,
}

/// A table: one row per snapshot and entity.
#[derive(Serialize, ToSchema)]
struct TableEntry {
    name: &'static str,
    doc: &'static str,
    /// Columns that together name what a row is about; empty when that is the host.
    entity: &'static [&'static str],
    columns: Vec<ColumnEntry>,
}

#[derive(Serialize, ToSchema)]
struct ColumnEntry {
    name: &'static str,
    /// `integer`, `float`, `text` or `time`.
    #[serde(rename = "type")]
    column_type: &'static str,
    unit: &'static str,
    /// `gauge`: state at the instant. `delta`: added during the interval. `label`: names something.
    meaning: &'static str,
    /// Computed when asked for, not stored: not in rows.
    derived: bool,
    doc: &'static str,
}

/// All tables and their columns, derived ones included.
#[utoipa::path(get, path = "/api/v1/tables", tag = "history", responses((status = 200, body = TableList)))]
pub(crate) async fn list_tables() -> Json<TableList> {
    Json(TableList { tables: tables::ALL.iter().map(|table| TableEntry::new(table)).collect() })
}

/// The names of all tables, for a message.
pub(crate) fn table_names() -> String {
    let names: Vec<_> = tables::ALL.iter().map(|table| table.name).collect();
    names.join(", ")
}

/// Columns that a series can have: stored numbers and derived columns. Says what is wrong with the others.
pub(crate) fn number_columns(
    table: &'static Table,
    wanted: Vec<String>,
    problems: &mut Problems,
) -> Vec<String> {
    let is_number = |column: &Column| column.column_type != ColumnType::Text;
    let stored = table.columns.iter().filter(|column| is_number(column)).map(|column| column.name);
    let known: Vec<&str> =
        stored.chain(derived::columns(table).iter().map(|column| column.name.as_str())).collect();
    if wanted.is_empty() {
        problems.add(format_args!(
            "`columns`: name at least one; table {} has {}",
            table.name,
            known.join(", ")
        ));
    }
    let texts: Vec<&str> =
        table.columns.iter().filter(|column| !is_number(column)).map(|column| column.name).collect();
    let (text, wanted): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|column| texts.contains(&column.as_str()));
    for column in text {
        problems.add(format_args!("`columns`: {column} is text, and a series is of numbers"));
    }
    check_columns(table, wanted, &known, problems)
}

/// Columns that rows have. Says what is wrong with the others.
pub(crate) fn stored_columns(
    table: &'static Table,
    wanted: Vec<String>,
    problems: &mut Problems,
) -> Vec<String> {
    let known: Vec<&str> =
        COMMON.iter().map(|column| column.0).chain(table.columns.iter().map(|column| column.name)).collect();
    check_columns(table, wanted, &known, problems)
}

fn check_columns(
    table: &Table,
    mut wanted: Vec<String>,
    known: &[&str],
    problems: &mut Problems,
) -> Vec<String> {
    let unknown: Vec<_> = wanted.iter().filter(|column| !known.contains(&column.as_str())).cloned().collect();
    if !unknown.is_empty() {
        problems.add(format_args!(
            "`columns`: table {} has no {}; it has {}",
            table.name,
            unknown.join(", "),
            known.join(", ")
        ));
    }
    let mut seen = std::collections::HashSet::new();
    wanted.retain(|column| seen.insert(column.clone()));
    if wanted.len() > MOST_COLUMNS {
        problems.add(format_args!("`columns`: at most {MOST_COLUMNS} at a time"));
    }
    wanted
}

impl TableEntry {
    fn new(table: &'static Table) -> Self {
        let common = COMMON.iter().map(|&(name, column_type, unit, doc)| ColumnEntry {
            name,
            column_type,
            unit,
            meaning: "label",
            derived: false,
            doc,
        });
        let computed = derived::columns(table).iter().map(|column| ColumnEntry {
            name: &column.name,
            column_type: "float",
            unit: column.unit,
            meaning: "gauge",
            derived: true,
            doc: &column.doc,
        });
        let columns = common.chain(table.columns.iter().map(ColumnEntry::new)).chain(computed).collect();
        Self { name: table.name, doc: table.doc, entity: table.entity, columns }
    }
}

impl ColumnEntry {
    fn new(column: &'static Column) -> Self {
        let column_type = match (column.column_type, column.unit) {
            (_, Unit::EpochMilliseconds) => "time",
            (ColumnType::Integer, _) => "integer",
            (ColumnType::Float, _) => "float",
            (ColumnType::Text, _) => "text",
        };
        let unit = match column.unit {
            Unit::None | Unit::EpochMilliseconds => "none",
            Unit::Bytes => "bytes",
            Unit::Microseconds => "microseconds",
            Unit::Milliseconds => "milliseconds",
            Unit::Seconds => "seconds",
            Unit::Ratio => "ratio",
            Unit::BitsPerSecond => "bits_per_second",
            Unit::Celsius => "celsius",
        };
        let meaning = match column.meaning {
            Meaning::Gauge => "gauge",
            Meaning::Delta => "delta",
            Meaning::Label => "label",
        };
        Self { name: column.name, column_type, unit, meaning, derived: false, doc: column.doc }
    }
}
