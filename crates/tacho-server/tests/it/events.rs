//! Events of the whole fleet over the real API, and those that are posted.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tacho_catalog::{HostChange, Role};
use tacho_server::posted::Posted;

use crate::fixture::{Answer, Server, at};

async fn post(server: &Server, body: &Value) -> Answer {
    let token = server.token(Role::Operator).await;
    server.call(Method::POST, "/api/v1/events").bearer(&token).json(body).send().await
}

/// Kinds, first hosts and numbers of hosts.
fn lines(page: &Value) -> Vec<(&str, &str, u64)> {
    let line = |line: &'_ Value| line["hosts"].as_u64().unwrap();
    let events = page["events"].as_array().unwrap().iter();
    events.map(|it| (it["kind"].as_str().unwrap(), it["host"].as_str().unwrap(), line(it))).collect()
}

/// Three hosts, two of them with a tag.
async fn fleet() -> Server {
    let server = Server::empty().await;
    for name in ["web-1", "web-2", "db-1"] {
        let key = server.join(name).await;
        if name.starts_with("web") {
            let change = HostChange { id: name.to_owned(), time_ms: 1, author: "ann".to_owned() };
            server.state.catalog.set_host_tags(&key.id, &["web".to_owned()], &change).await.unwrap();
        }
    }
    server
}

#[tokio::test]
async fn what_is_posted_is_shown_on_its_hosts_and_stays() {
    let server = fleet().await;
    let deploy = json!({ "kind": "deploy", "text": "shop 2.4.1", "subject": "shop", "tag": "web" });
    let done = post(&server, &deploy).await;
    assert_eq!((done.status, &done.json()["hosts"]), (StatusCode::CREATED, &json!(2)), "{}", done.text());
    server.advance(60_000);
    let note =
        json!({ "kind": "note", "text": "cable pulled", "host": "db-1", "time": at(30_000).to_string() });
    assert_eq!(post(&server, &note).await.status, StatusCode::CREATED);

    let check = async |server: &Server| {
        let page = server.json("/api/v1/events?debug=1").await;
        assert_eq!(lines(&page), [("note", "db-1", 1), ("deploy", "web-1", 2)]);
        assert_eq!(page["counts"], json!({ "deploy": 2, "note": 1 }));
        assert_eq!(page["events"][1]["happened"], "2026-09-21T14:13:20.000Z");
        assert_eq!((&page["events"][1]["subject"], &page["next"]), (&json!("shop"), &Value::Null));
        let of_host = server.json("/api/v1/hosts/web-2/rows?table=event&columns=kind,text").await;
        assert_eq!(of_host["rows"], json!([{ "kind": "deploy", "text": "shop 2.4.1" }]));
    };
    check(&server).await;
    // Killed before a flush: the next server has them from the catalog, and again once they are stored.
    let next = server.another().await;
    assert_eq!(lines(&next.json("/api/v1/events").await), []);
    next.state.posted.deliver().await.unwrap();
    check(&next).await;
    next.state.history.flush().await.unwrap();
    next.state.posted.deliver().await.unwrap();
    assert!(next.state.catalog.posted_events().await.unwrap().is_empty(), "the history has them");
    check(&next).await;
    // Killed between the flush and the moment in which the catalog lets go of it.
    assert_eq!(
        post(&next, &json!({ "kind": "note", "text": "two", "all": true })).await.status,
        StatusCode::CREATED
    );
    next.state.history.flush().await.unwrap();
    let last = next.another().await;
    assert_eq!(last.state.catalog.posted_events().await.unwrap().len(), 1);
    last.state.catalog.forget_orphans().await.unwrap();
    last.state.posted.deliver().await.unwrap();
    assert!(last.state.catalog.posted_events().await.unwrap().is_empty());
    let page = last.json("/api/v1/events?text=TWO").await;
    assert_eq!(lines(&page), [("note", "db-1", 3)], "each once");
}

