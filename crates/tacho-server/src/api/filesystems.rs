//! How full file systems are, and when they will be full.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tacho_alert::filling;
use tacho_history::{Aggregate, Series, SeriesQuery};
use tacho_model::tables::filesystem;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::{PathOf, Problems, QueryOf, Unknown};

/// Points of the past that a forecast is made of.
const POINTS: usize = 160;
/// Longest range of one answer.
const MOST_MS: i64 = 400 * 24 * 3_600_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FilesystemsParameters {
    /// Start of the range that the forecast goes by, inclusive; an hour before `to` when absent.
    from: Option<String>,
    /// End, exclusive; now when absent.
    to: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// The file systems of a host.
#[derive(Serialize, ToSchema)]
pub(crate) struct FilesystemsAnswer {
    /// By mount point: those that have readings in the range.
    filesystems: Vec<FilesystemEntry>,
}

/// One file system at the end of the range.
#[derive(Debug, Serialize, ToSchema)]
struct FilesystemEntry {
    mount_point: String,
    used_bytes: f64,
    /// What an ordinary user can still write.
    available_bytes: f64,
    /// By how much it grows, where it does steadily.
    bytes_per_day: Option<f64>,
    /// When it is full if it goes on like this, from the last reading on; null where nothing can be said: it does not grow, or
    /// not steadily, or has more than a year.
    full_in_seconds: Option<i64>,
}

/// How full the file systems of a host are, and when they will be full if they go on as in the range. A straight line is laid
/// through what was used, by the median of the slopes between any two points.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/filesystems", tag = "hosts",
    params(("host" = String, Path, description = "Name or id."), FilesystemsParameters),
    responses((status = 200, body = FilesystemsAnswer)))]
pub(crate) async fn list_filesystems(
    State(state): State<ApiState>,
    PathOf(host): PathOf<String>,
    QueryOf(parameters): QueryOf<FilesystemsParameters>,
) -> Result<Json<FilesystemsAnswer>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let (from, to) = (parameters.from.as_deref(), parameters.to.as_deref());
    let (from_ms, to_ms) = problems.range_up_to(from, to, (state.now)(), MOST_MS);
    problems.finish()?;
    let host_id = find_host(&state, &host).await?.id.to_string();
    let query = SeriesQuery {
        host_id,
        table: &filesystem::TABLE,
        columns: ["used_bytes", "available_bytes"].map(str::to_owned).to_vec(),
        entity: None,
        from_ms,
        to_ms,
        points: POINTS,
        aggregate: Aggregate::Average,
    };
    let found = state.history.series(query).await?;
    Ok(Json(FilesystemsAnswer { filesystems: found.iter().filter_map(FilesystemEntry::new).collect() }))
}

impl FilesystemEntry {
    /// `None` without readings.
    fn new(series: &Series) -> Option<Self> {
        let [(_, used), (_, available)] = series.columns.as_slice() else { return None };
        let points: Vec<_> = series
            .time_ms
            .iter()
            .zip(used)
            .filter_map(|(time_ms, used)| Some((*time_ms, (*used)?)))
            .collect();
        let available_bytes = available.iter().rev().find_map(|value| *value)?;
        let forecast = filling(&points, available_bytes);
        Some(Self {
            mount_point: series.entity.first().cloned().unwrap_or_default(),
            used_bytes: points.last()?.1,
            available_bytes,
            bytes_per_day: forecast.map(|forecast| (forecast.per_ms * 86_400_000.0).round()),
            full_in_seconds: forecast.map(|forecast| forecast.full_in_ms / 1000),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_fills_says_when_and_a_hole_is_no_zero() {
        let minutes = 0..120i64;
        let used = minutes.clone().map(|minute| (minute % 10 != 3).then_some(1e9 + minute as f64 * 1e6));
        let available = minutes.clone().map(|minute| Some(1e9 - minute as f64 * 1e6));
        let series = Series {
            entity: vec!["/data".to_owned()],
            time_ms: minutes.map(|minute| minute * 60_000).collect(),
            bucket_ms: 60_000,
            columns: vec![
                ("used_bytes".to_owned(), used.collect()),
                ("available_bytes".to_owned(), available.collect()),
            ],
        };
        let found = FilesystemEntry::new(&series).unwrap();
        assert_eq!((found.mount_point.as_str(), found.full_in_seconds), ("/data", Some(881 * 60)));
        assert_eq!(found.bytes_per_day, Some(1440e6));
        let empty = Series { columns: vec![("used_bytes".to_owned(), vec![None])], ..series };
        assert!(FilesystemEntry::new(&empty).is_none());
    }
}
