use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tacho_model::tables::{disk, filesystem, host, process};

use crate::rollup::Level;
use crate::testing::{Bench, HOUR, MINUTE, START, count, frame_at};
use crate::{Aggregate, SeriesQuery, TableRetention};

/// Where nobody asks for others, they would only be more files.
const ASKED_FOR: [u8; 2] = [host::TABLE.id, process::TABLE.id];
const ALL: [u8; 4] = [host::TABLE.id, process::TABLE.id, disk::TABLE.id, filesystem::TABLE.id];

/// Sends two snapshots an hour of some tables for so many hours, housekeeping included.
async fn run(bench: &Bench, hours: i64, tables: &[u8]) {
    let begin = bench.now_ms.load(Ordering::Relaxed);
    for hour in 1..=hours {
        for time_ms in [begin + hour * HOUR - 30 * MINUTE, begin + hour * HOUR - MINUTE] {
            let mut sent = frame_at("a", 0, (time_ms / MINUTE) as u64, time_ms);
            Arc::make_mut(&mut sent.snapshot).blocks.retain(|block| tables.contains(&block.table().id));
            bench.append(&sent).await;
        }
        bench.set_now(begin + hour * HOUR);
        bench.history.flush().await.unwrap();
        if hour % 3 == 0 {
            bench.history.maintain().await;
        }
    }
}

#[tokio::test]
async fn what_is_kept_is_reported_by_table_level_and_day() {
    let bench = Bench::new().await;
    run(&bench, 48, &ASKED_FOR).await;
    let (report, stats) = (bench.history.storage(), bench.history.stats());
    assert_eq!(
        (report.files, report.rows, report.bytes),
        (stats.files, stats.rows_on_disk, stats.bytes_on_disk)
    );
    let of =
        |level| report.tables.iter().find(|table| table.table == "host" && table.level == level).unwrap();
    let (raw, hours) = (of(Level::Raw), of(Level::Hour));
    assert_eq!(raw.rows, 96);
    assert_eq!((raw.oldest_ms, raw.newest_ms), (START + 30 * MINUTE, START + 48 * HOUR - MINUTE));
    assert_eq!(raw.days.iter().map(|day| day.rows).collect::<Vec<_>>(), [42, 48, 6]);
    assert_eq!(raw.keep_ms, 14 * 24 * HOUR);
    assert_eq!(raw.bytes_per_day, Some(raw.days[1].bytes), "the only day that is complete");
    assert_eq!(raw.projected_bytes, Some(14 * raw.days[1].bytes));
    assert!(hours.rows <= 48 && hours.keep_ms == 730 * 24 * HOUR, "{hours:?}");
    assert!(report.projected_bytes.unwrap() > 14 * raw.days[1].bytes);
}

#[tokio::test]
async fn each_level_is_kept_as_long_as_it_is_told_and_answers_when_the_finer_is_gone() {
    let bench = Bench::with(|config| {
        config.retention = Duration::from_secs(24 * 3600);
        config.retention_1m = Duration::from_secs(2 * 24 * 3600);
        config.retention_10m = Duration::from_secs(60 * 3600);
        let parse = |text| TableRetention::parse(text, |_| Ok(Duration::from_secs(6 * 3600))).unwrap();
        config.retention_of = vec![parse("process=6h"), parse("process_1m = 6h")];
    })
    .await;
    run(&bench, 99, &ASKED_FOR).await;
    let report = bench.history.storage();
    let age_h = |table: &str, level| {
        let found =
            report.tables.iter().find(|storage| storage.table == table && storage.level == level).unwrap();
        (START + 99 * HOUR - found.oldest_ms) / HOUR
    };
    // A file of a day goes when its last row does.
    assert!((24..=48).contains(&age_h("host", Level::Raw)), "{}", age_h("host", Level::Raw));
    assert!((48..=72).contains(&age_h("host", Level::Minute)));
    assert!((60..=84).contains(&age_h("host", Level::TenMinutes)));
    assert!(age_h("host", Level::Hour) >= 98 && age_h("process", Level::Hour) >= 98);
    assert!((5..=30).contains(&age_h("process", Level::Raw)));

    let query = SeriesQuery {
        host_id: "a".into(),
        table: &tacho_model::tables::host::TABLE,
        columns: vec!["cpu_user_us".into()],
        entity: None,
        from_ms: START,
        to_ms: START + 99 * HOUR + 1,
        points: 1,
        aggregate: Aggregate::Sum,
    };
    let (series, report) = bench.history.series_with_report(query.clone()).await.unwrap();
    let expected: i64 = (1..=99)
        .flat_map(|hour| [START + hour * HOUR - 30 * MINUTE, START + hour * HOUR - MINUTE])
        .map(|time| 1_000_000 + time / MINUTE)
        .sum();
    assert_eq!(series[0].columns[0].1, [Some(expected as f64)], "{report:?}");
    // Asked in detail, each part is answered at the finest level that is left.
    let (_, report) =
        bench.history.series_with_report(SeriesQuery { points: 10_000, ..query }).await.unwrap();
    let levels: Vec<_> = report.levels.iter().map(|(level, ..)| *level).collect();
    assert_eq!(levels, [Level::Hour, Level::TenMinutes, Level::Minute, Level::Raw]);
    let old = bench.history.processes_at("a", START + 30 * HOUR - MINUTE, &[]).await.unwrap();
    assert!(!old.processes.is_empty() && old.host.is_some());
    assert_eq!(old.processes.iter().find(|row| row.identity.key.pid == 1).unwrap().identity.name, "p1");
}

#[tokio::test]
async fn a_limit_of_bytes_is_kept_by_removing_the_oldest_raw_rows() {
    let unlimited = Bench::new().await;
    run(&unlimited, 21, &ALL).await;
    let all = unlimited.history.storage();
    let limit = all.bytes * 19 / 20;
    let bench = Bench::with(|config| config.limit_bytes = Some(limit)).await;
    run(&bench, 21, &ALL).await;
    let report = bench.history.storage();
    assert!(
        report.bytes <= limit && report.bytes as f64 >= 0.95 * limit as f64,
        "{} of {limit}",
        report.bytes
    );
    assert!(count(&bench.history, "a").await < 42);
    let oldest = |level| {
        let of_host = |table: &&crate::TableStorage| table.table == "host" && table.level == level;
        report.tables.iter().find(of_host).map_or(i64::MAX, |table| table.oldest_ms)
    };
    assert!(oldest(Level::Raw) > oldest(Level::Hour), "{:?}", Level::ALL.map(oldest));
    assert_eq!(report.limit_bytes, Some(limit));
    assert!(report.projected_bytes.unwrap() <= limit);
}
