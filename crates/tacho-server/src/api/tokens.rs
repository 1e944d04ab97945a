//! Tokens for agents to join and for programs to call. For admins.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tacho_catalog::{TokenKind, TokenRecord};
use utoipa::ToSchema;

use super::ApiState;
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::{BodyOf, PathOf, Problems};
use super::time::Time;
use super::users::read_role;
use crate::auth::token::{JOIN_LIFE_MS, TokenRequest, issue};

const LONGEST_NOTE: usize = 256;

/// Ten years: enough for whatever calls an API, and far from any overflow.
const LONGEST_LIFE_SECONDS: i64 = 10 * 365 * 24 * 3600;

#[derive(Serialize, ToSchema)]
pub(crate) struct TokenList {
    /// Newest first, revoked and expired ones too.
    tokens: Vec<TokenEntry>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TokenEntry {
    id: String,
    /// `join` or `api`.
    kind: &'static str,
    /// Of an API token: `viewer`, `operator` or `admin`.
    role: Option<&'static str>,
    note: String,
    /// `valid`, `expired`, `revoked` or `used_up`.
    state: &'static str,
    created: Time,
    /// Null: never.
    expires: Option<Time>,
    /// Of a join token; null: any number.
    uses_left: Option<i64>,
    revoked: Option<Time>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenCreation {
    /// `join` or `api`.
    kind: String,
    /// Of an API token: `viewer` (default), `operator` or `admin`.
    role: Option<String>,
    /// What it is for.
    #[serde(default)]
    note: String,
    /// How long it is valid. A join token for an hour when absent, an API token for ever.
    expires_in_seconds: Option<i64>,
    /// How many agents may join with it; any number when absent, once when `host` is given.
    uses: Option<i64>,
    /// The host that joins again with it, by name or id: it keeps its history, on whatever machine.
    host: Option<String>,
}

/// A new token. Its text is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedToken {
    id: String,
    token: String,
    expires: Option<Time>,
}

/// All tokens; their texts are not known here. Role: admin.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", responses((status = 200, body = TokenList)))]
pub(crate) async fn list_tokens(State(state): State<ApiState>) -> Result<Json<TokenList>, ApiError> {
    let now_ms = (state.now)();
    let tokens = state.catalog.tokens().await?;
    Ok(Json(TokenList { tokens: tokens.into_iter().map(|token| TokenEntry::new(token, now_ms)).collect() }))
}

/// Makes a token. Role: admin.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", request_body = TokenCreation,
    responses((status = 201, body = CreatedToken)))]
pub(crate) async fn create_token(
    State(state): State<ApiState>,
    BodyOf(wanted): BodyOf<TokenCreation>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    let now_ms = (state.now)();
    let host_id = match &wanted.host {
        Some(host) => Some(find_host(&state, host).await?.id.to_string()),
        None => None,
    };
    let request = wanted.read(host_id, now_ms)?;
    let expires = request.expires_ms().map(Time);
    let issued = issue(&state.catalog, request, &*state.mint_join_token, now_ms).await?;
    Ok((StatusCode::CREATED, Json(CreatedToken { id: issued.id, token: issued.text, expires })))
}

/// Makes a token worthless from now on. Role: admin.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access",
    params(("id" = String, Path, description = "Id of the token.")), responses((status = 204)))]
pub(crate) async fn revoke_token(
    State(state): State<ApiState>,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, ApiError> {
    if !state.catalog.revoke_token(&id, (state.now)()).await? {
        return Err(ApiError::not_found(format!("there is no token {id:?} that could still be revoked")));
    }
    Ok(StatusCode::NO_CONTENT)
}

impl TokenCreation {
    fn read(self, host_id: Option<String>, now_ms: i64) -> Result<TokenRequest, ApiError> {
        let mut problems = Problems::default();
        let kinds = TokenKind::ALL.map(|kind| (kind.name(), kind));
        let kind = problems.choice("kind", Some(&self.kind), &kinds, TokenKind::Join);
        let role = read_role(self.role.as_deref().unwrap_or("viewer"), &mut problems);
        if kind == TokenKind::Join && self.role.is_some() {
            problems.add("`role`: a join token has none");
        }
        if kind == TokenKind::Api && self.uses.is_some() {
            problems.add("`uses`: an API token may be used any number of times");
        }
        if kind == TokenKind::Api && self.host.is_some() {
            problems.add("`host`: only a host joins with a token");
        }
        if self.uses.is_some_and(|uses| uses < 1) {
            problems.add("`uses`: at least 1");
        }
        if self.expires_in_seconds.is_some_and(|seconds| !(1..=LONGEST_LIFE_SECONDS).contains(&seconds)) {
            problems.add(format_args!("`expires_in_seconds`: 1 to {LONGEST_LIFE_SECONDS}"));
        }
        if self.note.len() > LONGEST_NOTE {
            problems.add(format_args!("`note`: at most {LONGEST_NOTE} bytes"));
        }
        problems.finish()?;
        let life_ms = self.expires_in_seconds.map(|seconds| seconds.saturating_mul(1000));
        let after = |life_ms| now_ms.saturating_add(life_ms);
        Ok(match kind {
            TokenKind::Join => TokenRequest::Join {
                note: self.note,
                expires_ms: Some(after(life_ms.unwrap_or(JOIN_LIFE_MS))),
                uses: self.uses.or(host_id.as_ref().map(|_| 1)),
                host_id,
            },
            TokenKind::Api => TokenRequest::Api { role, note: self.note, expires_ms: life_ms.map(after) },
        })
    }
}

impl TokenEntry {
    fn new(token: TokenRecord, now_ms: i64) -> Self {
        let state = if token.revoked_ms.is_some() {
            "revoked"
        } else if token.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
            "expired"
        } else if token.uses_left.is_some_and(|uses| uses <= 0) {
            "used_up"
        } else {
            "valid"
        };
        Self {
            id: token.id,
            kind: token.kind.name(),
            role: token.role.map(|role| role.name()),
            note: token.note,
            state,
            created: Time(token.created_ms),
            expires: token.expires_ms.map(Time),
            uses_left: token.uses_left,
            revoked: token.revoked_ms.map(Time),
        }
    }
}
