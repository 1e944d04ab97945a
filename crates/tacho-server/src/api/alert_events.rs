//! Alerts as they fire and end, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use super::ApiState;
use super::alerts::AlertEntry;
use super::error::ApiError;
use crate::alerts::Shown;
use crate::auth::Caller;
use crate::metrics::Counted;

/// Streams that may be open at one time, those of `/api/v1/live` among them.
const STREAMS: i64 = 512;
/// How often a stream makes sure that its caller may still read.
const CHECK: Duration = Duration::from_secs(30);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// One caller's stream.
struct Follower {
    state: ApiState,
    caller: Caller,
    receiver: Receiver<std::sync::Arc<Shown>>,
    check: Interval,
    _counted: Counted,
}

/// What becomes of alerts from now on: server-sent events `fired` and `resolved` with the alert, and `missed` when
/// the reader was too slow and should list the alerts anew.
#[utoipa::path(get, path = "/api/v1/alert-events", tag = "alerts",
    responses((status = 200, description = "Events that end only with the connection.",
        content((AlertEntry = "text/event-stream")))))]
pub(crate) async fn follow_alerts(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let counted = state
        .metrics
        .count_up_to(STREAMS, |counters| &counters.live_streams)
        .ok_or_else(|| ApiError::overloaded("too many live streams are open", 30))?;
    let receiver = state.alerts.subscribe();
    let mut check = interval_at(tokio::time::Instant::now() + CHECK, CHECK);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let follower = Follower { state, caller, receiver, check, _counted: counted };
    let events = futures::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                () = self.state.stop.cancelled() => return None,
                _ = self.check.tick() => {
                    let caller = self.caller.credential.caller(&self.state.catalog, (self.state.now)()).await;
                    if !matches!(caller, Ok(Some(_))) {
                        return None;
                    }
                }
                received = self.receiver.recv() => match received {
                    Ok(shown) => return event(&shown),
                    Err(RecvError::Lagged(_)) => return Some(Event::default().event("missed").data("{}")),
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }
}

fn event(shown: &Shown) -> Option<Event> {
    let name = if shown.resolved.is_none() { "fired" } else { "resolved" };
    Event::default().event(name).json_data(AlertEntry::new(shown.clone())).ok()
}
