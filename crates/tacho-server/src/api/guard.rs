//! Who may call what, and the headers that keep browsers from harm.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tacho_catalog::Role;
use tokio::sync::Semaphore;

use super::ApiState;
use super::error::{ApiError, ErrorKind};
use crate::auth::{Caller, Credential};

/// A page of another site can make a browser send a request with our cookie, but not with this header.
pub(crate) const REQUEST_HEADER: HeaderName = HeaderName::from_static("x-tacho-request");

const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// Queries of the history that run at one time: more would only take turns on the cores and the disk, and
/// hold memory meanwhile.
const QUERIES_AT_ONCE: usize = 16;

/// Queries that may wait for their turn: some page loads. More are told to come back later.
const QUERIES_WAITING: usize = 256;

/// Queries of all hosts' rows that run at one time, each for seconds, and with some 60 MB.
const FLEET_QUERIES_AT_ONCE: usize = 2;

/// Those that may wait for their turn.
const FLEET_QUERIES_WAITING: usize = 16;

/// Bounds the queries of the history. Clones share the bound.
#[derive(Clone)]
pub(crate) struct QueryLimit {
    running: Arc<Semaphore>,
    /// Running and waiting.
    admitted: Arc<Semaphore>,
}

impl Default for QueryLimit {
    fn default() -> Self {
        Self::new(QUERIES_AT_ONCE, QUERIES_WAITING)
    }
}

impl QueryLimit {
    /// For queries of all hosts' rows.
    pub(crate) fn of_fleet() -> Self {
        Self::new(FLEET_QUERIES_AT_ONCE, FLEET_QUERIES_WAITING)
    }

    fn new(at_once: usize, waiting: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(at_once + waiting)),
        }
    }
}

/// Runs a query when it is its turn.
pub(crate) async fn limit_queries(State(limit): State<QueryLimit>, request: Request, next: Next) -> Response {
    let Ok(_admitted) = limit.admitted.try_acquire() else {
        return ApiError::overloaded("too many queries wait already; try again later", 1).into_response();
    };
    // Fails when the semaphore is closed, which nobody does.
    let _running = limit.running.acquire().await;
    next.run(request).await
}

/// Lets in who may read.
pub(crate) async fn viewer(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    require(&state, Role::Viewer, request, next).await
}

/// Lets in who may change what is watched.
pub(crate) async fn operator(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    require(&state, Role::Operator, request, next).await
}

/// Lets in who may manage tokens and users.
pub(crate) async fn admin(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    require(&state, Role::Admin, request, next).await
}

async fn require(state: &ApiState, role: Role, mut request: Request, next: Next) -> Response {
    match authorize(state, role, request.method(), request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            let may_change = !request.method().is_safe();
            let response = next.run(request).await;
            if may_change {
                state.callers.forget();
            }
            response
        }
        Err(error) => error.into_response(),
    }
}

async fn authorize(
    state: &ApiState,
    role: Role,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Caller, ApiError> {
    let caller = authenticate(state, headers).await?;
    check_forgery(caller.credential, method, headers)?;
    if caller.role < role {
        let message =
            format!("this needs the role {}; {} is {}", role.name(), caller.name, caller.role.name());
        return Err(ApiError::new(ErrorKind::Forbidden, message));
    }
    Ok(caller)
}

/// Who is calling.
pub(crate) async fn authenticate(state: &ApiState, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let credential = Credential::from_headers(headers).ok_or_else(ApiError::unauthorized)?;
    state.callers.find(credential, &state.catalog, (state.now)()).await?.ok_or_else(ApiError::unauthorized)
}

/// Refuses a change that a cookie vouches for but no script of our own page asked for.
pub(crate) fn check_forgery(
    credential: Credential,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    let by_cookie = matches!(credential, Credential::Session(_));
    if by_cookie && !method.is_safe() && headers.get(REQUEST_HEADER).is_none_or(|value| value != "1") {
        let message = "a change made with a session cookie needs the header `X-Tacho-Request: 1`";
        return Err(ApiError::new(ErrorKind::Forbidden, message));
    }
    Ok(())
}

/// Adds to every answer what keeps browsers from guessing types, framing, and running foreign scripts. What
/// does not say otherwise is not cached: it is somebody's data.
pub(crate) async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
