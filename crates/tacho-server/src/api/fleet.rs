//! Processes of all hosts: which used most, and which are called so and so.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tacho_history::{FleetProcesses, FleetQuery, OnHost, ProcessOrder, ProcessText, TextMatch};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::debug::{self, Debug};
use super::error::ApiError;
use super::parameters::{Problems, QueryOf, Unknown, list};
use super::processes::{ORDERS, Usage, UsageEntry};
use super::time::Time;

const DEFAULT_LIMIT: usize = 20;
const MOST_LINES: usize = 1_000;

/// Longest range of one answer.
const MOST_MS: i64 = 400 * 24 * 3_600_000;

/// Longest text that is searched for: a command line has at most as much.
const MOST_TEXT: usize = 4_096;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopParameters {
    /// What to order by: `cpu` (default), `memory`, `disk`, `network`.
    by: Option<String>,
    /// Start of the range, inclusive; an hour before `to` when absent.
    #[param(value_type = Option<String>, example = "2026-11-20T03:00:00Z")]
    from: Option<String>,
    /// End of the range, exclusive; now when absent.
    to: Option<String>,
    /// Most processes and most hosts, 1 to 1000; 20 when absent. The rest is in `other`.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// 1 to be told how the answer was found.
    #[param(value_type = Option<u8>)]
    debug: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// Of `name`, `command`, `user`, `unit` and `container` at least one; a process must fulfil all that are given.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchParameters {
    /// Part of the process's name; upper and lower case do not matter.
    #[param(example = "nginx")]
    name: Option<String>,
    /// Part of its command line.
    command: Option<String>,
    /// Part of the account's name.
    user: Option<String>,
    /// Part of the systemd unit's name.
    unit: Option<String>,
    /// Part of the container's id.
    container: Option<String>,
    /// Which of them must be just so and not only a part, with commas between: `name,user`.
    exact: Option<String>,
    /// What to order by: `cpu` (default), `memory`, `disk`, `network`.
    by: Option<String>,
    /// Start of the range, inclusive; an hour before `to` when absent.
    from: Option<String>,
    /// End of the range, exclusive; now when absent.
    to: Option<String>,
    /// Most processes and most hosts, 1 to 1000; 20 when absent. The rest is in `other`.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// 1 to be told how the answer was found.
    #[param(value_type = Option<u8>)]
    debug: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// Processes of all hosts over a range.
#[derive(Serialize, ToSchema)]
pub(crate) struct FleetAnswer {
    /// The range that was looked at: from ten minutes on widened to whole minutes, from a day on to whole hours.
    from: Time,
    to: Time,
    /// In the order asked for, greatest first.
    processes: Vec<ProcessOnHost>,
    /// What they used on each host together, in the same order. Peaks are those of one process.
    hosts: Vec<HostUsage>,
    /// How many hosts there are with such processes.
    host_count: usize,
    /// Everything without a line in `processes`.
    other: Usage,
    totals: Usage,
    /// False when one host alone had more than 100000 processes: the least of them are then in `other`, and a process
    /// that was among them for a while may have used more than its line says.
    complete: bool,
    /// With `debug=1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<Debug>,
}

#[derive(Serialize, ToSchema)]
struct ProcessOnHost {
    /// Name of the host; when it was removed, the one that it had.
    host: String,
    host_id: String,
    #[serde(flatten)]
    process: UsageEntry,
}

#[derive(Serialize, ToSchema)]
struct HostUsage {
    host: String,
    host_id: String,
    #[serde(flatten)]
    usage: Usage,
    first_seen: Option<Time>,
    last_seen: Option<Time>,
}

/// The busiest processes of the whole fleet over a range, and the busiest hosts. Lines and `other` add up to `totals`.
#[utoipa::path(get, path = "/api/v1/top", tag = "fleet", params(TopParameters),
    responses((status = 200, body = FleetAnswer)))]
pub(crate) async fn top(
    State(state): State<ApiState>,
    QueryOf(parameters): QueryOf<TopParameters>,
) -> Result<Json<FleetAnswer>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let texts = Texts {
        by: parameters.by.as_deref(),
        from: parameters.from.as_deref(),
        to: parameters.to.as_deref(),
        limit: parameters.limit.as_deref(),
    };
    let query = texts.read(&mut problems, (state.now)());
    let wants_debug = debug::wanted(parameters.debug.as_deref(), &mut problems);
    problems.finish()?;
    answer(&state, query, wants_debug).await
}

/// Which hosts ran processes that are called so and so, when they were first and last seen in the range, and what they
/// used.
#[utoipa::path(get, path = "/api/v1/processes/search", tag = "fleet", params(SearchParameters),
    responses((status = 200, body = FleetAnswer)))]
