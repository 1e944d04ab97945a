//! Takes in what other servers of the catalog stored: alerts that fire and end, who looks after them, rules,
//! thresholds, silences, maintenance windows.

use std::collections::HashSet;

use tacho_alert::{Alert, Change, ChangeKind, Dispatcher, EngineMemory};
use tacho_catalog::{AlertNews, AlertRecord, CatalogError, Replaced};

use super::{Alerts, Core, Shown};

/// Alerts that are read at once.
const READ_AT_ONCE: i64 = 500;

impl Alerts {
    /// Takes in what is new in the catalog.
    pub(super) async fn follow(&self) -> Result<(), CatalogError> {
        let _writing = self.inner.writing.lock().await;
        self.take_news().await
    }

    /// The same with `writing` held.
    pub(super) async fn take_news(&self) -> Result<(), CatalogError> {
        let revisions = self.catalog().alert_revisions().await?;
        let known = self.core().known;
        if revisions.settings != known.settings {
            self.take_stored_rules().await?;
            self.read_thresholds().await?;
            self.read_silences().await?;
            self.core().known.settings = revisions.settings;
        }
        let mut read_to = known.alerts;
        while read_to < revisions.alerts {
            let news = self.catalog().alert_news(read_to, READ_AT_ONCE).await?;
            // Without a row the alert was changed anew since, or is dropped.
            read_to = news.last().map_or(revisions.alerts, |news| news.revision);
            let now_ms = self.now_ms();
            let mut core = self.core();
            let shown: Vec<_> = news.into_iter().filter_map(|news| core.take_alert(news, now_ms)).collect();
            core.known.alerts = read_to;
            drop(core);
            self.show(shown);
        }
        Ok(())
    }

    /// Takes up what earlier servers, or this one before its restart, stored. To be done before anybody asks or changes
    /// anything.
    pub(super) async fn restore(&self) -> Result<(), CatalogError> {
        let catalog = self.catalog();
        // Before all else: what changes meanwhile is news.
        let known = catalog.alert_revisions().await?;
        self.take_stored_rules().await?;
        self.read_thresholds().await?;
        self.read_silences().await?;
        // What an older or newer version wrote and this one can not read is forgotten: rules learn it anew.
        let mut memory = EngineMemory::default();
        for of_host in catalog.alert_memories().await? {
            memory.join(serde_json::from_str(&of_host.data).unwrap_or_default());
        }
        let mut open = catalog.open_alerts().await?;
        open.retain(|record| record.resolved_ms.is_none());
        memory.reconcile(open.iter().filter_map(read).collect());
        let now_ms = self.now_ms();
        let mut core = self.core();
        core.known = known;
        for record in &open {
            let Some(alert) = read(record) else { continue };
            core.dispatch(&Change { kind: ChangeKind::Fired, alert }, now_ms);
            core.note_acknowledgement(record);
        }
        drop(core);
        self.with_changes(|core, now_ms| core.engine.restore(memory, now_ms));
        Ok(())
    }

    /// What another server remembered of a host whose agent came from there.
    pub(super) async fn adopt(&self, host_id: &str) -> Result<(), CatalogError> {
        let _writing = self.inner.writing.lock().await;
        let Some(memory) = self.catalog().alert_memory(host_id).await? else { return Ok(()) };
        if memory.server == self.server() {
            return Ok(());
        }
        self.take_news().await?;
        if let Ok(memory) = serde_json::from_str(&memory.data) {
            self.core().engine.adopt(host_id, memory);
        }
        Ok(())
    }

    /// Knows, for each receiver, what it was told of and what not: this server tells from now on.
    pub(super) async fn begin_telling(&self) -> Result<(), CatalogError> {
        let _writing = self.inner.writing.lock().await;
        self.take_news().await?;
        let catalog = self.catalog();
        let receivers: Vec<String> = self.receivers().iter().map(|receiver| receiver.name.clone()).collect();
        let dropped = catalog.keep_receivers(&receivers).await?;
        if dropped > 0 {
            tracing::warn!(notifications = dropped, "dropped what waited for receivers that are no more");
        }
        let open = catalog.open_alerts().await?;
        let told: HashSet<(String, String)> = catalog.told_alerts().await?.into_iter().collect();
        let now_ms = self.now_ms();
        let mut core = self.core();
        let core = &mut *core;
        core.stop_telling(self);
        core.in_office = true;
        for record in &open {
            let Some(alert) = read(record) else { continue };
            let rule = core.engine.rule(&alert.key.rule).cloned();
            let fired = Change { kind: ChangeKind::Fired, alert: alert.clone() };
            let ended = record.resolved_ms.map(|time_ms| {
                let kind = ChangeKind::Resolved { time_ms, reason: record.reason.clone() };
                Change { kind, alert }
            });
            for (dispatcher, receiver) in core.dispatchers.iter_mut().zip(&receivers) {
                let announced = told.contains(&(record.id.clone(), receiver.clone()));
                dispatcher.take(&fired, rule.as_deref(), announced, now_ms);
                if let Some(ended) = &ended {
                    dispatcher.take(ended, rule.as_deref(), announced, now_ms);
                }
            }
        }
        // What the catalog has not got yet; `mutes` knows of it.
        for change in &core.unsaved {
            let rule = core.engine.rule(&change.alert.key.rule).cloned();
            for dispatcher in &mut core.dispatchers {
                dispatcher.take(change, rule.as_deref(), false, now_ms);
            }
        }
        Ok(())
    }

