//! One host's range of time as one file.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Deserialize;
use utoipa::IntoParams;

use super::ApiState;
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::{PathOf, Problems, QueryOf, Unknown};
use super::rows::{EXPORTS, body};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParameters {
    /// Start, inclusive; an hour before `to` when absent. Whole hours are written.
    from: Option<String>,
    /// End, exclusive; now when absent.
    to: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// A host between two instants as one file: all tables, facts, gaps and alerts. `tacho-server open` shows it on another
/// machine, `tacho-server import` takes it in. An answer that breaks off is not complete, and neither takes it.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/export", tag = "history",
    params(("host" = String, Path, description = "Name or id."), ExportParameters),
    responses((status = 200, description = "A tar archive of Parquet files and a manifest.",
        content((Vec<u8> = "application/x-tar")))))]
pub(crate) async fn export_host(
    State(state): State<ApiState>,
    PathOf(host): PathOf<String>,
    QueryOf(parameters): QueryOf<ExportParameters>,
) -> Result<Response, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let (from_ms, to_ms) =
        problems.range(parameters.from.as_deref(), parameters.to.as_deref(), (state.now)());
    problems.finish()?;
    let host = find_host(&state, &host).await?;
    let counted = state
        .metrics
        .count_up_to(EXPORTS, |counters| &counters.exports)
        .ok_or_else(|| ApiError::overloaded("too many exports run at once; try again later", 10))?;
    let archive = state.history.export(&host.id, from_ms..to_ms).await?;
    let archive = archive.ok_or_else(|| ApiError::not_found("the host was removed just now"))?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-tar")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"tacho-export.tar\"")),
    ];
    Ok((headers, body(archive, counted)).into_response())
}
