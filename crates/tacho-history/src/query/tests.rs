//! The history against a model of it: a `Vec` of the frames that were sent, questioned in the most obvious way.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;
use tacho_model::tables::{self, disk, filesystem, host, process};
use tacho_model::{Block, Cell, ProcessKey, Snapshot, Table};

use super::processes_at::SNAPSHOT_MS;
use super::processes_over::{ProcessGroup, ProcessOrder, ProcessesQuery};
use super::series::IDLE_MS;
use super::{Aggregate, ProcessSeriesQuery, SeriesQuery, buckets_of};
use crate::directory::Step;
use crate::testing::{Bench, HOUR, MINUTE, START, Sent, frame_at, lines};
use crate::{Appended, derived};

const HOSTS: [&str; 3] = ["alpha", "beta", "gamma"];

#[derive(Debug, Clone)]
enum Action {
    /// A new frame of a host's stream, so many snapshots after (or before) its newest.
    Append {
        host: usize,
        stream: u8,
        gap: i64,
    },
    SendAgain(usize),
    Flush,
    /// A flush on a full disk.
    FullDisk(Step),
    /// A kill so many steps into a flush; then everything that was not acknowledged is sent again.
    Kill(u64),
    Restart,
    /// Time passes, then housekeeping.
    Maintain {
        minutes: i64,
    },
}

fn action() -> impl Strategy<Value = Action> {
    let append = (0..HOSTS.len(), 0u8..2, prop_oneof![4 => 1i64..3, 1 => 1i64..800, 1 => -900i64..0]);
    prop_oneof![
        12 => append.prop_map(|(host, stream, gap)| Action::Append { host, stream, gap }),
        2 => any::<usize>().prop_map(Action::SendAgain),
        4 => Just(Action::Flush),
        1 => prop_oneof![Just(Step::Create), Just(Step::Write), Just(Step::SyncDirectory), Just(Step::Commit)]
            .prop_map(Action::FullDisk),
        1 => (0u64..60).prop_map(Action::Kill),
        1 => Just(Action::Restart),
        2 => (0i64..90).prop_map(|minutes| Action::Maintain { minutes }),
    ]
}

/// What was sent, and by whom.
#[derive(Debug, Default)]
struct Model {
    sent: Vec<Sent>,
    times: HashSet<(usize, i64)>,
    newest: BTreeMap<usize, i64>,
}

impl Model {
    fn next(&mut self, host: usize, stream: u8, gap: i64) -> Sent {
        let mut slot = self.newest.get(&host).copied().unwrap_or_default() + gap;
        while !self.times.insert((host, slot)) {
            slot += 1;
        }
        let newest = self.newest.entry(host).or_default();
        *newest = (*newest).max(slot);
        let sequence = self.sent.len() as u64 + 1;
        let sent = frame_at(HOSTS[host], stream, sequence, START + 5000 * slot);
        self.sent.push(sent.clone());
        sent
    }

    /// Snapshots of a host in order of time.
    fn snapshots(&self, host: &str) -> Vec<&Snapshot> {
        let mut snapshots: Vec<_> =
            self.sent.iter().filter(|sent| &*sent.host.id == host).map(|sent| &*sent.snapshot).collect();
        snapshots.sort_by_key(|snapshot| snapshot.time_ms);
        snapshots
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_history_answers_as_its_model_does(
        actions in proptest::collection::vec(action(), 1..50),
        from in -1000i64..1000,
        length in 1i64..4000,
        points in 1usize..200,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut bench = Bench::new().await;
            let mut model = Model::default();
            for action in &actions {
                act(&mut bench, &mut model, action).await;
            }
            let (from_ms, to_ms) = (START + 5000 * from - 1, START + 5000 * (from + length));
            for host in HOSTS {
                check_rows(&bench, &model, host).await;
                check_series(&bench, &model, host, (from_ms, to_ms), points).await;
                check_processes(&bench, &model, host, (from_ms, to_ms)).await;
            }
        });
    }
}

