//! Readings over time.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tacho_history::{Aggregate, ProcessSeriesQuery, Series, SeriesQuery, buckets_of};
use tacho_model::{ProcessKey, Table, tables};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::debug::{self, Debug};
use super::error::ApiError;
use super::greatest::{Greatest, greatest, innermost};
use super::hosts::find_host;
use super::parameters::{PathOf, Problems, QueryOf, Unknown, list};
use super::tables::{number_columns, table_names};
use super::time::{Time, parse_time_ms};

const DEFAULT_POINTS: usize = 300;
const MOST_POINTS: usize = 10_000;
const MOST_ENTITIES: usize = 1_000;

pub(crate) const AGGREGATES: &[(&str, Aggregate)] =
    &[("avg", Aggregate::Average), ("max", Aggregate::Max), ("min", Aggregate::Min), ("sum", Aggregate::Sum)];

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SeriesParameters {
    /// `host` (default), `cpu`, `disk`, `filesystem` or `interface`.
    table: Option<String>,
    /// Columns with commas between, stored or derived; `/api/v1/tables` lists them.
    #[param(value_type = String, example = "cpu_used_ratio,memory_used_ratio")]
    columns: Option<String>,
    /// Only this core, device, mount point or interface.
    entity: Option<String>,
    /// Of a table with entities at most so many of them, 1 to 1000, the greatest first, by the sum of what was asked for; the
    /// others are added up in `other`. Of control groups those that contain others do not count. All when absent.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// Start, inclusive; an hour before `to` when absent.
    from: Option<String>,
    /// End, exclusive; now when absent.
    to: Option<String>,
    /// Most buckets, 1 to 10000; 300 when absent.
    #[param(value_type = Option<u32>)]
    points: Option<String>,
    /// What becomes of the rows in one bucket: `avg` (default, weighted by interval), `max`, `min`, `sum`.
    agg: Option<String>,
    /// 1 to be told how the answer was found.
    #[param(value_type = Option<u8>)]
    debug: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProcessSeriesParameters {
    /// Columns of table `process` with commas between, stored or derived.
    #[param(value_type = String, example = "cpu_ratio,rss_bytes")]
    columns: Option<String>,
    /// Start, inclusive; an hour before `to` when absent.
    from: Option<String>,
    /// End, exclusive; now when absent.
    to: Option<String>,
    /// Most buckets, 1 to 10000; 300 when absent.
    #[param(value_type = Option<u32>)]
    points: Option<String>,
    /// What becomes of the rows in one bucket: `avg` (default, weighted by interval), `max`, `min`, `sum`.
    agg: Option<String>,
    /// 1 to be told how the answer was found.
    #[param(value_type = Option<u8>)]
    debug: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// One set for a table about the host as a whole, or when an entity was named; else one set per entity.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum SeriesAnswer {
    One(SeriesSet),
    PerEntity {
        series: Vec<SeriesSet>,
        bucket_ms: i64,
        /// With `limit`: the others added up, which says something of what adds up; absent when there are none.
        #[serde(skip_serializing_if = "Option::is_none")]
        other: Option<SeriesSet>,
        /// With `limit`: how many those are.
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none")]
        debug: Option<Debug>,
    },
}

/// Columns over time.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeriesSet {
    /// What the set is about, by column; absent when that is the host.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    entity: BTreeMap<&'static str, String>,
    /// Where each bucket starts.
    time: Vec<Time>,
    /// By name, as many as times; null where there is no reading.
    columns: BTreeMap<String, Vec<Option<f64>>>,
    /// Length of a bucket.
    bucket_ms: i64,
    /// With `debug=1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<Debug>,
}

/// What both calls have in common, as it was written.
struct Texts<'a> {
    columns: Option<&'a str>,
    from: Option<&'a str>,
    to: Option<&'a str>,
    points: Option<&'a str>,
    aggregate: Option<&'a str>,
}

/// What was meant by it.
struct Wanted {
    columns: Vec<String>,
    from_ms: i64,
    to_ms: i64,
    points: usize,
    aggregate: Aggregate,
}

