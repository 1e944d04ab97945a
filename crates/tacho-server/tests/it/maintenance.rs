//! Maintenance windows over the API, and what they keep quiet.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tacho_catalog::{AuditEntry, MaintenanceRecord, Role};

use crate::alerts::{Watched, watch};
use crate::fixture::Server;

/// Open at the time of the tests: it is Monday, 14:13 in UTC.
fn window(name: &str, days: &[&str]) -> Value {
    json!({
        "name": name, "matchers": [{ "label": "host", "pattern": "web*" }], "days": days,
        "from": "22:00", "to": "23:00", "time_zone": "Asia/Shanghai", "comment": "backup"
    })
}

async fn windows(server: &Server) -> Vec<Value> {
    server.json("/api/v1/maintenance").await["windows"].as_array().unwrap().clone()
}

/// Why the one alert that fires is not told.
async fn muted(watched: &Watched) -> Value {
    watched.alerts("?state=firing", 1).await["alerts"][0]["muted"].clone()
}

#[tokio::test]
async fn a_window_is_made_changed_and_ended_and_holds_at_once() {
    let watched = Watched::new().await;
    let path = "/api/v1/maintenance";
    watched.fill(0, 99);
    assert_eq!(muted(&watched).await, Value::Null);
    let body = window("backup", &["mon", "sat"]);
    assert_eq!(watched.post(path, Role::Viewer, &body).await.0, StatusCode::FORBIDDEN);
    let (status, made) = watched.post(path, Role::Operator, &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(
        (&made["open"], &made["opens"], &made["closes"], &made["origin"]),
        (&json!(true), &Value::Null, &json!("2026-09-21T15:00:00.000Z"), &json!("api"))
    );
    assert_eq!(muted(&watched).await, "maintenance");

    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    let (status, changed) =
        watched.call(Method::PUT, &one, Role::Operator, &window("backup", &["sat"])).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!(
        (&changed["open"], &changed["opens"], &changed["closes"]),
        (&json!(false), &json!("2026-09-26T14:00:00.000Z"), &json!("2026-09-26T15:00:00.000Z"))
    );
    assert_eq!(muted(&watched).await, Value::Null);

    // Another server of the catalog has it from its start on.
    let again = watched.server.another().await;
    watch(&again).await;
    assert_eq!(windows(&again).await, [changed]);

    let end = async || watched.call(Method::DELETE, &one, Role::Operator, &Value::Null).await.0;
    assert_eq!((end().await, end().await), (StatusCode::NO_CONTENT, StatusCode::NOT_FOUND));
    let (status, _) = watched.call(Method::PUT, &one, Role::Operator, &window("x", &[])).await;
    assert_eq!((status, windows(&watched.server).await.len()), (StatusCode::NOT_FOUND, 0));

    let token = watched.server.token(Role::Operator).await;
    let noted = watched.server.call(Method::GET, "/api/v1/audit").bearer(&token).send().await.json();
    let said = |entry: &Value| ["action", "before", "after"].map(|key| entry[key].clone());
    let noted: Vec<_> = noted["entries"].as_array().unwrap().iter().map(said).collect();
    let (first, second) =
        ("mon,sat 22:00-23:00 Asia/Shanghai host=web*", "sat 22:00-23:00 Asia/Shanghai host=web*");
    assert_eq!(
        noted,
        [
            [json!("maintenance.remove"), json!(second), Value::Null],
            [json!("maintenance.change"), json!(first), json!(second)],
            [json!("maintenance.create"), Value::Null, json!(first)],
        ]
    );
}

#[tokio::test]
async fn a_window_that_somebody_else_changed_meanwhile_is_left_as_it_is() {
    let server = Server::empty().await;
    let other = server.another().await;
    watch(&server).await;
    watch(&other).await;
    let token = server.token(Role::Operator).await;
    let path = "/api/v1/maintenance";
    let call = async |at: &Server, method, path: &str, body: &Value| {
        at.call(method, path).bearer(&token).json(body).send().await
    };
    let seen = |name: &str, revision: &Value| {
        let mut body = window(name, &[]);
        body["revision"] = revision.clone();
        body
    };
    let refused = call(&server, Method::POST, path, &seen("backup", &json!("1"))).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
    let made = call(&server, Method::POST, path, &window("backup", &[])).await.json();
    let one = format!("{path}/{}", made["id"].as_str().unwrap());

    // On two servers of one catalog, both with what they saw first.
    let first = call(&server, Method::PUT, &one, &seen("first", &made["revision"])).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    let first = first.json();
    assert_ne!(first["revision"], made["revision"]);
    let late = call(&other, Method::PUT, &one, &seen("late", &made["revision"])).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text().contains("is not as you saw it any more; look at it again"), "{}", late.text());
    let end = format!("{one}?revision={}", made["revision"].as_str().unwrap());
    assert_eq!(call(&other, Method::DELETE, &end, &Value::Null).await.status, StatusCode::CONFLICT);
    assert_eq!(windows(&other).await, std::slice::from_ref(&first));

    // With what there is now, or without saying what was seen.
    let second = call(&other, Method::PUT, &one, &seen("second", &first["revision"])).await.json();
    let third = call(&server, Method::PUT, &one, &window("third", &[])).await.json();
    assert!(second["revision"] != first["revision"] && third["revision"] != second["revision"]);
    let end = format!("{one}?revision={}", third["revision"].as_str().unwrap());
    assert_eq!(call(&other, Method::DELETE, &end, &Value::Null).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn all_that_is_wrong_with_a_window_is_said() {
    let server = Server::empty().await;
    let token = server.token(Role::Operator).await;
    let wrong = json!({
        "name": " ", "matchers": [], "days": ["monday"], "from": "25:00", "to": "", "time_zone": "Mars/Base"
    });
    let post = async |body: &Value| {
        server.call(Method::POST, "/api/v1/maintenance").bearer(&token).json(body).send().await
    };
    let answer = post(&wrong).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    for part in [
        "`name` has 1 to 100",
        "`matchers`: 1 to 16",
        "`days` names",
        "`from` is",
        "`to` is",
        "`time_zone` is",
    ] {
        assert!(answer.text().contains(part), "{part}: {}", answer.text());
    }
    assert!(windows(&server).await.is_empty());
    assert_eq!(post(&window("one", &[])).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn windows_have_a_limit_and_one_that_can_not_be_read_is_left_out() {
    let server = Server::empty().await;
    let data = json!({
        "name": "m", "matchers": [], "days": [], "from": "00:00", "to": "24:00", "time_zone": "UTC"
    });
    for number in 0..=200 {
        let id = number.to_string();
        let data = if number == 0 { "of a newer version".to_owned() } else { data.to_string() };
        let window = MaintenanceRecord { id: id.clone(), author: "ann".to_owned(), changed_ms: 1, data };
        let entry = AuditEntry {
            id,
            time_ms: 1,
            author: "ann".to_owned(),
            action: String::new(),
            subject: String::new(),
            before: None,
            after: None,
        };
        assert!(server.state.catalog.put_maintenance(&window, None, &entry).await.unwrap());
    }
    watch(&server).await;
    assert_eq!(windows(&server).await.len(), 200);
    let token = server.token(Role::Operator).await;
    let more = server.call(Method::POST, "/api/v1/maintenance").bearer(&token);
    let refused = more.json(&window("one more", &[])).send().await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text().contains("200 maintenance windows"), "{}", refused.text());
}

#[tokio::test]
async fn windows_of_files_are_listed_beside_the_others_and_not_changed_here() {
    let first = Server::empty().await;
    let file = first.directory.join("rules.d/night.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let text = "\n[[maintenance]]\nname = \"night\"\nmatch = { host = \"db-*\", severity = \"!critical\" }\n\
                days = [\"sun\"]\nfrom = \"23:00\"\nto = \"01:00\"\n";
    std::fs::write(&file, text).unwrap();
    let server = first.another().await;
    watch(&server).await;
    let token = server.token(Role::Operator).await;
    let made = server.call(Method::POST, "/api/v1/maintenance").bearer(&token);
    assert_eq!(made.json(&window("now", &[])).send().await.status, StatusCode::CREATED);
    let windows = windows(&server).await;
    let names: Vec<_> = windows.iter().map(|window| window["name"].clone()).collect();
    assert_eq!(names, ["now", "night"], "what is open comes first");
    let night = &windows[1];
    assert_eq!(
        (&night["id"], &night["origin"], &night["line"], &night["time_zone"]),
        (&Value::Null, &json!(file.display().to_string()), &json!(2), &json!("UTC"))
    );
    assert_eq!(night["opens"], "2026-09-27T23:00:00.000Z");
    assert_eq!(night["matchers"][1], json!({ "label": "severity", "pattern": "!critical" }));
}
