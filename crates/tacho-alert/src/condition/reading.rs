//! Conditions on one column: a number against a threshold, a text in a list, the clock.

use tacho_model::derived::{self, Derived};
use tacho_model::{Block, Cell, ColumnType, Snapshot, Table, Unit, tables};

use super::{Finding, Look};
use crate::evidence::Order;
use crate::glob::{Glob, any_of};

/// A column of a table, stored or computed.
#[derive(Debug, Clone)]
pub struct Reading {
    pub(crate) table: &'static Table,
    source: Source,
    name: String,
}

#[derive(Debug, Clone)]
enum Source {
    Stored(usize),
    Derived(&'static Derived),
}

/// A number above or below another.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    pub reading: Reading,
    /// Above it holds; else below.
    pub is_above: bool,
    pub limit: f64,
    /// What holds goes on until the number is back behind this one.
    pub until: f64,
    pub rows: Rows,
}

/// A text that is one of some.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub reading: Reading,
    pub is: Vec<Glob>,
    pub rows: Rows,
    /// Column whose number or text goes with it.
    pub about: Option<Reading>,
}

/// How far the clock of a host may be off.
#[derive(Debug, Clone, PartialEq)]
pub struct ClockOffset {
    pub above_ms: i64,
}

/// Which rows of a table: columns and what their text has to match.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows(pub(crate) Vec<(Reading, Vec<Glob>)>);

impl PartialEq for Reading {
    fn eq(&self, other: &Self) -> bool {
        self.table.id == other.table.id && self.name == other.name
    }
}

impl Reading {
    /// Reads `table.column`; the error says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        const SAY: &str = "docs/tables.md and /api/v1/tables list them all";
        let Some((table, column)) = text.split_once('.') else {
            return Err(format!(
                r#"is {text:?}; write table.column, such as "host.memory_used_ratio"; {SAY}"#
            ));
        };
        let Some(table) = tables::by_name(table) else {
            let names: Vec<_> = tables::ALL.iter().map(|table| table.name).collect();
            return Err(format!("names the table {table:?}; tables are {}", names.join(", ")));
        };
        Self::of(table, column)
            .ok_or_else(|| format!("names {column:?}, which table {} does not have; {SAY}", table.name))
    }

    pub(crate) fn of(table: &'static Table, column: &str) -> Option<Self> {
        let source = match table.position(column) {
            Some(position) => Source::Stored(position),
            None => Source::Derived(derived::by_name(table, column)?),
        };
        Some(Self { table, source, name: format!("{}.{column}", table.name) })
    }

    /// As it is written.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_number(&self) -> bool {
        match self.source {
            Source::Stored(position) => {
                self.table.columns.get(position).is_some_and(|column| column.column_type != ColumnType::Text)
            }
            Source::Derived(_) => true,
        }
    }

    pub(crate) fn number(&self, block: &Block, row: usize) -> Option<f64> {
        let cell = |position| match block.cell(position, row) {
            Cell::Integer(value) => Some(value as f64),
            Cell::Float(value) => Some(value),
            Cell::Text(_) | Cell::Absent => None,
        };
        match self.source {
            Source::Stored(position) => cell(position),
            Source::Derived(derived) => derived.evaluate(block.interval_ms, cell),
        }
    }

    pub(crate) fn text(&self, snapshot: &Snapshot, block: &Block, row: usize) -> Option<String> {
        let Source::Stored(position) = self.source else {
            return self.number(block, row).map(|number| number.to_string());
        };
        match block.cell(position, row) {
            Cell::Integer(value) => Some(value.to_string()),
            Cell::Float(value) => Some(value.to_string()),
            Cell::Text(text) => Some(text.to_owned()),
            Cell::Absent => identity_text(self.table, self.column()?, snapshot, row),
        }
    }

    fn column(&self) -> Option<&'static str> {
        let Source::Stored(position) = self.source else { return None };
        self.table.columns.get(position).map(|column| column.name)
    }

    pub(crate) fn unit(&self) -> &'static str {
        let Source::Stored(position) = self.source else {
            let Source::Derived(derived) = self.source else { return "" };
            return derived.unit;
        };
        self.table.columns.get(position).map_or("", |column| match column.unit {
            Unit::None | Unit::EpochMilliseconds => "",
            Unit::Bytes => "bytes",
            Unit::Microseconds => "microseconds",
            Unit::Milliseconds => "milliseconds",
            Unit::Seconds => "seconds",
            Unit::Ratio => "ratio",
            Unit::BitsPerSecond => "bits_per_second",
            Unit::Celsius => "celsius",
        })
    }

    /// Which processes are to blame, as far as the column's name tells.
    fn order(&self) -> Order {
        let has = |words: &[&str]| words.iter().any(|word| self.name.contains(word));
        if has(&["memory", "swap", "rss", "oom"]) {
            Order::Memory
        } else if has(&["disk", "filesystem", "io_pressure"]) {
            Order::Disk
        } else if has(&["net_", "interface", "tcp", "udp", "rx_", "tx_"]) {
            Order::Network
        } else {
            Order::Cpu
        }
    }
}

