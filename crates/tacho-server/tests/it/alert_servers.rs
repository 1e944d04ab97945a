//! Several servers on one catalog: each alert is told once, whoever looks at the host and whoever tells.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;
use tacho_catalog::Role;
use tacho_model::HostKey;
use tacho_server::alerts::LEASE;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::alerts::{filled, watch};
use crate::fixture::{Server, at};

struct Member {
    server: Server,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Member {
    async fn start(server: Server) -> Self {
        let (stop, task) = watch(&server).await;
        Self { server, stop, task }
    }

    /// The host's agent sends a snapshot to this server.
    fn fill(&self, key: &HostKey, offset_ms: i64, used: i64) {
        self.server.set_now(at(offset_ms));
        self.server.state.live.snapshot(key, Arc::new(filled(offset_ms, used)));
    }

    fn connect(&self, key: &HostKey) {
        self.server.state.live.connected(key, Arc::default());
    }

    /// Ids of the alerts that fire, when there are as many as wanted.
    async fn firing(&self, wanted: usize) -> Vec<String> {
        loop {
            let answer = self.server.json("/api/v1/alerts?state=firing").await;
            let alerts = answer["alerts"].as_array().unwrap();
            if alerts.len() == wanted {
                return alerts.iter().map(|alert| alert["id"].as_str().unwrap().to_owned()).collect();
            }
            tokio::task::yield_now().await;
        }
    }

    async fn post(&self, path: &str, body: &serde_json::Value) -> StatusCode {
        let token = self.server.token(Role::Operator).await;
        self.server.call(Method::POST, path).bearer(&token).json(body).send().await.status
    }

    async fn holder(&self) -> String {
        self.server.state.catalog.alert_office().await.unwrap().server
    }

    async fn is_holder(&self, name: &str) {
        while self.holder().await != name {
            tokio::task::yield_now().await;
        }
    }

    /// What the receiver's file says, once it says `part` and nothing waits any more. Meanwhile the servers' clock goes
    /// on, faster than the real one.
    async fn told(&self, part: &str) -> String {
        const STEP_MS: i64 = 250;
        let mut clock = tokio::time::interval(Duration::from_millis(50));
        loop {
            let text = std::fs::read_to_string(self.server.directory.join("alerts.log")).unwrap_or_default();
            let waits = !self.server.state.catalog.queued_notifications().await.unwrap().is_empty();
            if text.contains(part) && !waits {
                return text;
            }
            clock.tick().await;
            self.server.advance(STEP_MS);
        }
    }

    async fn stop(self) -> Server {
        self.stop.cancel();
        self.task.await.unwrap();
        self.server
    }
}

fn count(text: &str, word: &str) -> usize {
    text.matches(&format!(" {word} ")).count()
}

#[tokio::test]
async fn an_alert_of_a_host_that_moves_is_told_once_and_ends_once() {
    let server = Server::empty().await;
    let key = server.join("web").await;
    let first = Member::start(server).await;
    first.is_holder("one").await;
    let second = Member::start(first.server.beside("two", LEASE).await).await;
    first.fill(&key, 0, 99);
    let ids = first.firing(1).await;
    first.told("FIRING").await;
    assert_eq!(second.firing(1).await, ids, "the other server shows it too");

    second.connect(&key);
    second.fill(&key, 60_000, 98);
    second.fill(&key, 65_000, 10);
    second.firing(0).await;
    first.firing(0).await;
    let text = first.told("RESOLVED").await;
    assert_eq!((count(&text, "FIRING"), count(&text, "RESOLVED")), (1, 1), "{text}");

    // What starts at the one that does not tell is told by the one that does.
    second.fill(&key, 125_000, 97);
    first.firing(1).await;
    let text = first.told("97.0 %").await;
    assert_eq!((count(&text, "FIRING"), first.holder().await.as_str()), (2, "one"), "{text}");

    // A server that says good-bye leaves telling to the other at once, however long the lease.
    let first = first.stop().await;
    second.is_holder("two").await;
    second.fill(&key, 185_000, 10);
    second.told("RESOLVED critical web file-system-full: web: / is 97.0 % full").await;
    let text = std::fs::read_to_string(first.directory.join("alerts.log")).unwrap();
    assert_eq!((count(&text, "FIRING"), count(&text, "RESOLVED")), (2, 2), "{text}");
    second.stop().await;
}

#[tokio::test]
async fn when_the_server_that_tells_is_gone_another_tells_what_it_did_not() {
    let server = Server::empty().await;
    let key = server.join("web").await;
    let lease = Duration::from_secs(1);
    let first = Member::start(server.beside("one", lease).await).await;
    first.is_holder("one").await;
    first.connect(&key);
    first.fill(&key, 0, 99);
    first.told("FIRING").await;
    let second = Member::start(server.beside("two", lease).await).await;
    second.firing(1).await;
    // Neither says good-bye nor gives a sign of life any more.
    first.task.abort();
    second.connect(&key);
    second.fill(&key, 60_000, 10);
    second.is_holder("two").await;
    let text = second.told("RESOLVED").await;
    assert_eq!((count(&text, "FIRING"), count(&text, "RESOLVED")), (1, 1), "{text}");
    second.stop().await;
}

#[tokio::test]
async fn what_people_do_at_one_server_holds_at_the_other() {
    let server = Server::empty().await;
    let key = server.join("web").await;
    let first = Member::start(server).await;
    let second = Member::start(first.server.beside("two", LEASE).await).await;
    let silence =
        json!({ "matchers": [{ "label": "host", "pattern": "w*" }], "ends": "2026-09-21T16:00:00Z" });
    assert_eq!(second.post("/api/v1/silences", &silence).await, StatusCode::CREATED);
    let rule = json!({ "definition": "[[rule]]\nname = \"mine\"\nwhen = \"host.load1 > 20\"\n" });
    assert_eq!(second.post("/api/v1/rules", &rule).await, StatusCode::CREATED);
    // The first server's change is checked against what the second one made.
    assert_eq!(first.post("/api/v1/rules", &rule).await, StatusCode::CONFLICT);
    while first.server.json("/api/v1/silences").await["silences"].as_array().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    first.fill(&key, 0, 99);
    let id = second.firing(1).await.remove(0);
    let path = format!("/api/v1/alerts/{id}");
    let note = json!({ "note": "on it" });
    assert_eq!(second.post(&format!("{path}/acknowledge"), &note).await, StatusCode::NO_CONTENT);
    while first.server.json(&path).await["acknowledged"]["note"] != "on it" {
        tokio::task::yield_now().await;
    }
    assert_eq!(first.server.json(&path).await["muted"], "silenced");
    first.stop().await;
    second.stop().await;
}
