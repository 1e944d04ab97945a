//! The figures that lines and JSON both show.

use tacho_model::Block;
use tacho_model::tables::{filesystem, host, sensor};

use super::machine::View;

/// Share in use from which disk and memory are worth a note, and a warning.
const NOTE_RATIO: f64 = 0.8;
const WARNING_RATIO: f64 = 0.9;
/// Sensors of processors, by the beginning of their names.
const CPU_SENSORS: [&str; 8] =
    ["coretemp", "cpu", "k10temp", "k8temp", "soc_thermal", "via_cputemp", "x86_pkg_temp", "zenpower"];
/// Everything that [`host`] tells of CPU time.
const CPU_PARTS: [tacho_model::IntegerColumn; 9] = [
    host::CPU_USER_US,
    host::CPU_NICE_US,
    host::CPU_SYSTEM_US,
    host::CPU_IRQ_US,
    host::CPU_SOFTIRQ_US,
    host::CPU_STEAL_US,
    host::CPU_GUEST_US,
    host::CPU_IOWAIT_US,
    host::CPU_IDLE_US,
];

/// A temperature with its level.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Temperature {
    pub(super) degrees: f64,
    pub(super) level: String,
}

/// Memory of the machine.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) total: Option<u64>,
    pub(super) free: Option<u64>,
    pub(super) used_ratio: Option<f64>,
    pub(super) average_ratio: Option<f64>,
}

/// A file system, or all of them together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Disk {
    /// `None` is all together.
    pub(super) mount_point: Option<String>,
    pub(super) total: Option<u64>,
    pub(super) used: Option<u64>,
    /// What an ordinary user can still write.
    pub(super) free: Option<u64>,
}

impl Disk {
    /// As `df` has it: of what ordinary users can have at all.
    pub(super) fn used_ratio(&self) -> Option<f64> {
        let (used, free) = (self.used? as f64, self.free? as f64);
        (used + free > 0.0).then(|| used / (used + free))
    }
}

/// Load of one, five and fifteen minutes.
pub(super) fn load(view: &View<'_>) -> [Option<f64>; 3] {
    [host::LOAD1, host::LOAD5, host::LOAD15].map(|column| view.float(column))
}

/// Share of all cores' time that was not idle.
pub(super) fn cpu_usage(view: &View<'_>) -> Option<f64> {
    let idle =
        view.integer(host::CPU_IDLE_US)?.saturating_add(view.integer(host::CPU_IOWAIT_US).unwrap_or(0));
    let total: u64 = CPU_PARTS.iter().filter_map(|part| view.integer(*part)).sum();
    (total > 0).then(|| total.saturating_sub(idle) as f64 / total as f64)
}

/// The hottest sensor of a processor; where none can be told from its name, the hottest of all.
pub(super) fn cpu_temperature(view: &View<'_>) -> Option<Temperature> {
    hottest_cpu(view.block(&sensor::TABLE)?)
}

fn hottest_cpu(block: &Block) -> Option<Temperature> {
    let hottest = |only_cpu: bool| {
        let rows = (0..block.len()).filter(|row| {
            let name = block.text(sensor::SENSOR, *row).unwrap_or_default();
            !only_cpu || name.split('/').any(|part| CPU_SENSORS.iter().any(|known| part.starts_with(known)))
        });
        let temperatures = rows.filter_map(|row| {
            let degrees = block.float(sensor::TEMPERATURE_CELSIUS, row)?;
            Some(Temperature { degrees, level: block.text(sensor::LEVEL, row).unwrap_or("-").to_owned() })
        });
        temperatures.max_by(|a, b| a.degrees.total_cmp(&b.degrees))
    };
    hottest(true).or_else(|| hottest(false))
}

pub(super) fn memory(view: &View<'_>) -> Memory {
    let total = view.integer(host::MEMORY_TOTAL_BYTES);
    let free = view.integer(host::MEMORY_AVAILABLE_BYTES);
    let used =
        |(total, free): (u64, u64)| (total > 0).then(|| total.saturating_sub(free) as f64 / total as f64);
    Memory {
        total,
        free,
        used_ratio: total.zip(free).and_then(used),
        average_ratio: view.float(host::MEMORY_USED_AVERAGE_RATIO),
    }
}

/// All file systems together, then each.
pub(super) fn disks(view: &View<'_>) -> Vec<Disk> {
    let Some(block) = view.block(&filesystem::TABLE) else { return Vec::new() };
    let unsigned = |column, row| block.integer(column, row).and_then(|value| u64::try_from(value).ok());
    let each = (0..block.len()).map(|row| Disk {
        mount_point: Some(block.text(filesystem::MOUNT_POINT, row).unwrap_or_default().to_owned()),
        total: unsigned(filesystem::SIZE_BYTES, row),
        used: unsigned(filesystem::USED_BYTES, row),
        free: unsigned(filesystem::AVAILABLE_BYTES, row),
    });
    let mut disks: Vec<Disk> = each.collect();
    disks.insert(0, together(&disks));
    disks
}

/// Sums over those that told their size.
fn together(disks: &[Disk]) -> Disk {
    let sum = |of: fn(&Disk) -> Option<u64>| disks.iter().filter_map(of).reduce(u64::saturating_add);
    Disk {
        mount_point: None,
        total: sum(|disk| disk.total),
        used: sum(|disk| disk.used),
        free: sum(|disk| disk.free),
    }
}

/// Level of disk or memory.
pub(super) fn level(used_ratio: Option<f64>) -> &'static str {
    match used_ratio {
        None => "-",
        Some(ratio) if ratio >= WARNING_RATIO => "warning",
        Some(ratio) if ratio >= NOTE_RATIO => "note",
        Some(_) => "normal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_goes_before_hotter_things_and_anything_before_nothing() {
        let mut block = Block::new(&sensor::TABLE);
        let mut add = |name, degrees, level| {
            let mut row = block.push();
            row.text(sensor::SENSOR, name)
                .float(sensor::TEMPERATURE_CELSIUS, degrees)
                .text(sensor::LEVEL, level);
            hottest_cpu(&block).map(|found| (found.degrees, found.level))
        };
        assert_eq!(add("nvme/Composite", 71.5, "warning"), Some((71.5, "warning".to_owned())));
        assert_eq!(add("coretemp/Core 0", 48.0, "normal"), Some((48.0, "normal".to_owned())));
        assert_eq!(add("thermal_zone0/cpu-thermal", 52.0, "note"), Some((52.0, "note".to_owned())));
        assert_eq!(hottest_cpu(&Block::new(&sensor::TABLE)), None);
    }

    #[test]
    fn disks_together_are_those_that_told_their_size() {
        let disk = |total, used, free| Disk { mount_point: Some("/".to_owned()), total, used, free };
        let silent = disk(None, None, None);
        let all = together(&[
            disk(Some(100), Some(30), Some(60)),
            silent.clone(),
            disk(Some(50), Some(50), Some(0)),
        ]);
        assert_eq!(all, Disk { mount_point: None, total: Some(150), used: Some(80), free: Some(60) });
        assert_eq!(all.used_ratio(), Some(80.0 / 140.0));
        assert_eq!((silent.used_ratio(), together(&[silent]).total), (None, None));
        let levels = [None, Some(0.79), Some(0.8), Some(0.9)].map(level);
        assert_eq!(levels, ["-", "normal", "note", "warning"]);
    }
}
