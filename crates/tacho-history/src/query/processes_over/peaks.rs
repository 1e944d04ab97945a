//! The most that a group of processes used at one moment.
//!
//! CPU time of a moment is that of the rows with the same time. Resident memory holds from a process's row to
//! its next one, as an idle process has a row only once a minute; a row without it (the process ended) and
//! silence for longer than that end it.

use std::collections::VecDeque;

use super::ProcessGroup;
use super::usage::Usages;
use crate::query::series::IDLE_MS;

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) time_ms: i64,
    /// Of the answer.
    pub(crate) line: usize,
    /// A number that only this process has.
    pub(crate) process: usize,
    pub(crate) cpu_ratio: Option<f64>,
    pub(crate) rss_bytes: Option<i64>,
}

/// Rows of the hour under way, and what holds from before it.
#[derive(Debug)]
pub(crate) struct Peaks {
    /// Lines that are processes need none of this.
    wanted: bool,
    points: Vec<Point>,
    /// By process.
    held: Vec<Option<Held>>,
    /// When each held value was read and of which process, oldest first.
    ages: VecDeque<(i64, usize)>,
    /// By line.
    rss_bytes: Vec<i64>,
    /// By line: CPU time of the moment, and which moment that is.
    cpu_ratio: Vec<(i64, Option<f64>)>,
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
        Self {
            wanted,
            points: Vec::new(),
            held: Vec::new(),
            ages: VecDeque::new(),
            rss_bytes: Vec::new(),
            cpu_ratio: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, point: Point) {
        if !self.wanted {
            return;
        }
        if self.held.len() <= point.process {
            self.held.resize(point.process + 1, None);
        }
        if self.rss_bytes.len() <= point.line {
            self.rss_bytes.resize(point.line + 1, 0);
            self.cpu_ratio.resize(point.line + 1, (i64::MIN, None));
        }
        self.points.push(point);
    }

    /// Nothing holds from here on: what comes next is not what follows.
    pub(crate) fn restart(&mut self) {
        self.ages.clear();
        self.held.fill(None);
        self.rss_bytes.fill(0);
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
        for point in moment {
            let (since_ms, sum) = &mut self.cpu_ratio[point.line];
            if *since_ms != time_ms {
                (*since_ms, *sum) = (time_ms, None);
            }
            if let Some(ratio) = point.cpu_ratio {
                *sum = Some(sum.unwrap_or_default() + ratio);
            }
            self.hold(point);
        }
        for point in moment {
            let rss_bytes = point.rss_bytes.map(|_| self.rss_bytes[point.line]);
            usages.set_peaks(point.line, self.cpu_ratio[point.line].1, rss_bytes);
        }
    }

    fn hold(&mut self, point: &Point) {
        self.release(point.process);
        let Some(rss_bytes) = point.rss_bytes else { return };
        self.held[point.process] = Some(Held { line: point.line, time_ms: point.time_ms, rss_bytes });
        self.ages.push_back((point.time_ms, point.process));
        let sum = &mut self.rss_bytes[point.line];
        *sum = sum.saturating_add(rss_bytes);
    }

    fn release(&mut self, process: usize) {
        if let Some(held) = self.held[process].take() {
            let sum = &mut self.rss_bytes[held.line];
            *sum = sum.saturating_sub(held.rss_bytes);
        }
    }

    /// Ends what was read before a time and not since.
    fn end_held(&mut self, before_ms: i64) {
        while let Some((time_ms, process)) =
            self.ages.front().copied().filter(|(time_ms, _)| *time_ms < before_ms)
        {
            self.ages.pop_front();
            if self.held[process].is_some_and(|held| held.time_ms == time_ms) {
                self.release(process);
            }
        }
    }
}
