//! Columns that are not stored but computed from stored ones.
//!
//! | from | column | is |
//! |---|---|---|
//! | every delta `x` | `x_per_second` | x divided by its interval |
//! | every delta `x_us` | `x_ratio` | x divided by its interval: the share of the time (or, for CPU time of processes, cores) |
//! | CPU time in `host` and `cpu` | `cpu_user_ratio`, `user_ratio`, … | the share of all CPU time, 0 to 1 |
//! | `host`, `cpu` | `cpu_used_ratio` | 1 less idle and iowait |
//! | `host` | `memory_used_bytes`, `memory_used_ratio` | total less available |
//! | `host` | `swap_used_bytes`, `swap_used_ratio` | total less free |
//! | `disk` | `await_ms` | mean time of a request |
//! | `disk` | `queue_depth` | mean requests outstanding |
//! | `filesystem` | `used_ratio`, `inodes_used_ratio` | used of what an ordinary user can use |
//! | `interface` | `rx_bits_per_second`, `tx_bits_per_second` | traffic in bits |
//! | `process` | `cpu_ratio` | user and system time, in cores |
//!
//! A column is absent where one of its inputs is.

use std::sync::LazyLock;

use crate::{Block, Cell, Column, Meaning, Table, Unit, tables};

/// A computed column.
#[derive(Debug, Clone)]
pub struct Derived {
    pub name: String,
    /// `ratio` (0 to 1), `cores`, `bytes`, `milliseconds`, `requests`, `bytes_per_second`, `bits_per_second`,
    /// `microseconds_per_second`, `per_second`.
    pub unit: &'static str,
    pub doc: String,
    formula: Formula,
}

/// Numbers are positions in [`Table::columns`].
#[derive(Debug, Clone)]
enum Formula {
    PerSecond {
        of: usize,
        factor: f64,
    },
    /// Sum of the microseconds, of the interval.
    OfInterval(Vec<usize>),
    /// Microseconds of one state of the CPU, of all states.
    OfCpu {
        state: usize,
        all: CpuStates,
    },
    CpuUsed(CpuStates),
    Less {
        all: usize,
        part: usize,
    },
    LessRatio {
        all: usize,
        part: usize,
    },
    UsedRatio {
        used: usize,
        available: usize,
    },
    OfAll {
        part: usize,
        all: usize,
    },
    Await {
        microseconds: [usize; 2],
        requests: [usize; 2],
    },
}

/// Where the states of the CPU are; together they are all CPU time.
#[derive(Debug, Clone)]
struct CpuStates {
    /// Every kernel tells these.
    idle: usize,
    user: usize,
    system: usize,
    /// What an old kernel does not tell is in the others.
    iowait: usize,
    more: Vec<usize>,
}

static ALL: LazyLock<Vec<Vec<Derived>>> =
    LazyLock::new(|| tables::ALL.iter().map(|table| derive(table)).collect());

/// The computed columns of a table.
pub fn columns(table: &Table) -> &'static [Derived] {
    let position = tables::ALL.iter().position(|known| known.id == table.id);
    position.and_then(|position| ALL.get(position)).map_or(&[], Vec::as_slice)
}

/// The computed column of that name.
pub fn by_name(table: &Table, name: &str) -> Option<&'static Derived> {
    columns(table).iter().find(|derived| derived.name == name)
}

/// A stored number or a computed column of one row.
pub fn value(block: &Block, row: usize, name: &str) -> Option<f64> {
    let cell = |position| match block.cell(position, row) {
        Cell::Integer(value) => Some(value as f64),
        Cell::Float(value) => Some(value),
        Cell::Text(_) | Cell::Absent => None,
    };
    match block.table().position(name) {
        Some(position) => cell(position),
        None => by_name(block.table(), name)?.evaluate(block.interval_ms, cell),
    }
}

/// What several columns of one row of a table need: computed for the first of them.
#[derive(Debug, Default)]
pub struct Shared {
    cpu_total: Option<Option<f64>>,
}

