//! The agent's budget of its own CPU time and memory, and what it does about it.
//!
//! Pure: fed with what each snapshot measured, it decides the interval between snapshots. Above the budget
//! the interval doubles, up to [`LONGEST_INTERVAL`]; below half of it, it goes back the same way, step by step.
//! Between the two nothing changes, so it does not swing.

use std::fmt;
use std::time::Duration;

use tacho_runtime::config::{format_bytes, format_duration};

/// CPU time is averaged over so much time, and a decision needs as much of it.
const WINDOW_US: u64 = 60_000_000;
/// However far above the budget: rarer than this is as good as not recording.
pub const LONGEST_INTERVAL: Duration = Duration::from_secs(600);

/// What the agent may use of the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// CPU time per time: 0.01 is one hundredth of one core.
    pub cpu_ratio: f64,
    pub memory_bytes: u64,
}

/// What one snapshot measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time that the CPU time covers.
    pub interval_us: u64,
    /// `None` where it can not be measured.
    pub cpu_us: Option<u64>,
    pub memory_bytes: Option<u64>,
}

/// Watches what the agent uses.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    /// The interval of the settings.
    normal: Duration,
    interval: Duration,
    measured_us: u64,
    cpu_us: u64,
    memory_bytes: u64,
    excess: Option<Excess>,
}

/// What was above the budget, averaged over the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Excess {
    Cpu { ratio: f64, limit: f64 },
    Memory { bytes: u64, limit: u64 },
}

/// A new interval and its reason.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    pub interval: Duration,
    /// `None` when the agent is well below its budget again.
    pub excess: Option<Excess>,
}

impl Budget {
    pub fn new(limits: Limits, normal: Duration) -> Self {
        Self { limits, normal, interval: normal, measured_us: 0, cpu_us: 0, memory_bytes: 0, excess: None }
    }

    /// What holds now.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Takes note of a snapshot; answers when the interval changes by it.
    pub fn note(&mut self, usage: Usage) -> Option<Change> {
        self.measured_us = self.measured_us.saturating_add(usage.interval_us);
        self.cpu_us = self.cpu_us.saturating_add(usage.cpu_us.unwrap_or(0));
        // A peak within the window is no trouble; what is there at its end is what the agent needs.
        self.memory_bytes = usage.memory_bytes.unwrap_or(0);
        if self.measured_us < WINDOW_US {
            return None;
        }
        let change = self.decide();
        (self.measured_us, self.cpu_us) = (0, 0);
        change
    }

    /// While the interval is longer than it should be: a sentence that says why.
    pub fn complaint(&self) -> Option<String> {
        let excess = self.excess.filter(|_| self.interval > self.normal)?;
        let (now, normal) = (format_duration(self.interval), format_duration(self.normal));
        Some(format!("snapshots each {now} instead of each {normal}: the agent used {excess}"))
    }

