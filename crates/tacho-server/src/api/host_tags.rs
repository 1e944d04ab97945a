//! Tags of hosts.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use tacho_model::check_tags;
use utoipa::ToSchema;

use super::ApiState;
use super::error::ApiError;
use super::hosts::{Host, find_host, show_host};
use super::parameters::{BodyOf, PathOf};
use crate::auth::Caller;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagsBody {
    /// Words and keys with a value, such as `["canary", "dc=eu"]`: at most 32, of at most 64 characters each, one value of
    /// each key.
    tags: Vec<String>,
}

/// Sets the tags of a host, in place of those that were set here before; an empty list takes them away. Those of its
/// agent's settings stay beside them, but where a key has another value here. Role: operator.
#[utoipa::path(put, path = "/api/v1/hosts/{host}/tags", tag = "hosts", request_body = TagsBody,
    params(("host" = String, Path, description = "Name or id.")), responses((status = 200, body = Host)))]
pub(crate) async fn set_tags(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf(name): PathOf<String>,
    BodyOf(body): BodyOf<TagsBody>,
) -> Result<Json<Host>, ApiError> {
    let tags = check_tags(&body.tags).map_err(|problem| ApiError::invalid(format!("`tags`: {problem}")))?;
    let key = find_host(&state, &name).await?;
    let change = state.host_change(caller);
    // Somebody else may have removed the host in this moment; then it is not found below.
    state.catalog.set_host_tags(&key.id, &tags, &change).await?;
    state.live.take_tags(state.catalog.host_tags().await?);
    show_host(State(state), PathOf(key.id.to_string())).await
}
