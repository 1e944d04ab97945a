//! The queue over a real spool.

use tacho_model::ProcessKey;
use tacho_spool::Config;

use super::*;

const CLOCKS: Clocks = Clocks { boot_us: 1_000_000, wall_ms: 1_001_000 };

fn config(root: &std::path::Path) -> Config {
    Config {
        runtime_dir: root.join("run"),
        dir: root.join("spool"),
        cold_dir: root.join("cold"),
        hot_bytes: 1 << 20,
        group: 10,
        segment_bytes: 1 << 20,
        disk_bytes: 64 << 20,
        age_ms: i64::MAX,
    }
}

fn open(root: &std::path::Path, boot_id: &str, clocks: Clocks) -> Queue {
    Queue::new(Spool::open(&config(root)).unwrap(), boot_id, clocks)
}

fn frame(boot_us: u64, processes: &[u32], new: &[u32], retired: &[u32]) -> NewFrame {
    let identity = |pid: i64| {
        let key = ProcessKey { pid, start_time_ms: 1 };
        Arc::new(ProcessIdentity { key, ..ProcessIdentity::other() })
    };
    NewFrame {
        boot_clock_us: boot_us,
        blocks: Bytes::from_static(b"0123456789"),
        processes: processes.to_vec(),
        identities: new.iter().map(|id| (*id, identity((*id).into()))).collect(),
        retired: retired.to_vec(),
    }
}

fn push(queue: &Queue, count: u64) {
    for _ in 0..count {
        let boot_us = 1_000_000 * (queue.stream().last_sequence + 2);
        queue.push(frame(boot_us, &[], &[], &[]));
    }
}

/// All that a new connection would send, without waits: sequences of the live lane and of the backlog.
fn sent(queue: &Queue, lanes: &mut Lanes) -> (Vec<u64>, Vec<(u64, Vec<u8>)>) {
    let live = std::iter::from_fn(|| lanes.next_live(queue)).map(|frame| frame.sequence).collect();
    let mut backlog = Vec::new();
    loop {
        if let Some(cursor) = lanes.start_reading(queue) {
            lanes.end_reading(queue, read(queue, cursor));
        }
        let Some(frame) = lanes.next_backlog(queue) else { break };
        assert!(frame.backfill);
        backlog.push((frame.sequence, frame.stream));
    }
    (live, backlog)
}

#[test]
fn live_before_backlog_and_the_backlog_in_order() {
    let root = tempfile::tempdir().unwrap();
    let queue = open(root.path(), "boot", CLOCKS);
    push(&queue, 27);
    queue.maintain();
    assert_eq!(queue.state().records, 27);
    let mut lanes = Lanes::new(queue.stream().id);
    let (live, backlog) = sent(&queue, &mut lanes);
    assert_eq!(live, [27], "the newest first");
    assert_eq!(backlog, (1..27).map(|sequence| (sequence, Vec::new())).collect::<Vec<_>>());
    queue.set_delivering(true);
    push(&queue, 2);
    assert_eq!(sent(&queue, &mut lanes), (vec![28, 29], vec![]), "then as they come");
    push(&queue, 6);
    let late: Vec<_> = (30..35).map(|sequence| (sequence, Vec::new())).collect();
    assert_eq!(sent(&queue, &mut lanes), (vec![35], late), "and the newest again after a stall");
    queue.acknowledge(queue.stream().id, &[1..=34].into_iter().collect());
    queue.maintain();
    assert_eq!((queue.state().records, queue.state().disk_bytes), (1, 0));
    let mut again = Lanes::new(queue.stream().id);
    assert_eq!(sent(&queue, &mut again), (vec![35], vec![]), "the next connection sends what is left");
}

#[test]
fn a_stream_goes_on_after_a_kill_and_ends_with_the_boot() {
    let root = tempfile::tempdir().unwrap();
    let queue = open(root.path(), "boot-1", CLOCKS);
    queue.push(frame(2_000_000, &[0, 5], &[5], &[]));
    let first = queue.stream();
    drop(queue);
    // An hour's step of the wall clock while the agent was away.
    let queue = open(root.path(), "boot-1", Clocks { boot_us: 9_000_000, wall_ms: 4_000_000 });
    assert_eq!(queue.stream(), first);
    assert_eq!((first.last_sequence, first.last_identity, first.epoch_ms), (1, 5, 1_000_000));
    push(&queue, 1);
    drop(queue);
    let queue = open(root.path(), "boot-2", CLOCKS);
    let second = queue.stream();
    assert_ne!(second.id, first.id);
    push(&queue, 1);
    let (live, backlog) = sent(&queue, &mut Lanes::new(second.id));
    assert_eq!(live, [1]);
    assert_eq!(backlog, [(1, first.id.to_vec()), (2, first.id.to_vec())], "under their own stream");
    assert_eq!(queue.backlog().len(), 2);
}

