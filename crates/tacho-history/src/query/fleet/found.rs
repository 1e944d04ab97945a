//! What hosts used, put together.

use std::cmp::Ordering;

use tacho_model::HostKey;

use super::merge::RowsOfHost;
use super::{FleetProcesses, FleetQuery, OnHost, ProcessOrder, ProcessUsage};
use crate::query::processes_over::{Peaks, ProcessGroup, Usages, add_line, greatest_first};

/// Lines kept above the limit before those beyond it are summed up.
const SLACK: usize = 10_000;

/// The greatest so far.
pub(crate) struct Found<'a> {
    query: &'a FleetQuery,
    processes: Vec<OnHost>,
    hosts: Vec<OnHost>,
    other: ProcessUsage,
    totals: ProcessUsage,
    complete: bool,
}

/// What the processes of one host used.
pub(crate) struct OfHost {
    id: String,
    name: String,
    usages: Usages,
    complete: bool,
}

impl Default for OfHost {
    fn default() -> Self {
        let usages = Usages::new(ProcessGroup::Process);
        Self { id: String::new(), name: String::new(), usages, complete: true }
    }
}

impl OfHost {
    /// Adds rows. Of more processes than `most` those that used least are forgotten.
    pub(crate) fn add(&mut self, by: ProcessOrder, of_host: RowsOfHost, most: usize) {
        (self.id, self.name) = (of_host.id, of_host.name);
        // Lines that are processes need no more than the rows for their peaks.
        self.usages.add(&of_host.rows, &mut Peaks::new(ProcessGroup::Process));
        if self.usages.len() > most {
            self.usages.forget_least(&[by], most / 2);
            self.complete = false;
        }
    }
}

impl<'a> Found<'a> {
    pub(crate) fn new(query: &'a FleetQuery) -> Self {
        Self {
            query,
            processes: Vec::new(),
            hosts: Vec::new(),
            other: ProcessUsage::default(),
            totals: ProcessUsage::default(),
            complete: true,
        }
    }

    /// Takes what the processes of a host used.
    pub(crate) fn take(&mut self, OfHost { id, name, usages, complete }: OfHost) {
        self.complete &= complete;
        let host = HostKey { id: id.into(), name: name.into() };
        let searching = !self.query.matching.is_empty();
        if searching && usages.len() == 0 {
            return;
        }
        let mut whole = ProcessUsage::default();
        for line in usages.others(&[]) {
            add_line(&mut whole, line);
            whole.rss_bytes_max = whole.rss_bytes_max.max(line.rss_bytes_max);
            whole.cpu_ratio_max = match (whole.cpu_ratio_max, line.cpu_ratio_max) {
                (Some(left), Some(right)) => Some(left.max(right)),
                (left, right) => left.or(right),
            };
        }
        if !searching {
            // Nobody knows what the processes in it are called.
            add_line(&mut whole, usages.other());
            add_line(&mut self.other, usages.other());
        }
        add_line(&mut self.totals, &whole);
        self.hosts.push(OnHost { host: host.clone(), usage: whole });
        // Of one host as many as of all.
        let greatest = usages.greatest(self.query.by, self.query.limit);
        usages.others(&greatest).for_each(|line| add_line(&mut self.other, line));
        let named = greatest.into_iter().map(|line| usages.named(line));
        self.processes.extend(named.map(|usage| OnHost { host: host.clone(), usage }));
        if self.processes.len() > self.query.limit.saturating_add(SLACK) {
            self.keep_greatest();
        }
    }

    fn keep_greatest(&mut self) {
        let by = self.query.by;
        self.processes.sort_by(|a, b| order(by, a, b));
        let rest = self.processes.split_off(self.query.limit.min(self.processes.len()));
        rest.iter().for_each(|line| add_line(&mut self.other, &line.usage));
    }

    /// All but the range.
    pub(crate) fn into_answer(mut self) -> FleetProcesses {
        self.keep_greatest();
        let mut hosts = std::mem::take(&mut self.hosts);
        hosts.sort_by(|a, b| order(self.query.by, a, b));
        let host_count = hosts.len();
        hosts.truncate(self.query.limit);
        FleetProcesses {
            processes: self.processes,
            hosts,
            host_count,
            other: self.other,
            totals: self.totals,
            complete: self.complete,
            ..FleetProcesses::default()
        }
    }
}

fn order(by: ProcessOrder, a: &OnHost, b: &OnHost) -> Ordering {
    greatest_first(by, &a.usage, &b.usage).then_with(|| a.host.id.cmp(&b.host.id))
}
