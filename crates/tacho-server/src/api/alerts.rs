//! Alerts now and past.

use std::collections::{BTreeMap, HashSet};

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use tacho_alert::{ProcessLine, Severity};
use tacho_catalog::{Acknowledgement, AlertFilter};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::{BodyOf, PathOf, Problems, QueryOf, Unknown};
use super::time::Time;
use crate::alerts::Shown;
use crate::auth::Caller;

/// Past alerts in one answer.
const MAX_PAST: usize = 1000;
const DEFAULT_PAST: usize = 200;
const LONGEST_NOTE: usize = 500;

#[derive(Serialize, ToSchema)]
pub(crate) struct AlertList {
    /// Firing and pending ones first, the worst first; then those that are over, the newest first.
    alerts: Vec<AlertEntry>,
    /// How many fire now, whatever was asked for.
    firing: usize,
}

/// An alert without its evidence.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertEntry {
    /// Null while it is pending.
    id: Option<String>,
    rule: String,
    /// `pending`, `firing` or `resolved`.
    state: &'static str,
    /// `info`, `warning` or `critical`.
    severity: &'static str,
    host_id: String,
    host: String,
    /// What of the host; empty when it is the host itself.
    entity: String,
    labels: BTreeMap<String, String>,
    /// Of the host.
    tags: Vec<String>,
    links: BTreeMap<String, String>,
    text: String,
    /// Since when the condition held.
    since: Time,
    fired: Option<Time>,
    resolved: Option<Time>,
    /// How it ended; empty when the condition was gone.
    reason: String,
    value: Option<f64>,
    threshold: Option<f64>,
    unit: String,
    flapping: bool,
    /// `silenced`, `maintenance` or `inhibited`: it is not told.
    muted: Option<&'static str>,
    acknowledged: Option<AcknowledgementEntry>,
    /// The culprit, where one is known.
    process: Option<AlertProcess>,
}

/// Who looks after an alert.
#[derive(Serialize, ToSchema)]
struct AcknowledgementEntry {
    time: Time,
    author: String,
    note: String,
}

/// A process in an alert.
#[derive(Serialize, ToSchema)]
struct AlertProcess {
    pid: i64,
    start_time: Time,
    name: String,
    command: String,
    user: String,
    unit: String,
    /// Cores.
    cpu_ratio: Option<f64>,
    memory_bytes: Option<i64>,
    disk_bytes_per_second: Option<f64>,
    network_bytes_per_second: Option<f64>,
}

/// An alert with what it rests on.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertDetail {
    #[serde(flatten)]
    alert: AlertEntry,
    /// The value of late, oldest first.
    values: Vec<AlertPoint>,
    /// Who used most when it fired.
    processes: Vec<AlertProcess>,
    /// By what they are ordered: `cpu`, `memory`, `disk` or `network`.
    order: String,
    /// Receivers that were told that it fires and not yet that it is over; those that have not taken it yet included.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
struct AlertPoint {
    time: Time,
    value: f64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AlertCount {
    firing: usize,
    pending: usize,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertParameters {
    /// `all` (default), `firing`, `pending` or `resolved`.
    state: Option<String>,
    /// Name or id.
    host: Option<String>,
    /// Name.
    rule: Option<String>,
    /// `info`, `warning` or `critical`.
    severity: Option<String>,
    /// Of past alerts: those that had not ended by then. Default: a day before `to`.
    from: Option<String>,
    /// Of past alerts: those that had fired by then. Default: now.
    to: Option<String>,
    /// Most past alerts to list, 1 to 1000. Default: 200.
    limit: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcknowledgementBody {
    /// What is done about it.
    #[serde(default)]
    note: String,
}

/// Alerts now and of the past.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(AlertParameters),
    responses((status = 200, body = AlertList)))]
pub(crate) async fn list_alerts(
    State(state): State<ApiState>,
    QueryOf(parameters): QueryOf<AlertParameters>,
) -> Result<Json<AlertList>, ApiError> {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    let now_ms = (state.now)();
    let mut problems = Problems::new(&parameters.unknown);
    let choices = [("all", "all"), ("firing", "firing"), ("pending", "pending"), ("resolved", "resolved")];
    let wanted = problems.choice("state", parameters.state.as_deref(), &choices, "all");
    let severities = Severity::ALL.map(|severity| (severity.name(), Some(severity)));
    let severity = problems.choice("severity", parameters.severity.as_deref(), &severities, None);
    let limit = problems.integer("limit", parameters.limit.as_deref(), DEFAULT_PAST, 1..=MAX_PAST);
    let to_ms = problems.time("to", parameters.to.as_deref(), now_ms.saturating_add(1));
    let from_ms = problems.time("from", parameters.from.as_deref(), to_ms.saturating_sub(DAY_MS));
    problems.finish()?;
    let host_id = match &parameters.host {
        Some(name) => Some(find_host(&state, name).await?.id.to_string()),
        None => None,
    };
    let mut current = state.alerts.current_where(|alert| {
        host_id.as_ref().is_none_or(|id| **id == *alert.key.host_id)
            && parameters.rule.as_ref().is_none_or(|rule| **rule == *alert.key.rule)
            && severity.is_none_or(|severity| severity == alert.severity)
    });
    let (firing, _) = state.alerts.count();
    let matches = |shown: &Shown| {
        let alert = &shown.alert;
        (wanted == "all" || wanted == state_name(shown))
            && shown.resolved.as_ref().is_none_or(|(resolved_ms, _)| {
                *resolved_ms >= from_ms && alert.fired_ms.is_some_and(|fired_ms| fired_ms < to_ms)
            })
    };
    let mut past = Vec::new();
    if matches!(wanted, "all" | "resolved") {
        let filter = AlertFilter {
            host_id: host_id.clone(),
            rule: parameters.rule.clone(),
            severity: severity.map(|severity| severity.name().to_owned()),
            from_ms,
            to_ms,
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
        };
        past = state.catalog.past_alerts(&filter).await?;
        // What ended since it was looked at is listed as it is now.
        let over: HashSet<&str> = past.iter().map(|record| record.id.as_str()).collect();
        current.retain(|shown| shown.alert.id.as_deref().is_none_or(|id| !over.contains(id)));
    }
    let current = current.into_iter().filter(matches);
    let alerts = current.chain(past.into_iter().filter_map(Shown::stored)).map(AlertEntry::new).collect();
    Ok(Json(AlertList { alerts, firing }))
}

/// How many alerts there are now.
#[utoipa::path(get, path = "/api/v1/alerts/count", tag = "alerts", responses((status = 200, body = AlertCount)))]
pub(crate) async fn count_alerts(State(state): State<ApiState>) -> Json<AlertCount> {
    let (firing, pending) = state.alerts.count();
    Json(AlertCount { firing, pending })
}

/// One alert with its evidence: its value of late, and who used most when it fired.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", tag = "alerts", params(("id" = String, Path, description = "Of the alert.")),
    responses((status = 200, body = AlertDetail)))]
