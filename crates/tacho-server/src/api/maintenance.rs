//! Maintenance windows: times of the week at which alerts are not told.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tacho_alert::{MAX_MATCHERS, Maintenance, MaintenanceOrigin, MaintenanceText};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::error::{ApiError, ErrorKind};
use super::parameters::{BodyOf, PathOf, Problems, QueryOf, Unknown};
use super::silences::{MatcherEntry, read_matchers};
use super::time::Time;
use crate::alerts::{StoredWindow, WindowEditError, WindowEditor};
use crate::auth::Caller;

/// Windows that are made here; more are refused.
const MAX_WINDOWS: usize = 200;
const LONGEST_NAME: usize = 100;
const LONGEST_COMMENT: usize = 500;
const DAYS_OF_WEEK: usize = 7;

#[derive(Serialize, ToSchema)]
pub(crate) struct WindowList {
    /// Those that are open first, then those that open next.
    windows: Vec<WindowEntry>,
}

/// A maintenance window.
#[derive(Serialize, ToSchema)]
pub(crate) struct WindowEntry {
    /// Null of one in a file, which is changed there.
    id: Option<String>,
    name: String,
    /// All have to match; none: every alert.
    matchers: Vec<MatcherEntry>,
    /// On which it begins: `mon` to `sun`; none: every day.
    days: Vec<String>,
    /// Times of the day such as `02:30`. An end that is not after the start is one of the next day.
    from: String,
    to: String,
    /// The place whose clock on the wall counts.
    time_zone: String,
    comment: String,
    /// File that it comes from, or `api`.
    origin: String,
    /// Of the file.
    line: Option<usize>,
    /// Alerts that match are not told now.
    open: bool,
    /// When it opens next; null while it is open, or where it never opens.
    opens: Option<Time>,
    /// When it closes, now or next time; null where it never does.
    closes: Option<Time>,
    /// Hosts that it is about, by their names and tags.
    hosts: usize,
    /// Who changed it last by the API.
    author: Option<String>,
    changed: Option<Time>,
    /// Names what was changed last by the API; null of one in a file.
    revision: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowBody {
    name: String,
    /// All have to match: 1 to 16; `host` with `*` is every alert.
    matchers: Vec<MatcherEntry>,
    /// On which it begins: `mon` to `sun`; default: every day.
    #[serde(default)]
    days: Vec<String>,
    /// Times of the day such as `02:30`. An end that is not after the start is one of the next day.
    from: String,
    to: String,
    /// The place whose clock on the wall counts, such as `Europe/Berlin`. Default: `UTC`.
    time_zone: Option<String>,
    #[serde(default)]
    comment: String,
    /// Of a change, as `/api/v1/maintenance` told it: the change is refused where somebody else was quicker.
    revision: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EndParameters {
    /// As `/api/v1/maintenance` told it: nothing is ended where somebody else changed it meanwhile.
    revision: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// All maintenance windows: those that were made here, and those of files.
#[utoipa::path(get, path = "/api/v1/maintenance", tag = "alerts", responses((status = 200, body = WindowList)))]
pub(crate) async fn list_windows(State(state): State<ApiState>) -> Json<WindowList> {
    Json(WindowList { windows: entries(&state) })
}

/// Makes a maintenance window. It holds at once. Role: operator.
#[utoipa::path(post, path = "/api/v1/maintenance", tag = "alerts", request_body = WindowBody,
    responses((status = 201, body = WindowEntry)))]
pub(crate) async fn create_window(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    BodyOf(body): BodyOf<WindowBody>,
) -> Result<(StatusCode, Json<WindowEntry>), ApiError> {
    let id = state.alerts.new_id();
    if body.revision.is_some() {
        return Err(ApiError::invalid("a new window has no `revision`; leave it out, or change one by PUT"));
    }
    let window = body.read(&id)?;
    if state.alerts.core().windows.len() >= MAX_WINDOWS {
        let message = format!("there are {MAX_WINDOWS} maintenance windows; remove some first");
        return Err(ApiError::invalid(message));
    }
    state.alerts.create_window(&id, &window, caller.name).await?;
    Ok((StatusCode::CREATED, one(&state, &id)?))
}

/// Changes a maintenance window that was made here. It holds at once. With the `revision` that it is based on, it is
/// refused (409) where somebody else was quicker. Role: operator.
#[utoipa::path(put, path = "/api/v1/maintenance/{id}", tag = "alerts", request_body = WindowBody,
    params(("id" = String, Path, description = "Of the window.")), responses((status = 200, body = WindowEntry)))]
pub(crate) async fn replace_window(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf(id): PathOf<String>,
    BodyOf(body): BodyOf<WindowBody>,
) -> Result<Json<WindowEntry>, ApiError> {
    let editor = WindowEditor { author: caller.name, revision: body.revision.clone() };
    let window = body.read(&id)?;
    state.alerts.replace_window(&id, &window, editor).await?;
    one(&state, &id)
}

