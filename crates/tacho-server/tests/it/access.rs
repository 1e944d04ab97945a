//! Who may do what: tokens, roles, and their management.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tacho_catalog::Role;

use crate::fixture::{PASSWORD, Server, sign_in_body};

/// Calls that a stranger may make.
const OPEN: &[(&str, &str)] = &[
    ("get", "/-/healthy"),
    ("get", "/-/ready"),
    ("get", "/api/v1/openapi.json"),
    ("post", "/api/v1/session"),
];

/// Calls that answer each caller with its own.
const OWN: &[(&str, &str)] = &[("get", "/api/v1/session"), ("delete", "/api/v1/session")];

/// What a call needs, by its path and method.
fn role_of(method: &str, path: &str) -> Role {
    match (method, path) {
        (_, path)
            if ["tokens", "users", "agents"]
                .iter()
                .any(|part| path.starts_with(&format!("/api/v1/{part}"))) =>
        {
            Role::Admin
        }
        ("delete" | "patch", "/api/v1/hosts/{host}")
        | ("put", "/api/v1/hosts/{host}/tags")
        | ("post", "/api/v1/events")
        | ("post", "/api/v1/hosts/{host}/processes/{pid}/{start_time}/open-files")
        | ("get", "/api/v1/audit") => Role::Operator,
        ("post" | "put" | "patch" | "delete", path)
            if ["alerts", "maintenance", "silences", "receivers", "rules"]
                .iter()
                .any(|part| path.starts_with(&format!("/api/v1/{part}"))) =>
        {
            Role::Operator
        }
        _ => Role::Viewer,
    }
}

/// Every described call, with parameters filled in.
async fn calls(server: &Server) -> Vec<(Method, String, String)> {
    let document = server.call(Method::GET, "/api/v1/openapi.json").send().await.json();
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let filled = path.replace("{pid}", "1").replace("{start_time}", "1").replace(['{', '}'], "");
        for method in item.as_object().unwrap().keys() {
            let known = (method.as_str(), path.as_str());
            if !OPEN.contains(&known) && !OWN.contains(&known) {
                calls.push((method.to_uppercase().parse().unwrap(), path.clone(), filled.clone()));
            }
        }
    }
    assert!(calls.len() > 15, "{calls:?}");
    calls
}

