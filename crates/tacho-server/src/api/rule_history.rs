//! Who changed which rule when.

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
pub(crate) struct RuleHistory {
    /// The newest first.
    changes: Vec<RuleHistoryEntry>,
}

/// A change of a rule: by somebody at the API, or in a file while the server ran.
#[derive(Serialize, ToSchema)]
struct RuleHistoryEntry {
    id: String,
    time: Time,
    rule: String,
    /// Name of a user or a token, or the file.
    author: String,
    /// `created`, `changed`, `enabled`, `disabled`, `removed`, or `threshold` (of some hosts).
    action: String,
    note: String,
    /// What held before; null: nothing.
    before: Option<String>,
    /// What held from then on; null: nothing.
    after: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RuleHistoryParameters {
    /// Name.
    rule: Option<String>,
    /// Only changes before the one with this id.
    before: Option<String>,
    /// Most changes to list, 1 to 500. Default: 100.
    limit: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// Changes of rules, the newest first; 10 000 are kept.
#[utoipa::path(get, path = "/api/v1/rules/history", tag = "alerts", params(RuleHistoryParameters),
    responses((status = 200, body = RuleHistory)))]
pub(crate) async fn rule_history(
    State(state): State<ApiState>,
    QueryOf(parameters): QueryOf<RuleHistoryParameters>,
) -> Result<Json<RuleHistory>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let limit = problems.integer("limit", parameters.limit.as_deref(), DEFAULT, 1..=MOST);
    problems.finish()?;
    let (rule, before) = (parameters.rule.as_deref(), parameters.before.as_deref());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let changes = state.catalog.alert_rule_changes(rule, before, limit).await?;
    let entry = |change: tacho_catalog::RuleChange| RuleHistoryEntry {
        id: change.id,
        time: Time(change.time_ms),
        rule: change.rule,
        author: change.author,
        action: change.action,
        note: change.note,
        before: change.before,
        after: change.after,
    };
    Ok(Json(RuleHistory { changes: changes.into_iter().map(entry).collect() }))
}
