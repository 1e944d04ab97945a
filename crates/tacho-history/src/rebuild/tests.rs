use std::sync::atomic::Ordering;

use tacho_catalog::{Catalog, FOUND_AGENT, StreamKey};
use tacho_model::tables::{disk, host, process};
use tacho_model::{HostKey, Table};

use super::*;
use crate::Aggregate;
use crate::query::SeriesQuery;
use crate::rollup::tests::{assert_equal, recomputed, rolled};
use crate::testing::{Bench, HOUR, MINUTE, START, Sent, frame_at, lines};

/// The catalog is gone; what it knew of files is read from them.
async fn lose_catalog(bench: &mut Bench) -> RebuildReport {
    bench.faults.none();
    bench.history.inner.catalog.close().await;
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(bench.root.path().join(format!("catalog{suffix}"))).ok();
    }
    let catalog = Catalog::open(&bench.root.path().join("catalog")).await.unwrap();
    let report = rebuild_catalog(&bench.config.directory, &catalog, START).await.unwrap();
    catalog.close().await;
    bench.restart().await;
    report
}

/// A frame of a stream that files alone tell of.
fn found(sent: &Sent) -> Sent {
    let stream = StreamKey { agent_id: FOUND_AGENT.into(), ..sent.stream };
    Sent { stream, ..sent.clone() }
}

/// In two hours of one part of a day, 4 to 8 o'clock.
fn some_frames() -> Vec<Sent> {
    let hour = |i: u64| START + (1 + i % 2) as i64 * HOUR;
    let frame = |i: u64| frame_at(["a", "b"][i as usize % 2], 0, i, hour(i) + i as i64 * 5_000);
    (1..=18).map(frame).collect()
}

async fn send(bench: &Bench, frames: &[Sent]) {
    for (i, frame) in frames.iter().enumerate() {
        bench.append(frame).await;
        if i % 6 == 5 {
            bench.history.flush().await.ok();
        }
    }
    bench.history.flush().await.ok();
}

#[tokio::test]
async fn a_lost_catalog_is_rebuilt_wherever_the_server_was_killed() {
    let frames = some_frames();
    let mut ended = false;
    // Each number of steps is another moment; the many of them are sampled.
    for steps in (3..).step_by(61) {
        let mut bench = Bench::new().await;
        send(&bench, &frames[..12]).await;
        // The part of the day is over, the day is not.
        bench.set_now(START + 6 * HOUR);
        bench.faults.kill_after(steps);
        bench.history.maintain().await;
        send(&bench, &frames[12..]).await;
        bench.set_now(START + 30 * HOUR);
        bench.history.maintain().await;
        bench.set_now(START + 31 * HOUR);
        bench.history.maintain().await;
        ended = bench.faults.steps_left.load(Ordering::Relaxed) > 0;
        // A file that was being written does not have its name yet.
        let report = lose_catalog(&mut bench).await;
        assert_eq!(report.damaged.len(), 0, "after {steps} steps: {report:?}");

        // Agents send everything again: what the marks say is stored is not stored twice. Who they are was lost.
        let again: Vec<_> = frames.iter().map(found).collect();
        send(&bench, &again).await;
        for hour in [80, 130] {
            bench.set_now(START + hour * HOUR);
            bench.history.maintain().await;
        }
        for name in ["a", "b"] {
            let expected = frames.iter().filter(|frame| &*frame.host.id == name).count();
            assert_eq!(
                lines(&bench.history, name, &host::TABLE).await.len(),
                expected,
                "after {steps} steps"
            );
            for table in [&disk::TABLE, &process::TABLE] {
                for level in Level::ROLLUPS {
                    let spec = spec(table).unwrap();
                    let found = rolled(&bench.history, name, spec, level).await;
                    let what = format!("{} {level:?} after {steps} steps", table.name);
                    assert_equal(&found, &recomputed(&frames, name, spec, level), &what);
                }
            }
        }
        if ended {
            break;
        }
    }
    assert!(ended);
}

