//! Invariants "the agents are the write-ahead log" and "exactly once", with kill −9.

use std::collections::BTreeSet;
use std::time::Duration;

use tacho_testkit::daemons::{Agent, Server, wait_until};
use tacho_testkit::random::Random;

const KILLS: u64 = 10;
const HOST: &str = "victim";

/// Waits a random while, which is the point: the kill falls anywhere between two snapshots, into a flush,
/// into a reconnect.
fn wait_a_random_while(random: &mut Random) {
    std::thread::sleep(Duration::from_millis(100 + random.below(2400)));
}

/// The distinct times of all snapshots; it is an error when one is there twice.
fn times_once(server: &Server) -> BTreeSet<i64> {
    let times = server.snapshot_times(HOST).unwrap();
    let distinct: BTreeSet<i64> = times.iter().copied().collect();
    assert_eq!(distinct.len(), times.len(), "snapshots are stored twice");
    distinct
}

fn wait_for_snapshot_after(server: &Server, time: i64) -> BTreeSet<i64> {
    wait_until("a newer snapshot is there", || {
        let times = times_once(server);
        Ok(times.last().is_some_and(|last| *last > time).then_some(times))
    })
    .unwrap()
}

#[test]
fn a_killed_server_loses_nothing_and_doubles_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path(), &[("flush_interval", "1s")]).unwrap();
    let agent = Agent::start(directory.path(), &server, HOST, &[("interval", "1s")]).unwrap();
    let mut random = Random::new(u64::from(std::process::id()));
    let mut ever_seen = wait_for_snapshot_after(&server, 0);
    for _ in 0..KILLS {
        wait_a_random_while(&mut random);
        ever_seen.extend(times_once(&server));
        server.kill();
        server.restart().unwrap();
        let times = wait_for_snapshot_after(&server, ever_seen.last().copied().unwrap_or(0));
        ever_seen.extend(times);
    }
    // The newest snapshot comes first; those that waited follow it. The agent lived through it all, and ticks once a
    // second by its boot clock: the count is the duration.
    wait_until("all that was shown is there again, and every snapshot between", || {
        let times = times_once(&server);
        let (first, last) = (times.first().unwrap(), times.last().unwrap());
        let ticks = (last - first + 500) / 1000 + 1 - late_ticks(&server);
        Ok((ever_seen.is_subset(&times) && times.len() as i64 == ticks).then_some(()))
    })
    .unwrap();
    drop(agent);
}

/// Ticks that the agent skipped, by its own count.
fn late_ticks(server: &Server) -> i64 {
    let rows = server
        .get(&format!(
            "/api/v1/hosts/{HOST}/rows?table=host&columns=agent_late_ticks&from=0&to=4102444800000"
        ))
        .unwrap();
    let rows = rows.get("rows").unwrap_or(&rows).as_array().unwrap().clone();
    rows.iter().filter_map(|row| row["agent_late_ticks"].as_i64()).sum()
}

#[test]
fn a_killed_agent_doubles_nothing_and_what_was_taken_in_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path(), &[("flush_interval", "1s")]).unwrap();
    let mut agent = Agent::start(directory.path(), &server, HOST, &[("interval", "1s")]).unwrap();
    let mut random = Random::new(u64::from(std::process::id()) + 1);
    let mut ever_seen = wait_for_snapshot_after(&server, 0);
    for _ in 0..KILLS {
        wait_a_random_while(&mut random);
        agent.kill();
        ever_seen.extend(times_once(&server));
        agent.restart().unwrap();
        let times = wait_for_snapshot_after(&server, ever_seen.last().copied().unwrap_or(0));
        ever_seen.extend(times);
    }
    agent.stop().unwrap();
    ever_seen.extend(times_once(&server));
    // What is in memory only has to be in files after a clean stop.
    assert_eq!(server.stop().unwrap(), 0, "{}", server.log());
    server.restart().unwrap();
    let kept = times_once(&server);
    assert_eq!(kept, ever_seen);
}