    fn decide(&mut self) -> Option<Change> {
        let ratio = self.cpu_us as f64 / self.measured_us as f64;
        let limits = self.limits;
        let excess = if ratio > limits.cpu_ratio {
            Some(Excess::Cpu { ratio, limit: limits.cpu_ratio })
        } else if self.memory_bytes > limits.memory_bytes {
            Some(Excess::Memory { bytes: self.memory_bytes, limit: limits.memory_bytes })
        } else {
            None
        };
        let relaxed = ratio < limits.cpu_ratio / 2.0 && self.memory_bytes < limits.memory_bytes / 2;
        let interval = match excess {
            Some(_) => self.interval.saturating_mul(2).min(LONGEST_INTERVAL).max(self.interval),
            None if relaxed => (self.interval / 2).max(self.normal),
            None => self.interval,
        };
        self.excess = excess.or(self.excess);
        if interval == self.interval {
            return None;
        }
        self.interval = interval;
        Some(Change { interval, excess })
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { ratio, limit } => {
                write!(f, "{:.1}% of a core, its budget is {:.1}%", ratio * 100.0, limit * 100.0)
            }
            Self::Memory { bytes, limit } => {
                write!(f, "{} MiB of memory, its budget is {}", bytes >> 20, format_bytes(*limit))
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interval = format_duration(self.interval);
        match self.excess {
            Some(excess) => write!(f, "the agent used {excess}; snapshots come each {interval} from now on"),
            None => write!(f, "the agent is well below its budget; snapshots come each {interval} again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LIMITS: Limits = Limits { cpu_ratio: 0.01, memory_bytes: 32 << 20 };

    /// A minute of snapshots, each with this share of a core and this memory.
    fn minute(budget: &mut Budget, cpu_ratio: f64, memory_mib: u64) -> Option<Duration> {
        let interval_us = u64::try_from(budget.interval.as_micros()).unwrap();
        let usage = Usage {
            interval_us,
            cpu_us: Some((interval_us as f64 * cpu_ratio) as u64),
            memory_bytes: Some(memory_mib << 20),
        };
        let snapshots = WINDOW_US.div_ceil(interval_us);
        let changes: Vec<_> = (0..snapshots).filter_map(|_| budget.note(usage)).collect();
        assert!(changes.len() <= 1, "one decision a window");
        changes.first().map(|change| change.interval)
    }

    #[test]
    fn above_the_budget_the_interval_doubles_and_below_half_of_it_comes_back() {
        let mut budget = Budget::new(LIMITS, 5 * SECOND);
        assert_eq!(minute(&mut budget, 0.009, 20), None);
        assert_eq!(budget.complaint(), None);
        assert_eq!(minute(&mut budget, 0.02, 10), Some(10 * SECOND));
        assert_eq!(
            budget.complaint().unwrap(),
            "snapshots each 10s instead of each 5s: the agent used 2.0% of a core, its budget is 1.0%"
        );
        assert_eq!(minute(&mut budget, 0.012, 10), Some(20 * SECOND));
        assert_eq!(minute(&mut budget, 0.007, 10), None, "between half and whole it stays");
        assert_eq!(minute(&mut budget, 0.004, 20), None, "memory is above its half");
        assert_eq!(minute(&mut budget, 0.004, 10), Some(10 * SECOND));
        assert_eq!(minute(&mut budget, 0.004, 10), Some(5 * SECOND));
        assert_eq!((minute(&mut budget, 0.0, 0), budget.complaint()), (None, None));
    }

    #[test]
    fn memory_counts_as_well_and_there_is_a_longest_interval() {
        let mut budget = Budget::new(LIMITS, 5 * SECOND);
        let steps: Vec<_> = (0..10).map_while(|_| minute(&mut budget, 0.0, 40)).collect();
        assert_eq!(steps.iter().map(Duration::as_secs).collect::<Vec<_>>(), [10, 20, 40, 80, 160, 320, 600]);
        let excess = Excess::Memory { bytes: 40 << 20, limit: 32 << 20 };
        let change = Change { interval: 600 * SECOND, excess: Some(excess) };
        assert_eq!(
            change.to_string(),
            "the agent used 40 MiB of memory, its budget is 32MiB; snapshots come each 10m from now on"
        );
    }

    #[test]
    fn one_busy_snapshot_is_averaged_and_what_is_not_measured_is_no_excess() {
        let mut budget = Budget::new(LIMITS, 5 * SECOND);
        let quiet = Usage { interval_us: 5_000_000, cpu_us: Some(10_000), memory_bytes: Some(1 << 20) };
        assert_eq!(budget.note(Usage { cpu_us: Some(300_000), ..quiet }), None);
        assert!((0..11).all(|_| budget.note(quiet).is_none()));
        let unknown = Usage { cpu_us: None, memory_bytes: None, ..quiet };
        assert!((0..24).all(|_| budget.note(unknown).is_none()));
    }
}
