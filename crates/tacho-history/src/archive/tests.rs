//! An export that is taken in elsewhere is the same history there, once.

use std::io::{Seek, Write as _};
use std::ops::Range;
use std::time::Duration;

use proptest::prelude::*;
use tacho_model::tables::{self, disk, process};

use super::Imported;
use crate::directory::Step;
use crate::query::SeriesQuery;
use crate::rollup::tests::{assert_equal, recomputed, rolled};
use crate::rollup::{Level, spec};
use crate::testing::{Bench, HOUR, START, Sent, bytes, frame_at, lines};
use crate::{Aggregate, HistoryError};

const ALL: Range<i64> = START - HOUR..START + 100 * HOUR;

async fn export(bench: &Bench, host: &str, range: Range<i64>) -> Vec<u8> {
    let catalog = &bench.history.inner.catalog;
    catalog.host_for_join(&format!("{host}.example"), host.as_bytes(), host, START).await.unwrap();
    bytes(bench.history.export(host, range).await.unwrap().unwrap()).await.unwrap()
}

async fn import(bench: &Bench, archive: &[u8]) -> Result<Imported, HistoryError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(archive).unwrap();
    file.rewind().unwrap();
    bench.history.import(file).await
}

/// Frames of two hosts, so many minutes after the start.
fn frames(minutes: &[i64]) -> Vec<Sent> {
    let frame = |(i, minute): (usize, &i64)| {
        frame_at(["a", "b"][i % 2], 0, i as u64 + 1, START + minute * 60_000 + i as i64 * 10)
    };
    minutes.iter().enumerate().map(frame).collect()
}

async fn send(bench: &Bench, frames: &[Sent]) {
    for frame in frames {
        bench.append(frame).await;
    }
}

async fn all_lines(bench: &Bench, host: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for table in tables::ALL {
        all.push(lines(&bench.history, host, table).await);
    }
    all
}

/// Once all is rolled up.
async fn assert_rolled(bench: &Bench, frames: &[Sent], host: &str, levels: &[Level]) {
    for hour in [80, 130] {
        bench.set_now(START + hour * HOUR);
        bench.history.maintain().await;
    }
    for table in [&disk::TABLE, &process::TABLE] {
        for level in levels {
            let spec = spec(table).unwrap();
            let found = rolled(&bench.history, host, spec, *level).await;
            assert_equal(&found, &recomputed(frames, host, spec, *level), table.name);
        }
    }
}

#[tokio::test]
async fn a_history_is_the_same_where_it_is_taken_in_and_stays_it() {
    let here = Bench::new().await;
    let frames = frames(&(0..90).map(|i| i * 2).collect::<Vec<_>>());
    send(&here, &frames[..40]).await;
    here.history.flush().await.unwrap();
    // The first hour is rolled up, the next one is in files, the last one in memory.
    here.set_now(START + 2 * HOUR);
    here.history.maintain().await;
    send(&here, &frames[40..70]).await;
    here.history.flush().await.unwrap();
    send(&here, &frames[70..]).await;
    let archive = export(&here, "a", ALL).await;

    let there = Bench::new().await;
    let done = import(&there, &archive).await.unwrap();
    assert!(done.is_new && done.rows > 0 && done.known_rows == 0, "{done:?}");
    assert_eq!(&*done.host.name, "a.example");
    assert_eq!(all_lines(&there, "a").await, all_lines(&here, "a").await);
    assert!(lines(&there.history, "b", &disk::TABLE).await.is_empty());
    let files = there.on_disk();
    for bench in [&there, &here] {
        let again = import(bench, &archive).await.unwrap();
        assert_eq!((again.is_new, again.rows, again.known_rows), (false, 0, done.rows));
    }
    assert_eq!(there.on_disk(), files);
    assert_rolled(&there, &frames, "a", &Level::ROLLUPS).await;
    let again = import(&there, &archive).await.unwrap();
    assert_eq!((again.rows, again.known_rows), (0, done.rows), "rolled up and merged");
}

#[tokio::test]
async fn what_is_known_by_rollups_only_comes_as_rollups() {
    let here = Bench::with(|config| config.retention = Duration::from_secs(2 * 3600)).await;
    let frames = frames(&[1, 2, 3, 4, 5, 6, 301, 302, 303, 304]);
    for (hour, frames) in [(0, &frames[..6]), (5, &frames[6..])] {
        here.set_now(START + hour * HOUR);
        send(&here, frames).await;
        here.history.flush().await.unwrap();
    }
    here.set_now(START + 6 * HOUR - 1);
    here.history.maintain().await;
    let with_rows = export(&here, "a", ALL).await;
    here.set_now(START + 7 * HOUR);
    here.history.maintain().await;
    assert_eq!(lines(&here.history, "a", &disk::TABLE).await.len(), 4, "those of the first hour are gone");
    let archive = export(&here, "a", ALL).await;

    let there = Bench::new().await;
    import(&there, &archive).await.unwrap();
    assert_eq!(all_lines(&there, "a").await, all_lines(&here, "a").await);
    let again = import(&there, &archive).await.unwrap();
    assert_eq!(again.rows, 0);
    // What retention took does not come back, nor is it counted twice.
    assert_eq!(import(&here, &with_rows).await.unwrap().rows, 0);
    assert_eq!(import(&there, &with_rows).await.unwrap().rows, 0);
    assert_rolled(&there, &frames, "a", &[Level::Minute, Level::TenMinutes, Level::Hour]).await;
    // An archive has no days: hours tell of them.
    let sum = async |bench: &Bench| {
        let query = SeriesQuery {
            host_id: "a".into(),
            table: &disk::TABLE,
            columns: vec!["reads".into()],
            entity: None,
            from_ms: START - 30 * HOUR,
            to_ms: START + 60 * HOUR,
            points: 1,
            aggregate: Aggregate::Sum,
        };
        bench.history.series(query).await.unwrap().remove(0).columns
    };
    here.set_now(START + 130 * HOUR);
    here.history.maintain().await;
    assert_eq!(sum(&there).await, sum(&here).await);
}

