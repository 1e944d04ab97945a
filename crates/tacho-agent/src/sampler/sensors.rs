//! Temperatures and fans: `/sys/class/hwmon` and `/sys/class/thermal`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tacho_model::tables::{host, sensor};
use tacho_model::{Block, Row};
use tacho_proc::{Buffer, KeptFile, parse_millidegrees, parse_number, read_small, sensor_number};

use super::Tick;
use super::every::Every;
use super::status::Status;

/// More sensors than this are left out and said so.
const MAX_SENSORS: usize = 256;

/// Chips that answer from a register. Others sit behind slow buses or are disks, and are asked less often.
const QUICK_CHIPS: [&str; 7] =
    ["coretemp", "cpu_thermal", "k10temp", "k8temp", "soc_thermal", "via_cputemp", "zenpower"];

/// Where the levels begin, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemperatureLevels {
    pub note: f64,
    pub warning: f64,
}

#[derive(Debug)]
pub(super) struct Sensors {
    hwmon: PathBuf,
    thermal: PathBuf,
    levels: TemperatureLevels,
    every: Every,
    sensors: Vec<Sensor>,
    pub(super) status: Status,
}

#[derive(Debug)]
struct Sensor {
    name: String,
    kind: Kind,
    file: KeptFile,
    /// Read at every snapshot.
    quick: bool,
    value: Option<f64>,
    level: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Temperature,
    Fan,
}

impl Default for TemperatureLevels {
    /// What most processors reach only under load, and what they should not keep for long.
    fn default() -> Self {
        Self { note: 50.0, warning: 70.0 }
    }
}

impl TemperatureLevels {
    fn of(self, degrees: f64) -> &'static str {
        match degrees {
            degrees if degrees >= self.warning => "warning",
            degrees if degrees >= self.note => "note",
            _ => "normal",
        }
    }
}

impl Sensors {
    pub(super) fn new(sys_root: &Path, levels: TemperatureLevels, interval: Duration) -> Self {
        Self {
            hwmon: sys_root.join("class/hwmon"),
            thermal: sys_root.join("class/thermal"),
            levels,
            every: Every::new(interval),
            sensors: Vec::new(),
            status: Status::new("sensor"),
        }
    }

    pub(super) fn collect(
        &mut self,
        tick: &Tick,
        buffer: &mut Buffer,
        host: &mut Row<'_>,
        block: &mut Block,
    ) {
        let due_ms = self.every.due(tick);
        if let Some(since_ms) = due_ms {
            block.interval_ms = since_ms;
            self.search();
        }
        let mut hottest: Option<f64> = None;
        for sensor in &mut self.sensors {
            let level_before = sensor.level;
            if sensor.quick || due_ms.is_some() {
                sensor.read(buffer, self.levels);
            }
            if sensor.kind == Kind::Temperature
                && let Some(degrees) = sensor.value
            {
                hottest = Some(hottest.map_or(degrees, |hottest| hottest.max(degrees)));
            }
            if due_ms.is_some() || sensor.level != level_before {
                sensor.write(block);
            }
        }
        if let Some(degrees) = hottest {
            host.float(host::TEMPERATURE_MAX_CELSIUS, degrees);
        }
    }

    /// Finds what sensors there are; those that are known stay.
    fn search(&mut self) {
        let mut found = Vec::new();
        for directory in subdirectories(&self.hwmon, "hwmon") {
            found.extend(chip_sensors(&directory));
        }
        for directory in subdirectories(&self.thermal, "thermal_zone") {
            found.extend(zone_sensor(&directory));
        }
        make_unique(&mut found);
        if found.len() > MAX_SENSORS {
            found.truncate(MAX_SENSORS);
            self.status.absent("sensors beyond the first 256", "too many");
        }
        let has = |kind| found.iter().any(|sensor| sensor.kind == kind);
        for (reading, kind) in [("temperature", Kind::Temperature), ("fans", Kind::Fan)] {
            match has(kind) {
                true => self.status.present(reading),
                false => self.status.absent(reading, "no sensor here"),
            }
        }
        let is_same =
            |(new, old): (&Sensor, &Sensor)| new.name == old.name && new.file.path() == old.file.path();
        if found.len() != self.sensors.len() || !found.iter().zip(&self.sensors).all(is_same) {
            self.sensors = found;
        }
    }
}

