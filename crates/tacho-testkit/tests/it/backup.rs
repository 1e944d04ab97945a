//! A running server is copied while agents send, and comes back as it was.

use std::path::Path;

use serde_json::Value;
use tacho_testkit::daemons::{Agent, Daemon, Server, binary, wait_until};

const HOST: &str = "web";

/// Makes the data directory of a server that is to be started in `directory`.
fn restore(backup: &Path, directory: &Path) -> anyhow::Result<String> {
    std::fs::create_dir_all(directory)?;
    let settings = [("data_dir".to_owned(), directory.join("server").display().to_string())];
    let arguments = ["restore", backup.to_str().unwrap()];
    let log = directory.join("restore.log");
    Daemon::start(&binary("tacho-server")?, &arguments, "TACHO_SERVER", &settings, &log)?.finish()
}

/// Rows of table `host` that are in files.
fn stored_rows(server: &Server) -> u64 {
    let storage = server.get("/api/v1/storage").unwrap();
    let tables = storage["tables"].as_array().unwrap();
    let of_host = tables.iter().find(|table| table["table"] == "host" && table["level"] == "raw");
    of_host.map_or(0, |table| table["rows"].as_u64().unwrap())
}

fn rows(server: &Server, table: &str) -> Vec<String> {
    let path = format!("/api/v1/hosts/{HOST}/rows?table={table}&from=0&to=4102444800000");
    let answer = server.get(&path).unwrap();
    let mut rows: Vec<_> = answer["rows"].as_array().unwrap().iter().map(Value::to_string).collect();
    rows.sort();
    rows
}

#[test]
fn a_server_is_backed_up_while_agents_send_and_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let backup = root.path().join("backup");
    let here = root.path().join("here");
    std::fs::create_dir(&here).unwrap();
    let mut server = Server::start(&here, &[("flush_interval", "1s")]).unwrap();
    let mut agent = Agent::start(&here, &server, HOST, &[("interval", "1s")]).unwrap();
    wait_until("two flushes", || Ok((stored_rows(&server) >= 2).then_some(()))).unwrap();
    let before = stored_rows(&server);
    server.run(&["backup", backup.to_str().unwrap()]).unwrap();
    // Goes on; the backup stays what it was.
    wait_until("more", || Ok((stored_rows(&server) > before + 2).then_some(()))).unwrap();
    let first = root.path().join("first");
    restore(&backup, &first).unwrap();
    let mut restored = Server::start(&first, &[]).unwrap();
    let times = restored.snapshot_times(HOST).unwrap();
    assert!(times.len() as u64 >= before, "{} of {before}", times.len());
    assert_eq!(times, server.snapshot_times(HOST).unwrap()[..times.len()]);
    assert_eq!(restored.stop().unwrap(), 0);

    // A second one takes what is new, and once nobody sends it is all there is: rows, hosts, tokens, keys.
    assert_eq!(agent.stop().unwrap(), 0);
    assert_eq!(server.stop().unwrap(), 0);
    let told = server.run(&["backup", "--copy", backup.to_str().unwrap()]).unwrap();
    assert!(told.contains("files of the history"), "{told}");
    server.restart().unwrap();
    let second = root.path().join("second");
    restore(&backup, &second).unwrap();
    let restored = Server::start(&second, &[]).unwrap();
    for table in ["host", "process", "filesystem"] {
        let expected = rows(&server, table);
        assert!(!expected.is_empty());
        assert_eq!(rows(&restored, table), expected, "{table}");
    }
    let file = |directory: &Path, name: &str| std::fs::read(directory.join("server").join(name)).unwrap();
    for name in ["ca.pem", "ca-key.pem", "initial-password"] {
        assert_eq!(file(&second, name), file(&here, name), "{name}");
    }
    let answer = tacho_testkit::daemons::get(restored.http, "/api/v1/hosts", server.token()).unwrap();
    assert_eq!(answer.status, 200, "tokens are the same");

    let error = restore(&backup, &second).unwrap_err().to_string();
    assert!(error.contains("there is a history in"), "{error}");
    let error = restore(&first, &root.path().join("third")).unwrap_err().to_string();
    assert!(error.contains("is no backup"), "{error}");
    let inside = here.join("server/backup");
    let error = server.run(&["backup", inside.to_str().unwrap()]).unwrap_err().to_string();
    assert!(error.contains("is in the data directory"), "{error}");
}
