//! Questions about all hosts at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use tacho_history::{Aggregate, History, HistoryError, SeriesQuery, buckets_of};
use tacho_model::{HostKey, tables};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::error::{ApiError, ErrorKind};
use super::hosts::find_host;
use super::parameters::{Problems, QueryOf, Unknown, list};
use super::processes::{ProcessEntry, Reading};
use super::series::AGGREGATES;
use super::tables::number_columns;
use super::time::Time;

/// Hosts of one answer; those beyond it by name are left out, and counted.
const MOST_HOSTS: usize = 2_000;

/// Hosts that can be asked for by name: more than a page shows at once.
const MOST_NAMED: usize = 200;

const DEFAULT_POINTS: usize = 120;
const MOST_POINTS: usize = 500;

/// Hosts read at one time: an answer for many must not keep others from theirs.
const HOSTS_AT_ONCE: usize = 4;

const DEFAULT_PROCESSES: usize = 100;
const MOST_PROCESSES: usize = 1_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FleetSeriesParameters {
    /// One column of table `host`, stored or derived.
    #[param(value_type = String, example = "cpu_used_ratio")]
    column: Option<String>,
    /// Only these hosts, names or ids with commas between, at most 200; those that are not there are left out. All when
    /// absent.
    #[param(value_type = Option<String>, example = "web-1,web-2")]
    hosts: Option<String>,
    /// Start, inclusive; an hour before `to` when absent.
    from: Option<String>,
    /// End, exclusive; now when absent.
    to: Option<String>,
    /// Most buckets, 1 to 500; 120 when absent.
    #[param(value_type = Option<u32>)]
    points: Option<String>,
    /// What becomes of the rows in one bucket: `avg` (default, weighted by interval), `max`, `min`, `sum`.
    agg: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// One reading of all hosts over time.
#[derive(Serialize, ToSchema)]
pub(crate) struct FleetSeries {
    column: String,
    /// Where each bucket starts.
    time: Vec<Time>,
    /// Length of a bucket.
    bucket_ms: i64,
    /// By name; no more than 2000.
    hosts: Vec<HostValues>,
    /// How many there are of those that were asked for.
    hosts_total: usize,
}

#[derive(Serialize, ToSchema)]
struct HostValues {
    host: String,
    host_id: String,
    /// As many as times; null where there is no reading.
    values: Vec<Option<f64>>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FleetProcessesParameters {
    /// Name of the program, as its processes are called.
    #[param(value_type = String, example = "postgres")]
    name: Option<String>,
    /// Most processes, 1 to 1000; 100 when absent.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// Processes of one program on all hosts that are connected, by their newest rows.
#[derive(Serialize, ToSchema)]
pub(crate) struct FleetProcesses {
    /// Those that use most CPU first.
    processes: Vec<HostProcess>,
    /// How many there are.
    total: usize,
}

#[derive(Serialize, ToSchema)]
struct HostProcess {
    host: String,
    #[serde(flatten)]
    process: ProcessEntry,
}

/// One reading of every host, or of some, over time, in at most `points` buckets: what a heat map shows.
#[utoipa::path(get, path = "/api/v1/fleet/series", tag = "hosts", params(FleetSeriesParameters),
    responses((status = 200, body = FleetSeries)))]
pub(crate) async fn fleet_series(
    State(state): State<ApiState>,
    QueryOf(parameters): QueryOf<FleetSeriesParameters>,
) -> Result<Json<FleetSeries>, ApiError> {
    let wanted = parameters.read((state.now)())?;
    let mut hosts = match &wanted.hosts {
        Some(named) => named_hosts(&state, named).await?,
        None => state.catalog.hosts().await?.into_iter().map(|record| record.key).collect(),
    };
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    let hosts_total = hosts.len();
    hosts.truncate(MOST_HOSTS);
    let reads = hosts.into_iter().map(|host| wanted.values_of(&state.history, host));
    let hosts: Vec<_> = futures::stream::iter(reads).buffered(HOSTS_AT_ONCE).try_collect().await?;
    let (start_ms, bucket_ms) = buckets_of(&tables::host::TABLE, wanted.from_ms, wanted.to_ms, wanted.points);
    let step = usize::try_from(bucket_ms).unwrap_or(usize::MAX).max(1);
    let time = (start_ms..wanted.to_ms).step_by(step).map(Time).collect();
    Ok(Json(FleetSeries { column: wanted.column, time, bucket_ms, hosts, hosts_total }))
}

/// Where a program runs now.
#[utoipa::path(get, path = "/api/v1/fleet/processes", tag = "hosts", params(FleetProcessesParameters),
    responses((status = 200, body = FleetProcesses)))]