#[tokio::test]
async fn strangers_get_nothing() {
    let server = Server::empty().await;
    for (method, _, path) in calls(&server).await {
        for authorization in [None, Some("Bearer tacho_api_AAAA"), Some("Basic YTpi")] {
            let mut call = server.call(method.clone(), &path);
            if let Some(value) = authorization {
                call = call.header("authorization", value);
            }
            let answer = call.send().await;
            assert_eq!(
                (answer.status, answer.kind().as_str()),
                (StatusCode::UNAUTHORIZED, "unauthorized"),
                "{method} {path}"
            );
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    for (method, path) in OPEN {
        let answer = server.call(method.to_uppercase().parse().unwrap(), path).send().await;
        assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn each_call_needs_its_role() {
    let server = Server::empty().await;
    for role in Role::ALL {
        let token = server.token(role).await;
        for (method, path, filled) in calls(&server).await {
            // Not read to its end: a live stream has none.
            let refused = server.call(method.clone(), &filled).bearer(&token).open().await.status();
            let needed = role_of(&method.as_str().to_lowercase(), &path);
            assert_eq!(refused == StatusCode::FORBIDDEN, role < needed, "{} {method} {path}", role.name());
        }
    }
}

#[tokio::test]
async fn a_token_is_made_listed_used_and_revoked() {
    let server = Server::empty().await;
    let admin = server.token(Role::Admin).await;
    let post = async |body: Value| {
        server.call(Method::POST, "/api/v1/tokens").bearer(&admin).json(&body).send().await
    };
    let made =
        post(json!({ "kind": "api", "role": "operator", "note": "backup", "expires_in_seconds": 60 })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let made = made.json();
    assert_eq!(made["expires"], "2026-09-21T14:14:20.000Z");
    let token = made["token"].as_str().unwrap();
    let who = server.call(Method::GET, "/api/v1/session").bearer(token).send().await.json();
    assert_eq!(who, json!({ "user": made["id"], "role": "operator" }));

    let joined = post(json!({ "kind": "join", "uses": 3 })).await.json();
    assert!(joined["token"].as_str().unwrap().starts_with("tacho_join_"));
    assert_eq!(joined["expires"], "2026-09-21T15:13:20.000Z", "an hour, when nothing else is said");

    let list = server.call(Method::GET, "/api/v1/tokens").bearer(&admin).send().await.json();
    let find = |id: &Value| {
        let tokens = list["tokens"].as_array().unwrap();
        tokens.iter().find(|token| token["id"] == *id).unwrap().clone()
    };
    assert_eq!(find(&made["id"])["state"], "valid");
    assert_eq!(
        (&find(&made["id"])["role"], &find(&made["id"])["note"]),
        (&json!("operator"), &json!("backup"))
    );
    assert_eq!(
        (&find(&joined["id"])["uses_left"], &find(&joined["id"])["kind"]),
        (&json!(3), &json!("join"))
    );
    assert!(!list.to_string().contains(token), "the text of a token is shown once");

    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    let revoke = async || server.call(Method::DELETE, &path).bearer(&admin).send().await.status;
    assert_eq!(revoke().await, StatusCode::NO_CONTENT);
    assert_eq!(revoke().await, StatusCode::NOT_FOUND);
    let after = server.call(Method::GET, "/api/v1/hosts").bearer(token).send().await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_ends_when_it_expires() {
    let server = Server::empty().await;
    let admin = server.token(Role::Admin).await;
    let body = json!({ "kind": "api", "expires_in_seconds": 60 });
    let made = server.call(Method::POST, "/api/v1/tokens").bearer(&admin).json(&body).send().await.json();
    let token = made["token"].as_str().unwrap();
    let hosts = async || server.call(Method::GET, "/api/v1/hosts").bearer(token).send().await.status;
    server.advance(59_999);
    assert_eq!(hosts().await, StatusCode::OK);
    server.advance(1);
    assert_eq!(hosts().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_that_makes_no_sense_is_refused_with_all_reasons() {
    let server = Server::empty().await;
    let admin = server.token(Role::Admin).await;
    let body = json!({ "kind": "join", "role": "admin", "uses": 0, "expires_in_seconds": -1 });
    let answer = server.call(Method::POST, "/api/v1/tokens").bearer(&admin).json(&body).send().await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    for expected in ["`role`: a join token has none", "`uses`: at least 1", "`expires_in_seconds`: 1 to"] {
        assert!(answer.text().contains(expected), "{}", answer.text());
    }
}

#[tokio::test]
async fn users_are_managed_and_the_last_admin_stays() {
    let server = Server::empty().await;
    server.add_user("ann", Role::Admin).await;
    let cookie = server.sign_in("ann").await;
    let call = async |method: Method, path: &str, body: Value| {
        server.call(method, path).cookie(&cookie).json(&body).send().await
    };
    let bob = json!({ "name": "bob", "role": "viewer", "password": PASSWORD });
    let made = call(Method::POST, "/api/v1/users", bob.clone()).await;
    assert_eq!((made.status, &made.json()["role"]), (StatusCode::CREATED, &json!("viewer")));
    let again = call(Method::POST, "/api/v1/users", bob).await;
    assert_eq!((again.status, again.kind().as_str()), (StatusCode::CONFLICT, "conflict"));
    let bobs = server.sign_in("bob").await;

    let last = call(Method::DELETE, "/api/v1/users/ann", Value::Null).await;
    assert_eq!((last.status, last.kind().as_str()), (StatusCode::CONFLICT, "conflict"));
    let changed =
        call(Method::PATCH, "/api/v1/users/bob", json!({ "role": "admin", "password": "another one" })).await;
    assert_eq!(changed.json()["role"], "admin");
    let old = server.call(Method::GET, "/api/v1/session").cookie(&bobs).send().await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED, "a new password ends sessions");
    let body = sign_in_body("bob", "another one");
    let new = server.call(Method::POST, "/api/v1/session").json(&body).send().await;
    assert_eq!(new.status, StatusCode::OK);

    let users = server.call(Method::GET, "/api/v1/users").cookie(&new.cookie()).send().await;
    assert!(!users.text().contains("argon2"), "no hashes");
    let names: Vec<_> =
        users.json()["users"].as_array().unwrap().iter().map(|user| user["name"].clone()).collect();
    assert_eq!(names, ["ann", "bob"]);
    assert_eq!(call(Method::DELETE, "/api/v1/users/ann", Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(call(Method::GET, "/api/v1/users", Value::Null).await.status, StatusCode::UNAUTHORIZED);
    let gone = server.call(Method::DELETE, "/api/v1/users/ann").cookie(&new.cookie()).send().await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}
