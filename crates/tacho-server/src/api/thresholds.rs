//! Thresholds of rules that are other on some hosts.

use axum::Extension;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tacho_alert::HostPattern;
use tacho_catalog::ThresholdRecord;
use utoipa::ToSchema;

use super::ApiState;
use super::error::ApiError;
use super::parameters::{BodyOf, PathOf};
use super::time::Time;
use crate::auth::Caller;

/// More are refused.
const MAX_THRESHOLDS: usize = 1000;
const LONGEST_PATTERN: usize = 255;

/// Another threshold of a rule.
#[derive(Serialize, ToSchema)]
pub(crate) struct HostThresholdEntry {
    /// A pattern of names, or after `tag:` one of tags.
    hosts: String,
    threshold: f64,
    author: String,
    changed: Time,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThresholdBody {
    /// In the unit of the rule's reading, in seconds, or a share of the machine from 0 to 1.
    threshold: f64,
}

impl From<ThresholdRecord> for HostThresholdEntry {
    fn from(record: ThresholdRecord) -> Self {
        let ThresholdRecord { hosts, threshold, author, changed_ms, .. } = record;
        Self { hosts, threshold, author, changed: Time(changed_ms) }
    }
}

/// Gives a rule another threshold on hosts whose names or tags match a pattern, from their next snapshot on. Where several
/// match, the one that was set last holds. Role: operator.
#[utoipa::path(put, path = "/api/v1/rules/{rule}/thresholds/{hosts}", tag = "alerts", request_body = ThresholdBody,
    params(("rule" = String, Path, description = "Name."),
        ("hosts" = String, Path, description = "A name, a pattern such as `web-*`, or a tag such as `tag:dc=eu`.")),
    responses((status = 204)))]
pub(crate) async fn set_threshold(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf((rule, hosts)): PathOf<(String, String)>,
    BodyOf(body): BodyOf<ThresholdBody>,
) -> Result<StatusCode, ApiError> {
    let known = state.alerts.core().engine.rule(&rule).map(|rule| rule.threshold());
    let has_threshold = known.ok_or_else(|| {
        ApiError::not_found(format!("no rule is called {rule:?}; /api/v1/rules lists them"))
    })?;
    if has_threshold.is_none() {
        return Err(ApiError::invalid(format!("the rule {rule:?} compares with no number")));
    }
    if !body.threshold.is_finite() {
        return Err(ApiError::invalid("`threshold` is no number"));
    }
    if hosts.chars().count() > LONGEST_PATTERN {
        return Err(ApiError::invalid(format!("`hosts` has at most {LONGEST_PATTERN} characters")));
    }
    HostPattern::new(&hosts).map_err(|problem| ApiError::invalid(format!("`hosts` {problem}")))?;
    if state.catalog.alert_thresholds().await?.len() >= MAX_THRESHOLDS {
        return Err(ApiError::invalid(format!("there are {MAX_THRESHOLDS} thresholds; remove some first")));
    }
    let record = ThresholdRecord {
        rule,
        hosts,
        threshold: body.threshold,
        author: caller.name,
        changed_ms: (state.now)(),
    };
    state.alerts.set_threshold(&record).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes it back: the rule's own threshold holds. Role: operator.
#[utoipa::path(delete, path = "/api/v1/rules/{rule}/thresholds/{hosts}", tag = "alerts",
    params(("rule" = String, Path, description = "Name."), ("hosts" = String, Path, description = "As it was set.")),
    responses((status = 204)))]
pub(crate) async fn remove_threshold(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf((rule, hosts)): PathOf<(String, String)>,
) -> Result<StatusCode, ApiError> {
    if !state.alerts.remove_threshold(&rule, &hosts, &caller.name).await? {
        let text = format!("the rule {rule:?} has no threshold for {hosts:?}; /api/v1/rules lists them");
        return Err(ApiError::not_found(text));
    }
    Ok(StatusCode::NO_CONTENT)
}
