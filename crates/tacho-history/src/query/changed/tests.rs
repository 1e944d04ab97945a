//! What changed, out of snapshots made for it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tacho_catalog::StreamKey;
use tacho_model::tables::{connection, metric, process};
use tacho_model::{Block, HostKey, ProcessIdentity, Snapshot};

use super::*;
use crate::testing::{Bench, HOUR, MINUTE, START, Sent};

/// Between two snapshots.
const STEP: i64 = 5_000;

/// What one process does in one snapshot.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    cpu_us: i64,
    rss: i64,
    written: i64,
}

/// Makes snapshots of processes from a function of process and time, with a connection and a metric.
async fn record(
    bench: &Bench,
    snapshots: Range<i64>,
    processes: &[&str],
    of: impl Fn(usize, i64) -> Option<Use>,
) {
    for number in snapshots {
        let mut host_block = Block::new(&host::TABLE);
        let mut block = Block::new(&process::TABLE);
        let mut identities = Vec::new();
        let mut busy = 0;
        for (place, name) in processes.iter().enumerate() {
            let Some(used) = of(place, number) else { continue };
            busy += used.cpu_us;
            block
                .push()
                .integer(process::CPU_USER_US, used.cpu_us)
                .integer(process::CPU_SYSTEM_US, 0)
                .integer(process::RSS_BYTES, used.rss)
                .integer(process::DISK_WRITE_BYTES, used.written);
            identities.push(identity(place, name));
        }
        host_block
            .push()
            .integer(host::CPU_USER_US, busy)
            .integer(host::CPU_SYSTEM_US, 0)
            .integer(host::CPU_IDLE_US, 20_000_000 - busy);
        let mut connections = Block::new(&connection::TABLE);
        connections
            .push()
            .text(connection::PROTOCOL, "tcp")
            .text(connection::NAME, "psql")
            .text(connection::LOCAL_ADDRESS, "10.0.0.1")
            .integer(connection::LOCAL_PORT, 40_000 + number)
            .text(connection::REMOTE_ADDRESS, "10.0.0.2")
            .integer(connection::REMOTE_PORT, 5432)
            .integer(connection::RX_BYTES, if number < 720 { 1_000 } else { 50_000_000 });
        let mut metrics = Block::new(&metric::TABLE);
        metrics
            .push()
            .text(metric::NAME, "queue")
            .text(metric::LABELS, "")
            .text(metric::SOURCE, "mail")
            .float(metric::VALUE, if number < 720 { 4.0 } else { 40.0 });
        let mut blocks = vec![host_block, block, connections, metrics];
        blocks.iter_mut().for_each(|block| block.interval_ms = STEP);
        let time_ms = START + STEP * (number + 1) - 1;
        let sent = Sent {
            host: HostKey { id: "alpha".into(), name: "alpha".into() },
            stream: StreamKey { agent_id: "alpha".into(), stream: [0; 16] },
            sequence: number as u64 + 1,
            snapshot: Arc::new(Snapshot { time_ms, blocks, processes: identities }),
        };
        bench.append(&sent).await;
    }
}

fn identity(place: usize, name: &str) -> Arc<ProcessIdentity> {
    let key = ProcessKey { pid: 100 + place as i64, start_time_ms: START - HOUR };
    Arc::new(ProcessIdentity { key, name: name.to_owned(), ..ProcessIdentity::other() })
}

/// The second hour against the first.
fn second_hour(group: ProcessGroup) -> ChangesQuery {
    ChangesQuery {
        host_id: "alpha".to_owned(),
        from_ms: START + HOUR,
        to_ms: START + 2 * HOUR,
        against_ms: None,
        group,
        limit: 10,
    }
}

async fn roll(bench: &Bench, now_ms: i64) {
    bench.history.flush().await.unwrap();
    bench.set_now(now_ms);
    bench.history.maintain().await;
}

fn change<'a, T>(changed: &'a Changed<T>, column: &str) -> &'a Change {
    changed.changes.iter().find(|change| change.column == column).unwrap()
}

/// Bursts that come every ten minutes in both hours, a process that starts eating CPU, one that grows a little, one
/// that ends.
fn story(place: usize, number: i64) -> Option<Use> {
    let second = number >= 720;
    match place {
        0 => Some(Use { cpu_us: if number % 120 < 12 { 4_000_000 } else { 0 }, rss: 1 << 20, written: 0 }),
        1 => Some(Use { cpu_us: if second { 4_500_000 } else { 20_000 }, rss: 1 << 24, written: 4096 }),
        2 => Some(Use { cpu_us: if second { 1_050_000 } else { 1_000_000 }, rss: 1 << 24, written: 0 }),
        3 => (!second).then_some(Use { cpu_us: 1_500_000, rss: 1 << 30, written: 0 }),
        _ => None,
    }
}

