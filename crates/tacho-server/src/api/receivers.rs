//! Receivers of notifications: what they are told of, how that goes, and a try.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tacho_catalog::QueuedNotification;
use tacho_runtime::logging;
use utoipa::ToSchema;

use super::ApiState;
use super::error::ApiError;
use super::parameters::PathOf;
use super::silences::MatcherEntry;
use super::time::Time;
use crate::alerts::{Delivery, Receiver};

#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiverList {
    receivers: Vec<ReceiverEntry>,
    /// This server tells. Of several on one catalog one does, and knows how that goes.
    tells: bool,
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
    /// Now is one of those times.
    open: bool,
    /// The language of its messages.
    language: &'static str,
    /// Messages that it takes in a minute; null: no limit.
    per_minute: Option<usize>,
    /// Notifications that wait for it.
    queued: i64,
    /// When the first of them was made.
    waiting_since: Option<Time>,
    /// How often that one was tried in vain.
    attempts: i64,
    /// When it is tried again.
    next_try: Option<Time>,
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
    let mut receivers = Vec::new();
    for receiver in state.alerts.receivers() {
        let queue = Queue::look(&state, &receiver.name, queued.get(&receiver.name).copied()).await?;
        let delivery = state.alerts.core().deliveries.get(&receiver.name).cloned().unwrap_or_default();
        receivers.push(ReceiverEntry::new(receiver, queue, delivery, (state.now)()));
    }
    Ok(Json(ReceiverList { receivers, tells: state.alerts.tells() }))
}

/// What waits for a receiver.
#[derive(Default)]
struct Queue {
    length: i64,
    first: Option<QueuedNotification>,
}

impl Queue {
    async fn look(state: &ApiState, receiver: &str, length: Option<i64>) -> Result<Self, ApiError> {
        let Some(length) = length else { return Ok(Self::default()) };
        Ok(Self { length, first: state.catalog.next_notification(receiver).await? })
    }
}

impl ReceiverEntry {
    fn new(receiver: &Receiver, queue: Queue, delivery: Delivery, now_ms: i64) -> Self {
        let route = &receiver.route;
        let first = queue.first.as_ref();
        Self {
            name: receiver.name.clone(),
            kind: receiver.kind_name(),
            severity: route.severity.name(),
            matchers: route.matchers.iter().cloned().map(MatcherEntry::from).collect(),
            after_seconds: route.after_ms / 1000,
            during: route.times.texts().to_vec(),
            time_zone: route.times.zone_name().to_owned(),
            open: route.times.include(now_ms),
            language: receiver.words.language,
            per_minute: Some(receiver.per_minute()).filter(|messages| *messages != usize::MAX),
            queued: queue.length,
            waiting_since: first.map(|queued| Time(queued.created_ms)),
            attempts: first.map_or(0, |queued| queued.attempts),
            next_try: first.filter(|queued| queued.attempts > 0).map(|queued| Time(queued.next_ms)),
            delivered: delivery.delivered_ms.map(Time),
            failed: delivery.failed_ms.map(Time),
            error: delivery.error,
        }
    }
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
