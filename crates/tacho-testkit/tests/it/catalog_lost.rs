//! A server whose catalog is gone finds its history again, and agents go on as the hosts that they were.

use tacho_testkit::daemons::{Agent, Server, wait_until};

const HOST: &str = "web";

#[test]
fn what_is_stored_is_there_again_and_who_joins_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let here = root.path();
    let settings = [("flush_interval", "1s")];
    let mut server = Server::start(here, &settings).unwrap();
    let mut agent = Agent::start(here, &server, HOST, &[("interval", "1s")]).unwrap();
    wait_until("snapshots", || Ok((server.snapshot_times(HOST)?.len() >= 3).then_some(()))).unwrap();
    assert_eq!(agent.stop().unwrap(), 0);
    let before = server.snapshot_times(HOST).unwrap();
    assert_eq!(server.stop().unwrap(), 0);

    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(here.join(format!("server/catalog.sqlite{suffix}"))).ok();
    }
    let told = server.run(&["rebuild-catalog"]).unwrap();
    assert!(told.contains("hosts that are known again, by their rows: 1"), "{told}");
    let server = Server::start(here, &settings).unwrap();
    assert_eq!(server.snapshot_times(HOST).unwrap(), before);

    agent.set("servers", &server.tls.to_string());
    agent.join_again(&server, &[]).unwrap();
    agent.restart().unwrap();
    let after = wait_until("more snapshots", || {
        let times = server.snapshot_times(HOST)?;
        Ok((times.len() > before.len()).then_some(times))
    });
    assert_eq!(after.unwrap()[..before.len()], before);
    assert_eq!(server.get("/api/v1/hosts").unwrap()["hosts"].as_array().unwrap().len(), 1);
}
