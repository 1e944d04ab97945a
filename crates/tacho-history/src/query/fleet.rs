//! Which processes of all hosts used most, or are called so and so.
//!
//! Rows of a file are sorted by host. So all files that have rows of a host are read side by side, and each host is
//! over before the next begins: of the files what is decoded of each is in memory, at most some thousand rows, and of
//! the hosts the processes of one, of which there is a bound. What is in memory does not depend on how many hosts there are.

mod found;
mod merge;

use std::ops::Range;
use std::sync::Arc;

use tacho_model::HostKey;
use tacho_model::tables::process;

use super::processes_over::{ProcessOrder, ProcessUsage};
use crate::inner::Inner;
use crate::levels::Plan;
use crate::rollup::Level;
use crate::scan::{Hosts, ReadReport, Reading, TextMatch};
use crate::time::{DAY_MS, ceil, floor};
use crate::{History, HistoryError};
use found::{Found, OfHost};
use merge::Merge;

/// A text by which processes are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessText {
    Name,
    Command,
    User,
    Unit,
    Container,
}

/// Asks what used most on all hosts over a range.
#[derive(Debug, Clone)]
pub struct FleetQuery {
    pub from_ms: i64,
    pub to_ms: i64,
    pub by: ProcessOrder,
    /// Only processes that are called so: all of it must hold. Empty for all processes.
    pub matching: Vec<(ProcessText, TextMatch)>,
    /// Most processes, and most hosts.
    pub limit: usize,
}

/// What used most on all hosts over a range.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FleetProcesses {
    /// What was looked at: the range that was asked for, from ten minutes on widened to whole minutes, from
    /// a day on to whole hours.
    pub from_ms: i64,
    pub to_ms: i64,
    /// By the order asked for.
    pub processes: Vec<OnHost>,
    /// What they used on each host together, in the same order. Peaks are those of one process.
    pub hosts: Vec<OnHost>,
    /// Hosts with such processes, beyond the limit too.
    pub host_count: usize,
    /// Everything without a line in `processes`: beyond the limit, and, unless processes were searched, what agents
    /// summed up. Lines plus this are the totals.
    pub other: ProcessUsage,
    pub totals: ProcessUsage,
    /// False when one host had so many processes that the least of them were only summed up: a process that was
    /// among them for a while may have used more than its line says.
    pub complete: bool,
}

/// What a process, or all of a host's, used.
#[derive(Debug, Clone, PartialEq)]
pub struct OnHost {
    /// With the name that the host had when its rows were stored.
    pub host: HostKey,
    pub usage: ProcessUsage,
}

/// Ranges from this length on are read by the minute, with whole hours by the hour.
const BY_MINUTE_MS: i64 = 600_000;

/// From this length on by the hour alone: the minutes of the edges would be more rows than all the hours.
const BY_HOUR_MS: i64 = DAY_MS;

/// From this length on with whole days by the day.
const BY_DAY_MS: i64 = 2 * DAY_MS;

/// Most rows that one question looks at; some minutes of work.
const MOST_ROWS: u64 = 300_000_000;

/// How much one question may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    rows: u64,
    /// Processes of one host in memory; some 60 MB.
    processes: usize,
}

const LIMITS: Limits = Limits { rows: MOST_ROWS, processes: 100_000 };

impl History {
    /// What used most on all hosts over a range, and how it was found.
    pub async fn fleet_processes(
        &self,
        query: FleetQuery,
    ) -> Result<(FleetProcesses, ReadReport), HistoryError> {
        self.inner.reading(move |inner, reading| fleet_processes(inner, reading, &query, LIMITS)).await
    }
}

fn fleet_processes(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    query: &FleetQuery,
    limits: Limits,
) -> Result<(FleetProcesses, ReadReport), HistoryError> {
    if query.to_ms <= query.from_ms {
        return Err(HistoryError::EmptyRange { from_ms: query.from_ms, to_ms: query.to_ms });
    }
    let spans = spans(query.from_ms, query.to_ms);
    let plan = plan(inner, &spans);
    let files = plan.parts.iter().flat_map(|part| &part.files);
    let rows = files.map(|file| u64::try_from(file.record.rows).unwrap_or_default()).sum();
    if rows > limits.rows {
        return Err(HistoryError::TooManyRows { rows, most: limits.rows });
    }
    let mut found = Found::new(query);
    let mut hosts = Merge::new(inner, reading, query, &plan);
    let mut host = OfHost::default();
    while hosts.next_host(|rows| host.add(query.by, rows, limits.processes))? {
        found.take(std::mem::take(&mut host));
    }
    let range = spans.first().zip(spans.last());
    let (from_ms, to_ms) = range.map_or((0, 0), |((_, first), (_, last))| (first.start, last.end));
    Ok((FleetProcesses { from_ms, to_ms, ..found.into_answer() }, reading.report(&plan)))
}

/// All of it at one moment.
fn plan(inner: &Inner, spans: &[(Level, Range<i64>)]) -> Plan {
    let state = inner.state();
    let mut all = Plan::default();
    for (level, range) in spans {
        let plan = state.plan(&process::TABLE, Hosts::ALL, range.clone(), *level);
        all.parts.extend(plan.parts);
        all.levels.extend(plan.levels);
    }
    all
}

/// Which level to ask for over which range. Rows of all hosts are many: their edges are not worth looking at each row,
/// so long ranges are widened to whole minutes, and longer ones to whole hours.
fn spans(from_ms: i64, to_ms: i64) -> Vec<(Level, Range<i64>)> {
    if to_ms.saturating_sub(from_ms) < BY_MINUTE_MS {
        return vec![(Level::Raw, from_ms..to_ms)];
    }
    let (around, within) = match to_ms.saturating_sub(from_ms) {
        BY_DAY_MS.. => (Level::Hour, Level::Day),
        BY_HOUR_MS.. => (Level::Hour, Level::Hour),
        _ => (Level::Minute, Level::Hour),
    };
    let (start_ms, end_ms) = (floor(from_ms, around.bucket_ms()), ceil(to_ms, around.bucket_ms()));
    let (first, last) = (ceil(start_ms, within.bucket_ms()), floor(end_ms, within.bucket_ms()));
    if last <= first {
        return vec![(around, start_ms..end_ms)];
    }
    let spans = [(around, start_ms..first), (within, first..last), (around, last..end_ms)];
    spans.into_iter().filter(|(_, range)| !range.is_empty()).collect()
}

#[cfg(test)]
mod tests;
