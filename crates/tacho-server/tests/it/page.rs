//! The page, and what keeps it safe.

use http::{Method, StatusCode};

use crate::fixture::Server;

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_browsers() {
    let server = Server::empty().await;
    for path in
        ["/", "/hosts/web?from=1", "/api/v1/hosts", "/api/v1/nothing", "/-/healthy", "/assets/gone.js"]
    {
        let answer = server.call(Method::GET, path).send().await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["x-frame-options"], "DENY", "{path}");
        assert!(answer.headers.contains_key("cache-control"), "{path}");
    }
}

#[tokio::test]
async fn routes_of_the_page_are_the_page_and_data_is_not_cached() {
    let server = Server::empty().await;
    for path in ["/", "/hosts/web", "/sign-in"] {
        let answer = server.call(Method::GET, path).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8", "{path}");
        assert_eq!(answer.headers["cache-control"], "no-cache", "{path}");
        assert!(answer.text().contains("Tacho"), "{path}");
    }
    assert_eq!(server.get("/api/v1/hosts").await.headers["cache-control"], "no-store");
    assert_eq!(server.call(Method::GET, "/assets/gone.js").send().await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.call(Method::POST, "/").send().await.status, StatusCode::METHOD_NOT_ALLOWED);
}