async fn act(bench: &mut Bench, model: &mut Model, action: &Action) {
    match action {
        Action::Append { host, stream, gap } => {
            let sent = model.next(*host, *stream, *gap);
            assert_eq!(bench.append(&sent).await, Appended::Stored);
        }
        Action::SendAgain(which) => {
            if let Some(sent) = model.sent.get(which % model.sent.len().max(1)) {
                assert_eq!(bench.append(sent).await, Appended::Duplicate);
            }
        }
        Action::Flush => bench.history.flush().await.unwrap(),
        Action::FullDisk(step) => {
            *bench.faults.full.lock().unwrap() = Some(*step);
            // There may be nothing to flush.
            bench.history.flush().await.ok();
            bench.faults.none();
        }
        Action::Kill(steps) => {
            bench.faults.kill_after(*steps);
            bench.history.flush().await.ok();
            restart(bench, model).await;
        }
        Action::Restart => restart(bench, model).await,
        Action::Maintain { minutes } => {
            bench.set_now(bench.now_ms.load(std::sync::atomic::Ordering::Relaxed) + minutes * MINUTE);
            bench.history.maintain().await;
        }
    }
}

/// The agents send again what was not acknowledged, and some of what was.
async fn restart(bench: &mut Bench, model: &Model) {
    bench.restart().await;
    for sent in &model.sent {
        let stored = bench.history.stored(&sent.stream).await.unwrap().contains(sent.sequence);
        let expected = if stored { Appended::Duplicate } else { Appended::Stored };
        assert_eq!(bench.append(sent).await, expected);
    }
}

async fn check_rows(bench: &Bench, model: &Model, host: &str) {
    for table in tables::ALL {
        let mut expected: Vec<_> = model
            .snapshots(host)
            .into_iter()
            .flat_map(|snapshot| model_lines(host, table, snapshot))
            .collect();
        expected.sort();
        assert_eq!(lines(&bench.history, host, table).await, expected, "{} of {host}", table.name);
    }
}

fn model_lines(host: &str, table: &'static Table, snapshot: &Snapshot) -> Vec<String> {
    let Some(block) = snapshot.block(table) else { return Vec::new() };
    let time = crate::time::rfc3339(snapshot.time_ms);
    let line = |row: usize| {
        let mut line = format!("{time},{host},{host}.example,{}", block.interval_ms);
        for (position, column) in table.columns.iter().enumerate() {
            let identity = snapshot.processes.get(row).filter(|_| table.name == "process");
            let text = match (identity, column.name) {
                (Some(identity), "pid") => identity.key.pid.to_string(),
                (Some(identity), "start_time") => crate::time::rfc3339(identity.key.start_time_ms),
                (Some(identity), "parent_pid") => identity.parent_pid.to_string(),
                (Some(identity), "user_id") => identity.user_id.to_string(),
                (Some(identity), "name") => quoted(&identity.name),
                (Some(identity), "command") => quoted(&identity.command),
                (Some(identity), "user") => quoted(&identity.user),
                (Some(_), "cgroup" | "unit" | "container") => quoted(""),
                _ => match block.cell(position, row) {
                    Cell::Absent => String::new(),
                    Cell::Integer(value) => value.to_string(),
                    Cell::Float(value) => value.to_string(),
                    Cell::Text(value) => quoted(value),
                },
            };
            line = line + "," + &text;
        }
        line
    };
    (0..block.len()).map(line).collect()
}

fn quoted(text: &str) -> String {
    if text.is_empty() { "\"\"".to_owned() } else { text.to_owned() }
}

