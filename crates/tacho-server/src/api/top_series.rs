//! Who used most over a range, and when.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tacho_history::{ProcessOrder, TopSeries, TopSeriesQuery};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::{PathOf, Problems, QueryOf, Unknown};
use super::processes::{ORDERS, UsageEntry};
use super::time::Time;

const DEFAULT_POINTS: usize = 300;
const MOST_POINTS: usize = 2_000;
const DEFAULT_LIMIT: usize = 8;

/// Each process is a reading of the history of its own.
const MOST_PROCESSES: usize = 30;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopSeriesParameters {
    /// What they are ranked by: `cpu` (default), `memory`, `disk`, `network`.
    by: Option<String>,
    /// Start, inclusive; an hour before `to` when absent.
    #[param(example = "2026-11-20T03:00:00Z")]
    from: Option<String>,
    /// End, exclusive; now when absent.
    to: Option<String>,
    /// Most buckets, 1 to 2000; 300 when absent.
    #[param(value_type = Option<u32>)]
    points: Option<String>,
    /// Most processes, 1 to 30; 8 when absent.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// In every bucket the processes and `other` add up to `total`, but for rows that lie across two buckets.
#[derive(Serialize, ToSchema)]
pub(crate) struct TopSeriesAnswer {
    /// Where each bucket starts.
    time: Vec<Time>,
    /// Length of a bucket.
    bucket_ms: i64,
    /// `cores`, `bytes` or `bytes_per_second`.
    unit: &'static str,
    /// Who used most over the whole range, greatest first; those that used nothing are left out.
    processes: Vec<TopProcess>,
    /// What the others used, as many as times; null where there is no snapshot.
    other: Vec<Option<f64>>,
    /// What all processes used, counted on its own.
    total: Vec<Option<f64>>,
    /// `false`: there were so many processes that the ones that used least were forgotten while reading, so one that used
    /// little at a time may be missing here; it is part of `other`.
    complete: bool,
}

#[derive(Serialize, ToSchema)]
struct TopProcess {
    #[serde(flatten)]
    usage: UsageEntry,
    /// As many as times; null where it was not there.
    values: Vec<Option<f64>>,
}

/// The processes that used most over a range, each over time, in at most `points` buckets: a stacked chart in one call.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/processes/series", tag = "hosts",
    params(("host" = String, Path, description = "Name or id."), TopSeriesParameters),
    responses((status = 200, body = TopSeriesAnswer)))]
pub(crate) async fn top_processes(
    State(state): State<ApiState>,
    PathOf(host): PathOf<String>,
    QueryOf(parameters): QueryOf<TopSeriesParameters>,
) -> Result<Json<TopSeriesAnswer>, ApiError> {
    let query = parameters.read((state.now)())?;
    let host_id = find_host(&state, &host).await?.id.to_string();
    let by = query.by;
    let (found, _) = state.history.top_series(TopSeriesQuery { host_id, ..query }).await?;
    Ok(Json(TopSeriesAnswer::new(by, found)))
}

impl TopSeriesParameters {
    /// All but the host.
    fn read(&self, now_ms: i64) -> Result<TopSeriesQuery, ApiError> {
        let mut problems = Problems::new(&self.unknown);
        let (from_ms, to_ms) = problems.range(self.from.as_deref(), self.to.as_deref(), now_ms);
        let query = TopSeriesQuery {
            host_id: String::new(),
            from_ms,
            to_ms,
            by: problems.choice("by", self.by.as_deref(), ORDERS, ProcessOrder::Cpu),
            points: problems.integer("points", self.points.as_deref(), DEFAULT_POINTS, 1..=MOST_POINTS),
            limit: problems.integer("limit", self.limit.as_deref(), DEFAULT_LIMIT, 1..=MOST_PROCESSES),
        };
        problems.finish()?;
        Ok(query)
    }
}

impl TopSeriesAnswer {
    fn new(by: ProcessOrder, found: TopSeries) -> Self {
        let process = |(usage, values)| TopProcess { usage: UsageEntry::from(usage), values };
        Self {
            time: found.time_ms.into_iter().map(Time).collect(),
            bucket_ms: found.bucket_ms,
            unit: match by {
                ProcessOrder::Cpu => "cores",
                ProcessOrder::Memory => "bytes",
                ProcessOrder::Disk | ProcessOrder::Network => "bytes_per_second",
            },
            processes: found.processes.into_iter().map(process).collect(),
            other: found.other,
            total: found.total,
            complete: found.complete,
        }
    }
}
