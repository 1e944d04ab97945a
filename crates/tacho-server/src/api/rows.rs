//! The stored rows as they are, streamed.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use tacho_history::{ByteStream, RowsQuery};
use tacho_model::{Table, tables};
use tacho_runtime::logging::chain;
use utoipa::IntoParams;

use super::ApiState;
use super::error::ApiError;
use super::hosts::find_host;
use super::parameters::{PathOf, Problems, QueryOf, Unknown, list};
use super::tables::{stored_columns, table_names};
use crate::metrics::Counted;

/// Exports that may run at one time; each holds a few decoded pieces in memory. More are told to wait.
pub(super) const EXPORTS: i64 = 8;

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
const ARROW: &str = "application/vnd.apache.arrow.stream";

const FORMATS: &[(&str, Format)] = &[("json", Format::Json), ("csv", Format::Csv), ("arrow", Format::Arrow)];

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RowsParameters {
    /// Which table; `/api/v1/tables` lists them.
    #[param(value_type = String, example = "process")]
    table: Option<String>,
    /// Stored columns with commas between; all when absent.
    columns: Option<String>,
    /// Start, inclusive; an hour before `to` when absent.
    from: Option<String>,
    /// End, exclusive; now when absent.
    to: Option<String>,
    /// `json`, `csv` or `arrow`; decides instead of the header `Accept`.
    format: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
    Arrow,
}

/// Stored rows of a host: JSON (`{"rows":[…]}`), CSV or an Arrow IPC stream, by the header `Accept`. An answer
/// that breaks off is not complete.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/rows", tag = "history",
    params(("host" = String, Path, description = "Name or id."), RowsParameters),
    responses((status = 200, description = "The rows.", content(
        (serde_json::Value = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream")))))]
pub(crate) async fn export_rows(
    State(state): State<ApiState>,
    PathOf(host): PathOf<String>,
    QueryOf(parameters): QueryOf<RowsParameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut problems = Problems::new(&parameters.unknown);
    let table = parameters.table(&mut problems);
    let columns = stored_columns(table, list(parameters.columns.as_deref()), &mut problems);
    let (from_ms, to_ms) =
        problems.range(parameters.from.as_deref(), parameters.to.as_deref(), (state.now)());
    let format = problems.choice("format", parameters.format.as_deref(), FORMATS, accepted(&headers));
    problems.finish()?;
    let host = find_host(&state, &host).await?;
    let counted = state
        .metrics
        .count_up_to(EXPORTS, |counters| &counters.exports)
        .ok_or_else(|| ApiError::overloaded("too many exports run at once; try again later", 10))?;
    let query = RowsQuery { host_id: host.id.to_string(), table, columns, from_ms, to_ms };
    let (rows, content_type) = match format {
        Format::Json => (state.history.rows_json(query)?, JSON),
        Format::Csv => (state.history.rows_csv(query)?, "text/csv; charset=utf-8"),
        Format::Arrow => (state.history.rows_arrow(query)?, ARROW),
    };
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(content_type)), (VARY, HeaderValue::from_static("accept"))];
    Ok((headers, body(rows, counted)).into_response())
}

/// An error in the middle can only be told by breaking off.
pub(super) fn body(rows: ByteStream, counted: Counted) -> Body {
    Body::from_stream(rows.map(move |piece| {
        let _held = &counted;
        piece.inspect_err(|error| tracing::error!("an export of rows broke off: {}", chain(error)))
    }))
}

/// The first type of the header that we have; JSON when there is none.
fn accepted(headers: &HeaderMap) -> Format {
    let types = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    types
        .flat_map(|value| value.split(','))
        .filter_map(|range| match range.split(';').next()?.trim() {
            JSON => Some(Format::Json),
            CSV => Some(Format::Csv),
            ARROW => Some(Format::Arrow),
            _ => None,
        })
        .next()
        .unwrap_or(Format::Json)
}

impl RowsParameters {
    fn table(&self, problems: &mut Problems) -> &'static Table {
        let Some(name) = self.table.as_deref() else {
            problems.add(format_args!("`table`: name one of {}", table_names()));
            return &tables::host::TABLE;
        };
        tables::by_name(name).unwrap_or_else(|| {
            problems.add(format_args!("`table`: there is no {name:?}; there are {}", table_names()));
            &tables::host::TABLE
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, expected: Format) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        assert_eq!(accepted(&headers), expected, "{accept}");
    }

    #[test]
    fn the_first_type_we_have_is_taken() {
        check("*/*", Format::Json);
        check("text/csv", Format::Csv);
        check("text/html, text/csv;q=0.9, application/json", Format::Csv);
        check("application/vnd.apache.arrow.stream", Format::Arrow);
        assert_eq!(accepted(&HeaderMap::new()), Format::Json);
    }
}
