//! Identities of agents end to end: renewed, revoked, joined again, copied; and hosts renamed.

use serde_json::Value;
use tacho_testkit::daemons::{Agent, Server, wait_until};

const QUICK: &[(&str, &str)] = &[("interval", "1s")];
const FLUSH: (&str, &str) = ("flush_interval", "1s");

fn count(log: &str, what: &str) -> usize {
    log.matches(what).count()
}

fn host(server: &Server, name: &str) -> Value {
    server.get(&format!("/api/v1/hosts/{name}")).unwrap()
}

fn wait_for_state(server: &Server, name: &str, state: &str) {
    wait_until(&format!("{name} is {state}"), || {
        Ok((server.get(&format!("/api/v1/hosts/{name}"))?["state"] == state).then_some(()))
    })
    .unwrap();
}

#[test]
fn certificates_are_renewed_again_and_again_and_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[FLUSH, ("certificate_lifetime", "10s")]).unwrap();
    let mut agent = Agent::start(directory.path(), &server, "web", QUICK).unwrap();
    for round in 1..=3 {
        wait_until("the certificate is renewed", || {
            Ok((count(&agent.log(), "renewed this agent's certificate") >= round).then_some(()))
        })
        .unwrap();
        // Wherever in the renewal this falls: what is on disk is an identity.
        agent.kill();
        agent.restart().unwrap();
    }
    let connected = count(&agent.log(), "connected server=");
    wait_until("it is connected after the last one", || {
        Ok((count(&agent.log(), "connected server=") > connected
            || count(&server.log(), "agent connected") >= 5)
            .then_some(()))
    })
    .unwrap();
    wait_until("the server has renewed its own", || {
        Ok(server.log().contains("renewed this server's certificate").then_some(()))
    })
    .unwrap();
    wait_for_state(&server, "web", "up");
    assert!(!server.log().contains("refused an agent"), "{}", server.log());
    assert_eq!(server.get("/api/v1/agents").unwrap()["agents"].as_array().unwrap().len(), 1);
    assert!(!agent.data_dir.join("identity.pem.tmp").exists());
}

#[test]
fn a_certificate_that_falls_due_while_no_server_is_there_is_renewed_when_one_is() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path(), &[FLUSH, ("certificate_lifetime", "60s")]).unwrap();
    let agent = Agent::start(directory.path(), &server, "web", QUICK).unwrap();
    wait_for_state(&server, "web", "up");
    server.kill();
    wait_until("it tries in vain", || Ok(agent.log().contains("cannot renew the certificate").then_some(())))
        .unwrap();
    server.restart().unwrap();
    wait_until("it is renewed", || {
        Ok(agent.log().contains("renewed this agent's certificate").then_some(()))
    })
    .unwrap();
    wait_for_state(&server, "web", "up");
    assert!(!server.log().contains("refused an agent"), "{}", server.log());
    // One connection by each certificate, not one after the other without end.
    assert!(count(&agent.log(), "connected server=") < 8, "{}", agent.log());
}

#[test]
fn a_revoked_agent_is_told_at_once_and_joins_again_with_its_history() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[FLUSH]).unwrap();
    let mut agent = Agent::start(directory.path(), &server, "web", QUICK).unwrap();
    wait_for_state(&server, "web", "up");
    let id = host(&server, "web")["id"].clone();
    let before = wait_until("there is history", || {
        let times = server.snapshot_times("web")?;
        Ok((!times.is_empty()).then_some(times))
    })
    .unwrap();
    assert!(server.run(&["agent", "revoke", "web"]).unwrap().contains("refused from now on"));
    wait_until("the stream ends and says what to do", || {
        let log = agent.log();
        Ok((log.contains("was revoked") && log.contains("token create join")).then_some(()))
    })
    .unwrap();
    wait_until("it is refused", || {
        Ok((server.metric("tacho_agent_streams_refused_total")? >= 1.0).then_some(()))
    })
    .unwrap();
    assert!(server.run(&["agent", "list"]).unwrap().contains("revoked"));

    agent.stop().unwrap();
    agent.join_again(&server, &[]).unwrap();
    agent.restart().unwrap();
    wait_for_state(&server, "web", "up");
    assert_eq!(host(&server, "web")["id"], id);
    let times = server.snapshot_times("web").unwrap();
    assert!(before.iter().all(|time| times.contains(time)), "{before:?} {times:?}");
}

