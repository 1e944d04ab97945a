//! REST API v1, the page, and what watches this server. One router, served on every listener.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse as _;
use axum::{Extension, Router};
use http::StatusCode;
use tacho_catalog::{Catalog, HostChange};
use tacho_history::History;
use tacho_runtime::clock::NowMs;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::alerts::Alerts;
use crate::auth::token::MintJoinToken;
use crate::auth::{Caller, Callers, Passwords, SignInLimit};
use crate::ingest::Sessions;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::page;
use crate::posted::Posted;
use crate::sql::SqlSockets;

mod agents;
mod alert_events;
mod alerts;
mod all_hosts;
mod audit;
mod changes;
mod debug;
mod error;
mod events;
mod export;
mod filesystems;
mod fleet;
mod gaps;
mod greatest;
mod guard;
mod host_alert;
mod host_tags;
mod hosts;
mod latest;
mod live;
mod maintenance;
mod observe;
mod one_process;
mod open_files;
mod openapi;
mod parameters;
mod post_event;
mod processes;
mod receivers;
mod route;
mod rows;
mod rule_history;
mod rules;
mod series;
mod session;
mod silences;
mod sql;
mod status;
mod storage;
mod summary;
mod tables;
mod thresholds;
mod time;
mod tokens;
mod top_series;
mod users;

pub(crate) use alerts::alert_json;
pub use error::{ApiError, ErrorKind};
pub(crate) use time::parse_time_ms;

/// Longest body of a request; the longest that makes sense is a fraction of it.
const BODY_BYTES: usize = 64 * 1024;

/// All that requests need. Cheap to clone, which each of them does several times.
#[derive(Clone)]
pub struct ApiState(Arc<ApiParts>);

impl Deref for ApiState {
    type Target = ApiParts;

    fn deref(&self) -> &ApiParts {
        &self.0
    }
}

impl From<ApiParts> for ApiState {
    fn from(parts: ApiParts) -> Self {
        Self(Arc::new(parts))
    }
}

/// What requests need.
pub struct ApiParts {
    pub history: History,
    pub catalog: Catalog,
    pub live: Live,
    pub alerts: Alerts,
    pub posted: Posted,
    pub now: NowMs,
    pub metrics: Metrics,
    pub passwords: Passwords,
    pub sign_in_limit: SignInLimit,
    pub callers: Callers,
    /// Builds a join token's text, which carries the certificate authority's fingerprint.
    pub mint_join_token: Arc<MintJoinToken>,
    pub sql: SqlSockets,
    /// Agents that are connected, to be asked.
    pub sessions: Sessions,
    /// Ends live streams, which would otherwise hold up the server's stop.
    pub stop: CancellationToken,
}

impl ApiState {
    /// A change of a host by a caller, now.
    fn host_change(&self, caller: Caller) -> HostChange {
        HostChange { id: self.alerts.new_id(), time_ms: (self.now)(), author: caller.name }
    }
}

/// The whole HTTP side. Whoever accepts connections puts a [`crate::auth::Peer`] into each request's
/// extensions.
pub fn router(state: ApiState) -> Router {
    let (router, document) = documented(&state).split_for_parts();
    router
        .route("/api", axum::routing::any(unknown_call))
        .route("/api/{*rest}", axum::routing::any(unknown_call))
        .route("/-/{*rest}", axum::routing::any(unknown_call))
        .fallback(page::serve)
        .method_not_allowed_fallback(wrong_method)
        .layer(Extension(Arc::new(document)))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn(guard::security_headers))
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .with_state(state)
}

/// The description of the API that `/api/v1/openapi.json` serves.
pub fn openapi_document(state: &ApiState) -> OpenApi {
    documented(state).into_openapi()
}

