//! Who is told of alerts: receivers, how telling them goes, and their routes.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tacho_catalog::Role;

use crate::alerts::Watched;

#[tokio::test]
async fn a_receiver_is_shown_tried_and_told() {
    let watched = Watched::new().await;
    let (status, tested) = watched.post("/api/v1/receivers/log/test", Role::Operator, &Value::Null).await;
    assert_eq!((status, tested), (StatusCode::OK, json!({ "delivered": true, "error": null })));
    watched.fill(0, 99);
    watched.file("FIRING critical web file-system-full").await;
    let receivers = async || watched.server.json("/api/v1/receivers").await;
    let is_told = |log: &Value| log["delivered"].is_string() && log["queued"] == 0;
    let shown =
        watched.until(async || Some(receivers().await).filter(|it| is_told(&it["receivers"][0]))).await;
    assert_eq!(shown["tells"], true);
    let (log, db) = (&shown["receivers"][0], &shown["receivers"][1]);
    assert_eq!((&log["name"], &log["kind"], &log["language"]), (&json!("log"), &json!("file"), &json!("en")));
    assert_eq!(
        (&log["error"], &log["waiting_since"], &log["open"]),
        (&Value::Null, &Value::Null, &json!(true))
    );
    assert_eq!((&db["delivered"], &db["after_seconds"]), (&Value::Null, &json!(900)));
    assert_eq!(db["matchers"], json!([{ "label": "tag.team", "pattern": "db*" }]));

    let alerts = watched.alerts("?state=firing", 1).await;
    let path = format!("/api/v1/alerts/{}", alerts["alerts"][0]["id"].as_str().unwrap());
    assert_eq!(watched.server.json(&path).await["told"], json!(["log"]));
}

#[tokio::test]
async fn what_waits_for_a_receiver_is_shown_with_the_reason() {
    let watched = Watched::new().await;
    // A directory in the file's place: it can not be written.
    std::fs::create_dir(watched.server.directory.join("alerts.log")).unwrap();
    watched.fill(0, 99);
    let log = async || watched.server.json("/api/v1/receivers").await["receivers"][0].clone();
    let log = watched.until(async || Some(log().await).filter(|log| log["attempts"] != 0)).await;
    assert_eq!((&log["queued"], &log["delivered"]), (&json!(1), &Value::Null));
    assert!(log["error"].as_str().unwrap().starts_with("cannot write "), "{log}");
    assert!(
        log["waiting_since"].is_string() && log["next_try"].is_string() && log["failed"].is_string(),
        "{log}"
    );
}

#[tokio::test]
async fn a_route_says_who_would_be_told() {
    let watched = Watched::new().await;
    let route = async |query: &str| {
        watched.call(Method::GET, &format!("/api/v1/routes?{query}"), Role::Viewer, &Value::Null).await
    };
    let (_, of_all) = route("rule=process-hog&host=web").await;
    assert_eq!(
        (&of_all["about_host"], &of_all["severity"], &of_all["muted"]),
        (&json!(true), &json!("warning"), &Value::Null)
    );
    assert_eq!(of_all["receivers"][0]["told"], true);
    let db = json!({ "name": "db", "told": false, "after_seconds": 900, "reason": "matcher",
        "matcher": { "label": "tag.team", "pattern": "db*" } });
    assert_eq!(of_all["receivers"][1], db);

    let tags = json!({ "tags": ["team=dba"] });
    let (status, _) = watched.call(Method::PUT, "/api/v1/hosts/web/tags", Role::Operator, &tags).await;
    assert!(status.is_success(), "{status}");
    let silence =
        json!({ "matchers": [{ "label": "rule", "pattern": "process-*" }], "ends": "2027-01-01T00:00:00Z" });
    assert_eq!(watched.post("/api/v1/silences", Role::Operator, &silence).await.0, StatusCode::CREATED);
    let (_, of_db) = route("rule=process-hog&host=web&severity=critical").await;
    assert_eq!((&of_db["receivers"][1]["told"], &of_db["muted"]), (&json!(true), &json!("silenced")));

    for (query, expected) in [
        ("rule=process-hog&host=nobody", StatusCode::NOT_FOUND),
        ("rule=nothing&host=web", StatusCode::NOT_FOUND),
        ("host=web&severity=bad", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(route(query).await.0, expected, "{query}");
    }
}
