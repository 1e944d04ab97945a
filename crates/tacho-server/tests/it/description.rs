//! The description of the API.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::Value;

use crate::fixture::Server;

/// Every call there is. One that is added to the router appears in the description by itself; one that
/// disappears breaks those who use it.
const CALLS: &[&str] = &[
    "delete /api/v1/agents/{id}",
    "delete /api/v1/hosts/{host}",
    "delete /api/v1/maintenance/{id}",
    "delete /api/v1/rules/{rule}",
    "delete /api/v1/rules/{rule}/thresholds/{hosts}",
    "delete /api/v1/session",
    "delete /api/v1/silences/{id}",
    "delete /api/v1/tokens/{id}",
    "delete /api/v1/users/{name}",
    "get /-/healthy",
    "get /-/ready",
    "get /api/v1/agents",
    "get /api/v1/alert-events",
    "get /api/v1/alerts",
    "get /api/v1/alerts/count",
    "get /api/v1/alerts/{id}",
    "get /api/v1/audit",
    "get /api/v1/events",
    "get /api/v1/fleet/processes",
    "get /api/v1/fleet/series",
    "get /api/v1/hosts",
    "get /api/v1/hosts/{host}",
    "get /api/v1/hosts/{host}/exits",
    "get /api/v1/hosts/{host}/export",
    "get /api/v1/hosts/{host}/filesystems",
    "get /api/v1/hosts/{host}/gaps",
    "get /api/v1/hosts/{host}/processes",
    "get /api/v1/hosts/{host}/processes/series",
    "get /api/v1/hosts/{host}/processes/{pid}/{start_time}",
    "get /api/v1/hosts/{host}/processes/{pid}/{start_time}/series",
    "get /api/v1/hosts/{host}/rows",
    "get /api/v1/hosts/{host}/series",
    "get /api/v1/hosts/{host}/summary",
    "get /api/v1/hosts/{host}/whatchanged",
    "get /api/v1/live",
    "get /api/v1/maintenance",
    "get /api/v1/openapi.json",
    "get /api/v1/processes/search",
    "get /api/v1/receivers",
    "get /api/v1/routes",
    "get /api/v1/rules",
    "get /api/v1/rules/history",
    "get /api/v1/session",
    "get /api/v1/silences",
    "get /api/v1/storage",
    "get /api/v1/tables",
    "get /api/v1/tokens",
    "get /api/v1/top",
    "get /api/v1/users",
    "get /metrics",
    "patch /api/v1/hosts/{host}",
    "patch /api/v1/rules/{rule}",
    "patch /api/v1/users/{name}",
    "post /api/v1/alerts/{id}/acknowledge",
    "post /api/v1/events",
    "post /api/v1/hosts/{host}/processes/{pid}/{start_time}/open-files",
    "post /api/v1/maintenance",
    "post /api/v1/receivers/{name}/test",
    "post /api/v1/rules",
    "post /api/v1/rules/check",
    "post /api/v1/session",
    "post /api/v1/silences",
    "post /api/v1/sql",
    "post /api/v1/tokens",
    "post /api/v1/users",
    "put /api/v1/hosts/{host}/tags",
    "put /api/v1/maintenance/{id}",
    "put /api/v1/rules/{rule}",
    "put /api/v1/rules/{rule}/thresholds/{hosts}",
    "put /api/v1/session/password",
];

#[tokio::test]
async fn every_call_is_described() {
    let server = Server::empty().await;
    let answer = server.call(Method::GET, "/api/v1/openapi.json").send().await;
    assert_eq!(answer.status, StatusCode::OK, "open to everybody");
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut calls = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap() {
            calls.insert(format!("{method} {path}"));
            assert!(call["summary"].is_string(), "{method} {path} says what it does");
            assert!(call["responses"].is_object(), "{method} {path}");
            check_parameters(method, path, call);
        }
    }
    assert_eq!(calls, CALLS.iter().map(|call| (*call).to_owned()).collect());
    assert_eq!(document["components"]["schemas"]["ErrorKind"]["enum"].as_array().unwrap().len(), 9);
}

/// Every parameter of the path is described, and no catch-all of ours is.
fn check_parameters(method: &str, path: &str, call: &Value) {
    let empty = Vec::new();
    let parameters = call["parameters"].as_array().unwrap_or(&empty);
    let names: BTreeSet<_> = parameters.iter().filter_map(|parameter| parameter["name"].as_str()).collect();
    assert!(!names.contains("unknown"), "{method} {path}");
    for part in path.split('/').filter_map(|part| part.strip_prefix('{')) {
        assert!(names.contains(part.trim_end_matches('}')), "{method} {path}: {part} is not described");
    }
    for parameter in parameters {
        assert!(parameter["description"].is_string(), "{method} {path}: {parameter}");
    }
}

/// A reference that leads nowhere breaks every generator of clients.
#[tokio::test]
async fn every_reference_leads_somewhere() {
    let server = Server::empty().await;
    let document = server.call(Method::GET, "/api/v1/openapi.json").send().await.json();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 10);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[tokio::test]
async fn tables_are_described_with_derived_columns() {
    let server = Server::empty().await;
    let document = server.json("/api/v1/tables").await;
    let tables = document["tables"].as_array().unwrap();
    let names: Vec<_> = tables.iter().map(|table| table["name"].as_str().unwrap()).collect();
    assert_eq!(names[..6], ["host", "cpu", "disk", "filesystem", "interface", "process"]);
    assert_eq!(names.len(), tacho_model::tables::ALL.len());
    let column = |table: usize, name: &str| {
        let columns = tables[table]["columns"].as_array().unwrap();
        columns.iter().find(|column| column["name"] == name).unwrap_or_else(|| panic!("no {name}")).clone()
    };
    assert_eq!(column(0, "cpu_used_ratio")["derived"], true);
    assert_eq!(column(0, "cpu_used_ratio")["unit"], "ratio");
    assert_eq!(column(5, "start_time")["type"], "time");
    assert_eq!(column(2, "device")["meaning"], "label");
    assert_eq!(column(2, "read_bytes")["unit"], "bytes");
    assert_eq!(column(1, "time")["type"], "time");
    assert_eq!(tables[5]["entity"], serde_json::json!(["pid", "start_time"]));
}