const NAMES: [&str; 4] = ["cron", "miner", "web", "batch"];

#[tokio::test]
async fn a_process_that_starts_eating_cpu_ranks_first() {
    let bench = Bench::new().await;
    record(&bench, 0..1440, &NAMES, story).await;
    let (fresh, _) = bench.history.changes(second_hour(ProcessGroup::Name)).await.unwrap();
    check_story(&fresh);
    // The same from rollups.
    roll(&bench, START + 5 * HOUR).await;
    let (rolled, report) = bench.history.changes(second_hour(ProcessGroup::Name)).await.unwrap();
    assert!(report.levels.iter().all(|(level, ..)| *level == Level::Minute), "{:?}", report.levels);
    check_story(&rolled);
    assert_eq!(rolled.processes, fresh.processes);
}

fn check_story(changes: &Changes) {
    assert_eq!(changes.range, START + HOUR..START + 2 * HOUR);
    assert_eq!((changes.before.clone(), changes.bucket_ms), (START..START + HOUR, MINUTE));
    assert_eq!(changes.recorded_ms, [HOUR, HOUR]);
    let names: Vec<_> = changes.processes.iter().map(|changed| changed.label.name.as_str()).collect();
    assert_eq!(names, ["batch", "miner", "web"], "{:#?}", changes.processes);
    let cpu = change(&changes.processes[1], "cpu_ratio");
    assert!((cpu.value - 0.9).abs() < 1e-9 && (cpu.before - 0.004).abs() < 1e-9, "{cpu:?}");
    assert!(cpu.score > 13.0 && cpu.spread < 1e-9, "{cpu:?}");
    // What used a gigabyte and is gone is as unlike.
    let gone = change(&changes.processes[0], "rss_bytes");
    assert_eq!((gone.value, gone.before), (0.0, f64::from(1 << 30)));
    assert!(changes.processes[2].score < 1.0, "5 % more is hardly a change");
    let busiest = changes.metrics.iter().find(|metric| metric.changes[0].column == "cpu_used_ratio").unwrap();
    assert_eq!(busiest.label.table, "host");
    let queue = changes.metrics.iter().find(|metric| metric.label.table == "metric").unwrap();
    assert_eq!(queue.label.entity, ["queue", "", "mail"]);
    assert_eq!((queue.changes[0].value, queue.changes[0].before), (40.0, 4.0));
    let peer = &changes.connections[0];
    let expected = ConnectionLabel {
        name: "psql".to_owned(),
        protocol: "tcp".to_owned(),
        remote_address: "10.0.0.2".to_owned(),
        port: 5432,
    };
    assert_eq!((&peer.label, changes.connections.len()), (&expected, 1), "its own ports are made up");
    assert_eq!(change(peer, "rx_bytes_per_second").value, 10_000_000.0);
}

#[tokio::test]
async fn processes_are_told_apart_or_put_together_as_asked() {
    let bench = Bench::new().await;
    record(&bench, 0..1440, &["a", "a", "b", "c"], story).await;
    let (each, _) = bench.history.changes(second_hour(ProcessGroup::Process)).await.unwrap();
    let pids: Vec<_> = each.processes.iter().filter_map(|changed| Some(changed.label.key?.pid)).collect();
    assert_eq!(pids, [103, 101, 102]);
    assert_eq!(each.processes[1].label.name, "a");
    let (names, _) = bench.history.changes(second_hour(ProcessGroup::Name)).await.unwrap();
    let cpu = names.processes.iter().find(|changed| changed.label.name == "a").unwrap();
    let cpu = change(cpu, "cpu_ratio");
    assert!((cpu.value - cpu.before - 0.896).abs() < 1e-9, "{cpu:?}");
    let query = ChangesQuery { limit: 1, ..second_hour(ProcessGroup::Process) };
    let (one, _) = bench.history.changes(query).await.unwrap();
    assert_eq!((one.processes.len(), one.metrics.len()), (1, 1));
}

#[tokio::test]
async fn an_unlike_hour_is_told_against_any_other() {
    let bench = Bench::new().await;
    record(&bench, 0..2160, &NAMES, story).await;
    // The third hour is like the second, and unlike the first.
    let third = ChangesQuery {
        from_ms: START + 2 * HOUR,
        to_ms: START + 3 * HOUR,
        ..second_hour(ProcessGroup::Name)
    };
    let (like, _) = bench.history.changes(third.clone()).await.unwrap();
    assert!(like.processes.is_empty(), "{:?}", like.processes);
    let (unlike, _) = bench.history.changes(ChangesQuery { against_ms: Some(START), ..third }).await.unwrap();
    assert_eq!(unlike.before, START..START + HOUR);
    assert_eq!(unlike.processes[1].label.name, "miner");
}

