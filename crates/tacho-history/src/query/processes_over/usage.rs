//! Adds up rows by process or group.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Float64Type, Int32Type};
use tacho_model::{ProcessKey, six_digits};

use super::peaks::{Peaks, Point};
use super::texts::{Numbered, Texts};
use super::{ProcessGroup, ProcessOrder, ProcessUsage, ProcessesOver, ProcessesQuery, add};
use crate::columns::integers;
use crate::time::{HOUR_MS, hour};

/// Columns of a batch, in the order of [`super::COLUMNS`] after time and interval.
const PID: usize = 2;
const START_TIME: usize = 3;
pub(crate) const NAME: usize = 4;
const COMMAND: usize = 5;
const USER: usize = 6;
const UNIT: usize = 7;
const CONTAINER: usize = 8;
const CPU_USER: usize = 9;
const CPU_SYSTEM: usize = 10;
const RSS: usize = 11;
const DISK_READ: usize = 12;
const DISK_WRITE: usize = 13;
const NET_RX: usize = 14;
const NET_TX: usize = 15;
const PAGE_FAULTS: usize = 16;
/// Only in rollups.
const CPU_RATIO_MAX: usize = 17;
const FIRST_TIME: usize = 18;
const LAST_TIME: usize = 19;

/// Usage by process or group, and what agents summed up in `other` rows.
pub(crate) struct Usages {
    group: ProcessGroup,
    by_key: HashMap<Key, usize>,
    lines: Vec<Line>,
    texts: Texts,
    /// Numbers of processes, and which line has been found to have which; not kept when lines are processes.
    processes: HashMap<ProcessKey, usize>,
    members: HashSet<(usize, usize)>,
    other: ProcessUsage,
    /// False when lines were forgotten.
    complete: bool,
}

/// What a process or group used. The texts of a process are kept apart, as it shares most of them with others.
struct Line {
    usage: ProcessUsage,
    /// In the order of [`LABELS`].
    texts: [u32; LABELS.len()],
}

const LABELS: [usize; 5] = [NAME, COMMAND, USER, UNIT, CONTAINER];

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Process(ProcessKey),
    Group(String),
}

/// A batch's columns with their types, found once: there are many rows.
struct Columns<'a> {
    batch: &'a RecordBatch,
    times: &'a [i64],
    intervals: &'a [i64],
    pids: &'a [i64],
    starts: &'a [i64],
    /// Times of the first and the last row that each stands for.
    first_times: &'a [i64],
    last_times: &'a [i64],
    /// In the order of [`SUMMED`].
    summed: [Integers<'a>; SUMMED.len()],
    rss_bytes: Integers<'a>,
    /// Only in rollups.
    cpu_ratio_max: Option<&'a Float64Array>,
}

/// A column of integers, some of them absent.
#[derive(Clone, Copy)]
struct Integers<'a> {
    values: &'a [i64],
    nulls: Option<&'a NullBuffer>,
    none: bool,
}

impl<'a> Integers<'a> {
    fn new(column: &'a ArrayRef) -> Self {
        let nulls = column.nulls().filter(|nulls| nulls.null_count() > 0);
        Self { values: integers(column), nulls, none: column.null_count() == column.len() }
    }

    fn get(&self, row: usize) -> Option<i64> {
        self.nulls.is_none_or(|nulls| nulls.is_valid(row)).then(|| self.values[row])
    }

    /// The sum of some rows; `None` when all of them are absent.
    fn sum(&self, rows: Range<usize>) -> Option<i64> {
        if self.none {
            return None;
        }
        match self.nulls {
            Some(_) => rows.filter_map(|row| self.get(row)).reduce(i64::saturating_add),
            None => self.values[rows].iter().copied().reduce(i64::saturating_add),
        }
    }
}

impl Usages {
    pub(crate) fn new(group: ProcessGroup) -> Self {
        let other = ProcessUsage::default();
        Self {
            group,
            by_key: HashMap::new(),
            lines: Vec::new(),
            texts: Texts::new(),
            processes: HashMap::new(),
            members: HashSet::new(),
            other,
            complete: true,
        }
    }

    /// Adds rows, which are sorted by process.
    pub(crate) fn add(&mut self, batch: &RecordBatch, peaks: &mut Peaks) {
        let columns = Columns::new(batch);
        let mut labels = LABELS.map(|column| Numbered::new(batch, column));
        let mut first = 0;
        while first < batch.num_rows() {
            let key = columns.key(first);
            let same = (first..batch.num_rows()).take_while(|row| columns.key(*row) == key).count();
            self.add_process(&columns, &mut labels, key, first..first + same, peaks);
            first += same;
        }
    }

