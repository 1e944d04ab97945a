//! What of a host's range is unlike the time before.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tacho_history::{
    Change, Changed, Changes, ChangesQuery, ConnectionLabel, MetricLabel, ProcessGroup, ProcessLabel,
};
use tacho_model::tables;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::debug::{self, Debug};
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::{PathOf, Problems, QueryOf, Unknown};
use super::processes::GROUPS;
use super::summary::EventList;
use super::time::Time;

const DEFAULT_LIMIT: usize = 20;
const MOST_LINES: usize = 1_000;

/// Longest range of one answer.
const MOST_MS: i64 = 35 * 24 * 3_600_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChangesParameters {
    /// Start of the range, inclusive; an hour before `to` when absent.
    #[param(value_type = Option<String>, example = "2026-11-20T03:00:00Z")]
    from: Option<String>,
    /// End of the range, exclusive; now when absent. At most 35 days after the start.
    to: Option<String>,
    /// Start of the range to compare with, which is as long and must not overlap; right before the range when absent.
    against: Option<String>,
    /// What processes are put together by: `name` (default), `process`, `user`, `unit`, `container`.
    group: Option<String>,
    /// Most lines of each kind, 1 to 1000; 20 when absent.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// 1 to be told how the answer was found.
    #[param(value_type = Option<u8>)]
    debug: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// What is unlike the time before, most unlike first. All lists are empty when nothing of one of the ranges was
/// recorded.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangesAnswer {
    /// The range, widened to whole minutes, or hours when it is longer than 59 hours.
    from: Time,
    to: Time,
    /// What it was compared with.
    against: ComparedWith,
    /// Length of the buckets whose spread is measured.
    bucket_ms: i64,
    /// How much of the range was recorded.
    recorded_seconds: f64,
    /// Processes, or groups of them.
    processes: Vec<ChangedProcess>,
    /// Readings of the host, its devices, and of scripts.
    metrics: Vec<ChangedMetric>,
    /// What programs exchanged with other addresses, of the connections that carried most.
    connections: Vec<ChangedConnection>,
    /// What happened within the range, whether there is anything to compare or not.
    events: EventList,
    /// With `debug=1`: of table `host`, and what was read of all tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<Debug>,
}

#[derive(Serialize, ToSchema)]
struct ComparedWith {
    from: Time,
    to: Time,
    recorded_seconds: f64,
}

#[derive(Serialize, ToSchema)]
struct ChangedProcess {
    /// Null for a group, as is `start_time`.
    pid: Option<i64>,
    start_time: Option<Time>,
    /// Of a group only what it is grouped by is set; the other texts are empty.
    name: String,
    command: String,
    user: String,
    unit: String,
    container: String,
    /// That of the number that changed most, from 0 (no change) to 20; above 3 is worth a look.
    score: f64,
    /// `cpu_ratio` (cores), `rss_bytes`, `disk_bytes_per_second`, `net_bytes_per_second`, as far as they are known; most
    /// unlike first.
    changes: Vec<ChangeEntry>,
}

#[derive(Serialize, ToSchema)]
struct ChangedMetric {
    table: &'static str,
    /// What of the table it is about, by column; empty when that is the host.
    entity: BTreeMap<&'static str, String>,
    #[serde(flatten)]
    change: ChangeEntry,
}

#[derive(Serialize, ToSchema)]
struct ChangedConnection {
    /// Name of the owner.
    name: String,
    /// `tcp` or `udp`.
    protocol: String,
    remote_address: String,
    /// The smaller of the two ports: the other one is mostly made up for the connection.
    port: i64,
    score: f64,
    changes: Vec<ChangeEntry>,
}

/// How one number changed.
#[derive(Serialize, ToSchema)]
struct ChangeEntry {
    column: &'static str,
    /// Average over the range.
    value: f64,
    /// Average over the range that it is compared with.
    before: f64,
    /// Standard deviation of that range's buckets.
    spread: f64,
    score: f64,
}

/// Ranks processes, metrics and connections of a host by how unlike the time before they are. The score is
/// |value − before| / (spread + greater / 20 + least), where `least` is what nobody would look at: 0.02 cores, 16 MiB.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/whatchanged", tag = "hosts",
    params(("host" = String, Path, description = "Name or id."), ChangesParameters),
    responses((status = 200, body = ChangesAnswer)))]