/// Ends a maintenance window for good: what it kept quiet and still fires is told. With the `revision` that one saw, it
/// is refused (409) where somebody changed it meanwhile. Role: operator.
#[utoipa::path(delete, path = "/api/v1/maintenance/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Of the window."), EndParameters), responses((status = 204)))]
pub(crate) async fn remove_window(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf(id): PathOf<String>,
    QueryOf(parameters): QueryOf<EndParameters>,
) -> Result<StatusCode, ApiError> {
    Problems::new(&parameters.unknown).finish()?;
    let editor = WindowEditor { author: caller.name, revision: parameters.revision };
    state.alerts.remove_window(&id, editor).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<WindowEditError> for ApiError {
    fn from(error: WindowEditError) -> Self {
        match error {
            WindowEditError::NotFound(_) => Self::not_found(error.to_string()),
            WindowEditError::Conflict(_) => Self::new(ErrorKind::Conflict, error.to_string()),
            WindowEditError::Catalog(error) => Self::from(error),
        }
    }
}

fn entries(state: &ApiState) -> Vec<WindowEntry> {
    let now_ms = (state.now)();
    let core = state.alerts.core();
    let of_files = core.files.maintenance.iter().map(|window| (window, None));
    let stored = core.windows.iter().map(|stored| (&stored.window, Some(stored)));
    let about = |window: &Maintenance| core.hosts.iter().filter(|host| window.is_about(host)).count();
    let mut entries: Vec<_> = of_files
        .chain(stored)
        .map(|(window, stored)| WindowEntry::new(window, stored, about(window), now_ms))
        .collect();
    entries.sort_by_key(|entry| {
        let times = if entry.open { &entry.closes } else { &entry.opens };
        (!entry.open, times.as_ref().map_or(i64::MAX, |time| time.0))
    });
    entries
}

fn one(state: &ApiState, id: &str) -> Result<Json<WindowEntry>, ApiError> {
    let found = entries(state).into_iter().find(|entry| entry.id.as_deref() == Some(id));
    // Somebody else may have removed it in this moment.
    found.map(Json).ok_or_else(|| WindowEditError::NotFound(id.to_owned()).into())
}

impl WindowBody {
    /// All that is wrong is said at once.
    fn read(self, id: &str) -> Result<Maintenance, ApiError> {
        let mut problems = Problems::default();
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            problems.add(format_args!("`name` has 1 to {LONGEST_NAME} characters"));
        }
        if self.comment.chars().count() > LONGEST_COMMENT {
            problems.add(format_args!("`comment` has at most {LONGEST_COMMENT} characters"));
        }
        if !(1..=MAX_MATCHERS).contains(&self.matchers.len()) {
            problems.add(format_args!(
                r#"`matchers`: 1 to {MAX_MATCHERS}, such as {{"label": "host", "pattern": "web-*"}}"#
            ));
        }
        if self.days.len() > DAYS_OF_WEEK {
            problems.add(format_args!("`days`: at most {DAYS_OF_WEEK}"));
        }
        let matchers = read_matchers(self.matchers, &mut problems);
        let text = MaintenanceText {
            name: name.to_owned(),
            matchers,
            days: self.days.into_iter().take(DAYS_OF_WEEK).collect(),
            from: self.from,
            to: self.to,
            time_zone: self.time_zone.unwrap_or_else(|| "UTC".to_owned()),
            comment: self.comment,
        };
        match Maintenance::read(text, MaintenanceOrigin::Stored(id.to_owned())) {
            Ok(window) => problems.finish().map(|()| window),
            Err(wrong) => {
                wrong.iter().for_each(|(field, problem)| problems.add(format_args!("`{field}` {problem}")));
                problems.finish()?;
                Err(ApiError::invalid("the window can not be used"))
            }
        }
    }
}

impl WindowEntry {
    fn new(window: &Maintenance, stored: Option<&StoredWindow>, hosts: usize, now_ms: i64) -> Self {
        let MaintenanceText { name, matchers, days, from, to, time_zone, comment } = window.text.clone();
        let (id, origin, line) = match &window.origin {
            MaintenanceOrigin::Stored(id) => (Some(id.clone()), "api".to_owned(), None),
            MaintenanceOrigin::File { file, line } => (None, file.clone(), Some(*line)),
        };
        let opening = window.opening(now_ms);
        Self {
            id,
            name,
            matchers: matchers.into_iter().map(MatcherEntry::from).collect(),
            days,
            from,
            to,
            time_zone,
            comment,
            origin,
            line,
            open: window.is_open(now_ms),
            opens: opening.starts_ms.map(Time),
            closes: opening.ends_ms.map(Time),
            hosts,
            author: stored.map(|stored| stored.author.clone()),
            changed: stored.map(|stored| Time(stored.changed_ms)),
            revision: stored.map(StoredWindow::revision),
        }
    }
}
