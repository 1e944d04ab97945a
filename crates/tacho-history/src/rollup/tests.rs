//! Rollups are what recomputing them from the rows gives, whatever happened to the files in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{Array, ArrayAccessor, AsArray, StringArray};
use arrow::datatypes::Int32Type;
use proptest::prelude::*;
use tacho_model::{Cell, Table, six_digits, tables};

use super::bucket::{Bucket, Cells, Sums};
use super::{Level, Spec, spec};
use crate::columns::FIRST;
use crate::head::Frame;
use crate::query::{ProcessGroup, ProcessOrder, ProcessesQuery, Series, SeriesQuery};
use crate::rows::rows_of;
use crate::scan::{Scan, read_all};
use crate::testing::{Bench, HOUR, MINUTE, START, Sent, frame, frame_at, lines};
use crate::{Aggregate, History};

/// Entity and start of the bucket.
pub(crate) type Key = (Vec<String>, i64);

/// Rows of a rollup of a host, those of one bucket put together.
pub(crate) async fn rolled(
    history: &History,
    host: &str,
    spec: &'static Spec,
    level: Level,
) -> BTreeMap<Key, Bucket> {
    let table = spec.table(level).unwrap();
    let layout = crate::columns::layout(table);
    let (inner, host) = (Arc::clone(&history.inner), host.to_owned());
    let view = inner.state().view(table, &(&host).into(), i64::MIN, i64::MAX);
    let scan = Scan::new(
        table,
        &host,
        (0..layout.schema.fields().len()).collect(),
        i64::MIN..i64::MAX,
        &Arc::default(),
    );
    let job = Arc::clone(&inner);
    let batches = inner.blocking(move || read_all(&job, scan, &view.files, &[])).await.unwrap();
    let mut found = BTreeMap::new();
    for batch in &batches {
        let cells = Cells::new(batch);
        for row in 0..batch.num_rows() {
            let name = |column: &usize| match batch.column(*column).as_dictionary_opt::<Int32Type>() {
                Some(keys) => keys.downcast_dict::<StringArray>().unwrap().value(row).to_owned(),
                None => cells.stored(*column, row).to_string(),
            };
            let entity: Vec<_> = layout.entity.iter().map(name).collect();
            for label in &spec.labels {
                assert_eq!(batch.column(FIRST + label.1).len(), batch.num_rows());
            }
            let bucket = Bucket::of_rollup(spec, &cells, row, (0, 0));
            match found.get_mut(&(entity.clone(), bucket.start_ms)) {
                None => drop(found.insert((entity, bucket.start_ms), bucket)),
                Some(known) => known.merge(&bucket),
            }
        }
    }
    found
}

/// The same from the frames, one column at a time.
pub(crate) fn recomputed(frames: &[Sent], host: &str, spec: &Spec, level: Level) -> BTreeMap<Key, Bucket> {
    let mut buckets: BTreeMap<Key, Bucket> = BTreeMap::new();
    let mut frames: Vec<_> = frames.iter().filter(|sent| &*sent.host.id == host).collect();
    frames.sort_by_key(|sent| sent.snapshot.time_ms);
    for sent in frames {
        let (host, stream) = (sent.host.clone(), sent.stream.clone());
        let snapshot = Arc::clone(&sent.snapshot);
        let frame = Frame { host, stream, sequence: sent.sequence, snapshot };
        let interval_ms = sent.snapshot.block(spec.raw).map_or(0, |block| block.interval_ms);
        for row in rows_of(spec.raw, &frame) {
            let entity =
                spec.raw.entity.iter().map(|name| match row.cell(spec.raw.position(name).unwrap()) {
                    Cell::Text(text) => text.to_owned(),
                    Cell::Integer(value) => value.to_string(),
                    _ => String::new(),
                });
            let start_ms = row.time_ms() - row.time_ms().rem_euclid(level.bucket_ms());
            let bucket = buckets
                .entry((entity.collect(), start_ms))
                .or_insert_with(|| Bucket::new(spec, start_ms, (0, 0)));
            bucket.rows += 1;
            bucket.interval_ms += interval_ms;
            bucket.first_ms = bucket.first_ms.min(row.time_ms());
            bucket.last_ms = bucket.last_ms.max(row.time_ms());
            for (number, sums) in spec.numbers.iter().zip(&mut bucket.numbers) {
                match row.cell(number.raw) {
                    Cell::Integer(value) => note(sums, value, number.delta, interval_ms),
                    Cell::Float(value) => {
                        sums.count += 1;
                        sums.float_sum += value;
                        sums.float_last = Some(value);
                        sums.float_range = span(sums.float_range, value);
                    }
                    _ => {}
                }
            }
        }
    }
    buckets
}