/// Readings of a host over time, in at most `points` buckets.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/series", tag = "hosts",
    params(("host" = String, Path, description = "Name or id."), SeriesParameters),
    responses((status = 200, body = SeriesAnswer)))]
pub(crate) async fn host_series(
    State(state): State<ApiState>,
    PathOf(host): PathOf<String>,
    QueryOf(parameters): QueryOf<SeriesParameters>,
) -> Result<Json<SeriesAnswer>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let table = parameters.table(&mut problems);
    let wanted = parameters.texts().read(table, &mut problems, (state.now)());
    let limit = parameters.limit(table, &mut problems);
    let wants_debug = debug::wanted(parameters.debug.as_deref(), &mut problems);
    problems.finish()?;
    let host = find_host(&state, &host).await?;
    let (found, report) = state
        .history
        .series_with_report(SeriesQuery {
            host_id: host.id.to_string(),
            table,
            columns: wanted.columns.clone(),
            entity: parameters.entity.clone().map(|entity| vec![entity]),
            from_ms: wanted.from_ms,
            to_ms: wanted.to_ms,
            points: wanted.points,
            aggregate: wanted.aggregate,
        })
        .await?;
    let debug = wants_debug.then(|| Debug::from(report));
    let answer = if table.entity.is_empty() || parameters.entity.is_some() {
        let set = found.into_iter().next().map(|series| SeriesSet::new(table, series));
        let set = set.unwrap_or_else(|| wanted.empty_set(table, parameters.entity));
        SeriesAnswer::One(SeriesSet { debug, ..set })
    } else {
        let (_, bucket_ms) = buckets_of(table, wanted.from_ms, wanted.to_ms, wanted.points);
        let (found, other, left_out) = match limit {
            None => (found, None, None),
            Some(limit) => {
                let found = if table.id == tables::cgroup::TABLE.id { innermost(found) } else { found };
                let Greatest { kept, others, left_out } = greatest(found, limit);
                (kept, others.map(|series| SeriesSet::new(table, series)), Some(left_out))
            }
        };
        let series = found.into_iter().map(|series| SeriesSet::new(table, series)).collect();
        SeriesAnswer::PerEntity { series, bucket_ms, other, left_out, debug }
    };
    Ok(Json(answer))
}

/// Readings of one process over time, in at most `points` buckets.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/processes/{pid}/{start_time}/series", tag = "hosts",
    params(
        ("host" = String, Path, description = "Name or id."),
        ("pid" = i64, Path, description = "Process id."),
        ("start_time" = String, Path, description = "When it started, RFC 3339 or milliseconds since the epoch: \
            a process id alone is used again."),
        ProcessSeriesParameters,
    ),
    responses((status = 200, body = SeriesSet)))]
pub(crate) async fn process_series(
    State(state): State<ApiState>,
    PathOf((host, pid, start_time)): PathOf<(String, String, String)>,
    QueryOf(parameters): QueryOf<ProcessSeriesParameters>,
) -> Result<Json<SeriesSet>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let key = process_key(&pid, &start_time, &mut problems);
    let table = &tables::process::TABLE;
    let wanted = parameters.texts().read(table, &mut problems, (state.now)());
    let wants_debug = debug::wanted(parameters.debug.as_deref(), &mut problems);
    problems.finish()?;
    let host = find_host(&state, &host).await?;
    let (found, report) = state
        .history
        .process_series_with_report(ProcessSeriesQuery {
            host_id: host.id.to_string(),
            key,
            columns: wanted.columns,
            from_ms: wanted.from_ms,
            to_ms: wanted.to_ms,
            points: wanted.points,
            aggregate: wanted.aggregate,
        })
        .await?;
    let mut set = SeriesSet::new(table, found);
    set.debug = wants_debug.then(|| Debug::from(report));
    set.entity = BTreeMap::from([("pid", pid), ("start_time", Time(key.start_time_ms).to_string())]);
    Ok(Json(set))
}

