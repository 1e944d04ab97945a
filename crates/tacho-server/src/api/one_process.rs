//! What is known of one process beside its readings, and which processes ended.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tacho_history::{Connection, Exit, ExitsQuery, ProcessQuery};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::debug::{self, Debug};
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::{PathOf, Problems, QueryOf, Unknown};
use super::series::process_key;
use super::time::Time;

const DEFAULT_LIMIT: usize = 100;
const MOST_LINES: usize = 1_000;
/// Longest range of one answer.
const MOST_MS: i64 = 35 * 24 * 3_600_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProcessParameters {
    /// Start, inclusive; an hour before `to` when absent.
    from: Option<String>,
    /// End, exclusive; now when absent.
    to: Option<String>,
    /// Most connections, 1 to 1000; 100 when absent.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// 1 to be told how the answer was found.
    #[param(value_type = Option<u8>)]
    debug: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExitsParameters {
    /// Only processes of this name.
    #[param(value_type = Option<String>, example = "postgres")]
    name: Option<String>,
    /// Start, inclusive; an hour before `to` when absent.
    from: Option<String>,
    /// End, exclusive; now when absent.
    to: Option<String>,
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

/// One process over a range.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProcessAnswer {
    /// How it ended; null when it did not end within the range, or its end was not seen.
    exit: Option<ExitEntry>,
    /// Its connections, those first that carried most.
    connections: Vec<ConnectionEntry>,
    /// How many more there were.
    connections_left_out: usize,
    /// With `debug=1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<Debug>,
}

/// Processes that ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExitsAnswer {
    /// The newest first.
    exits: Vec<ExitEntry>,
    /// How many ended in the range, as far as ends are told one by one.
    total: u64,
    /// With `debug=1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<Debug>,
}

/// The end of a process.
#[derive(Serialize, ToSchema)]
struct ExitEntry {
    /// Of the snapshot that told of it.
    time: Time,
    pid: i64,
    start_time: Time,
    name: String,
    command: String,
    user: String,
    unit: String,
    container: String,
    /// Of one that ended by itself.
    exit_code: Option<i64>,
    /// Number of the signal that ended it.
    exit_signal: Option<i64>,
    /// How long it had lived.
    lifetime_us: Option<i64>,
}

/// What a connection carried in those snapshots in which it was among the host's greatest.
#[derive(Serialize, ToSchema)]
struct ConnectionEntry {
    /// `tcp` or `udp`.
    protocol: String,
    local_address: String,
    local_port: i64,
    remote_address: String,
    remote_port: i64,
    /// The newest; empty of UDP.
    state: String,
    rx_bytes: Option<i64>,
    tx_bytes: Option<i64>,
    /// TCP segments sent again.
    retransmits: Option<i64>,
    /// Newest round-trip time.
    rtt_us: Option<i64>,
    first_seen: Time,
    last_seen: Time,
}

/// What is known of one process over a range beside its readings: its connections, and how it ended.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/processes/{pid}/{start_time}", tag = "hosts",
    params(
        ("host" = String, Path, description = "Name or id."),
        ("pid" = i64, Path, description = "Process id."),
        ("start_time" = String, Path, description = "When it started, RFC 3339 or milliseconds since the epoch."),
        ProcessParameters,
    ),
    responses((status = 200, body = ProcessAnswer)))]
pub(crate) async fn show_process(
    State(state): State<ApiState>,
    PathOf((host, pid, start_time)): PathOf<(String, String, String)>,
    QueryOf(parameters): QueryOf<ProcessParameters>,
) -> Result<Json<ProcessAnswer>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let key = process_key(&pid, &start_time, &mut problems);
    let (from, to) = (parameters.from.as_deref(), parameters.to.as_deref());
    let (from_ms, to_ms) = problems.range_up_to(from, to, (state.now)(), MOST_MS);
    let limit = problems.integer("limit", parameters.limit.as_deref(), DEFAULT_LIMIT, 1..=MOST_LINES);
    let wants_debug = debug::wanted(parameters.debug.as_deref(), &mut problems);
    problems.finish()?;
    let host_id = find_host(&state, &host).await?.id.to_string();
    let query = ProcessQuery { host_id, key, from_ms, to_ms, limit };
    let (found, report) = state.history.process_details(query).await?;
    Ok(Json(ProcessAnswer {
        exit: found.exit.map(ExitEntry::from),
        connections: found.connections.into_iter().map(ConnectionEntry::from).collect(),
        connections_left_out: found.connections_left_out,
        debug: wants_debug.then(|| Debug::from(report)),
    }))
}

/// Processes of a host that ended in a range, the newest first: exit code or signal, and how long they lived.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/exits", tag = "hosts",
    params(("host" = String, Path, description = "Name or id."), ExitsParameters),
    responses((status = 200, body = ExitsAnswer)))]
pub(crate) async fn list_exits(
    State(state): State<ApiState>,
    PathOf(host): PathOf<String>,
    QueryOf(parameters): QueryOf<ExitsParameters>,
) -> Result<Json<ExitsAnswer>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let (from, to) = (parameters.from.as_deref(), parameters.to.as_deref());
    let (from_ms, to_ms) = problems.range_up_to(from, to, (state.now)(), MOST_MS);
    let limit = problems.integer("limit", parameters.limit.as_deref(), DEFAULT_LIMIT, 1..=MOST_LINES);
    let wants_debug = debug::wanted(parameters.debug.as_deref(), &mut problems);
    problems.finish()?;
    let host_id = find_host(&state, &host).await?.id.to_string();
    let query = ExitsQuery { host_id, from_ms, to_ms, name: parameters.name, limit };
    let (found, report) = state.history.exits(query).await?;
    Ok(Json(ExitsAnswer {
        exits: found.newest.into_iter().map(ExitEntry::from).collect(),
        total: found.count,
        debug: wants_debug.then(|| Debug::from(report)),
    }))
}

impl From<Exit> for ExitEntry {
    fn from(exit: Exit) -> Self {
        Self {
            time: Time(exit.time_ms),
            pid: exit.key.pid,
            start_time: Time(exit.key.start_time_ms),
            name: exit.name,
            command: exit.command,
            user: exit.user,
            unit: exit.unit,
            container: exit.container,
            exit_code: exit.exit_code,
            exit_signal: exit.exit_signal,
            lifetime_us: exit.lifetime_us,
        }
    }
}

impl From<Connection> for ConnectionEntry {
    fn from(one: Connection) -> Self {
        Self {
            protocol: one.protocol,
            local_address: one.local_address,
            local_port: one.local_port,
            remote_address: one.remote_address,
            remote_port: one.remote_port,
            state: one.state,
            rx_bytes: one.rx_bytes,
            tx_bytes: one.tx_bytes,
            retransmits: one.retransmits,
            rtt_us: one.rtt_us,
            first_seen: Time(one.first_seen_ms),
            last_seen: Time(one.last_seen_ms),
        }
    }
}
