//! Which of a host's time is in the history, and why the rest is not.

mod map;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tacho_history::Recorded;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::{PathOf, Problems, QueryOf, Unknown};
use super::time::Time;
use crate::live::LiveHost;
use map::{Known, Run, Sources};

/// Longest range of one answer: every snapshot in it is looked at.
const MOST_MS: i64 = 35 * 24 * 3_600_000;

/// How far after the range snapshots are looked for that cover its end.
const AHEAD_MS: i64 = 750_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GapParameters {
    /// Start, inclusive; an hour before `to` when absent.
    from: Option<String>,
    /// End, exclusive; now when absent. At most 35 days after the start.
    to: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// A range of time without gaps in between: each instant of the range is in exactly one segment.
#[derive(Serialize, ToSchema)]
pub(crate) struct GapMap {
    from: Time,
    /// The end that was asked for; when that is in the future, now, or the newest snapshot when the next is not
    /// overdue.
    to: Time,
    /// By time. What is shorter than a two-thousandth of the range counts with its neighbour, but for what was dropped.
    segments: Vec<Segment>,
    totals: Totals,
}

#[derive(Serialize, ToSchema)]
struct Segment {
    from: Time,
    to: Time,
    state: SegmentState,
    /// Why snapshots were dropped: `space` (more waited than the agent's queue holds), `age` (they had waited too
    /// long), `damage` (the spool's files were damaged), `disk` (its disk was full), `unknown`. Null in other states.
    reason: Option<&'static str>,
    /// Snapshots of this segment; of `dropped` and `buffered` those of the whole gap or backlog that it is a
    /// part of. Null where nothing was collected.
    frames: Option<u64>,
}

/// `delivered`: stored, as it was taken. `late`: stored, from a backlog. `buffered`: the agent says that it keeps it
/// until it can deliver it. `dropped`: the agent had to drop it. `none`: nothing was collected: the agent or the
/// host was not running, or it was before the agent was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SegmentState {
    Delivered,
    Late,
    Buffered,
    Dropped,
    None,
}

/// Snapshots in the range, and the time without any.
#[derive(Serialize, ToSchema)]
struct Totals {
    delivered_frames: u64,
    late_frames: u64,
    /// Of all backlogs that touch the range.
    buffered_frames: u64,
    /// Of all gaps that touch the range.
    dropped_frames: u64,
    none_seconds: f64,
}

/// Where a host's history has gaps in a range of time, and why. `late` and `delivered` come from the snapshots that
/// are stored, `dropped` from what agents told, `buffered` from what they say to keep.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/gaps", tag = "hosts",
    params(("host" = String, Path, description = "Name or id."), GapParameters),
    responses((status = 200, body = GapMap)))]
pub(crate) async fn host_gaps(
    State(state): State<ApiState>,
    PathOf(host): PathOf<String>,
    QueryOf(parameters): QueryOf<GapParameters>,
) -> Result<Json<GapMap>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let (from, to) = (parameters.from.as_deref(), parameters.to.as_deref());
    let (from_ms, to_ms) = problems.range_up_to(from, to, (state.now)(), MOST_MS);
    problems.finish()?;
    let host = find_host(&state, &host).await?;
    gap_map(&state, &host.id, from_ms, to_ms).await.map(Json)
}

/// The map of one host, of at most [`MOST_MS`].
pub(crate) async fn gap_map(
    state: &ApiState,
    host_id: &str,
    from_ms: i64,
    to_ms: i64,
) -> Result<GapMap, ApiError> {
    let read_to_ms = to_ms.saturating_add(AHEAD_MS);
    let sources = Sources {
        recorded: state.history.recorded(host_id, from_ms, read_to_ms).await?,
        gaps: state.catalog.gaps(host_id, from_ms, read_to_ms).await?,
        buffered: state.live.host(host_id).as_deref().map(LiveHost::buffered).unwrap_or_default(),
    };
    let end_ms = map::end_ms(&sources, to_ms, (state.now)()).max(from_ms);
    let runs = map::runs(&sources, from_ms, end_ms);
    Ok(GapMap {
        from: Time(from_ms),
        to: Time(end_ms),
        totals: totals(&sources, &runs, from_ms, end_ms),
        segments: runs.iter().map(Segment::of).collect(),
    })
}

impl Segment {
    fn of(run: &Run) -> Self {
        let (state, reason, frames) = match run.known {
            Known::Delivered => (SegmentState::Delivered, None, Some(run.frames)),
            Known::Late => (SegmentState::Late, None, Some(run.frames)),
            Known::Buffered => (SegmentState::Buffered, None, Some(run.frames)),
            Known::Dropped(reason) => (SegmentState::Dropped, Some(reason.as_str()), Some(run.frames)),
            Known::Nothing => (SegmentState::None, None, None),
        };
        Self { from: Time(run.from_ms), to: Time(run.to_ms), state, reason, frames }
    }
}

fn totals(sources: &Sources, runs: &[Run], from_ms: i64, to_ms: i64) -> Totals {
    // A snapshot tells of the time before it.
    let in_range = sources.recorded.iter().filter(|row| row.time_ms > from_ms && row.time_ms <= to_ms);
    let (late, delivered): (Vec<&Recorded>, Vec<&Recorded>) = in_range.partition(|row| row.late_ms.is_some());
    let touches = |first_ms: i64, last_ms: i64| first_ms < to_ms && last_ms >= from_ms;
    let sum = |frames: &mut dyn Iterator<Item = u64>| frames.fold(0, u64::saturating_add);
    let none_ms: i64 =
        runs.iter().filter(|run| run.known == Known::Nothing).map(|run| run.to_ms - run.from_ms).sum();
    Totals {
        delivered_frames: delivered.len() as u64,
        late_frames: late.len() as u64,
        buffered_frames: sum(&mut sources
            .buffered
            .iter()
            .filter(|buffered| touches(buffered.first_time_ms, buffered.last_time_ms))
            .map(|buffered| buffered.frames)),
        dropped_frames: sum(&mut sources
            .gaps
            .iter()
            .filter(|gap| touches(gap.first_time_ms, gap.last_time_ms))
            .map(|gap| gap.frames)),
        none_seconds: none_ms as f64 / 1000.0,
    }
}
