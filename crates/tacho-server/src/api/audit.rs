//! Who changed what.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::error::ApiError;
use super::parameters::{Problems, QueryOf, Unknown};
use super::time::Time;

const MOST: usize = 500;
const DEFAULT: usize = 100;

#[derive(Serialize, ToSchema)]
pub(crate) struct AuditList {
    /// The newest first.
    entries: Vec<AuditLine>,
}

/// A change that somebody made.
#[derive(Serialize, ToSchema)]
struct AuditLine {
    id: String,
    time: Time,
    /// Name of a user, id of a token, or `command line`.
    author: String,
    /// `host.tags`.
    action: String,
    /// What was changed: the name of a host.
    subject: String,
    /// What held before; null: nothing.
    before: Option<String>,
    /// What holds since then; null: nothing.
    after: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParameters {
    /// Only changes before the one with this id.
    before: Option<String>,
    /// Most changes to list, 1 to 500. Default: 100.
    limit: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// Who changed tags of hosts, renamed or removed one, or asked one for the open files of a process, the newest first; 10 000 are
/// kept. Role: operator.
#[utoipa::path(get, path = "/api/v1/audit", tag = "hosts", params(AuditParameters),
    responses((status = 200, body = AuditList)))]
pub(crate) async fn list_changes(
    State(state): State<ApiState>,
    QueryOf(parameters): QueryOf<AuditParameters>,
) -> Result<Json<AuditList>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let limit = problems.integer("limit", parameters.limit.as_deref(), DEFAULT, 1..=MOST);
    problems.finish()?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let entries = state.catalog.audit_entries(parameters.before.as_deref(), limit).await?;
    let line = |entry: tacho_catalog::AuditEntry| AuditLine {
        id: entry.id,
        time: Time(entry.time_ms),
        author: entry.author,
        action: entry.action,
        subject: entry.subject,
        before: entry.before,
        after: entry.after,
    };
    Ok(Json(AuditList { entries: entries.into_iter().map(line).collect() }))
}
