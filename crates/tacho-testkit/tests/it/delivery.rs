//! An agent on its own: what it took while no server was there arrives, whatever happened to it; and one that has
//! its server writes nothing to disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tacho_testkit::daemons::{Agent, Server, wait_until};

const HOST: &str = "patient";

/// In memory, so that what is written there is not written to a disk.
fn runtime_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn distinct_times(server: &Server) -> BTreeSet<i64> {
    let times = server.snapshot_times(HOST).unwrap();
    let distinct: BTreeSet<i64> = times.iter().copied().collect();
    assert_eq!(distinct.len(), times.len(), "snapshots are stored twice");
    distinct
}

/// Files of waiting snapshots.
fn spool_files(agent: &Agent) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(agent.data_dir.join("spool")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Waits until the newest file of the spool has grown this often.
fn wait_for_groups(agent: &Agent, groups: u32) {
    let mut sizes = BTreeSet::new();
    wait_until("snapshots go to disk", || {
        sizes.insert(spool_files(agent).iter().map(|path| size(path)).sum::<u64>());
        sizes.remove(&0);
        Ok((sizes.len() >= groups as usize).then_some(()))
    })
    .unwrap();
}

#[test]
fn what_a_killed_agent_took_without_a_server_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = runtime_dir();
    let mut server = Server::start(directory.path(), &[("flush_interval", "1s")]).unwrap();
    let settings =
        [("interval", "1s"), ("spool_group", "3"), ("runtime_dir", runtime.path().to_str().unwrap())];
    let mut agent = Agent::start(directory.path(), &server, HOST, &settings).unwrap();
    wait_until("the first snapshots are there", || Ok((distinct_times(&server).len() >= 2).then_some(())))
        .unwrap();
    assert_eq!(spool_files(&agent), Vec::<PathBuf>::new());
    server.kill();
    wait_for_groups(&agent, 2);
    agent.kill();
    agent.restart().unwrap();
    wait_for_groups(&agent, 2);
    let state: Value = serde_json::from_str(&agent.run(&["show", "spool", "--json"]).unwrap()).unwrap();
    let number = |key: &str| state["spool"][key].as_u64().unwrap_or(0);
    assert!(number("frames") >= 6 && number("disk_bytes") > 0, "{state}");
    assert_eq!(
        (&state["spool"]["delivering"], &state["spool"]["gaps"]),
        (&false.into(), &Value::Array(Vec::new()))
    );
    agent.kill();
    server.restart().unwrap();
    agent.restart().unwrap();
    wait_until("the spool is empty", || Ok(spool_files(&agent).is_empty().then_some(()))).unwrap();
    assert_eq!(agent.stop().unwrap(), 0);
    let times: Vec<i64> = distinct_times(&server).into_iter().collect();
    // The agent ticks once a second, and each of its starts may take its first snapshot up to a second later than
    // it began; killed and started again three times.
    let longer = times.windows(2).filter(|pair| pair[1] - pair[0] > 1100).count();
    assert!(longer <= 3, "{times:?}");
    drop(runtime);
}

#[test]
fn an_agent_with_a_server_writes_nothing_to_disk() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = runtime_dir();
    let server = Server::start(directory.path(), &[("flush_interval", "1s")]).unwrap();
    let settings = [("interval", "1s"), ("runtime_dir", runtime.path().to_str().unwrap())];
    let agent = Agent::start(directory.path(), &server, HOST, &settings).unwrap();
    let stored = |count: usize| {
        wait_until("snapshots are stored", || Ok((distinct_times(&server).len() >= count).then_some(())))
            .unwrap();
    };
    stored(3);
    let before = written(agent.pid().unwrap());
    stored(25);
    // The log is a file here; otherwise the agent has written to memory only, which the kernel does not count.
    assert_eq!(written(agent.pid().unwrap()), before, "{}", agent.log());
    assert_eq!(spool_files(&agent), Vec::<PathBuf>::new());
}

/// Bytes that the process caused to be written to a disk.
fn written(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap();
    line.parse().unwrap()
}