    /// Another server tells.
    pub(super) fn stop_telling(&self) {
        self.core().stop_telling(self);
    }

    /// Alerts of this server that were not stored, since another server's fire already, give way to those.
    pub(super) fn give_way(&self, replaced: Vec<Replaced>) {
        let now_ms = self.now_ms();
        for Replaced { id, by } in replaced {
            let mut core = self.core();
            core.rename_unsaved(&id, &by);
            let Some(alert) = read(&by) else { continue };
            let Some(mine) = core.engine.alert(&alert.key).filter(|mine| mine.id.as_deref() == Some(&*id))
            else {
                continue;
            };
            let kind = ChangeKind::Dropped { time_ms: now_ms, reason: String::new() };
            let dropped = Change { kind, alert: mine.clone() };
            core.dispatch(&dropped, now_ms);
            let news = AlertNews { revision: 0, alert: by, is_quiet: false };
            let shown = core.take_alert(news, now_ms);
            drop(core);
            self.show(shown.into_iter().collect());
        }
    }
}

impl Core {
    fn stop_telling(&mut self, alerts: &Alerts) {
        let receivers = alerts.receivers().iter();
        self.dispatchers = receivers.map(|receiver| Dispatcher::new(Some(receiver.route.clone()))).collect();
        self.in_office = false;
    }

    /// Takes in an alert as the catalog has it; how it is shown, where it is news.
    fn take_alert(&mut self, news: AlertNews, now_ms: i64) -> Option<Shown> {
        let AlertNews { alert: record, is_quiet, .. } = news;
        // What happened here since is on its way to the catalog.
        if self.unsaved.iter().any(|change| change.alert.id.as_deref() == Some(&*record.id)) {
            return None;
        }
        let alert = read(&record)?;
        let Some(time_ms) = record.resolved_ms else {
            self.note_acknowledgement(&record);
            if self.engine.alert(&alert.key).is_some_and(|known| known.id == alert.id) {
                return None;
            }
            if let Some(mine) = self.engine.take_firing(alert.clone()) {
                let kind = ChangeKind::Dropped { time_ms: now_ms, reason: String::new() };
                self.dispatch(&Change { kind, alert: mine }, now_ms);
            }
            let fired = Change { kind: ChangeKind::Fired, alert };
            self.dispatch(&fired, now_ms);
            return self.shown(std::iter::once(&fired.alert), now_ms).pop();
        };
        if !self.engine.take_end(&alert) {
            return None;
        }
        let reason = record.reason.clone();
        let kind = match is_quiet {
            true => ChangeKind::Dropped { time_ms, reason: reason.clone() },
            false => ChangeKind::Resolved { time_ms, reason: reason.clone() },
        };
        self.dispatch(&Change { kind, alert: alert.clone() }, now_ms);
        let ended = self.ended(&alert, (time_ms, reason));
        self.acknowledged.remove(&record.id);
        Some(ended)
    }

    fn note_acknowledgement(&mut self, record: &AlertRecord) {
        if let Some(acknowledged) = &record.acknowledged {
            self.acknowledged.insert(record.id.clone(), acknowledged.clone());
        }
    }

    /// The end of an alert that gave way is the end of the one that it gave way to.
    fn rename_unsaved(&mut self, id: &str, by: &AlertRecord) {
        for change in self.unsaved.iter_mut().filter(|change| change.alert.id.as_deref() == Some(id)) {
            change.alert.id = Some(by.id.clone());
            change.alert.fired_ms = Some(by.fired_ms);
        }
    }
}

/// Absent for what a newer version wrote and this one can not read.
fn read(record: &AlertRecord) -> Option<Alert> {
    serde_json::from_str(&record.data).ok()
}
