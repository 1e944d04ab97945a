//! Fills a server's data directory with the history of hosts that do not exist, without a server: snapshots go
//! into the real history (head, flush, compaction, rollups, retention) under a clock that runs from hour to hour.
//! A month takes minutes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tacho_catalog::{Catalog, StreamKey};
use tacho_history::{History, HistoryConfig, HistoryStats};
use tacho_model::{HostKey, ProcessIdentity, SequenceSet, Snapshot};
use tacho_runtime::config::parse_duration;

use crate::load::BOOTED_BEFORE_MS;
use crate::synthetic::{Host, HostShape};

const HOUR_MS: i64 = 3_600_000;
const DAY_HOURS: i64 = 24;
/// An hour is complete when nothing was written to it for some minutes.
const QUIET_MS: i64 = 12 * 60_000;

/// Hosts that are alike.
#[derive(Debug, Clone)]
pub struct Group {
    /// Host names are this and a number from 1.
    pub prefix: String,
    pub hosts: usize,
    /// Up to the end of the store.
    pub duration: Duration,
    pub interval: Duration,
    pub shape: HostShape,
}

/// What the store is to hold.
#[derive(Debug, Clone)]
pub struct Store {
    /// As a server's: `catalog.sqlite` and `history` come to be in it.
    pub data_dir: PathBuf,
    pub groups: Vec<Group>,
    /// The hour in which it ends, in milliseconds since the epoch; that hour is not in it.
    pub until_ms: i64,
    pub retention: Duration,
    pub limit_bytes: Option<u64>,
}

/// Where it stands after an hour of its time.
#[derive(Debug, Clone)]
pub struct Hour {
    /// Its end, in milliseconds since the epoch.
    pub end_ms: i64,
    pub snapshots: u64,
    pub history: HistoryStats,
}

/// One host that writes.
struct Writer {
    key: HostKey,
    stream: StreamKey,
    host: Host,
    sequence: u64,
    /// What the store already had of it.
    stored: SequenceSet,
    interval_ms: i64,
    next_ms: i64,
    identities: HashMap<u32, Arc<ProcessIdentity>>,
}

/// A snapshot on its way into the history.
struct Made {
    key: HostKey,
    stream: StreamKey,
    sequence: u64,
    snapshot: Arc<Snapshot>,
}

impl FromStr for Group {
    type Err = anyhow::Error;

    /// `PREFIX:HOSTS:DURATION:INTERVAL:PROCESSES/ACTIVE`.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let example = r#"write it as "load-:1000:7d:30s:20/4": prefix, hosts, duration, interval, processes and those at work"#;
        let parts: Vec<_> = text.split(':').collect();
        let [prefix, hosts, length, interval, shape] = parts[..] else { anyhow::bail!(example) };
        let (processes, active) = shape.split_once('/').context(example)?;
        let duration = |text| parse_duration(text).map_err(anyhow::Error::msg).context(example);
        Ok(Self {
            prefix: prefix.to_owned(),
            hosts: hosts.parse().context(example)?,
            duration: duration(length)?,
            interval: duration(interval)?,
            shape: HostShape {
                processes: processes.parse().context(example)?,
                active: active.parse().context(example)?,
            },
        })
    }
}