/// A column divided by its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Position of the column.
    pub of: usize,
    /// Of its amount per second.
    pub factor: f64,
}

impl Derived {
    /// Set when that is all it is.
    pub fn rate(&self) -> Option<Rate> {
        match &self.formula {
            Formula::PerSecond { of, factor } => Some(Rate { of: *of, factor: *factor }),
            Formula::OfInterval(parts) => match parts.as_slice() {
                [of] => Some(Rate { of: *of, factor: 1e-6 }),
                _ => None,
            },
            _ => None,
        }
    }

    /// Positions of the stored columns that it is computed from.
    pub fn inputs(&self) -> Vec<usize> {
        match &self.formula {
            Formula::PerSecond { of, .. } => vec![*of],
            Formula::OfInterval(parts) => parts.clone(),
            Formula::OfCpu { state, all } => [vec![*state], all.positions()].concat(),
            Formula::CpuUsed(all) => all.positions(),
            Formula::Less { all, part } | Formula::LessRatio { all, part } | Formula::OfAll { part, all } => {
                vec![*all, *part]
            }
            Formula::UsedRatio { used, available } => vec![*used, *available],
            Formula::Await { microseconds, requests } => [*microseconds, *requests].concat(),
        }
    }

    /// Computes it from the cells of one row, given by position.
    pub fn evaluate(&self, interval_ms: i64, cell: impl Fn(usize) -> Option<f64>) -> Option<f64> {
        self.evaluate_with(interval_ms, cell, &mut Shared::default())
    }

    /// The same for one of several columns of a row.
    pub fn evaluate_with(
        &self,
        interval_ms: i64,
        cell: impl Fn(usize) -> Option<f64>,
        shared: &mut Shared,
    ) -> Option<f64> {
        let mut cpu_total = |all: &CpuStates| *shared.cpu_total.get_or_insert_with(|| all.total(&cell));
        let interval = (interval_ms > 0).then_some(interval_ms as f64);
        match &self.formula {
            Formula::PerSecond { of, factor } => Some(cell(*of)? * factor * 1000.0 / interval?),
            Formula::OfInterval(parts) => {
                let mut sum = 0.0;
                for part in parts {
                    sum += cell(*part)?;
                }
                Some(sum / (interval? * 1000.0))
            }
            Formula::OfCpu { state, all } => quotient(cell(*state)?, cpu_total(all)?),
            Formula::CpuUsed(all) => {
                let unused = cell(all.idle)? + cell(all.iowait).unwrap_or(0.0);
                quotient(unused, cpu_total(all)?).map(|unused| 1.0 - unused)
            }
            Formula::Less { all, part } => Some(cell(*all)? - cell(*part)?),
            Formula::LessRatio { all, part } => {
                let all = cell(*all)?;
                quotient(all - cell(*part)?, all)
            }
            Formula::UsedRatio { used, available } => {
                let used = cell(*used)?;
                quotient(used, used + cell(*available)?)
            }
            Formula::OfAll { part, all } => quotient(cell(*part)?, cell(*all)?),
            Formula::Await { microseconds: [read, write], requests: [reads, writes] } => {
                quotient((cell(*read)? + cell(*write)?) / 1000.0, cell(*reads)? + cell(*writes)?)
            }
        }
    }
}

