//! What is said to a caller who made a mistake.

use http::{Method, StatusCode};
use tacho_catalog::Role;

use crate::fixture::Server;

#[tokio::test]
async fn every_mistake_in_a_query_is_named() {
    let server = Server::with_history().await;
    let message = server
        .invalid("/api/v1/hosts/web/series?table=disk&columns=read_bytes,speed,device&from=never&points=0&agg=median&form=1")
        .await;
    for expected in [
        "`form` is not a parameter of this call",
        "`columns`: table disk has no speed; it has whole, reads,",
        "busy_ratio",
        "`columns`: device is text",
        "`from`: \"never\" is neither RFC 3339",
        "`points`: \"0\" is not a whole number from 1 to 10000",
        "`agg`: \"median\" is not one of avg, max, min, sum",
    ] {
        assert!(message.contains(expected), "{expected} is not in: {message}");
    }
}

#[tokio::test]
async fn each_call_says_what_it_takes() {
    let server = Server::with_history().await;
    let check = async |path: &str, expected: &str| {
        let message = server.invalid(path).await;
        assert!(message.contains(expected), "{path}: {message}");
    };
    check("/api/v1/hosts/web/series", "`columns`: name at least one; table host has uptime_seconds").await;
    check("/api/v1/hosts/web/series?table=x&columns=load1", "there are host, cpu, disk").await;
    check("/api/v1/hosts/web/series?table=process&columns=cpu_ratio", "/processes").await;
    check("/api/v1/hosts/web/series?columns=load1&entity=x", "table host is about the host as a whole").await;
    check("/api/v1/hosts/web/series?columns=load1&from=2&to=1", "`from` must be before `to`").await;
    check("/api/v1/hosts/web/series?columns=load1&to=1&to=2", "duplicate field `to`").await;
    check("/api/v1/hosts/web/processes?at=1&by=cpu", "`at` asks for an instant").await;
    check("/api/v1/hosts/web/processes?by=luck", "not one of cpu, memory, disk, network").await;
    check("/api/v1/hosts/web/processes/x/y/series?columns=z", "\"x\" is not a process id; start time: \"y\"")
        .await;
    check("/api/v1/hosts/web/rows", "`table`: name one of host, cpu").await;
    check("/api/v1/hosts/web/rows?table=disk&columns=busy_ratio", "no busy_ratio; it has time, host_id")
        .await;
    check("/api/v1/hosts/web/rows?table=disk&format=xml", "not one of json, csv, arrow").await;
    check("/api/v1/live?hots=web", "`hots` is not a parameter").await;
    check("/api/v1/hosts/%FF", "UTF-8").await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = Server::empty().await;
    for path in [
        "/api/v1/hosts/web",
        "/api/v1/hosts/web/series?columns=load1",
        "/api/v1/hosts/web/processes",
        "/api/v1/hosts/web/processes/1/1/series?columns=cpu_ratio",
        "/api/v1/hosts/web/rows?table=host",
        "/api/v1/live?host=web",
        "/api/v1/nothing",
        "/api/v2/hosts",
        "/api",
        "/-/nothing",
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::NOT_FOUND, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_said_to_be_one() {
    let server = Server::empty().await;
    let token = server.token(Role::Admin).await;
    let answer = server.call(Method::PUT, "/api/v1/hosts").bearer(&token).send().await;
    assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "invalid"));
    assert_eq!(answer.headers["allow"], "GET,HEAD");
}

#[tokio::test]
async fn a_bad_body_is_refused_with_its_fault() {
    let server = Server::empty().await;
    let token = server.token(Role::Admin).await;
    let check = async |content_type: &str, body: String, expected: &str| {
        let call =
            server.call(Method::POST, "/api/v1/users").bearer(&token).header("content-type", content_type);
        let answer = call.body(body).send().await;
        assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::BAD_REQUEST, "invalid"));
        assert!(answer.text().contains(expected), "{}", answer.text());
    };
    check("text/plain", "{}".to_owned(), "send the body as JSON").await;
    check("application/json", "{".to_owned(), "EOF").await;
    check("application/json", "{}".to_owned(), "missing field `name`").await;
    check("application/json", r#"{"name":"a","nmae":"b"}"#.to_owned(), "unknown field `nmae`").await;
    check("application/json", format!("\"{}\"", "x".repeat(100_000)), "length limit exceeded").await;
    let wrong = r#"{"name":"a b","role":"king","password":"short"}"#.to_owned();
    check("application/json", wrong, "is not one of viewer, operator, admin; a user's name has").await;
}