#[tokio::test]
async fn a_range_is_widened_to_hours_and_ranges_may_overlap() {
    let here = Bench::new().await;
    let frames = frames(&(0..60).map(|i| i * 5).collect::<Vec<_>>());
    send(&here, &frames).await;
    let there = Bench::new().await;
    let minute = HOUR / 60;
    for range in [START + 70 * minute..START + 75 * minute, START..START + 2 * HOUR, ALL] {
        let hours = range.start.div_euclid(HOUR)..(range.end - 1).div_euclid(HOUR) + 1;
        let archive = export(&here, "a", range).await;
        let done = import(&there, &archive).await.unwrap();
        assert_eq!((done.from_ms, done.to_ms), (hours.start * HOUR, hours.end * HOUR));
    }
    assert_eq!(all_lines(&there, "a").await, all_lines(&here, "a").await);
    assert_rolled(&there, &frames, "a", &Level::ROLLUPS).await;
    for empty in [START..START, i64::MIN..START, START..i64::MAX] {
        assert!(matches!(
            here.history.export("a", empty).await.map(|_| ()),
            Err(HistoryError::EmptyRange { .. })
        ));
    }
    assert!(here.history.export("nobody", ALL).await.unwrap().is_none());
}

async fn assert_nothing(bench: &Bench, what: &str) {
    assert!(bench.on_disk().is_empty(), "{what}: {:?}", bench.on_disk());
    assert_eq!(bench.history.inner.catalog.hosts().await.unwrap(), [], "{what}");
    assert_eq!(bench.history.stats().files, 0, "{what}");
}

#[tokio::test]
async fn a_damaged_archive_changes_nothing() {
    let here = Bench::new().await;
    send(&here, &frames(&[1, 2, 3, 4])).await;
    let archive = export(&here, "a", ALL).await;
    let manifest = archive.windows(13).position(|window| window == b"manifest.json").unwrap();
    let there = Bench::new().await;
    for cut in (0..=manifest + 600).step_by(manifest / 20) {
        let error = import(&there, &archive[..cut]).await.unwrap_err();
        assert!(matches!(error, HistoryError::Archive { .. }), "{error}");
        assert_nothing(&there, &format!("cut at {cut}")).await;
    }
    let expected = all_lines(&here, "a").await;
    for at in (0..archive.len()).step_by(archive.len() / 40) {
        let mut damaged = archive.clone();
        damaged[at] ^= 0x10;
        let there = Bench::new().await;
        match import(&there, &damaged).await {
            // What is between the entries means nothing.
            Ok(_) => assert_eq!(all_lines(&there, "a").await, expected, "{at}"),
            Err(error) => {
                assert!(matches!(error, HistoryError::Archive { .. }), "{error}");
                assert_nothing(&there, &format!("flipped at {at}")).await;
            }
        }
    }
    assert!(import(&there, b"not an archive").await.is_err());
}

#[tokio::test]
async fn an_import_that_fails_or_is_killed_leaves_nothing_or_all() {
    let here = Bench::new().await;
    send(&here, &frames(&[1, 2, 70, 71])).await;
    let archive = export(&here, "a", ALL).await;
    let expected = all_lines(&here, "a").await;
    let mut there = Bench::new().await;
    for step in [Step::Create, Step::Write, Step::SyncFile, Step::SyncDirectory] {
        *there.faults.full.lock().unwrap() = Some(step);
        import(&there, &archive).await.unwrap_err();
        there.faults.none();
        assert_nothing(&there, &format!("{step:?}")).await;
    }
    for steps in (0..).step_by(7) {
        there.faults.kill_after(steps);
        let done = import(&there, &archive).await;
        there.restart().await;
        match done {
            Err(_) => assert_nothing(&there, &format!("killed after {steps}")).await,
            Ok(_) => break,
        }
    }
    assert_eq!(all_lines(&there, "a").await, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was flushed, merged and rolled up in between, here and there.
    #[test]
    fn rows_come_over_once(
        minutes in proptest::collection::vec(0i64..300, 4..30),
        flushes in proptest::collection::vec(any::<bool>(), 30),
        exports in proptest::collection::vec((0usize..30, 0i64..5, 1i64..5, any::<bool>()), 1..4),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (here, there) = (Bench::new().await, Bench::new().await);
            let frames = frames(&minutes);
            for (i, frame) in frames.iter().enumerate() {
                here.append(frame).await;
                if flushes[i] {
                    here.history.flush().await.unwrap();
                }
                for (_, from, hours, maintains) in exports.iter().filter(|(at, ..)| *at == i) {
                    if *maintains {
                        here.set_now(START + 6 * HOUR);
                        here.history.maintain().await;
                        there.set_now(START + 6 * HOUR);
                        there.history.maintain().await;
                    }
                    let from_ms = START + from * HOUR;
                    let archive = export(&here, "a", from_ms..from_ms + hours * HOUR).await;
                    import(&there, &archive).await.unwrap();
                }
            }
            let archive = export(&here, "a", ALL).await;
            import(&there, &archive).await.unwrap();
            assert_eq!(all_lines(&there, "a").await, all_lines(&here, "a").await);
            assert_rolled(&there, &frames, "a", &Level::ROLLUPS).await;
        });
    }
}
