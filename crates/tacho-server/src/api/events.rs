//! What happened on all hosts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tacho_history::{EventPlace, EventsQuery, FleetEvent};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::debug::{self, Debug};
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::{Problems, QueryOf, Unknown, list};
use super::time::Time;

const DEFAULT_LIMIT: usize = 100;
const MOST_LINES: usize = 1_000;
/// Longest range of one answer.
const MOST_MS: i64 = 400 * 24 * 3_600_000;
/// Longest text that is searched for.
const MOST_TEXT: usize = 200;
/// Lines of one instant that can be gone through page by page; further ones are left out.
const MOST_AT_ONCE: usize = 10_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsParameters {
    /// Only these hosts, by name or id, with commas between; all when absent.
    host: Option<String>,
    /// Only hosts with this tag, such as `db` or `dc=eu`.
    tag: Option<String>,
    /// Only events of these kinds, with commas between: `deploy,boot`.
    #[param(example = "deploy,oom_kill")]
    kind: Option<String>,
    /// Part of the subject, the text, the user or the address; upper and lower case do not matter.
    text: Option<String>,
    /// Start of the range, inclusive; a day before `to` when absent.
    #[param(value_type = Option<String>, example = "2026-11-20T03:00:00Z")]
    from: Option<String>,
    /// End of the range, exclusive; now when absent.
    to: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// Most lines, 1 to 1000; 100 when absent.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// 1 to be told how the answer was found.
    #[param(value_type = Option<u8>)]
    debug: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// A page of events.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventPage {
    from: Time,
    to: Time,
    /// The newest first.
    events: Vec<EventLine>,
    /// On the first page: how many there are in the range by kind, on each host, whatever kinds were asked for.
    counts: BTreeMap<String, u64>,
    /// To be given as `after` for the next page; null on the last.
    next: Option<String>,
    /// With `debug=1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<Debug>,
}

/// An event of one host, or the same one of several. Empty text: nothing was told.
#[derive(Serialize, ToSchema)]
struct EventLine {
    /// Of the snapshot that told of it.
    time: Time,
    /// When it happened, as far as is known.
    happened: Option<Time>,
    /// Name of the host, of several the first by id; of one that was removed the name that it had.
    host: String,
    host_id: String,
    /// On how many hosts.
    hosts: usize,
    kind: String,
    subject: String,
    text: String,
    /// Account it is about, or who told it.
    user: String,
    address: String,
    pid: Option<i64>,
}

/// What happened on all hosts or some, the newest first: logins, boots, kernel messages, deploys that were told.
#[utoipa::path(get, path = "/api/v1/events", tag = "fleet", params(EventsParameters),
    responses((status = 200, body = EventPage)))]
pub(crate) async fn list_events(
    State(state): State<ApiState>,
    QueryOf(parameters): QueryOf<EventsParameters>,
) -> Result<Json<EventPage>, ApiError> {
    const DAY_MS: i64 = 24 * 3_600_000;
    let mut problems = Problems::new(&parameters.unknown);
    let to_ms = problems.time("to", parameters.to.as_deref(), (state.now)().saturating_add(1));
    let before_ms = to_ms.saturating_sub(DAY_MS);
    let from_ms = problems.time("from", parameters.from.as_deref(), before_ms);
    if from_ms >= to_ms {
        problems.add("`from` must be before `to`");
    } else if to_ms.saturating_sub(from_ms) > MOST_MS {
        problems.add(format_args!("the range is longer than {} days; ask for parts of it", MOST_MS / DAY_MS));
    }
    let limit = problems.integer("limit", parameters.limit.as_deref(), DEFAULT_LIMIT, 1..=MOST_LINES);
    let after = parameters.after.as_deref().and_then(|text| {
        let place = parse_place(text);
        if place.is_none() {
            problems.add(format_args!("`after`: {text:?} is not `next` of a page"));
        }
        place
    });
    let text = parameters.text.clone().unwrap_or_default();
    if text.chars().count() > MOST_TEXT {
        problems.add(format_args!("`text` is longer than {MOST_TEXT} characters"));
    }
    let wants_debug = debug::wanted(parameters.debug.as_deref(), &mut problems);
    problems.finish()?;
    let hosts = parameters.hosts(&state).await?;
    let kinds = list(parameters.kind.as_deref());
    let query = EventsQuery { from_ms, to_ms, hosts, kinds, text, after, limit };
    let (found, report) = state.history.fleet_events(query).await?;
    let names: HashMap<Arc<str>, Arc<str>> =
        state.catalog.hosts().await?.into_iter().map(|host| (host.key.id, host.key.name)).collect();
    let next = found.next.filter(|place| place.lines <= MOST_AT_ONCE);
    Ok(Json(EventPage {
        from: Time(from_ms),
        to: Time(to_ms),
        events: found.lines.into_iter().map(|line| EventLine::new(line, &names)).collect(),
        counts: found.counts,
        next: next.map(|place| format!("{}.{}", place.time_ms, place.lines)),
        debug: wants_debug.then(|| Debug::from(report)),
    }))
}

fn parse_place(text: &str) -> Option<EventPlace> {
    let (time, lines) = text.split_once('.')?;
    let place = EventPlace { time_ms: time.parse().ok()?, lines: lines.parse().ok()? };
    (place.lines <= MOST_AT_ONCE).then_some(place)
}

impl EventsParameters {
    /// Ids of the hosts that are asked for; absent for all.
    async fn hosts(&self, state: &ApiState) -> Result<Option<BTreeSet<String>>, ApiError> {
        let mut hosts = None;
        if self.host.is_some() {
            let mut named = BTreeSet::new();
            for name in list(self.host.as_deref()) {
                named.insert(find_host(state, &name).await?.id.to_string());
            }
            hosts = Some(named);
        }
        if let Some(tag) = &self.tag {
            let tagged = state.catalog.hosts().await?.into_iter().filter(|host| host.tags().contains(tag));
            let tagged: BTreeSet<_> = tagged.map(|host| host.key.id.to_string()).collect();
            hosts = Some(match hosts {
                Some(named) => named.intersection(&tagged).cloned().collect(),
                None => tagged,
            });
        }
        Ok(hosts)
    }
}

impl EventLine {
    fn new(line: FleetEvent, names: &HashMap<Arc<str>, Arc<str>>) -> Self {
        let host = names.get(&line.host.id).unwrap_or(&line.host.name).to_string();
        Self {
            time: Time(line.time_ms),
            happened: line.happened_ms.map(Time),
            host,
            host_id: line.host.id.to_string(),
            hosts: line.host_count,
            kind: line.kind,
            subject: line.subject,
            text: line.text,
            user: line.user,
            address: line.address,
            pid: line.pid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_where_the_one_before_ended() {
        assert_eq!(parse_place("1790000000000.7"), Some(EventPlace { time_ms: 1_790_000_000_000, lines: 7 }));
        for bad in ["", "1", "1.", ".1", "a.1", "1.-1", "1.10001"] {
            assert_eq!(parse_place(bad), None, "{bad}");
        }
    }
}
