//! `tacho-values`: what `tacho-load` sends of the same hosts, processes left out, as text that other systems take.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use tacho_model::{Block, Cell, ColumnType, Meaning, Table};
use tacho_runtime::clock;
use tacho_runtime::config::parse_duration;
use tacho_testkit::load::BOOTED_BEFORE_MS;
use tacho_testkit::synthetic::{Host, HostShape};

/// The form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// OpenMetrics, times in seconds: `promtool tsdb create-blocks-from openmetrics`.
    Openmetrics,
    /// Prometheus' text format, times in milliseconds: `/api/v1/import/prometheus` of VictoriaMetrics.
    Prometheus,
}

#[derive(Debug, Parser)]
#[command(name = "tacho-values", about = "Writes the values of hosts that do not exist to standard output")]
struct Arguments {
    #[arg(long, value_enum, default_value = "openmetrics")]
    format: Format,
    /// How many hosts.
    #[arg(long, default_value_t = 10)]
    hosts: usize,
    /// Their names are this and a number from 1.
    #[arg(long, default_value = "load-")]
    prefix: String,
    /// Time between snapshots.
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    interval: Duration,
    /// How much history.
    #[arg(long, default_value = "1d", value_parser = parse_duration)]
    duration: Duration,
    /// When it ends, in milliseconds since the epoch; now unless told.
    #[arg(long)]
    until: Option<i64>,
}

/// What one column of one entity is called, and what counters have come to.
struct Series {
    name: String,
    /// As those systems have counters: ever more.
    total: i64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let interval_ms = i64::try_from(arguments.interval.as_millis().max(1))?;
    let duration_ms = i64::try_from(arguments.duration.as_millis())?;
    let from_ms = arguments.until.unwrap_or_else(clock::wall_ms) - duration_ms;
    let shape = HostShape { processes: 0, active: 0 };
    let mut hosts = Vec::new();
    for number in 1..=arguments.hosts {
        let name = format!("{}{number}", arguments.prefix);
        let host = Host::new(&name, number as u64, shape, from_ms.saturating_sub(BOOTED_BEFORE_MS));
        hosts.push((name, host, BTreeMap::new()));
    }
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    let mut values: u64 = 0;
    for step in 0..duration_ms / interval_ms {
        let time_ms = from_ms + step * interval_ms;
        for (name, host, series) in &mut hosts {
            for block in host.tick(time_ms, interval_ms).blocks {
                if block.table().id != tacho_model::tables::process::TABLE.id {
                    values += write_block(&mut out, arguments.format, time_ms, name, &block, series)?;
                }
            }
        }
    }
    if arguments.format == Format::Openmetrics {
        writeln!(out, "# EOF")?;
    }
    out.flush()?;
    writeln!(std::io::stderr(), "{values} values")?;
    Ok(())
}

/// One line per number that is there; how many.
fn write_block(
    out: &mut impl Write,
    format: Format,
    time_ms: i64,
    host: &str,
    block: &Block,
    series: &mut BTreeMap<(u8, usize, usize), Series>,
) -> std::io::Result<u64> {
    let mut values = 0;
    let table = block.table();
    for row in 0..block.len() {
        for (position, column) in table.columns.iter().enumerate() {
            if column.meaning == Meaning::Label || column.column_type == ColumnType::Text {
                continue;
            }
            let series = series.entry((table.id, row, position)).or_insert_with(|| Series {
                name: format!("{}_{}{{{}}}", table.name, column.name, labels(table, host, block, row)),
                total: 0,
            });
            match (block.cell(position, row), column.meaning) {
                (Cell::Integer(value), Meaning::Delta) => {
                    series.total = series.total.saturating_add(value);
                    write!(out, "{} {}", series.name, series.total)?;
                }
                (Cell::Integer(value), _) => write!(out, "{} {value}", series.name)?,
                (Cell::Float(value), _) => write!(out, "{} {value}", series.name)?,
                (Cell::Absent | Cell::Text(_), _) => continue,
            }
            values += 1;
            match format {
                Format::Openmetrics => writeln!(out, " {}.{:03}", time_ms / 1000, time_ms % 1000)?,
                Format::Prometheus => writeln!(out, " {time_ms}")?,
            }
        }
    }
    Ok(values)
}

fn labels(table: &Table, host: &str, block: &Block, row: usize) -> String {
    let mut labels = format!("host=\"{host}\"");
    for name in table.entity {
        if let Some(Cell::Text(value)) = table.position(name).map(|position| block.cell(position, row)) {
            labels.push_str(&format!(",{name}=\"{value}\""));
        }
        if let Some(Cell::Integer(value)) = table.position(name).map(|position| block.cell(position, row)) {
            labels.push_str(&format!(",{name}=\"{value}\""));
        }
    }
    labels
}