impl Sensor {
    fn new(name: String, kind: Kind, path: PathBuf, quick: bool) -> Self {
        Self { name, kind, file: KeptFile::at(path, "sensor"), quick, value: None, level: "" }
    }

    /// One that does not answer (a fan that is unplugged, a disk that sleeps) has no value for now.
    fn read(&mut self, buffer: &mut Buffer, levels: TemperatureLevels) {
        let text = self.file.read_record(buffer).ok();
        self.value = text.and_then(|text| match self.kind {
            Kind::Temperature => parse_millidegrees(text),
            Kind::Fan => parse_number(text).map(|rpm| rpm as f64),
        });
        if self.kind == Kind::Temperature {
            self.level = self.value.map_or("", |degrees| levels.of(degrees));
        }
    }

    fn write(&self, block: &mut Block) {
        let Some(value) = self.value else { return };
        let mut row = block.push();
        row.text(sensor::SENSOR, &self.name);
        match self.kind {
            Kind::Temperature => row
                .text(sensor::KIND, "temperature")
                .float(sensor::TEMPERATURE_CELSIUS, value)
                .text(sensor::LEVEL, self.level),
            Kind::Fan => row.text(sensor::KIND, "fan").unsigned(sensor::FAN_RPM, value as u64),
        };
    }
}

/// Directories that are called `prefix` and a number, by number.
pub(super) fn subdirectories(path: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
    let numbered = entries.flatten().filter_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
        Some((number, entry.path()))
    });
    let mut found: Vec<_> = numbered.take(MAX_SENSORS).collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

fn chip_sensors(directory: &Path) -> Vec<Sensor> {
    let Ok(chip) = read_small(&directory.join("name")) else { return Vec::new() };
    let quick = QUICK_CHIPS.contains(&chip.as_str());
    // Before Linux 3.15 the attributes of many chips are with the device.
    let places = [directory.to_owned(), directory.join("device")];
    let mut sensors: Vec<(Kind, u32, Sensor)> = Vec::new();
    for place in places {
        for entry in std::fs::read_dir(&place).into_iter().flatten().flatten() {
            let file = entry.file_name();
            let file = file.as_encoded_bytes();
            for (kind, prefix) in [(Kind::Temperature, "temp"), (Kind::Fan, "fan")] {
                let Some(number) = sensor_number(file, prefix.as_bytes()) else { continue };
                let label = read_small(&place.join(format!("{prefix}{number}_label"))).ok();
                let label = label.filter(|label| !label.is_empty()).unwrap_or(format!("{prefix}{number}"));
                let sensor = Sensor::new(format!("{chip}/{label}"), kind, entry.path(), quick);
                sensors.push((kind, number, sensor));
            }
        }
        if !sensors.is_empty() {
            break;
        }
    }
    sensors.sort_by_key(|(kind, number, _)| (*kind == Kind::Fan, *number));
    sensors.into_iter().map(|(_, _, sensor)| sensor).collect()
}

fn zone_sensor(directory: &Path) -> Option<Sensor> {
    let kind = read_small(&directory.join("type")).ok()?;
    let zone = directory.file_name()?.to_str()?;
    Some(Sensor::new(format!("{zone}/{kind}"), Kind::Temperature, directory.join("temp"), true))
}

/// Two chips of one kind have the same names: the second is `nvme-2/Composite`.
fn make_unique(sensors: &mut [Sensor]) {
    for at in 1..sensors.len() {
        let Some((sensor, before)) = sensors.get_mut(..=at).and_then(<[_]>::split_last_mut) else { continue };
        let name = sensor.name.clone();
        let mut count = 1;
        while before.iter().any(|other| other.name == sensor.name) {
            count += 1;
            sensor.name = match name.split_once('/') {
                Some((chip, label)) => format!("{chip}-{count}/{label}"),
                None => format!("{name}-{count}"),
            };
        }
    }
}
