//! Signing in and out in the browser, and changing one's own password.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use http::header::{AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use tacho_runtime::tls::{fingerprint, random_secret};
use utoipa::ToSchema;

use super::ApiState;
use super::error::{ApiError, ErrorKind};
use super::guard::{authenticate, check_forgery};
use super::parameters::BodyOf;
use super::users::check_password;
use crate::auth::caller::{SESSION_COOKIE, SESSION_IDLE_MS, SESSION_LIFE_MS};
use crate::auth::password::LONGEST;
use crate::auth::token::session_text;
use crate::auth::{Caller, Credential, Peer};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    user: String,
    password: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedIn {
    /// User name, or the id of the token.
    user: String,
    /// `viewer`, `operator` or `admin`.
    role: &'static str,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    current: String,
    new: String,
}

/// Signs in and sets the session cookie.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = SignIn, security(()),
    responses((status = 200, body = SignedIn)))]
pub(crate) async fn sign_in(
    State(state): State<ApiState>,
    peer: Option<Extension<Peer>>,
    BodyOf(given): BodyOf<SignIn>,
) -> Result<Response, ApiError> {
    let now_ms = (state.now)();
    let address = peer.as_ref().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.address);
    limit_attempts(&state, address, now_ms)?;
    let user = state.catalog.user(&given.user).await?;
    // An overlong password can not be right; it must not cost the time to hash it either.
    let password: String = if given.password.len() > LONGEST { String::new() } else { given.password };
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let right = state.passwords.verify(password, hash).await?;
    let Some(user) = user.filter(|_| right) else {
        state.metrics.sign_ins_failed.increment();
        tracing::warn!("a sign-in from {address} was refused: wrong user or password");
        return Err(ApiError::new(ErrorKind::Unauthorized, "wrong user or password"));
    };
    state.sign_in_limit.forgive(address);
    let secret = random_secret();
    let expires_ms = now_ms.saturating_add(SESSION_IDLE_MS);
    state.catalog.add_session(&fingerprint(&secret), &user.name, now_ms, expires_ms).await?;
    let cookie = cookie(&session_text(&secret), SESSION_LIFE_MS / 1000, peer.is_some_and(|peer| peer.tls))?;
    let answer = SignedIn { user: user.name, role: user.role.name() };
    Ok(([(SET_COOKIE, cookie)], Json(answer)).into_response())
}

/// Who the cookie or token belongs to; `null` for a caller who shows neither, so that a page can ask.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", security((), ("token" = []), ("session" = [])),
    responses((status = 200, body = Option<SignedIn>)))]
pub(crate) async fn who(
    State(state): State<ApiState>,
    headers: HeaderMap,
) -> Result<Json<Option<SignedIn>>, ApiError> {
    if !headers.contains_key(AUTHORIZATION) && Credential::from_headers(&headers).is_none() {
        return Ok(Json(None));
    }
    let caller = authenticate(&state, &headers).await?;
    Ok(Json(Some(SignedIn { user: caller.name, role: caller.role.name() })))
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
pub(crate) async fn sign_out(
    State(state): State<ApiState>,
    peer: Option<Extension<Peer>>,
    request: Request,
) -> Result<Response, ApiError> {
    if let Some(Credential::Session(hash)) = Credential::from_headers(request.headers()) {
        check_forgery(Credential::Session(hash), &Method::DELETE, request.headers())?;
        state.catalog.remove_session(&hash).await?;
        state.callers.forget();
    }
    let cookie = cookie("", 0, peer.is_some_and(|peer| peer.tls))?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}

/// Changes the password of whoever is signed in, and ends their other sessions.
#[utoipa::path(put, path = "/api/v1/session/password", tag = "session", request_body = PasswordChange,
    responses((status = 204)))]
pub(crate) async fn change_password(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    peer: Option<Extension<Peer>>,
    BodyOf(change): BodyOf<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    let Credential::Session(session) = caller.credential else {
        let message =
            "a token has no password; sign in, or let an admin set one with PATCH /api/v1/users/{name}";
        return Err(ApiError::new(ErrorKind::Forbidden, message));
    };
    check_password(&change.new).map_err(ApiError::invalid)?;
    let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.address);
    limit_attempts(&state, address, (state.now)())?;
    let user = state.catalog.user(&caller.name).await?.ok_or_else(ApiError::unauthorized)?;
    if !state.passwords.verify(change.current, Some(user.password_hash)).await? {
        state.metrics.sign_ins_failed.increment();
        return Err(ApiError::new(ErrorKind::Forbidden, "the current password is wrong"));
    }
    state.sign_in_limit.forgive(address);
    let hash = state.passwords.hash(change.new).await?;
    state.catalog.set_password(&caller.name, &hash, Some(&session)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn limit_attempts(state: &ApiState, address: IpAddr, now_ms: i64) -> Result<(), ApiError> {
    state.sign_in_limit.attempt(address, now_ms).map_err(|wait_ms| {
        state.metrics.sign_ins_limited.increment();
        let seconds = wait_ms.saturating_add(999) / 1000;
        ApiError::overloaded(format!("too many wrong passwords; try again in {seconds} s"), seconds)
    })
}

fn cookie(value: &str, max_age_seconds: i64, tls: bool) -> Result<HeaderValue, ApiError> {
    let secure = if tls { "; Secure" } else { "" };
    let text = format!(
        "{SESSION_COOKIE}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Strict{secure}"
    );
    HeaderValue::from_str(&text).map_err(ApiError::internal)
}
