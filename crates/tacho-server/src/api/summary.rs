//! A range of one host in plain figures.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tacho_history::{Event, Events, Extreme, Figure, Figures, ProcessUsage, Summary, SummaryQuery};
use tacho_model::{Table, tables};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::debug::{self, Debug};
use super::error::ApiError;
use super::gaps::{GapMap, gap_map};
use super::hosts::find_host;
use super::parameters::{PathOf, Problems, QueryOf, Unknown};
use super::processes::{ORDERS, Usage, UsageEntry};
use super::time::Time;

const DEFAULT_LIMIT: usize = 5;
const MOST_LINES: usize = 100;

/// Newest events in an answer.
const EVENTS: usize = 100;

/// Longest range of one answer: each snapshot of it is looked at for gaps.
const MOST_MS: i64 = 35 * 24 * 3_600_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SummaryParameters {
    /// Start of the range, inclusive; an hour before `to` when absent.
    #[param(value_type = Option<String>, example = "2026-11-20T00:00:00Z")]
    from: Option<String>,
    /// End of the range, exclusive; now when absent. At most 35 days after the start.
    to: Option<String>,
    /// Most processes in each order, 1 to 100; 5 when absent.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// 1 to be told how the answer was found.
    #[param(value_type = Option<u8>)]
    debug: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// A range of one host.
#[derive(Serialize, ToSchema)]
pub(crate) struct SummaryAnswer {
    from: Time,
    to: Time,
    /// Of table `host`, by column; empty when nothing was recorded.
    host: Columns,
    disks: Vec<EntityFigures>,
    filesystems: Vec<EntityFigures>,
    interfaces: Vec<EntityFigures>,
    /// The greatest by `cpu`, `memory`, `disk` and `network`, of those that used any of it.
    processes: BTreeMap<&'static str, Vec<UsageEntry>>,
    /// What all processes used.
    totals: Usage,
    /// What of the range is in the history, and why the rest is not.
    gaps: GapMap,
    events: EventList,
    /// With `debug=1`: of table `process`, and what was read of all tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<Debug>,
}

type Columns = BTreeMap<&'static str, FigureEntry>;

#[derive(Serialize, ToSchema)]
struct EntityFigures {
    /// What it is about, by column.
    entity: BTreeMap<&'static str, String>,
    columns: Columns,
}

/// What a column comes to; null when there was no reading.
#[derive(Serialize, ToSchema)]
struct FigureEntry {
    /// Weighted by the interval that each row covers.
    average: Option<f64>,
    min: Option<ExtremeEntry>,
    /// The first of the greatest.
    max: Option<ExtremeEntry>,
    /// Of what adds up.
    sum: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct ExtremeEntry {
    value: f64,
    /// Time of the snapshot; of ranges from a day on, where its minute begins, or its hour when that is all that is left.
    time: Time,
    /// Length of that minute or hour; 0 for a snapshot.
    within_ms: i64,
}

/// Events of a host within a range.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    /// At most 100, the newest, by time.
    newest: Vec<EventEntry>,
    /// All of the range, by kind.
    counts: BTreeMap<String, u64>,
}

#[derive(Serialize, ToSchema)]
struct EventEntry {
    /// Of the snapshot that told of it.
    time: Time,
    happened: Option<Time>,
    kind: String,
    subject: String,
    text: String,
    user: String,
    pid: Option<i64>,
}

/// A range of a host in plain figures: averages, extremes with their instants, sums, the greatest processes, gaps and
/// events.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/summary", tag = "hosts",
    params(("host" = String, Path, description = "Name or id."), SummaryParameters),
    responses((status = 200, body = SummaryAnswer)))]
pub(crate) async fn summarise_host(
    State(state): State<ApiState>,
    PathOf(host): PathOf<String>,
    QueryOf(parameters): QueryOf<SummaryParameters>,
) -> Result<Json<SummaryAnswer>, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let now_ms = (state.now)();
    let (from, to) = (parameters.from.as_deref(), parameters.to.as_deref());
    let (from_ms, to_ms) = problems.range_up_to(from, to, now_ms, MOST_MS);
    let processes = problems.integer("limit", parameters.limit.as_deref(), DEFAULT_LIMIT, 1..=MOST_LINES);
    let wants_debug = debug::wanted(parameters.debug.as_deref(), &mut problems);
    problems.finish()?;
    let host = find_host(&state, &host).await?;
    let query = SummaryQuery { host_id: host.id.to_string(), from_ms, to_ms, processes, events: EVENTS };
    let (found, report) = state.history.summary(query).await?;
    let gaps = gap_map(&state, &host.id, from_ms, to_ms).await?;
    Ok(Json(SummaryAnswer {
        from: Time(from_ms),
        to: Time(to_ms),
        debug: wants_debug.then(|| Debug::from(report)),
        ..SummaryAnswer::new(found, gaps)
    }))
}

impl SummaryAnswer {
    /// All but the range.
    fn new(found: Summary, gaps: GapMap) -> Self {
        let of = |table: &Table, figures: Vec<Figures>| {
            figures.into_iter().map(|figures| EntityFigures::new(table, figures)).collect()
        };
        let order = |by| ORDERS.iter().find(|(_, order)| *order == by).map_or("", |(name, _)| *name);
        let entries = |lines: Vec<ProcessUsage>| lines.into_iter().map(UsageEntry::from).collect();
        Self {
            from: Time(0),
            to: Time(0),
            host: found.host.map(columns).unwrap_or_default(),
            disks: of(&tables::disk::TABLE, found.disks),
            filesystems: of(&tables::filesystem::TABLE, found.filesystems),
            interfaces: of(&tables::interface::TABLE, found.interfaces),
            processes: found.processes.into_iter().map(|(by, lines)| (order(by), entries(lines))).collect(),
            totals: Usage::from(&found.totals),
            gaps,
            events: found.events.into(),
            debug: None,
        }
    }
}

impl EntityFigures {
    fn new(table: &Table, mut figures: Figures) -> Self {
        let entity = std::mem::take(&mut figures.entity);
        Self { entity: table.entity.iter().copied().zip(entity).collect(), columns: columns(figures) }
    }
}

fn columns(figures: Figures) -> Columns {
    figures.columns.into_iter().map(|(name, figure)| (name, figure.into())).collect()
}

impl From<Figure> for FigureEntry {
    fn from(Figure { average, min, max, sum }: Figure) -> Self {
        Self { average, min: min.map(ExtremeEntry::from), max: max.map(ExtremeEntry::from), sum }
    }
}

impl From<Extreme> for ExtremeEntry {
    fn from(Extreme { value, time_ms, within_ms }: Extreme) -> Self {
        Self { value, time: Time(time_ms), within_ms }
    }
}

impl From<Events> for EventList {
    fn from(events: Events) -> Self {
        Self { newest: events.newest.into_iter().map(EventEntry::from).collect(), counts: events.counts }
    }
}

impl From<Event> for EventEntry {
    fn from(event: Event) -> Self {
        Self {
            time: Time(event.time_ms),
            happened: event.happened_ms.map(Time),
            kind: event.kind,
            subject: event.subject,
            text: event.text,
            user: event.user,
            pid: event.pid,
        }
    }
}
