//! Server-sent events.

use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use futures::StreamExt as _;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tacho_catalog::{Role, StreamKey};
use tacho_model::tables::host;
use tacho_model::{Block, HostKey, Snapshot};
use tacho_server::look_back::LookBack;

use crate::fixture::{BUSY, IDLE, Server, at};

struct Events {
    body: BodyDataStream,
    text: String,
}

impl Events {
    async fn open(server: &Server, path: &str) -> Self {
        let token = server.token(Role::Viewer).await;
        let response = server.call(Method::GET, path).bearer(&token).open().await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let body: Body = response.into_body();
        Self { body: body.into_data_stream(), text: String::new() }
    }

    /// Name and data of the next event; absent when the stream has ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        while !self.text.contains("\n\n") {
            let piece = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
        let (event, rest) = self.text.split_once("\n\n").unwrap();
        let field =
            |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let found = (field("event:"), serde_json::from_str(&field("data:")).unwrap());
        self.text = rest.to_owned();
        Some(found)
    }
}

fn send(server: &Server, key: &HostKey, offset_ms: i64, load: f64) {
    let mut block = Block::new(&host::TABLE);
    block.push().float(host::LOAD1, load);
    let snapshot = Snapshot { time_ms: at(offset_ms), blocks: vec![block], processes: Vec::new() };
    server.state.live.snapshot(key, Arc::new(snapshot));
}

#[tokio::test]
async fn one_host_comes_with_its_processes() {
    let server = Server::with_history().await;
    let mut events = Events::open(&server, "/api/v1/live?host=web").await;
    let (name, data) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &data["host"], &data["id"]), ("snapshot", &json!("web"), &json!("id-web")));
    assert_eq!(data["latest"]["cpu_used_ratio"], 0.25);
    assert_eq!(data["other"]["processes"], 3);
    let pids: Vec<_> =
        data["processes"].as_array().unwrap().iter().map(|process| process["pid"].clone()).collect();
    assert_eq!(pids, [BUSY, IDLE]);
    assert_eq!(data["processes"][1]["cpu_ratio"], 0.0, "did nothing since its row");
    let stored = server.json("/api/v1/hosts/web/processes").await;
    let mut by_pid = stored["processes"].as_array().unwrap().clone();
    by_pid.sort_by_key(|process| process["pid"].as_i64());
    assert_eq!(data["processes"], json!(by_pid), "live and stored tell the same");
    assert_eq!(data["other"], stored["other"]);
}

#[tokio::test]
async fn every_snapshot_arrives_and_states_change() {
    let server = Server::empty().await;
    let key = server.join("web").await;
    let mut events = Events::open(&server, "/api/v1/live").await;
    send(&server, &key, 1_000, 1.0);
    let (name, data) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &data["latest"]["load1"]), ("snapshot", &json!(1.0)));
    assert!(data.get("processes").is_none());
    send(&server, &key, 2_000, 2.0);
    assert_eq!(events.next().await.unwrap().1["latest"]["load1"], 2.0);
    server.state.live.disconnected(&key.id);
    let (name, data) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &data["state"]), ("state", &json!("down")));
}

#[tokio::test]
async fn who_asks_for_a_host_without_a_snapshot_is_told_so() {
    let server = Server::empty().await;
    let key = server.join("web").await;
    let after_a_restart = server.another().await;
    for (server, state) in [(&server, "up"), (&after_a_restart, "down")] {
        let mut events = Events::open(server, "/api/v1/live?host=web").await;
        let (name, data) = events.next().await.unwrap();
        assert_eq!(name, "state");
        assert_eq!(data, json!({ "host": "web", "id": "id-web", "state": state }));
    }
    let mut events = Events::open(&server, "/api/v1/live?host=web").await;
    events.next().await.unwrap();
    send(&server, &key, 1_000, 1.0);
    assert_eq!(events.next().await.unwrap().0, "snapshot");
}

