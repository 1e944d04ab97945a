//! Takes events from people and programs: deploys, changes, notes.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tacho_model::check_tag;
use utoipa::ToSchema;

use super::ApiState;
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::BodyOf;
use super::time::{Time, parse_time_ms};
use crate::auth::Caller;
use crate::posted::PostedEvent;

const LONGEST_KIND: usize = 32;
const LONGEST_TEXT: usize = 1_000;
const LONGEST_SUBJECT: usize = 200;
/// Named hosts in one request; more of them have a tag.
const MOST_HOSTS: usize = 1_000;
/// What happened so long ago is of no use on a chart, and may be too old to be kept.
const OLDEST_MS: i64 = 14 * 24 * 3_600_000;
/// Clocks differ a little.
const AHEAD_MS: i64 = 60_000;

/// Kinds of events that only agents tell: somebody who relies on one must not be fooled.
const OF_AGENTS: &[&str] = &[
    "agent",
    "agent_start",
    "boot",
    "filesystem_error",
    "hardware_error",
    "hung_task",
    "io_error",
    "kernel_log_lost",
    "link",
    "lockup",
    "login",
    "logout",
    "oom_kill",
    "raid",
    "segfault",
];

/// Something that happened. One of `host`, `hosts`, `tag` and `all` says where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventBody {
    /// `deploy`, or another word of letters, digits, `-` and `_`, but none of those that agents tell.
    #[schema(example = "deploy")]
    kind: String,
    /// What happened, for people: at most 1000 characters.
    #[schema(example = "shop 2.4.1 by pipeline 812")]
    text: String,
    /// What it is about, such as a service: at most 200 characters.
    #[serde(default)]
    subject: String,
    /// Name or id.
    host: Option<String>,
    /// Names or ids, at most 1000.
    hosts: Option<Vec<String>>,
    /// All hosts with this tag.
    #[schema(example = "dc=eu")]
    tag: Option<String>,
    /// `true`: all hosts.
    all: Option<bool>,
    /// When it happened: at most 14 days ago; now when absent.
    time: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EventTaken {
    time: Time,
    /// On how many hosts it is shown.
    hosts: usize,
}

/// Tells of something that happened, such as a deploy: it is shown on the charts of its hosts, among the events, and in
/// what changed. Answered once it is kept for good. Role: operator.
#[utoipa::path(post, path = "/api/v1/events", tag = "fleet", request_body = EventBody,
    responses((status = 201, body = EventTaken)))]
pub(crate) async fn post_event(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    BodyOf(body): BodyOf<EventBody>,
) -> Result<(StatusCode, Json<EventTaken>), ApiError> {
    let now_ms = (state.now)();
    let time_ms = body.check(now_ms)?;
    let hosts = body.find_hosts(&state).await?;
    let event = PostedEvent {
        time_ms,
        kind: body.kind,
        subject: body.subject.trim().to_owned(),
        text: body.text.trim().to_owned(),
        user: caller.name,
        hosts,
    };
    if !state.posted.post(&event).await? {
        return Err(ApiError::overloaded("too many events wait to be stored; try again later", 60));
    }
    Ok((StatusCode::CREATED, Json(EventTaken { time: Time(time_ms), hosts: event.hosts.len() })))
}

