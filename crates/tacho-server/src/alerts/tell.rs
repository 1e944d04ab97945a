//! Hands queued notifications to one receiver, in order, until it takes them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tacho_alert::Notification;
use tacho_catalog::{CatalogError, QueuedNotification};
use tacho_runtime::logging;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::pace::Pace;
use super::{Alerts, Receiver};

/// Without being woken, the queue is looked at this often.
const PAUSE: Duration = Duration::from_secs(5);
const FIRST_BACK_OFF_MS: i64 = 1_000;
const LONGEST_BACK_OFF_MS: i64 = 300_000;
/// What could not be delivered for this long is given up.
const GIVE_UP_MS: i64 = 24 * 3_600_000;
/// How often that is tried in which the other side finds fault with what is said: it holds up what comes after it.
const CONTENT_ATTEMPTS: i64 = 3;
/// What is under way when the server stops may take this long; then it is told again after the next start.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// One receiver and its queue in the catalog.
pub(super) struct Teller {
    alerts: Alerts,
    receiver: Arc<Receiver>,
    queued: Arc<Notify>,
    pace: Pace,
}

impl Teller {
    pub(super) fn new(alerts: Alerts, receiver: Arc<Receiver>, queued: Arc<Notify>) -> Self {
        let pace = Pace::new(receiver.per_minute());
        Self { alerts, receiver, queued, pace }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let queued = Arc::clone(&self.queued);
        loop {
            let told = tokio::select! {
                told = self.next() => told,
                () = stopped(&stop) => return,
            };
            let pause = told.unwrap_or_else(|error| {
                tracing::error!(receiver = self.receiver.name, error = %logging::chain(&error), "cannot use the queue of notifications");
                PAUSE
            });
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = queued.notified(), if !pause.is_zero() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Tells the oldest notification, when it is time; how long to wait before the next look.
    async fn next(&mut self) -> Result<Duration, CatalogError> {
        let Some(term) = self.alerts.term() else { return Ok(PAUSE) };
        let catalog = self.alerts.catalog().clone();
        let name = self.receiver.name.clone();
        let Some(queued) = catalog.next_notification(&name).await? else { return Ok(PAUSE) };
        let alone = self.alerts.office().leave_alone(queued.claimed_term, Instant::now());
        if !alone.is_zero() {
            return Ok(alone.min(PAUSE));
        }
        let now_ms = self.alerts.now_ms();
        // A clock that was set back does not make anybody wait for longer than the longest back-off.
        let back_off_ms = queued.next_ms.saturating_sub(now_ms).min(LONGEST_BACK_OFF_MS);
        let wait_ms = back_off_ms.max(self.pace.wait_ms(now_ms));
        if wait_ms > 0 {
            return Ok(Duration::from_millis(wait_ms.unsigned_abs()).min(PAUSE));
        }
        let Ok(notification) = serde_json::from_str::<Notification>(&queued.data) else {
            tracing::error!(
                receiver = name,
                id = queued.id,
                "a queued notification can not be read; it is dropped"
            );
            catalog.drop_notification(&name, &queued.id).await?;
            return Ok(Duration::ZERO);
        };
        if !catalog.claim_notification(&name, &queued.id, term).await? {
            return Ok(PAUSE);
        }
        self.pace.sent(now_ms);
        let sent = self.receiver.send(&notification, self.alerts.page_url(), now_ms).await;
        self.alerts.core().note_delivery(&name, now_ms, sent.as_ref().map_err(logging_chain).err());
        match sent {
            Ok(()) => catalog.drop_notification(&name, &queued.id).await?,
            Err(error) => {
                let error_text = logging_chain(&error);
                if let Some(why) = gives_up(&queued, error.is_of_content(), now_ms) {
                    tracing::error!(receiver = name, error = error_text, "a notification is given up: {why}");
                    catalog.drop_notification(&name, &queued.id).await?;
                } else {
                    let back_off_ms = back_off_ms_after(queued.attempts);
                    tracing::warn!(
                        receiver = name,
                        error = error_text,
                        back_off_ms,
                        "a notification was not taken; trying again"
                    );
                    catalog
                        .postpone_notification(&name, &queued.id, now_ms.saturating_add(back_off_ms))
                        .await?;
                }
            }
        }
        Ok(Duration::ZERO)
    }
}

async fn stopped(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}

fn logging_chain(error: &super::receiver::ReceiverError) -> String {
    logging::chain(error).to_string()
}

/// Why a message that was not taken is not tried again.
fn gives_up(queued: &QueuedNotification, is_of_content: bool, now_ms: i64) -> Option<&'static str> {
    if is_of_content && queued.attempts.saturating_add(1) >= CONTENT_ATTEMPTS {
        return Some("the other side finds fault with it");
    }
    (now_ms.saturating_sub(queued.created_ms) > GIVE_UP_MS).then_some("it could not be delivered for a day")
}

/// Twice as long each time.
fn back_off_ms_after(attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(0, 20)).unwrap_or(0);
    FIRST_BACK_OFF_MS.saturating_mul(1 << doublings).min(LONGEST_BACK_OFF_MS)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use tacho_alert::default_rules;
    use tacho_catalog::{Catalog, ToldAlerts};