async fn check_series(bench: &Bench, model: &Model, host: &str, (from_ms, to_ms): (i64, i64), points: usize) {
    let cases: [(&'static Table, &[&str]); 3] = [
        (
            &host::TABLE,
            &["load1", "cpu_used_ratio", "cpu_user_us", "context_switches_per_second", "swap_used_ratio"],
        ),
        (&disk::TABLE, &["read_bytes_per_second", "reads"]),
        (&filesystem::TABLE, &["used_bytes"]),
    ];
    for (table, columns) in cases {
        for aggregate in [Aggregate::Average, Aggregate::Max, Aggregate::Min, Aggregate::Sum] {
            let query = SeriesQuery {
                host_id: host.to_owned(),
                table,
                columns: columns.iter().map(|column| (*column).to_owned()).collect(),
                entity: None,
                from_ms,
                to_ms,
                points,
                aggregate,
            };
            let answer = bench.history.series(query.clone()).await.unwrap();
            let rows = table_rows(model, host, table);
            let entities: BTreeSet<_> = rows.iter().map(|(entity, ..)| entity.clone()).collect();
            for series in &answer {
                let of_entity: Vec<_> = rows.iter().filter(|(entity, ..)| *entity == series.entity).collect();
                for (name, values) in &series.columns {
                    let points: Vec<_> = of_entity
                        .iter()
                        .map(|(_, time, block, row)| {
                            (*time, block.interval_ms, derived::value(block, *row, name))
                        })
                        .collect();
                    let expected = model_line(&points, &query);
                    // Buckets from a minute on may be read from rollups, whose means are not weighted.
                    if series.bucket_ms >= MINUTE && !is_exact(name, aggregate) {
                        continue;
                    }
                    // A bucket without a row has the value of the next one's, which a rollup tells of all its rows.
                    let of_rows = |values: &[Option<f64>]| -> Vec<_> {
                        let times = series.time_ms.iter().zip(values);
                        let has_row = |start: i64| {
                            let end = (start + series.bucket_ms).min(to_ms);
                            points.iter().any(|(time, ..)| (start.max(from_ms)..end).contains(time))
                        };
                        let kept = times.filter(|(start, _)| series.bucket_ms < MINUTE || has_row(**start));
                        kept.map(|(_, value)| *value).collect()
                    };
                    assert!(
                        near(&of_rows(values), &of_rows(&expected)),
                        "{name} {aggregate:?} {} {from_ms}..{to_ms}\n{values:?}\n{expected:?}",
                        table.name
                    );
                }
            }
            let answered: BTreeSet<_> = answer.iter().map(|series| series.entity.clone()).collect();
            assert!(
                answered.len() == answer.len() && answered.is_subset(&entities) || table.entity.is_empty()
            );
            let with_rows: BTreeSet<_> = rows
                .iter()
                .filter(|(_, time, ..)| (from_ms..to_ms).contains(time))
                .map(|(entity, ..)| entity.clone())
                .collect();
            assert!(with_rows.is_subset(&answered), "{with_rows:?} {answered:?}");
        }
    }
}

type TableRow<'a> = (Vec<String>, i64, &'a Block, usize);

fn table_rows<'a>(model: &'a Model, host: &str, table: &'static Table) -> Vec<TableRow<'a>> {
    let mut rows = Vec::new();
    for snapshot in model.snapshots(host) {
        let Some(block) = snapshot.block(table) else { continue };
        for row in 0..block.len() {
            let name = |column: &&str| match block.cell(table.position(column).unwrap(), row) {
                Cell::Text(text) => text.to_owned(),
                other => panic!("{other:?}"),
            };
            rows.push((table.entity.iter().map(name).collect(), snapshot.time_ms, block, row));
        }
    }
    rows
}

/// Rows are time, interval, value; in order of time.
fn model_line(rows: &[(i64, i64, Option<f64>)], query: &SeriesQuery) -> Vec<Option<f64>> {
    let (mut start, bucket_ms) = buckets_of(query.table, query.from_ms, query.to_ms, query.points);
    let rows: Vec<_> = rows.iter().copied().filter(|(time, ..)| *time >= query.from_ms).collect();
    let mut line = Vec::new();
    while start < query.to_ms {
        let end = start + bucket_ms;
        let inside: Vec<_> =
            rows.iter().filter(|(time, ..)| start <= *time && *time < end && *time < query.to_ms).collect();
        // The nearest later row whose interval reaches into the bucket.
        let ahead = if bucket_ms < 75_000 { 75_000 } else { 0 };
        let cover = rows.iter().find(|(time, interval, _)| {
            *time >= end.min(query.to_ms) && *time < query.to_ms + ahead && time - interval < end
        });
        let values =
            inside.iter().filter_map(|(_, interval, value)| Some(((*interval).max(1) as f64, (*value)?)));
        line.push(match (inside.is_empty(), query.aggregate) {
            (true, Aggregate::Sum) => cover.and_then(|(.., value)| value.map(|_| 0.0)),
            (true, _) => cover.and_then(|(.., value)| *value),
            (false, Aggregate::Average) => {
                let (weight, sum) =
                    values.fold((0.0, 0.0), |(w, s), (weight, value)| (w + weight, s + weight * value));
                (weight > 0.0).then_some(sum / weight)
            }
            (false, Aggregate::Max) => values.map(|(_, value)| value).reduce(f64::max),
            (false, Aggregate::Min) => values.map(|(_, value)| value).reduce(f64::min),
            (false, Aggregate::Sum) => values.map(|(_, value)| value).reduce(|a, b| a + b),
        });
        start = end;
    }
    line
}

fn is_exact(column: &str, aggregate: Aggregate) -> bool {
    match aggregate {
        Aggregate::Average => false,
        Aggregate::Sum => ["load1", "cpu_user_us", "reads", "used_bytes"].contains(&column),
        Aggregate::Max | Aggregate::Min => !["cpu_user_us", "reads"].contains(&column),
    }
}

fn near(left: &[Option<f64>], right: &[Option<f64>]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|pair| match pair {
            (Some(left), Some(right)) => (left - right).abs() <= 1e-6 * left.abs().max(1.0),
            (left, right) => left == right,
        })
}