/// What the identity beside a row of the process table says: the block carries no such columns.
fn identity_text(table: &Table, column: &str, snapshot: &Snapshot, row: usize) -> Option<String> {
    if table.id != tables::process::TABLE.id {
        return None;
    }
    let identity = snapshot.processes.get(row)?;
    Some(match column {
        "pid" => identity.key.pid.to_string(),
        "name" => identity.name.clone(),
        "command" => identity.command.clone(),
        "user" => identity.user.clone(),
        "unit" => identity.unit.clone(),
        "container" => identity.container.clone(),
        "cgroup" => identity.cgroup.clone(),
        _ => return None,
    })
}

/// What a row is about, for people and as a key.
pub(crate) fn entity(snapshot: &Snapshot, block: &Block, row: usize) -> String {
    let table = block.table();
    if table.id == tables::process::TABLE.id {
        return snapshot
            .processes
            .get(row)
            .map_or_else(String::new, |identity| format!("{} [{}]", identity.name, identity.key.pid));
    }
    let cells = table.entity.iter().filter_map(|name| match block.cell(table.position(name)?, row) {
        Cell::Integer(value) => Some(value.to_string()),
        Cell::Float(value) => Some(value.to_string()),
        Cell::Text(text) => Some(text.to_owned()),
        Cell::Absent => None,
    });
    cells.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

impl Rows {
    pub(crate) fn matches(&self, snapshot: &Snapshot, block: &Block, row: usize) -> bool {
        self.0
            .iter()
            .all(|(reading, globs)| any_of(globs, &reading.text(snapshot, block, row).unwrap_or_default()))
    }
}

impl Threshold {
    pub(super) fn evaluate(&self, look: &Look<'_>) -> Vec<Finding> {
        let Some(block) = look.snapshot.block(self.reading.table) else { return Vec::new() };
        let rows = (0..block.len()).filter(|row| self.rows.matches(look.snapshot, block, *row));
        rows.filter_map(|row| {
            let value = self.reading.number(block, row)?;
            let entity = entity(look.snapshot, block, row);
            let limit = if (look.is_active)(&entity) { self.until } else { self.limit };
            let holds = if self.is_above { value > limit } else { value < limit };
            let mut finding = Finding::new(entity, holds);
            (finding.value, finding.threshold) = (Some(value), Some(self.limit));
            (finding.unit, finding.order) = (self.reading.unit(), self.reading.order());
            Some(finding)
        })
        .collect()
    }

    /// The value that an earlier snapshot had, for the line of the last minutes.
    pub(crate) fn value_in(&self, snapshot: &Snapshot, wanted: &str) -> Option<f64> {
        let block = snapshot.block(self.reading.table)?;
        let row = (0..block.len()).find(|row| entity(snapshot, block, *row) == wanted)?;
        self.reading.number(block, row)
    }
}

impl State {
    pub(super) fn evaluate(&self, look: &Look<'_>) -> Vec<Finding> {
        let Some(block) = look.snapshot.block(self.reading.table) else { return Vec::new() };
        let rows = (0..block.len()).filter(|row| self.rows.matches(look.snapshot, block, *row));
        rows.filter_map(|row| {
            let text = self.reading.text(look.snapshot, block, row)?;
            let mut finding = Finding::new(
                entity(look.snapshot, block, row),
                self.is.iter().any(|glob| glob.matches(&text)),
            );
            finding.text = text;
            if let Some(about) = &self.about {
                finding.value = about.number(block, row);
                finding.unit = about.unit();
                if let Some(more) = about.text(look.snapshot, block, row).filter(|_| !about.is_number()) {
                    finding.text = format!("{}: {more}", finding.text);
                }
            }
            Some(finding)
        })
        .collect()
    }
}

impl ClockOffset {
    pub(super) fn evaluate(&self, look: &Look<'_>) -> Vec<Finding> {
        let Some(block) = look.snapshot.block(&tables::host::TABLE) else { return Vec::new() };
        let Some(offset_ms) = derived::value(block, 0, "clock_offset_ms") else { return Vec::new() };
        let mut finding = Finding::new("", offset_ms.abs() > self.above_ms as f64);
        (finding.value, finding.threshold) = (Some(offset_ms), Some(self.above_ms as f64));
        finding.unit = "milliseconds";
        vec![finding]
    }
}