impl EventBody {
    /// Everything wrong but with the hosts is said at once; when it happened.
    fn check(&self, now_ms: i64) -> Result<i64, ApiError> {
        let mut problems = Vec::new();
        let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if self.kind.is_empty() || self.kind.len() > LONGEST_KIND || !self.kind.chars().all(is_good) {
            problems.push(format!(
                "`kind` is {:?}; write a word such as \"deploy\", of at most {LONGEST_KIND} of a-z 0-9 - _",
                self.kind
            ));
        } else if OF_AGENTS.contains(&self.kind.as_str()) {
            problems.push(format!("`kind`: only agents tell of {:?}; write another word", self.kind));
        }
        for (key, text, longest) in
            [("text", &self.text, LONGEST_TEXT), ("subject", &self.subject, LONGEST_SUBJECT)]
        {
            if text.chars().count() > longest {
                problems.push(format!("`{key}` is longer than {longest} characters"));
            } else if text.contains(|c: char| c.is_control() && c != '\n') {
                problems.push(format!("`{key}` has control characters in it"));
            }
        }
        if self.text.trim().is_empty() {
            problems.push("`text` is empty; say what happened".to_owned());
        }
        let time_ms = match self.time.as_deref() {
            None => now_ms,
            Some(text) => parse_time_ms(text).unwrap_or_else(|| {
                problems.push(format!(
                    "`time`: {text:?} is neither RFC 3339 (2026-11-20T03:12:05Z) nor milliseconds since the epoch"
                ));
                now_ms
            }),
        };
        if !(now_ms.saturating_sub(OLDEST_MS)..=now_ms.saturating_add(AHEAD_MS)).contains(&time_ms) {
            problems.push("`time` is in the future, or more than 14 days ago".to_owned());
        }
        let places = [self.host.is_some(), self.hosts.is_some(), self.tag.is_some(), self.all.is_some()];
        if places.into_iter().filter(|is_there| *is_there).count() != 1 || self.all == Some(false) {
            problems.push(
                "say where it happened by one of `host`, `hosts`, `tag` and `all`, such as \"host\": \"web-1\""
                    .to_owned(),
            );
        }
        if self.hosts.as_ref().is_some_and(|hosts| hosts.len() > MOST_HOSTS) {
            problems.push(format!("`hosts` has more than {MOST_HOSTS}; give them a tag"));
        }
        if problems.is_empty() { Ok(time_ms) } else { Err(ApiError::invalid(problems.join("; "))) }
    }

    /// Ids and names, at least one.
    async fn find_hosts(&self, state: &ApiState) -> Result<Vec<(String, String)>, ApiError> {
        let named = self.host.iter().chain(self.hosts.iter().flatten());
        let mut hosts = Vec::new();
        for name in named {
            let key = find_host(state, name).await?;
            hosts.push((key.id.to_string(), key.name.to_string()));
        }
        if let Some(tag) = &self.tag {
            check_tag(tag).map_err(|problem| ApiError::invalid(format!("`tag`: {problem}")))?;
        }
        if self.all.is_some() || self.tag.is_some() {
            let records = state.catalog.hosts().await?.into_iter();
            let meant = records.filter(|host| self.tag.as_ref().is_none_or(|tag| host.tags().contains(tag)));
            hosts.extend(meant.map(|host| (host.key.id.to_string(), host.key.name.to_string())));
        }
        hosts.sort();
        hosts.dedup();
        if hosts.is_empty() {
            return Err(ApiError::not_found(match &self.tag {
                Some(tag) => format!("no host has the tag {tag:?}; /api/v1/hosts lists them all"),
                None => "no host is named; /api/v1/hosts lists them all".to_owned(),
            }));
        }
        Ok(hosts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_790_000_000_000;

    fn check(json: &str) -> Result<i64, String> {
        let body: EventBody = serde_json::from_str(json).unwrap();
        body.check(NOW_MS).map_err(|error| error.message)
    }

    #[test]
    fn an_event_says_what_happened_where_and_when() {
        assert_eq!(check(r#"{"kind":"deploy","text":"2.4","host":"web"}"#), Ok(NOW_MS));
        let time = r#"{"kind":"deploy","text":"2.4","all":true,"time":"1789999999000"}"#;
        assert_eq!(check(time), Ok(NOW_MS - 1000));
        for (json, part) in [
            (r#"{"kind":"login","text":"x","all":true}"#, "only agents tell"),
            (r#"{"kind":"A b","text":"x","all":true}"#, "write a word"),
            (r#"{"kind":"deploy","text":" ","all":true}"#, "`text` is empty"),
            (r#"{"kind":"deploy","text":"\u0007","all":true}"#, "control characters"),
            (r#"{"kind":"deploy","text":"x"}"#, "say where"),
            (r#"{"kind":"deploy","text":"x","all":false}"#, "say where"),
            (r#"{"kind":"deploy","text":"x","all":true,"tag":"db"}"#, "say where"),
            (r#"{"kind":"deploy","text":"x","all":true,"time":"soon"}"#, "neither RFC 3339"),
            (r#"{"kind":"deploy","text":"x","all":true,"time":"1790000100000"}"#, "in the future"),
            (r#"{"kind":"deploy","text":"x","all":true,"time":"0"}"#, "14 days"),
        ] {
            let problem = check(json).unwrap_err();
            assert!(problem.contains(part), "{json}: {problem}");
        }
    }
}
