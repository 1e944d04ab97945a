//! Tags of hosts over the real API.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tacho_catalog::Role;
use tacho_model::HostFacts;

use crate::alerts::Watched;
use crate::fixture::{Answer, Server};

async fn set(server: &Server, host: &str, role: Role, tags: &Value) -> Answer {
    let token = server.token(role).await;
    let path = format!("/api/v1/hosts/{host}/tags");
    server.call(Method::PUT, &path).bearer(&token).json(&json!({ "tags": tags })).send().await
}

#[tokio::test]
async fn tags_are_set_by_operators_beside_those_of_the_agent() {
    let server = Server::empty().await;
    let key = server.join("web").await;
    let tags = ["rack=7".to_owned(), "dc=us".to_owned(), "no tag".to_owned()].to_vec();
    let facts = HostFacts { tags, ..HostFacts::default() };
    server.state.catalog.save_facts(&key.id, &facts, 1).await.unwrap();
    server.state.live.connected(&key, Arc::new(facts));
    let mut events = server.state.live.subscribe();
    assert_eq!(set(&server, "web", Role::Viewer, &json!(["db"])).await.status, StatusCode::FORBIDDEN);
    let done = set(&server, "web", Role::Operator, &json!(["db", "dc=eu", "db"])).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    let (all, own) = (json!(["db", "dc=eu", "rack=7"]), json!(["db", "dc=eu"]));
    assert_eq!((&done.json()["tags"], &done.json()["own_tags"]), (&all, &own));
    let event = events.recv().await.unwrap();
    assert_eq!(event.host.tags().to_vec(), ["db", "dc=eu", "rack=7"], "live");
    let hosts = server.json("/api/v1/hosts").await;
    assert_eq!((&hosts["hosts"][0]["tags"], &hosts["hosts"][0]["own_tags"]), (&all, &own));

    for (tags, part) in [
        (json!(["a b"]), "has ' ' in it"),
        (json!(["dc=eu", "dc=us"]), "the key \"dc\" is there twice"),
        (json!((0..33).map(|n| n.to_string()).collect::<Vec<_>>()), "at most 32"),
        (json!(["x".repeat(65)]), "longer than 64"),
    ] {
        let refused = set(&server, "web", Role::Operator, &tags).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.text().replace('\\', "").contains(part), "{part}: {}", refused.text());
    }
    assert_eq!(set(&server, "nobody", Role::Operator, &json!([])).await.status, StatusCode::NOT_FOUND);
    set(&server, "web", Role::Operator, &json!([])).await;
    assert_eq!(server.json("/api/v1/hosts/web").await["tags"], json!(["dc=us", "rack=7"]));

    let token = server.token(Role::Operator).await;
    let noted = server.call(Method::GET, "/api/v1/audit").bearer(&token).send().await.json();
    let entry = &noted["entries"][1];
    assert_eq!((&entry["action"], &entry["subject"]), (&json!("host.tags"), &json!("web")));
    assert_eq!((&entry["before"], &entry["after"]), (&Value::Null, &json!("db dc=eu")));
    assert_eq!(noted["entries"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn rules_and_thresholds_go_by_tags() {
    let watched = Watched::new().await;
    let path = "/api/v1/rules/file-system-full/thresholds/tag:db";
    let threshold = json!({ "threshold": 0.5 });
    let set_threshold = watched.call(Method::PUT, path, Role::Operator, &threshold).await;
    assert_eq!(set_threshold.0, StatusCode::NO_CONTENT);
    let rule = json!({ "definition": "[[rule]]\nname = \"half\"\nhosts = { tags = \"db\" }\n\
        when = \"filesystem.used_ratio > 0.6\"\nfor = \"0s\"\n" });
    assert_eq!(watched.post("/api/v1/rules", Role::Operator, &rule).await.0, StatusCode::CREATED);
    watched.fill(0, 70);
    assert_eq!(set(&watched.server, "web", Role::Operator, &json!(["db"])).await.status, StatusCode::OK);
    watched.fill(5_000, 70);
    let alerts = watched.alerts("?state=firing", 2).await;
    assert_eq!(alerts["alerts"][0]["tags"], json!(["db"]));
    let rules: std::collections::BTreeSet<_> =
        [0, 1].into_iter().filter_map(|place| alerts["alerts"][place]["rule"].as_str()).collect();
    assert_eq!(rules, ["file-system-full", "half"].into());
    // It is another host's rule now; the other alert goes on until its value is below.
    set(&watched.server, "web", Role::Operator, &json!([])).await;
    watched.fill(10_000, 70);
    watched.alerts("?state=firing&rule=half", 0).await;
}
