//! A host is asked now: which files does that process hold open?

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};

use serde_json::Value;
use tacho_testkit::daemons::{Agent, Server, post, wait_until};

/// A process of ours, killed with its value.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Holder {
    /// It holds the file as its standard input, and nothing else of this test.
    fn start(file: &Path) -> Self {
        Self(Command::new("sleep").arg("86399").stdin(File::create(file).unwrap()).spawn().unwrap())
    }
}

/// Where the process is asked about, once the server knows when it started.
fn path_of(server: &Server, pid: u32) -> String {
    let known = wait_until("the process is recorded", || {
        let found = server.get("/api/v1/processes/search?command=sleep%2086399&limit=1000")?;
        let rows = found["processes"].as_array().unwrap();
        let row = rows.iter().find(|row| row["pid"] == pid);
        Ok(row.map(|row| row["start_time"].as_str().unwrap().to_owned()))
    });
    format!("/api/v1/hosts/web/processes/{pid}/{}/open-files", known.unwrap())
}

/// Status, and the answer or the error's reason.
fn ask(server: &Server, path: &str, token: &str) -> (u16, Value) {
    let (status, body) = post(server.http, path, token, "application/json", &Value::Null).unwrap();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    if status == 200 { (status, answer) } else { (status, answer["error"]["reason"].clone()) }
}

/// Asks again for as long as the host is not there or too slow just now.
fn ask_until_told(server: &Server, path: &str) -> (u16, Value) {
    wait_until("the host answers", || {
        let answer = ask(server, path, server.token());
        Ok((answer.0 != 503 && answer.0 != 429).then_some(answer))
    })
    .unwrap()
}

#[test]
fn a_process_is_asked_for_its_open_files_as_far_as_the_settings_of_its_host_allow() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[("flush_interval", "1s")]).unwrap();
    let mut agent = Agent::start(directory.path(), &server, "web", &[("interval", "1s")]).unwrap();
    let file = directory.path().join("a known\nfile");
    let holder = Holder::start(&file);
    let path = path_of(&server, holder.0.id());

    let told = wait_until("the host tells all", || {
        let (status, told) = ask(&server, &path, server.token());
        Ok((status == 200 && told["more"] == false).then_some(told))
    })
    .unwrap();
    let input = &told["files"][0];
    assert_eq!((&input["fd"], &input["kind"]), (&0.into(), &"file".into()), "{told}");
    let shown = format!(r"{}/a known\nfile", directory.path().display());
    assert_eq!((&input["name"], &input["access"]), (&shown.as_str().into(), &"write".into()));
    assert!(agent.log().contains("the server asks which files a process holds open"), "{}", agent.log());
    let printed = agent.run(&["show", "files", "--pid", &holder.0.id().to_string()]).unwrap();
    assert!(printed.contains(&shown), "{printed}");

    let viewer = server.create_token(&["api", "--role", "viewer"]).unwrap();
    assert_eq!(ask(&server, &path, &viewer).0, 403);
    let audit = server.get("/api/v1/audit").unwrap();
    let entry = &audit["entries"][0];
    assert_eq!((&entry["action"], &entry["subject"]), (&"host.open_files".into(), &"web".into()));

    // Another process that had the same pid, and this one once it has ended.
    let another = path.replace(&format!("/{}/", holder.0.id()), "/1/");
    assert_eq!(ask_until_told(&server, &another), (404, "gone".into()));
    drop(holder);
    assert_eq!(ask_until_told(&server, &path), (404, "gone".into()));

    agent.set("questions_open_files", "false");
    agent.stop().unwrap();
    agent.restart().unwrap();
    assert_eq!(ask_until_told(&server, &path), (403, "not_allowed".into()));
    agent.stop().unwrap();
    wait_until("the server knows that the agent is gone", || {
        Ok((ask(&server, &path, server.token()) == (503, "not_connected".into())).then_some(()))
    })
    .unwrap();
}
