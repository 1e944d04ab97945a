//! The task that feeds the engine and keeps what comes of it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tacho_alert::{Host, Muted, Notification, Presence};
use tacho_catalog::{CatalogError, HostMemory, QueuedNotification, ToldAlerts};
use tacho_model::{HostFacts, merge_tags, tables};
use tacho_runtime::logging;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::presence::{Elsewhere, said};
use super::tell::Teller;
use super::{Alerts, files, json};
use crate::live::{Live, LiveEvent, LiveEventKind, LiveHost};

mod office;

/// How often it is looked what there is to tell.
const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// How often it is looked what other servers stored, in flushes.
const FOLLOW_EVERY: u64 = 2;
/// How often it is looked who is silent, in flushes.
const PRESENCE_EVERY: u64 = 50;
/// How often the rules' files are looked at and what rules remember is saved, in flushes.
const CARE_EVERY: u64 = 300;
/// How long alerts that are over are kept, and how many.
const RETENTION_MS: i64 = 90 * DAY_MS;
const DAY_MS: i64 = 86_400_000;
const MAX_PAST: i64 = 100_000;
/// Hosts whose memory is saved in one transaction.
const SAVED_AT_ONCE: usize = 200;
const DEFAULT_INTERVAL_MS: i64 = 5_000;

/// The task.
pub struct Watch {
    alerts: Alerts,
    live: Live,
    rules_dir: PathBuf,
    events: broadcast::Receiver<Arc<LiveEvent>>,
    /// Time of the newest snapshot that was looked at, by host.
    seen: HashMap<Arc<str>, i64>,
    /// Notifications that are not in the catalog yet, by the receiver's place.
    untold: VecDeque<(usize, Notification)>,
    /// Wakes the teller of each receiver.
    queued: Vec<Arc<Notify>>,
    /// When this server began to listen.
    started_ms: i64,
    /// Hosts that were looked at since what rules remember of them was saved.
    looked_at: HashSet<Arc<str>>,
    /// Hosts that other servers hear.
    elsewhere: Elsewhere,
    office_looked: Option<Instant>,
}

impl Watch {
    /// Goes on where an earlier server stopped. To be done before anybody asks or changes anything.
    pub async fn open(alerts: Alerts, live: Live, rules_dir: PathBuf) -> Result<Self, CatalogError> {
        let started_ms = alerts.now_ms();
        alerts.restore().await?;
        Ok(Self {
            alerts,
            events: live.subscribe(),
            live,
            rules_dir,
            seen: HashMap::new(),
            untold: VecDeque::new(),
            queued: Vec::new(),
            started_ms,
            looked_at: HashSet::new(),
            elsewhere: Elsewhere::default(),
            office_looked: None,
        })
    }

