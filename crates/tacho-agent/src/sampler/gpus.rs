//! Graphics and compute cards: NVIDIA by the driver's library, AMD by `/sys`.

mod amd;
mod nvidia;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tacho_model::Block;
use tacho_model::tables::gpu;
use tacho_proc::Buffer;

use super::every::Every;
use super::patience::Patience;
use super::status::Status;
use super::{SamplerConfig, Tick};
use amd::Card;
use nvidia::{Nvidia, NvidiaAnswer};

/// How long NVIDIA's driver may take: it starts up cards that sleep.
const ANSWER_LIMIT: Duration = Duration::from_millis(200);

/// One that did not answer is left alone for so long.
const PAUSE_US: u64 = 60_000_000;

/// What one card tells; what it does not tell is absent.
#[derive(Debug, Clone, Default, PartialEq)]
struct GpuReading {
    model: String,
    used_ratio: Option<f64>,
    memory_total_bytes: Option<u64>,
    memory_used_bytes: Option<u64>,
    temperature_celsius: Option<f64>,
    power_watts: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Gpus {
    search: Every,
    driver: std::path::PathBuf,
    library: std::ffi::OsString,
    drm: std::path::PathBuf,
    nvidia: Option<Arc<Nvidia>>,
    /// How many cards it told of last; those of AMD are numbered after them.
    nvidia_cards: usize,
    /// Not asked before this time.
    paused_until_us: u64,
    patience: Patience<Arc<Nvidia>, NvidiaAnswer>,
    amd: Vec<Card>,
    pub(super) status: Status,
}

impl Gpus {
    pub(super) fn new(config: &SamplerConfig) -> Self {
        Self {
            search: Every::new(config.parts.slow_interval),
            driver: config.proc_root.join("driver/nvidia/version"),
            library: config.parts.nvidia_library.clone(),
            drm: config.sys_root.join("class/drm"),
            nvidia: None,
            nvidia_cards: 0,
            paused_until_us: 0,
            patience: Patience::new("tacho-nvidia", |nvidia: Arc<Nvidia>| nvidia.read()),
            amd: Vec::new(),
            status: Status::new("gpu"),
        }
    }

    pub(super) fn collect(&mut self, tick: &Tick, buffer: &mut Buffer, block: &mut Block) {
        if self.search.due(tick).is_some() {
            self.search();
        }
        let nvidia = self.ask_nvidia(tick);
        for (number, reading) in nvidia.iter().enumerate() {
            write_row(number, reading, block);
        }
        for (position, card) in self.amd.iter_mut().enumerate() {
            write_row(self.nvidia_cards + position, card.read(buffer), block);
        }
    }

    fn search(&mut self) {
        if !self.driver.exists() {
            self.nvidia = None;
            self.status.absent("NVIDIA GPUs", "no NVIDIA driver here");
        } else if self.nvidia.is_none() {
            self.nvidia = Some(Arc::new(Nvidia::new(&self.library)));
        }
        let found = amd::find(&self.drm);
        if found.is_empty() {
            self.status.absent("AMD GPUs", "none here");
        } else {
            self.status.present("AMD GPUs");
        }
        if !found.iter().map(Card::path).eq(self.amd.iter().map(Card::path)) {
            self.amd = found;
        }
    }

    fn ask_nvidia(&mut self, tick: &Tick) -> Vec<GpuReading> {
        let Some(nvidia) = self.nvidia.as_ref().filter(|_| self.paused_until_us <= tick.now_us) else {
            return Vec::new();
        };
        match self.patience.ask(Arc::clone(nvidia), ANSWER_LIMIT) {
            Some(Ok(readings)) => {
                self.status.present("NVIDIA GPUs");
                self.nvidia_cards = readings.len();
                readings
            }
            Some(Err(reason)) => {
                self.status.absent("NVIDIA GPUs", reason);
                // The next search tries again with a new one.
                self.nvidia = None;
                Vec::new()
            }
            None => {
                self.status.absent("NVIDIA GPUs", "the driver does not answer");
                self.paused_until_us = tick.now_us.saturating_add(PAUSE_US);
                Vec::new()
            }
        }
    }
}

fn write_row(number: usize, reading: &GpuReading, block: &mut Block) {
    let mut row = block.push();
    row.unsigned(gpu::GPU, number as u64)
        .optional(gpu::MEMORY_TOTAL_BYTES, reading.memory_total_bytes)
        .optional(gpu::MEMORY_USED_BYTES, reading.memory_used_bytes);
    if !reading.model.is_empty() {
        row.text(gpu::MODEL, &reading.model);
    }
    for (column, value) in [
        (gpu::USED_RATIO, reading.used_ratio),
        (gpu::TEMPERATURE_CELSIUS, reading.temperature_celsius),
        (gpu::POWER_WATTS, reading.power_watts),
    ] {
        if let Some(value) = value {
            row.float(column, value);
        }
    }
}

/// Is there something to read at `path`?
fn is_there(path: &Path) -> bool {
    std::fs::metadata(path).is_ok()
}

#[cfg(test)]
mod tests;
