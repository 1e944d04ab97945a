//! Strangers, and a second server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use tacho_testkit::daemons::{Agent, Server, free_addresses, wait_until};
use tacho_testkit::random::Random;

const STRANGERS: u64 = 40;

#[test]
fn a_second_server_on_one_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]).unwrap();
    let mut second = server.another(free_addresses().unwrap()).unwrap();
    assert_ne!(second.wait().unwrap(), 0);
    let log = second.log();
    assert!(log.contains("in use") && log.contains(&server.data_dir.display().to_string()), "{log}");
    server.get("/api/v1/hosts").unwrap();
}

#[test]
fn noise_and_slow_strangers_on_the_port_harm_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[("flush_interval", "1s")]).unwrap();
    let mut random = Random::new(3);
    // Those that connect and say nothing, and those that say half a TLS hello, stay until the end.
    let silent: Vec<TcpStream> = (0..STRANGERS).map(|_| TcpStream::connect(server.tls).unwrap()).collect();
    for (number, mut stream) in silent.iter().enumerate() {
        if number % 2 == 0 {
            stream.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
        }
    }
    for length in 0..STRANGERS {
        let mut stream = TcpStream::connect(server.tls).unwrap();
        let noise: Vec<u8> = (0..length * 100).map(|_| random.number() as u8).collect();
        // The server may hang up in the middle, and says so with an error here.
        drop(stream.write_all(&noise));
        drop(stream.set_read_timeout(Some(Duration::from_millis(20))));
        drop(stream.read(&mut [0; 100]));
    }
    let agent = Agent::start(directory.path(), &server, "calm", &[("interval", "1s")]).unwrap();
    wait_until("snapshots are stored all the same", || {
        Ok((server.metric("tacho_history_frames_stored_total")? >= 2.0).then_some(()))
    })
    .unwrap();
    assert!(!server.log().contains("panicked"), "{}", server.log());
    drop((silent, agent));
}

#[test]
fn a_second_agent_under_one_identity_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]).unwrap();
    let mut agent = Agent::start(directory.path(), &server, "twin", &[("interval", "1s")]).unwrap();
    wait_until("the first one is connected", || Ok(agent.log().contains("connected").then_some(()))).unwrap();
    let copy = directory.path().join("copy");
    copy_directory(&agent.data_dir, &copy);
    let twin = agent.another(&copy).unwrap();
    wait_until("the second one is told", || Ok(twin.log().contains("identity").then_some(()))).unwrap();
    assert_eq!(agent.stop().unwrap(), 0);
}

#[test]
fn a_removed_host_is_told_and_stays_away() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]).unwrap();
    let mut agent = Agent::start(directory.path(), &server, "gone", &[("interval", "1s")]).unwrap();
    wait_until("the host is up", || {
        let hosts = server.get("/api/v1/hosts")?;
        Ok((hosts["hosts"][0]["state"] == "up").then_some(()))
    })
    .unwrap();
    server.delete("/api/v1/hosts/gone").unwrap();
    wait_until("the agent is told", || Ok(agent.log().contains("was removed on the server").then_some(())))
        .unwrap();
    wait_until("it is not let in again", || {
        Ok((server.metric("tacho_agent_streams_refused_total")? >= 1.0).then_some(()))
    })
    .unwrap();
    assert_eq!(server.get("/api/v1/hosts").unwrap()["hosts"].as_array().unwrap().len(), 0);
    assert_eq!(agent.stop().unwrap(), 0);
}

pub(crate) fn copy_directory(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // What waits in the runtime directory stays with the first one.
        if entry.file_type().unwrap().is_dir() {
            continue;
        }
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
