//! The main readings of a host at one moment.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use tacho_history::derived::value;
use tacho_model::{Block, Snapshot, tables};
use utoipa::ToSchema;

use super::time::Time;
use crate::live::LiveHost;

/// Levels of a temperature, the worst first.
const LEVELS: [&str; 3] = ["warning", "note", "normal"];

/// The main readings of a host at one moment. Null is not known.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Latest {
    time: Time,
    /// It arrived late, from a backlog: newer ones are still to come.
    late: bool,
    /// Share of all CPU time that was not idle, 0 to 1.
    cpu_used_ratio: Option<f64>,
    memory_used_ratio: Option<f64>,
    memory_used_bytes: Option<i64>,
    memory_total_bytes: Option<i64>,
    swap_used_ratio: Option<f64>,
    load1: Option<f64>,
    load5: Option<f64>,
    load15: Option<f64>,
    cpu_cores: Option<i64>,
    disk_read_bytes_per_second: Option<f64>,
    disk_write_bytes_per_second: Option<f64>,
    /// Of the busiest disk.
    disk_busy_ratio_max: Option<f64>,
    net_rx_bytes_per_second: Option<f64>,
    net_tx_bytes_per_second: Option<f64>,
    cpu_pressure_some_ratio: Option<f64>,
    memory_pressure_some_ratio: Option<f64>,
    io_pressure_some_ratio: Option<f64>,
    processes: Option<i64>,
    uptime_seconds: Option<i64>,
    /// Of the hottest sensor.
    temperature_max_celsius: Option<f64>,
    /// The worst level of a temperature sensor, by the settings of the agent: `normal`, `note` or `warning`; null where the
    /// newest minutes have no sensor.
    temperature_level: Option<&'static str>,
    /// Of the fullest file system; null where the moment has no reading of file systems.
    filesystem_used_ratio_max: Option<f64>,
}

impl Latest {
    /// Columns of table `host` that the readings are.
    pub(crate) const COLUMNS: [&str; 21] = [
        "arrived_late_ms",
        "cpu_used_ratio",
        "memory_used_ratio",
        "memory_used_bytes",
        "memory_total_bytes",
        "swap_used_ratio",
        "load1",
        "load5",
        "load15",
        "cpu_cores",
        "disk_read_bytes_per_second",
        "disk_write_bytes_per_second",
        "disk_busy_ratio_max",
        "net_rx_bytes_per_second",
        "net_tx_bytes_per_second",
        "cpu_pressure_some_ratio",
        "memory_pressure_some_ratio",
        "io_pressure_some_ratio",
        "processes",
        "uptime_seconds",
        "temperature_max_celsius",
    ];

    /// The newest readings of a host; absent until it has sent any.
    pub(crate) fn of_host(host: &LiveHost) -> Option<Self> {
        let mut latest =
            host.with_block(&tables::host::TABLE, |snapshot, block| Self::of_row(snapshot.time_ms, block))?;
        latest.filesystem_used_ratio_max =
            host.with_block(&tables::filesystem::TABLE, |_, block| fullest(block)).flatten();
        if latest.temperature_max_celsius.is_some() {
            latest.temperature_level = worst_level(&host.snapshots());
        }
        Some(latest)
    }

    /// The readings in the first row of a block of table `host`.
    pub(crate) fn of_row(time_ms: i64, block: &Block) -> Self {
        let number = |name| {
            debug_assert!(Self::COLUMNS.contains(&name), "{name}");
            value(block, 0, name)
        };
        let integer = |name| number(name).map(|number| number as i64);
        Self {
            time: Time(time_ms),
            late: number("arrived_late_ms").is_some(),
            cpu_used_ratio: number("cpu_used_ratio"),
            memory_used_ratio: number("memory_used_ratio"),
            memory_used_bytes: integer("memory_used_bytes"),
            memory_total_bytes: integer("memory_total_bytes"),
            swap_used_ratio: number("swap_used_ratio"),
            load1: number("load1"),
            load5: number("load5"),
            load15: number("load15"),
            cpu_cores: integer("cpu_cores"),
            disk_read_bytes_per_second: number("disk_read_bytes_per_second"),
            disk_write_bytes_per_second: number("disk_write_bytes_per_second"),
            disk_busy_ratio_max: number("disk_busy_ratio_max"),
            net_rx_bytes_per_second: number("net_rx_bytes_per_second"),
            net_tx_bytes_per_second: number("net_tx_bytes_per_second"),
            cpu_pressure_some_ratio: number("cpu_pressure_some_ratio"),
            memory_pressure_some_ratio: number("memory_pressure_some_ratio"),
            io_pressure_some_ratio: number("io_pressure_some_ratio"),
            processes: integer("processes"),
            uptime_seconds: integer("uptime_seconds"),
            temperature_max_celsius: number("temperature_max_celsius"),
            temperature_level: None,
            filesystem_used_ratio_max: None,
        }
    }
}

