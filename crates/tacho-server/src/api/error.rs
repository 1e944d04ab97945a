//! Errors as callers see them. One small list of kinds, each defined by what the caller does next; one
//! table from kind to HTTP.

use std::error::Error;
use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tacho_catalog::CatalogError;
use tacho_history::HistoryError;
use tracing::Level;
use utoipa::ToSchema;

use crate::auth::password::PasswordError;
use crate::posted::PostedError;

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Change the request.
    Invalid,
    /// Sign in, or send a valid token.
    Unauthorized,
    /// Ask somebody with the role for it.
    Forbidden,
    /// Look elsewhere.
    NotFound,
    /// Look at what is there, then decide.
    Conflict,
    /// Slow down and try again.
    Overloaded,
    /// Try again a little later.
    Unavailable,
    /// Tell the operator: stored data is damaged.
    Corrupt,
    /// Tell the operator: the log says more.
    Internal,
}

/// An error on its way to a caller. The text is for the caller; the source goes to the log only.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) retry_after_seconds: Option<i64>,
    /// For programs, where the kind alone does not tell what is the matter.
    reason: Option<&'static str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Body of every answer that is not a success.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Serialize, ToSchema)]
struct ErrorDetail {
    kind: ErrorKind,
    /// For people.
    message: String,
    /// Of some errors: one word for what the matter is.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl ErrorKind {
    /// The table: status, and how loud the log is about it.
    pub(crate) fn http(self) -> (StatusCode, Level) {
        match self {
            Self::Invalid => (StatusCode::BAD_REQUEST, Level::DEBUG),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, Level::DEBUG),
            Self::Forbidden => (StatusCode::FORBIDDEN, Level::DEBUG),
            Self::NotFound => (StatusCode::NOT_FOUND, Level::DEBUG),
            Self::Conflict => (StatusCode::CONFLICT, Level::DEBUG),
            Self::Overloaded => (StatusCode::TOO_MANY_REQUESTS, Level::DEBUG),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Level::WARN),
            Self::Corrupt => (StatusCode::INTERNAL_SERVER_ERROR, Level::ERROR),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, Level::ERROR),
        }
    }
}

impl ApiError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_seconds: None, reason: None, source: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            ErrorKind::Unauthorized,
            "sign in, or send a valid API token as `Authorization: Bearer …`; \
             `tacho-server token create api` makes one",
        )
    }

    pub(crate) fn overloaded(message: impl Into<String>, retry_after_seconds: i64) -> Self {
        let retry_after_seconds = Some(retry_after_seconds.max(1));
        Self { retry_after_seconds, ..Self::new(ErrorKind::Overloaded, message) }
    }

    pub(crate) fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// Something here is at fault; the caller is told no more than that.
    pub(crate) fn internal(source: impl Error + Send + Sync + 'static) -> Self {
        let source: Box<dyn Error + Send + Sync> = Box::new(source);
        let message = "the server failed to answer; its log says why";
        Self { source: Some(source), ..Self::new(ErrorKind::Internal, message) }
    }

    pub(crate) fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, _) = self.kind.http();
        let body = ErrorBody {
            error: ErrorDetail { kind: self.kind, message: self.message.clone(), reason: self.reason },
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == ErrorKind::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // The outermost layer logs it, once, with the request it belongs to.
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Corrupt { .. } => {
                let message = "the catalog is damaged; the server's log says more";
                Self::new(ErrorKind::Corrupt, message).with_source(error)
            }
            _ => Self::internal(error),
        }
    }
}

impl From<HistoryError> for ApiError {
    fn from(error: HistoryError) -> Self {
        match error {
            _ if error.is_callers_mistake() => Self::invalid(error.to_string()),
            HistoryError::Catalog(error) => error.into(),
            _ => Self::internal(error),
        }
    }
}

impl From<PostedError> for ApiError {
    fn from(error: PostedError) -> Self {
        match error {
            PostedError::Catalog(error) => error.into(),
            PostedError::History(error) => error.into(),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::overloaded("too many people sign in at once; try again", 1),
            PasswordError::Hash(_) | PasswordError::Thread(_) => Self::internal(error),
        }
    }
}