fn note(sums: &mut Sums, value: i64, delta: bool, interval_ms: i64) {
    sums.count += 1;
    sums.sum += value;
    if !delta {
        let (min, max) = sums.range.unwrap_or((value, value));
        sums.range = Some((min.min(value), max.max(value)));
        sums.last = Some(value);
    } else if interval_ms > 0 {
        sums.float_range = span(sums.float_range, six_digits(value as f64 * 1000.0 / interval_ms as f64));
    }
}

fn span(range: Option<(f64, f64)>, value: f64) -> Option<(f64, f64)> {
    let (min, max) = range.unwrap_or((value, value));
    Some((min.min(value), max.max(value)))
}

pub(crate) fn assert_equal(found: &BTreeMap<Key, Bucket>, expected: &BTreeMap<Key, Bucket>, what: &str) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{what}");
    for (key, bucket) in found {
        let other = &expected[key];
        let plain = |bucket: &Bucket| (bucket.rows, bucket.interval_ms, bucket.first_ms, bucket.last_ms);
        assert_eq!(plain(bucket), plain(other), "{what} {key:?}");
        for (sums, expected) in bucket.numbers.iter().zip(&other.numbers) {
            // The order in which floats are added is not fixed.
            assert!(
                (sums.float_sum - expected.float_sum).abs() <= 1e-9 * expected.float_sum.abs(),
                "{what} {key:?}"
            );
            // Which is the last is not sure where the newest row has none and older ones came late.
            let is_sure = sums.count == other.rows;
            let (last, float_last) = match is_sure {
                true => (sums.last, sums.float_last),
                false => (expected.last, expected.float_last),
            };
            let float_sum = expected.float_sum;
            assert_eq!(Sums { float_sum, last, float_last, ..*sums }, *expected, "{what} {key:?}");
        }
    }
}

/// What happens to a history.
#[derive(Debug, Clone)]
enum Event {
    /// So many snapshots of a host, from so many minutes after the start on.
    Append {
        host: usize,
        minute: i64,
        snapshots: i64,
    },
    Flush,
    /// Housekeeping, so many minutes later.
    Maintain(i64),
    Restart,
    /// The server dies before this step of what it does next.
    Kill(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        // Often in the first hours, so that those of one part of a day are merged while the day goes on.
        6 => (0usize..2, prop_oneof![0i64..8 * 60, 0i64..40 * 60], 1i64..40)
            .prop_map(|(host, minute, snapshots)| Event::Append { host, minute, snapshots }),
        3 => Just(Event::Flush),
        3 => (0i64..600).prop_map(Event::Maintain),
        1 => Just(Event::Restart),
        3 => (0u64..120).prop_map(Event::Kill),
    ]
}

const HOSTS: [&str; 2] = ["a", "b"];

/// A history, and what agents sent to it.
struct World {
    bench: Bench,
    sent: Vec<Sent>,
    now_ms: i64,
}

impl World {
    async fn step(&mut self, event: &Event) {
        match event {
            Event::Append { host, minute, snapshots } => {
                for i in 0..*snapshots {
                    let sequence = self.sent.len() as u64 + 1;
                    // Snapshots of one host never share a time.
                    let time_ms = START + minute * MINUTE + i * 5_000 + (sequence % 5_000) as i64;
                    let sent = frame_at(HOSTS[*host], 0, sequence, time_ms);
                    self.bench.append(&sent).await;
                    self.sent.push(sent);
                }
            }
            Event::Flush => self.bench.history.flush().await.unwrap(),
            Event::Maintain(minutes) => {
                self.now_ms += minutes * MINUTE;
                self.bench.set_now(self.now_ms);
                self.bench.history.maintain().await;
            }
            Event::Restart => self.restart().await,
            Event::Kill(steps) => {
                self.bench.faults.kill_after(*steps);
                self.bench.history.flush().await.ok();
                self.bench.history.maintain().await;
                self.restart().await;
            }
        }
    }

