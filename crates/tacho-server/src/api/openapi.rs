//! The description of the API. Its calls come from the code that answers them.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::error::ErrorBody;
use crate::auth::caller::SESSION_COOKIE;

const ABOUT: &str = "Reads the history and the live state of every host, and manages who may.\n\n\
    Send an API token as `Authorization: Bearer …`, or sign in and send the cookie; a change made with the \
    cookie needs the header `X-Tacho-Request: 1`. Times are RFC 3339 in UTC; in requests also milliseconds \
    since the epoch. A number that is not known is null, never 0. Every answer that is not a success is \
    `{\"error\":{\"kind\",\"message\"}}`. Additions are not breaking: ignore fields that you do not know.";

#[derive(OpenApi)]
#[openapi(components(schemas(ErrorBody)), modifiers(&Finish), security(("token" = []), ("session" = [])))]
struct Base;

struct Finish;

impl Modify for Finish {
    fn modify(&self, document: &mut Document) {
        document.info.title = "Tacho".to_owned();
        document.info.version = env!("CARGO_PKG_VERSION").to_owned();
        document.info.description = Some(ABOUT.to_owned());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(SESSION_COOKIE));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    }
}

/// All but the calls.
pub(crate) fn base() -> Document {
    Base::openapi()
}

/// This description. Open to everybody: it says nothing that the source does not.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "status", security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value)))]
pub(crate) async fn describe(Extension(document): Extension<Arc<Document>>) -> Response {
    Json(&*document).into_response()
}
