//! Alerts: feeds the engine with live snapshots and the passing of time, keeps what comes of it in the catalog, and
//! hands notifications to receivers.
//!
//! The engine is ahead of the catalog by the write that is under way. What is told is written in one transaction
//! with the note that it was told, so a server that is killed in between tells it after its next start.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tacho_alert::{
    Alert, Change, ChangeKind, Dispatcher, Engine, Glob, Host, HostThreshold, Limits, RuleSet, Silence,
};
use tacho_catalog::{Acknowledgement, AlertRecord, Catalog, CatalogError, ThresholdRecord};
use tacho_runtime::clock::NowMs;
use tokio::sync::broadcast;

pub mod commands;
mod file;
mod files;
mod message;
mod pace;
mod program;
mod receiver;
mod run;
mod tell;
mod words;

pub use files::{RulesError, load_rules};
pub use receiver::{Receiver, ReceiverKind, ReceiverSettings, read_receivers};
pub use run::Watch;

/// Changes that a slow reader of events may be behind before it misses some.
const EVENTS: usize = 1024;

/// All there is to know of alerts. Clones share it.
#[derive(Clone)]
pub struct Alerts {
    inner: Arc<Inner>,
}

struct Inner {
    core: Mutex<Core>,
    events: broadcast::Sender<Arc<Change>>,
    receivers: Vec<Arc<Receiver>>,
    page_url: String,
    catalog: Catalog,
    now: NowMs,
}

pub(crate) struct Core {
    pub(crate) engine: Engine,
    /// Knows what mutes alerts, whoever is told.
    pub(crate) mutes: Dispatcher,
    /// One for each receiver, in their order.
    pub(crate) dispatchers: Vec<Dispatcher>,
    /// How telling receivers goes, by their names.
    pub(crate) deliveries: BTreeMap<String, Delivery>,
    pub(crate) silences: Vec<Silence>,
    pub(crate) acknowledged: BTreeMap<String, Acknowledgement>,
    /// The inventory, as it was looked at last.
    pub(crate) hosts: Vec<Host>,
}

/// How telling a receiver went last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery {
    pub(crate) delivered_ms: Option<i64>,
    pub(crate) failed_ms: Option<i64>,
    /// Why it did not take the newest notification that was sent.
    pub(crate) error: Option<String>,
}

/// An alert with what people did about it.
pub(crate) struct Shown {
    pub(crate) alert: Alert,
    pub(crate) resolved: Option<(i64, String)>,
    pub(crate) acknowledged: Option<Acknowledgement>,
}

impl Alerts {
    /// Nothing is known yet; [`Watch::run`] fills it. `page_url` is where people see the page, without a slash at its
    /// end.
    pub fn new(
        rules: Arc<RuleSet>,
        receivers: Vec<Receiver>,
        page_url: String,
        catalog: Catalog,
        now: NowMs,
    ) -> Self {
        let (events, _) = broadcast::channel(EVENTS);
        let core = Core {
            engine: Engine::new(rules, Limits::default()),
            mutes: Dispatcher::new(None),
            dispatchers: receivers.iter().map(|it| Dispatcher::new(Some(it.route.clone()))).collect(),
            deliveries: BTreeMap::new(),
            silences: Vec::new(),
            acknowledged: BTreeMap::new(),
            hosts: Vec::new(),
        };
        let receivers = receivers.into_iter().map(Arc::new).collect();
        let inner = Inner { core: Mutex::new(core), events, receivers, page_url, catalog, now };
        Self { inner: Arc::new(inner) }
    }

