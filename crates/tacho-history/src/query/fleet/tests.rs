//! Answers about the fleet against those about each host.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::query::ProcessGroup;
use crate::query::processes_over::{ProcessesQuery, add_line, greatest_first};
use crate::scan::CancelOnDrop;
use crate::testing::{Bench, HOUR, MINUTE, START, frame_at};

const HOSTS: [&str; 4] = ["alpha", "beta", "delta", "gamma"];

/// Some hosts with snapshots here and there, some in day files and rollups, some in hours, some in the head.
async fn bench(slots: &BTreeSet<(usize, i64)>, flush_at: usize, hours_later: i64) -> Bench {
    let bench = Bench::new().await;
    for (number, (host, slot)) in slots.iter().enumerate() {
        let sent = frame_at(HOSTS[*host], 0, number as u64 + 1, START + 5000 * slot);
        bench.append(&sent).await;
        if number == flush_at {
            bench.history.flush().await.unwrap();
            bench.set_now(START + 2 * HOUR + hours_later * HOUR);
            bench.history.maintain().await;
        }
    }
    bench
}

async fn ask(bench: &Bench, query: &FleetQuery, processes: usize) -> FleetProcesses {
    let (query, limits) = (query.clone(), Limits { processes, ..LIMITS });
    let asked =
        bench.history.inner.reading(move |inner, reading| fleet_processes(inner, reading, &query, limits));
    asked.await.unwrap().0
}

fn query(from_ms: i64, to_ms: i64, by: ProcessOrder, limit: usize) -> FleetQuery {
    FleetQuery { from_ms, to_ms, by, matching: Vec::new(), limit }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn the_fleet_is_the_sum_of_its_hosts(
        slots in proptest::collection::btree_set((0..HOSTS.len(), 0i64..3000), 1..60),
        flush_at in 0usize..60,
        hours_later in 0i64..30,
        from in -100i64..2000,
        length in 1i64..3000,
        by in prop_oneof![Just(ProcessOrder::Cpu), Just(ProcessOrder::Memory), Just(ProcessOrder::Disk)],
        limit in 1usize..12,
        room in 6usize..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = bench(&slots, flush_at, hours_later).await;
            let query = query(START + 5000 * from, START + 5000 * (from + length), by, limit);
            let answer = ask(&bench, &query, 1000).await;
            assert!(answer.complete && answer.from_ms <= query.from_ms && query.to_ms <= answer.to_ms);
            check(&bench, &query, &answer).await;
            // Room is that of one host.
            let of_host = |host: usize| slots.iter().filter(|(of, _)| *of == host).count();
            if (0..HOSTS.len()).all(|host| of_host(host) < room / 2) {
                assert_eq!(ask(&bench, &query, room * 2).await, answer);
            }
        });
    }
}

/// Compares with what is known of each host over the same range.
async fn check(bench: &Bench, query: &FleetQuery, answer: &FleetProcesses) {
    let mut lines = Vec::new();
    let mut totals = ProcessUsage::default();
    let mut hosts = 0;
    for host in HOSTS {
        let found = bench.history.processes_over(ProcessesQuery {
            host_id: host.to_owned(),
            from_ms: answer.from_ms,
            to_ms: answer.to_ms,
            by: query.by,
            group: ProcessGroup::Process,
            limit: usize::MAX,
        });
        let found = found.await.unwrap();
        add_line(&mut totals, &found.totals);
        hosts += usize::from(!found.rows.is_empty() || found.totals.cpu_us().is_some());
        lines.extend(found.rows.into_iter().map(|usage| (host, usage)));
    }
    lines.sort_by(|a, b| greatest_first(query.by, &a.1, &b.1).then_with(|| a.0.cmp(b.0)));
    lines.truncate(query.limit);
    assert_eq!(answer.totals, totals);
    assert_eq!(answer.host_count, hosts);
    assert_eq!(answer.processes.len(), lines.len());
    for (line, (host, expected)) in answer.processes.iter().zip(lines) {
        assert_eq!((&*line.host.id, &*line.host.name), (host, format!("{host}.example").as_str()));
        assert_eq!(line.usage, expected);
    }
    let listed: i64 = answer.processes.iter().filter_map(|line| line.usage.cpu_us()).sum();
    let other = answer.other.cpu_us().unwrap_or_default();
    assert_eq!(answer.totals.cpu_us().unwrap_or_default(), listed + other);
    let of_hosts: i64 = answer.hosts.iter().filter_map(|host| host.usage.cpu_us()).sum();
    assert!(answer.hosts.len() < answer.host_count || answer.totals.cpu_us().unwrap_or_default() == of_hosts);
}