#[test]
fn a_host_joins_again_on_another_machine_under_another_name() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[FLUSH]).unwrap();
    let mut old = Agent::start(directory.path(), &server, "web", QUICK).unwrap();
    wait_for_state(&server, "web", "up");
    let id = host(&server, "web")["id"].clone();
    // It joins as a host of its own first, and then takes the place of the other.
    let mut new = Agent::join(directory.path(), &server, "other", QUICK).unwrap();
    new.join_again(&server, &["--host", "web"]).unwrap();
    wait_until("the old one is told", || Ok(old.log().contains("has joined anew").then_some(()))).unwrap();
    old.stop().unwrap();
    new.restart().unwrap();
    wait_for_state(&server, "web", "up");
    assert_eq!(host(&server, "web")["id"], id);
    assert!(new.log().contains("joined") && new.log().contains("as web"), "{}", new.log());
}

#[test]
fn a_renamed_host_is_the_same_and_live_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[FLUSH]).unwrap();
    let agent = Agent::start(directory.path(), &server, "web", QUICK).unwrap();
    wait_for_state(&server, "web", "up");
    let before = wait_until("there is history", || {
        let times = server.snapshot_times("web")?;
        Ok((!times.is_empty()).then_some(times))
    })
    .unwrap();
    assert!(server.run(&["host", "rename", "web", "shop"]).unwrap().contains("is called shop now"));
    wait_until("the agent comes back under the new name", || {
        Ok(agent.log().contains("host=\"shop\"").then_some(()))
    })
    .unwrap();
    wait_for_state(&server, "shop", "up");
    let newest = before.last().copied().unwrap();
    let times = wait_until("new snapshots are stored", || {
        let times = server.snapshot_times("shop")?;
        Ok(times.last().is_some_and(|time| *time > newest).then_some(times))
    })
    .unwrap();
    assert!(before.iter().all(|time| times.contains(time)), "{before:?} {times:?}");
    assert_eq!(host(&server, "web")["name"], "shop", "the old name still leads there");
    assert!(server.run(&["host", "list"]).unwrap().contains("shop"));
    assert!(server.run(&["host", "remove", "shop"]).unwrap().contains("removed"));
    wait_until("the agent is told", || Ok(agent.log().contains("was removed on the server").then_some(())))
        .unwrap();
}

#[test]
fn a_copied_machine_is_named_and_gets_a_place_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[FLUSH]).unwrap();
    let agent = Agent::start(directory.path(), &server, "twin", QUICK).unwrap();
    wait_for_state(&server, "twin", "up");
    assert!(host(&server, "twin")["conflict"].is_null());
    let copy = directory.path().join("copy");
    crate::refused::copy_directory(&agent.data_dir, &copy);
    let twin = agent.another(&copy).unwrap();
    wait_until("the copy is told", || Ok(twin.log().contains("same identity").then_some(()))).unwrap();
    let conflict = host(&server, "twin")["conflict"].clone();
    assert_eq!(
        (&conflict["address"], &conflict["connected_address"]),
        (&"127.0.0.1".into(), &"127.0.0.1".into())
    );
    assert!(server.log().contains("two machines under one identity"), "{}", server.log());
    drop(twin);
    // The same machine id and name, while the first is connected: another host.
    let other = tempfile::tempdir().unwrap();
    let joined = Agent::start(other.path(), &server, "twin", QUICK).unwrap();
    wait_for_state(&server, "twin-2", "up");
    wait_for_state(&server, "twin", "up");
    assert!(!agent.log().contains("joined anew"), "{}", agent.log());
    drop(joined);
}
