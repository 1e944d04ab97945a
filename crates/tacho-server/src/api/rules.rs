//! Rules of alerts: those of files, the default ones, and those that people make here.

use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tacho_alert::{LoadError, read_rule};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::error::{ApiError, ErrorKind};
use super::parameters::{BodyOf, PathOf, Problems, QueryOf, Unknown};
use super::thresholds::HostThresholdEntry;
use super::time::Time;
use crate::alerts::{RuleEdit, RuleEditError, RuleEditor};
use crate::auth::Caller;

const LONGEST_NOTE: usize = 500;

#[derive(Serialize, ToSchema)]
pub(crate) struct RuleList {
    rules: Vec<RuleEntry>,
}

/// A rule.
#[derive(Serialize, ToSchema)]
pub(crate) struct RuleEntry {
    name: String,
    /// `threshold`, `process_hog`, …
    kind: &'static str,
    severity: &'static str,
    /// How long the condition has to hold.
    for_seconds: i64,
    keep_firing_for_seconds: i64,
    repeat_seconds: i64,
    /// In the unit of its reading, in seconds, or a share; null where it compares with no number.
    threshold: Option<f64>,
    /// Others on some hosts, the one that was set last at the end.
    host_thresholds: Vec<HostThresholdEntry>,
    labels: BTreeMap<String, String>,
    links: BTreeMap<String, String>,
    text: String,
    /// File that it comes from, `default`, or `api`.
    origin: String,
    line: usize,
    firing: usize,
    pending: usize,
    /// `false`: nothing comes of it.
    enabled: bool,
    /// TOML text of the rule.
    definition: String,
    /// Where the rule comes from that one of the API takes the place of.
    overrides: Option<String>,
    /// Names what was changed last by the API; empty: nothing.
    revision: String,
    /// Who changed it last by the API.
    author: Option<String>,
    changed: Option<Time>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleCreation {
    /// TOML text of one `[[rule]]`, as in a file of rules.
    definition: String,
    /// Default: `true`.
    enabled: Option<bool>,
    /// Why, for the history.
    #[serde(default)]
    note: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleReplacement {
    /// TOML text of one `[[rule]]` with the same name.
    definition: String,
    /// Default: as before.
    enabled: Option<bool>,
    /// Why, for the history.
    #[serde(default)]
    note: String,
    /// As `/api/v1/rules` told it: the change is refused where somebody else was quicker.
    revision: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSwitch {
    enabled: bool,
    /// Why, for the history.
    #[serde(default)]
    note: String,
    /// As `/api/v1/rules` told it: the change is refused where somebody else was quicker.
    revision: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RemovalParameters {
    /// Why, for the history.
    note: Option<String>,
    /// As `/api/v1/rules` told it: the change is refused where somebody else was quicker.
    revision: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleText {
    /// TOML text of one `[[rule]]`.
    definition: String,
}

/// What is to be said about a rule's text.
#[derive(Serialize, ToSchema)]
pub(crate) struct RuleCheck {
    /// None: it can be used.
    problems: Vec<RuleProblem>,
    /// The rule's name, where it could be read.
    name: Option<String>,
    kind: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
struct RuleProblem {
    /// Counts from 1.
    line: usize,
    text: String,
}

/// All rules, with how many alerts each has now; those that are switched off at the end.
#[utoipa::path(get, path = "/api/v1/rules", tag = "alerts", responses((status = 200, body = RuleList)))]
pub(crate) async fn list_rules(State(state): State<ApiState>) -> Result<Json<RuleList>, ApiError> {
    Ok(Json(RuleList { rules: entries(&state, None).await? }))
}

/// Makes a rule. It is read as a file of rules is, and holds from the hosts' next snapshots on. Role: operator.
#[utoipa::path(post, path = "/api/v1/rules", tag = "alerts", request_body = RuleCreation,
    responses((status = 201, body = RuleEntry)))]
pub(crate) async fn create_rule(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    BodyOf(body): BodyOf<RuleCreation>,
) -> Result<(StatusCode, Json<RuleEntry>), ApiError> {
    let editor = editor(caller, body.note, None)?;
    let name = read_rule(&body.definition).map_err(RuleEditError::from)?.name.to_string();
    let edit = RuleEdit::Create { definition: body.definition, enabled: body.enabled.unwrap_or(true) };
    state.alerts.edit_rule(&name, edit, editor).await?;
    Ok((StatusCode::CREATED, one(&state, &name).await?))
}

/// Changes a rule, or makes it. It takes the place of one with this name that is in a file or built in. Role: operator.
#[utoipa::path(put, path = "/api/v1/rules/{rule}", tag = "alerts", request_body = RuleReplacement,
    params(("rule" = String, Path, description = "Name.")), responses((status = 200, body = RuleEntry)))]
pub(crate) async fn replace_rule(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf(name): PathOf<String>,
    BodyOf(body): BodyOf<RuleReplacement>,
) -> Result<Json<RuleEntry>, ApiError> {
    let editor = editor(caller, body.note, body.revision)?;
    let edit = RuleEdit::Replace { definition: body.definition, enabled: body.enabled };
    state.alerts.edit_rule(&name, edit, editor).await?;
    one(&state, &name).await
}

/// Switches any rule on or off. The alerts of one that is switched off are dropped. Role: operator.
#[utoipa::path(patch, path = "/api/v1/rules/{rule}", tag = "alerts", request_body = RuleSwitch,
    params(("rule" = String, Path, description = "Name.")), responses((status = 200, body = RuleEntry)))]