/// One row of a process.
#[derive(Debug, Clone)]
struct ModelRow {
    key: ProcessKey,
    name: String,
    user: String,
    time_ms: i64,
    interval_ms: i64,
    ended: bool,
    cpu: Option<i64>,
    rss: Option<i64>,
    written: Option<i64>,
}

fn process_rows(model: &Model, host: &str) -> Vec<ModelRow> {
    let mut rows = Vec::new();
    for snapshot in model.snapshots(host) {
        for (identity, row, block) in snapshot.process_rows() {
            let (user, system) =
                (block.integer(process::CPU_USER_US, row), block.integer(process::CPU_SYSTEM_US, row));
            rows.push(ModelRow {
                key: identity.key,
                name: identity.name.clone(),
                user: identity.user.clone(),
                time_ms: snapshot.time_ms,
                interval_ms: block.interval_ms,
                ended: block.text(process::STATE, row) == Some("X"),
                cpu: user.map(|user| user + system.unwrap_or_default()).or(system),
                rss: block.integer(process::RSS_BYTES, row),
                written: block.integer(process::DISK_WRITE_BYTES, row),
            });
        }
    }
    rows
}

async fn check_processes(bench: &Bench, model: &Model, host: &str, (from_ms, to_ms): (i64, i64)) {
    let rows = process_rows(model, host);
    for at_ms in [from_ms, to_ms, START + 20_000] {
        check_instant(bench, model, &rows, host, at_ms).await;
    }
    let in_range: Vec<_> =
        rows.iter().filter(|row| (from_ms..to_ms).contains(&row.time_ms)).cloned().collect();
    for group in [ProcessGroup::Process, ProcessGroup::Name, ProcessGroup::User] {
        for limit in [2, 100] {
            let host_id = host.to_owned();
            let query = ProcessesQuery { host_id, from_ms, to_ms, by: ProcessOrder::Disk, group, limit };
            check_range(bench, &in_range, &query).await;
        }
    }
    let query = ProcessSeriesQuery {
        host_id: host.to_owned(),
        key: ProcessKey {
            pid: 1,
            start_time_ms: rows.iter().find(|row| row.key.pid == 1).map_or(0, |row| row.key.start_time_ms),
        },
        columns: vec!["disk_write_bytes".to_owned()],
        from_ms,
        to_ms,
        points: 10,
        aggregate: Aggregate::Sum,
    };
    let key = query.key;
    let series = bench.history.process_series(query).await.unwrap();
    let sum: f64 = series.columns[0].1.iter().flatten().sum();
    let expected: i64 = in_range.iter().filter(|row| row.key == key).filter_map(|row| row.written).sum();
    assert_eq!(sum, expected as f64);
}

async fn check_instant(bench: &Bench, model: &Model, rows: &[ModelRow], host: &str, at_ms: i64) {
    let answer = bench.history.processes_at(host, at_ms, &["load1"]).await.unwrap();
    let mut newest: BTreeMap<ProcessKey, &ModelRow> = BTreeMap::new();
    let snapshot_ms = rows.iter().map(|row| row.time_ms).filter(|time_ms| *time_ms <= at_ms).max();
    let from_ms = snapshot_ms.filter(|time_ms| *time_ms >= at_ms - SNAPSHOT_MS).unwrap_or(at_ms) - IDLE_MS;
    for row in rows.iter().filter(|row| (from_ms..=at_ms).contains(&row.time_ms)) {
        newest.insert(row.key, row);
    }
    let other = newest.remove(&ProcessKey::OTHER).map(|row| (row.time_ms, row.cpu));
    let found = answer
        .other
        .as_ref()
        .map(|other| (other.time_ms, answer.block.integer(process::CPU_USER_US, other.row)));
    assert_eq!(found, other);
    newest.retain(|_, row| !row.ended);
    let expected: Vec<_> =
        newest.values().map(|row| (row.key, row.time_ms, row.rss, row.name.clone())).collect();
    let found: Vec<_> = answer
        .processes
        .iter()
        .map(|row| {
            let rss = answer.block.integer(process::RSS_BYTES, row.row);
            (row.identity.key, row.time_ms, rss, row.identity.name.clone())
        })
        .collect();
    assert_eq!(found, expected);
    if let Some(other) = other {
        assert_eq!(answer.snapshot_time_ms, Some(other.0));
        let of_host = answer.host.unwrap();
        assert_eq!(of_host.time_ms, other.0);
        let snapshot =
            model.snapshots(host).into_iter().find(|snapshot| snapshot.time_ms == other.0).unwrap();
        let load = usize::from(host::LOAD1.0);
        assert_eq!(of_host.block.cell(load, 0), snapshot.block(&host::TABLE).unwrap().cell(load, 0));
    }
}

