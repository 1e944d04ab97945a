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