    /// Alerts that fire or end from now on. A subscriber that is too slow misses some and is told so.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Change>> {
        self.inner.events.subscribe()
    }

    /// A host was taken out of the inventory: it has no alerts, neither now nor past.
    pub async fn remove_host(&self, host_id: &str) -> Result<(), CatalogError> {
        let changes = {
            let mut core = self.core();
            let changes = core.engine.remove_host(host_id, (self.inner.now)());
            core.take(&changes, (self.inner.now)());
            changes
        };
        self.announce(changes);
        self.inner.catalog.remove_alerts_of(host_id).await
    }

    /// Takes the thresholds of hosts as the catalog has them.
    pub(crate) async fn read_thresholds(&self) -> Result<(), CatalogError> {
        let records = self.inner.catalog.alert_thresholds().await?;
        let read = |record: ThresholdRecord| {
            // The pattern was one when it was set.
            let hosts = Glob::new(&record.hosts).ok()?;
            Some(HostThreshold { rule: record.rule, hosts, threshold: record.threshold })
        };
        let thresholds = records.into_iter().filter_map(read).collect();
        self.core().engine.replace_thresholds(thresholds);
        Ok(())
    }

    /// Notes who looks after an alert; `false` when it does not fire.
    pub(crate) async fn acknowledge(&self, id: &str, by: Acknowledgement) -> Result<bool, CatalogError> {
        let found = self.core().engine.alerts().find(|alert| alert.id.as_deref() == Some(id)).cloned();
        let Some(alert) = found else { return Ok(false) };
        // It may fire so newly that the catalog has not got it yet.
        self.inner.catalog.add_alert(&record(&alert)).await?;
        let done = self.inner.catalog.acknowledge_alert(id, &by).await?;
        if done {
            self.core().acknowledged.insert(id.to_owned(), by);
        }
        Ok(done)
    }

    /// Pending and firing ones.
    pub(crate) fn current(&self) -> Vec<Shown> {
        let core = self.core();
        let shown = |alert: &Alert| Shown {
            acknowledged: alert.id.as_ref().and_then(|id| core.acknowledged.get(id).cloned()),
            alert: alert.clone(),
            resolved: None,
        };
        let mut alerts: Vec<_> = core.engine.alerts().map(shown).collect();
        alerts.sort_by_key(|shown| {
            (std::cmp::Reverse(shown.alert.severity), std::cmp::Reverse(shown.alert.since_ms))
        });
        alerts
    }

    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        // Nothing panics while the lock is held; were it to, alerts would be as good as before.
        self.inner.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where notifications go.
    pub(crate) fn receivers(&self) -> &[Arc<Receiver>] {
        &self.inner.receivers
    }

    pub(crate) fn page_url(&self) -> &str {
        &self.inner.page_url
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.inner.now)()
    }

    fn announce(&self, changes: Vec<Change>) {
        for change in changes {
            // Fails when nobody listens, which is fine.
            drop(self.inner.events.send(Arc::new(change)));
        }
    }
}

impl Core {
    /// Hands changes to what decides about telling.
    pub(crate) fn take(&mut self, changes: &[Change], now_ms: i64) {
        for change in changes {
            let rule = self.engine.rule(&change.alert.key.rule).cloned();
            for dispatcher in std::iter::once(&mut self.mutes).chain(&mut self.dispatchers) {
                dispatcher.take(change, rule.as_deref(), false, now_ms);
            }
            if let (false, Some(id)) = (change.kind == ChangeKind::Fired, &change.alert.id) {
                self.acknowledged.remove(id);
            }
        }
    }
}

impl Core {
    /// A receiver took a notification, or did not.
    fn note_delivery(&mut self, receiver: &str, now_ms: i64, error: Option<String>) {
        let delivery = self.deliveries.entry(receiver.to_owned()).or_default();
        let time = if error.is_none() { &mut delivery.delivered_ms } else { &mut delivery.failed_ms };
        *time = Some(now_ms);
        delivery.error = error;
    }
}

fn record(alert: &Alert) -> AlertRecord {
    AlertRecord {
        id: alert.id.clone().unwrap_or_default(),
        rule: alert.key.rule.to_string(),
        host_id: alert.key.host_id.to_string(),
        host: alert.host.to_string(),
        severity: alert.severity.name().to_owned(),
        fired_ms: alert.fired_ms.unwrap_or(alert.since_ms),
        resolved_ms: None,
        reason: String::new(),
        acknowledged: None,
        data: json(alert),
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("keys are texts and numbers are finite or null")
}

impl Shown {
    /// From the catalog; absent when a newer version wrote what this one can not read.
    pub(crate) fn stored(record: AlertRecord) -> Option<Self> {
        let alert: Alert = serde_json::from_str(&record.data).ok()?;
        let resolved = record.resolved_ms.map(|time_ms| (time_ms, record.reason));
        Some(Self { alert, resolved, acknowledged: record.acknowledged })
    }
}
