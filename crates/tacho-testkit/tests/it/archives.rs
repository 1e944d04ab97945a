//! A host's history as one file: written beside a running server, opened elsewhere, taken in by another server.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tacho_testkit::daemons::{Agent, Daemon, Server, binary, wait_until};

const HOST: &str = "web";

const TABLES: [&str; 5] = ["host", "cpu", "disk", "filesystem", "process"];

fn rows_path(table: &str) -> String {
    format!("/api/v1/hosts/{HOST}/rows?table={table}&from=0&to=4102444800000")
}

/// All rows of a table as text, in some order of their own.
fn rows(answer: &Value) -> Vec<String> {
    let mut rows: Vec<_> = answer["rows"].as_array().unwrap().iter().map(Value::to_string).collect();
    rows.sort();
    rows
}

/// Those up to a time, as text.
fn rows_until(server: &Server, table: &str, last: &str) -> Vec<String> {
    let mut answer = server.get(&rows_path(table)).unwrap();
    answer["rows"].as_array_mut().unwrap().retain(|row| row["time"].as_str().unwrap() <= last);
    rows(&answer)
}

fn last_time(answer: &Value) -> String {
    let times = answer["rows"].as_array().unwrap().iter().map(|row| row["time"].as_str().unwrap().to_owned());
    times.max().unwrap()
}

fn import(server: &Server, file: &Path) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&server.run(&["import", "--json", file.to_str().unwrap()])?)?)
}

/// `tacho-server open`, and whoever signed in to it.
struct Opened {
    daemon: Daemon,
    address: SocketAddr,
    cookie: String,
}

impl Opened {
    fn start(directory: &Path, file: &Path) -> Self {
        let temporary = directory.join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let mut command = Command::new(binary("tacho-server").unwrap());
        command.env("TMPDIR", &temporary);
        let arguments = ["open", "--listen", "127.0.0.1:0", file.to_str().unwrap()];
        let log = directory.join("open.log");
        let mut daemon = Daemon::start_command(command, &arguments, "TACHO_SERVER", &[], &log).unwrap();
        let (address, password) = wait_until("the file is open", || {
            assert!(daemon.is_running(), "{}", daemon.log());
            Ok(Self::told(&daemon.log()))
        })
        .unwrap();
        let mut opened = Self { daemon, address, cookie: String::new() };
        let body = format!(r#"{{"user":"viewer","password":"{password}"}}"#);
        let (head, _) = opened.request("POST /api/v1/session", &body);
        let cookie = head.lines().find(|line| line.to_lowercase().starts_with("set-cookie: "));
        opened.cookie = cookie.unwrap().split_once(": ").unwrap().1.split(';').next().unwrap().to_owned();
        opened
    }

    /// Address and password, once both are printed.
    fn told(log: &str) -> Option<(SocketAddr, String)> {
        let after = |mark: &str| Some(log.split_once(mark)?.1.lines().next()?.to_owned());
        // The last line: all before it is whole.
        after("Ctrl-C")?;
        let page = after("http://")?;
        assert!(page.contains(&format!("/hosts/{HOST}?from=")), "{page}");
        let password = after("viewer")?.trim().to_owned();
        Some((page.split('/').next()?.parse().unwrap(), password))
    }

    fn request(&self, call: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "{call} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nX-Tacho-Request: 1\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            self.cookie,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn status(&self, call: &str) -> String {
        self.request(call, "").0.split(' ').nth(1).unwrap().to_owned()
    }
}

#[test]
fn a_host_goes_from_one_server_to_another_as_a_file() {
    let root = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| {
        let directory = root.path().join(name);
        std::fs::create_dir(&directory).unwrap();
        directory
    });
    // What the agent sends stays in memory.
    let mut first = Server::start(&here, &[("flush_interval", "1h")]).unwrap();
    let mut agent = Agent::start(&here, &first, HOST, &[("interval", "1s")]).unwrap();
    wait_until("three snapshots", || {
        Ok(first.snapshot_times(HOST).is_ok_and(|times| times.len() >= 3).then_some(()))
    })
    .unwrap();
    let file = root.path().join("web.tar");
    first.run(&["export", "--host", HOST, "--from", "1h", file.to_str().unwrap()]).unwrap();