#[tokio::test]
async fn a_host_tells_what_is_missing_of_its_last_day() {
    let server = Server::empty().await;
    let web = server.join("web").await;
    assert_eq!(server.json("/api/v1/hosts/web").await["gaps"], Value::Null, "it has sent nothing");
    let stream = StreamKey { agent_id: "agent".into(), stream: [1; 16] };
    for (sequence, seconds) in (1..).zip([0, 5, 10, 70, 75]) {
        let mut block = Block::new(&host::TABLE);
        block.interval_ms = 5_000;
        block.push().float(host::LOAD1, 1.0);
        let snapshot =
            Arc::new(Snapshot { time_ms: at(seconds * 1_000), blocks: vec![block], processes: Vec::new() });
        server.set_now(snapshot.time_ms);
        server.state.history.append(&web, &stream, sequence, Arc::clone(&snapshot)).await.unwrap();
        server.state.live.snapshot(&web, snapshot);
    }
    let gaps = json!({ "count": 1, "missing_seconds": 55.0 });
    assert_eq!(server.json("/api/v1/hosts").await["hosts"][0]["gaps"], gaps);
    server.state.history.flush().await.unwrap();
    server.advance(600_000);
    let after_a_restart = server.another().await;
    assert_eq!(after_a_restart.json("/api/v1/hosts/web").await["gaps"], Value::Null, "not yet known");
    let state = &after_a_restart.state;
    let look_back = LookBack {
        history: state.history.clone(),
        catalog: state.catalog.clone(),
        live: state.live.clone(),
        now: Arc::clone(&state.now),
    };
    look_back.look_back().await;
    let gaps = json!({ "count": 2, "missing_seconds": 655.0 });
    assert_eq!(after_a_restart.json("/api/v1/hosts/web").await["gaps"], gaps);
}

#[tokio::test]
async fn a_slow_reader_gets_the_newest() {
    let server = Server::empty().await;
    let key = server.join("web").await;
    let mut events = Events::open(&server, "/api/v1/live").await;
    for number in 0..10_000 {
        send(&server, &key, number, number as f64);
    }
    assert_eq!(events.next().await.unwrap().1["latest"]["load1"], 9_999.0);
}

#[tokio::test]
async fn only_the_host_asked_for_is_sent() {
    let server = Server::empty().await;
    let (web, db) = (server.join("web").await, server.join("db").await);
    let mut events = Events::open(&server, "/api/v1/live?host=db").await;
    send(&server, &web, 1_000, 1.0);
    send(&server, &db, 1_000, 2.0);
    assert_eq!(events.next().await.unwrap().1["host"], "db");
}

#[tokio::test]
async fn several_hosts_come_in_one_stream_with_the_processes_of_those_named() {
    let server = Server::with_history().await;
    let db = server.join("db").await;
    send(&server, &db, 1_000, 2.0);
    let mut events = Events::open(&server, "/api/v1/live?host=web,later&others=true").await;
    let (web, other) = (events.next().await.unwrap().1, events.next().await.unwrap().1);
    assert_eq!((&web["host"], web["processes"].is_array()), (&json!("web"), true), "those named come first");
    assert_eq!((&other["host"], other.get("processes")), (&json!("db"), None));
    let mut two = Events::open(&server, "/api/v1/live?host=id-web,db").await;
    let (one, another) = (two.next().await.unwrap().1, two.next().await.unwrap().1);
    let mut names = [one["host"].clone(), another["host"].clone()];
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["db", "web"]);
    assert!(one["processes"].is_array() && another["processes"].is_array());
    // One that was named before it joined.
    let later = server.join("later").await;
    send(&server, &later, 1_000, 3.0);
    let data = loop {
        let (name, data) = events.next().await.unwrap();
        if name == "snapshot" && data["host"] == "later" {
            break data;
        }
    };
    assert!(data["processes"].is_array());
}

#[tokio::test]
async fn a_stream_of_nothing_but_strangers_is_refused() {
    let server = Server::empty().await;
    server.join("web").await;
    let token = server.token(Role::Viewer).await;
    for (query, status) in [
        ("host=nobody", StatusCode::NOT_FOUND),
        ("host=nobody,noone", StatusCode::NOT_FOUND),
        ("host=", StatusCode::BAD_REQUEST),
        ("others=perhaps", StatusCode::BAD_REQUEST),
        (&format!("host={}", "web,".repeat(65)), StatusCode::BAD_REQUEST),
    ] {
        let response = server.call(Method::GET, &format!("/api/v1/live?{query}")).bearer(&token).open().await;
        assert_eq!(response.status(), status, "{query}");
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let server = Server::empty().await;
    let mut events = Events::open(&server, "/api/v1/live").await;
    assert_eq!(server.state.metrics.live_streams.get(), 1);
    server.state.stop.cancel();
    assert!(events.next().await.is_none());
    drop(events);
    assert_eq!(server.state.metrics.live_streams.get(), 0);
}

#[tokio::test]
async fn a_stream_ends_when_its_token_does() {
    let server = Server::empty().await;
    let key = server.join("web").await;
    let mut events = Events::open(&server, "/api/v1/live").await;
    let id = server.state.catalog.tokens().await.unwrap()[0].id.clone();
    assert!(server.state.catalog.revoke_token(&id, server.now_ms()).await.unwrap());
    server.advance(29_999);
    send(&server, &key, 1_000, 1.0);
    assert!(events.next().await.is_some(), "looked up at most every 30 s");
    server.advance(1);
    assert!(events.next().await.is_none());
}
