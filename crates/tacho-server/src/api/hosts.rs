//! The inventory of hosts with their live state.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tacho_catalog::{HostRecord, Renamed};
use tacho_model::{CollectorStatus, HostFacts, HostKey, merge_tags};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::error::{ApiError, ErrorKind};
use super::host_alert::{WorstAlert, worst_alerts};
use super::latest::Latest;
use super::parameters::{BodyOf, PathOf, Problems, QueryOf, Unknown};
use super::time::Time;
use crate::auth::Caller;
use crate::live::{Conflict, HostState, Live, LiveHost};

#[derive(Serialize, ToSchema)]
pub(crate) struct HostList {
    /// By name.
    hosts: Vec<Host>,
}

/// A host of the inventory.
#[derive(Serialize, ToSchema)]
pub(crate) struct Host {
    /// Stable, whatever the host is called.
    id: String,
    name: String,
    /// All its tags, in order: those that were set here, and those of its agent's settings.
    tags: Vec<String>,
    /// Those that were set here.
    own_tags: Vec<String>,
    state: Presence,
    /// When its agent was last heard of.
    last_seen: Option<Time>,
    /// When it joined.
    created: Time,
    agent_version: Option<String>,
    /// How far the clock that its agent goes by is ahead of the server's, negative when it is behind. Its times are corrected by it when it is more than 2 s. Null until it was measured.
    clock_offset_ms: Option<i64>,
    /// Snapshots that its agent keeps and that are not stored yet, as it said last.
    buffered_frames: u64,
    /// What is missing of the last 24 hours; null until that is known, and of a host that has never sent anything.
    gaps: Option<Gaps>,
    /// Another machine with the same identity; null when none was seen lately.
    conflict: Option<HostConflict>,
    /// Null until its agent has told; left out of a list without them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Facts>)]
    facts: Option<Option<Facts>>,
    /// The worst alert that fires; null where none does.
    alert: Option<WorstAlert>,
    /// Null until it has sent a snapshot to this server; left out of a list without them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Latest>)]
    latest: Option<Option<Latest>>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HostsParameters {
    /// `all` (default), or `state`: without `facts` and `latest`, for who asks often and follows `/api/v1/live`. That
    /// is less than half as much.
    detail: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// Stretches of the last 24 hours of which no snapshot is stored, for whatever reason: `/api/v1/hosts/{host}/gaps` tells
/// them apart. Not before the host's first snapshot, and up to now when its next one is overdue.
#[derive(Serialize, ToSchema)]
struct Gaps {
    count: u32,
    /// All of them together.
    missing_seconds: f64,
}

/// Two machines share the host's identity: one is a copy of the other, and has to join with a new token.
#[derive(Serialize, ToSchema)]
struct HostConflict {
    /// Of the machine whose data are not the host's: it is refused, or was connected before the other.
    address: String,
    /// What that machine calls itself.
    host_name: String,
    /// Of the machine that is connected; null while none is.
    connected_address: Option<String>,
    connected_host_name: Option<String>,
    since: Time,
    /// When the other machine was seen last.
    last: Time,
}

/// What of a host can be changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostChange {
    /// Its new name: not that of another host.
    name: String,
}

/// `up`: an agent is connected, and its newest snapshot is not late. `silent`: it is connected and sends nothing,
/// for three intervals and 10 s. `down`: no agent is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Presence {
    Up,
    Silent,
    Down,
}

/// What the host is. Empty text or 0: the machine did not tell.
#[derive(Serialize, ToSchema)]
struct Facts {
    host_name: String,
    os: String,
    kernel: String,
    architecture: String,
    cpu_model: String,
    cpu_cores: u32,
    memory_bytes: u64,
    boot_time: Time,
    virtualization: String,
    addresses: Vec<String>,
    agent_version: String,
    agent_user: String,
    sampler: String,
    /// Where network bytes of each process come from: `tracepoint`, `cgroup`, `diag` or `none`.
    network: String,
    /// How processes are known that ended between two snapshots: each is told (`bpf`), or by what their parents inherited (`parent`).
    exits: String,
    collectors: Vec<Collector>,
}

/// What one collector can and can not read.
#[derive(Serialize, ToSchema)]
struct Collector {
    name: String,
    /// Readings that are absent, with the reason.
    absent: Vec<String>,
    /// Of the newest attempt; empty when it went well.
    error: String,
}

