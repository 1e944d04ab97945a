//! AMD cards: attributes of the kernel's `amdgpu` driver.

use std::path::{Path, PathBuf};

use tacho_proc::{Buffer, KeptFile, parse_millidegrees, parse_number, read_small};

use super::{GpuReading, is_there};
use crate::sampler::sensors::subdirectories;

/// One card and its files.
#[derive(Debug)]
pub(super) struct Card {
    directory: PathBuf,
    busy: KeptFile,
    memory_total: KeptFile,
    memory_used: KeptFile,
    temperature: KeptFile,
    /// Mean of the draw, and what later kernels have instead.
    power: [KeptFile; 2],
    reading: GpuReading,
}

/// The cards that the driver tells about, in the order of their numbers.
pub(super) fn find(drm: &Path) -> Vec<Card> {
    let devices = subdirectories(drm, "card").into_iter().map(|card| card.join("device"));
    devices.filter(|device| is_there(&device.join("mem_info_vram_total"))).map(Card::new).collect()
}

impl Card {
    fn new(directory: PathBuf) -> Self {
        let hwmon = subdirectories(&directory.join("hwmon"), "hwmon").into_iter().next().unwrap_or_default();
        let file = |path: PathBuf| KeptFile::at(path, "an attribute of a GPU");
        let product = read_small(&directory.join("product_name")).ok();
        let model = product.filter(|name| !name.is_empty()).unwrap_or_else(|| chip(&directory));
        Self {
            busy: file(directory.join("gpu_busy_percent")),
            memory_total: file(directory.join("mem_info_vram_total")),
            memory_used: file(directory.join("mem_info_vram_used")),
            temperature: file(hwmon.join("temp1_input")),
            power: ["power1_average", "power1_input"].map(|name| file(hwmon.join(name))),
            directory,
            reading: GpuReading { model, ..GpuReading::default() },
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.directory
    }

    /// Only the name of the card is kept from reading to reading.
    pub(super) fn read(&mut self, buffer: &mut Buffer) -> &GpuReading {
        let mut number = |file: &mut KeptFile| file.read_record(buffer).ok().and_then(parse_number);
        let reading = &mut self.reading;
        let busy = number(&mut self.busy).filter(|percent| *percent <= 100);
        reading.used_ratio = busy.map(|percent| percent as f64 / 100.0);
        reading.memory_total_bytes = number(&mut self.memory_total);
        reading.memory_used_bytes = number(&mut self.memory_used);
        let microwatts = self.power.iter_mut().find_map(number);
        reading.power_watts = microwatts.map(|microwatts| microwatts as f64 / 1e6);
        let temperature = self.temperature.read_record(buffer).ok();
        reading.temperature_celsius = temperature.and_then(parse_millidegrees);
        reading
    }
}

/// `AMD GPU 0x73bf`, where the card does not name itself.
fn chip(directory: &Path) -> String {
    format!("AMD GPU {}", read_small(&directory.join("device")).unwrap_or_default()).trim_end().to_owned()
}
