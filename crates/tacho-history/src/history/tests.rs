//! Exactly once, whatever fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::FutureExt;
use tacho_model::SequenceSet;
use tacho_model::tables::{self, disk, host, process};
use tokio_util::sync::CancellationToken;

use crate::directory::Step;
use crate::testing::{Bench, HOUR, MINUTE, START, count, frame, frame_at, lines};
use crate::{Appended, HistoryConfig};

#[tokio::test]
async fn rows_are_seen_once_before_during_and_after_a_flush() {
    let bench = Bench::new().await;
    for sequence in 1..=3 {
        assert_eq!(bench.append(&frame("a", sequence)).await, Appended::Stored);
    }
    let before = lines(&bench.history, "a", &process::TABLE).await;
    assert!(before.len() > 9, "{before:?}");
    // The moment between freezing the head and the commit.
    let frozen = bench.history.inner.state().freeze();
    bench.append(&frame("a", 4)).await;
    assert_eq!(count(&bench.history, "a").await, 4);
    assert_eq!(bench.append(&frame("a", 2)).await, Appended::Duplicate, "it is in the flush under way");
    drop(frozen);
    bench.history.inner.state().unfreeze();

    let mut commits = bench.history.commits();
    assert_eq!(bench.history.stored(&frame("a", 1).stream).await.unwrap(), SequenceSet::new());
    bench.history.flush().await.unwrap();
    let expected: SequenceSet = [1..=4].into_iter().collect();
    assert_eq!(commits.recv().await.unwrap().stored[&frame("a", 1).stream], expected);
    assert_eq!(bench.history.stored(&frame("a", 1).stream).await.unwrap(), expected);

    assert_eq!(count(&bench.history, "a").await, 4);
    assert_eq!(lines(&bench.history, "a", &process::TABLE).await.len(), before.len() + 4);
    assert_eq!(bench.append(&frame("a", 2)).await, Appended::Duplicate);
    let stats = bench.history.stats();
    assert_eq!((stats.frames_stored_total, stats.frames_duplicate_total, stats.head_frames), (4, 2, 0));
    assert!(stats.rows_total > 0 && stats.rows_on_disk == stats.rows_total && stats.bytes_on_disk > 0);
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_kill_and_the_rest_can_be_sent_again() {
    let mut bench = Bench::new().await;
    bench.append(&frame("a", 1)).await;
    bench.history.flush().await.unwrap();
    bench.append(&frame("a", 2)).await;
    bench.restart().await;
    assert_eq!(count(&bench.history, "a").await, 1);
    assert_eq!(bench.append(&frame("a", 1)).await, Appended::Duplicate);
    assert_eq!(bench.append(&frame("a", 2)).await, Appended::Stored);
    assert_eq!(count(&bench.history, "a").await, 2);
}

/// Kills the server before the first, second, … step of a flush and then of a compaction.
#[tokio::test]
async fn a_kill_between_any_two_steps_loses_and_doubles_nothing() {
    let mut survived = false;
    let before = Bench::new().await;
    before.append(&frame("a", 1)).await;
    before.history.flush().await.unwrap();
    for steps in 0.. {
        let mut bench = before.copy().await;
        bench.append(&frame("a", 2)).await;
        bench.append(&frame_at("b", 1, 1, START + 2 * HOUR)).await;
        bench.faults.kill_after(steps);
        survived = bench.history.flush().await.is_ok() && bench.faults.steps_left.load(Ordering::Relaxed) > 0;
        bench.restart().await;

        // Either both frames of the flush were stored, or none.
        let stored = bench.history.stored(&frame("a", 1).stream).await.unwrap();
        let rows = (count(&bench.history, "a").await, count(&bench.history, "b").await);
        assert_eq!(rows, if stored.contains(2) { (2, 1) } else { (1, 0) }, "after {steps} steps");
        let live = bench.history.stats().files as usize;
        assert_eq!(bench.on_disk().len(), live, "after {steps} steps: only what is live is on disk");

        bench.append(&frame("a", 2)).await;
        bench.append(&frame_at("b", 1, 1, START + 2 * HOUR)).await;
        bench.history.flush().await.unwrap();
        bench.restart().await;
        assert_eq!((count(&bench.history, "a").await, count(&bench.history, "b").await), (2, 1));
        if survived {
            assert!(steps > 10, "a flush of two hours has more steps");
            break;
        }
    }
    assert!(survived);

    for sequence in 2..=3 {
        before.append(&frame("a", sequence)).await;
        before.history.flush().await.unwrap();
    }
    let flushed = before;
    let before: Vec<_> = all_lines(&flushed).await;
    for steps in 0.. {
        let mut bench = flushed.copy().await;
        bench.set_now(START + 2 * HOUR);
        bench.faults.kill_after(steps);
        bench.history.maintain().await;
        let survived = bench.faults.steps_left.load(Ordering::Relaxed) > 0;
        assert_eq!(all_lines(&bench).await, before, "after {steps} steps, still running");
        bench.restart().await;
        assert_eq!(all_lines(&bench).await, before, "after {steps} steps");
        if survived {
            assert_eq!(bench.history.stats().files, 20, "one file per table with rows and level");
            break;
        }
    }
}

async fn all_lines(bench: &Bench) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for table in tables::ALL {
        all.push(lines(&bench.history, "a", table).await);
    }
    all
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_leaves_nothing_behind() {
    for step in [Step::Create, Step::Write, Step::SyncFile, Step::SyncDirectory, Step::Commit] {
        let bench = Bench::new().await;
        let mut commits = bench.history.commits();
        bench.append(&frame("a", 1)).await;
        *bench.faults.full.lock().unwrap() = Some(step);
        for _ in 0..2 {
            let error = bench.history.flush().await.unwrap_err();
            assert!(crate::maintenance::chain(&error).contains("no storage space"), "{step:?}: {error:?}");
            assert_eq!(bench.on_disk(), Vec::<std::path::PathBuf>::new(), "{step:?}");
        }
        assert!(commits.try_recv().is_err());
        let stats = bench.history.stats();
        assert_eq!((stats.flush_failures_total, stats.head_frames, stats.files), (2, 1, 0), "{step:?}");
        assert!(stats.last_flush_error.is_some());
        // Still there to be read, still known, and new frames are taken.
        assert_eq!(count(&bench.history, "a").await, 1);
        assert_eq!(bench.append(&frame("a", 1)).await, Appended::Duplicate);
        bench.append(&frame("a", 2)).await;

        bench.faults.none();
        bench.history.flush().await.unwrap();
        assert_eq!(commits.recv().await.unwrap().stored[&frame("a", 1).stream].len(), 2);
        assert_eq!(count(&bench.history, "a").await, 2);
        assert_eq!(bench.history.stats().last_flush_error, None);
    }
}

#[tokio::test]
async fn appending_waits_while_the_head_is_full() {
    let bench = Bench::with(|config| config.head_limit_bytes = 1).await;
    bench.append(&frame("a", 1)).await;
    assert_eq!(bench.append(&frame("a", 1)).await, Appended::Duplicate, "a duplicate takes no room");
    let mut waiting = Box::pin(bench.append_owned(frame("a", 2)));
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(bench.history.stats().appends_waiting, 1);

    *bench.faults.full.lock().unwrap() = Some(Step::Write);
    bench.history.flush().await.unwrap_err();
    assert!((&mut waiting).now_or_never().is_none(), "a flush that failed makes no room");
    bench.faults.none();
    bench.history.flush().await.unwrap();
    assert_eq!(waiting.await, Appended::Stored);
    assert_eq!((count(&bench.history, "a").await, bench.history.stats().appends_waiting), (2, 0));
}

impl Bench {
    async fn append_owned(&self, sent: crate::testing::Sent) -> Appended {
        self.append(&sent).await
    }
}

#[tokio::test]
async fn a_frame_sent_to_two_servers_is_stored_once() {
    let bench = Bench::new().await;
    let other = bench.another().await;
    // Both read the empty mark before either stores.
    bench.append(&frame("a", 1)).await;
    bench.append(&frame("a", 2)).await;
    for sequence in [2, 3] {
        let sent = frame("a", sequence);
        assert_eq!(
            other.append(&sent.host, &sent.stream, sequence, sent.snapshot).await.unwrap(),
            Appended::Stored
        );
    }
    let mut commits = other.commits();
    bench.history.flush().await.unwrap();
    other.flush().await.unwrap();
    assert_eq!(count(&other, "a").await, 3);
    assert_eq!(lines(&other, "a", &disk::TABLE).await.len(), 6);
    // The frame that the other server had stored is acknowledged too.
    let mut acknowledged = SequenceSet::new();
    while let Ok(commit) = commits.try_recv() {
        acknowledged.extend(&commit.stored[&frame("a", 1).stream]);
    }
    assert_eq!(acknowledged.ranges().collect::<Vec<_>>(), [2..=3]);
    assert_eq!(other.stored(&frame("a", 1).stream).await.unwrap().len(), 3);
    assert_eq!(bench.on_disk().len() as u64, other.stats().files);
}

#[tokio::test]
async fn a_flush_is_divided_by_hour() {
    let bench = Bench::new().await;
    for (sequence, time_ms) in [(1, START - 1), (2, START), (3, START + HOUR - 1), (4, START + 30 * HOUR)] {
        bench.append(&frame_at("a", 0, sequence, time_ms)).await;
    }
    bench.history.flush().await.unwrap();
    let hours = |path: &std::path::Path| path.starts_with("host");
    let days: Vec<_> = bench.on_disk().into_iter().filter(|path| hours(path)).collect();
    assert_eq!(days.len(), 3);
    assert!(days[0].starts_with("host/2026-11-20") && days[2].starts_with("host/2026-11-21"), "{days:?}");
    assert_eq!(count(&bench.history, "a").await, 4);
}

#[tokio::test]
async fn small_files_are_merged_and_deleted_after_a_grace_period() {
    let bench = Bench::new().await;
    for sequence in 1..=10 {
        bench.append(&frame("a", sequence)).await;
        bench.append(&frame("b", sequence)).await;
        bench.history.flush().await.unwrap();
    }
    let before = (all_lines(&bench).await, lines(&bench.history, "b", &process::TABLE).await);
    let files = bench.on_disk().len();
    bench.history.maintain().await;
    assert_eq!((all_lines(&bench).await, lines(&bench.history, "b", &process::TABLE).await), before);
    let stats = bench.history.stats();
    // Host, disk and process; there are only three flushes with file systems.
    assert_eq!((stats.compactions_total, stats.compaction_failures_total, stats.files), (3, 0, 6));
    assert_eq!(bench.on_disk().len(), files + 3, "the old ones are still there for who reads them");

    let reading = bench.history.inner.state().removed[0].clone();
    bench.set_now(START + 5 * MINUTE);
    bench.history.maintain().await;
    assert_eq!(bench.on_disk().len(), 7, "all but the one that is being read");
    drop(reading);
    bench.history.maintain().await;
    assert_eq!(bench.on_disk().len(), 6);
    assert!(bench.history.inner.catalog.removed_files().await.unwrap().is_empty());
    assert_eq!((all_lines(&bench).await, lines(&bench.history, "b", &process::TABLE).await), before);
}

#[tokio::test]
async fn a_merge_that_fails_changes_nothing() {
    let bench = Bench::new().await;
    for sequence in 1..=10 {
        bench.append(&frame("a", sequence)).await;
        bench.history.flush().await.unwrap();
    }
    let (before, files) = (all_lines(&bench).await, bench.on_disk());
    for step in [Step::Create, Step::Write, Step::SyncFile, Step::SyncDirectory] {
        *bench.faults.full.lock().unwrap() = Some(step);
        bench.history.maintain().await;
        assert_eq!((all_lines(&bench).await, bench.on_disk()), (before.clone(), files.clone()), "{step:?}");
    }
    assert_eq!(bench.history.stats().compaction_failures_total, 12);
}

#[tokio::test]
async fn what_is_too_old_is_removed() {
    let bench = Bench::with(|config| config.retention = std::time::Duration::from_secs(24 * 3600)).await;
    bench.append(&frame("a", 1)).await;
    bench.history.flush().await.unwrap();
    // A host whose clock is years ahead: counted from when it was written.
    bench.append(&frame_at("b", 0, 1, START + 100_000 * HOUR)).await;
    bench.history.flush().await.unwrap();
    bench.set_now(START + 24 * HOUR - 1);
    bench.append(&frame_at("c", 0, 1, START + 23 * HOUR)).await;
    bench.history.flush().await.unwrap();
    bench.history.maintain().await;
    let counts = async || {
        let history = &bench.history;
        (count(history, "a").await, count(history, "b").await, count(history, "c").await)
    };
    assert_eq!(counts().await, (1, 1, 1));
    bench.set_now(START + 24 * HOUR + MINUTE);
    bench.history.maintain().await;
    assert_eq!(counts().await, (0, 0, 1));
    assert_eq!(
        bench.history.stored(&frame("a", 1).stream).await.unwrap().len(),
        1,
        "the mark outlives its rows"
    );
    bench.set_now(START + 24 * HOUR + 10 * MINUTE);
    bench.history.maintain().await;
    assert_eq!(bench.on_disk().len() as u64, bench.history.stats().files);
}

#[tokio::test]
async fn a_damaged_file_costs_only_itself() {
    type Damage = fn(&std::path::Path);
    let damages: [(&str, Damage); 4] = [
        ("missing", |path| std::fs::remove_file(path).unwrap()),
        ("truncated", |path| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() - 9]).unwrap();
        }),
        ("one bit", |path| {
            let mut bytes = std::fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }),
        ("zeros", |path| {
            std::fs::write(path, vec![0; std::fs::metadata(path).unwrap().len() as usize]).unwrap()
        }),
    ];
    for (name, damage) in damages {
        for restart in [false, true] {
            let mut bench = Bench::new().await;
            for sequence in 1..=3 {
                bench.append(&frame("a", sequence)).await;
                bench.history.flush().await.unwrap();
            }
            let hosts: Vec<_> = bench.on_disk().into_iter().filter(|path| path.starts_with("host")).collect();
            let path = bench.config.directory.join(&hosts[1]);
            damage(&path);
            if restart {
                bench.restart().await;
            }
            for _ in 0..2 {
                assert_eq!(count(&bench.history, "a").await, 2, "{name}");
                assert_eq!(lines(&bench.history, "a", &disk::TABLE).await.len(), 6, "{name}");
            }
            assert_eq!(bench.history.stats().files_damaged_total, 1, "{name}");
            assert!(!path.exists(), "{name}");
            assert_eq!(path.with_extension("damaged").exists(), name != "missing");
            // It stays out of the way, of merges too, and is not taken for an orphan.
            bench.set_now(START + 2 * HOUR);
            bench.history.maintain().await;
            bench.restart().await;
            assert_eq!(count(&bench.history, "a").await, 2, "{name}");
            assert_eq!(path.with_extension("damaged").exists(), name != "missing");
        }
    }
}

