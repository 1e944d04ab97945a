//! Agents that watch the server: one says that it is gone, and that it is back.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tacho_testkit::daemons::{Agent, Server, free_addresses, wait_until};

/// A hook that people would read.
struct Hook {
    address: String,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&heard);
        // Ends with the test program.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                keep.lock().unwrap().push(take(stream.unwrap()));
            }
        });
        Self { address, heard }
    }

    fn heard(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|body| (text(&body["event"]), text(&body["fields"]["host"]))).collect()
    }

    fn wait_for(&self, count: usize) -> Vec<(String, String)> {
        wait_until(&format!("there are {count} messages"), || {
            let heard = self.heard();
            Ok((heard.len() >= count).then_some(heard))
        })
        .unwrap()
    }
}

/// The body of one POST, answered with 200.
fn take(mut stream: TcpStream) -> Value {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn pair(event: &str, host: &str) -> (String, String) {
    (event.to_owned(), host.to_owned())
}

fn sentinel(directory: &std::path::Path, server: &Server, name: &str) -> Agent {
    let [address, _] = free_addresses().unwrap();
    let address = address.to_string();
    let settings = [("interval", "1s"), ("sentinel_listen", address.as_str()), ("sentinel_check", "1s")];
    let agent = Agent::start(directory, server, name, &settings).unwrap();
    wait_until("the server has ranked it", || {
        let log = server.log();
        Ok(log.lines().any(|line| line.contains("ranked the agents") && line.contains(name)).then_some(()))
    })
    .unwrap();
    wait_until("it keeps its duty", || Ok(agent.data_dir.join("sentinel").exists().then_some(()))).unwrap();
    agent
}

fn wait_for_log(agent: &Agent, from: usize, what: &str) {
    wait_until(&format!("the agent says {what}"), || {
        Ok(agent.log().get(from..).unwrap_or_default().contains(what).then_some(()))
    })
    .unwrap();
}

#[test]
fn one_agent_says_that_the_server_is_gone_and_that_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let hook = Hook::listen();
    let settings = format!(
        "[sentinel]\nsettle = '1s'\n[[sentinel.channel]]\nkind = 'webhook'\nurl = 'http://{}/hook'\n",
        hook.address
    );
    std::fs::write(directory.path().join("server.toml"), settings).unwrap();
    let mut server = Server::start(directory.path(), &[("flush_interval", "1s")]).unwrap();
    let mut first = sentinel(directory.path(), &server, "first");
    let second = sentinel(directory.path(), &server, "second");

    // The server dies: the first speaks, the second hears of it.
    server.kill();
    assert_eq!(hook.wait_for(1), [pair("server_unreachable", "first")]);
    wait_for_log(&second, 0, "answer=Spoken");
    // A restart in the middle of it repeats nothing.
    first.kill();
    let from = first.log().len();
    first.restart().unwrap();
    wait_for_log(&first, from, "not connected");
    server.restart().unwrap();
    assert_eq!(hook.wait_for(2)[1..], [pair("server_reachable", "first")]);
    wait_for_log(&second, second.log().rfind("answer=Spoken").unwrap(), "INFO connected");

    // The first is dead when the server dies: the second speaks.
    first.kill();
    server.kill();
    assert_eq!(hook.wait_for(3)[2..], [pair("server_unreachable", "second")]);
    let from = second.log().len();
    server.restart().unwrap();
    assert_eq!(hook.wait_for(4)[3..], [pair("server_reachable", "second")]);
    wait_for_log(&second, from, "told people about the server");
    assert_eq!(hook.heard().len(), 4, "{:?}", hook.heard());
    assert!(!second.log().contains("/hook"), "the address of a hook is a secret");
}

#[test]
fn an_agent_that_still_sees_the_server_is_asked_and_believed() {
    let directory = tempfile::tempdir().unwrap();
    let hook = Hook::listen();
    let file = format!("[[sentinel.channel]]\nkind = 'webhook'\nurl = 'http://{}/'\n", hook.address);
    std::fs::write(directory.path().join("server.toml"), format!("[sentinel]\nsettle = '1s'\n{file}"))
        .unwrap();
    let server = Server::start(directory.path(), &[("flush_interval", "1s")]).unwrap();
    let first = sentinel(directory.path(), &server, "first");
    let mut second = sentinel(directory.path(), &server, "second");
    // Its identity is worthless now, so no server lets it in; the first still sees one.
    server.run(&["agent", "revoke", "second"]).unwrap();
    wait_for_log(&second, 0, "answer=SeesServer");
    second.stop().unwrap();
    assert!(hook.heard().is_empty(), "{:?}", hook.heard());
    drop(first);
}