fn fullest(filesystems: &Block) -> Option<f64> {
    (0..filesystems.len()).filter_map(|row| value(filesystems, row, "used_ratio")).reduce(f64::max)
}

/// The worst of the newest levels of all temperature sensors. Each has a row once a minute, and when its level changes.
fn worst_level(snapshots: &[Arc<Snapshot>]) -> Option<&'static str> {
    let mut levels: HashMap<&str, &str> = HashMap::new();
    for sensors in snapshots.iter().filter_map(|snapshot| snapshot.block(&tables::sensor::TABLE)) {
        for row in 0..sensors.len() {
            let texts = (sensors.text(tables::sensor::SENSOR, row), sensors.text(tables::sensor::LEVEL, row));
            if let (Some(sensor), Some(level)) = texts {
                levels.insert(sensor, level);
            }
        }
    }
    LEVELS.into_iter().find(|worst| levels.values().any(|level| level == worst))
}

#[cfg(test)]
mod tests {
    use tacho_model::tables::{filesystem, host, sensor};

    use super::*;

    #[test]
    fn every_reading_is_a_column_that_exists() {
        let mut block = Block::new(&host::TABLE);
        block.interval_ms = 5_000;
        let mut row = block.push();
        for position in 0..host::TABLE.columns.len() {
            let position = u16::try_from(position).unwrap();
            row.integer(tacho_model::IntegerColumn(position), 1_000);
            row.float(tacho_model::FloatColumn(position), 1.5);
        }
        row.integer(host::MEMORY_AVAILABLE_BYTES, 250).integer(host::SWAP_FREE_BYTES, 0);
        let latest = serde_json::to_value(Latest::of_row(5_000, &block)).unwrap();
        let absent: Vec<_> = latest
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, value)| value.is_null())
            .map(|(key, _)| key)
            .collect();
        assert_eq!(absent, ["filesystem_used_ratio_max", "temperature_level"]);
        assert_eq!(latest["time"], "1970-01-01T00:00:05.000Z");
        assert_eq!(latest["memory_used_bytes"], 750);
        assert_eq!(latest["cpu_used_ratio"], 0.75);
        assert_eq!(latest["disk_read_bytes_per_second"], 200.0);
    }

    #[test]
    fn the_worst_of_the_newest_levels_counts() {
        let mut snapshots = Vec::new();
        assert_eq!(worst_level(&snapshots), None);
        for (rows, expected) in [
            (&[("fan", ""), ("a", "normal"), ("b", "note")][..], Some("note")),
            (&[], Some("note")),
            (&[("a", "warning")], Some("warning")),
            (&[("a", "normal")], Some("note")),
            (&[("b", "normal")], Some("normal")),
        ] {
            let mut block = Block::new(&sensor::TABLE);
            for (sensor, level) in rows {
                let mut row = block.push();
                row.text(sensor::SENSOR, sensor);
                if !level.is_empty() {
                    row.text(sensor::LEVEL, level);
                }
            }
            snapshots.push(Arc::new(Snapshot { blocks: vec![block], ..Snapshot::default() }));
            assert_eq!(worst_level(&snapshots), expected, "{rows:?}");
        }
    }

    #[test]
    fn the_fullest_file_system_counts() {
        let mut block = Block::new(&filesystem::TABLE);
        assert_eq!(fullest(&block), None);
        block.push().integer(filesystem::USED_BYTES, 1).integer(filesystem::AVAILABLE_BYTES, 1);
        block.push().integer(filesystem::USED_BYTES, 3).integer(filesystem::AVAILABLE_BYTES, 1);
        block.push();
        assert_eq!(fullest(&block), Some(0.75));
    }
}
