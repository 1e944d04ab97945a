//! Who would be told of an alert, and why somebody would not.

use std::iter;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tacho_alert::{Alert, Host, Refusal, Severity};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::{Problems, QueryOf, Unknown};
use super::silences::MatcherEntry;
use crate::alerts::Receiver;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RouteParameters {
    /// Name of a rule.
    #[param(value_type = String, example = "process-hog")]
    rule: Option<String>,
    /// Name or id of a host.
    #[param(value_type = String)]
    host: Option<String>,
    /// What of the host: a mount point, a process. Default: the host itself.
    entity: Option<String>,
    /// `info`, `warning` or `critical`. Default: the rule's.
    severity: Option<String>,
    /// When it fires. Default: now.
    at: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// What would become of an alert.
#[derive(Serialize, ToSchema)]
pub(crate) struct RouteAnswer {
    /// The rule looks at this host.
    about_host: bool,
    severity: &'static str,
    /// `silenced`, `maintenance` or `inhibited`: nobody would be told now.
    muted: Option<&'static str>,
    /// In the order of the server's configuration.
    receivers: Vec<RouteEntry>,
}

/// Whether one receiver would be told.
#[derive(Serialize, ToSchema)]
struct RouteEntry {
    name: String,
    /// As long as nothing mutes the alert.
    told: bool,
    /// Only if it fires for so long, and nobody acknowledges it.
    after_seconds: i64,
    /// Why not: `severity` (it is told of worse ones), `matcher` (does not match), `time` (told when its time begins, if it
    /// still fires).
    reason: Option<&'static str>,
    /// The one that does not match.
    matcher: Option<MatcherEntry>,
}

/// Who would be told if a rule fired for a host.
#[utoipa::path(get, path = "/api/v1/routes", tag = "alerts", params(RouteParameters),
    responses((status = 200, body = RouteAnswer)))]
pub(crate) async fn show_route(
    State(state): State<ApiState>,
    QueryOf(parameters): QueryOf<RouteParameters>,
) -> Result<Json<RouteAnswer>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    for (key, text) in [("rule", &parameters.rule), ("host", &parameters.host)] {
        if text.as_deref().unwrap_or_default().is_empty() {
            problems.add(format_args!("`{key}`: say which"));
        }
    }
    let severities = Severity::ALL.map(|severity| (severity.name(), Some(severity)));
    let severity = problems.choice("severity", parameters.severity.as_deref(), &severities, None);
    let at_ms = problems.time("at", parameters.at.as_deref(), (state.now)());
    problems.finish()?;
    let host = host_of(&state, &parameters.host.unwrap_or_default()).await?;
    let core = state.alerts.core();
    let name = parameters.rule.unwrap_or_default();
    let rule = core.engine.rule(&name).ok_or_else(|| {
        ApiError::not_found(format!("no rule is called {name:?}; /api/v1/rules lists them"))
    })?;
    let mut alert = Alert::imagined(rule, &host, at_ms);
    alert.key.entity = parameters.entity.unwrap_or_default();
    alert.severity = severity.unwrap_or(alert.severity);
    let muted = core.shown(iter::once(&alert), at_ms).into_iter().find_map(|shown| shown.muted);
    let receivers = state.alerts.receivers().iter();
    Ok(Json(RouteAnswer {
        about_host: rule.hosts.matches(&host),
        severity: alert.severity.name(),
        muted,
        receivers: receivers.map(|receiver| RouteEntry::new(receiver, &alert, at_ms)).collect(),
    }))
}

/// The host as rules see it.
async fn host_of(state: &ApiState, name_or_id: &str) -> Result<Host, ApiError> {
    let key = find_host(state, name_or_id).await?;
    if let Some(live) = state.live.host(&key.name) {
        return Ok(Host { key, facts: live.facts(), tags: live.tags() });
    }
    let known = state.alerts.core().hosts.iter().find(|host| host.key.id == key.id).cloned();
    Ok(known.unwrap_or_else(|| Host { key, facts: Default::default(), tags: [].into() }))
}

impl RouteEntry {
    fn new(receiver: &Receiver, alert: &Alert, at_ms: i64) -> Self {
        let refusal = receiver.route.refusal(alert, at_ms);
        let reason = refusal.as_ref().map(|refusal| match refusal {
            Refusal::Severity => "severity",
            Refusal::Matcher(_) => "matcher",
            Refusal::Time => "time",
        });
        let matcher = match refusal {
            Some(Refusal::Matcher(matcher)) => Some(MatcherEntry::from(matcher.clone())),
            _ => None,
        };
        let after_seconds = receiver.route.after_ms / 1000;
        Self { name: receiver.name.clone(), told: reason.is_none(), after_seconds, reason, matcher }
    }
}