#[tokio::test]
async fn without_a_time_before_nothing_is_unlike_it() {
    let bench = Bench::new().await;
    record(&bench, 720..1440, &NAMES, story).await;
    let (changes, _) = bench.history.changes(second_hour(ProcessGroup::Name)).await.unwrap();
    assert_eq!(changes.recorded_ms, [HOUR, 0]);
    assert!(changes.processes.is_empty() && changes.metrics.is_empty() && changes.connections.is_empty());
}

#[tokio::test]
async fn nobody_waiting_ends_it() {
    let bench = Bench::new().await;
    record(&bench, 0..800, &NAMES, story).await;
    bench.history.flush().await.unwrap();
    let inner = Arc::clone(&bench.history.inner);
    let asked = bench.history.inner.blocking(move || {
        let reading = Arc::default();
        drop(crate::scan::CancelOnDrop(Arc::clone(&reading)));
        changes(&inner, &reading, &second_hour(ProcessGroup::Name))
    });
    assert!(matches!(asked.await, Err(HistoryError::Cancelled)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever else goes on at its usual, varying pace: what takes a core and did not before comes first.
    #[test]
    fn the_culprit_is_found_among_noise(
        noise in proptest::collection::vec(0i64..2_000_000, 6),
        levels in proptest::collection::vec(0i64..3_000_000, 6),
        culprit in 0usize..7,
        from in 0i64..30,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            let names: Vec<_> = (0..7).map(|place| format!("p{place}")).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let starts = 240 + from;
            record(&bench, 0..480, &names, |place, number| {
                let other = place.saturating_sub(usize::from(place > culprit));
                let usual = match place == culprit {
                    true => if number < starts { 0 } else { 5_000_000 },
                    false => levels[other] + (number * 7919 + place as i64) % noise[other].max(1),
                };
                Some(Use { cpu_us: usual, rss: 1 << 20, written: 0 })
            }).await;
            let query = ChangesQuery {
                from_ms: START + 240 * STEP,
                to_ms: START + 480 * STEP,
                ..second_hour(ProcessGroup::Process)
            };
            let (changes, _) = bench.history.changes(query).await.unwrap();
            let first = changes.processes.first().unwrap();
            assert_eq!(first.label.name, names[culprit], "{changes:#?}");
            let scores: BTreeMap<_, _> =
                changes.processes.iter().map(|changed| (changed.label.name.clone(), changed.score)).collect();
            assert!(scores.values().all(|score| (0.0..=20.0).contains(score)), "{scores:?}");
        });
    }
}

#[test]
fn ranges_are_whole_minutes_or_hours_and_never_overlap() {
    let of = |from_ms, to_ms, against_ms| {
        let [range, before] =
            periods(&ChangesQuery { from_ms, to_ms, against_ms, ..second_hour(ProcessGroup::Name) });
        assert_eq!(range.covered_ms.len(), before.covered_ms.len());
        assert!(range.covered_ms.len() <= 62, "{}", range.covered_ms.len());
        let last = range.covered_ms.len() - 1;
        assert!(range.bounds(last).0 < range.range.end && range.bounds(last).1 == range.range.end);
        assert!(before.range.end <= range.range.start || range.range.end <= before.range.start);
        (range.range, before.range, range.bucket_ms)
    };
    assert_eq!(of(7, MINUTE + 7, None), (0..2 * MINUTE, -2 * MINUTE..0, MINUTE));
    assert_eq!(of(HOUR, 2 * HOUR, Some(7)), (HOUR..2 * HOUR, 0..HOUR, MINUTE));
    let day = 24 * HOUR;
    assert_eq!(of(day, 2 * day, None), (day..2 * day, 0..day, 24 * MINUTE));
    let (range, before, bucket) = of(7 * day + 7, 14 * day, None);
    assert_eq!((range, before, bucket), (7 * day..14 * day, 0..7 * day, 3 * HOUR));
    // Asked for right before and widened, or after.
    assert_eq!(of(HOUR + 7, 2 * HOUR, Some(8)).1, 0..HOUR);
    assert_eq!(of(HOUR, 2 * HOUR + 7, Some(2 * HOUR + 8)).1.start, 2 * HOUR + MINUTE);
}
