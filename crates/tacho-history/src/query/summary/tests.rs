//! Figures against the frames that were sent.

use tacho_model::tables::event;
use tacho_model::{Block, Snapshot};

use super::*;
use crate::query::{Extreme, Figure};
use crate::testing::{Bench, HOUR, MINUTE, START, frame_at};
use crate::time::DAY_MS;

fn query(from_ms: i64, to_ms: i64) -> SummaryQuery {
    SummaryQuery { host_id: "alpha".to_owned(), from_ms, to_ms, processes: 2, events: 3 }
}

fn figure(figures: &Figures, name: &str) -> Figure {
    figures.columns.iter().find(|(column, _)| *column == name).unwrap().1
}

fn near(left: Option<f64>, right: f64) -> bool {
    left.is_some_and(|left| (left - right).abs() < 1e-6 * right.abs().max(1.0))
}

#[tokio::test]
async fn figures_are_those_of_the_rows() {
    let bench = Bench::new().await;
    for sequence in 2..100u64 {
        bench.append(&frame_at("alpha", 0, sequence, START + 5000 * sequence as i64)).await;
        if sequence == 60 {
            bench.history.flush().await.unwrap();
        }
    }
    // Rows 10 to 89.
    let (summary, report) = bench.history.summary(query(START + 50_000, START + 450_000)).await.unwrap();
    let host = summary.host.unwrap();
    let load = figure(&host, "load1");
    assert!(near(load.average, (10..90).sum::<i64>() as f64 / 8.0 / 80.0), "{load:?}");
    assert_eq!(load.max, Some(Extreme { value: 89.0 / 8.0, time_ms: START + 445_000, within_ms: 0 }));
    assert_eq!(load.min, Some(Extreme { value: 10.0 / 8.0, time_ms: START + 50_000, within_ms: 0 }));
    assert_eq!(load.sum, None, "a gauge does not add up");
    assert_eq!(figure(&host, "swap_used_bytes"), Figure::default(), "absent, not 0");
    let busy = figure(&host, "cpu_used_ratio").average;
    let expected = (10..90).map(|seed| 1.0 - (8_500_000 - seed) as f64 / 10_000_000.0).sum::<f64>() / 80.0;
    assert!(near(busy, expected), "{busy:?} {expected}");
    let devices: Vec<_> = summary.disks.iter().map(|disk| disk.entity.concat()).collect();
    assert_eq!(devices, ["sda", "sdb"]);
    let read = figure(&summary.disks[0], "read_bytes");
    assert_eq!(read.sum, Some((10..90).map(|seed| 512 * (seed % 13)).sum::<i64>() as f64));
    // The first of the greatest.
    let greatest = Extreme { value: 512.0 * 12.0, time_ms: START + 5000 * 12, within_ms: 0 };
    assert_eq!(read.max, Some(greatest));
    assert_eq!(summary.filesystems.len(), 1);
    assert!(summary.interfaces.is_empty() && summary.events.newest.is_empty());
    let (by, most) = &summary.processes[0];
    assert_eq!((*by, most.len()), (ProcessOrder::Cpu, 2));
    assert!(most[0].cpu_us() > most[1].cpu_us());
    let (by, none) = &summary.processes[3];
    assert_eq!((*by, none.len()), (ProcessOrder::Network, 0), "nobody used the network");
    assert!(summary.totals.cpu_us() > most[0].cpu_us());
    assert!(report.files > 0 && report.rows_read > 0);
}