/// Every call, with its description; a route that is not described can not be added here.
fn documented(state: &ApiState) -> OpenApiRouter<ApiState> {
    let open = OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(status::healthy))
        .routes(routes!(status::ready))
        .routes(routes!(openapi::describe))
        .routes(routes!(session::sign_in, session::who, session::sign_out));
    // The limit is inside: strangers can not use it up.
    let queries = OpenApiRouter::new()
        .routes(routes!(series::host_series))
        .routes(routes!(processes::list_processes))
        .routes(routes!(series::process_series))
        .routes(routes!(one_process::show_process))
        .routes(routes!(one_process::list_exits))
        .routes(routes!(filesystems::list_filesystems))
        .routes(routes!(top_series::top_processes))
        .routes(routes!(gaps::host_gaps))
        .routes(routes!(summary::summarise_host))
        .routes(routes!(changes::what_changed))
        .routes(routes!(all_hosts::fleet_series))
        .route_layer(from_fn_with_state(guard::QueryLimit::default(), guard::limit_queries))
        .route_layer(from_fn_with_state(state.clone(), guard::viewer));
    let fleet = OpenApiRouter::new()
        .routes(routes!(fleet::top))
        .routes(routes!(fleet::search_processes))
        .routes(routes!(events::list_events))
        .route_layer(from_fn_with_state(guard::QueryLimit::of_fleet(), guard::limit_queries))
        .route_layer(from_fn_with_state(state.clone(), guard::viewer));
    let viewer = OpenApiRouter::new()
        .routes(routes!(hosts::list_hosts))
        .routes(routes!(rows::export_rows))
        .routes(routes!(export::export_host))
        .routes(routes!(sql::run_query))
        .routes(routes!(live::follow))
        .routes(routes!(alerts::list_alerts))
        .routes(routes!(alerts::count_alerts))
        .routes(routes!(alerts::show_alert))
        .routes(routes!(rules::list_rules))
        .routes(routes!(rule_history::rule_history))
        .routes(routes!(alert_events::follow_alerts))
        .routes(routes!(silences::list_silences))
        .routes(routes!(maintenance::list_windows))
        .routes(routes!(receivers::list_receivers))
        .routes(routes!(route::show_route))
        .routes(routes!(tables::list_tables))
        .routes(routes!(storage::show_storage))
        .routes(routes!(all_hosts::fleet_processes))
        .routes(routes!(status::metrics))
        .routes(routes!(session::change_password))
        .routes(routes!(hosts::show_host))
        .route_layer(from_fn_with_state(state.clone(), guard::viewer));
    let operator = OpenApiRouter::new()
        .routes(routes!(hosts::remove_host, hosts::change_host))
        .routes(routes!(host_tags::set_tags))
        .routes(routes!(open_files::ask_open_files))
        .routes(routes!(post_event::post_event))
        .routes(routes!(audit::list_changes))
        .routes(routes!(alerts::acknowledge_alert))
        .routes(routes!(silences::create_silence))
        .routes(routes!(maintenance::create_window))
        .routes(routes!(maintenance::replace_window, maintenance::remove_window))
        .routes(routes!(receivers::test_receiver))
        .routes(routes!(rules::create_rule))
        .routes(routes!(rules::replace_rule, rules::switch_rule, rules::remove_rule))
        .routes(routes!(rules::check_rule))
        .routes(routes!(thresholds::set_threshold, thresholds::remove_threshold))
        .routes(routes!(silences::remove_silence))
        .route_layer(from_fn_with_state(state.clone(), guard::operator));
    let admin = OpenApiRouter::new()
        .routes(routes!(agents::list_agents))
        .routes(routes!(agents::revoke_agent))
        .routes(routes!(tokens::list_tokens, tokens::create_token))
        .routes(routes!(tokens::revoke_token))
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(users::change_user, users::remove_user))
        .route_layer(from_fn_with_state(state.clone(), guard::admin));
    open.merge(queries).merge(fleet).merge(viewer).merge(operator).merge(admin)
}

async fn unknown_call(uri: http::Uri) -> ApiError {
    let path = uri.path();
    ApiError::not_found(format!("there is no call {path}; /api/v1/openapi.json lists them all"))
}

async fn wrong_method(method: http::Method, uri: http::Uri) -> axum::response::Response {
    let message = format!("{} does not take {method}; /api/v1/openapi.json says what it takes", uri.path());
    let mut response = ApiError::invalid(message).into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}
