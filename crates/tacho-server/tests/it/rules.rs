//! Rules that people make, change, switch off and remove by the API, and the history of that.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tacho_catalog::Role;

use crate::alerts::Watched;
use crate::fixture::Server;

const FULL: &str = "/api/v1/rules/full";

fn full(above: f64) -> String {
    format!("# Ours.\n[[rule]]\nname = \"full\"\nwhen = \"filesystem.used_ratio > {above}\"\n")
}

async fn rule(server: &Server, name: &str) -> Value {
    let rules = server.json("/api/v1/rules").await;
    rules["rules"].as_array().unwrap().iter().find(|rule| rule["name"] == name).cloned().unwrap_or_default()
}

/// Action, author, and what held before and after, the newest first.
async fn history(server: &Server, query: &str) -> Vec<(String, bool, bool)> {
    let answer = server.json(&format!("/api/v1/rules/history{query}")).await;
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let entry = |entry: &Value| {
        (
            text(entry, "rule") + " " + &text(entry, "action"),
            entry["before"].is_string(),
            entry["after"].is_string(),
        )
    };
    answer["changes"].as_array().unwrap().iter().map(entry).collect()
}

#[tokio::test]
async fn a_rule_is_made_changed_switched_off_and_removed() {
    let watched = Watched::new().await;
    let server = &watched.server;
    let body = json!({ "definition": full(0.5), "note": "for the disks" });
    assert_eq!(watched.post("/api/v1/rules", Role::Viewer, &body).await.0, StatusCode::FORBIDDEN);
    let (status, made) = watched.post("/api/v1/rules", Role::Operator, &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(
        (&made["origin"], &made["definition"], &made["enabled"]),
        (&json!("api"), &json!(full(0.5)), &json!(true))
    );
    watched.fill(0, 60);
    let alerts = watched.alerts("?state=firing", 1).await;
    assert_eq!(
        (&alerts["alerts"][0]["rule"], &alerts["alerts"][0]["threshold"]),
        (&json!("full"), &json!(0.5))
    );

    let body = json!({ "definition": full(0.7), "revision": made["revision"] });
    let (status, changed) = watched.call(Method::PUT, FULL, Role::Operator, &body).await;
    assert_eq!((status, &changed["threshold"]), (StatusCode::OK, &json!(0.7)));
    watched.fill(5_000, 60);
    watched.alerts("?state=firing", 0).await;
    watched.fill(10_000, 80);
    watched.alerts("?state=firing", 1).await;

    let switch = async |enabled: bool| {
        let body = json!({ "enabled": enabled });
        let (status, answer) = watched.call(Method::PATCH, FULL, Role::Operator, &body).await;
        assert_eq!((status, &answer["enabled"]), (StatusCode::OK, &json!(enabled)));
    };
    switch(false).await;
    watched.alerts("?state=firing", 0).await;
    switch(true).await;
    watched.fill(15_000, 80);
    watched.alerts("?state=firing", 1).await;

    let again = server.another().await;
    assert_eq!(history(&again, "?rule=full&limit=2").await.len(), 2);
    let (status, _) = watched.call(Method::DELETE, FULL, Role::Operator, &Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    watched.alerts("?state=firing", 0).await;
    assert_eq!(rule(server, "full").await, Value::Null);
    let expected = [
        ("full removed", true, false),
        ("full enabled", false, true),
        ("full disabled", true, false),
        ("full changed", true, true),
        ("full created", false, true),
    ];
    assert_eq!(
        history(server, "").await,
        expected.map(|(what, before, after)| (what.to_owned(), before, after))
    );
    let newest = server.json("/api/v1/rules/history?limit=1").await["changes"][0].clone();
    let older = format!("/api/v1/rules/history?before={}", newest["id"].as_str().unwrap());
    let older = server.json(&older).await;
    assert_eq!(older["changes"][3]["note"], "for the disks");
    assert_eq!(newest["before"], full(0.7));
    assert!(newest["author"].as_str().is_some_and(|author| !author.is_empty()), "{newest}");
}

#[tokio::test]
async fn a_default_rule_is_changed_and_comes_back() {
    let watched = Watched::new().await;
    let path = "/api/v1/rules/memory-full";
    let own =
        rule(&watched.server, "memory-full").await["definition"].as_str().unwrap().replace("0.95", "0.97");
    let (status, changed) = watched
        .call(Method::PUT, path, Role::Operator, &json!({ "definition": own, "enabled": false }))
        .await;
    assert_eq!(
        (status, &changed["overrides"], &changed["enabled"]),
        (StatusCode::OK, &json!("default"), &json!(false))
    );
    let (status, _) = watched.call(Method::DELETE, path, Role::Operator, &Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let back = rule(&watched.server, "memory-full").await;
    assert_eq!(
        (&back["origin"], &back["enabled"], &back["revision"]),
        (&json!("default"), &json!(true), &json!(""))
    );
    // Switched off and on again, nothing is left of it but its history.
    for enabled in [false, true] {
        let (status, answer) =
            watched.call(Method::PATCH, path, Role::Operator, &json!({ "enabled": enabled })).await;
        assert_eq!((status, &answer["origin"]), (StatusCode::OK, &json!("default")));
        assert_eq!(answer["revision"] == "", enabled);
    }
    let body = json!({ "threshold": 0.8 });
    let threshold = format!("{path}/thresholds/web-*");
    watched.call(Method::PUT, &threshold, Role::Operator, &body).await;
    watched.call(Method::DELETE, &threshold, Role::Operator, &Value::Null).await;
    let said: Vec<_> = history(&watched.server, "?limit=3").await;
    let expected = [
        ("memory-full threshold", true, false),
        ("memory-full threshold", false, true),
        ("memory-full enabled", false, true),
    ];
    assert_eq!(said, expected.map(|(what, before, after)| (what.to_owned(), before, after)));
}

#[tokio::test]
async fn what_is_wrong_changes_nothing() {
    let watched = Watched::new().await;
    let (status, made) =
        watched.post("/api/v1/rules", Role::Operator, &json!({ "definition": full(0.5) })).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let body = |text: &str| json!({ "definition": text });
    let stale = json!({ "definition": full(0.9), "revision": "0" });
    let history_rule = full(0.5).replace("full", "history");
    let taken = full(0.5).replace("full", "hot");
    let other = full(0.5).replace("full", "other");
    let mistakes = "[[rule]]\nname = \"full\"\nwhen = \"host.memory > 0.9\"\nfor = \"5\"\n";
    let rules = "/api/v1/rules";
    for (method, path, body, status, part) in [
        (Method::POST, rules, body(mistakes), StatusCode::BAD_REQUEST, "api:4: rule \"full\": for: is \"5\""),
        (Method::POST, rules, body(mistakes), StatusCode::BAD_REQUEST, "api:3: rule \"full\": when"),
        (Method::POST, rules, body("x"), StatusCode::BAD_REQUEST, "api:1: not TOML"),
        (Method::POST, rules, body(&full(0.9)), StatusCode::CONFLICT, "made by the API"),
        (Method::POST, rules, body(&taken), StatusCode::CONFLICT, "a default rule"),
        (Method::POST, rules, body(&history_rule), StatusCode::BAD_REQUEST, "choose another name"),
        (Method::PUT, FULL, body(&other), StatusCode::BAD_REQUEST, "is of the rule \"other\""),
        (Method::PUT, FULL, stale, StatusCode::CONFLICT, "look at it again"),
        (Method::PUT, FULL, body(mistakes), StatusCode::BAD_REQUEST, "2 problems"),
        (
            Method::PATCH,
            "/api/v1/rules/nope",
            json!({ "enabled": false }),
            StatusCode::NOT_FOUND,
            "no rule is called",
        ),
        (Method::DELETE, "/api/v1/rules/hot", Value::Null, StatusCode::CONFLICT, "switch it off"),
        (Method::DELETE, "/api/v1/rules/nope", Value::Null, StatusCode::NOT_FOUND, "no rule is called"),
    ] {
        let (found, answer) = watched.call(method, path, Role::Operator, &body).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(found == status && message.contains(part), "{found} {answer}");
    }
    assert_eq!(rule(&watched.server, "full").await["revision"], made["revision"]);
    assert_eq!(history(&watched.server, "").await.len(), 1);
    let check = async |text: &str| watched.post("/api/v1/rules/check", Role::Operator, &body(text)).await.1;
    let said = check(mistakes).await;
    assert_eq!((&said["problems"][0]["line"], &said["problems"][1]["line"]), (&json!(3), &json!(4)));
    assert_eq!(
        (&check(&other).await["name"], &check(&other).await["problems"]),
        (&json!("other"), &json!([]))
    );
}