    /// Watches until told to stop.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut tellers = tokio::task::JoinSet::new();
        for receiver in self.alerts.receivers() {
            let queued = Arc::<Notify>::default();
            self.queued.push(Arc::clone(&queued));
            tellers.spawn(Teller::new(self.alerts.clone(), Arc::clone(receiver), queued).run(stop.clone()));
        }
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut files = files::fingerprint(&self.rules_dir);
        let mut timer = tokio::time::interval(FLUSH_EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticks = 0_u64;
        self.see_to_office().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                event = self.events.recv() => match event {
                    Ok(event) => match event.kind {
                        LiveEventKind::Snapshot => self.look(&event.host),
                        LiveEventKind::Connected => self.adopt(&event.host).await,
                        LiveEventKind::Disconnected
                        | LiveEventKind::Removed
                        | LiveEventKind::Renamed
                        | LiveEventKind::Tagged => {}
                    },
                    Err(RecvError::Lagged(_)) => self.live.hosts().iter().for_each(|host| self.look(host)),
                    Err(RecvError::Closed) => break,
                },
                _ = hang_up.recv() => self.reload().await,
                _ = timer.tick() => {
                    ticks += 1;
                    self.see_to_office().await;
                    if ticks.is_multiple_of(FOLLOW_EVERY) {
                        self.follow().await;
                    }
                    if ticks.is_multiple_of(PRESENCE_EVERY) {
                        self.listen().await;
                    }
                    if ticks.is_multiple_of(CARE_EVERY) {
                        let found = files::fingerprint(&self.rules_dir);
                        if found != files {
                            files = found;
                            self.reload().await;
                        }
                        self.save_memory().await;
                    }
                    self.keep_and_tell().await;
                }
            }
            // What fires is told at once; all else has time until the next tick.
            let changed = !self.alerts.core().unsaved.is_empty();
            if changed {
                self.keep_and_tell().await;
            }
        }
        self.keep_and_tell().await;
        self.save_memory().await;
        while tellers.join_next().await.is_some() {}
        self.say_good_bye().await;
        Ok(())
    }

    async fn follow(&self) {
        if let Err(error) = self.alerts.follow().await {
            tracing::error!(error = %logging::chain(&error), "cannot look what other servers did about alerts");
        }
    }

    /// An agent connected: what another server remembered of its host holds here.
    async fn adopt(&self, live: &LiveHost) {
        if let Err(error) = self.alerts.adopt(&live.key().id).await {
            tracing::error!(error = %logging::chain(&error), "cannot read what alert rules remember of a host");
        }
    }

    /// Looks at the snapshots of a host that it has not seen.
    fn look(&mut self, live: &LiveHost) {
        let snapshots = live.snapshots();
        let seen_ms = self.seen.get(&live.key().id).copied().unwrap_or(i64::MIN);
        let host = Host { key: live.key().clone(), facts: live.facts(), tags: live.tags() };
        for (position, snapshot) in snapshots.iter().enumerate() {
            if snapshot.time_ms <= seen_ms {
                continue;
            }
            let before = snapshots.get(..position).unwrap_or_default();
            self.alerts.with_changes(|core, now_ms| {
                // It leaves the live state before its alerts are dropped.
                if live.removed().is_cancelled() {
                    return Vec::new();
                }
                core.engine.frame(&host, snapshot, before, now_ms)
            });
            self.seen.insert(Arc::clone(&live.key().id), snapshot.time_ms);
            self.looked_at.insert(Arc::clone(&live.key().id));
        }
    }

    /// Looks who is silent, and forgets hosts that were removed.
    async fn listen(&mut self) {
        if let Err(error) = self.try_listen().await {
            tracing::error!(error = %logging::chain(&error), "cannot look who is silent");
        }
    }

    async fn try_listen(&mut self) -> Result<(), CatalogError> {
        let catalog = self.alerts.catalog().clone();
        let (hosts, server) = (catalog.hosts().await?, self.alerts.server());
        let in_office = self.alerts.term().is_some();
        if in_office {
            let said = catalog.presences(&server).await?;
            for gone in self.elsewhere.take(said, self.alerts.now_ms()) {
                catalog.end_presence(&gone).await?;
            }
        } else {
            catalog.say_presence(&server, &said(self.live.hosts().iter().map(|host| &**host))).await?;
        }
        let now_ms = self.alerts.now_ms();
        let live: HashMap<_, _> =
            self.live.hosts().into_iter().map(|host| (Arc::clone(&host.key().id), host)).collect();
        let mut presences = Vec::with_capacity(hosts.len());
        for record in hosts {
            let live = live.get(&record.key.id);
            let facts = live.map(|live| live.facts()).or_else(|| record.facts.map(Arc::new));
            let newest = live.and_then(|live| live.newest());
            let interval_ms = newest
                .and_then(|newest| Some(newest.block(&tables::host::TABLE)?.interval_ms))
                .filter(|interval_ms| *interval_ms > 0)
                .unwrap_or(DEFAULT_INTERVAL_MS);
            let heard_ms = live.and_then(|live| live.heard_ms()).max(record.last_seen_ms);
            let heard_ms = heard_ms.max(self.elsewhere.heard_ms(&record.key.id));
            let facts = facts.unwrap_or_else(|| Arc::new(HostFacts::default()));
            let tags = merge_tags(&record.own_tags, &facts.tags).into();
            let host = Host { key: record.key, facts, tags };
            // One that joined and never sent anything is not missed.
            let heard_ms = heard_ms.unwrap_or(now_ms.max(self.started_ms));
            presences.push(Presence { host, heard_ms, interval_ms });
        }
        let (seen, elsewhere) = (&mut self.seen, &mut self.elsewhere);
        self.alerts.with_changes(|core, now_ms| {
            let mut changes = if in_office { core.engine.tick(&presences, now_ms) } else { Vec::new() };
            let known: HashSet<_> = presences.iter().map(|presence| &presence.host.key.id).collect();
            elsewhere.keep(|id| known.iter().any(|known| ***known == *id));
            for id in core.engine.host_ids() {
                if !known.contains(&id) {
                    changes.extend(core.engine.remove_host(&id, now_ms));
                    seen.remove(&id);
                }
            }
            core.silences.retain(|silence| silence.ends_ms > now_ms);
            core.hosts = presences.into_iter().map(|presence| presence.host).collect();
            changes
        });
        Ok(())
    }

    /// Reads the rules anew: all of them or none.
    async fn reload(&mut self) {
        let rules = match files::load_rules(&self.rules_dir) {
            Ok(rules) => rules,
            Err(error) => {
                return tracing::error!(error = %logging::chain(&error), "the rules were not read; those before hold");
            }
        };
        tracing::info!(rules = rules.rules.len(), "alert rules read");
        if let Err(error) = self.alerts.take_files(rules).await {
            tracing::error!(error = %logging::chain(&error), "cannot note in the history how the rules changed");
        }
    }

    /// Writes changes to the catalog, then decides what to tell and queues it. What the catalog does not take is
    /// tried again at the next tick, in order.
    async fn keep_and_tell(&mut self) {
        if let Err(error) = self.try_keep_and_tell().await {
            tracing::error!(error = %logging::chain(&error), "cannot store alerts; trying again");
        }
    }

    async fn try_keep_and_tell(&mut self) -> Result<(), CatalogError> {
        let catalog = self.alerts.catalog().clone();
        while self.alerts.save_changes().await? {}
        let Some(term) = self.alerts.term() else { return Ok(()) };
        let now_ms = self.alerts.now_ms();
        {
            let mut core = self.alerts.core();
            let core = &mut *core;
            let muted = Muted {
                silences: &core.silences,
                maintenance: &core.engine.rules().maintenance,
                acknowledged: &core.acknowledged.keys().cloned().collect(),
                hosts: &core.hosts,
            };
            for (place, dispatcher) in core.dispatchers.iter_mut().enumerate() {
                self.untold.extend(dispatcher.flush(now_ms, muted).into_iter().map(|it| (place, it)));
            }
        }
        while let Some((place, notification)) = self.untold.front() {
            let receiver = self.alerts.receivers().get(*place).map(|receiver| receiver.name.clone());
            let queued = QueuedNotification {
                id: self.alerts.new_id(),
                receiver: receiver.unwrap_or_default(),
                created_ms: now_ms,
                attempts: 0,
                next_ms: now_ms,
                claimed_term: 0,
                data: json(notification),
            };
            let told =
                ToldAlerts { firing: &notification.told_firing, resolved: &notification.told_resolved };
            let Some(dropped) = catalog.queue_notification(&queued, told, term).await? else {
                self.lose_office();
                return Ok(());
            };
            if dropped > 0 {
                tracing::error!(
                    receiver = queued.receiver,
                    dropped,
                    "too many notifications wait; the oldest were dropped"
                );
            }
            if let Some(queued) = self.queued.get(*place) {
                queued.notify_one();
            }
            self.untold.pop_front();
        }
        Ok(())
    }

    async fn save_memory(&mut self) {
        if let Err(error) = self.try_save_memory().await {
            tracing::error!(error = %logging::chain(&error), "cannot store what alert rules remember");
        }
    }

    async fn try_save_memory(&mut self) -> Result<(), CatalogError> {
        let (catalog, server) = (self.alerts.catalog().clone(), self.alerts.server());
        let now_ms = self.alerts.now_ms();
        let memories: Vec<HostMemory> = {
            let core = self.alerts.core();
            let of_host = |id: &Arc<str>| {
                let data = json(&core.engine.memory_of(id)?);
                Some(HostMemory { host_id: id.to_string(), server: server.clone(), data })
            };
            self.looked_at.iter().filter_map(of_host).collect()
        };
        for memories in memories.chunks(SAVED_AT_ONCE) {
            catalog.save_alert_memories(memories, now_ms).await?;
        }
        self.looked_at.clear();
        if self.alerts.term().is_some() {
            catalog.forget_alert_memories().await?;
            // A day later, whatever clock a server goes by.
            catalog.expire_silences(now_ms.saturating_sub(DAY_MS)).await?;
            catalog.expire_alerts(now_ms.saturating_sub(RETENTION_MS), MAX_PAST).await?;
        }
        Ok(())
    }
}