#[test]
fn a_stream_goes_on_after_what_damage_took_and_ends_where_nothing_tells() {
    let root = tempfile::tempdir().unwrap();
    let queue = open(root.path(), "boot", CLOCKS);
    push(&queue, 6);
    let first = queue.stream();
    drop(queue);
    let later = Clocks { boot_us: 99_000_000, wall_ms: 0 };
    std::fs::write(root.path().join("run/hot.spool"), "").unwrap();
    let queue = open(root.path(), "boot", later);
    assert_eq!(queue.stream(), first, "the ledger tells how far it was");
    let [gap] = queue.gaps().try_into().unwrap();
    assert_eq!((gap.stream, gap.first_sequence, gap.last_sequence), (first.id, 1, 6));
    push(&queue, 1);
    drop(queue);
    std::fs::write(root.path().join("run/ledger.spool"), "").unwrap();
    let queue = open(root.path(), "boot", later);
    let second = queue.stream();
    assert_ne!(second.id, first.id, "there may have been more");
    assert_eq!((second.last_sequence, second.epoch_ms), (0, first.epoch_ms));
    push(&queue, 1);
    let (live, backlog) = sent(&queue, &mut Lanes::new(second.id));
    assert_eq!((live, backlog), (vec![1], vec![(7, first.id.to_vec())]));
}

#[test]
fn each_frame_is_kept_with_all_it_names() {
    let root = tempfile::tempdir().unwrap();
    let queue = open(root.path(), "boot", CLOCKS);
    let mut lanes = Lanes::new(queue.stream().id);
    let ids = |frame: v1::Frame| -> (u64, Vec<u32>, Vec<u32>) {
        (frame.sequence, frame.identities.iter().map(|identity| identity.id).collect(), frame.forgotten)
    };
    queue.push(frame(1, &[0, 1, 2], &[1, 2], &[]));
    assert_eq!(lanes.next_live(&queue).map(ids), Some((1, vec![1, 2], vec![])));
    queue.push(frame(2, &[0, 1, 2], &[], &[2]));
    assert_eq!(lanes.next_live(&queue).map(ids), Some((2, vec![], vec![2])));
    queue.push(frame(3, &[1, 3], &[3], &[]));
    assert_eq!(lanes.next_live(&queue).map(ids), Some((3, vec![3], vec![])));
    queue.acknowledge(queue.stream().id, &[1..=1, 3..=3].into_iter().collect());
    let mut again = Lanes::new(queue.stream().id);
    assert_eq!(
        again.next_live(&queue).map(ids),
        Some((2, vec![1, 2], vec![2])),
        "a new connection hears all again"
    );
}

#[test]
fn a_machine_that_was_set_back_begins_a_stream() {
    let root = tempfile::tempdir().unwrap();
    let queue = open(root.path(), "boot", CLOCKS);
    push(&queue, 5);
    let old = queue.stream();
    let now = Clocks { boot_us: 7_000_000, wall_ms: 9_007_000 };
    assert!(!queue.leave_stream(&[1..=5].into_iter().collect(), now), "nothing is ahead");
    assert!(queue.leave_stream(&[1..=9].into_iter().collect(), now));
    queue.acknowledge(old.id, &[1..=9].into_iter().collect());
    let new = queue.stream();
    assert_ne!(new.id, old.id);
    assert_eq!((new.last_sequence, new.epoch_ms), (5, 9_000_000));
    let frames: Vec<_> = queue.spool.recent().into_iter().map(|(head, _)| head).collect();
    assert!(frames.iter().all(|head| head.stream == new.id));
    assert_eq!(
        frames.iter().map(|head| head.time_ms).collect::<Vec<_>>(),
        [2, 3, 4, 5, 6].map(|s| 9_000_000 + 1000 * s)
    );
}

#[test]
fn frames_that_only_memory_holds_are_a_stream_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file"), "").unwrap();
    let queue = open(&root.path().join("file"), "boot", CLOCKS);
    let before = queue.stream();
    push(&queue, 1);
    let during = queue.stream();
    assert_ne!(before.id, during.id);
    push(&queue, 2);
    assert_eq!((queue.stream().id, queue.stream().last_sequence), (during.id, 3));
    let (live, backlog) = sent(&queue, &mut Lanes::new(before.id));
    assert_eq!(live, [3]);
    assert_eq!(
        backlog,
        [1, 2].map(|sequence| (sequence, during.id.to_vec())),
        "not the hello's, so it is named"
    );
}

#[test]
fn what_does_not_fit_is_a_gap_until_it_is_acknowledged() {
    let root = tempfile::tempdir().unwrap();
    let config = Config { hot_bytes: 1000, ..config(root.path()) };
    let queue = Queue::new(Spool::open(&config).unwrap(), "boot", CLOCKS);
    push(&queue, 20);
    let [gap] = queue.gaps().try_into().unwrap();
    assert_eq!((gap.first_sequence, gap.last_sequence + queue.state().records), (1, 20));
    assert_eq!(queue.state().dropped, gap.last_sequence);
    queue.acknowledge(gap.stream, &[1..=gap.last_sequence].into_iter().collect());
    assert_eq!(queue.gaps(), []);
}