#[tokio::test]
async fn hosts_are_known_again_by_rows_and_by_rollups() {
    let mut bench = Bench::new().await;
    let named = |sent: Sent, name: &str| {
        let host = HostKey { id: sent.host.id.clone(), name: name.into() };
        Sent { host, ..sent }
    };
    // One is silent since its rows were rolled up, the other was renamed meanwhile.
    bench.append(&named(frame_at("a", 0, 1, START + 5 * MINUTE), "alpha")).await;
    bench.append(&named(frame_at("b", 0, 1, START + 6 * MINUTE), "old")).await;
    bench.history.flush().await.unwrap();
    bench.set_now(START + 2 * HOUR);
    bench.history.maintain().await;
    bench.append(&named(frame_at("b", 0, 2, START + 2 * HOUR), "new")).await;
    bench.history.flush().await.unwrap();
    assert_eq!(lose_catalog(&mut bench).await.hosts, 2);
    let hosts = bench.history.inner.catalog.hosts().await.unwrap();
    let told = hosts.iter().map(|host| (&*host.key.id, &*host.key.name, host.created_ms, host.last_seen_ms));
    let (first, second) = (START + 5 * MINUTE, START + 6 * MINUTE);
    let expected = [("a", "alpha", first, Some(first)), ("b", "new", second, Some(START + 2 * HOUR))];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn where_there_are_no_rollups_of_ten_minutes_those_of_a_minute_answer() {
    let mut bench = Bench::new().await;
    let frame = |sequence: u64| frame_at("a", 0, sequence, START + sequence as i64 * 7 * MINUTE);
    for sequence in 1..=20 {
        bench.append(&frame(sequence)).await;
    }
    bench.history.flush().await.unwrap();
    bench.set_now(START + 4 * HOUR);
    bench.history.maintain().await;
    let sums = async |bench: &Bench, hours: i64| {
        let query = SeriesQuery {
            host_id: "a".into(),
            table: &disk::TABLE,
            columns: vec!["reads".into()],
            entity: None,
            from_ms: START,
            to_ms: START + hours * HOUR,
            points: usize::try_from(hours * 6).unwrap(),
            aggregate: Aggregate::Sum,
        };
        let (series, report) = bench.history.series_with_report(query).await.unwrap();
        let levels: Vec<_> = report.levels.iter().map(|(level, ..)| *level).collect();
        (series[0].columns[0].1.clone(), levels)
    };
    let (before, levels) = sums(&bench, 3).await;
    assert_eq!(levels, [Level::TenMinutes]);
    // As an earlier version left it.
    for path in bench
        .on_disk()
        .iter()
        .filter(|path| ["_10m/", "_1d/"].iter().any(|of| path.to_string_lossy().contains(of)))
    {
        std::fs::remove_file(bench.config.directory.join(path)).unwrap();
    }
    let report = lose_catalog(&mut bench).await;
    assert_eq!((report.incomplete, report.superseded), (0, 0), "{report:?}");
    assert_eq!(sums(&bench, 3).await, (before.clone(), vec![Level::Minute]));
    for sequence in 30..=35 {
        bench.append(&frame(sequence)).await;
    }
    bench.history.flush().await.unwrap();
    bench.set_now(START + 9 * HOUR);
    bench.history.maintain().await;
    let (after, levels) = sums(&bench, 5).await;
    assert_eq!(after[..before.len()], before);
    assert_eq!(levels, [Level::Minute, Level::TenMinutes]);
}

/// How many rows of a table there are of both hosts.
async fn rows(bench: &Bench, table: &'static Table) -> usize {
    lines(&bench.history, "a", table).await.len() + lines(&bench.history, "b", table).await.len()
}

#[tokio::test]
async fn files_that_cannot_be_read_are_set_aside_and_cost_only_themselves() {
    // The file of table `host` also says which files belong to its flush, and which frames are in them.
    for (damaged, other, is_last) in [
        (&disk::TABLE, &host::TABLE, false),
        (&disk::TABLE, &host::TABLE, true),
        (&host::TABLE, &disk::TABLE, true),
    ] {
        let mut bench = Bench::new().await;
        send(&bench, &some_frames()).await;
        let (before, others) = (rows(&bench, damaged).await, rows(&bench, other).await);
        let mut of_table: Vec<_> =
            bench.on_disk().into_iter().filter(|path| path.starts_with(damaged.name)).collect();
        of_table.sort_by_key(|path| path.file_stem().map(ToOwned::to_owned));
        let victim = if is_last { of_table.last() } else { of_table.first() }.unwrap();
        std::fs::write(bench.config.directory.join(victim), "not Parquet").unwrap();
        let report = lose_catalog(&mut bench).await;
        assert_eq!(report.damaged, [victim.with_extension("damaged")]);
        assert_eq!(rows(&bench, other).await, others, "without {}", victim.display());
        let left = rows(&bench, damaged).await;
        assert!(0 < left && left < before, "{left} of {before}");
        assert_eq!((report.files, report.incomplete), (bench.history.stats().files, 0));
        assert_eq!(report.streams, 2);
    }
}

#[test]
fn a_merge_whose_last_file_is_damaged_keeps_the_others() {
    let of = |id: &str, notes: Notes| Found {
        record: FileRecord { id: id.to_owned(), ..file_record() },
        notes: Notes { replaces: vec!["1".to_owned(), "2".to_owned()], ..notes },
    };
    let first = || of("3", Notes { more: true, ..Notes::default() });
    let whole = || of("4", Notes { with: vec!["3".to_owned()], ..Notes::default() });
    let input =
        || Found { record: FileRecord { id: "1".to_owned(), ..file_record() }, notes: Notes::default() };
    let gone = |found: Vec<Found>| incomplete(&found, &[]).len();
    assert_eq!(gone(vec![first(), whole()]), 0);
    // Both inputs were removed, or one of them: that is done after the commit only.
    assert_eq!(gone(vec![first()]), 0);
    assert_eq!(gone(vec![first(), input()]), 0);
    let another =
        Found { record: FileRecord { id: "2".to_owned(), ..file_record() }, notes: Notes::default() };
    assert_eq!(gone(vec![first(), input(), another]), 1, "it was not committed");
}

fn file_record() -> FileRecord {
    FileRecord {
        id: String::new(),
        table: "host".to_owned(),
        path: PathBuf::new(),
        level: 1,
        host_min: String::new(),
        host_max: String::new(),
        time_min_ms: 0,
        time_max_ms: 0,
        rows: 0,
        bytes: 0,
        checksum: 0,
        written_ms: 0,
        rolled: false,
    }
}