#[tokio::test]
async fn a_damaged_file_among_those_to_merge_is_set_aside() {
    let bench = Bench::new().await;
    for sequence in 1..=3 {
        bench.append(&frame("a", sequence)).await;
        bench.history.flush().await.unwrap();
    }
    let victim = bench.on_disk().into_iter().find(|path| path.starts_with("host")).unwrap();
    std::fs::write(bench.config.directory.join(victim), "x").unwrap();
    bench.set_now(START + 2 * HOUR);
    bench.history.maintain().await;
    bench.history.maintain().await;
    assert_eq!(bench.history.stats().files_damaged_total, 1);
    assert_eq!((count(&bench.history, "a").await, bench.history.stats().files), (2, 20));
}

#[tokio::test]
async fn only_the_pages_that_are_needed_are_read() {
    let bench = Bench::new().await;
    let hosts: Vec<_> = (0..6).map(|host| format!("host{host}")).collect();
    for hour in 0..3 {
        for sequence in 0..700 {
            for host in &hosts {
                let id = hour * 1000 + sequence + 1;
                bench
                    .append(&frame_at(host, 0, id, START + hour as i64 * HOUR + 5000 * sequence as i64))
                    .await;
            }
        }
        bench.history.flush().await.unwrap();
    }
    let query = crate::SeriesQuery {
        host_id: "host3".into(),
        table: &host::TABLE,
        columns: vec!["load1".into()],
        entity: None,
        from_ms: START + HOUR,
        to_ms: START + 2 * HOUR,
        // Shorter buckets would look at what the next hour tells about the end of this one.
        points: 30,
        aggregate: crate::Aggregate::Average,
    };
    bench.history.series(query.clone()).await.unwrap();
    let before = bench.history.stats();
    let series = bench.history.series(query.clone()).await.unwrap();
    assert!(series[0].columns[0].1[..29].iter().all(Option::is_some));
    let after = bench.history.stats();
    assert_eq!(
        after.files_read_total - before.files_read_total,
        1,
        "the other hours are pruned by the catalog"
    );
    // 700 rows of each of six hosts: a page has those of three.
    assert_eq!(after.rows_read_total - before.rows_read_total, 3 * 700);
    let bytes = after.bytes_read_total - before.bytes_read_total;
    assert!(bytes < 40_000, "four columns of one page, the footer is kept: {bytes}");
    let (again, of_half) = (query.clone(), crate::SeriesQuery { to_ms: START + HOUR + HOUR / 2, ..query });
    assert_eq!(bench.history.series(again).await.unwrap(), series);
    assert_eq!(bench.history.stats().files_read_total, after.files_read_total, "its rows are kept by now");
    let half = bench.history.series(of_half).await.unwrap();
    assert!(half[0].time_ms.iter().all(|time_ms| *time_ms < START + HOUR + HOUR / 2));
    assert_eq!(bench.history.stats().files_read_total, after.files_read_total + 1, "only a part is wanted");

    // One process's rows, by the statistics of its pid.
    let query = crate::ProcessSeriesQuery {
        host_id: "host3".into(),
        key: tacho_model::ProcessKey { pid: 1, start_time_ms: START - HOUR },
        columns: vec!["cpu_ratio".into()],
        from_ms: START,
        to_ms: START + 3 * HOUR,
        points: 60,
        aggregate: crate::Aggregate::Average,
    };
    let before = bench.history.stats();
    bench.history.process_series(query).await.unwrap();
    let after = bench.history.stats();
    // Its own of three hours, and who was there at the newest snapshot: one file of the host and one of processes.
    assert_eq!(after.files_read_total - before.files_read_total, 3 + 2);
    let rows: u64 = (after.rows_read_total - before.rows_read_total) / (3 + 2);
    assert!(rows <= 2 * 2048, "700 rows can touch two pages: {rows}");

    // A host beyond a file's range costs nothing; one between two others the page they share.
    let before = bench.history.stats();
    assert_eq!(count(&bench.history, "zebra").await, 0);
    let after = bench.history.stats();
    assert_eq!(after.files_read_total, before.files_read_total);
    assert_eq!(count(&bench.history, "host3a").await, 0);
    let rows = bench.history.stats().rows_read_total - after.rows_read_total;
    assert!(rows <= 3 * (3 * 700), "a page in each of three files: {rows}");
}

