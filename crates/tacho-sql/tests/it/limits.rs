//! Time, memory, rows, queries at once; and queries that nobody waits for any more.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};

use serde_json::json;
use tacho_testkit::daemons::wait_until;

use crate::fixture::Fixture;

/// Takes for ever.
const ENDLESS: &str =
    "SELECT sum(a.value % (b.value + 1)) FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b";

/// Sorts some 400 MB.
const BIG: &str = "SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY text DESC) AS place FROM
    (SELECT repeat('x', 500) || value AS text FROM generate_series(1, 800000))) WHERE place > 700000";

/// One program after the other beside one server: each has other settings.
#[test]
fn limits_hold_and_say_so() {
    let mut fixture = Fixture::start(&[("query_time", "1s")]);
    let (status, kind, message) = fixture.refused(ENDLESS);
    assert_eq!((status, kind.as_str()), (400, "invalid"));
    assert!(message.contains("longer than 1s"), "{message}");

    let mut restart = |settings: &[(&str, &str)]| {
        assert_eq!(fixture.stop_sql(), 0);
        fixture.start_sql(settings);
        memory_and_rows(&fixture, settings);
    };
    restart(&[("memory", "256MiB"), ("spill", "0B")]);
    restart(&[("memory", "256MiB"), ("spill", "1GiB")]);
    restart(&[("rows", "100")]);
    restart(&[("queries", "1")]);
}

fn memory_and_rows(fixture: &Fixture, settings: &[(&str, &str)]) {
    match settings {
        [_, ("spill", "0B")] => {
            let (status, _, message) = fixture.refused(BIG);
            assert_eq!(status, 400);
            // Which of the two it meets first depends on how the rows fall.
            assert!(message.contains("'memory'") || message.contains("`spill`"), "{message}");
        }
        [_, ("spill", _)] => assert_eq!(fixture.cell(BIG), json!(100_000)),
        [("rows", _)] => rows(fixture),
        _ => one_at_a_time(fixture),
    }
}

fn rows(fixture: &Fixture) {
    let many = "SELECT value FROM generate_series(1, 1000)";
    let answer = fixture.answer(many);
    assert_eq!((answer["rows"].as_array().unwrap().len(), &answer["truncated"]), (100, &json!(true)));
    let (status, body) = fixture.ask("application/json", &json!({ "query": many, "limit": 7 }));
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, answer["rows"].as_array().unwrap().len()), (200, 7));
    assert_eq!(fixture.answer("SELECT value FROM generate_series(1, 100)")["truncated"], json!(false));
    let Some(mut psql) = fixture.psql(fixture.server.token(), "sslmode=require") else { return };
    let output = psql.args(["-c", many]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && message.contains("more than 100 rows"), "{message}");
}

/// A second query is told to come back, until the first one's client goes away.
fn one_at_a_time(fixture: &Fixture) {
    let mut client = endless(fixture);
    let busy = || fixture.ask("application/json", &json!({ "query": "SELECT 1" })).0;
    wait_until("the first query has begun", || {
        // It came while the other one ran, and was itself told to come back.
        if client.peek(&mut [0]).is_ok() {
            client = endless(fixture);
        }
        Ok((busy() == 429).then_some(()))
    })
    .unwrap();
    let (_, kind, message) = fixture.refused("SELECT 1");
    assert_eq!(kind, "overloaded");
    assert!(message.contains("try again"), "{message}");
    client.shutdown(Shutdown::Both).unwrap();
    drop(client);
    wait_until("the query is given up", || Ok((busy() == 200).then_some(()))).unwrap();
}

/// Asks what takes for ever. The answer is not waited for.
fn endless(fixture: &Fixture) -> TcpStream {
    let mut client = TcpStream::connect(fixture.server.http).unwrap();
    let body = json!({ "query": ENDLESS }).to_string();
    write!(
        client,
        "POST /api/v1/sql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        fixture.server.token(),
        body.len()
    )
    .unwrap();
    client.set_nonblocking(true).unwrap();
    client
}
