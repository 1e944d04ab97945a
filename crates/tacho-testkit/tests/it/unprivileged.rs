//! An agent of an ordinary user records what it may see, says what it can not, and leaves that absent.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use tacho_testkit::daemons::{Agent, Server, binary, wait_until};

const HOST: &str = "ordinary";
/// `nobody`.
const ORDINARY_USER: u32 = 65534;

#[test]
fn what_an_ordinary_user_may_not_see_is_absent_not_zero() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[("flush_interval", "1s")]).unwrap();
    let mut agent = Agent::join(directory.path(), &server, HOST, &[("interval", "1s")]).unwrap();
    // SAFETY: no precondition.
    #[expect(unsafe_code, reason = "there is no safe way to ask who we are")]
    let is_root = unsafe { libc::geteuid() } == 0;
    if is_root {
        let copied = directory.path().join("tacho-agent");
        std::fs::copy(binary("tacho-agent").unwrap(), &copied).unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        give_to(&agent.data_dir, ORDINARY_USER);
        agent.restart_as(&copied, ORDINARY_USER).unwrap();
    } else {
        agent.restart().unwrap();
    }
    let host = wait_until("the host is up", || {
        let host = server.get(&format!("/api/v1/hosts/{HOST}"))?;
        Ok((host["state"] == "up" && host["latest"]["cpu_used_ratio"].is_number()).then_some(host))
    })
    .unwrap();
    let absent: Vec<&str> = host["facts"]["collectors"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|collector| collector["absent"].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        absent.iter().any(|text| text.contains("disk_read_bytes")),
        "it says what it can not see: {absent:?}"
    );

    let first = process(&server, 1);
    assert!(
        first["rss_bytes"].as_i64().is_some_and(|bytes| bytes > 0),
        "what anybody may see is there: {first}"
    );
    for denied in ["disk_read_bytes_per_second", "disk_write_bytes_per_second"] {
        assert!(first[denied].is_null(), "{denied} of another user's process: {first}");
    }
}

fn process(server: &Server, pid: i64) -> Value {
    let now = server.snapshot_times(HOST).unwrap().into_iter().max().unwrap();
    let answer = server.get(&format!("/api/v1/hosts/{HOST}/processes?at={now}")).unwrap();
    answer["processes"].as_array().unwrap().iter().find(|row| row["pid"] == pid).unwrap().clone()
}

fn give_to(path: &std::path::Path, user: u32) {
    for entry in std::fs::read_dir(path).unwrap() {
        std::os::unix::fs::chown(entry.unwrap().path(), Some(user), Some(user)).unwrap();
    }
    std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
}
