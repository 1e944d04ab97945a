use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tacho_model::tables::{filesystem, host, process};
use tacho_model::{Block, HostFacts, HostKey, ProcessIdentity, ProcessKey, Snapshot, tables};

use super::*;

struct Fixture {
    live: Live,
    now: Arc<AtomicI64>,
    key: HostKey,
}

impl Fixture {
    fn new() -> Self {
        let now = Arc::new(AtomicI64::new(1_000_000));
        let clock = Arc::clone(&now);
        let live = Live::new(Arc::new(move || clock.load(Ordering::Relaxed)));
        let key = HostKey { id: "h1".into(), name: "web".into() };
        live.connected(&key, Arc::new(HostFacts::default()));
        Self { live, now, key }
    }

    fn host(&self) -> Arc<LiveHost> {
        self.live.host("web").unwrap()
    }

    fn state(&self) -> HostState {
        self.host().state(self.now.load(Ordering::Relaxed))
    }

    fn add(&self, time_ms: i64, processes: &[(i64, &str)]) {
        let mut host_block = Block::new(&host::TABLE);
        host_block.interval_ms = 5_000;
        host_block.push().float(host::LOAD1, 1.0);
        let mut block = Block::new(&process::TABLE);
        let mut identities = Vec::new();
        for (pid, state) in processes {
            block.push().text(process::STATE, state);
            let key = ProcessKey { pid: *pid, start_time_ms: *pid };
            identities.push(Arc::new(ProcessIdentity { key, ..ProcessIdentity::other() }));
        }
        let snapshot = Snapshot { time_ms, blocks: vec![host_block, block], processes: identities };
        self.live.snapshot(&self.key, Arc::new(snapshot));
    }

    fn pids(&self) -> Vec<(i64, i64)> {
        let mut pids: Vec<_> = self
            .host()
            .processes()
            .iter()
            .map(|process| (process.identity.key.pid, process.snapshot.time_ms))
            .collect();
        pids.sort_unstable();
        pids
    }
}

#[test]
fn there_is_room_for_every_table() {
    assert_eq!(tables::ALL.len(), TABLES);
}

#[test]
fn a_host_is_up_while_its_agent_is_heard_of() {
    let fixture = Fixture::new();
    assert_eq!(fixture.state(), HostState::Up, "just connected");
    fixture.now.fetch_add(24_999, Ordering::Relaxed);
    assert_eq!(fixture.state(), HostState::Up);
    fixture.now.fetch_add(1, Ordering::Relaxed);
    assert_eq!(fixture.state(), HostState::Silent, "nothing for three intervals and 10 s");
    fixture.add(5, &[]);
    assert_eq!(fixture.state(), HostState::Up, "the host's own clock does not count");
    fixture.live.disconnected("h1");
    assert_eq!(fixture.state(), HostState::Down);
}

#[test]
fn processes_have_their_latest_row_and_leave_when_they_end() {
    let fixture = Fixture::new();
    fixture.add(1_000, &[(1, "S"), (2, "R"), (0, "")]);
    fixture.add(6_000, &[(2, "R"), (3, "X")]);
    assert_eq!(fixture.pids(), [(0, 1_000), (1, 1_000), (2, 6_000)], "3 has ended");
    fixture.add(11_000, &[(2, "X"), (0, "")]);
    assert_eq!(fixture.pids(), [(0, 11_000), (1, 1_000)], "2 has ended, whatever older snapshots say");
    fixture.add(16_000, &[]);
    assert_eq!(fixture.pids(), [(0, 11_000), (1, 1_000)]);
    fixture.add(76_000, &[]);
    assert_eq!(fixture.pids(), [(0, 11_000), (1, 1_000)]);
    fixture.add(76_001, &[]);
    assert_eq!(fixture.pids(), [(0, 11_000)], "1 was not seen for longer than an idle process is");
}

#[test]
fn an_older_snapshot_changes_nothing() {
    let fixture = Fixture::new();
    let mut events = fixture.live.subscribe();
    fixture.add(6_000, &[(1, "S")]);
    fixture.add(1_000, &[(2, "S")]);
    fixture.add(6_000, &[(3, "S")]);
    assert_eq!(fixture.pids(), [(1, 6_000)]);
    assert_eq!(events.try_recv().unwrap().kind, LiveEventKind::Snapshot);
    assert!(events.try_recv().is_err(), "one event for the one that was newer");
}

#[test]
fn a_table_that_comes_rarely_stays_until_it_comes_again() {
    let fixture = Fixture::new();
    let mut block = Block::new(&filesystem::TABLE);
    block.push().text(filesystem::MOUNT_POINT, "/");
    let snapshot = Snapshot { time_ms: 1_000, blocks: vec![block], processes: Vec::new() };
    fixture.live.snapshot(&fixture.key, Arc::new(snapshot));
    for time_ms in 2..200 {
        fixture.add(time_ms * 1_000, &[]);
    }
    let host = fixture.host();
    assert_eq!(host.with_block(&filesystem::TABLE, |snapshot, _| snapshot.time_ms), Some(1_000));
    assert_eq!(host.with_block(&host::TABLE, |snapshot, _| snapshot.time_ms), Some(199_000));
    assert!(host.with_block(&tables::disk::TABLE, |_, _| ()).is_none());
}

#[test]
fn a_removed_host_stays_away_until_it_connects_again() {
    let fixture = Fixture::new();
    fixture.live.remove("h1");
    fixture.add(1_000, &[]);
    assert!(fixture.live.host("web").is_none() && fixture.live.hosts().is_empty());
    fixture.live.connected(&fixture.key, Arc::new(HostFacts::default()));
    assert!(fixture.live.host("h1").is_some() && fixture.host().newest().is_none());
}