#[tokio::test]
async fn readers_see_each_row_once_while_files_change_under_them() {
    let bench = Arc::new(Bench::new().await);
    let writer = tokio::spawn({
        let bench = Arc::clone(&bench);
        async move {
            for sequence in 1..=60 {
                bench.append(&frame("a", sequence)).await;
                if sequence % 2 == 0 {
                    bench.history.flush().await.unwrap();
                }
                if sequence % 10 == 0 {
                    bench.set_now(START + sequence as i64 * MINUTE);
                    bench.history.maintain().await;
                }
            }
        }
    });
    let mut seen = 0;
    loop {
        let finished = writer.is_finished();
        let rows = lines(&bench.history, "a", &host::TABLE).await;
        let mut distinct = rows.clone();
        distinct.dedup();
        assert_eq!(rows.len(), distinct.len(), "a row was seen twice");
        assert!(rows.len() >= seen, "a row went away");
        seen = rows.len();
        if finished {
            break;
        }
    }
    writer.await.unwrap();
    assert_eq!(seen, 60);
    assert!(bench.history.stats().compactions_total > 0);
}

#[tokio::test]
async fn it_flushes_when_the_head_is_big_and_when_it_stops() {
    let mut bench = Bench::with(|config: &mut HistoryConfig| {
        config.flush_interval = std::time::Duration::from_secs(3600);
        config.flush_bytes = 1;
    })
    .await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(bench.history.clone().run(stop.clone()));
    let mut commits = bench.history.commits();
    bench.append(&frame("a", 1)).await;
    assert_eq!(commits.recv().await.unwrap().stored.len(), 1);
    // Without this the next append could be flushed for its size before the stop is seen.
    *bench.faults.full.lock().unwrap() = Some(Step::Create);
    bench.append(&frame("a", 2)).await;
    while bench.history.stats().flush_failures_total == 0 {
        tokio::task::yield_now().await;
    }
    bench.faults.none();
    stop.cancel();
    running.await.unwrap().unwrap();
    bench.restart().await;
    assert_eq!(count(&bench.history, "a").await, 2);
}