#[tokio::test]
async fn the_task_lets_go_of_what_was_stored() {
    let server = fleet().await;
    let state = &server.state;
    let posted = Posted::new(state.catalog.clone(), state.history.clone(), state.now.clone());
    let task = tokio::spawn(posted.run(state.stop.clone()));
    let note = json!({ "kind": "note", "text": "x", "hosts": ["db-1", "web-1"] });
    assert_eq!(post(&server, &note).await.status, StatusCode::CREATED);
    state.history.flush().await.unwrap();
    while !state.catalog.posted_events().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    state.stop.cancel();
    task.await.unwrap().unwrap();
    assert_eq!(lines(&server.json("/api/v1/events").await), [("note", "db-1", 2)]);
}

#[tokio::test]
async fn events_are_chosen_and_come_page_by_page() {
    let server = fleet().await;
    for (number, host) in ["web-1", "db-1", "web-1", "db-1"].into_iter().enumerate() {
        let kind = if number == 3 { "change" } else { "note" };
        let body = json!({ "kind": kind, "text": format!("number {number}"), "host": host });
        assert_eq!(post(&server, &body).await.status, StatusCode::CREATED);
        if number == 1 {
            server.advance(1_000);
        }
    }
    let texts = async |query: &str| {
        let page = server.json(&format!("/api/v1/events?{query}")).await;
        let text = |event: &Value| event["text"].as_str().unwrap().trim_start_matches("number ").to_owned();
        (page["events"].as_array().unwrap().iter().map(text).collect::<String>(), page["next"].clone())
    };
    assert_eq!(texts("host=web-1,id-db-1").await.0, "3201");
    assert_eq!(texts("host=db-1&kind=note").await.0, "1");
    assert_eq!(texts("tag=web").await.0, "20");
    assert_eq!(texts("tag=web&host=db-1").await.0, "");
    assert_eq!(texts("text=BER%203").await.0, "3");
    let (mut all, mut query) = (String::new(), "limit=1".to_owned());
    loop {
        let (text, next) = texts(&query).await;
        all += &text;
        let Some(next) = next.as_str() else { break };
        query = format!("limit=1&after={next}");
    }
    assert_eq!(all, "3201");
    let wrong = server.invalid("/api/v1/events?form=1&limit=0&from=9&to=5&after=x").await;
    for problem in ["`form`", "`limit`", "`from` must be before `to`", "`after`"] {
        assert!(wrong.contains(problem), "{wrong}");
    }
    assert_eq!(server.get("/api/v1/events?host=nobody").await.status, StatusCode::NOT_FOUND);
    let changed =
        server.json(&format!("/api/v1/hosts/db-1/whatchanged?from={}&to={}", at(0), at(60_000))).await;
    assert_eq!(changed["events"]["counts"], json!({ "change": 1, "note": 1 }));
    assert_eq!(changed["events"]["newest"][1]["text"], "number 3");
}

#[tokio::test]
async fn only_operators_tell_of_events_and_only_of_hosts_there_are() {
    let server = fleet().await;
    let token = server.token(Role::Viewer).await;
    let body = json!({ "kind": "deploy", "text": "x", "all": true });
    let call = server.call(Method::POST, "/api/v1/events");
    assert_eq!(call.bearer(&token).json(&body).send().await.status, StatusCode::FORBIDDEN);
    for (place, value, status) in [
        ("host", json!("nobody"), StatusCode::NOT_FOUND),
        ("hosts", json!([]), StatusCode::NOT_FOUND),
        ("tag", json!("dc=eu"), StatusCode::NOT_FOUND),
        ("tag", json!("no tag"), StatusCode::BAD_REQUEST),
        ("all", json!(false), StatusCode::BAD_REQUEST),
    ] {
        let answer = post(&server, &json!({ "kind": "deploy", "text": "x", place: value })).await;
        assert_eq!(answer.status, status, "{place}: {}", answer.text());
    }
    assert_eq!(lines(&server.json("/api/v1/events").await), []);
}
