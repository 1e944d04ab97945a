//! Rollups: what each minute, each ten minutes, each hour and each day (UTC) of a table come to, one row per entity and bucket.
//!
//! | of | is kept |
//! |---|---|
//! | a label, a text | its value in the newest row |
//! | a delta `x` | `x_sum`; `x_min` and `x_max` as rates per second, to six digits; `x_count` |
//! | a gauge `x` | `x_min`, `x_max`, `x_sum`, `x_count`, `x_last` |
//! | some [derived](crate::derived) columns `x` | `x_min`, `x_max`, to six digits: extremes of a quotient are not the quotient of extremes |
//! | the rows | `rows`, `first_time`, `last_time`; `interval_ms` is the sum of theirs |
//!
//! `time` is where the bucket starts. A rollup belongs to rows that were rolled up together, so a bucket may have
//! several rows until compaction puts them together: everything here adds up. Rows that come late are rolled
//! up on their own and added, whether the rows before them are still stored or not.

mod bucket;
mod output;
mod roller;
mod spec;

use std::collections::HashMap;
use std::sync::LazyLock;

use tacho_model::{Table, tables};

pub(crate) use roller::{Combiner, Roller};
pub(crate) use spec::{Number, Spec};

use crate::time::{DAY_MS, HOUR_MS};

/// How much time one row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// One snapshot.
    Raw,
    Minute,
    TenMinutes,
    Hour,
    /// Of UTC.
    Day,
}

impl Level {
    /// The finest first.
    pub const ALL: [Self; 5] = [Self::Raw, Self::Minute, Self::TenMinutes, Self::Hour, Self::Day];
    pub const ROLLUPS: [Self; 4] = [Self::Minute, Self::TenMinutes, Self::Hour, Self::Day];
    /// Those that early versions did not write.
    pub(crate) const LATER: [Self; 2] = [Self::TenMinutes, Self::Day];

    /// As the API and the names of tables have it: `raw`, `1m`, `10m`, `1h`, `1d`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Minute => "1m",
            Self::TenMinutes => "10m",
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    /// The level called so.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// Length of a bucket; 1 for raw rows, which are of one moment.
    pub fn bucket_ms(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::Minute => 60_000,
            Self::TenMinutes => 600_000,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }
}

/// Tables whose rows are kept as they are for long, or say nothing once they are summed up.
const NOT_ROLLED: [&str; 3] = ["connection", "listener", "event"];

struct Known {
    raw: &'static Table,
    level: Level,
    table: &'static Table,
}

static SPECS: LazyLock<Vec<Spec>> = LazyLock::new(|| {
    tables::ALL
        .iter()
        .filter(|table| !NOT_ROLLED.contains(&table.name))
        .map(|table| Spec::new(table))
        .collect()
});

static BY_NAME: LazyLock<HashMap<&'static str, Known>> = LazyLock::new(|| {
    let raw = tables::ALL.iter().map(|table| Known { raw: table, level: Level::Raw, table });
    let rolled = SPECS
        .iter()
        .flat_map(|spec| spec.rollups().map(|(level, table)| Known { raw: spec.raw, level, table }));
    raw.chain(rolled).map(|known| (known.table.name, known)).collect()
});

/// How a table of [`tables::ALL`] is rolled up; `None` when it is not.
pub(crate) fn spec(raw: &Table) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.raw.id == raw.id)
}

/// All tables that files may be of, rollups among them.
pub fn stored_tables() -> impl Iterator<Item = &'static Table> {
    let rolled = SPECS.iter().flat_map(|spec| spec.rollups().map(|(_, table)| table));
    tables::ALL.iter().copied().chain(rolled)
}

/// The stored table called so, of which table of [`tables::ALL`] it is, and at which level.
pub fn stored_table(name: &str) -> Option<(&'static Table, &'static Table, Level)> {
    BY_NAME.get(name).map(|known| (known.table, known.raw, known.level))
}

/// The spec of a rollup table; `None` for a raw one.
pub(crate) fn spec_of_rollup(name: &str) -> Option<&'static Spec> {
    let (_, raw, level) = stored_table(name)?;
    (level != Level::Raw).then(|| spec(raw)).flatten()
}

#[cfg(test)]
pub(crate) mod tests;