pub(super) fn process_key(pid: &str, start_time: &str, problems: &mut Problems) -> ProcessKey {
    let read_pid = pid.parse().ok().filter(|pid| *pid >= 0);
    if read_pid.is_none() {
        problems.add(format_args!("{pid:?} is not a process id"));
    }
    let read_time = parse_time_ms(start_time);
    if read_time.is_none() {
        problems.add(format_args!(
            "start time: {start_time:?} is neither RFC 3339 (2026-11-20T03:12:05Z) nor milliseconds since the epoch"
        ));
    }
    ProcessKey { pid: read_pid.unwrap_or(0), start_time_ms: read_time.unwrap_or(0) }
}

impl SeriesParameters {
    fn table(&self, problems: &mut Problems) -> &'static Table {
        let host = &tables::host::TABLE;
        let table = self.table.as_deref().map_or(host, |name| {
            tables::by_name(name).unwrap_or_else(|| {
                problems.add(format_args!("`table`: there is no {name:?}; there are {}", table_names()));
                host
            })
        });
        if table.id == tables::process::TABLE.id {
            problems.add(
                "`table`: for processes use /api/v1/hosts/{host}/processes, and …/{pid}/{start_time}/series for one",
            );
        }
        if self.entity.is_some() && table.entity.is_empty() {
            problems.add(format_args!("`entity`: table {} is about the host as a whole", table.name));
        }
        table
    }

    fn limit(&self, table: &Table, problems: &mut Problems) -> Option<usize> {
        let text = self.limit.as_deref()?;
        if table.entity.is_empty() || self.entity.is_some() {
            problems.add("`limit`: there is one series only");
        }
        Some(problems.integer("limit", Some(text), MOST_ENTITIES, 1..=MOST_ENTITIES))
    }

    fn texts(&self) -> Texts<'_> {
        Texts {
            columns: self.columns.as_deref(),
            from: self.from.as_deref(),
            to: self.to.as_deref(),
            points: self.points.as_deref(),
            aggregate: self.agg.as_deref(),
        }
    }
}

impl ProcessSeriesParameters {
    fn texts(&self) -> Texts<'_> {
        Texts {
            columns: self.columns.as_deref(),
            from: self.from.as_deref(),
            to: self.to.as_deref(),
            points: self.points.as_deref(),
            aggregate: self.agg.as_deref(),
        }
    }
}

impl Texts<'_> {
    fn read(self, table: &'static Table, problems: &mut Problems, now_ms: i64) -> Wanted {
        let columns = number_columns(table, list(self.columns), problems);
        let (from_ms, to_ms) = problems.range(self.from, self.to, now_ms);
        let points = problems.integer("points", self.points, DEFAULT_POINTS, 1..=MOST_POINTS);
        let aggregate = problems.choice("agg", self.aggregate, AGGREGATES, Aggregate::Average);
        Wanted { columns, from_ms, to_ms, points, aggregate }
    }
}

impl Wanted {
    /// What is answered where there are no rows at all: every bucket is null, so that a chart draws the
    /// range and no line.
    fn empty_set(&self, table: &'static Table, entity: Option<String>) -> SeriesSet {
        let (start_ms, bucket_ms) = buckets_of(table, self.from_ms, self.to_ms, self.points);
        let step = usize::try_from(bucket_ms).unwrap_or(usize::MAX);
        let time_ms: Vec<i64> = (start_ms..self.to_ms).step_by(step).collect();
        let columns = self.columns.iter().map(|name| (name.clone(), vec![None; time_ms.len()])).collect();
        let entity = entity.into_iter().collect();
        SeriesSet::new(table, Series { entity, time_ms, bucket_ms, columns })
    }
}

impl SeriesSet {
    fn new(table: &'static Table, series: Series) -> Self {
        Self {
            entity: table.entity.iter().copied().zip(series.entity).collect(),
            time: series.time_ms.into_iter().map(Time).collect(),
            columns: series.columns.into_iter().collect(),
            bucket_ms: series.bucket_ms,
            debug: None,
        }
    }
}
