//! Events that people and programs tell, such as a deploy: into the catalog first, so that what was answered with
//! success is never lost, and from there into the history like an agent's frames, each exactly once.
//!
//! An event is a frame for each of its hosts, of a stream that the catalog keeps; it leaves the catalog when the
//! stream's mark has all of them. Of several servers on one catalog each may give it to the history: the mark decides.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tacho_catalog::{Catalog, CatalogError, PostedRecord, StreamKey};
use tacho_history::{History, HistoryError, Lane, Offered};
use tacho_model::tables::event;
use tacho_model::{Block, HostKey, SequenceSet, Snapshot};
use tacho_runtime::clock::NowMs;
use tacho_runtime::logging;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

/// Frames that wait for the history; an event of all hosts of a large fleet is as many as those. More are refused.
const MOST_WAITING: u64 = 50_000;
/// Without being woken, it is looked this often whether something waits.
const PAUSE: Duration = Duration::from_secs(30);

/// Events on their way into the history. Clones share it.
#[derive(Clone)]
pub struct Posted {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Catalog,
    history: History,
    now: NowMs,
    /// Sequences that are in the history's head. Locked while they are put there.
    offered: Mutex<HashSet<u64>>,
    posted: Notify,
}

/// What happened, as it waits in the catalog. Names are on disk; fields are only added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PostedEvent {
    pub(crate) time_ms: i64,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    /// Who told it.
    pub(crate) user: String,
    /// Ids and names.
    pub(crate) hosts: Vec<(String, String)>,
}

/// Why an event cannot be given to the history.
#[derive(Debug, thiserror::Error)]
pub enum PostedError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl Posted {
    pub fn new(catalog: Catalog, history: History, now: NowMs) -> Self {
        let (offered, posted) = (Mutex::default(), Notify::new());
        Self { inner: Arc::new(Inner { catalog, history, now, offered, posted }) }
    }

    /// Keeps an event of at least one host; `false` when too many wait. Readers of the history see it at once, unless
    /// its head is full.
    pub(crate) async fn post(&self, event: &PostedEvent) -> Result<bool, PostedError> {
        let inner = &self.inner;
        let data = serde_json::to_string(event).expect("texts and numbers");
        let hosts = event.hosts.len() as u64;
        let new_stream = ulid::Ulid::new().to_bytes();
        let added =
            inner.catalog.add_posted_event(&data, (hosts, MOST_WAITING), new_stream, (inner.now)()).await?;
        if added.is_none() {
            return Ok(false);
        }
        // It is kept: what fails from here on is tried again by the task.
        if let Err(error) = self.deliver().await {
            tracing::warn!(error = %logging::chain(&error), "an event waits for the history");
        }
        inner.posted.notify_one();
        Ok(true)
    }

    /// Gives what waits to the history until told to stop.
    pub async fn run(self, stop: CancellationToken) -> Result<(), std::io::Error> {
        let inner = &self.inner;
        let (mut commits, mut room) = (inner.history.commits(), inner.history.room());
        loop {
            room.mark_unchanged();
            if let Err(error) = self.deliver().await {
                tracing::error!(error = %logging::chain(&error), "cannot give events to the history; trying again");
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                // Missed some: it is looked again all the same.
                _ = commits.recv() => {}
                Ok(()) = room.changed() => {}
                () = inner.posted.notified() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Offers to the history what it has not got, and forgets what it has.
    pub async fn deliver(&self) -> Result<(), PostedError> {
        let inner = &self.inner;
        let mut offered = inner.offered.lock().await;
        let waiting = inner.catalog.posted_events().await?;
        if waiting.is_empty() {
            offered.clear();
            return Ok(());
        }
        let Some(stream) = inner.catalog.posted_stream().await? else { return Ok(()) };
        let stored = inner.history.stored(&stream).await?;
        for record in waiting {
            if record.sequences().all(|sequence| stored.contains(sequence)) {
                inner.catalog.drop_posted_event(record.first_sequence).await?;
                offered.retain(|sequence| !record.sequences().contains(sequence));
            } else if !self.offer(&record, &stream, &stored, &mut offered).await? {
                break;
            }
        }
        Ok(())
    }

    /// `false` when the history has no room.
    async fn offer(
        &self,
        record: &PostedRecord,
        stream: &StreamKey,
        stored: &SequenceSet,
        offered: &mut HashSet<u64>,
    ) -> Result<bool, PostedError> {
        let Ok(event) = serde_json::from_str::<PostedEvent>(&record.data) else {
            // A newer version wrote it, which may come back.
            tracing::error!(event = record.first_sequence, "an event can not be read; it waits");
            return Ok(true);
        };
        let snapshot = Arc::new(snapshot(&event));
        for (sequence, (id, name)) in record.sequences().zip(event.hosts) {
            if stored.contains(sequence) || offered.contains(&sequence) {
                continue;
            }
            let host = HostKey { id: id.into(), name: name.into() };
            let lane = Lane::Backfill;
            match self.inner.history.offer(&host, stream, sequence, &snapshot, lane).await? {
                Offered::Taken | Offered::Duplicate => {
                    offered.insert(sequence);
                }
                Offered::Full | Offered::TooManyHoles => return Ok(false),
            }
        }
        Ok(true)
    }
}

fn snapshot(event: &PostedEvent) -> Snapshot {
    let mut block = Block::new(&event::TABLE);
    let mut row = block.push();
    row.text(event::KIND, &event.kind).text(event::TEXT, &event.text).text(event::USER, &event.user);
    row.integer(event::HAPPENED, event.time_ms);
    if !event.subject.is_empty() {
        row.text(event::SUBJECT, &event.subject);
    }
    Snapshot { time_ms: event.time_ms, blocks: vec![block], processes: Vec::new() }
}
