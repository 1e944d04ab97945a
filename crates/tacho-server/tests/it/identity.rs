//! Identities of agents and names of hosts over the API.

use std::net::IpAddr;

use http::{Method, StatusCode};
use serde_json::json;
use tacho_catalog::{NewAgent, Role};
use tacho_server::live::Machine;

use crate::fixture::{START_MS, Server, at};

fn agent(id: &str, host_id: &str) -> NewAgent {
    NewAgent {
        agent_id: id.to_owned(),
        host_id: host_id.to_owned(),
        certificate_hash: tacho_runtime::tls::fingerprint(id.as_bytes()),
        not_after_ms: START_MS + 1_000_000,
        created_ms: START_MS,
    }
}

#[tokio::test]
async fn an_admin_lists_and_revokes_agents_and_nobody_else_does() {
    let server = Server::empty().await;
    let host = server.join("web").await;
    server.state.catalog.add_agent(&agent("a1", &host.id)).await.unwrap();
    let admin = server.token(Role::Admin).await;
    let operator = server.token(Role::Operator).await;
    for (method, path) in [(Method::GET, "/api/v1/agents"), (Method::DELETE, "/api/v1/agents/a1")] {
        let answer = server.call(method, path).bearer(&operator).send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let list = async || server.call(Method::GET, "/api/v1/agents").bearer(&admin).send().await.json();
    let entry = list().await["agents"][0].clone();
    assert_eq!(
        (&entry["id"], &entry["host"], &entry["state"]),
        (&json!("a1"), &json!("web"), &json!("valid"))
    );
    let revoke = async || server.call(Method::DELETE, "/api/v1/agents/a1").bearer(&admin).send().await;
    assert_eq!(revoke().await.status, StatusCode::NO_CONTENT);
    assert_eq!(list().await["agents"][0]["state"], "revoked");
    assert_eq!(revoke().await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_renamed_host_keeps_history_and_live_state_and_is_found_by_both_names() {
    let server = Server::with_history().await;
    server.join("db").await;
    let operator = server.token(Role::Operator).await;
    let viewer = server.token(Role::Viewer).await;
    let rename = async |name: &str, token: &str| {
        let call = server.call(Method::PATCH, "/api/v1/hosts/web").bearer(token);
        call.json(&json!({ "name": name })).send().await
    };
    let path = |host: &str| {
        format!("/api/v1/hosts/{host}/rows?table=host&columns=time&from={}&to={}", at(0), at(120_000))
    };
    let before = server.get(&path("web")).await.text();
    assert_eq!(rename("shop", &viewer).await.status, StatusCode::FORBIDDEN);
    assert_eq!(rename("db", &operator).await.status, StatusCode::CONFLICT);
    assert_eq!(rename("a/b", &operator).await.status, StatusCode::BAD_REQUEST);
    let renamed = rename("shop", &operator).await;
    assert_eq!(renamed.status, StatusCode::OK, "{}", renamed.text());
    let body = renamed.json();
    assert_eq!(
        (&body["name"], &body["id"], &body["state"]),
        (&json!("shop"), &json!("id-web"), &json!("up"))
    );
    assert!(body["latest"]["cpu_cores"].is_number(), "the newest readings are still there");
    for name in ["shop", "web", "id-web"] {
        assert_eq!(server.json(&format!("/api/v1/hosts/{name}")).await["name"], "shop", "{name}");
        assert_eq!(server.get(&path(name)).await.text(), before, "{name}");
    }
}

#[tokio::test]
async fn a_conflict_names_both_machines() {
    let server = Server::empty().await;
    let host = server.join("web").await;
    assert!(server.json("/api/v1/hosts/web").await["conflict"].is_null());
    let machine = |last: u8, name: &str| Machine {
        address: IpAddr::from([10, 0, 0, last]),
        host_name: name.to_owned(),
    };
    server.state.live.conflicts().note(&host.id, Some(machine(1, "web")), machine(2, "copy"), START_MS);
    for conflict in [
        server.json("/api/v1/hosts/web").await["conflict"].clone(),
        server.json("/api/v1/hosts").await["hosts"][0]["conflict"].clone(),
    ] {
        assert_eq!((&conflict["address"], &conflict["host_name"]), (&json!("10.0.0.2"), &json!("copy")));
        assert_eq!(conflict["connected_address"], "10.0.0.1");
        assert!(conflict["since"].is_string());
    }
}
