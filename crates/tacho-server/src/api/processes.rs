//! Which processes were there at an instant, and what they used over a range.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tacho_history::{ProcessGroup, ProcessOrder, ProcessesAt, ProcessesOver, ProcessesQuery};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::debug::{self, Debug};
use super::error::ApiError;
use super::hosts::find_host;
use super::latest::Latest;
use super::parameters::{PathOf, Problems, QueryOf, Unknown};
use super::time::Time;

mod entry;
mod usage;

pub(crate) use entry::{OtherEntry, ProcessEntry, Reading};
pub(crate) use usage::{Usage, UsageEntry};

const DEFAULT_LIMIT: usize = 100;
const MOST_LINES: usize = 10_000;

pub(crate) const ORDERS: &[(&str, ProcessOrder)] = &[
    ("cpu", ProcessOrder::Cpu),
    ("memory", ProcessOrder::Memory),
    ("disk", ProcessOrder::Disk),
    ("network", ProcessOrder::Network),
];

pub(crate) const GROUPS: &[(&str, ProcessGroup)] = &[
    ("process", ProcessGroup::Process),
    ("name", ProcessGroup::Name),
    ("user", ProcessGroup::User),
    ("unit", ProcessGroup::Unit),
    ("container", ProcessGroup::Container),
    ("command", ProcessGroup::Command),
];

/// `at` asks for an instant; any of the others asks for a range.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProcessesParameters {
    /// The instant; now when nothing else is given.
    #[param(value_type = Option<String>, example = "2026-11-20T03:12:05Z")]
    at: Option<String>,
    /// Start of the range, inclusive; an hour before `to` when absent.
    #[param(value_type = Option<String>)]
    from: Option<String>,
    /// End of the range, exclusive; now when absent.
    #[param(value_type = Option<String>)]
    to: Option<String>,
    /// What to order by: `cpu` (default), `memory`, `disk`, `network`.
    by: Option<String>,
    /// What one line stands for: `process` (default), `name`, `user`, `unit`, `container`, `command`.
    group: Option<String>,
    /// Most lines, 1 to 10000; 100 when absent. The rest is in `other`.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// 1 to be told how the answer for a range was found.
    #[param(value_type = Option<u8>)]
    debug: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// Which of the two answers it is shows in its fields: `time` or `from` and `to`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ProcessesAnswer {
    At(Box<Instant>),
    Over(Box<Range>),
}

/// All processes at an instant.
#[derive(Serialize, ToSchema)]
pub(crate) struct Instant {
    /// Of the newest snapshot at or before the instant; null when there is none near it.
    time: Option<Time>,
    /// Every process alive, by its latest row.
    processes: Vec<ProcessEntry>,
    /// All processes without a row of their own.
    other: Option<OtherEntry>,
    /// The host as a whole.
    totals: Option<Latest>,
}

/// What processes used over a range.
#[derive(Serialize, ToSchema)]
pub(crate) struct Range {
    from: Time,
    to: Time,
    /// In the order asked for, greatest first.
    processes: Vec<UsageEntry>,
    /// Everything without a line.
    other: Usage,
    /// Everything.
    totals: Usage,
    /// False when there were more than 100000 processes: the least of them are then in `other`, and a process that was
    /// among them for a while may have used more than its line says.
    complete: bool,
    /// With `debug=1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<Debug>,
}

enum Asked {
    At(i64),
    Over { from_ms: i64, to_ms: i64, by: ProcessOrder, group: ProcessGroup, limit: usize, debug: bool },
}

/// Processes of a host: at an instant (`at`), or what they used over a range (`from`, `to`). Of a range, the
/// lines and `other` add up to `totals`.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/processes", tag = "hosts",
    params(("host" = String, Path, description = "Name or id."), ProcessesParameters),
    responses((status = 200, body = ProcessesAnswer)))]
pub(crate) async fn list_processes(
    State(state): State<ApiState>,
    PathOf(host): PathOf<String>,
    QueryOf(parameters): QueryOf<ProcessesParameters>,
) -> Result<Json<ProcessesAnswer>, ApiError> {
    let asked = parameters.read((state.now)())?;
    let host = find_host(&state, &host).await?;
    let answer = match asked {
        Asked::At(at_ms) => {
            let found = state.history.processes_at(&host.id, at_ms, &Latest::COLUMNS).await?;
            ProcessesAnswer::At(Box::new(found.into()))
        }
        Asked::Over { from_ms, to_ms, by, group, limit, debug } => {
            let query = ProcessesQuery { host_id: host.id.to_string(), from_ms, to_ms, by, group, limit };
            let (found, report) = state.history.processes_over_with_report(query).await?;
            let debug = debug.then(|| Debug::from(report));
            ProcessesAnswer::Over(Box::new(Range { debug, ..Range::new(from_ms, to_ms, found) }))
        }
    };
    Ok(Json(answer))
}

impl ProcessesParameters {
    fn read(&self, now_ms: i64) -> Result<Asked, ApiError> {
        let mut problems = Problems::new(&self.unknown);
        let of_range = [&self.from, &self.to, &self.by, &self.group, &self.limit];
        let over = of_range.iter().any(|parameter| parameter.is_some());
        if over && self.at.is_some() {
            problems.add("`at` asks for an instant; leave it out to ask for a range with `from` and `to`");
        }
        let at_ms = problems.time("at", self.at.as_deref(), now_ms);
        let (from_ms, to_ms) = problems.range(self.from.as_deref(), self.to.as_deref(), now_ms);
        let by = problems.choice("by", self.by.as_deref(), ORDERS, ProcessOrder::Cpu);
        let group = problems.choice("group", self.group.as_deref(), GROUPS, ProcessGroup::Process);
        let limit = problems.integer("limit", self.limit.as_deref(), DEFAULT_LIMIT, 1..=MOST_LINES);
        let debug = debug::wanted(self.debug.as_deref(), &mut problems);
        problems.finish()?;
        Ok(if over { Asked::Over { from_ms, to_ms, by, group, limit, debug } } else { Asked::At(at_ms) })
    }
}

impl From<ProcessesAt> for Instant {
    fn from(found: ProcessesAt) -> Self {
        let newest_ms = found.snapshot_time_ms;
        let reading = |row: &tacho_history::ProcessRow| Reading {
            block: &found.block,
            row: row.row,
            time_ms: row.time_ms,
            interval_ms: row.interval_ms,
            newest_ms: newest_ms.unwrap_or(row.time_ms),
        };
        Self {
            time: newest_ms.map(Time),
            processes: found
                .processes
                .iter()
                .map(|row| ProcessEntry::new(&row.identity, reading(row)))
                .collect(),
            other: found.other.as_ref().map(|row| OtherEntry::new(reading(row))),
            totals: found.host.as_ref().map(|host| Latest::of_row(host.time_ms, &host.block)),
        }
    }
}

impl Range {
    fn new(from_ms: i64, to_ms: i64, found: ProcessesOver) -> Self {
        Self {
            from: Time(from_ms),
            to: Time(to_ms),
            processes: found.rows.into_iter().map(UsageEntry::from).collect(),
            other: Usage::from(&found.other),
            totals: Usage::from(&found.totals),
            complete: found.complete,
            debug: None,
        }
    }
}
