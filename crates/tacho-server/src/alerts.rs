//! Alerts: feeds the engine with live snapshots and the passing of time, keeps what comes of it in the catalog, and
//! hands notifications to receivers.
//!
//! The engine is ahead of the catalog by the write that is under way. What is told is written in one transaction
//! with the note that it was told, so a server that is killed in between tells it after its next start.
//!
//! Of several servers on one catalog each looks at the snapshots that it gets, and takes in what the others stored
//! (`follow`); the one that holds the office (`office`) looks who is silent and tells.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tacho_alert::{Alert, Change, ChangeKind, Dispatcher, Engine, Host, Limits, Muted, RuleSet, Silence};
use tacho_catalog::{
    Acknowledgement, AlertEnd, AlertRecord, AlertWrite, Catalog, CatalogError, Revisions, RuleRecord,
};
use tacho_runtime::clock::NowMs;
use tokio::sync::broadcast;

use office::Lease;

pub mod commands;
mod file;
mod files;
mod follow;
mod maintenance;
mod message;
mod office;
mod pace;
mod picture;
mod presence;
mod program;
mod receiver;
mod rules;
mod run;
mod silences;
mod tell;
mod thresholds;
mod words;

pub use files::{RulesError, load_rules};
pub(crate) use maintenance::{StoredWindow, WindowEditError, WindowEditor};
pub use office::{LEASE, Membership};
pub use receiver::{Receiver, ReceiverKind, ReceiverSettings, read_receivers};
pub(crate) use rules::{RuleEdit, RuleEditError, RuleEditor};
pub use run::Watch;

/// Changes that a slow reader of events may be behind before it misses some.
const EVENTS: usize = 1024;
/// Changes that wait for a catalog that does not answer; beyond them the oldest are dropped, which is logged.
const MAX_UNSAVED: usize = 50_000;
/// Changes in one transaction.
const SAVED_AT_ONCE: usize = 500;

/// All there is to know of alerts. Clones share it.
#[derive(Clone)]
pub struct Alerts {
    inner: Arc<Inner>,
}

struct Inner {
    core: Mutex<Core>,
    /// Held while the catalog and what is in memory of it are brought in line; taken before `core`.
    writing: tokio::sync::Mutex<()>,
    ids: Mutex<ulid::Generator>,
    /// This server's part in telling.
    office: Mutex<Lease>,
    events: broadcast::Sender<Arc<Shown>>,
    receivers: Vec<Arc<Receiver>>,
    page_url: String,
    catalog: Catalog,
    now: NowMs,
}

pub(crate) struct Core {
    pub(crate) engine: Engine,
    /// The default rules and those of files.
    pub(crate) files: Arc<RuleSet>,
    /// What people said of rules by the API, which lies above those.
    pub(crate) stored_rules: Vec<RuleRecord>,
    /// Maintenance windows that people made by the API, beside those of files.
    pub(crate) windows: Vec<StoredWindow>,
    /// Knows what mutes alerts, whoever is told.
    pub(crate) mutes: Dispatcher,
    /// One for each receiver, in their order. They know nothing while another server tells.
    pub(crate) dispatchers: Vec<Dispatcher>,
    /// This server tells.
    in_office: bool,
    /// What of the catalog's changes is taken in.
    known: Revisions,
    /// How telling receivers goes, by their names.
    pub(crate) deliveries: BTreeMap<String, Delivery>,
    pub(crate) silences: Vec<Silence>,
    pub(crate) acknowledged: BTreeMap<String, Acknowledgement>,
    /// The inventory, as it was looked at last.
    pub(crate) hosts: Vec<Host>,
    /// Changes that are not in the catalog yet, oldest first.
    pub(crate) unsaved: VecDeque<Change>,
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
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) alert: Alert,
    pub(crate) resolved: Option<(i64, String)>,
    pub(crate) acknowledged: Option<Acknowledgement>,
    /// Why it is not told while it fires: `silenced`, `maintenance` or `inhibited`.
    pub(crate) muted: Option<&'static str>,
}

