//! Alerts and silences over the API, with the task that feeds the engine.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tacho_catalog::Role;
use tacho_model::tables::filesystem;
use tacho_model::{Block, HostKey, Snapshot};
use tacho_server::alerts::{Alerts, LEASE, Membership, Watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Server, at};

pub(crate) struct Watched {
    pub(crate) server: Server,
    key: HostKey,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Watched {
    pub(crate) async fn new() -> Self {
        let server = Server::empty().await;
        let key = server.join("web").await;
        let (stop, task) = watch(&server).await;
        Self { server, key, stop, task }
    }

    pub(crate) fn fill(&self, offset_ms: i64, used: i64) {
        self.server.set_now(at(offset_ms));
        self.server.state.live.snapshot(&self.key, std::sync::Arc::new(filled(offset_ms, used)));
    }

    /// The alerts, when there are as many as wanted.
    pub(crate) async fn alerts(&self, query: &str, wanted: usize) -> Value {
        loop {
            let answer = self.server.json(&format!("/api/v1/alerts{query}")).await;
            if answer["alerts"].as_array().is_some_and(|alerts| alerts.len() == wanted) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn post(&self, path: &str, role: Role, body: &Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, role, body).await
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        role: Role,
        body: &Value,
    ) -> (StatusCode, Value) {
        let token = self.server.token(role).await;
        let answer = self.server.call(method, path).bearer(&token).json(body).send().await;
        let body = if answer.body.is_empty() { Value::Null } else { answer.json() };
        (answer.status, body)
    }

    /// What the receiver's file says, once it says `part`.
    pub(crate) async fn file(&self, part: &str) -> String {
        let path = self.server.directory.join("alerts.log");
        self.until(async || std::fs::read_to_string(&path).ok().filter(|text| text.contains(part))).await
    }

    /// What is found, once it is. Meanwhile the server's clock goes on with the real one.
    pub(crate) async fn until<T>(&self, find: impl AsyncFn() -> Option<T>) -> T {
        const STEP_MS: u64 = 50;
        let mut clock = tokio::time::interval(std::time::Duration::from_millis(STEP_MS));
        loop {
            if let Some(found) = find().await {
                return found;
            }
            clock.tick().await;
            self.server.advance(STEP_MS as i64);
        }
    }
}

/// A snapshot of a host whose file system is so full, in percent.
pub(crate) fn filled(offset_ms: i64, used: i64) -> Snapshot {
    let mut block = Block::new(&filesystem::TABLE);
    let mut row = block.push();
    row.text(filesystem::MOUNT_POINT, "/").integer(filesystem::USED_BYTES, used);
    row.integer(filesystem::AVAILABLE_BYTES, 100 - used);
    Snapshot { time_ms: at(offset_ms), blocks: vec![block], processes: Vec::new() }
}

pub(crate) async fn watch(server: &Server) -> (CancellationToken, JoinHandle<()>) {
    let (alerts, live) = (server.state.alerts.clone(), server.state.live.clone());
    let watch = Watch::open(alerts, live, server.directory.join("rules.d")).await.unwrap();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    (stop, tokio::spawn(async move { watch.run(stopped).await.unwrap() }))
}

#[tokio::test]
async fn an_alert_fires_is_acknowledged_and_ends() {
    let watched = Watched::new().await;
    watched.fill(0, 99);
    let alerts = watched.alerts("?state=firing", 1).await;
    let alert = &alerts["alerts"][0];
    assert_eq!((&alert["rule"], &alert["entity"]), (&json!("file-system-full"), &json!("/")));
    assert_eq!((&alert["value"], &alert["text"]), (&json!(0.99), &json!("web: / is 99.0 % full")));
    assert_eq!(watched.server.json("/api/v1/alerts/count").await, json!({ "firing": 1, "pending": 0 }));
    let hosts = watched.server.json("/api/v1/hosts").await;
    let worst = &hosts["hosts"][0]["alert"];
    assert_eq!(
        ["id", "text", "severity", "firing", "muted"].map(|key| worst[key].clone()),
        [alert["id"].clone(), alert["text"].clone(), alert["severity"].clone(), json!(1), Value::Null]
    );
    let path = format!("/api/v1/alerts/{}", alert["id"].as_str().unwrap());
    let acknowledge = format!("{path}/acknowledge");
    let note = json!({ "note": "on it" });
    assert_eq!(watched.post(&acknowledge, Role::Viewer, &note).await.0, StatusCode::FORBIDDEN);
    assert_eq!(watched.post(&acknowledge, Role::Operator, &note).await.0, StatusCode::NO_CONTENT);
    let detail = watched.server.json(&path).await;
    assert_eq!(
        (&detail["acknowledged"]["note"], &detail["values"][0]["value"]),
        (&json!("on it"), &json!(0.99))
    );
    watched.fill(60_000, 10);
    let past = watched.alerts("?state=resolved", 1).await;
    assert_eq!((&past["alerts"][0]["state"], &past["firing"]), (&json!("resolved"), &json!(0)));
    assert_eq!(watched.server.json(&path).await["acknowledged"]["note"], "on it");
    watched.stop.cancel();
    watched.task.await.unwrap();
}

#[tokio::test]
async fn a_removed_host_leaves_no_alerts() {
    let watched = Watched::new().await;
    watched.fill(0, 99);
    watched.alerts("", 1).await;
    let token = watched.server.token(Role::Operator).await;
    let answer = watched.server.call(Method::DELETE, "/api/v1/hosts/web").bearer(&token).send().await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    watched.alerts("", 0).await;
    let noted = watched.server.call(Method::GET, "/api/v1/audit").bearer(&token).send().await.json();
    let entry = &noted["entries"][0];
    assert_eq!((&entry["action"], &entry["subject"]), (&json!("host.remove"), &json!("web")));
}

#[tokio::test]
async fn a_restart_neither_repeats_nor_forgets() {
    let watched = Watched::new().await;
    watched.fill(0, 99);
    watched.alerts("", 1).await;
    watched.file("FIRING critical web file-system-full: web: / is 99.0 % full").await;
    // What the file took just before its server ends it may be told again.
    while !watched.server.state.catalog.queued_notifications().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    watched.stop.cancel();
    let Watched { server, key, task, .. } = watched;
    task.await.unwrap();
    let server = server.another().await;
    server.state.live.connected(&key, std::sync::Arc::default());
    let (stop, task) = watch(&server).await;
    let watched = Watched { server, key, stop, task };
    watched.fill(60_000, 98);
    watched.alerts("?state=firing", 1).await;
    watched.fill(120_000, 10);
    watched.alerts("?state=resolved", 1).await;
    let text = watched.file("RESOLVED").await;
    assert_eq!(text.matches("FIRING").count(), 1, "{text}");
}

#[tokio::test]
async fn what_fired_before_a_server_was_killed_is_told_once_by_the_next() {
    let server = Server::empty().await;
    let key = server.join("web").await;
    // Alone with the catalog: it stores what fires, and ends before anybody is told.
    let state = &server.state;
    let rules = std::sync::Arc::new(tacho_alert::default_rules());
    let membership = Membership { server: "one".to_owned(), lease: LEASE };
    let (catalog, now) = (state.catalog.clone(), state.now.clone());
    let alerts = Alerts::new(rules, Vec::new(), String::new(), catalog, now, membership);
    let rules_dir = server.directory.join("rules.d");
    let watch = Watch::open(alerts, state.live.clone(), rules_dir).await.unwrap();
    let task = tokio::spawn(async { watch.run(CancellationToken::new()).await.unwrap() });
    let watched = Watched { server, key, stop: CancellationToken::new(), task };
    watched.fill(0, 99);
    while watched.server.state.catalog.open_alerts().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    watched.task.abort();
    let Watched { server, key, .. } = watched;
    for round in 0..2 {
        let server = server.another().await;
        server.state.live.connected(&key, std::sync::Arc::default());
        let (stop, task) = self::watch(&server).await;
        let watched = Watched { server, key: key.clone(), stop, task };
        watched.alerts("?state=firing", 1).await;
        watched.file("FIRING critical web file-system-full").await;
        if round == 1 {
            watched.fill(120_000, 10);
            watched.file("RESOLVED").await;
        }
        while !watched.server.state.catalog.queued_notifications().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        watched.stop.cancel();
        watched.task.await.unwrap();
    }
    let text = std::fs::read_to_string(server.directory.join("alerts.log")).unwrap();
    assert_eq!(text.matches("FIRING").count(), 1, "{text}");
}

#[tokio::test]
async fn silences_are_made_listed_and_removed_by_operators() {
    let watched = Watched::new().await;
    let body = json!({ "matchers": [{ "label": "host", "pattern": "w*" }], "ends": "2026-09-21T16:00:00Z" });
    let path = "/api/v1/silences";
    assert_eq!(watched.post(path, Role::Viewer, &body).await.0, StatusCode::FORBIDDEN);
    let (status, made) = watched.post(path, Role::Operator, &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    watched.fill(0, 99);
    let alerts = watched.alerts("?state=firing", 1).await;
    assert_eq!(alerts["alerts"][0]["muted"], "silenced");
    assert_eq!(watched.server.json(path).await["silences"][0]["matchers"][0]["pattern"], "w*");
    for (wrong, part) in [
        (json!({ "matchers": [], "ends": "2026-09-21T16:00:00Z" }), "1 to 16 matchers"),
        (json!({ "matchers": body["matchers"], "ends": "2020-01-01T00:00:00Z" }), "in the future"),
    ] {
        let (status, answer) = watched.post(path, Role::Operator, &wrong).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == StatusCode::BAD_REQUEST && message.contains(part), "{answer}");
    }
    let token = watched.server.token(Role::Operator).await;
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    for expected in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        let answer = watched.server.call(Method::DELETE, &one).bearer(&token).send().await;
        assert_eq!(answer.status, expected);
    }
}

#[tokio::test]
async fn rules_are_listed_with_where_they_come_from() {
    let server = Server::empty().await;
    let rules = server.json("/api/v1/rules").await;
    let hog = rules["rules"].as_array().unwrap().iter().find(|rule| rule["name"] == "process-hog").unwrap();
    assert_eq!(
        (&hog["kind"], &hog["for_seconds"], &hog["origin"]),
        (&json!("process_hog"), &json!(5), &json!("default"))
    );
}

#[tokio::test]
async fn a_threshold_is_set_for_some_hosts_and_taken_back() {
    let watched = Watched::new().await;
    watched.fill(0, 90);
    let call = async |method: Method, path: &str, role: Role, body: &Value| {
        let token = watched.server.token(role).await;
        watched.server.call(method, path).bearer(&token).json(body).send().await.status
    };
    let (path, body) = ("/api/v1/rules/file-system-full/thresholds/w*", json!({ "threshold": 0.8 }));
    assert_eq!(call(Method::PUT, path, Role::Viewer, &body).await, StatusCode::FORBIDDEN);
    assert_eq!(call(Method::PUT, path, Role::Operator, &body).await, StatusCode::NO_CONTENT);
    for (wrong, status) in [("nobody", StatusCode::NOT_FOUND), ("root-login", StatusCode::BAD_REQUEST)] {
        let path = format!("/api/v1/rules/{wrong}/thresholds/w*");
        assert_eq!(call(Method::PUT, &path, Role::Operator, &body).await, status);
    }
    watched.fill(5_000, 90);
    let alerts = watched.alerts("?state=firing", 1).await;
    assert_eq!(alerts["alerts"][0]["threshold"], 0.8);
    let rules = watched.server.json("/api/v1/rules").await;
    let full =
        rules["rules"].as_array().unwrap().iter().find(|rule| rule["name"] == "file-system-full").unwrap();
    assert_eq!((&full["threshold"], &full["host_thresholds"][0]["hosts"]), (&json!(0.95), &json!("w*")));
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        assert_eq!(call(Method::DELETE, path, Role::Operator, &Value::Null).await, status);
    }
    watched.fill(10_000, 90);
    watched.alerts("?state=firing", 0).await;
}
