//! The most that a group of processes used at one moment.
//!
//! CPU time of a moment is that of the rows with the same time. Resident memory holds from a process's row to
//! its next one, as an idle process has a row only once a minute; a row without it (the process ended) and
//! silence for longer than that end it.

use std::collections::{HashMap, VecDeque};

use tacho_model::ProcessKey;

use super::ProcessGroup;
use super::usage::Usages;
use crate::query::series::IDLE_MS;

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) time_ms: i64,
    /// Of the answer.
    pub(crate) line: usize,
    pub(crate) process: ProcessKey,
    pub(crate) cpu_ratio: Option<f64>,
    pub(crate) rss_bytes: Option<i64>,
}

/// Rows of the hour under way, and what holds from before it.
#[derive(Debug)]
pub(crate) struct Peaks {
    /// Lines that are processes need none of this.
    wanted: bool,
    points: Vec<Point>,
    held: HashMap<ProcessKey, Held>,
    /// When each held value was read, oldest first.
    ages: VecDeque<(i64, ProcessKey)>,
    rss: HashMap<usize, i64>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    line: usize,
    time_ms: i64,
    rss_bytes: i64,
}

impl Peaks {
    pub(crate) fn new(group: ProcessGroup) -> Self {
        let wanted = group != ProcessGroup::Process;
        Self { wanted, points: Vec::new(), held: HashMap::new(), ages: VecDeque::new(), rss: HashMap::new() }
    }

    pub(crate) fn add(&mut self, point: Point) {
        if self.wanted {
            self.points.push(point);
        }
    }

    /// Takes all rows of an hour, hours in order.
    pub(crate) fn finish_hour(&mut self, usages: &mut Usages) {
        let mut points = std::mem::take(&mut self.points);
        points.sort_by_key(|point| point.time_ms);
        for moment in points.chunk_by(|a, b| a.time_ms == b.time_ms) {
            self.take_moment(moment, usages);
        }
        points.clear();
        self.points = points;
    }

    fn take_moment(&mut self, moment: &[Point], usages: &mut Usages) {
        let Some(time_ms) = moment.first().map(|point| point.time_ms) else { return };
        self.end_held(time_ms.saturating_sub(IDLE_MS));
        let mut cpu: HashMap<usize, f64> = HashMap::new();
        for point in moment {
            if let Some(ratio) = point.cpu_ratio {
                *cpu.entry(point.line).or_default() += ratio;
            }
            self.hold(point);
        }
        for point in moment {
            let rss_bytes = self.rss.get(&point.line).copied().filter(|_| point.rss_bytes.is_some());
            usages.set_peaks(point.line, cpu.get(&point.line).copied(), rss_bytes);
        }
    }

    fn hold(&mut self, point: &Point) {
        self.release(point.process);
        let Some(rss_bytes) = point.rss_bytes else { return };
        let held = Held { line: point.line, time_ms: point.time_ms, rss_bytes };
        self.held.insert(point.process, held);
        self.ages.push_back((point.time_ms, point.process));
        let sum = self.rss.entry(point.line).or_default();
        *sum = sum.saturating_add(rss_bytes);
    }

    fn release(&mut self, process: ProcessKey) {
        if let Some(held) = self.held.remove(&process)
            && let Some(sum) = self.rss.get_mut(&held.line)
        {
            *sum = sum.saturating_sub(held.rss_bytes);
        }
    }

    /// Ends what was read before a time and not since.
    fn end_held(&mut self, before_ms: i64) {
        while let Some((time_ms, process)) =
            self.ages.front().copied().filter(|(time_ms, _)| *time_ms < before_ms)
        {
            self.ages.pop_front();
            if self.held.get(&process).is_some_and(|held| held.time_ms == time_ms) {
                self.release(process);
            }
        }
    }
}