    /// Agents send again what was not acknowledged.
    async fn restart(&mut self) {
        self.bench.restart().await;
        for sent in &self.sent {
            self.bench.append(sent).await;
        }
    }

    async fn check(&self, ranges: &[(i64, i64)]) {
        let reference = Bench::with(|config| config.head_limit_bytes = usize::MAX).await;
        for sent in &self.sent {
            reference.append(sent).await;
        }
        for host in HOSTS {
            for table in tables::ALL {
                let (found, expected) =
                    (lines(&self.bench.history, host, table), lines(&reference.history, host, table));
                assert_eq!(found.await, expected.await, "{host} {}", table.name);
            }
            for (start, length) in ranges {
                let range = (START + start, START + start + length.max(&1));
                let (found, expected) =
                    (answers(&self.bench.history, host, range), answers(&reference.history, host, range));
                assert_eq!(found.await, expected.await, "{host} {range:?}");
            }
        }
    }

    async fn check_rollups(&self) {
        for host in HOSTS {
            for table in [
                &tables::host::TABLE,
                &tables::disk::TABLE,
                &tables::filesystem::TABLE,
                &tables::process::TABLE,
            ] {
                let spec = spec(table).unwrap();
                for level in Level::ROLLUPS {
                    let found = rolled(&self.bench.history, host, spec, level).await;
                    assert_equal(
                        &found,
                        &recomputed(&self.sent, host, spec, level),
                        &format!("{host} {} {level:?}", table.name),
                    );
                }
            }
        }
    }
}

/// Sums over a range, and extremes to six digits, which no level may change.
async fn answers(history: &History, host: &str, (from_ms, to_ms): (i64, i64)) -> Vec<String> {
    let mut answers = Vec::new();
    for (table, columns, aggregate) in [
        (&tables::host::TABLE, "cpu_user_us,context_switches", Aggregate::Sum),
        (&tables::host::TABLE, "uptime_seconds,load1,cpu_used_ratio", Aggregate::Max),
        (&tables::disk::TABLE, "read_bytes,reads", Aggregate::Sum),
        (&tables::disk::TABLE, "read_bytes_per_second", Aggregate::Max),
    ] as [(&'static Table, &str, Aggregate); 4]
    {
        let series = one_bucket(history, host, table, columns, aggregate, (from_ms, to_ms)).await;
        answers.extend(series.into_iter().map(|series| format!("{:?} {:?}", series.entity, series.columns)));
    }
    let query = ProcessesQuery {
        host_id: host.to_owned(),
        from_ms,
        to_ms,
        by: ProcessOrder::Cpu,
        group: ProcessGroup::Process,
        limit: 1000,
    };
    let over = history.processes_over(query.clone()).await.unwrap();
    answers.push(format!("{over:?}"));
    let mut by_user =
        history.processes_over(ProcessesQuery { group: ProcessGroup::User, ..query }).await.unwrap();
    for row in &mut by_user.rows {
        (row.cpu_ratio_max, row.rss_bytes_max) = (None, None);
    }
    answers.push(format!("{by_user:?}"));
    answers
}

async fn one_bucket(
    history: &History,
    host: &str,
    table: &'static Table,
    columns: &str,
    aggregate: Aggregate,
    (from_ms, to_ms): (i64, i64),
) -> Vec<Series> {
    let query = SeriesQuery {
        host_id: host.to_owned(),
        table,
        columns: columns.split(',').map(str::to_owned).collect(),
        entity: None,
        from_ms,
        to_ms,
        points: 1,
        aggregate,
    };
    let mut series = history.series(query).await.unwrap();
    for value in series.iter_mut().flat_map(|series| &mut series.columns).flat_map(|(_, values)| values) {
        *value = value.map(|value| if aggregate == Aggregate::Max { six_digits(value) } else { value });
    }
    series
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]
    #[test]
    fn a_history_is_what_was_sent_whatever_happens(
        events in proptest::collection::vec(event(), 1..24),
        ranges in proptest::collection::vec((-30 * HOUR..42 * HOUR, 0..90 * HOUR), 4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World { bench: Bench::new().await, sent: Vec::new(), now_ms: START };
            for event in &events {
                world.step(event).await;
            }
            world.check(&ranges).await;
            // Everything at rest: all that was sent is rolled up, and hours are days.
            world.step(&Event::Flush).await;
            for _ in 0..4 {
                world.step(&Event::Maintain(45 * 60)).await;
            }
            world.check(&ranges).await;
            world.check_rollups().await;
            let state = world.bench.history.inner.state();
            let unrolled = state.files.iter().filter(|file| !file.is_rolled()).count();
            assert_eq!(unrolled, 0);
        });
    }
}

