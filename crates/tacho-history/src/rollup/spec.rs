//! Which columns a rollup of a table has, and which of the table's they come from.

use tacho_model::{Column, ColumnType, Meaning, Table, Unit};

use super::Level;
use crate::derived::{self, Derived};

/// Field ids: those of the table's columns plus one of these, so that they are as lasting.
const MIN: u16 = 1_000;
const MAX: u16 = 2_000;
const COUNT: u16 = 3_000;
const LAST: u16 = 4_000;
const SUM: u16 = 5_000;
const ROWS_ID: u16 = 6_001;
const FIRST_TIME_ID: u16 = 6_002;
const LAST_TIME_ID: u16 = 6_003;

/// Derived columns whose extremes are kept, with the field id of the least; the greatest has the next. Never
/// reuse or renumber one.
const EXTREMES: [(&str, &str, u16); 11] = [
    ("host", "cpu_used_ratio", 7_001),
    ("host", "memory_used_bytes", 7_003),
    ("host", "memory_used_ratio", 7_005),
    ("host", "swap_used_bytes", 7_007),
    ("host", "swap_used_ratio", 7_009),
    ("cpu", "cpu_used_ratio", 7_001),
    ("disk", "await_ms", 7_001),
    ("filesystem", "used_ratio", 7_001),
    ("filesystem", "inodes_used_ratio", 7_003),
    ("process", "cpu_ratio", 7_001),
    ("host", "cpu_iowait_ratio", 7_011),
];

/// How one table is rolled up. Numbers are positions in the table's columns, or in those of its rollups.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) raw: &'static Table,
    /// One of each of [`Level::ROLLUPS`].
    tables: [&'static Table; Level::ROLLUPS.len()],
    /// Where a label or text is in the table, and in its rollups.
    pub(crate) labels: Vec<(usize, usize)>,
    pub(crate) numbers: Vec<Number>,
    pub(crate) extremes: Vec<Extremes>,
    pub(crate) rows: usize,
    pub(crate) first_time: usize,
    pub(crate) last_time: usize,
}

/// A column of numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    pub(crate) raw: usize,
    pub(crate) delta: bool,
    pub(crate) float: bool,
    pub(crate) sum: usize,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) count: usize,
    /// Of gauges.
    pub(crate) last: Option<usize>,
}

/// A derived column.
#[derive(Debug)]
pub(crate) struct Extremes {
    pub(crate) derived: &'static Derived,
    pub(crate) min: usize,
    pub(crate) max: usize,
    /// One input is enough; the others are zero then.
    pub(crate) any_known: bool,
}

impl Spec {
    /// Made once per table and kept for good.
    pub(crate) fn new(raw: &'static Table) -> Self {
        let mut columns = Columns::default();
        let mut labels = Vec::new();
        for (position, column) in raw.columns.iter().enumerate() {
            if column.meaning == Meaning::Label || column.column_type == ColumnType::Text {
                labels.push((position, columns.add(label(column))));
            }
        }
        let rows = columns.count(ROWS_ID, "rows", "Rows of the table that this one stands for.");
        let first_time = columns.time(FIRST_TIME_ID, "first_time", "Time of the first of them.");
        let last_time = columns.time(LAST_TIME_ID, "last_time", "Time of the last of them.");
        let numbers = raw.columns.iter().enumerate().filter(|(_, column)| is_number(column));
        let numbers = numbers.map(|(position, column)| columns.number(position, column)).collect();
        let extremes = EXTREMES.iter().filter(|(table, ..)| *table == raw.name);
        let extremes = extremes
            .filter_map(|(_, name, id)| columns.extremes(derived::by_name(raw, name)?, *id))
            .collect();
        let columns: &'static [Column] = columns.0.leak();
        let tables = Level::ROLLUPS.map(|level| -> &'static Table {
            let what = match level {
                Level::Raw | Level::Minute => "each minute of table `{}` comes to",
                Level::TenMinutes => "each ten minutes of table `{}` come to",
                Level::Hour => "each hour of table `{}` comes to",
                Level::Day => "each day (UTC) of table `{}` comes to",
            };
            Box::leak(Box::new(Table {
                id: raw.id,
                name: format!("{}_{}", raw.name, level.name()).leak(),
                entity: raw.entity,
                columns,
                doc: format!("What {}.", what.replace("{}", raw.name)).leak(),
            }))
        });
        Self { raw, tables, labels, numbers, extremes, rows, first_time, last_time }
    }

    /// The tables of its rollups, the finest first.
    pub(crate) fn rollups(&self) -> impl Iterator<Item = (Level, &'static Table)> + use<> {
        Level::ROLLUPS.into_iter().zip(self.tables)
    }

    /// The rollup at a level; `None` for [`Level::Raw`].
    pub(crate) fn table(&self, level: Level) -> Option<&'static Table> {
        self.rollups().find(|(of, _)| *of == level).map(|(_, table)| table)
    }

    /// The number that a column of the table is rolled up as.
    pub(crate) fn number(&self, raw: usize) -> Option<&Number> {
        self.numbers.iter().find(|number| number.raw == raw)
    }

    pub(crate) fn extremes_of(&self, derived: &str) -> Option<&Extremes> {
        self.extremes.iter().find(|extremes| extremes.derived.name == derived)
    }
}