pub(crate) async fn switch_rule(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf(name): PathOf<String>,
    BodyOf(body): BodyOf<RuleSwitch>,
) -> Result<Json<RuleEntry>, ApiError> {
    let editor = editor(caller, body.note, body.revision)?;
    state.alerts.edit_rule(&name, RuleEdit::Enable(body.enabled), editor).await?;
    one(&state, &name).await
}

/// Removes what was made here of a rule; one with this name that is in a file or built in holds again. Role: operator.
#[utoipa::path(delete, path = "/api/v1/rules/{rule}", tag = "alerts",
    params(("rule" = String, Path, description = "Name."), RemovalParameters), responses((status = 204)))]
pub(crate) async fn remove_rule(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf(name): PathOf<String>,
    QueryOf(parameters): QueryOf<RemovalParameters>,
) -> Result<StatusCode, ApiError> {
    Problems::new(&parameters.unknown).finish()?;
    let editor = editor(caller, parameters.note.unwrap_or_default(), parameters.revision)?;
    state.alerts.edit_rule(&name, RuleEdit::Remove, editor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says what is wrong with the text of a rule, and changes nothing. Role: operator.
#[utoipa::path(post, path = "/api/v1/rules/check", tag = "alerts", request_body = RuleText,
    responses((status = 200, body = RuleCheck)))]
pub(crate) async fn check_rule(BodyOf(body): BodyOf<RuleText>) -> Json<RuleCheck> {
    let problem = |problem: tacho_alert::Problem| RuleProblem { line: problem.line, text: problem.text };
    Json(match read_rule(&body.definition) {
        Ok(rule) => RuleCheck {
            problems: Vec::new(),
            name: Some(rule.name.to_string()),
            kind: Some(rule.condition.kind()),
        },
        Err(LoadError { problems }) => {
            RuleCheck { problems: problems.into_iter().map(problem).collect(), name: None, kind: None }
        }
    })
}

impl From<RuleEditError> for ApiError {
    fn from(error: RuleEditError) -> Self {
        match error {
            RuleEditError::Wrong(problems) => Self::invalid(problems.to_string()),
            RuleEditError::Invalid(text) => Self::invalid(text),
            RuleEditError::NotFound(text) => Self::not_found(text),
            RuleEditError::Conflict(text) => Self::new(ErrorKind::Conflict, text),
            RuleEditError::Catalog(error) => Self::from(error),
        }
    }
}

fn editor(caller: Caller, note: String, revision: Option<String>) -> Result<RuleEditor, ApiError> {
    if note.chars().count() > LONGEST_NOTE {
        return Err(ApiError::invalid(format!("`note` has at most {LONGEST_NOTE} characters")));
    }
    Ok(RuleEditor { author: caller.name, note, revision })
}

async fn one(state: &ApiState, name: &str) -> Result<Json<RuleEntry>, ApiError> {
    let found = entries(state, Some(name)).await?.into_iter().next();
    // Somebody else may have removed it in this moment.
    found.map(Json).ok_or_else(|| ApiError::not_found(format!("no rule is called {name:?} any more")))
}

/// All rules, or the one with a name.
async fn entries(state: &ApiState, name: Option<&str>) -> Result<Vec<RuleEntry>, ApiError> {
    let thresholds = state.catalog.alert_thresholds().await?;
    let core = state.alerts.core();
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    for alert in core.engine.alerts() {
        let (firing, pending) = counts.entry(&alert.key.rule).or_default();
        *(if alert.is_firing() { firing } else { pending }) += 1;
    }
    let rules = core.engine.rules();
    let on = rules.rules.iter().map(|rule| (rule, true));
    let wanted = on.chain(rules.off.iter().map(|rule| (rule, false)));
    let wanted = wanted.filter(|(rule, _)| name.is_none_or(|name| *rule.name == *name));
    let entries = wanted.map(|(rule, enabled)| {
        let own = thresholds.iter().filter(|record| *record.rule == *rule.name).cloned();
        let stored = core.stored_rules.iter().find(|record| *record.name == *rule.name);
        let above = stored.filter(|record| record.definition.is_some());
        let (firing, pending) = counts.get(&*rule.name).copied().unwrap_or_default();
        RuleEntry {
            name: rule.name.to_string(),
            kind: rule.condition.kind(),
            severity: rule.severity.name(),
            for_seconds: rule.for_ms / 1000,
            keep_firing_for_seconds: rule.keep_firing_ms / 1000,
            repeat_seconds: rule.repeat_ms / 1000,
            threshold: rule.threshold(),
            host_thresholds: own.map(HostThresholdEntry::from).collect(),
            labels: rule.labels.clone(),
            links: rule.links.clone(),
            text: rule.text.to_string(),
            origin: rule.origin.clone(),
            line: rule.line,
            firing,
            pending,
            enabled,
            definition: above
                .and_then(|record| record.definition.clone())
                .unwrap_or(rule.definition.to_string()),
            overrides: above.and_then(|_| Some(core.files.find(&rule.name)?.origin.clone())),
            revision: stored.map(|record| record.revision.clone()).unwrap_or_default(),
            author: stored.map(|record| record.author.clone()),
            changed: stored.map(|record| Time(record.changed_ms)),
        }
    });
    Ok(entries.collect())
}