#[tokio::test]
async fn of_long_ranges_extremes_are_told_by_the_minute() {
    let bench = Bench::new().await;
    for number in 1..200u64 {
        bench.append(&frame_at("alpha", 0, number, START + MINUTE / 3 * number as i64)).await;
    }
    bench.history.flush().await.unwrap();
    bench.set_now(START + 5 * HOUR);
    bench.history.maintain().await;
    let (exact, _) = bench.history.summary(query(START, START + 2 * HOUR)).await.unwrap();
    let (rolled, report) = bench.history.summary(query(START, START + DAY_MS)).await.unwrap();
    assert!(report.levels.iter().any(|(level, ..)| *level != crate::Level::Raw), "{:?}", report.levels);
    let (exact, rolled) = (exact.host.unwrap(), rolled.host.unwrap());
    for name in ["load1", "cpu_used_ratio", "disk_read_bytes"] {
        let (exact, rolled) = (figure(&exact, name), figure(&rolled, name));
        assert_eq!(exact.average.is_some(), rolled.average.is_some(), "{name}");
        let Some((exact, rolled)) = exact.max.zip(rolled.max) else { continue };
        assert!(near(Some(exact.value), rolled.value), "{name} {exact:?} {rolled:?}");
        assert_eq!(rolled.time_ms, exact.time_ms.div_euclid(MINUTE) * MINUTE, "{name}");
        assert_eq!(rolled.within_ms, MINUTE);
    }
}

#[tokio::test]
async fn the_newest_events_are_told_and_all_counted() {
    let bench = Bench::new().await;
    for sequence in 1..8u64 {
        let mut sent = frame_at("alpha", 0, sequence, START + 5000 * sequence as i64);
        let mut block = Block::new(&event::TABLE);
        let kind = if sequence % 2 == 0 { "login" } else { "oom_kill" };
        block
            .push()
            .text(event::KIND, kind)
            .text(event::SUBJECT, &format!("s{sequence}"))
            .integer(event::PID, 7);
        let old = &sent.snapshot;
        let blocks = old.blocks.iter().cloned().chain([block]).collect();
        sent.snapshot = Arc::new(Snapshot { time_ms: old.time_ms, blocks, processes: old.processes.clone() });
        bench.append(&sent).await;
        if sequence == 5 {
            bench.history.flush().await.unwrap();
        }
    }
    let (summary, _) = bench.history.summary(query(START, START + MINUTE)).await.unwrap();
    let subjects: Vec<_> = summary.events.newest.iter().map(|event| event.subject.as_str()).collect();
    assert_eq!(subjects, ["s5", "s6", "s7"]);
    assert_eq!(summary.events.newest[0].kind, "oom_kill");
    assert_eq!(summary.events.newest[0].pid, Some(7));
    let counts: Vec<_> = summary.events.counts.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(counts, [("login", 3), ("oom_kill", 4)]);
}

#[tokio::test]
async fn a_host_without_rows_has_no_figures() {
    let bench = Bench::new().await;
    let (summary, _) = bench.history.summary(query(START, START + MINUTE)).await.unwrap();
    assert_eq!((summary.host, summary.disks.len(), summary.totals), (None, 0, ProcessUsage::default()));
}

#[tokio::test]
async fn of_too_many_processes_the_greatest_stay_and_sums_are_exact() {
    let bench = Bench::new().await;
    for number in 1..400u64 {
        bench.append(&frame_at("alpha", 0, number, START + 5000 * number as i64)).await;
        if number % 100 == 0 {
            bench.history.flush().await.unwrap();
        }
    }
    let ask = async |most: usize| {
        let query = SummaryQuery { processes: 1000, ..query(START, START + HOUR) };
        let asked = bench.history.inner.reading(move |inner, reading| summary(inner, reading, &query, most));
        asked.await.unwrap().0
    };
    let (whole, bounded) = (ask(usize::MAX).await, ask(32).await);
    assert_eq!(bounded.totals.cpu_us(), whole.totals.cpu_us());
    let lines = |summary: &Summary| summary.processes[0].1.len();
    assert!(lines(&whole) > 80 && lines(&bounded) <= 32, "{} {}", lines(&whole), lines(&bounded));
    for ((by, exact), (_, kept)) in whole.processes.iter().zip(&bounded.processes) {
        let who = |lines: &[ProcessUsage]| {
            lines.first().map(|line| (line.key, line.name.clone(), line.command.clone(), line.user.clone()))
        };
        assert_eq!(who(exact), who(kept), "{by:?}");
    }
}
