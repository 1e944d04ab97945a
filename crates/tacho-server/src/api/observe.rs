//! Counts every request, and logs those that this server failed.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use tacho_runtime::logging::chain;
use tracing::Level;

use super::ApiState;
use super::error::ApiError;
use crate::metrics::RequestKey;

/// Route of whatever the page answers: its paths are not ours to count one by one.
const PAGE: &str = "page";

pub(crate) async fn observe(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or(PAGE, MatchedPath::as_str).to_owned();
    let method = method_name(request.method());
    let started = Instant::now();
    let response = next.run(request).await;
    if let Some(error) = response.extensions().get::<Arc<ApiError>>() {
        log(method, &route, error);
    }
    let key = RequestKey { route, method, status: response.status().as_u16() };
    state.metrics.request(key, started.elapsed());
    response
}

/// Methods are the caller's to choose, labels are not.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn log(method: &str, route: &str, error: &ApiError) {
    let (_, level) = error.kind.http();
    let error = chain(error);
    if level == Level::ERROR {
        tracing::error!("{method} {route} failed: {error}");
    } else if level == Level::WARN {
        tracing::warn!("{method} {route} failed: {error}");
    } else {
        tracing::debug!("{method} {route} refused: {error}");
    }
}
