//! SQL over the history, by the program that answers it.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use tacho_history::outside::SqlQuery;
use utoipa::ToSchema;

use super::ApiState;
use super::error::{ApiError, ErrorKind};
use crate::sql::SqlError;

/// Longest message of a refused query that is passed on.
const MESSAGE_BYTES: usize = 16 * 1024;

const FORMATS: &[(&str, &str)] = &[
    ("text/csv", "csv"),
    ("application/vnd.apache.arrow.stream", "arrow"),
    ("application/vnd.apache.parquet", "parquet"),
];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlBody {
    /// One statement that reads: `SELECT`, `WITH`, `EXPLAIN`, `SHOW`.
    #[schema(example = "SELECT name, sum(cpu_user_us) FROM process GROUP BY name ORDER BY 2 DESC LIMIT 5")]
    query: String,
    /// Rows at most; the program's own limit when absent or above it.
    limit: Option<u64>,
}

/// What a query found.
#[derive(Serialize, ToSchema)]
pub(crate) struct SqlResult {
    columns: Vec<SqlColumn>,
    /// One list per row; absent is `null`, times are RFC 3339.
    rows: Vec<Vec<serde_json::Value>>,
    /// There were more rows than the limit.
    truncated: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SqlColumn {
    name: String,
    /// The engine's name of the type, such as `Int64` or `Utf8View`.
    r#type: String,
}

/// Runs a query over the history: tables and views as `SHOW TABLES` lists them. JSON, CSV, an Arrow IPC stream or
/// Parquet, by the header `Accept`.
#[utoipa::path(post, path = "/api/v1/sql", tag = "history", request_body = SqlBody,
    responses((status = 200, description = "The rows.", content(
        (SqlResult = "application/json"), (String = "text/csv"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<u8> = "application/vnd.apache.parquet"))),
    (status = 503, description = "The program `tacho-sql` is not running.")))]
pub(crate) async fn run_query(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Json(body): Json<SqlBody>,
) -> Result<Response, ApiError> {
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = FORMATS.iter().find(|(kind, _)| accepts.contains(kind));
    let (kind, format) = format.copied().unwrap_or(("application/json", "json"));
    let query = SqlQuery { query: body.query, format: format.to_owned(), limit: body.limit };
    let answer = state.sql.ask(&query).await.map_err(not_answered)?;
    let (parts, body) = answer.into_parts();
    let body = Body::new(body);
    if parts.status != StatusCode::OK {
        let text = to_bytes(body, MESSAGE_BYTES).await.map_err(ApiError::internal)?;
        let message = String::from_utf8_lossy(&text).into_owned();
        return Err(match parts.status {
            StatusCode::BAD_REQUEST => ApiError::invalid(message),
            StatusCode::TOO_MANY_REQUESTS => ApiError::overloaded(message, 5),
            _ => ApiError::new(ErrorKind::Unavailable, message),
        });
    }
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(kind)), (VARY, HeaderValue::from_static("accept"))];
    Ok((headers, body).into_response())
}

fn not_answered(error: SqlError) -> ApiError {
    let hint = match &error {
        SqlError::NotRunning(_) => "; start it with `tacho-sql run`, or `systemctl start tacho-sql`",
        SqlError::NoAnswer(_) | SqlError::Timeout => "; its log says more",
    };
    ApiError::new(ErrorKind::Unavailable, format!("{error}{hint}")).with_source(error)
}