    /// Adds rows of one process. A user or unit may change with time, so groups are told row by row.
    fn add_process(
        &mut self,
        columns: &Columns<'_>,
        labels: &mut [Numbered<'_>; LABELS.len()],
        key: ProcessKey,
        rows: Range<usize>,
        peaks: &mut Peaks,
    ) {
        if key.is_other() {
            columns.add_to(&mut self.other, rows);
            return;
        }
        let mut first = rows.start;
        while first < rows.end {
            let grouped_by = columns.grouped_by(self.group, first);
            let same = (first..rows.end).take_while(|row| columns.grouped_by(self.group, *row) == grouped_by);
            let end = first + same.count();
            let line = self.line(columns, key, first);
            let Line { usage, texts } = &mut self.lines[line];
            columns.add_to(usage, first..end);
            if self.group == ProcessGroup::Process {
                columns.peaks_of_process(usage, first..end);
                // Named as by its newest row: when the rows just added are the newest, that is the last of them.
                if columns.last_times[end - 1] >= usage.last_seen_ms {
                    *texts = labels.each_mut().map(|label| label.number(end - 1, &mut self.texts));
                }
            } else {
                let process = self.member(line, key);
                columns.points(line, process, first..end, peaks);
            }
            first = end;
        }
    }

    /// The line of a row.
    fn line(&mut self, columns: &Columns<'_>, process: ProcessKey, row: usize) -> usize {
        let name = columns.group_name(self.group, row);
        let key = match name {
            None => Key::Process(process),
            Some(name) => Key::Group(name.to_owned()),
        };
        let lines = &mut self.lines;
        let line = *self.by_key.entry(key).or_insert_with(|| {
            let usage = named(self.group, process, name.unwrap_or_default());
            lines.push(Line { usage, texts: [0; LABELS.len()] });
            lines.len() - 1
        });
        if name.is_none() {
            lines[line].usage.processes = 1;
        }
        line
    }

    /// The number of a process, which is counted once in each line.
    fn member(&mut self, line: usize, process: ProcessKey) -> usize {
        let next = self.processes.len();
        let process = *self.processes.entry(process).or_insert(next);
        if self.members.insert((line, process)) {
            self.lines[line].usage.processes += 1;
        }
        process
    }

    pub(crate) fn set_peaks(&mut self, line: usize, cpu_ratio: Option<f64>, rss_bytes: Option<i64>) {
        let line = &mut self.lines[line].usage;
        line.cpu_ratio_max = max_float(line.cpu_ratio_max, cpu_ratio.map(six_digits));
        line.rss_bytes_max = line.rss_bytes_max.max(rss_bytes);
    }

    pub(crate) fn into_answer(self, query: &ProcessesQuery) -> ProcessesOver {
        let greatest = self.greatest(query.by, query.limit);
        ProcessesOver {
            rows: greatest.iter().map(|line| self.named(*line)).collect(),
            other: self.all_but(&greatest),
            totals: self.all_but(&[]),
            complete: self.complete,
        }
    }

    /// The greatest lines, at most so many, by number.
    pub(crate) fn greatest(&self, by: ProcessOrder, limit: usize) -> Vec<usize> {
        let order = |a: &usize, b: &usize| greatest_first(by, &self.lines[*a].usage, &self.lines[*b].usage);
        let mut lines: Vec<_> = (0..self.lines.len()).collect();
        // A host that starts many processes has a hundred times more lines than anyone asks for: only those are sorted.
        if limit < lines.len() {
            lines.select_nth_unstable_by(limit, order);
            lines.truncate(limit);
        }
        lines.sort_by(order);
        lines
    }

    /// A line with all its texts.
    pub(crate) fn named(&self, line: usize) -> ProcessUsage {
        let Line { usage, texts } = &self.lines[line];
        let mut usage = usage.clone();
        if usage.key.is_some() {
            let [name, command, user, unit, container] = texts.map(|text| self.texts.get(text).to_owned());
            usage = ProcessUsage { name, command, user, unit, container, ..usage };
        }
        usage
    }

    /// What all lines but some used, and what agents summed up.
    pub(crate) fn all_but(&self, lines: &[usize]) -> ProcessUsage {
        let mut rest = self.other.clone();
        self.others(lines).for_each(|line| add_line(&mut rest, line));
        rest
    }

    /// All lines but some, in no order; those of processes without their texts.
    pub(crate) fn others(&self, lines: &[usize]) -> impl Iterator<Item = &ProcessUsage> {
        let mut left_out = vec![false; self.lines.len()];
        lines.iter().for_each(|line| left_out[*line] = true);
        self.lines.iter().zip(left_out).filter(|(_, left_out)| !left_out).map(|(line, _)| &line.usage)
    }

    /// How many lines there are so far.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// What agents summed up, and lines that were forgotten.
    pub(crate) fn other(&self) -> &ProcessUsage {
        &self.other
    }

    /// Keeps the greatest lines by each of some orders, so many of each; the rest is only summed up. For lines that are
    /// processes: one that comes again starts a new line.
    pub(crate) fn forget_least(&mut self, orders: &[ProcessOrder], kept: usize) {
        let greatest: HashSet<_> = orders.iter().flat_map(|by| self.greatest(*by, kept)).collect();
        let all = std::mem::take(&mut self.lines).into_iter().enumerate();
        let before = std::mem::replace(&mut self.texts, Texts::new());
        for (number, Line { usage, texts }) in all {
            if greatest.contains(&number) {
                let texts = texts.map(|text| self.texts.number(before.get(text)));
                self.lines.push(Line { usage, texts });
            } else {
                add_line(&mut self.other, &usage);
                self.complete = false;
            }
        }
        let keys = self.lines.iter().enumerate();
        self.by_key = keys.filter_map(|(line, of)| Some((Key::Process(of.usage.key?), line))).collect();
    }
}

/// The order of lines. What is equal by that: by CPU time, then in an order that does not change from call to call.
pub(crate) fn greatest_first(by: ProcessOrder, a: &ProcessUsage, b: &ProcessUsage) -> Ordering {
    let greatest_first = b.rank(by).cmp(&a.rank(by)).then_with(|| b.cpu_us().cmp(&a.cpu_us()));
    greatest_first.then_with(|| names(a).cmp(&names(b)))
}

fn names(line: &ProcessUsage) -> (Option<ProcessKey>, [&str; 5]) {
    (line.key, [&line.name, &line.user, &line.unit, &line.container, &line.command])
}

/// A line without usage.
fn named(group: ProcessGroup, process: ProcessKey, name: &str) -> ProcessUsage {
    let mut line = ProcessUsage::default();
    let name = name.to_owned();
    match group {
        ProcessGroup::Process => line.key = Some(process),
        ProcessGroup::Name => line.name = name,
        ProcessGroup::User => line.user = name,
        ProcessGroup::Unit => line.unit = name,
        ProcessGroup::Container => line.container = name,
        ProcessGroup::Command => line.command = name,
    }
    line
}

/// Adds sums; peaks do not add up.
pub(crate) fn add_line(to: &mut ProcessUsage, line: &ProcessUsage) {
    to.processes += line.processes;
    for (to, value) in sums(to).into_iter().zip([
        line.cpu_user_us,
        line.cpu_system_us,
        line.disk_read_bytes,
        line.disk_write_bytes,
        line.net_rx_bytes,
        line.net_tx_bytes,
        line.page_faults_major,
    ]) {
        *to = add(*to, value);
    }
    if line.last_seen_ms != 0 {
        seen(to, line.first_seen_ms);
        seen(to, line.last_seen_ms);
    }
}

/// What adds up, in the order of [`SUMMED`].
fn sums(line: &mut ProcessUsage) -> [&mut Option<i64>; 7] {
    [
        &mut line.cpu_user_us,
        &mut line.cpu_system_us,
        &mut line.disk_read_bytes,
        &mut line.disk_write_bytes,
        &mut line.net_rx_bytes,
        &mut line.net_tx_bytes,
        &mut line.page_faults_major,
    ]
}

const SUMMED: [usize; 7] = [CPU_USER, CPU_SYSTEM, DISK_READ, DISK_WRITE, NET_RX, NET_TX, PAGE_FAULTS];

fn seen(line: &mut ProcessUsage, time_ms: i64) {
    let never = line.last_seen_ms == 0 && line.first_seen_ms == 0;
    line.first_seen_ms = if never { time_ms } else { line.first_seen_ms.min(time_ms) };
    line.last_seen_ms = if never { time_ms } else { line.last_seen_ms.max(time_ms) };
}

fn max_float(left: Option<f64>, right: Option<f64>) -> Option<f64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.max(right)),
        (left, right) => left.or(right),
    }
}