    let mut second = Server::start(&there, &[("flush_interval", "1h")]).unwrap();
    let done = import(&second, &file).unwrap();
    assert_eq!(
        (&done["host"], &done["new_host"], &done["known_rows"]),
        (&HOST.into(), &true.into(), &0.into())
    );
    let last = last_time(&second.get(&rows_path("host")).unwrap());
    assert!(second.snapshot_times(HOST).unwrap().len() >= 3);
    for table in TABLES {
        let taken_in = rows(&second.get(&rows_path(table)).unwrap());
        assert!(!taken_in.is_empty(), "{table}");
        assert_eq!(taken_in, rows_until(&first, table, &last), "{table}");
    }
    let facts = |server: &Server| server.get(&format!("/api/v1/hosts/{HOST}")).unwrap()["facts"].clone();
    assert_eq!(facts(&second), facts(&first));
    // Durable at once, and once only.
    second.kill();
    second.restart().unwrap();
    let again = import(&second, &file).unwrap();
    assert_eq!((&again["rows"], &again["known_rows"]), (&0.into(), &done["rows"]));

    // Without a server, all that there is by then.
    assert_eq!(agent.stop().unwrap(), 0);
    assert_eq!(first.stop().unwrap(), 0);
    assert_eq!(second.stop().unwrap(), 0);
    first.run(&["export", "--host", HOST, "--from", "1h", file.to_str().unwrap()]).unwrap();
    let rest = import(&second, &file).unwrap();
    assert_eq!((&rest["new_host"], &rest["known_rows"]), (&false.into(), &done["rows"]));
    second.restart().unwrap();
    first.restart().unwrap();
    for table in TABLES {
        let [mine, theirs] = [&first, &second].map(|server| rows(&server.get(&rows_path(table)).unwrap()));
        assert_eq!(mine, theirs, "{table}");
    }
}

#[test]
fn a_file_is_opened_for_a_look_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start(root.path(), &[("flush_interval", "1h")]).unwrap();
    let _agent = Agent::start(root.path(), &server, HOST, &[("interval", "1s")]).unwrap();
    wait_until("two snapshots", || {
        Ok(server.snapshot_times(HOST).is_ok_and(|times| times.len() >= 2).then_some(()))
    })
    .unwrap();
    let file = root.path().join("web.tar");
    let export =
        |arguments: &[&str]| server.run(&[&["export"], arguments, &[file.to_str().unwrap()]].concat());
    export(&["--host", HOST, "--from", "1h"]).unwrap();

    let opened = Opened::start(root.path(), &file);
    let (head, body) = opened.request(&format!("GET {}", rows_path("process")), "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(body.contains(r#""host":"web""#), "{body}");
    assert_eq!(opened.status(&format!("GET /hosts/{HOST}")), "200", "the page");
    assert_eq!(opened.status(&format!("DELETE /api/v1/hosts/{HOST}")), "403", "only to be looked at");
    assert_eq!(opened.daemon.stop().unwrap(), 0);
    assert_eq!(std::fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);

    for (arguments, expected) in [
        (["--host", "nobody", "--from", "1h"], "there is no host nobody"),
        (["--host", HOST, "--from", "yesterday"], "how long ago, such as 2h"),
    ] {
        let error = export(&arguments).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // One that was cut off is refused by both, and the file is not written over by an export that failed.
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    for command in ["import", "open"] {
        let error = server.run(&[command, file.to_str().unwrap()]).unwrap_err().to_string();
        assert!(error.contains("not a whole export of a host"), "{command}: {error}");
    }
    export(&["--host", "nobody", "--from", "1h"]).unwrap_err();
    assert_eq!(std::fs::metadata(&file).unwrap().len(), whole.len() as u64 / 2);
    assert!(!root.path().join("web.tar.part").exists());
}