pub(crate) async fn what_changed(
    State(state): State<ApiState>,
    PathOf(host): PathOf<String>,
    QueryOf(parameters): QueryOf<ChangesParameters>,
) -> Result<Json<ChangesAnswer>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let query = parameters.read(&mut problems, (state.now)());
    let wants_debug = debug::wanted(parameters.debug.as_deref(), &mut problems);
    problems.finish()?;
    let host_id = find_host(&state, &host).await?.id.to_string();
    let (found, report) = state.history.changes(ChangesQuery { host_id, ..query }).await?;
    let debug = wants_debug.then(|| Debug::from(report));
    Ok(Json(ChangesAnswer { debug, ..ChangesAnswer::from(found) }))
}

impl ChangesParameters {
    /// All but the host.
    fn read(&self, problems: &mut Problems, now_ms: i64) -> ChangesQuery {
        let (from_ms, to_ms) =
            problems.range_up_to(self.from.as_deref(), self.to.as_deref(), now_ms, MOST_MS);
        let length_ms = to_ms.saturating_sub(from_ms);
        let against = self.against.as_deref();
        let against_ms = against.map(|text| problems.time("against", Some(text), from_ms - length_ms));
        if against_ms.is_some_and(|against_ms| against_ms.abs_diff(from_ms) < length_ms.unsigned_abs()) {
            problems.add("`against`: the range that starts there, which is as long, overlaps the other one");
        }
        ChangesQuery {
            host_id: String::new(),
            from_ms,
            to_ms,
            against_ms,
            group: problems.choice("group", self.group.as_deref(), GROUPS, ProcessGroup::Name),
            limit: problems.integer("limit", self.limit.as_deref(), DEFAULT_LIMIT, 1..=MOST_LINES),
        }
    }
}

impl From<Changes> for ChangesAnswer {
    fn from(found: Changes) -> Self {
        let [recorded, recorded_before] = found.recorded_ms.map(|ms| ms as f64 / 1000.0);
        Self {
            from: Time(found.range.start),
            to: Time(found.range.end),
            against: ComparedWith {
                from: Time(found.before.start),
                to: Time(found.before.end),
                recorded_seconds: recorded_before,
            },
            bucket_ms: found.bucket_ms,
            recorded_seconds: recorded,
            processes: found.processes.into_iter().map(ChangedProcess::from).collect(),
            metrics: found.metrics.into_iter().flat_map(metrics).collect(),
            connections: found.connections.into_iter().map(ChangedConnection::from).collect(),
            events: EventList::from(found.events),
            debug: None,
        }
    }
}

impl From<Changed<ProcessLabel>> for ChangedProcess {
    fn from(Changed { label, score, changes }: Changed<ProcessLabel>) -> Self {
        Self {
            pid: label.key.map(|key| key.pid),
            start_time: label.key.map(|key| Time(key.start_time_ms)),
            name: label.name,
            command: label.command,
            user: label.user,
            unit: label.unit,
            container: label.container,
            score,
            changes: changes.into_iter().map(ChangeEntry::from).collect(),
        }
    }
}

/// One line for each column.
fn metrics(changed: Changed<MetricLabel>) -> impl Iterator<Item = ChangedMetric> {
    let MetricLabel { table, entity } = changed.label;
    let columns = tables::by_name(table).map_or(&[][..], |table| table.entity);
    let entity: BTreeMap<_, _> = columns.iter().copied().zip(entity).collect();
    let changes = changed.changes.into_iter();
    changes.map(move |change| ChangedMetric { table, entity: entity.clone(), change: change.into() })
}

impl From<Changed<ConnectionLabel>> for ChangedConnection {
    fn from(Changed { label, score, changes }: Changed<ConnectionLabel>) -> Self {
        Self {
            name: label.name,
            protocol: label.protocol,
            remote_address: label.remote_address,
            port: label.port,
            score,
            changes: changes.into_iter().map(ChangeEntry::from).collect(),
        }
    }
}

impl From<Change> for ChangeEntry {
    fn from(Change { column, value, before, spread, score }: Change) -> Self {
        Self { column, value, before, spread, score }
    }
}
