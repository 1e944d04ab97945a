//! Receivers of notifications: what they are told of, how that goes, and a try.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tacho_runtime::logging;
use utoipa::ToSchema;

use super::ApiState;
use super::error::ApiError;
use super::parameters::PathOf;
use super::silences::MatcherEntry;
use super::time::Time;

#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiverList {
    receivers: Vec<ReceiverEntry>,
}

/// Where notifications go. Addresses, keys and passwords are never shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiverEntry {
    name: String,
    /// `file`, `program`, `webhook`, `wecom`, …
    kind: &'static str,
    /// It is told of alerts as bad as this, and worse ones.
    severity: &'static str,
    /// All have to match; none: every alert.
    matchers: Vec<MatcherEntry>,
    /// It is told only of what has fired for so long, and nobody has acknowledged.
    after_seconds: i64,
    /// Times of the week at which it is told, such as `mon-fri 08:00-18:00`; none: always.
    during: Vec<String>,
    /// The place whose clock those times are by.
    time_zone: String,
    /// Notifications that wait for it.
    queued: i64,
    /// When it took one last, since the server started.
    delivered: Option<Time>,
    /// When it did not take one last, since the server started.
    failed: Option<Time>,
    /// Why; null when it took one since.
    error: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiverTest {
    delivered: bool,
    /// Why it was not.
    error: Option<String>,
}

/// Receivers as the server's configuration has them, and how telling them goes.
#[utoipa::path(get, path = "/api/v1/receivers", tag = "alerts", responses((status = 200, body = ReceiverList)))]
pub(crate) async fn list_receivers(State(state): State<ApiState>) -> Result<Json<ReceiverList>, ApiError> {
    let queued: HashMap<String, i64> = state.catalog.queued_notifications().await?.into_iter().collect();
    let deliveries = state.alerts.core().deliveries.clone();
    let entry = |receiver: &crate::alerts::Receiver| {
        let delivery = deliveries.get(&receiver.name).cloned().unwrap_or_default();
        let matchers = receiver.route.matchers.iter().cloned().map(MatcherEntry::from);
        ReceiverEntry {
            name: receiver.name.clone(),
            kind: receiver.kind_name(),
            severity: receiver.route.severity.name(),
            matchers: matchers.collect(),
            after_seconds: receiver.route.after_ms / 1000,
            during: receiver.route.times.texts().to_vec(),
            time_zone: receiver.route.times.zone_name().to_owned(),
            queued: queued.get(&receiver.name).copied().unwrap_or(0),
            delivered: delivery.delivered_ms.map(Time),
            failed: delivery.failed_ms.map(Time),
            error: delivery.error,
        }
    };
    let receivers = state.alerts.receivers().iter().map(|receiver| entry(receiver)).collect();
    Ok(Json(ReceiverList { receivers }))
}

/// Sends a message through a receiver, at once and past its queue, and says whether it was taken. Role: operator.
#[utoipa::path(post, path = "/api/v1/receivers/{name}/test", tag = "alerts",
    params(("name" = String, Path, description = "Of the receiver.")), responses((status = 200, body = ReceiverTest)))]
pub(crate) async fn test_receiver(
    State(state): State<ApiState>,
    PathOf(name): PathOf<String>,
) -> Result<Json<ReceiverTest>, ApiError> {
    let receivers = state.alerts.receivers();
    let receiver = receivers.iter().find(|receiver| receiver.name == name);
    let receiver = receiver.ok_or_else(|| {
        ApiError::not_found(format!("no receiver is called {name:?}; /api/v1/receivers lists them"))
    })?;
    let tested = receiver.test(state.alerts.page_url(), (state.now)()).await;
    let error = tested.err().map(|error| logging::chain(&error));
    Ok(Json(ReceiverTest { delivered: error.is_none(), error }))
}