pub(crate) async fn fleet_processes(
    State(state): State<ApiState>,
    QueryOf(parameters): QueryOf<FleetProcessesParameters>,
) -> Result<Json<FleetProcesses>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let limit = problems.integer("limit", parameters.limit.as_deref(), DEFAULT_PROCESSES, 1..=MOST_PROCESSES);
    let name = parameters.name.unwrap_or_default();
    if name.is_empty() {
        problems.add("`name`: say which program");
    }
    problems.finish()?;
    let mut processes = Vec::new();
    for host in state.live.hosts().iter().filter(|host| host.is_connected()) {
        let newest_ms = host.newest().map_or(0, |snapshot| snapshot.time_ms);
        for process in host.processes().iter().filter(|process| process.identity.name == name) {
            let Some(reading) = Reading::of_live(process, newest_ms) else { continue };
            let entry = ProcessEntry::new(&process.identity, reading);
            processes.push(HostProcess { host: host.key().name.to_string(), process: entry });
        }
    }
    processes.sort_by(|a, b| {
        let by_cpu = b.process.cpu_ratio().total_cmp(&a.process.cpu_ratio());
        by_cpu.then_with(|| a.host.cmp(&b.host))
    });
    let total = processes.len();
    processes.truncate(limit);
    Ok(Json(FleetProcesses { processes, total }))
}

/// Those that are there, each once.
async fn named_hosts(state: &ApiState, named: &[String]) -> Result<Vec<HostKey>, ApiError> {
    let mut hosts: BTreeMap<Arc<str>, HostKey> = BTreeMap::new();
    for name in named {
        match find_host(state, name).await {
            Ok(host) => drop(hosts.insert(Arc::clone(&host.id), host)),
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hosts.into_values().collect())
}

/// What was asked for.
struct Wanted {
    column: String,
    /// Names and ids; absent: all.
    hosts: Option<Vec<String>>,
    from_ms: i64,
    to_ms: i64,
    points: usize,
    aggregate: Aggregate,
}

impl FleetSeriesParameters {
    fn read(&self, now_ms: i64) -> Result<Wanted, ApiError> {
        let mut problems = Problems::new(&self.unknown);
        let mut columns = number_columns(&tables::host::TABLE, list(self.column.as_deref()), &mut problems);
        if columns.len() > 1 {
            problems.add("`column`: one at a time");
        }
        let hosts = self.hosts.is_some().then(|| list(self.hosts.as_deref()));
        if hosts.as_ref().is_some_and(|hosts| hosts.len() > MOST_NAMED) {
            problems.add(format_args!("`hosts`: at most {MOST_NAMED}; leave it out for all"));
        }
        let (from_ms, to_ms) = problems.range(self.from.as_deref(), self.to.as_deref(), now_ms);
        let points = problems.integer("points", self.points.as_deref(), DEFAULT_POINTS, 1..=MOST_POINTS);
        let aggregate = problems.choice("agg", self.agg.as_deref(), AGGREGATES, Aggregate::Average);
        problems.finish()?;
        let column = columns.pop().unwrap_or_default();
        Ok(Wanted { column, hosts, from_ms, to_ms, points, aggregate })
    }
}

impl Wanted {
    async fn values_of(&self, history: &History, host: HostKey) -> Result<HostValues, HistoryError> {
        let query = SeriesQuery {
            host_id: host.id.to_string(),
            table: &tables::host::TABLE,
            columns: vec![self.column.clone()],
            entity: None,
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            points: self.points,
            aggregate: self.aggregate,
        };
        let series = history.series(query).await?.pop();
        let values = series.and_then(|mut series| series.columns.pop()).map(|(_, values)| values);
        Ok(HostValues {
            host: host.name.to_string(),
            host_id: host.id.to_string(),
            values: values.unwrap_or_default(),
        })
    }
}
