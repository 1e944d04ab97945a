//! Silences: alerts that are not told for a time.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tacho_alert::{Glob, Matcher, Silence};
use utoipa::ToSchema;

use super::ApiState;
use super::error::ApiError;
use super::parameters::{BodyOf, PathOf, Problems};
use super::time::Time;
use crate::auth::Caller;

const LONGEST_COMMENT: usize = 500;
/// Silences at one time; more are refused.
const MAX_SILENCES: usize = 1000;
/// A year: longer is a rule that should be changed.
const LONGEST_MS: i64 = 366 * 24 * 3600 * 1000;

#[derive(Serialize, ToSchema)]
pub(crate) struct SilenceList {
    /// Those that are not over, by their end.
    silences: Vec<SilenceEntry>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SilenceEntry {
    id: String,
    matchers: Vec<MatcherEntry>,
    starts: Time,
    ends: Time,
    author: String,
    comment: String,
}

/// A label and a pattern for its value: `*` and `?` stand for any text and any character, `!` before it turns it
/// round.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatcherEntry {
    /// `rule`, `host`, `host_id`, `severity`, `entity`, or a label of the rule.
    label: String,
    pattern: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SilenceCreation {
    /// All have to match.
    matchers: Vec<MatcherEntry>,
    /// Default: now.
    starts: Option<String>,
    ends: String,
    #[serde(default)]
    comment: String,
}

/// Silences that are not over.
#[utoipa::path(get, path = "/api/v1/silences", tag = "alerts", responses((status = 200, body = SilenceList)))]
pub(crate) async fn list_silences(State(state): State<ApiState>) -> Json<SilenceList> {
    let now_ms = (state.now)();
    let mut silences = state.alerts.core().silences.clone();
    silences.retain(|silence| silence.ends_ms > now_ms);
    silences.sort_by_key(|silence| silence.ends_ms);
    Json(SilenceList { silences: silences.into_iter().map(SilenceEntry::from).collect() })
}

/// Silences alerts: they are shown, and not told. Role: operator.
#[utoipa::path(post, path = "/api/v1/silences", tag = "alerts", request_body = SilenceCreation,
    responses((status = 201, body = SilenceEntry)))]
pub(crate) async fn create_silence(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    BodyOf(body): BodyOf<SilenceCreation>,
) -> Result<(StatusCode, Json<SilenceEntry>), ApiError> {
    let now_ms = (state.now)();
    let mut problems = Problems::default();
    let starts_ms = problems.time("starts", body.starts.as_deref(), now_ms);
    let ends_ms = problems.time("ends", Some(&body.ends), now_ms);
    if ends_ms <= now_ms || ends_ms.saturating_sub(starts_ms) > LONGEST_MS {
        problems.add("`ends` has to be in the future, and at most a year after `starts`");
    }
    if body.comment.chars().count() > LONGEST_COMMENT {
        problems.add(format_args!("`comment` has at most {LONGEST_COMMENT} characters"));
    }
    let matchers = read_matchers(body.matchers, &mut problems);
    problems.finish()?;
    let id = state.alerts.new_id();
    let silence = Silence { id, matchers, starts_ms, ends_ms, author: caller.name, comment: body.comment };
    silence.check().map_err(|problem| ApiError::invalid(problem.to_string()))?;
    if state.alerts.core().silences.len() >= MAX_SILENCES {
        return Err(ApiError::invalid(format!("there are {MAX_SILENCES} silences; remove some first")));
    }
    state.alerts.add_silence(&silence).await?;
    Ok((StatusCode::CREATED, Json(SilenceEntry::from(silence))))
}

/// Ends a silence now: what it kept quiet and still fires is told. Role: operator.
#[utoipa::path(delete, path = "/api/v1/silences/{id}", tag = "alerts", params(("id" = String, Path, description = "Of the silence.")),
    responses((status = 204)))]
pub(crate) async fn remove_silence(
    State(state): State<ApiState>,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, ApiError> {
    if !state.alerts.remove_silence(&id).await? {
        return Err(ApiError::not_found(format!("there is no silence {id:?}; /api/v1/silences lists them")));
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn read_matchers(entries: Vec<MatcherEntry>, problems: &mut Problems) -> Vec<Matcher> {
    let mut matchers = Vec::new();
    for MatcherEntry { label, pattern } in entries {
        match Glob::new(&pattern) {
            Ok(pattern) => matchers.push(Matcher { label, pattern }),
            Err(problem) => problems.add(format_args!("`pattern` {problem}")),
        }
    }
    matchers
}

impl From<Silence> for SilenceEntry {
    fn from(silence: Silence) -> Self {
        Self {
            id: silence.id,
            matchers: silence.matchers.into_iter().map(MatcherEntry::from).collect(),
            starts: Time(silence.starts_ms),
            ends: Time(silence.ends_ms),
            author: silence.author,
            comment: silence.comment,
        }
    }
}

impl From<Matcher> for MatcherEntry {
    fn from(matcher: Matcher) -> Self {
        Self { label: matcher.label, pattern: matcher.pattern.text().to_owned() }
    }
}