fn is_number(column: &Column) -> bool {
    column.meaning != Meaning::Label && column.column_type != ColumnType::Text
}

fn label(column: &Column) -> Column {
    Column {
        id: column.id,
        name: column.name,
        column_type: column.column_type,
        unit: column.unit,
        meaning: Meaning::Label,
        doc: column.doc,
    }
}

#[derive(Default)]
struct Columns(Vec<Column>);

impl Columns {
    fn add(&mut self, column: Column) -> usize {
        self.0.push(column);
        self.0.len() - 1
    }

    fn count(&mut self, id: u16, name: &'static str, doc: &'static str) -> usize {
        let (column_type, unit, meaning) = (ColumnType::Integer, Unit::None, Meaning::Delta);
        self.add(Column { id, name, column_type, unit, meaning, doc })
    }

    fn time(&mut self, id: u16, name: &'static str, doc: &'static str) -> usize {
        let (column_type, unit, meaning) = (ColumnType::Integer, Unit::EpochMilliseconds, Meaning::Gauge);
        self.add(Column { id, name, column_type, unit, meaning, doc })
    }

    fn of(
        &mut self,
        column: &Column,
        offset: u16,
        suffix: &str,
        column_type: ColumnType,
        doc: &str,
    ) -> usize {
        let meaning = if offset == SUM || offset == COUNT { Meaning::Delta } else { Meaning::Gauge };
        self.add(Column {
            id: column.id + offset,
            name: format!("{}_{suffix}", column.name).leak(),
            column_type,
            unit: if offset == COUNT { Unit::None } else { column.unit },
            meaning,
            doc: format!("{} {doc}", column.doc).leak(),
        })
    }

    fn number(&mut self, raw: usize, column: &Column) -> Number {
        let delta = column.meaning == Meaning::Delta;
        let kind = column.column_type;
        let sum = self.of(column, SUM, "sum", kind, "Sum.");
        let (extreme, least, greatest) = match delta {
            true => (
                ColumnType::Float,
                "Least rate per second, to six digits.",
                "Greatest rate per second, to six digits.",
            ),
            false => (kind, "Least.", "Greatest."),
        };
        let min = self.of(column, MIN, "min", extreme, least);
        let max = self.of(column, MAX, "max", extreme, greatest);
        let count = self.of(column, COUNT, "count", ColumnType::Integer, "Rows that have it.");
        let last = (!delta).then(|| self.of(column, LAST, "last", kind, "Newest."));
        Number { raw, delta, float: kind == ColumnType::Float, sum, min, max, count, last }
    }

    fn extremes(&mut self, derived: &'static Derived, id: u16) -> Option<Extremes> {
        let mut add = |id, suffix: &str, doc: &str| {
            self.add(Column {
                id,
                name: format!("{}_{suffix}", derived.name).leak(),
                column_type: ColumnType::Float,
                unit: Unit::None,
                meaning: Meaning::Gauge,
                doc: format!("{} {doc}", derived.doc).leak(),
            })
        };
        let (min, max) =
            (add(id, "min", "Least, to six digits."), add(id + 1, "max", "Greatest, to six digits."));
        Some(Extremes { derived, min, max, any_known: derived.name == "cpu_ratio" })
    }
}
