//! The inventory of hosts with their live state.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use tacho_catalog::HostRecord;
use tacho_model::{CollectorStatus, HostFacts, HostKey};
use utoipa::ToSchema;

use super::ApiState;
use super::error::ApiError;
use super::latest::Latest;
use super::parameters::PathOf;
use super::time::Time;
use crate::live::{HostState, LiveHost};

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
    state: Presence,
    /// When its agent was last heard of.
    last_seen: Option<Time>,
    /// When it joined.
    created: Time,
    agent_version: Option<String>,
    /// Null until its agent has told.
    facts: Option<Facts>,
    /// Null until it has sent a snapshot to this server.
    latest: Option<Latest>,
}

/// `up`: an agent is connected, and its newest snapshot is not late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Presence {
    Up,
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
    /// Where network bytes of each process come from: `tracepoint`, or `none`.
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
#[utoipa::path(get, path = "/api/v1/hosts", tag = "hosts", responses((status = 200, body = HostList)))]
pub(crate) async fn list_hosts(State(state): State<ApiState>) -> Result<Json<HostList>, ApiError> {
    let records = state.catalog.hosts().await?;
    let live = state.live.hosts();
    let live: HashMap<&str, &Arc<LiveHost>> = live.iter().map(|host| (&*host.key().id, host)).collect();
    let now_ms = (state.now)();
    let hosts = records
        .into_iter()
        .map(|record| {
            let live = live.get(&*record.key.id).map(|host| &***host);
            Host::new(record, live, now_ms)
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
    Ok(Json(Host::new(record, live.as_deref(), (state.now)())))
}

/// Takes a host out of the inventory and refuses its agent from now on. Its history stays until retention
/// drops it. Role: operator.
#[utoipa::path(delete, path = "/api/v1/hosts/{host}", tag = "hosts",
    params(("host" = String, Path, description = "Name or id.")), responses((status = 204)))]
pub(crate) async fn remove_host(
    State(state): State<ApiState>,
    PathOf(name): PathOf<String>,
) -> Result<StatusCode, ApiError> {
    let key = find_host(&state, &name).await?;
    if !state.catalog.remove_host(&key.id).await? {
        return Err(unknown_host(&name));
    }
    state.live.remove(&key.id);
    state.alerts.remove_host(&key.id).await?;
    Ok(StatusCode::NO_CONTENT)
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

impl Host {
    fn new(record: HostRecord, live: Option<&LiveHost>, now_ms: i64) -> Self {
        let facts = live.map(LiveHost::facts).or_else(|| record.facts.map(Arc::new));
        let heard_ms = live.and_then(LiveHost::heard_ms);
        Self {
            id: record.key.id.to_string(),
            name: record.key.name.to_string(),
            state: live.map_or(Presence::Down, |host| host.state(now_ms).into()),
            last_seen: heard_ms.max(record.last_seen_ms).map(Time),
            created: Time(record.created_ms),
            agent_version: facts.as_ref().map(|facts| facts.agent_version.clone()),
            facts: facts.as_deref().map(Facts::from),
            latest: live.and_then(Latest::of_host),
        }
    }
}

impl From<HostState> for Presence {
    fn from(state: HostState) -> Self {
        match state {
            HostState::Up => Self::Up,
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
