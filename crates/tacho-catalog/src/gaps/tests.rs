use std::sync::Arc;

use crate::{FlushOutcome, MarkUpdate, NewAgent, open_for_tests as catalog};

use super::*;

fn key(stream: u8) -> StreamKey {
    StreamKey { agent_id: Arc::from("a1"), stream: [stream; 16] }
}

fn gap(stream: u8, first: u64, last: u64, reason: GapReason) -> GapRecord {
    GapRecord {
        host_id: "h1".to_owned(),
        key: key(stream),
        first_sequence: first,
        last_sequence: last,
        frames: last - first + 1,
        first_time_ms: i64::try_from(first).unwrap() * 1000,
        last_time_ms: i64::try_from(last).unwrap() * 1000,
        reason,
    }
}

async fn with_host() -> (tempfile::TempDir, Catalog) {
    let (dir, catalog) = catalog().await;
    catalog.host_for_join("web", b"m", "h1", 5).await.unwrap();
    let agent = NewAgent {
        agent_id: "a1".to_owned(),
        host_id: "h1".to_owned(),
        certificate_hash: [1; 32],
        not_after_ms: 9,
        created_ms: 5,
    };
    catalog.add_agent(&agent).await.unwrap();
    (dir, catalog)
}

async fn store(catalog: &Catalog, gaps: &[GapRecord], now_ms: i64) {
    let mut marks: Vec<MarkUpdate> = Vec::new();
    for gap in gaps {
        let mark = catalog.mark(&gap.key).await.unwrap();
        let mut update = MarkUpdate { key: gap.key.clone(), version: mark.version, stored: mark.stored };
        update.stored.insert_range(gap.first_sequence..=gap.last_sequence);
        marks.retain(|mark| mark.key != gap.key);
        marks.push(update);
    }
    let outcome = catalog.commit_flush(&[], &marks, gaps, now_ms).await.unwrap();
    assert_eq!(outcome, FlushOutcome::Committed);
}

async fn all(catalog: &Catalog) -> Vec<GapRecord> {
    catalog.gaps("h1", i64::MIN, i64::MAX).await.unwrap()
}

#[tokio::test]
async fn gaps_that_follow_each_other_are_one() {
    let (_dir, catalog) = with_host().await;
    store(&catalog, &[gap(1, 5, 9, GapReason::Space)], 1).await;
    store(&catalog, &[gap(1, 10, 10, GapReason::Space), gap(1, 11, 12, GapReason::Age)], 2).await;
    store(&catalog, &[gap(2, 13, 13, GapReason::Age)], 3).await;
    let expected =
        [gap(1, 5, 10, GapReason::Space), gap(1, 11, 12, GapReason::Age), gap(2, 13, 13, GapReason::Age)];
    assert_eq!(all(&catalog).await, expected);
    assert_eq!(catalog.gaps("h1", 10_001, 11_001).await.unwrap(), expected[1..2]);
    assert_eq!(catalog.gaps("h2", i64::MIN, i64::MAX).await.unwrap(), []);
}

#[tokio::test]
async fn many_gaps_are_melted_and_no_frame_is_forgotten() {
    let (_dir, catalog) = with_host().await;
    let many: Vec<_> = (1..=1500).map(|number| gap(1, 2 * number, 2 * number, GapReason::Disk)).collect();
    store(&catalog, &many, 1).await;
    let stored = all(&catalog).await;
    assert_eq!(stored.len(), 1000);
    assert_eq!(stored.iter().map(|gap| gap.frames).sum::<u64>(), 1500);
    assert_eq!(stored.last().unwrap().last_time_ms, 3_000_000);
    store(&catalog, &[gap(2, 1, 1, GapReason::Age)], 1).await;
    assert_eq!(all(&catalog).await.len(), 1000, "the oldest made room for another stream's");
}

#[tokio::test]
async fn numbers_at_their_end_neither_fail_nor_overflow() {
    let (_dir, catalog) = with_host().await;
    let mut huge = gap(1, 1, 1, GapReason::Space);
    huge.last_sequence = u64::MAX;
    huge.frames = u64::MAX;
    (huge.first_time_ms, huge.last_time_ms) = (i64::MIN, i64::MAX);
    let mut beyond = huge.clone();
    beyond.first_sequence = u64::MAX;
    store(&catalog, &[huge.clone(), beyond.clone(), beyond], 1).await;
    assert_eq!(all(&catalog).await.first().unwrap().frames, i64::MAX as u64);
}

#[tokio::test]
async fn gaps_leave_with_retention_and_with_their_host() {
    let (_dir, catalog) = with_host().await;
    let mut future = gap(1, 100, 100, GapReason::Age);
    future.last_time_ms = 1_000_000_000;
    store(&catalog, &[gap(1, 1, 1, GapReason::Age), gap(1, 50, 50, GapReason::Age), future.clone()], 50_000)
        .await;
    assert_eq!(catalog.forget_gaps(10_000).await.unwrap(), 1);
    assert_eq!(all(&catalog).await.len(), 2);
    assert_eq!(catalog.forget_gaps(50_001).await.unwrap(), 2, "a time in the future does not keep a gap");

    store(&catalog, &[gap(2, 1, 1, GapReason::Age)], 60_000).await;
    catalog.save_clock(&key(2), "clock", 60_000).await.unwrap();
    assert!(catalog.remove_host("h1", &crate::hosts::change_for_tests(9)).await.unwrap());
    assert_eq!(all(&catalog).await, []);
    assert_eq!(catalog.mark(&key(2)).await.unwrap().version, 0);
    assert_eq!(catalog.clock(&key(2)).await.unwrap(), None);
    // A flush that was under way tells of a host that is not there any more.
    store(&catalog, &[gap(2, 1, 1, GapReason::Age)], 60_000).await;
    assert_eq!(all(&catalog).await, []);
    catalog.save_clock(&key(2), "clock", 60_000).await.unwrap();
    assert_eq!(catalog.forget_orphans().await.unwrap(), 2);
    assert_eq!(
        (catalog.mark(&key(2)).await.unwrap().version, catalog.clock(&key(2)).await.unwrap()),
        (0, None)
    );
}

#[tokio::test]
async fn a_clock_lasts_as_long_as_its_mark() {
    let (_dir, catalog) = with_host().await;
    catalog.save_clock(&key(1), "one", 10).await.unwrap();
    catalog.save_clock(&key(1), "two", 11).await.unwrap();
    catalog.save_clock(&key(2), "other", 12).await.unwrap();
    assert_eq!(catalog.clock(&key(1)).await.unwrap().as_deref(), Some("two"));
    store(&catalog, &[gap(1, 1, 1, GapReason::Age)], 100).await;
    assert_eq!(catalog.forget_marks(50).await.unwrap(), 0);
    assert_eq!(catalog.clock(&key(1)).await.unwrap().as_deref(), Some("two"));
    assert_eq!(catalog.clock(&key(2)).await.unwrap(), None, "nothing of that stream is kept");
    assert_eq!(catalog.forget_marks(101).await.unwrap(), 1);
    assert_eq!(catalog.clock(&key(1)).await.unwrap(), None);
}