pub(crate) async fn search_processes(
    State(state): State<ApiState>,
    QueryOf(parameters): QueryOf<SearchParameters>,
) -> Result<Json<FleetAnswer>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let texts = Texts {
        by: parameters.by.as_deref(),
        from: parameters.from.as_deref(),
        to: parameters.to.as_deref(),
        limit: parameters.limit.as_deref(),
    };
    let query = texts.read(&mut problems, (state.now)());
    let matching = parameters.matching(&mut problems);
    let wants_debug = debug::wanted(parameters.debug.as_deref(), &mut problems);
    problems.finish()?;
    answer(&state, FleetQuery { matching, ..query }, wants_debug).await
}

async fn answer(
    state: &ApiState,
    query: FleetQuery,
    wants_debug: bool,
) -> Result<Json<FleetAnswer>, ApiError> {
    let (found, report) = state.history.fleet_processes(query).await?;
    let names = state.catalog.hosts().await?.into_iter().map(|host| (host.key.id, host.key.name)).collect();
    let debug = wants_debug.then(|| Debug::from(report));
    Ok(Json(FleetAnswer { debug, ..FleetAnswer::new(found, &names) }))
}

/// What both calls have in common, as it was written.
struct Texts<'a> {
    by: Option<&'a str>,
    from: Option<&'a str>,
    to: Option<&'a str>,
    limit: Option<&'a str>,
}

impl Texts<'_> {
    fn read(&self, problems: &mut Problems, now_ms: i64) -> FleetQuery {
        let (from_ms, to_ms) = problems.range_up_to(self.from, self.to, now_ms, MOST_MS);
        let by = problems.choice("by", self.by, ORDERS, ProcessOrder::Cpu);
        let limit = problems.integer("limit", self.limit, DEFAULT_LIMIT, 1..=MOST_LINES);
        FleetQuery { from_ms, to_ms, by, matching: Vec::new(), limit }
    }
}

impl SearchParameters {
    fn matching(&self, problems: &mut Problems) -> Vec<(ProcessText, TextMatch)> {
        let texts = [
            ("name", ProcessText::Name, &self.name),
            ("command", ProcessText::Command, &self.command),
            ("user", ProcessText::User, &self.user),
            ("unit", ProcessText::Unit, &self.unit),
            ("container", ProcessText::Container, &self.container),
        ];
        let exact = list(self.exact.as_deref());
        for name in &exact {
            let given = texts.iter().any(|(known, _, text)| known == name && text.is_some());
            if !given {
                problems.add(format_args!("`exact`: {name:?} is not a text that is searched for here"));
            }
        }
        let given = texts.iter().filter_map(|(name, column, text)| Some((name, column, text.as_deref()?)));
        let mut matching = Vec::new();
        for (name, column, text) in given {
            let is_exact = exact.iter().any(|exact| exact == name);
            if text.len() > MOST_TEXT {
                problems.add(format_args!("`{name}` is longer than {MOST_TEXT} bytes"));
            } else if text.is_empty() && !is_exact {
                problems.add(format_args!("`{name}` is empty; leave it out, or add exact={name}"));
            }
            let wanted = if is_exact { TextMatch::exact(text) } else { TextMatch::containing(text) };
            matching.push((*column, wanted));
        }
        if matching.is_empty() {
            problems.add("say what to search for: `name`, `command`, `user`, `unit` or `container`");
        }
        matching
    }
}

impl FleetAnswer {
    fn new(found: FleetProcesses, names: &HashMap<Arc<str>, Arc<str>>) -> Self {
        let name = |line: &OnHost| {
            let name = names.get(&line.host.id).unwrap_or(&line.host.name);
            (name.to_string(), line.host.id.to_string())
        };
        let process = |line: OnHost| {
            let (host, host_id) = name(&line);
            ProcessOnHost { host, host_id, process: line.usage.into() }
        };
        let host = |line: &OnHost| {
            let (host, host_id) = name(line);
            let seen = |time_ms| (line.usage.last_seen_ms != 0).then_some(Time(time_ms));
            HostUsage {
                host,
                host_id,
                usage: Usage::from(&line.usage),
                first_seen: seen(line.usage.first_seen_ms),
                last_seen: seen(line.usage.last_seen_ms),
            }
        };
        Self {
            from: Time(found.from_ms),
            to: Time(found.to_ms),
            processes: found.processes.into_iter().map(process).collect(),
            hosts: found.hosts.iter().map(host).collect(),
            host_count: found.host_count,
            other: Usage::from(&found.other),
            totals: Usage::from(&found.totals),
            complete: found.complete,
            debug: None,
        }
    }
}