impl<'a> Columns<'a> {
    fn new(batch: &'a RecordBatch) -> Self {
        let times = integers(batch.column(0));
        let rolled = batch.num_columns() > LAST_TIME;
        Self {
            batch,
            times,
            first_times: if rolled { integers(batch.column(FIRST_TIME)) } else { times },
            last_times: if rolled { integers(batch.column(LAST_TIME)) } else { times },
            intervals: integers(batch.column(1)),
            pids: integers(batch.column(PID)),
            starts: integers(batch.column(START_TIME)),
            summed: SUMMED.map(|column| Integers::new(batch.column(column))),
            rss_bytes: Integers::new(batch.column(RSS)),
            cpu_ratio_max: rolled.then(|| batch.column(CPU_RATIO_MAX).as_primitive::<Float64Type>()),
        }
    }

    fn key(&self, row: usize) -> ProcessKey {
        ProcessKey { pid: self.pids[row], start_time_ms: self.starts[row] }
    }

    /// Adds what adds up.
    fn add_to(&self, line: &mut ProcessUsage, rows: Range<usize>) {
        for (to, column) in sums(line).into_iter().zip(&self.summed) {
            *to = add(*to, column.sum(rows.clone()));
        }
        for row in rows {
            seen(line, self.first_times[row]);
            seen(line, self.last_times[row]);
        }
    }