impl Derived {
    /// The same as an expression over the table's stored columns in SQL; absent is `NULL`.
    pub fn sql(&self, table: &Table) -> String {
        let column = |position: usize| {
            let name = table.columns.get(position).map_or("NULL", |column| column.name);
            format!("CAST(\"{name}\" AS DOUBLE)")
        };
        let quotient = |part: &str, all: &str| format!("({part}) / nullif(greatest({all}, 0), 0)");
        let interval = "nullif(greatest(interval_ms, 0), 0)";
        match &self.formula {
            Formula::PerSecond { of, factor } => {
                let factor = factor * 1000.0;
                format!("{} * {factor:.1} / {interval}", column(*of))
            }
            Formula::OfInterval(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| column(*part)).collect();
                format!("({}) / ({interval} * 1000.0)", parts.join(" + "))
            }
            Formula::OfCpu { state, all } => quotient(&column(*state), &all.sql(&column)),
            Formula::CpuUsed(all) => {
                let unused = format!("{} + coalesce({}, 0)", column(all.idle), column(all.iowait));
                format!("1 - {}", quotient(&unused, &all.sql(&column)))
            }
            Formula::Less { all, part } => format!("{} - {}", column(*all), column(*part)),
            Formula::LessRatio { all, part } => {
                quotient(&format!("{} - {}", column(*all), column(*part)), &column(*all))
            }
            Formula::UsedRatio { used, available } => {
                quotient(&column(*used), &format!("{} + {}", column(*used), column(*available)))
            }
            Formula::OfAll { part, all } => quotient(&column(*part), &column(*all)),
            Formula::Await { microseconds: [read, write], requests: [reads, writes] } => quotient(
                &format!("({} + {}) / 1000.0", column(*read), column(*write)),
                &format!("{} + {}", column(*reads), column(*writes)),
            ),
        }
    }
}

impl CpuStates {
    fn sql(&self, column: &impl Fn(usize) -> String) -> String {
        let needed = [self.idle, self.user, self.system].map(column).join(" + ");
        let others = std::iter::once(&self.iowait).chain(&self.more);
        others.fold(needed, |sum, state| format!("{sum} + coalesce({}, 0)", column(*state)))
    }

    fn positions(&self) -> Vec<usize> {
        [vec![self.idle, self.user, self.system, self.iowait], self.more.clone()].concat()
    }

    fn total(&self, cell: &impl Fn(usize) -> Option<f64>) -> Option<f64> {
        let mut total = cell(self.idle)? + cell(self.user)? + cell(self.system)?;
        total += cell(self.iowait).unwrap_or(0.0);
        total += self.more.iter().filter_map(|state| cell(*state)).sum::<f64>();
        Some(total)
    }
}

/// Absent where there is nothing to divide by: no CPU time passed, no swap, no request.
fn quotient(part: f64, all: f64) -> Option<f64> {
    (all > 0.0).then(|| part / all)
}

fn derive(table: &'static Table) -> Vec<Derived> {
    let cpu = cpu_states(table);
    let mut derived = Vec::new();
    for (position, column) in table.columns.iter().enumerate() {
        if column.meaning != Meaning::Delta {
            continue;
        }
        if column.unit == Unit::Microseconds {
            derived.push(share(table, position, column, cpu.as_ref()));
        }
        derived.push(per_second(position, column));
    }
    derived.extend(special(table, cpu));
    derived
}

fn per_second(position: usize, column: &Column) -> Derived {
    let unit = match column.unit {
        Unit::Bytes => "bytes_per_second",
        Unit::Microseconds => "microseconds_per_second",
        _ => "per_second",
    };
    let formula = Formula::PerSecond { of: position, factor: 1.0 };
    Derived {
        name: format!("{}_per_second", column.name),
        unit,
        doc: format!("{} Per second.", column.doc),
        formula,
    }
}

fn share(table: &Table, position: usize, column: &Column, cpu: Option<&CpuStates>) -> Derived {
    // `cpu_user_us`, `disk_busy_us_max`.
    let name = match column.name.strip_suffix("_us") {
        Some(stem) => format!("{stem}_ratio"),
        None => column.name.replace("_us_", "_ratio_"),
    };
    let guest = column.name.ends_with("guest_us");
    if let Some(all) = cpu
        && (guest || all.positions().contains(&position))
    {
        let doc = format!("{} As a share of all CPU time.", column.doc);
        return Derived {
            name,
            unit: "ratio",
            doc,
            formula: Formula::OfCpu { state: position, all: all.clone() },
        };
    }
    let cores = table.name == "process" || column.name.contains("cpu_") && !column.name.contains("pressure");
    let (unit, doc) = if cores {
        ("cores", format!("{} In cores: 1 is one core all the time.", column.doc))
    } else {
        ("ratio", format!("{} As a share of the time.", column.doc))
    };
    Derived { name, unit, doc, formula: Formula::OfInterval(vec![position]) }
}