    use super::*;
    use crate::alerts::{Membership, ReceiverKind};

    const HOUR_MS: i64 = 3_600_000;

    /// A notification that says nothing but its title's number, as the queue holds it.
    fn queued(number: i64, now_ms: i64) -> QueuedNotification {
        let data = serde_json::json!({
            "rule": format!("rule-{number:03}"), "severity": "warning", "time_ms": now_ms, "title": "", "firing": [],
            "firing_more": 1, "resolved": [], "resolved_more": 0, "firing_in_all": 1, "shared": [],
            "is_repeat": false, "told_firing": [], "told_resolved": [],
        });
        let receiver = "ops".to_owned();
        let id = format!("{number:03}");
        QueuedNotification {
            id,
            receiver,
            created_ms: now_ms,
            attempts: 0,
            next_ms: now_ms,
            claimed_term: 0,
            data: data.to_string(),
        }
    }

    #[tokio::test]
    async fn a_channel_that_is_down_for_an_hour_is_told_everything_then_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&directory.path().join("catalog.sqlite")).await.unwrap();
        let clock = Arc::new(AtomicI64::new(0));
        let now = Arc::clone(&clock);
        let path = directory.path().join("mounted/alerts.log");
        let receiver = Receiver::new("ops", ReceiverKind::File { path: path.clone() });
        let alerts = Alerts::new(
            Arc::new(default_rules()),
            Vec::new(),
            String::new(),
            catalog.clone(),
            Arc::new(move || now.load(Ordering::Relaxed)),
            Membership { server: "a".to_owned(), lease: Duration::from_secs(3600) },
        );
        let nobody = catalog.alert_office().await.unwrap();
        let term = catalog.take_alert_office("a", &nobody).await.unwrap().unwrap();
        alerts.office().took(&nobody, term, Instant::now());
        let mut teller = Teller::new(alerts, Arc::new(receiver), Arc::default());
        let (mut made, mut looks) = (0, 0);
        let none = ToldAlerts { firing: &[], resolved: &[] };
        while clock.load(Ordering::Relaxed) < HOUR_MS {
            let now_ms = clock.load(Ordering::Relaxed);
            if now_ms >= made * 60_000 {
                catalog.queue_notification(&queued(made, now_ms), none, term).await.unwrap().unwrap();
                made += 1;
            }
            let pause = teller.next().await.unwrap();
            clock.fetch_add(i64::try_from(pause.as_millis()).unwrap(), Ordering::Relaxed);
            looks += 1;
            assert!(looks < 10_000, "time goes on");
        }
        let first = catalog.next_notification("ops").await.unwrap().unwrap();
        assert_eq!((first.id.as_str(), made), ("000", 60));
        // 1, 2, 4, … 256 s, then every five minutes.
        assert!((15..=21).contains(&first.attempts), "{}", first.attempts);

        std::fs::create_dir(directory.path().join("mounted")).unwrap();
        while catalog.next_notification("ops").await.unwrap().is_some() {
            let pause = teller.next().await.unwrap();
            clock.fetch_add(i64::try_from(pause.as_millis()).unwrap(), Ordering::Relaxed);
        }
        assert!(clock.load(Ordering::Relaxed) < HOUR_MS + LONGEST_BACK_OFF_MS + 10_000);
        let text = std::fs::read_to_string(path).unwrap();
        let rules: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
        let expected: Vec<_> = (0..60).map(|number| format!("rule-{number:03}")).collect();
        assert_eq!(rules, expected);
    }

    #[test]
    fn what_is_not_taken_is_tried_for_a_day_ever_more_seldom() {
        assert_eq!(
            [0, 1, 2, 8, 9, i64::MAX].map(back_off_ms_after),
            [1_000, 2_000, 4_000, 256_000, 300_000, 300_000]
        );
        let queued = QueuedNotification {
            id: String::new(),
            receiver: String::new(),
            created_ms: 0,
            attempts: 2,
            next_ms: 0,
            claimed_term: 0,
            data: String::new(),
        };
        assert_eq!(gives_up(&queued, false, GIVE_UP_MS), None);
        assert!(gives_up(&queued, false, GIVE_UP_MS + 1).is_some());
        assert!(gives_up(&queued, true, 0).is_some(), "it holds up what comes after it");
        assert_eq!(gives_up(&QueuedNotification { attempts: 1, ..queued }, true, 0), None);
    }
}
