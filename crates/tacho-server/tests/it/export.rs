//! Stored rows as they are, and a host as a file.

use std::io::{Seek as _, Write as _};

use http::{Method, StatusCode};
use serde_json::json;
use tacho_catalog::Role;

use crate::fixture::{SNAPSHOTS, Server, at};

fn path(query: &str) -> String {
    format!("/api/v1/hosts/web/rows?from={}&to={}&{query}", at(0), at(120_000))
}

#[tokio::test]
async fn rows_come_as_json() {
    let server = Server::with_history().await;
    let answer = server.json(&path("table=disk&columns=time,device,read_bytes,writes")).await;
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2 * usize::try_from(SNAPSHOTS).unwrap());
    let first: Vec<_> = rows.iter().filter(|row| row["time"] == "2026-09-21T14:13:20.000Z").collect();
    assert_eq!(first.len(), 2, "{rows:?}");
    assert_eq!((&first[0]["device"], &first[0]["read_bytes"]), (&json!("sda"), &json!(50_000)));
    assert!(first[0].get("writes").is_none_or(serde_json::Value::is_null), "absent");
    let all = server.json(&path("table=host")).await;
    assert_eq!(all["rows"].as_array().unwrap().len(), usize::try_from(SNAPSHOTS).unwrap());
    assert_eq!((&all["rows"][0]["host"], &all["rows"][0]["host_id"]), (&json!("web"), &json!("id-web")));
    let none = server.json("/api/v1/hosts/web/rows?table=host&from=0&to=1").await;
    assert_eq!(none, json!({ "rows": [] }));
}

#[tokio::test]
async fn rows_come_as_csv() {
    let server = Server::with_history().await;
    let token = server.token(Role::Viewer).await;
    let path = path("table=process&columns=time,pid,name,cpu_user_us");
    let by_header = server.call(Method::GET, &path).bearer(&token).header("accept", "text/csv").send().await;
    assert_eq!(by_header.status, StatusCode::OK);
    assert_eq!(by_header.headers["content-type"], "text/csv; charset=utf-8");
    let text = by_header.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "time,pid,name,cpu_user_us");
    assert_eq!(lines.len(), 1 + 24 + 24 + 2, "the busy one, `other`, and the idle one twice");
    assert_eq!(lines.iter().filter(|line| line.contains(",100,busy,2000000")).count(), 24);
    assert_eq!(server.get(&format!("{path}&format=csv")).await.text(), text);
}

#[tokio::test]
async fn rows_come_as_an_arrow_stream() {
    let server = Server::with_history().await;
    let answer = server.get(&path("table=host&format=arrow")).await;
    assert_eq!(answer.headers["content-type"], "application/vnd.apache.arrow.stream");
    assert_eq!(answer.body[..4], [0xff; 4], "begins with a message");
    let end = answer.body.len() - 8;
    assert_eq!(answer.body[end..], [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], "ends with the end of the stream");
}

#[tokio::test]
async fn exports_are_counted_and_bounded() {
    let server = Server::with_history().await;
    let token = server.token(Role::Viewer).await;
    let open = async || server.call(Method::GET, &path("table=host")).bearer(&token).open().await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let answer = open().await;
        assert_eq!(answer.status(), StatusCode::OK);
        held.push(answer);
    }
    let refused = open().await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(server.state.metrics.exports.get(), 8);
    held.clear();
    assert_eq!(server.state.metrics.exports.get(), 0);
    assert_eq!(open().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_host_comes_as_a_file_that_another_history_takes_in() {
    let server = Server::with_history().await;
    let token = server.token(Role::Viewer).await;
    let path = |host: &str| format!("/api/v1/hosts/{host}/export?from={}&to={}", at(0), at(120_000));
    let answer = server.call(Method::GET, &path("web")).bearer(&token).send().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "application/x-tar");
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&answer.body).unwrap();
    file.rewind().unwrap();
    let other = Server::empty().await;
    let imported = other.state.history.import(file).await.unwrap();
    assert_eq!((&*imported.host.name, imported.is_new), ("web", true));
    for table in ["host", "disk", "process"] {
        let path = format!("/api/v1/hosts/web/rows?from={}&to={}&table={table}", at(0), at(120_000));
        let rows = |answer: serde_json::Value| {
            let mut rows: Vec<_> =
                answer["rows"].as_array().unwrap().iter().map(ToString::to_string).collect();
            rows.sort();
            rows
        };
        assert_eq!(rows(other.json(&path).await), rows(server.json(&path).await), "{table}");
    }
    let nobody = server.call(Method::GET, &path("nobody")).bearer(&token).send().await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    let stranger = server.call(Method::GET, &path("web")).send().await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
}