#[tokio::test]
async fn a_search_finds_only_what_is_called_so() {
    let slots = (0..HOSTS.len()).flat_map(|host| (0..30).map(move |slot| (host, slot * 40))).collect();
    let bench = bench(&slots, 80, 1).await;
    let search = |text, wanted| {
        let query = query(START, START + 2 * HOUR, ProcessOrder::Cpu, 1000);
        FleetQuery { matching: vec![(text, wanted)], ..query }
    };
    let whole = query(START, START + 2 * HOUR, ProcessOrder::Cpu, 1000);
    let all = ask(&bench, &whole, 1000).await;
    assert_eq!(ask(&bench, &whole, 20).await, all, "with little room");
    for (text, wanted, holds) in [
        (
            ProcessText::Name,
            TextMatch::exact("p1"),
            (|usage| usage.name == "p1") as fn(&ProcessUsage) -> bool,
        ),
        (ProcessText::Command, TextMatch::containing("/P4 --gen"), |usage| usage.command.contains("/p4 ")),
        (ProcessText::User, TextMatch::containing("VE"), |usage| usage.user == "even"),
        (ProcessText::Name, TextMatch::containing("other"), |_| false),
        (ProcessText::Container, TextMatch::exact("none"), |_| false),
    ] {
        let found = ask(&bench, &search(text, wanted), 1000).await;
        let expected: Vec<_> = all.processes.iter().filter(|line| holds(&line.usage)).cloned().collect();
        assert_eq!(found.processes, expected, "{text:?}");
        assert_eq!(found.other, ProcessUsage::default());
        assert_eq!(found.host_count, if expected.is_empty() { 0 } else { HOSTS.len() });
        let cpu: i64 = expected.iter().filter_map(|line| line.usage.cpu_us()).sum();
        assert_eq!(found.totals.cpu_us().unwrap_or_default(), cpu);
    }
}

/// Ids of the test's own, so that one host alone has more processes than there is room for.
#[tokio::test]
async fn of_a_host_beyond_the_room_the_greatest_stay_and_sums_are_exact() {
    let slots = (0..2).flat_map(|host| (0..200).map(move |slot| (host, slot * 5))).collect();
    let bench = bench(&slots, 300, 1).await;
    let query = query(START, START + 2 * HOUR, ProcessOrder::Cpu, 3);
    let (whole, little) = (ask(&bench, &query, 10_000).await, ask(&bench, &query, 10).await);
    assert!(whole.complete && !little.complete);
    assert_eq!(little.totals, ProcessUsage { processes: little.totals.processes, ..whole.totals.clone() });
    let key = |answer: &FleetProcesses| answer.processes.first().map(|line| line.usage.key);
    assert_eq!(key(&little), key(&whole));
}

#[tokio::test]
async fn too_many_rows_are_refused() {
    let slots = (0..10).map(|slot| (0, slot)).collect();
    let bench = bench(&slots, 9, 0).await;
    let query = query(START, START + MINUTE, ProcessOrder::Cpu, 3);
    let limits = Limits { rows: 5, ..LIMITS };
    let asked =
        bench.history.inner.reading(move |inner, reading| fleet_processes(inner, reading, &query, limits));
    let error = asked.await.unwrap_err();
    assert!(matches!(error, HistoryError::TooManyRows { most: 5, .. }) && error.is_callers_mistake());
}

#[tokio::test]
async fn nobody_waiting_ends_it() {
    let slots = (0..10).map(|slot| (0, slot)).collect();
    let bench = bench(&slots, 9, 0).await;
    let inner = Arc::clone(&bench.history.inner);
    let asked = bench.history.inner.blocking(move || {
        let reading = Arc::default();
        drop(CancelOnDrop(Arc::clone(&reading)));
        fleet_processes(&inner, &reading, &query(START, START + HOUR, ProcessOrder::Cpu, 3), LIMITS)
    });
    assert!(matches!(asked.await, Err(HistoryError::Cancelled)));
}

#[test]
fn long_ranges_are_widened_to_minutes_and_read_by_the_hour() {
    let (minute, hour) = (Level::Minute, Level::Hour);
    assert_eq!(spans(7, 7 + MINUTE), [(Level::Raw, 7..7 + MINUTE)]);
    assert_eq!(spans(MINUTE + 7, 31 * MINUTE + 7), [(minute, MINUTE..32 * MINUTE)]);
    let around = spans(HOUR - 1, 3 * HOUR + 1);
    let expected =
        [(minute, HOUR - MINUTE..HOUR), (hour, HOUR..3 * HOUR), (minute, 3 * HOUR..3 * HOUR + MINUTE)];
    assert_eq!(around, expected);
    assert_eq!(spans(HOUR, 4 * HOUR), [(hour, HOUR..4 * HOUR)]);
    assert_eq!(spans(HOUR - 1, 25 * HOUR - 1), [(hour, 0..25 * HOUR)]);
    let days =
        [(hour, 23 * HOUR..24 * HOUR), (Level::Day, 24 * HOUR..72 * HOUR), (hour, 72 * HOUR..73 * HOUR)];
    assert_eq!(spans(24 * HOUR - 1, 72 * HOUR + 1), days);
}