impl Alerts {
    /// Nothing is known yet; [`Watch::open`] fills it. `page_url` is where people see the page, without a slash at its
    /// end.
    pub fn new(
        rules: Arc<RuleSet>,
        receivers: Vec<Receiver>,
        page_url: String,
        catalog: Catalog,
        now: NowMs,
        membership: Membership,
    ) -> Self {
        let (events, _) = broadcast::channel(EVENTS);
        let core = Core {
            engine: Engine::new(Arc::clone(&rules), Limits::default()),
            files: rules,
            stored_rules: Vec::new(),
            windows: Vec::new(),
            mutes: Dispatcher::new(None),
            dispatchers: receivers.iter().map(|it| Dispatcher::new(Some(it.route.clone()))).collect(),
            in_office: false,
            known: Revisions::default(),
            deliveries: BTreeMap::new(),
            silences: Vec::new(),
            acknowledged: BTreeMap::new(),
            hosts: Vec::new(),
            unsaved: VecDeque::new(),
        };
        let receivers = receivers.into_iter().map(Arc::new).collect();
        let (core, writing) = (Mutex::new(core), tokio::sync::Mutex::default());
        let ids = Mutex::new(ulid::Generator::new());
        let office = Mutex::new(Lease::new(membership));
        let inner = Inner { core, writing, ids, office, events, receivers, page_url, catalog, now };
        Self { inner: Arc::new(inner) }
    }

    /// Alerts that fire or end from now on. A subscriber that is too slow misses some and is told so.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Shown>> {
        self.inner.events.subscribe()
    }

    /// A host was taken out of the inventory: it has no alerts, neither now nor past.
    pub async fn remove_host(&self, host_id: &str) -> Result<(), CatalogError> {
        let _writing = self.inner.writing.lock().await;
        self.with_changes(|core, now_ms| core.engine.remove_host(host_id, now_ms));
        self.core().unsaved.retain(|change| *change.alert.key.host_id != *host_id);
        self.inner.catalog.remove_alerts_of(host_id).await
    }

    /// Notes who looks after an alert; `false` when it does not fire.
    pub(crate) async fn acknowledge(&self, id: &str, by: Acknowledgement) -> Result<bool, CatalogError> {
        let _writing = self.inner.writing.lock().await;
        let Some(alert) = self.core().firing(id).cloned() else { return Ok(false) };
        // It may fire so newly that the catalog has not got it yet.
        self.inner.catalog.add_alert(&record(&alert)).await?;
        let done = self.inner.catalog.acknowledge_alert(id, &by).await?;
        let mut core = self.core();
        if done && core.firing(id).is_some() {
            core.acknowledged.insert(id.to_owned(), by);
        }
        Ok(done)
    }

    /// Pending and firing ones, the worst first, then those that are over and not in the catalog yet.
    pub(crate) fn current(&self) -> Vec<Shown> {
        self.current_where(|_| true)
    }

    /// Those of [`current`](Self::current) that are wanted. The others are not copied: a fleet may have thousands.
    pub(crate) fn current_where(&self, is_wanted: impl Fn(&Alert) -> bool) -> Vec<Shown> {
        let now_ms = self.now_ms();
        let core = self.core();
        let mut alerts = core.shown(core.engine.alerts().filter(|alert| is_wanted(alert)), now_ms);
        alerts.sort_by_key(|shown| {
            (std::cmp::Reverse(shown.alert.severity), std::cmp::Reverse(shown.alert.since_ms))
        });
        let ended = core.unsaved.iter().rev().filter(|change| is_wanted(&change.alert));
        alerts.extend(ended.filter_map(|change| Some(core.ended(&change.alert, change.end()?))));
        alerts
    }

    /// How many fire now, and how many are pending.
    pub(crate) fn count(&self) -> (usize, usize) {
        let core = self.core();
        let firing = core.engine.alerts().filter(|alert| alert.is_firing()).count();
        (firing, core.engine.alerts().count() - firing)
    }

    /// Changes what fires, and hands on what came of it: all that shows alerts sees them with what mutes them.
    pub(crate) fn with_changes(&self, change: impl FnOnce(&mut Core, i64) -> Vec<Change>) {
        let now_ms = self.now_ms();
        let mut core = self.core();
        let changes = change(&mut core, now_ms);
        let events = core.take(changes, now_ms);
        drop(core);
        self.show(events);
    }

    fn show(&self, events: Vec<Shown>) {
        for event in events {
            // Fails when nobody listens, which is fine.
            drop(self.inner.events.send(Arc::new(event)));
        }
    }

    /// Writes the oldest changes that the catalog has not got; `false` when there are none. Many at once: what befalls a
    /// whole fleet is one transaction, or few.
    pub(crate) async fn save_changes(&self) -> Result<bool, CatalogError> {
        let _writing = self.inner.writing.lock().await;
        let changes: Vec<_> = self.core().unsaved.iter().take(SAVED_AT_ONCE).cloned().collect();
        if changes.is_empty() {
            return Ok(false);
        }
        let writes: Vec<_> = changes.iter().map(write).collect();
        let written = self.inner.catalog.write_alerts(&writes).await?;
        let mut core = self.core();
        for change in &changes {
            // The oldest may have been dropped meanwhile, to make room.
            if core.unsaved.front() == Some(change) {
                core.unsaved.pop_front();
            }
            if let (Some(id), Some(_)) = (&change.alert.id, change.end()) {
                core.acknowledged.remove(id);
            }
        }
        let nobody_else_wrote = written.revision - core.known.alerts == writes.len() as i64;
        if nobody_else_wrote {
            core.known.alerts = written.revision;
        }
        drop(core);
        self.give_way(written.replaced);
        Ok(true)
    }

    /// Greater than all that this server made before.
    pub(crate) fn new_id(&self) -> String {
        let mut ids = self.inner.ids.lock().unwrap_or_else(PoisonError::into_inner);
        // Fails when a millisecond had more of them than there can be.
        ids.generate().unwrap_or_default().to_string().to_lowercase()
    }

    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        // Nothing panics while the lock is held; were it to, alerts would be as good as before.
        self.inner.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this server is called among those of its catalog.
    fn server(&self) -> String {
        self.office().server().to_owned()
    }

    /// The term in which this server tells, as long as it does.
    fn term(&self) -> Option<i64> {
        self.office().term(Instant::now())
    }

    fn office(&self) -> MutexGuard<'_, Lease> {
        self.inner.office.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This server holds the office, and so tells.
    pub(crate) fn tells(&self) -> bool {
        self.term().is_some()
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
}