/// All hosts with their state, facts and newest readings.
#[utoipa::path(get, path = "/api/v1/hosts", tag = "hosts", params(HostsParameters),
    responses((status = 200, body = HostList)))]
pub(crate) async fn list_hosts(
    State(state): State<ApiState>,
    QueryOf(parameters): QueryOf<HostsParameters>,
) -> Result<Json<HostList>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let choices = [("all", Detail::All), ("state", Detail::State)];
    let detail = problems.choice("detail", parameters.detail.as_deref(), &choices, Detail::All);
    problems.finish()?;
    let records = state.catalog.hosts().await?;
    let live = state.live.hosts();
    let live: HashMap<&str, &Arc<LiveHost>> = live.iter().map(|host| (&*host.key().id, host)).collect();
    let now_ms = (state.now)();
    let mut alerts = worst_alerts(state.alerts.current());
    let hosts = records
        .into_iter()
        .map(|record| {
            let live = live.get(&*record.key.id).map(|host| &***host);
            let conflict = state.live.conflicts().of(&record.key.id, now_ms).map(HostConflict::from);
            let alert = alerts.remove(&*record.key.id);
            let gaps = Gaps::of(&state.live, &record, now_ms);
            Host { conflict, alert, gaps, ..Host::new(record, live, now_ms, detail) }
        })
        .collect();
    Ok(Json(HostList { hosts }))
}

/// One host, by name or id.
#[utoipa::path(get, path = "/api/v1/hosts/{host}", tag = "hosts",
    params(("host" = String, Path, description = "Name or id.")), responses((status = 200, body = Host)))]
pub(crate) async fn show_host(
    State(state): State<ApiState>,
    PathOf(name): PathOf<String>,
) -> Result<Json<Host>, ApiError> {
    let record = state.catalog.host(&name).await?.ok_or_else(|| unknown_host(&name))?;
    let live = state.live.host(&record.key.id);
    let now_ms = (state.now)();
    let conflict = state.live.conflicts().of(&record.key.id, now_ms).map(HostConflict::from);
    let alerts = state.alerts.current_where(|alert| alert.key.host_id == record.key.id);
    let alert = worst_alerts(alerts).remove(&*record.key.id);
    let gaps = Gaps::of(&state.live, &record, now_ms);
    Ok(Json(Host { conflict, alert, gaps, ..Host::new(record, live.as_deref(), now_ms, Detail::All) }))
}

/// Takes a host out of the inventory and refuses its agent from now on. Its history stays until retention
/// drops it. Role: operator.
#[utoipa::path(delete, path = "/api/v1/hosts/{host}", tag = "hosts",
    params(("host" = String, Path, description = "Name or id.")), responses((status = 204)))]
pub(crate) async fn remove_host(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf(name): PathOf<String>,
) -> Result<StatusCode, ApiError> {
    let key = find_host(&state, &name).await?;
    let agents = state.catalog.agents_of_host(&key.id).await?;
    // Its stream ends first, and what it has sent is stored: a later flush would write its marks again.
    state.live.remove(&key.id);
    state.history.flush().await.ok();
    if !state.catalog.remove_host(&key.id, &state.host_change(caller)).await? {
        return Err(unknown_host(&name));
    }
    state.alerts.remove_host(&key.id).await?;
    for agent in agents {
        state.history.forget_agent(&agent);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Renames a host. Its history stays with it, and it is still found by the old name as long as no other host
/// takes that. Role: operator.
#[utoipa::path(patch, path = "/api/v1/hosts/{host}", tag = "hosts", request_body = HostChange,
    params(("host" = String, Path, description = "Name or id.")), responses((status = 200, body = Host)))]
pub(crate) async fn change_host(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf(name): PathOf<String>,
    BodyOf(change): BodyOf<HostChange>,
) -> Result<Json<Host>, ApiError> {
    let wanted = change.name.trim();
    if let Err(problem) = crate::inventory::check_host_name(wanted) {
        return Err(ApiError::invalid(format!("`name`: {problem}")));
    }
    let key = find_host(&state, &name).await?;
    match state.catalog.rename_host(&key.id, wanted, &state.host_change(caller)).await? {
        Renamed::Done(key) => state.live.rename(&key),
        Renamed::Taken => {
            let message = format!("another host is called {wanted:?}; choose another name");
            return Err(ApiError::new(ErrorKind::Conflict, message));
        }
        Renamed::Unknown => return Err(unknown_host(&name)),
    }
    show_host(State(state), PathOf(key.id.to_string())).await
}

