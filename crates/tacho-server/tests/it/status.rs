//! Health, readiness, metrics.

use http::{Method, StatusCode};

use crate::fixture::Server;

#[tokio::test]
async fn health_and_readiness_are_open() {
    let server = Server::empty().await;
    let get = async |path: &str| server.call(Method::GET, path).send().await.status;
    assert_eq!((get("/-/healthy").await, get("/-/ready").await), (StatusCode::OK, StatusCode::OK));
    server.state.stop.cancel();
    assert_eq!(
        (get("/-/healthy").await, get("/-/ready").await),
        (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE)
    );
}

#[tokio::test]
async fn a_server_whose_catalog_is_gone_is_not_ready() {
    let server = Server::empty().await;
    server.state.catalog.close().await;
    let answer = server.call(Method::GET, "/-/ready").send().await;
    assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert!(!answer.text().contains("pool"), "the cause is for the log: {}", answer.text());
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let server = Server::with_history().await;
    server.state.metrics.frames_received.add(24);
    server.get("/api/v1/hosts").await;
    let answer = server.get("/metrics").await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    for expected in [
        "tacho_hosts{state=\"up\"} 1",
        "tacho_frames_received_total 24",
        "tacho_history_frames_stored_total 13",
        "tacho_history_head_frames 11",
        "tacho_http_requests_total{route=\"/api/v1/hosts\",method=\"GET\",status=\"200\"} 1",
    ] {
        assert!(text.lines().any(|line| line == expected), "{expected} is not in:\n{text}");
    }
    check_format(&text);
}

#[tokio::test]
async fn storage_is_told_by_table_level_and_day() {
    let server = Server::with_history().await;
    let storage = server.get("/api/v1/storage").await.json();
    let tables = storage["tables"].as_array().unwrap();
    let host = tables.iter().find(|table| table["table"] == "host").unwrap();
    assert_eq!((&host["level"], &host["rows"]), (&"raw".into(), &13.into()), "{storage}");
    assert_eq!(host["retention_seconds"], 14 * 24 * 3600);
    assert_eq!(host["days"][0]["rows"], 13);
    let sum: u64 = tables.iter().map(|table| table["bytes"].as_u64().unwrap()).sum();
    assert_eq!(storage["bytes"], sum);
    assert!(storage["limit_bytes"].is_null());
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.contains("tacho_storage_rows{table=\"host\",level=\"raw\"} 13"), "{metrics}");
}

#[tokio::test]
async fn an_answer_tells_how_it_was_found_when_asked() {
    let server = Server::with_history().await;
    let host = server.get("/api/v1/hosts").await.json()["hosts"][0]["name"].as_str().unwrap().to_owned();
    let series = format!("/api/v1/hosts/{host}/series?columns=load1");
    assert!(server.get(&series).await.json().get("debug").is_none());
    let answer = server.get(&format!("{series}&debug=1")).await.json();
    assert_eq!(answer["debug"]["levels"][0]["level"], "raw", "{answer}");
    let wrong = server.get(&format!("{series}&debug=maybe")).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

/// Every sample belongs to the family announced before it, every family is announced once, counters end in
/// `_total`, and every value is a number.
fn check_format(text: &str) {
    let mut families = std::collections::HashSet::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(families.insert(name.to_owned()), "{name} twice");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            name.clone_into(&mut family);
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(name.split('{').next().unwrap(), family, "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(families.len() > 30);
}
