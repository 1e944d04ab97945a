//! The server's own metrics: counters that its parts increment, and the text that Prometheus reads.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

mod text;

pub(crate) use text::MetricsText;

/// All counters. Clones share them.
#[derive(Clone, Default)]
pub struct Metrics {
    counters: Arc<Counters>,
}

impl Deref for Metrics {
    type Target = Counters;

    fn deref(&self) -> &Counters {
        &self.counters
    }
}

/// What is counted since the start.
#[derive(Default)]
pub struct Counters {
    /// Connections open now, of any kind.
    pub connections: Gauge,
    /// TLS handshakes that did not come to an end.
    pub handshakes_failed: Counter,
    /// Agents' streams open now.
    pub agent_streams: Gauge,
    /// Agents' streams refused: unknown or revoked certificate, second agent under one identity.
    pub agent_streams_refused: Counter,
    /// Agents that joined.
    pub joins: Counter,
    /// Agents that tried to and were refused.
    pub joins_refused: Counter,
    /// Frames received, those that were there before included.
    pub frames_received: Counter,
    /// Frames received from backlogs.
    pub frames_backfill: Counter,
    /// Gaps that agents told of.
    pub gaps_received: Counter,
    /// Agents that are sending their backlog.
    pub agents_backfilling: Gauge,
    /// Bytes per second that each of them may send; 0 while the head is nearly full.
    pub backfill_pace: Gauge,
    /// Frames that were there before.
    pub frames_duplicate: Counter,
    /// Frames that could not be read.
    pub frames_rejected: Counter,
    /// Size of the frames received, compressed as they came.
    pub frame_bytes: Counter,
    /// Wrong user or password.
    pub sign_ins_failed: Counter,
    /// Sign-ins refused because there were too many of them.
    pub sign_ins_limited: Counter,
    /// Exports of rows running now.
    pub exports: Gauge,
    /// Live streams to browsers and programs open now.
    pub live_streams: Gauge,
    requests: Mutex<BTreeMap<RequestKey, RequestTotals>>,
}

/// Only goes up.
#[derive(Default)]
pub struct Counter(AtomicU64);

/// Goes up and down.
#[derive(Default)]
pub struct Gauge(AtomicI64);

/// Counts one in a gauge until dropped.
pub struct Counted {
    metrics: Metrics,
    gauge: fn(&Counters) -> &Gauge,
}

/// Labels of one kind of request. The route is the pattern, not the path, so there are few of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestKey {
    pub(crate) route: String,
    pub(crate) method: &'static str,
    pub(crate) status: u16,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestTotals {
    pub(crate) requests: u64,
    pub(crate) micros: u64,
}

impl Counter {
    pub fn increment(&self) {
        self.add(1);
    }

    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    pub fn set(&self, n: u64) {
        self.0.store(i64::try_from(n).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metrics {
    /// Counts one in a gauge for as long as the answer is held:
    /// `metrics.count(|counters| &counters.connections)`.
    pub fn count(&self, gauge: fn(&Counters) -> &Gauge) -> Counted {
        gauge(self).0.fetch_add(1, Ordering::Relaxed);
        Counted { metrics: self.clone(), gauge }
    }

    /// As [`Self::count`], unless the gauge has reached `most`.
    pub fn count_up_to(&self, most: i64, gauge: fn(&Counters) -> &Gauge) -> Option<Counted> {
        let counted = self.count(gauge);
        (gauge(self).get() <= most).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.gauge)(&self.metrics).0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counters {
    pub(crate) fn request(&self, key: RequestKey, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let totals = requests.entry(key).or_default();
        totals.requests = totals.requests.saturating_add(1);
        totals.micros = totals.micros.saturating_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn requests(&self) -> BTreeMap<RequestKey, RequestTotals> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_counts_what_is_held_and_keeps_its_bound() {
        let metrics = Metrics::default();
        let first = metrics.count_up_to(2, |counters| &counters.live_streams);
        let second = metrics.count_up_to(2, |counters| &counters.live_streams);
        assert!(first.is_some() && second.is_some());
        assert!(metrics.count_up_to(2, |counters| &counters.live_streams).is_none());
        assert_eq!(metrics.live_streams.get(), 2);
        drop(first);
        assert_eq!(metrics.live_streams.get(), 1);
        assert!(metrics.count_up_to(2, |counters| &counters.live_streams).is_some());
    }
}
