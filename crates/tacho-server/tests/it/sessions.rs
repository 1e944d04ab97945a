//! People: signing in and out, cookies, forged requests, guessed passwords.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tacho_catalog::Role;
use tacho_server::auth::{INITIAL_PASSWORD_FILE, create_initial_admin};

use crate::fixture::{Answer, PASSWORD, Server, sign_in_body};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn who(server: &Server, cookie: &str) -> Answer {
    server.call(Method::GET, "/api/v1/session").header("cookie", cookie).send().await
}

async fn try_to_sign_in(server: &Server, password: &str, address: &str) -> Answer {
    let call = server.call(Method::POST, "/api/v1/session").of_address(address, true);
    call.json(&sign_in_body("ann", password)).send().await
}

#[tokio::test]
async fn a_session_begins_and_ends() {
    let server = Server::empty().await;
    server.add_user("ann", Role::Operator).await;
    let answer = try_to_sign_in(&server, PASSWORD, "192.0.2.1").await;
    assert_eq!(
        (answer.status, answer.json()),
        (StatusCode::OK, json!({ "user": "ann", "role": "operator" }))
    );
    let set = answer.headers["set-cookie"].to_str().unwrap();
    for part in ["tacho_session=", "; Path=/", "; HttpOnly", "; SameSite=Strict", "; Secure"] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = answer.cookie();
    assert_eq!(who(&server, &cookie).await.json(), json!({ "user": "ann", "role": "operator" }));
    let out = server.call(Method::DELETE, "/api/v1/session").cookie(&cookie).send().await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(who(&server, &cookie).await.status, StatusCode::UNAUTHORIZED);
    let again = server.call(Method::DELETE, "/api/v1/session").cookie(&cookie).send().await;
    assert_eq!(again.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_page_may_ask_who_is_signed_in_before_anybody_is() {
    let server = Server::empty().await;
    let nobody = server.call(Method::GET, "/api/v1/session").send().await;
    assert_eq!((nobody.status, nobody.json()), (StatusCode::OK, Value::Null));
    let wrong =
        server.call(Method::GET, "/api/v1/session").header("authorization", "Basic YTpi").send().await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn over_plain_http_the_cookie_is_not_marked_secure() {
    let server = Server::empty().await;
    server.add_user("ann", Role::Viewer).await;
    let call = server.call(Method::POST, "/api/v1/session").json(&sign_in_body("ann", PASSWORD));
    let set = call.send().await.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(!set.contains("Secure"), "a browser would drop it: {set}");
}

#[tokio::test]
async fn a_wrong_user_and_a_wrong_password_look_the_same() {
    let server = Server::empty().await;
    server.add_user("ann", Role::Viewer).await;
    let wrong = try_to_sign_in(&server, "wrong", "192.0.2.1").await;
    let body = sign_in_body("nobody", PASSWORD);
    let unknown = server.call(Method::POST, "/api/v1/session").json(&body).send().await;
    assert_eq!((wrong.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(wrong.body, unknown.body);
    let long = try_to_sign_in(&server, &"x".repeat(10_000), "192.0.2.1").await;
    assert_eq!(long.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.state.metrics.sign_ins_failed.get(), 3);
}

#[tokio::test]
async fn guessing_is_slowed_down_per_address() {
    let server = Server::empty().await;
    server.add_user("ann", Role::Viewer).await;
    for _ in 0..10 {
        assert_eq!(try_to_sign_in(&server, "guess", "192.0.2.1").await.status, StatusCode::UNAUTHORIZED);
    }
    let limited = try_to_sign_in(&server, PASSWORD, "192.0.2.1").await;
    assert_eq!((limited.status, limited.kind().as_str()), (StatusCode::TOO_MANY_REQUESTS, "overloaded"));
    assert_eq!(limited.headers["retry-after"], "6");
    assert_eq!(try_to_sign_in(&server, PASSWORD, "192.0.2.2").await.status, StatusCode::OK);
    server.advance(6_000);
    assert_eq!(try_to_sign_in(&server, PASSWORD, "192.0.2.1").await.status, StatusCode::OK);
    assert_eq!(server.state.metrics.sign_ins_limited.get(), 1);
}

#[tokio::test]
async fn a_session_lasts_while_it_is_used_but_not_for_ever() {
    let server = Server::empty().await;
    server.add_user("ann", Role::Viewer).await;
    let idle = server.sign_in("ann").await;
    let used = server.sign_in("ann").await;
    for day in 1..30 {
        server.advance(DAY_MS);
        assert_eq!(who(&server, &used).await.status, StatusCode::OK, "day {day}");
    }
    assert_eq!(who(&server, &idle).await.status, StatusCode::UNAUTHORIZED, "not used for a week");
    server.advance(DAY_MS);
    assert_eq!(who(&server, &used).await.status, StatusCode::UNAUTHORIZED, "a month is the most");
}

#[tokio::test]
async fn a_change_by_cookie_alone_is_refused() {
    let server = Server::empty().await;
    server.add_user("ann", Role::Admin).await;
    let cookie = server.sign_in("ann").await;
    let body = json!({ "kind": "api" });
    for (header, expected) in
        [(None, StatusCode::FORBIDDEN), (Some("0"), StatusCode::FORBIDDEN), (Some("1"), StatusCode::CREATED)]
    {
        let mut call = server.call(Method::POST, "/api/v1/tokens").header("cookie", &cookie).json(&body);
        if let Some(value) = header {
            call = call.header("x-tacho-request", value);
        }
        assert_eq!(call.send().await.status, expected, "{header:?}");
    }
    let out = server.call(Method::DELETE, "/api/v1/session").header("cookie", &cookie).send().await;
    assert_eq!(out.status, StatusCode::FORBIDDEN);
    assert_eq!(who(&server, &cookie).await.status, StatusCode::OK, "reading needs no header");
    let token = server.token(Role::Admin).await;
    let by_token = server.call(Method::POST, "/api/v1/tokens").bearer(&token).json(&body).send().await;
    assert_eq!(by_token.status, StatusCode::CREATED, "no browser sends a token by itself");
}

#[tokio::test]
async fn a_role_that_changes_counts_at_once() {
    let server = Server::empty().await;
    server.add_user("ann", Role::Admin).await;
    server.add_user("bob", Role::Admin).await;
    let cookie = server.sign_in("bob").await;
    let tokens = async || server.call(Method::GET, "/api/v1/tokens").cookie(&cookie).send().await.status;
    assert_eq!(tokens().await, StatusCode::OK);
    let ann = server.sign_in("ann").await;
    let bob = |method| server.call(method, "/api/v1/users/bob").cookie(&ann);
    let changed = bob(Method::PATCH).json(&json!({ "role": "viewer" })).send().await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(tokens().await, StatusCode::FORBIDDEN);
    assert_eq!(bob(Method::DELETE).send().await.status, StatusCode::NO_CONTENT);
    assert_eq!(tokens().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn people_change_their_own_password() {
    let server = Server::empty().await;
    server.add_user("ann", Role::Viewer).await;
    let here = server.sign_in("ann").await;
    let elsewhere = server.sign_in("ann").await;
    let change = async |current: &str, new: &str| {
        let body = json!({ "current": current, "new": new });
        server.call(Method::PUT, "/api/v1/session/password").cookie(&here).json(&body).send().await
    };
    assert_eq!(change("wrong", "new password").await.status, StatusCode::FORBIDDEN);
    assert_eq!(change(PASSWORD, "short").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(change(PASSWORD, "new password").await.status, StatusCode::NO_CONTENT);
    assert_eq!(who(&server, &here).await.status, StatusCode::OK);
    assert_eq!(who(&server, &elsewhere).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(try_to_sign_in(&server, PASSWORD, "192.0.2.1").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(try_to_sign_in(&server, "new password", "192.0.2.1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_first_start_makes_an_admin() {
    let server = Server::empty().await;
    let state = &server.state;
    let make = async || {
        create_initial_admin(&state.catalog, &state.passwords, &server.directory, server.now_ms())
            .await
            .unwrap()
    };
    assert!(make().await);
    assert!(!make().await, "only when there is no user");
    let path = server.directory.join(INITIAL_PASSWORD_FILE);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let password = std::fs::read_to_string(&path).unwrap();
    let body = sign_in_body("admin", password.trim());
    let answer = server.call(Method::POST, "/api/v1/session").json(&body).send().await;
    assert_eq!(answer.json(), json!({ "user": "admin", "role": "admin" }));
}
