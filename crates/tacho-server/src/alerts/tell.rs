//! Hands queued notifications to one receiver, in order, until it takes them.

use std::sync::Arc;
use std::time::Duration;

use tacho_alert::Notification;
use tacho_runtime::logging;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Alerts, Receiver};

/// Without being woken, the queue is looked at this often.
const PAUSE: Duration = Duration::from_secs(5);
const FIRST_BACK_OFF_MS: i64 = 1_000;
const LONGEST_BACK_OFF_MS: i64 = 300_000;
/// What could not be delivered for this long is given up.
const GIVE_UP_MS: i64 = 24 * 3_600_000;

/// One receiver and its queue in the catalog.
pub(super) struct Teller {
    pub(super) alerts: Alerts,
    pub(super) receiver: Arc<Receiver>,
    pub(super) queued: Arc<Notify>,
}

impl Teller {
    pub(super) async fn run(self, stop: CancellationToken) {
        loop {
            let pause = match self.next().await {
                Some(pause) => pause,
                None => continue,
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.queued.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Tells the oldest notification; how long to wait when there is nothing to do.
    async fn next(&self) -> Option<Duration> {
        let catalog = self.alerts.catalog();
        let receiver = &self.receiver.name;
        let queued = match catalog.next_notification(receiver).await {
            Ok(Some(queued)) => queued,
            Ok(None) => return Some(PAUSE),
            Err(error) => {
                tracing::error!(receiver, error = %logging::chain(&error), "cannot read the queue of notifications");
                return Some(PAUSE);
            }
        };
        let now_ms = self.alerts.now_ms();
        // A clock that was set back does not make anybody wait for longer than the longest back-off.
        let wait_ms = queued.next_ms.saturating_sub(now_ms).min(LONGEST_BACK_OFF_MS);
        if wait_ms > 0 {
            return Some(Duration::from_millis(wait_ms.unsigned_abs()));
        }
        let sent = match serde_json::from_str::<Notification>(&queued.data) {
            Ok(notification) => {
                let receiver = Arc::clone(&self.receiver);
                let sent = tokio::task::spawn_blocking(move || receiver.send(&notification)).await;
                sent.unwrap_or_else(|error| Err(std::io::Error::other(error)))
            }
            Err(error) => {
                tracing::error!(receiver, id = queued.id, %error, "a queued notification can not be read; it is dropped");
                Ok(())
            }
        };
        let done = match sent {
            Ok(()) => catalog.drop_notification(receiver, &queued.id).await,
            Err(error) if now_ms.saturating_sub(queued.created_ms) > GIVE_UP_MS => {
                tracing::error!(receiver, %error, "a notification could not be delivered for a day; it is given up");
                catalog.drop_notification(receiver, &queued.id).await
            }
            Err(error) => {
                let doubled = FIRST_BACK_OFF_MS.checked_shl(queued.attempts.clamp(0, 20) as u32);
                let back_off_ms = doubled.unwrap_or(LONGEST_BACK_OFF_MS).min(LONGEST_BACK_OFF_MS);
                tracing::warn!(receiver, %error, back_off_ms, "a notification was not taken; trying again");
                catalog.postpone_notification(receiver, &queued.id, now_ms.saturating_add(back_off_ms)).await
            }
        };
        if let Err(error) = done {
            tracing::error!(receiver, error = %logging::chain(&error), "cannot write the queue of notifications");
            return Some(PAUSE);
        }
        None
    }
}