async fn check_range(bench: &Bench, rows: &[ModelRow], query: &ProcessesQuery) {
    let answer = bench.history.processes_over(query.clone()).await.unwrap();
    let group = |row: &ModelRow| match query.group {
        ProcessGroup::Name => (ProcessKey::OTHER, row.name.clone()),
        ProcessGroup::User => (ProcessKey::OTHER, row.user.clone()),
        _ => (row.key, row.name.clone()),
    };
    let sum = |rows: &[&ModelRow], of: fn(&ModelRow) -> Option<i64>| {
        rows.iter().filter_map(|row| of(row)).reduce_sum()
    };
    let mut groups: BTreeMap<(ProcessKey, String), Vec<&ModelRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.key.is_other()) {
        groups.entry(group(row)).or_default().push(row);
    }
    assert_eq!(answer.rows.len(), groups.len().min(query.limit));
    for line in &answer.rows {
        let name = match query.group {
            ProcessGroup::User => line.user.clone(),
            _ => line.name.clone(),
        };
        let of_line = &groups[&(line.key.unwrap_or(ProcessKey::OTHER), name)];
        assert_eq!(line.cpu_us(), sum(of_line, |row| row.cpu));
        assert_eq!(line.disk_write_bytes, sum(of_line, |row| row.written));
        let times = || of_line.iter().map(|row| row.time_ms);
        assert_eq!((Some(line.first_seen_ms), Some(line.last_seen_ms)), (times().min(), times().max()));
        assert_eq!(line.processes as usize, of_line.iter().map(|row| row.key).collect::<HashSet<_>>().len());
        // Over long ranges the peaks of an hour are summed.
        if query.group != ProcessGroup::Process && query.to_ms - query.from_ms >= 3 * HOUR {
            continue;
        }
        let (cpu, rss) = model_peaks(rows, of_line, &group);
        assert!(near(&[line.cpu_ratio_max], &[cpu]), "{line:?} {cpu:?}");
        assert_eq!(line.rss_bytes_max, rss, "{line:?}");
    }
    let written = answer.rows.iter().map(|line| line.disk_write_bytes);
    assert!(written.is_sorted_by(|a, b| a >= b));
    let all: Vec<_> = rows.iter().collect();
    let listed = answer.rows.iter().filter_map(super::ProcessUsage::cpu_us).sum::<i64>();
    assert_eq!(answer.totals.cpu_us(), sum(&all, |row| row.cpu));
    assert_eq!(
        answer.totals.cpu_us().unwrap_or_default(),
        listed + answer.other.cpu_us().unwrap_or_default()
    );
}

/// The most CPU of the group's rows at one time, and the most memory at the times of its rows that have it.
fn model_peaks(
    rows: &[ModelRow],
    of_line: &[&ModelRow],
    group: &impl Fn(&ModelRow) -> (ProcessKey, String),
) -> (Option<f64>, Option<i64>) {
    let line = group(of_line[0]);
    let mut cpu = Vec::new();
    let mut rss = Vec::new();
    for moment in of_line.iter().map(|row| row.time_ms).collect::<BTreeSet<_>>() {
        let now = of_line.iter().filter(|row| row.time_ms == moment);
        let ratio = |row: &&&ModelRow| Some(row.cpu? as f64 / (row.interval_ms as f64 * 1000.0));
        cpu.extend(now.clone().filter_map(|row| ratio(&row)).reduce(|a, b| a + b));
        if now.clone().all(|row| row.rss.is_none()) {
            continue;
        }
        let mut newest: BTreeMap<ProcessKey, &ModelRow> = BTreeMap::new();
        for row in rows.iter().filter(|row| (moment - IDLE_MS..=moment).contains(&row.time_ms)) {
            newest.insert(row.key, row);
        }
        rss.push(newest.values().filter(|row| group(row) == line).filter_map(|row| row.rss).sum::<i64>());
    }
    (cpu.into_iter().reduce(f64::max), rss.into_iter().max())
}

trait ReduceSum {
    fn reduce_sum(self) -> Option<i64>;
}

impl<I: Iterator<Item = i64>> ReduceSum for I {
    fn reduce_sum(self) -> Option<i64> {
        self.reduce(|a, b| a + b)
    }
}