/// The host with this name or id.
pub(crate) async fn find_host(state: &ApiState, name_or_id: &str) -> Result<HostKey, ApiError> {
    if let Some(host) = state.live.host(name_or_id) {
        return Ok(host.key().clone());
    }
    let record = state.catalog.host(name_or_id).await?;
    record.map(|record| record.key).ok_or_else(|| unknown_host(name_or_id))
}

fn unknown_host(name: &str) -> ApiError {
    ApiError::not_found(format!("there is no host {name:?}; /api/v1/hosts lists them all"))
}

/// How much is told of each host of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    All,
    State,
}

impl Detail {
    /// What only all has.
    fn with<T>(self, part: impl FnOnce() -> T) -> Option<T> {
        (self == Self::All).then(part)
    }
}

impl Gaps {
    fn of(live: &Live, host: &HostRecord, now_ms: i64) -> Option<Self> {
        let missing = live.coverages().missing(&host.key.id, host.created_ms, now_ms)?;
        Some(Self { count: missing.gaps, missing_seconds: missing.missing_ms as f64 / 1000.0 })
    }
}

impl Host {
    fn new(record: HostRecord, live: Option<&LiveHost>, now_ms: i64, detail: Detail) -> Self {
        let facts = live.map(LiveHost::facts).or_else(|| record.facts.map(Arc::new));
        let heard_ms = live.and_then(LiveHost::heard_ms);
        Self {
            id: record.key.id.to_string(),
            name: record.key.name.to_string(),
            tags: merge_tags(&record.own_tags, facts.as_ref().map_or(&[], |facts| &facts.tags)),
            own_tags: record.own_tags,
            state: live.map_or(Presence::Down, |host| host.state(now_ms).into()),
            last_seen: heard_ms.max(record.last_seen_ms).map(Time),
            created: Time(record.created_ms),
            agent_version: facts.as_ref().map(|facts| facts.agent_version.clone()),
            clock_offset_ms: live.and_then(LiveHost::clock_offset_ms),
            buffered_frames: live
                .map(LiveHost::buffered)
                .unwrap_or_default()
                .iter()
                .fold(0, |sum, buffered| sum.saturating_add(buffered.frames)),
            gaps: None,
            conflict: None,
            alert: None,
            facts: detail.with(|| facts.as_deref().map(Facts::from)),
            latest: detail.with(|| live.and_then(Latest::of_host)),
        }
    }
}

impl From<Conflict> for HostConflict {
    fn from(conflict: Conflict) -> Self {
        let connected = conflict.connected.as_ref();
        Self {
            address: conflict.other.address.to_string(),
            host_name: conflict.other.host_name,
            connected_address: connected.map(|machine| machine.address.to_string()),
            connected_host_name: connected.map(|machine| machine.host_name.clone()),
            since: Time(conflict.since_ms),
            last: Time(conflict.last_ms),
        }
    }
}

impl From<HostState> for Presence {
    fn from(state: HostState) -> Self {
        match state {
            HostState::Up => Self::Up,
            HostState::Silent => Self::Silent,
            HostState::Down => Self::Down,
        }
    }
}

impl From<&HostFacts> for Facts {
    fn from(facts: &HostFacts) -> Self {
        let collectors = facts.collectors.iter().cloned();
        Self {
            host_name: facts.host_name.clone(),
            os: facts.os.clone(),
            kernel: facts.kernel.clone(),
            architecture: facts.architecture.clone(),
            cpu_model: facts.cpu_model.clone(),
            cpu_cores: facts.cpu_cores,
            memory_bytes: facts.memory_bytes,
            boot_time: Time(facts.boot_time_ms),
            virtualization: facts.virtualization.clone(),
            addresses: facts.addresses.clone(),
            agent_version: facts.agent_version.clone(),
            agent_user: facts.agent_user.clone(),
            sampler: facts.sampler.clone(),
            network: facts.network.clone(),
            exits: facts.exits.clone(),
            collectors: collectors
                .map(|CollectorStatus { name, absent, error }| Collector { name, absent, error })
                .collect(),
        }
    }
}
