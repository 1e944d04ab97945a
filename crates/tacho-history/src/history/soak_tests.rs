//! A month of ten hosts in compressed time; `make bench ARGS=soak` is the long form.

use std::sync::Arc;
use std::time::Duration;

use tacho_model::Snapshot;
use tacho_model::tables::disk;

use crate::testing::{Bench, HOUR, MINUTE, START, frame_at};

const HOSTS: u64 = 10;
const DAYS: i64 = 30;
/// Snapshots of each host in a day, each in an hour of its own.
const PER_DAY: i64 = 3;
const DAY: i64 = 24 * HOUR;

impl Bench {
    /// Lives through another part of a day: an hour with a snapshot of each host, and the quiet time after it.
    async fn part_of_day(&self, part: i64) {
        let time_ms = START + part * DAY / PER_DAY;
        self.set_now(time_ms);
        for host in 0..HOSTS {
            let mut sent = frame_at(&format!("host{host}"), 0, part as u64 + 1, time_ms);
            let blocks = sent.snapshot.block(&disk::TABLE).cloned().into_iter().collect();
            sent.snapshot = Arc::new(Snapshot { time_ms, blocks, processes: Vec::new() });
            self.append(&sent).await;
        }
        self.history.flush().await.unwrap();
        // The hour is over; what its files replaced is past its grace; the day may be over.
        for after_ms in [HOUR + 3 * MINUTE, HOUR + 20 * MINUTE, DAY / PER_DAY - MINUTE] {
            self.set_now(time_ms + after_ms);
            self.history.maintain().await;
        }
    }

    /// Files on disk are those that the catalog names, and no frame waits.
    async fn assert_at_rest(&self) {
        let catalog = &self.history.inner.catalog;
        let live = catalog.live_files().await.unwrap().len();
        let removed = catalog.removed_files().await.unwrap().len();
        assert_eq!(self.on_disk().len(), live + removed);
        let stats = self.history.stats();
        assert_eq!((stats.files, stats.head_bytes, stats.head_frames), (live as u64, 0, 0));
        assert_eq!((stats.compaction_failures_total, stats.flush_failures_total), (0, 0));
    }
}

#[tokio::test]
async fn a_month_of_hosts_stays_within_its_bounds() {
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let (raw, minutes, ten_minutes, hours) = (4, 8, 16, 24);
    let bench = Bench::with(|config| {
        (config.retention, config.retention_1m) = (days(raw), days(minutes));
        (config.retention_10m, config.retention_1h) = (days(ten_minutes), days(hours));
        config.retention_1d = days(hours);
    })
    .await;
    // Of rows and minutes a file a day, of ten minutes and more one in eight days, and of the last days those that are not merged yet.
    let most = raw + minutes + ten_minutes / 8 + 2 * hours / 8 + 24 + 5 * (2 * PER_DAY as u64 + 1);
    let (mut most_files, mut catalog_bytes) = (0, Vec::new());
    for part in 0..DAYS * PER_DAY {
        bench.part_of_day(part).await;
        most_files = most_files.max(bench.on_disk().len() as u64);
        if (part + 1) % (5 * PER_DAY) == 0 {
            bench.assert_at_rest().await;
            catalog_bytes.push(std::fs::metadata(bench.root.path().join("catalog")).unwrap().len());
        }
    }
    assert!(most_files <= most, "{most_files} files, and {most} would do");
    // It grew to its size in the first days and stays there.
    let (early, last) = (catalog_bytes[2], catalog_bytes[catalog_bytes.len() - 1]);
    assert!(last <= early + early / 4, "{catalog_bytes:?}");
    // Hours go eight days at a time.
    let storage = bench.history.storage();
    assert!(storage.tables.iter().all(|table| table.days.len() as u64 <= hours + 8 + 1));
}

#[tokio::test]
async fn retention_by_bytes_holds_to_a_twentieth() {
    let probe = Bench::new().await;
    for part in 0..4 * PER_DAY {
        probe.part_of_day(part).await;
    }
    let limit = probe.history.stats().bytes_on_disk * 3;
    let bench = Bench::with(|config| config.limit_bytes = Some(limit)).await;
    let mut full = 0;
    for part in 0..DAYS * PER_DAY {
        bench.part_of_day(part).await;
        let stats = bench.history.stats();
        assert!(stats.bytes_on_disk <= limit, "{} of {limit}", stats.bytes_on_disk);
        if stats.files_over_limit_total > 0 {
            full += 1;
            assert!(stats.bytes_on_disk * 20 >= limit * 19, "{} of {limit}", stats.bytes_on_disk);
        }
    }
    assert!(full > DAYS, "it was full for {full} parts of days");
    bench.assert_at_rest().await;
}
