//! File systems that fill up, and that can not be written any more.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tacho_model::tables::filesystem;

use super::{Finding, Look, Memory};
use crate::evidence::Order;
use crate::forecast;
use crate::glob::{Glob, any_of};

/// File systems remembered of a host; more are not watched for filling or turning read-only.
const MAX_FILESYSTEMS: usize = 64;
/// Between two points of the past that are kept.
const POINT_INTERVAL_MS: i64 = 300_000;
/// Points kept: six hours.
const MAX_POINTS: usize = 72;

/// A file system will be full within `within_ms`, if it goes on as in the last `over_ms`.
#[derive(Debug, Clone, PartialEq)]
pub struct DiskFilling {
    pub within_ms: i64,
    pub over_ms: i64,
    /// Only file systems of which more than this share is used.
    pub above: f64,
    pub fs_type: Vec<Glob>,
    pub mount_point: Vec<Glob>,
}

/// What is remembered of one file system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FilesystemMemory {
    /// It was seen without `read-only`.
    was_writable: bool,
    /// Time and bytes used, oldest first. Not kept over a restart: of 2000 hosts they are megabytes, and forecasts
    /// begin anew after half an hour.
    #[serde(skip)]
    points: VecDeque<(i64, f64)>,
}

impl DiskFilling {
    pub(super) fn evaluate(&self, look: &Look<'_>, memory: &Memory) -> Vec<Finding> {
        let Some(block) = look.snapshot.block(&filesystem::TABLE) else { return Vec::new() };
        let mut findings = Vec::new();
        for row in 0..block.len() {
            let mount_point = block.text(filesystem::MOUNT_POINT, row).unwrap_or_default();
            let fs_type = block.text(filesystem::FS_TYPE, row).unwrap_or_default();
            if !any_of(&self.mount_point, mount_point) || !any_of(&self.fs_type, fs_type) {
                continue;
            }
            let numbers = [filesystem::USED_BYTES, filesystem::AVAILABLE_BYTES];
            let [Some(used), Some(available)] = numbers.map(|column| block.integer(column, row)) else {
                continue;
            };
            let (used, available) = (used as f64, available as f64);
            let share = if used + available > 0.0 { used / (used + available) } else { 0.0 };
            let remembered = memory.filesystems.get(mount_point);
            let time_ms = look.snapshot.time_ms;
            let rate = remembered.and_then(|known| known.bytes_per_ms(time_ms, self.over_ms));
            let full_in_ms = rate.filter(|rate| *rate > 0.0).map(|rate| available / rate);
            let holds = share > self.above && full_in_ms.is_some_and(|left| left < self.within_ms as f64);
            let mut finding = Finding::new(mount_point, holds);
            finding.value = full_in_ms.map(|left| (left / 1000.0).round());
            (finding.threshold, finding.unit) = (Some(self.within_ms as f64 / 1000.0), "seconds");
            (finding.order, finding.text) = (Order::Disk, format!("{:.0} % used", share * 100.0));
            findings.push(finding);
        }
        findings
    }
}

/// Remembers what the snapshot says of file systems. After the conditions were looked at: those ask for the past.
pub(crate) fn remember(look: &Look<'_>, memory: &mut Memory) {
    let Some(block) = look.snapshot.block(&filesystem::TABLE) else { return };
    for row in 0..block.len() {
        let Some(mount_point) = block.text(filesystem::MOUNT_POINT, row) else { continue };
        if memory.filesystems.len() >= MAX_FILESYSTEMS && !memory.filesystems.contains_key(mount_point) {
            continue;
        }
        let known = memory.filesystems.entry(mount_point.to_owned()).or_default();
        if block.integer(filesystem::READ_ONLY, row) == Some(0) {
            known.was_writable = true;
        }
        if let Some(used) = block.integer(filesystem::USED_BYTES, row) {
            known.add(look.snapshot.time_ms, used as f64);
        }
    }
    // What is not mounted any more is forgotten.
    let mounted: Vec<_> =
        (0..block.len()).filter_map(|row| block.text(filesystem::MOUNT_POINT, row)).collect();
    memory.filesystems.retain(|mount_point, _| mounted.contains(&mount_point.as_str()));
}

/// File systems that were writable and are read-only.
pub(super) fn read_only(
    look: &Look<'_>,
    memory: &Memory,
    fs_types: &[Glob],
    mount_points: &[Glob],
) -> Vec<Finding> {
    let Some(block) = look.snapshot.block(&filesystem::TABLE) else { return Vec::new() };
    let mut findings = Vec::new();
    for row in 0..block.len() {
        let mount_point = block.text(filesystem::MOUNT_POINT, row).unwrap_or_default();
        let fs_type = block.text(filesystem::FS_TYPE, row).unwrap_or_default();
        let Some(read_only) = block.integer(filesystem::READ_ONLY, row) else { continue };
        if !any_of(mount_points, mount_point) || !any_of(fs_types, fs_type) {
            continue;
        }
        let turned = (look.is_active)(mount_point)
            || memory.filesystems.get(mount_point).is_some_and(|known| known.was_writable);
        let mut finding = Finding::new(mount_point, read_only == 1 && turned);
        finding.text = format!("{fs_type} is mounted read-only");
        finding.order = Order::Disk;
        findings.push(finding);
    }
    findings
}

impl FilesystemMemory {
    fn add(&mut self, time_ms: i64, used: f64) {
        match self.points.back() {
            // A clock that was set back: the past can not be put in order with what follows.
            Some((last_ms, _)) if *last_ms > time_ms => self.points.clear(),
            Some((last_ms, _)) if time_ms.saturating_sub(*last_ms) < POINT_INTERVAL_MS => return,
            _ => {}
        }
        while self.points.len() >= MAX_POINTS {
            self.points.pop_front();
        }
        self.points.push_back((time_ms, used));
    }

    /// Slope of the line with the least squares through the points of the last `over_ms`.
    fn bytes_per_ms(&self, time_ms: i64, over_ms: i64) -> Option<f64> {
        let since_ms = time_ms.saturating_sub(over_ms);
        forecast::slope(self.points.iter().filter(|(at_ms, _)| *at_ms >= since_ms))
    }
}
