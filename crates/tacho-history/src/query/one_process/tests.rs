use std::sync::Arc;

use tacho_catalog::StreamKey;
use tacho_model::{Block, HostKey, ProcessIdentity, Snapshot};

use super::*;
use crate::testing::{Bench, MINUTE, START, Sent};

const STEP: i64 = 5_000;
const WORKER: i64 = 70;

/// Each run of the worker lasts 12 snapshots, has one connection of its own beside one that all have, and ends with its number
/// as exit code; the third one is killed. All have the same pid.
fn run_of(number: i64) -> i64 {
    number / 12
}

fn key(run: i64) -> ProcessKey {
    ProcessKey { pid: WORKER, start_time_ms: START + run * MINUTE }
}

fn row_of(connections: &mut Block, local_port: i64, remote_port: i64, rx: i64, pid: i64) {
    connections
        .push()
        .text(connection::PROTOCOL, "tcp")
        .text(connection::LOCAL_ADDRESS, "10.0.0.1")
        .integer(connection::LOCAL_PORT, local_port)
        .text(connection::REMOTE_ADDRESS, "10.0.0.2")
        .integer(connection::REMOTE_PORT, remote_port)
        .integer(connection::PID, pid)
        .text(connection::STATE, if rx > 0 { "established" } else { "close-wait" })
        .integer(connection::RX_BYTES, rx);
}

async fn record(bench: &Bench, snapshots: Range<i64>) {
    for number in snapshots {
        let (run, place) = (run_of(number), number % 12);
        let mut block = Block::new(&process::TABLE);
        let mut row = block.push();
        row.integer(process::CPU_USER_US, 1000).text(process::STATE, if place == 11 { "X" } else { "R" });
        if place == 11 {
            row.integer(process::LIFETIME_US, 55_000_000);
            match run {
                2 => row.integer(process::EXIT_SIGNAL, 9),
                run => row.integer(process::EXIT_CODE, run),
            };
        }
        let worker = ProcessIdentity {
            key: key(run),
            name: "worker".to_owned(),
            command: format!("worker --run {run}"),
            ..ProcessIdentity::other()
        };
        let mut connections = Block::new(&connection::TABLE);
        row_of(&mut connections, 40_000 + run, 5432, if place == 11 { 0 } else { 100 }, WORKER);
        row_of(&mut connections, 41_000, 443, 10_000, WORKER);
        row_of(&mut connections, 42_000, 80, 1_000_000, 99);
        let mut blocks = vec![block, connections];
        blocks.iter_mut().for_each(|block| block.interval_ms = STEP);
        bench
            .append(&Sent {
                host: HostKey { id: "alpha".into(), name: "alpha".into() },
                stream: StreamKey { agent_id: "alpha".into(), stream: [0; 16] },
                sequence: number as u64 + 1,
                snapshot: Arc::new(Snapshot {
                    time_ms: START + number * STEP,
                    blocks,
                    processes: vec![Arc::new(worker)],
                }),
            })
            .await;
    }
}

fn exits_over(from_ms: i64, to_ms: i64, limit: usize) -> ExitsQuery {
    ExitsQuery { host_id: "alpha".to_owned(), from_ms, to_ms, name: None, limit }
}

fn one(run: i64) -> ProcessQuery {
    let (from_ms, to_ms) = (START - MINUTE, START + 60 * MINUTE);
    ProcessQuery { host_id: "alpha".to_owned(), key: key(run), from_ms, to_ms, limit: 10 }
}

#[tokio::test]
async fn ended_processes_are_listed_from_the_newest() {
    let bench = Bench::new().await;
    record(&bench, 0..30).await;
    bench.history.flush().await.unwrap();
    record(&bench, 30..50).await;
    let (all, _) = bench.history.exits(exits_over(START, START + 10 * MINUTE, 3)).await.unwrap();
    assert_eq!(all.count, 4);
    let told: Vec<_> = all.newest.iter().map(|exit| (exit.key, exit.exit_code, exit.exit_signal)).collect();
    assert_eq!(told, [(key(3), Some(3), None), (key(2), None, Some(9)), (key(1), Some(1), None)]);
    assert_eq!(
        (all.newest[0].command.as_str(), all.newest[0].lifetime_us),
        ("worker --run 3", Some(55_000_000))
    );
    let (first, _) = bench.history.exits(exits_over(START, START + MINUTE, 3)).await.unwrap();
    assert_eq!((first.count, first.newest[0].key), (1, key(0)));
    let others = ExitsQuery { name: Some("nobody".to_owned()), ..exits_over(START, START + 10 * MINUTE, 3) };
    assert_eq!(bench.history.exits(others).await.unwrap().0, Exits::default());
    assert!(bench.history.exits(exits_over(START, START, 3)).await.is_err());
}

#[tokio::test]
async fn a_process_has_the_connections_of_its_own_life() {
    let bench = Bench::new().await;
    record(&bench, 0..30).await;
    bench.history.flush().await.unwrap();
    record(&bench, 30..50).await;
    let (details, _) = bench.history.process_details(one(1)).await.unwrap();
    assert_eq!(details.exit.as_ref().map(|exit| exit.exit_code), Some(Some(1)));
    let found: Vec<_> = details
        .connections
        .iter()
        .map(|one| (one.local_port, one.rx_bytes, one.state.as_str(), one.tx_bytes))
        .collect();
    assert_eq!(
        found,
        [(41_000, Some(120_000), "established", None), (40_001, Some(1_100), "close-wait", None)],
        "what the runs before and after carried is theirs, though they had the same pid"
    );
    let seen = (details.connections[1].first_seen_ms, details.connections[1].last_seen_ms);
    assert_eq!(seen, (START + 12 * STEP, START + 23 * STEP));
    let (least, _) = bench.history.process_details(ProcessQuery { limit: 1, ..one(1) }).await.unwrap();
    assert_eq!((least.connections.len(), least.connections_left_out), (1, 1));
    let (running, _) = bench.history.process_details(one(4)).await.unwrap();
    assert_eq!((running.exit, running.connections.len()), (None, 2));
    let before = ProcessQuery { to_ms: START + MINUTE, ..one(3) };
    assert_eq!(bench.history.process_details(before).await.unwrap().0, ProcessDetails::default());
}