pub(crate) async fn show_alert(
    State(state): State<ApiState>,
    PathOf(id): PathOf<String>,
) -> Result<Json<AlertDetail>, ApiError> {
    let current = state.alerts.current_where(|alert| alert.id.as_deref() == Some(id.as_str()));
    let shown = match current.into_iter().next() {
        Some(shown) => Some(shown),
        None => state.catalog.alert(&id).await?.and_then(Shown::stored),
    };
    let shown = shown.ok_or_else(|| unknown_alert(&id))?;
    let told = Some(state.catalog.told_of(&id).await?);
    Ok(Json(AlertDetail { told, ..AlertDetail::new(shown) }))
}

/// An alert with its evidence as the API shows it, for messages to programs.
pub(crate) fn alert_json(shown: Shown) -> serde_json::Value {
    serde_json::to_value(AlertDetail::new(shown)).unwrap_or_default()
}

/// Says that somebody looks after an alert: it is not told again, only its end. Role: operator.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/acknowledge", tag = "alerts", params(("id" = String, Path, description = "Of the alert.")),
    request_body = AcknowledgementBody, responses((status = 204)))]
pub(crate) async fn acknowledge_alert(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf(id): PathOf<String>,
    BodyOf(body): BodyOf<AcknowledgementBody>,
) -> Result<http::StatusCode, ApiError> {
    if body.note.chars().count() > LONGEST_NOTE {
        return Err(ApiError::invalid(format!("`note` has at most {LONGEST_NOTE} characters")));
    }
    let acknowledgement = Acknowledgement { time_ms: (state.now)(), author: caller.name, note: body.note };
    if !state.alerts.acknowledge(&id, acknowledgement).await? {
        return Err(unknown_alert(&id));
    }
    Ok(http::StatusCode::NO_CONTENT)
}

fn unknown_alert(id: &str) -> ApiError {
    ApiError::not_found(format!("no alert {id:?} fires; /api/v1/alerts lists them"))
}

pub(crate) fn state_name(shown: &Shown) -> &'static str {
    match (&shown.resolved, shown.alert.is_firing()) {
        (Some(_), _) => "resolved",
        (None, true) => "firing",
        (None, false) => "pending",
    }
}

impl AlertDetail {
    fn new(shown: Shown) -> Self {
        let evidence = shown.alert.evidence.clone();
        let point = |(time_ms, value): &(i64, f64)| AlertPoint { time: Time(*time_ms), value: *value };
        Self {
            alert: AlertEntry::new(shown),
            values: evidence.values.iter().map(point).collect(),
            processes: evidence.processes.into_iter().map(AlertProcess::from).collect(),
            order: evidence.order,
            told: None,
        }
    }
}

impl AlertEntry {
    pub(crate) fn new(shown: Shown) -> Self {
        let state = state_name(&shown);
        let Shown { alert, resolved, acknowledged, muted } = shown;
        let (resolved, reason) = resolved.unzip();
        Self {
            muted: muted.filter(|_| state == "firing"),
            id: alert.id,
            rule: alert.key.rule.to_string(),
            state,
            severity: alert.severity.name(),
            host_id: alert.key.host_id.to_string(),
            host: alert.host.to_string(),
            entity: alert.key.entity,
            labels: alert.labels,
            tags: alert.tags.to_vec(),
            links: alert.links,
            text: alert.text,
            since: Time(alert.since_ms),
            fired: alert.fired_ms.map(Time),
            resolved: resolved.map(Time),
            reason: reason.unwrap_or_default(),
            value: alert.evidence.value,
            threshold: alert.evidence.threshold,
            unit: alert.evidence.unit,
            flapping: alert.flapping,
            acknowledged: acknowledged.map(|acknowledged| AcknowledgementEntry {
                time: Time(acknowledged.time_ms),
                author: acknowledged.author,
                note: acknowledged.note,
            }),
            process: alert.evidence.process.map(AlertProcess::from),
        }
    }
}

impl From<ProcessLine> for AlertProcess {
    fn from(line: ProcessLine) -> Self {
        Self {
            pid: line.pid,
            start_time: Time(line.start_time_ms),
            name: line.name,
            command: line.command,
            user: line.user,
            unit: line.unit,
            cpu_ratio: line.cpu_ratio,
            memory_bytes: line.memory_bytes,
            disk_bytes_per_second: line.disk_bytes_per_second,
            network_bytes_per_second: line.network_bytes_per_second,
        }
    }
}