fn cpu_states(table: &Table) -> Option<CpuStates> {
    let prefix = match table.name {
        "host" => "cpu_",
        "cpu" => "",
        _ => return None,
    };
    let at = |state: &str| table.position(&format!("{prefix}{state}_us"));
    let more = ["nice", "irq", "softirq", "steal"].into_iter().filter_map(at).collect();
    Some(CpuStates {
        idle: at("idle")?,
        user: at("user")?,
        system: at("system")?,
        iowait: at("iowait")?,
        more,
    })
}

/// Columns with a rule of their own.
fn special(table: &'static Table, cpu: Option<CpuStates>) -> Vec<Derived> {
    let mut list = Vec::new();
    let mut add = |name: &str, unit, doc: &str, formula: Option<Formula>| {
        let made =
            formula.map(|formula| Derived { name: name.to_owned(), unit, doc: doc.to_owned(), formula });
        list.extend(made);
    };
    let at = |name: &str| table.position(name);
    let pair = |left: &str, right: &str| Some([at(left)?, at(right)?]);
    let used = "Share of all CPU time that was not idle and not waiting for a disk.";
    add("cpu_used_ratio", "ratio", used, cpu.map(Formula::CpuUsed));
    for (name, all, part, doc) in [
        ("memory_used", "memory_total_bytes", "memory_available_bytes", "Memory that new work can not have."),
        ("swap_used", "swap_total_bytes", "swap_free_bytes", "Swap space in use."),
    ] {
        let found = pair(all, part);
        add(&format!("{name}_bytes"), "bytes", doc, found.map(|[all, part]| Formula::Less { all, part }));
        let doc = format!("{doc} As a share of all of it.");
        add(
            &format!("{name}_ratio"),
            "ratio",
            &doc,
            found.map(|[all, part]| Formula::LessRatio { all, part }),
        );
    }
    if table.name == "disk" {
        let requests = pair("reads", "writes");
        let formula = pair("read_us", "write_us")
            .zip(requests)
            .map(|(microseconds, requests)| Formula::Await { microseconds, requests });
        add("await_ms", "milliseconds", "Mean time that a request took, waiting included.", formula);
        let queue = at("queue_us").map(|queue| Formula::OfInterval(vec![queue]));
        add("queue_depth", "requests", "Mean number of requests outstanding.", queue);
    }
    if table.name == "filesystem" {
        let formula = pair("used_bytes", "available_bytes")
            .map(|[used, available]| Formula::UsedRatio { used, available });
        add(
            "used_ratio",
            "ratio",
            "Used, of what is used or can still be written by an ordinary user.",
            formula,
        );
        let inodes = pair("inodes_used", "inodes").map(|[part, all]| Formula::OfAll { part, all });
        add("inodes_used_ratio", "ratio", "Inodes used, of all.", inodes);
    }
    if table.name == "interface" {
        for (name, of) in [("rx_bits_per_second", "rx_bytes"), ("tx_bits_per_second", "tx_bytes")] {
            let formula = at(of).map(|of| Formula::PerSecond { of, factor: 8.0 });
            add(name, "bits_per_second", "Traffic in bits.", formula);
        }
    }
    if table.name == "process" {
        let formula = pair("cpu_user_us", "cpu_system_us").map(|both| Formula::OfInterval(both.to_vec()));
        add("cpu_ratio", "cores", "CPU time in cores: 1 is one core all the time.", formula);
    }
    list
}

#[cfg(test)]
mod tests;
