//! Reading a request's parameters: everything that is wrong with them is said at once.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Json, Path, Query, Request};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::time::parse_time_ms;

/// Range of a query that names none.
const DEFAULT_RANGE_MS: i64 = 60 * 60 * 1000;

/// Parameters of a query that no field was made for, caught by `#[serde(flatten)]`.
pub(crate) type Unknown = BTreeMap<String, String>;

/// Collects what is wrong.
#[derive(Default)]
pub(crate) struct Problems {
    problems: Vec<String>,
}

impl Problems {
    pub(crate) fn new(unknown: &Unknown) -> Self {
        let problems = unknown.keys().map(|key| format!("`{key}` is not a parameter of this call")).collect();
        Self { problems }
    }

    pub(crate) fn add(&mut self, problem: impl Display) {
        self.problems.push(problem.to_string());
    }

    /// A point in time.
    pub(crate) fn time(&mut self, key: &str, text: Option<&str>, default_ms: i64) -> i64 {
        let Some(text) = text else { return default_ms };
        parse_time_ms(text).unwrap_or_else(|| {
            self.add(format_args!(
                "`{key}`: {text:?} is neither RFC 3339 (2026-11-20T03:12:05Z) nor milliseconds since the epoch"
            ));
            default_ms
        })
    }

    /// A range of time, by default the last hour.
    pub(crate) fn range(&mut self, from: Option<&str>, to: Option<&str>, now_ms: i64) -> (i64, i64) {
        let before = self.problems.len();
        let to_ms = self.time("to", to, now_ms);
        let from_ms = self.time("from", from, to_ms.saturating_sub(DEFAULT_RANGE_MS));
        if from_ms >= to_ms && self.problems.len() == before {
            self.add("`from` must be before `to`");
        }
        (from_ms, to_ms)
    }

    /// The same, not longer than so many days.
    pub(crate) fn range_up_to(
        &mut self,
        from: Option<&str>,
        to: Option<&str>,
        now_ms: i64,
        most_ms: i64,
    ) -> (i64, i64) {
        let (from_ms, to_ms) = self.range(from, to, now_ms);
        if to_ms.saturating_sub(from_ms) > most_ms {
            let days = most_ms / (24 * 3_600_000);
            self.add(format_args!("the range is longer than {days} days; ask for parts of it"));
        }
        (from_ms, to_ms)
    }

    pub(crate) fn integer(
        &mut self,
        key: &str,
        text: Option<&str>,
        default: usize,
        range: RangeInclusive<usize>,
    ) -> usize {
        let Some(text) = text else { return default };
        text.parse().ok().filter(|number| range.contains(number)).unwrap_or_else(|| {
            self.add(format_args!(
                "`{key}`: {text:?} is not a whole number from {} to {}",
                range.start(),
                range.end()
            ));
            default
        })
    }

    /// One of a few words; the first is the default.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &str,
        text: Option<&str>,
        choices: &[(&str, T)],
        default: T,
    ) -> T {
        let Some(text) = text else { return default };
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        found.unwrap_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.add(format_args!("`{key}`: {text:?} is not one of {}", names.join(", ")));
            default
        })
    }

    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.problems.join("; "))) }
    }
}

/// Items of a list that is written with commas; empty ones are dropped.
pub(crate) fn list(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Segments of the path; what axum refuses becomes an [`ApiError`].
pub(crate) struct PathOf<T>(pub(crate) T);

/// The query string; what axum refuses becomes an [`ApiError`].
pub(crate) struct QueryOf<T>(pub(crate) T);

/// A JSON body; what axum refuses becomes an [`ApiError`].
pub(crate) struct BodyOf<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathOf<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value))
            .map_err(|error: PathRejection| ApiError::invalid(error.body_text()))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryOf<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::from_request_parts(parts, state).await;
        query
            .map(|Query(value)| Self(value))
            .map_err(|error: QueryRejection| ApiError::invalid(error.body_text()))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for BodyOf<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = Json::from_request(request, state).await;
        body.map(|Json(value)| Self(value)).map_err(|error: JsonRejection| match error.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ApiError::invalid("send the body as JSON, with `Content-Type: application/json`")
            }
            _ => ApiError::invalid(error.body_text()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_said_at_once() {
        let unknown = Unknown::from([("form".to_owned(), "1".to_owned())]);
        let mut problems = Problems::new(&unknown);
        problems.range(Some("yesterday"), Some("1"), 0);
        problems.integer("points", Some("0"), 300, 1..=10);
        problems.choice("agg", Some("median"), &[("avg", 1), ("max", 2)], 1);
        let error = problems.finish().unwrap_err().message;
        let expected = "`form` is not a parameter of this call; \
            `from`: \"yesterday\" is neither RFC 3339 (2026-11-20T03:12:05Z) nor milliseconds since the epoch; \
            `points`: \"0\" is not a whole number from 1 to 10; `agg`: \"median\" is not one of avg, max";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_range_is_the_last_hour_unless_it_says_otherwise() {
        let mut problems = Problems::default();
        assert_eq!(problems.range(None, None, 7_200_000), (3_600_000, 7_200_000));
        assert_eq!(problems.range(None, Some("3600000"), 7_200_000), (0, 3_600_000));
        assert_eq!(problems.range(Some("5"), None, 7_200_000), (5, 7_200_000));
        assert!(problems.problems.is_empty());
        problems.range(Some("5"), Some("5"), 0);
        assert_eq!(problems.problems, ["`from` must be before `to`"]);
    }

    #[test]
    fn lists_are_written_with_commas() {
        assert_eq!(list(Some("a, b,,c")), ["a", "b", "c"]);
        assert!(list(Some("")).is_empty() && list(None).is_empty());
    }
}
