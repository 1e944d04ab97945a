use std::sync::atomic::Ordering;

use tacho_catalog::Catalog;
use tacho_model::tables::{disk, host, process};

use super::*;
use crate::rollup::tests::{assert_equal, recomputed, rolled};
use crate::testing::{Bench, HOUR, START, Sent, frame_at, lines};

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

fn some_frames() -> Vec<Sent> {
    let frame =
        |i: u64| frame_at(["a", "b"][i as usize % 2], 0, i, START + (i % 2) as i64 * HOUR + i as i64 * 5_000);
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
        bench.set_now(START + 3 * HOUR);
        bench.faults.kill_after(steps);
        bench.history.maintain().await;
        send(&bench, &frames[12..]).await;
        bench.set_now(START + 30 * HOUR);
        bench.history.maintain().await;
        bench.set_now(START + 31 * HOUR);
        bench.history.maintain().await;
        ended = bench.faults.steps_left.load(Ordering::Relaxed) > 0;
        // A file that was being written cannot be read, and is nobody's.
        let report = lose_catalog(&mut bench).await;
        assert!(report.damaged.len() <= 1, "after {steps} steps: {report:?}");

        // Agents send everything again: what the marks say is stored is not stored twice.
        send(&bench, &frames).await;
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
                for level in [Level::Minute, Level::Hour] {
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
async fn files_that_cannot_be_read_are_set_aside_and_cost_only_themselves() {
    let mut bench = Bench::new().await;
    send(&bench, &some_frames()).await;
    let before = lines(&bench.history, "a", &host::TABLE).await.len();
    let victim = bench.on_disk().into_iter().find(|path| path.starts_with("disk")).unwrap();
    std::fs::write(bench.config.directory.join(&victim), "not Parquet").unwrap();
    let report = lose_catalog(&mut bench).await;
    assert_eq!(report.damaged, [victim.with_extension("damaged")]);
    assert_eq!(lines(&bench.history, "a", &host::TABLE).await.len(), before);
    assert_eq!(report.files, bench.history.stats().files);
    assert_eq!(report.streams, 2);
}