#[tokio::test]
async fn what_no_catalog_row_names_is_removed_at_the_start() {
    let mut bench = Bench::new().await;
    bench.append(&frame("a", 1)).await;
    bench.history.flush().await.unwrap();
    let live = bench.on_disk();
    let orphan = bench.config.directory.join(&live[0]).with_file_name("01ARYZ6S410000000000000000.parquet");
    std::fs::write(&orphan, "half a file").unwrap();
    let foreign = orphan.with_file_name("notes.txt");
    std::fs::write(&foreign, "somebody else's").unwrap();
    bench.restart().await;
    assert_eq!(bench.on_disk(), live);
    assert!(foreign.exists());
}

#[tokio::test]
async fn two_servers_do_not_merge_or_roll_up_the_same_files_twice() {
    let bench = Bench::new().await;
    for sequence in 1..=3 {
        bench.append(&frame("a", sequence)).await;
        bench.history.flush().await.unwrap();
    }
    let other = bench.another().await;
    let before = all_lines(&bench).await;
    bench.set_now(START + 2 * HOUR);
    tokio::join!(bench.history.maintain(), other.maintain());
    // Each sees what it did itself; a third sees what the catalog has.
    let third = bench.another().await;
    for (table, expected) in tables::ALL.iter().zip(&before) {
        assert_eq!(lines(&third, "a", table).await, *expected, "{}", table.name);
    }
    let raw_files = |history: &crate::History| history.stats().files;
    assert_eq!(raw_files(&third), 20, "one file per table with rows and level");
}

#[tokio::test]
async fn reading_ends_when_nobody_waits_for_the_answer() {
    let bench = Bench::new().await;
    bench.append(&frame("a", 1)).await;
    bench.history.flush().await.unwrap();
    let inner = Arc::clone(&bench.history.inner);
    let read = async |cancelled: bool| {
        let inner = Arc::clone(&inner);
        let job = Arc::clone(&inner);
        let work = move || {
            let reading = Arc::default();
            let cancel = crate::scan::CancelOnDrop(Arc::clone(&reading));
            if cancelled {
                drop(cancel);
            }
            let view = job.state().view(&host::TABLE, &"a".into(), 0, i64::MAX);
            let scan = crate::scan::Scan::new(&host::TABLE, "a", vec![0], 0..i64::MAX, &reading);
            crate::scan::read_all(&job, scan, &view.files, &view.frames)
        };
        inner.blocking(work).await
    };
    assert_eq!(read(false).await.unwrap().len(), 1);
    assert!(matches!(read(true).await, Err(crate::HistoryError::Cancelled)));
    assert_eq!(bench.history.stats().files_damaged_total, 0, "that is not the file's fault");
}