    fn peaks_of_process(&self, line: &mut ProcessUsage, rows: Range<usize>) {
        let cpu_ratio = rows.clone().filter_map(|row| self.cpu_ratio(row)).reduce(f64::max);
        line.cpu_ratio_max = max_float(line.cpu_ratio_max, cpu_ratio.map(six_digits));
        line.rss_bytes_max = line.rss_bytes_max.max(rows.filter_map(|row| self.rss_bytes.get(row)).max());
    }

    fn points(&self, line: usize, process: usize, rows: Range<usize>, peaks: &mut Peaks) {
        for row in rows {
            let (cpu_ratio, rss_bytes) = (self.cpu_ratio(row), self.rss_bytes.get(row));
            peaks.add(Point { time_ms: self.times[row], line, process, cpu_ratio, rss_bytes });
        }
    }

    /// In cores, user and system time together; absent where the agent could not measure either.
    fn cpu_ratio(&self, row: usize) -> Option<f64> {
        if let Some(column) = self.cpu_ratio_max {
            return column.is_valid(row).then(|| column.value(row));
        }
        let [user, system, ..] = &self.summed;
        let used_us = add(user.get(row), system.get(row))?;
        let interval_ms = self.intervals[row];
        (interval_ms > 0).then(|| used_us as f64 / (interval_ms as f64 * 1000.0))
    }

    fn text(&self, column: usize, row: usize) -> Option<&'a str> {
        let dictionary = self.batch.column(column).as_dictionary::<Int32Type>();
        dictionary.key(row).map(|key| dictionary.values().as_string::<i32>().value(key))
    }

    /// What the row's line is named by, as a number that is equal in this batch where the name is.
    fn grouped_by(&self, group: ProcessGroup, row: usize) -> Option<usize> {
        self.batch.column(group_column(group)?).as_dictionary::<Int32Type>().key(row)
    }

    /// `None` when each line is a process. An absent unit or container is a group like any other, called "".
    fn group_name(&self, group: ProcessGroup, row: usize) -> Option<&'a str> {
        group_column(group).map(|column| self.text(column, row).unwrap_or_default())
    }
}

fn group_column(group: ProcessGroup) -> Option<usize> {
    match group {
        ProcessGroup::Process => None,
        ProcessGroup::Name => Some(NAME),
        ProcessGroup::User => Some(USER),
        ProcessGroup::Unit => Some(UNIT),
        ProcessGroup::Container => Some(CONTAINER),
        ProcessGroup::Command => Some(COMMAND),
    }
}

/// The rows of each hour, which are neighbours.
pub(crate) fn by_hour(batch: &RecordBatch) -> Vec<(i64, RecordBatch)> {
    let mut hours = Vec::new();
    let mut first = 0;
    let mut rest = integers(batch.column(0));
    while let Some(time_ms) = rest.first() {
        let of_hour = hour(*time_ms);
        let start_ms = of_hour.saturating_mul(HOUR_MS);
        let is_of_it = |time_ms: &&i64| (0..HOUR_MS).contains(&time_ms.saturating_sub(start_ms));
        let count = rest.iter().take_while(is_of_it).count().max(1);
        hours.push((of_hour, batch.slice(first, count)));
        first += count;
        rest = &rest[count..];
    }
    hours
}

/// Time of the first row.
pub(crate) fn first_time(batch: &RecordBatch) -> i64 {
    integers(batch.column(0)).first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_leave_out_what_is_absent(values in prop::collection::vec(prop::option::of(-9i64..9), 1..40), part in any::<prop::sample::Index>()) {
            let column: ArrayRef = Arc::new(Int64Array::from(values.clone()));
            let rows = part.index(values.len())..values.len();
            let expected = values[rows.clone()].iter().flatten().copied().reduce(|sum, value| sum + value);
            prop_assert_eq!(Integers::new(&column).sum(rows), expected);
        }

        #[test]
        fn each_row_is_in_its_hour(times in prop::collection::vec(-2 * HOUR_MS..3 * HOUR_MS, 0..40)) {
            let column: ArrayRef = Arc::new(Int64Array::from(times.clone()));
            let hours = by_hour(&RecordBatch::try_from_iter([("time", column)]).unwrap());
            let found: Vec<_> = hours.iter().flat_map(|(hour, rows)| integers(rows.column(0)).iter().map(|time| (*hour, *time))).collect();
            prop_assert_eq!(found, times.iter().map(|time| (hour(*time), *time)).collect::<Vec<_>>());
        }
    }
}
