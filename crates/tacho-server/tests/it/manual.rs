//! `docs/tables.md` is generated from the tables themselves; `BLESS=1` rewrites it.

use std::fmt::Write as _;
use std::path::Path;

use tacho_history::derived;
use tacho_model::{Column, ColumnType, Meaning, tables};

const HEAD: &str = "\
# Tables and columns

Generated from the code (`make bless`). Every table begins with `time` (UTC, milliseconds), `host_id` (stable),
`host` (the name when the row was stored) and `interval_ms` (what the deltas in the row cover, by the host's
boot clock). A cell that could not be read is absent (null), never zero.

A *delta* is what was added during the row's interval, a *gauge* the state at the instant, a *label* names
something. *Derived* columns are computed when asked for: series have them, rows and files do not.
";

#[test]
fn the_manual_lists_every_column() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tables.md");
    let text = page();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{} is out of date; run `make bless`", path.display());
}

fn page() -> String {
    let mut text = HEAD.to_owned();
    for table in tables::ALL {
        writeln!(text, "\n## {}\n\n{}\n", table.name, table.doc).unwrap();
        text.push_str("| column | id | type | meaning | text |\n|---|---|---|---|---|\n");
        for column in table.columns {
            let (kind, meaning) = words(column);
            writeln!(text, "| `{}` | {} | {kind} | {meaning} | {} |", column.name, column.id, column.doc)
                .unwrap();
        }
        text.push_str("\n| derived column | unit | text |\n|---|---|---|\n");
        for column in derived::columns(table) {
            writeln!(text, "| `{}` | {} | {} |", column.name, column.unit, column.doc).unwrap();
        }
    }
    text
}

fn words(column: &Column) -> (&'static str, &'static str) {
    let kind = match column.column_type {
        ColumnType::Integer => "integer",
        ColumnType::Float => "float",
        ColumnType::Text => "text",
    };
    let meaning = match column.meaning {
        Meaning::Gauge => "gauge",
        Meaning::Delta => "delta",
        Meaning::Label => "label",
    };
    (kind, meaning)
}