impl Core {
    /// Hands changes to what decides about telling and to what stores them; what is to be shown of them.
    fn take(&mut self, changes: Vec<Change>, now_ms: i64) -> Vec<Shown> {
        for change in &changes {
            self.dispatch(change, now_ms);
        }
        let fired = changes.iter().filter(|change| change.end().is_none()).map(|change| &change.alert);
        let mut shown = self.shown(fired, now_ms);
        for change in changes {
            let (rule, host) = (&change.alert.key.rule, &change.alert.host);
            tracing::info!(%rule, %host, entity = change.alert.key.entity, kind = ?change.kind, "alert");
            if let Some(end) = change.end() {
                shown.push(self.ended(&change.alert, end));
            }
            self.unsaved.push_back(change);
        }
        while self.unsaved.len() > MAX_UNSAVED {
            self.unsaved.pop_front();
            tracing::error!("the catalog does not answer; a change of an alert is lost");
        }
        shown
    }

    /// Hands a change to what decides about telling.
    fn dispatch(&mut self, change: &Change, now_ms: i64) {
        let rule = self.engine.rule(&change.alert.key.rule).cloned();
        self.mutes.take(change, rule.as_deref(), false, now_ms);
        if self.in_office {
            for dispatcher in &mut self.dispatchers {
                dispatcher.take(change, rule.as_deref(), false, now_ms);
            }
        }
    }

    fn firing(&self, id: &str) -> Option<&Alert> {
        self.engine.alerts().find(|alert| alert.id.as_deref() == Some(id))
    }

    fn ended(&self, alert: &Alert, end: (i64, String)) -> Shown {
        let acknowledged = alert.id.as_ref().and_then(|id| self.acknowledged.get(id).cloned());
        Shown { alert: alert.clone(), resolved: Some(end), acknowledged, muted: None }
    }

    /// Alerts that are not over, as they are shown.
    pub(crate) fn shown<'a>(&self, alerts: impl Iterator<Item = &'a Alert>, now_ms: i64) -> Vec<Shown> {
        let alerts: Vec<_> = alerts.collect();
        let muted = Muted {
            silences: &self.silences,
            maintenance: &self.engine.rules().maintenance,
            acknowledged: &BTreeSet::new(),
            hosts: &[],
        };
        let reasons = self.mutes.mute_reasons(alerts.iter().copied(), now_ms, muted);
        let shown = |alert: &Alert| Shown {
            acknowledged: alert.id.as_ref().and_then(|id| self.acknowledged.get(id).cloned()),
            muted: alert.id.as_ref().and_then(|id| reasons.get(id).copied()),
            alert: alert.clone(),
            resolved: None,
        };
        alerts.into_iter().map(shown).collect()
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

fn write(change: &Change) -> AlertWrite {
    let record = record(&change.alert);
    match change.end() {
        None => AlertWrite::Fired(record),
        Some((time_ms, reason)) => AlertWrite::Ended(AlertEnd {
            id: record.id,
            time_ms,
            reason,
            data: record.data,
            is_quiet: matches!(change.kind, ChangeKind::Dropped { .. }),
        }),
    }
}

fn record(alert: &Alert) -> AlertRecord {
    AlertRecord {
        id: alert.id.clone().unwrap_or_default(),
        rule: alert.key.rule.to_string(),
        host_id: alert.key.host_id.to_string(),
        host: alert.host.to_string(),
        entity: alert.key.entity.clone(),
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
        Some(Self { alert, resolved, acknowledged: record.acknowledged, muted: None })
    }
}