#[tokio::test]
async fn of_an_hour_of_many_hosts_few_rows_of_others_are_read() {
    let bench = Bench::new().await;
    for minute in 0..60 {
        for host in 0..40 {
            let host = format!("host{host:02}");
            bench.append(&frame_at(&host, 0, minute + 1, START + minute as i64 * MINUTE)).await;
        }
    }
    bench.history.flush().await.unwrap();
    bench.set_now(START + 2 * HOUR);
    bench.history.maintain().await;
    let before = bench.history.stats().rows_read_total;
    let found = rolled(&bench.history, "host20", spec(&tables::host::TABLE).unwrap(), Level::Minute).await;
    assert_eq!(found.len(), 60);
    let rows = bench.history.stats().rows_read_total - before;
    assert!((60..=2 * 512).contains(&rows), "60 rows can touch two pages: {rows}");
}

#[tokio::test]
async fn rows_that_come_late_are_added_to_the_rollups_of_their_hour() {
    let bench = Bench::new().await;
    let sums = async || {
        let series = one_bucket(
            &bench.history,
            "a",
            &tables::disk::TABLE,
            "reads",
            Aggregate::Sum,
            (START, START + HOUR),
        );
        series.await[0].columns[0].1[0]
    };
    let mut sent = Vec::new();
    for sequence in (1..=20).chain(40..=60) {
        sent.push(frame("a", sequence));
        bench.append(sent.last().unwrap()).await;
    }
    bench.history.flush().await.unwrap();
    bench.set_now(START + 2 * HOUR);
    bench.history.maintain().await;
    let before = sums().await.unwrap();
    for sequence in 21..=39 {
        sent.push(frame("a", sequence));
        bench.append(sent.last().unwrap()).await;
    }
    let in_head = sums().await.unwrap();
    assert!(in_head > before);
    bench.history.flush().await.unwrap();
    assert_eq!(sums().await, Some(in_head), "from a file that is not rolled up yet");
    bench.set_now(START + 3 * HOUR);
    bench.history.maintain().await;
    assert_eq!(sums().await, Some(in_head), "from two rows of one bucket");
    for _ in 0..3 {
        bench.set_now(bench.now_ms.load(Ordering::Relaxed) + 24 * HOUR);
        bench.history.maintain().await;
    }
    assert_eq!(sums().await, Some(in_head), "from one");
    let spec = spec(&tables::disk::TABLE).unwrap();
    let expected = recomputed(&sent, "a", spec, Level::Hour);
    assert_equal(&rolled(&bench.history, "a", spec, Level::Hour).await, &expected, "");
    let state = bench.history.inner.state();
    assert_eq!(state.files.of(spec.table(Level::Hour).unwrap()).len(), 1);
}

#[test]
fn field_ids_and_names_of_rollups_are_unique() {
    for table in super::stored_tables() {
        let mut ids: Vec<_> = table.columns.iter().map(|column| column.id).collect();
        let mut names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        ids.sort_unstable();
        names.sort_unstable();
        assert!(ids.is_sorted_by(|a, b| a < b) && names.is_sorted_by(|a, b| a < b), "{}", table.name);
    }
}

#[test]
fn all_extremes_are_of_columns_that_exist() {
    let kept: usize = super::SPECS.iter().map(|spec| spec.extremes.len()).sum();
    assert_eq!(kept, 11);
}