impl Store {
    /// Writes all of it, or what is missing of one that was cut off; `each` is told after each hour, and once more
    /// when compaction has come to rest.
    pub async fn build(self, mut each: impl FnMut(&Hour)) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.data_dir)
            .with_context(|| format!("cannot make {}", self.data_dir.display()))?;
        let catalog = Catalog::open(&catalog_path(&self.data_dir)).await?;
        let mut writers = self.writers(&catalog).await?;
        let end_hour = self.until_ms.div_euclid(HOUR_MS);
        let first_ms = writers.iter().map(|writer| writer.next_ms).min().context("there is no host")?;
        let now_ms = Arc::new(AtomicI64::new(first_ms));
        let history = self.open(catalog.clone(), &now_ms).await?;
        for writer in &mut writers {
            writer.stored = history.stored(&writer.stream).await?;
        }
        let mut snapshots = 0;
        let mut made = Vec::new();
        for hour in first_ms.div_euclid(HOUR_MS)..=end_hour {
            // While one hour is written, the next is made.
            let end_ms = hour.saturating_add(1).min(end_hour).saturating_mul(HOUR_MS);
            let next = tokio::task::spawn_blocking(move || {
                let made: Vec<_> = writers.iter_mut().flat_map(|writer| writer.until(end_ms)).collect();
                (writers, made)
            });
            snapshots += made.len() as u64;
            let is_new = !made.is_empty() || hour == end_hour;
            for frame in made {
                let Made { key, stream, sequence, snapshot } = frame;
                history.append(&key, &stream, sequence, snapshot).await?;
            }
            now_ms.store(hour.saturating_mul(HOUR_MS), Ordering::Relaxed);
            history.flush().await?;
            // Days come out the same when their hours are merged at their end, without parts of days before.
            if is_new && (self.limit_bytes.is_some() || hour % DAY_HOURS == 0 || end_hour - hour < DAY_HOURS)
            {
                history.maintain().await;
            }
            each(&Hour { end_ms: hour.saturating_mul(HOUR_MS), snapshots, history: history.stats() });
            (writers, made) = next.await.context("making snapshots panicked")?;
        }
        for round in 1..=3 {
            let end_ms = end_hour.saturating_mul(HOUR_MS);
            now_ms.store(end_ms.saturating_add(QUIET_MS.saturating_mul(round)), Ordering::Relaxed);
            history.maintain().await;
            each(&Hour { end_ms, snapshots, history: history.stats() });
        }
        catalog.close().await;
        Ok(())
    }

    async fn open(&self, catalog: Catalog, now_ms: &Arc<AtomicI64>) -> anyhow::Result<History> {
        let mut config = HistoryConfig::new(self.data_dir.join("history"));
        // An hour is one flush, whatever it holds.
        config.flush_bytes = usize::MAX;
        config.head_limit_bytes = usize::MAX;
        config.retention = self.retention;
        config.limit_bytes = self.limit_bytes;
        let clock = Arc::clone(now_ms);
        let now = Arc::new(move || clock.load(Ordering::Relaxed));
        Ok(History::open(config, catalog, now).await?)
    }

    /// The hosts, each in the catalog.
    async fn writers(&self, catalog: &Catalog) -> anyhow::Result<Vec<Writer>> {
        let until_ms = self.until_ms.div_euclid(HOUR_MS).saturating_mul(HOUR_MS);
        let mut writers = Vec::new();
        for group in &self.groups {
            let from_ms = until_ms.saturating_sub(i64::try_from(group.duration.as_millis())?);
            let boot_ms = from_ms.saturating_sub(BOOTED_BEFORE_MS);
            for number in 1..=group.hosts {
                let name = format!("{}{number}", group.prefix);
                let host = Host::new(&name, writers.len() as u64 + 1, group.shape, boot_ms);
                let id = format!("s{:06}", writers.len());
                let key = catalog.host_for_join(&name, name.as_bytes(), &id, from_ms).await?;
                catalog.save_facts(&key.id, &host.facts(boot_ms), until_ms).await?;
                writers.push(Writer {
                    stream: StreamKey { agent_id: Arc::clone(&key.id), stream: [1; 16] },
                    key,
                    host,
                    sequence: 0,
                    stored: SequenceSet::default(),
                    interval_ms: i64::try_from(group.interval.as_millis().max(1))?,
                    next_ms: from_ms,
                    identities: HashMap::from([(0, Arc::new(ProcessIdentity::other()))]),
                });
            }
        }
        Ok(writers)
    }
}

impl Writer {
    /// Its snapshots up to a moment, without those that are stored.
    fn until(&mut self, end_ms: i64) -> Vec<Made> {
        let mut made = Vec::new();
        while self.next_ms < end_ms {
            let time_ms = self.next_ms;
            self.next_ms = time_ms.saturating_add(self.interval_ms);
            self.sequence += 1;
            let snapshot = Arc::new(self.snapshot(time_ms));
            if !self.stored.contains(self.sequence) {
                let (key, stream) = (self.key.clone(), self.stream.clone());
                made.push(Made { key, stream, sequence: self.sequence, snapshot });
            }
        }
        made
    }

    fn snapshot(&mut self, time_ms: i64) -> Snapshot {
        let tick = self.host.tick(time_ms, self.interval_ms);
        let new = tick.new_identities.into_iter().map(|(id, identity)| (id, Arc::new(identity)));
        self.identities.extend(new);
        let processes = tick.processes.iter().filter_map(|id| self.identities.get(id).cloned()).collect();
        tick.retired.iter().for_each(|id| {
            self.identities.remove(id);
        });
        Snapshot { time_ms, blocks: tick.blocks, processes }
    }
}

/// Where a server has its catalog.
pub fn catalog_path(data_dir: &Path) -> PathBuf {
    data_dir.join("catalog.sqlite")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(data_dir: PathBuf) -> Store {
        Store {
            data_dir,
            groups: vec!["load-:2:3h:60s:3/1".parse().unwrap()],
            until_ms: 480_000 * HOUR_MS,
            retention: Duration::from_hours(24),
            limit_bytes: None,
        }
    }

    #[tokio::test]
    async fn a_store_that_was_cut_off_is_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let mut whole = None;
        store(dir.path().join("whole")).build(|hour| whole = Some(hour.clone())).await.unwrap();
        let cut = tokio::sync::Notify::new();
        let mut first = 0;
        let part = store(dir.path().join("parts")).build(|hour| {
            first = hour.snapshots;
            if first > 0 {
                cut.notify_one();
            }
        });
        tokio::select! {
            built = part => panic!("it was not cut: {built:?}"),
            () = cut.notified() => {}
        }
        let mut second = None;
        store(dir.path().join("parts")).build(|hour| second = Some(hour.clone())).await.unwrap();
        let (whole, second) = (whole.unwrap(), second.unwrap());
        assert!(first < whole.snapshots, "{first} of {}", whole.snapshots);
        assert_eq!(first + second.snapshots, whole.snapshots);
        assert_eq!(second.history.rows_on_disk, whole.history.rows_on_disk);
    }
}
