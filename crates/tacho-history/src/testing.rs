//! What the tests of this crate share: a clock to set, snapshots made from a few numbers, and a history in a
//! directory of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::TryStreamExt;
use tacho_catalog::{Catalog, StreamKey};
use tacho_model::tables::{disk, filesystem, host, process};
use tacho_model::{Block, HostKey, ProcessIdentity, ProcessKey, Snapshot, Table};
use tempfile::TempDir;

use crate::directory::{Fault, Step};
use crate::{ByteStream, History, HistoryConfig, HistoryError, NowMs, RowsQuery};

/// 2026-11-20T03:00:00Z, the start of an hour.
pub(crate) const START: i64 = 1_795_143_600_000;

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// In memory where the system has such a file system: tests make and sync many thousands of small files.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A history, its clock and its faults.
pub(crate) struct Bench {
    pub(crate) root: TempDir,
    pub(crate) now_ms: Arc<AtomicI64>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) config: HistoryConfig,
    pub(crate) history: History,
}

/// Makes steps fail.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Every step of this kind fails, as on a full disk.
    pub(crate) full: Mutex<Option<Step>>,
    /// Steps until everything fails, as after a kill: nothing is cleaned up, nothing committed.
    pub(crate) steps_left: AtomicU64,
    pub(crate) counting: AtomicBool,
    pub(crate) steps: AtomicU64,
}

impl Faults {
    fn at(&self, step: Step) -> io::Result<()> {
        self.steps.fetch_add(1, Ordering::Relaxed);
        if *self.full.lock().unwrap() == Some(step) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        if self.counting.load(Ordering::Relaxed) {
            let left = self.steps_left.load(Ordering::Relaxed);
            self.steps_left.store(left.saturating_sub(1), Ordering::Relaxed);
            if left == 0 {
                return Err(io::Error::other("killed"));
            }
        }
        Ok(())
    }

    pub(crate) fn kill_after(&self, steps: u64) {
        self.steps_left.store(steps, Ordering::Relaxed);
        self.counting.store(true, Ordering::Relaxed);
    }

    pub(crate) fn none(&self) {
        *self.full.lock().unwrap() = None;
        self.counting.store(false, Ordering::Relaxed);
    }
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(configure: impl FnOnce(&mut HistoryConfig)) -> Self {
        let root = directory();
        let mut config = HistoryConfig::new(root.path().join("history"));
        configure(&mut config);
        let now_ms = Arc::new(AtomicI64::new(START));
        let faults = Arc::new(Faults::default());
        let history = open(root.path().join("catalog"), &config, &now_ms, &faults).await;
        Self { root, now_ms, faults, config, history }
    }

    /// A history of its own with the same files, and nothing in memory. Nothing may be going on in this one.
    pub(crate) async fn copy(&self) -> Self {
        let root = directory();
        copy_files(self.root.path(), root.path());
        let config = HistoryConfig { directory: root.path().join("history"), ..self.config.clone() };
        let now_ms = Arc::new(AtomicI64::new(self.now_ms.load(Ordering::Relaxed)));
        let faults = Arc::new(Faults::default());
        let history = open(root.path().join("catalog"), &config, &now_ms, &faults).await;
        Self { root, now_ms, faults, config, history }
    }

    /// Another server on the same catalog and directory.
    pub(crate) async fn another(&self) -> History {
        open(self.root.path().join("catalog"), &self.config, &self.now_ms, &self.faults).await
    }

    /// As after a kill: what was in memory is gone.
    pub(crate) async fn restart(&mut self) {
        self.faults.none();
        self.history = self.another().await;
    }

    pub(crate) fn set_now(&self, now_ms: i64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Files on disk, catalogued or not.
    pub(crate) fn on_disk(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            self.history.inner.directory.list().unwrap().into_iter().map(|(path, _)| path).collect();
        files.sort();
        files
    }

    pub(crate) async fn append(&self, frame: &Sent) -> crate::Appended {
        self.history
            .append(&frame.host, &frame.stream, frame.sequence, Arc::clone(&frame.snapshot))
            .await
            .unwrap()
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_files(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

async fn open(
    catalog: PathBuf,
    config: &HistoryConfig,
    now_ms: &Arc<AtomicI64>,
    faults: &Arc<Faults>,
) -> History {
    let catalog = Catalog::open(&catalog).await.unwrap();
    let (now_ms, faults) = (Arc::clone(now_ms), Arc::clone(faults));
    let now: NowMs = Arc::new(move || now_ms.load(Ordering::Relaxed));
    let fault: Fault = Arc::new(move |step| faults.at(step));
    History::open_with(config.clone(), catalog, now, Some(fault)).await.unwrap()
}

/// A frame as an agent sends it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) host: HostKey,
    pub(crate) stream: StreamKey,
    pub(crate) sequence: u64,
    pub(crate) snapshot: Arc<Snapshot>,
}

/// The frame `sequence` of a host's first stream, `sequence` times 5 s after [`START`].
pub(crate) fn frame(host: &str, sequence: u64) -> Sent {
    frame_at(host, 0, sequence, START + 5000 * sequence as i64)
}

pub(crate) fn frame_at(host: &str, stream: u8, sequence: u64, time_ms: i64) -> Sent {
    let seed = sequence as i64;
    Sent {
        host: HostKey { id: host.into(), name: format!("{host}.example").into() },
        stream: StreamKey { agent_id: host.into(), stream: [stream; 16] },
        sequence,
        snapshot: Arc::new(snapshot(time_ms, seed)),
    }
}

/// A snapshot of the host, two disks, now and then a file system, four processes and the `other` row.
fn snapshot(time_ms: i64, seed: i64) -> Snapshot {
    let mut blocks = vec![host_block(seed), disk_block(seed)];
    if seed % 3 == 0 {
        let mut block = Block::new(&filesystem::TABLE);
        block.interval_ms = 60_000;
        block.push().text(filesystem::MOUNT_POINT, "/").integer(filesystem::USED_BYTES, 1000 + seed);
        blocks.push(block);
    }
    let mut block = Block::new(&process::TABLE);
    block.interval_ms = 5000;
    let mut processes = Vec::new();
    for pid in 1..=4 {
        // Process 3 is idle most of the time, process 4 ends and is started anew.
        let ended = pid == 4 && seed % 5 == 4;
        if pid == 3 && seed % 7 != 0 {
            continue;
        }
        let mut row = block.push();
        row.text(process::STATE, if ended { "X" } else { "S" });
        row.integer(process::CPU_USER_US, pid * 1000 + seed % 11).integer(process::PROCESSES, 1);
        if seed % 2 == 0 {
            row.integer(process::CPU_SYSTEM_US, pid * 100);
        }
        if !ended {
            row.integer(process::RSS_BYTES, pid * 1_000_000 + (seed * 37) % 1000);
        }
        row.integer(process::DISK_WRITE_BYTES, (5 - pid) * 4096);
        processes.push(identity(pid, if pid == 4 { seed / 5 } else { 0 }));
    }
    block.push().integer(process::CPU_USER_US, 17 + seed % 5).integer(process::PROCESSES, 20);
    processes.push(Arc::new(ProcessIdentity::other()));
    blocks.push(block);
    Snapshot { time_ms, blocks, processes }
}

fn host_block(seed: i64) -> Block {
    let mut block = Block::new(&host::TABLE);
    block.interval_ms = if seed == 1 { 0 } else { 5000 };
    let mut row = block.push();
    row.float(host::LOAD1, seed as f64 / 8.0).integer(host::UPTIME_SECONDS, 1_000_000 + 5 * seed);
    if seed != 1 {
        row.integer(host::CPU_USER_US, 1_000_000 + seed).integer(host::CPU_SYSTEM_US, 500_000);
        row.integer(host::CPU_IDLE_US, 8_500_000 - seed).integer(host::CONTEXT_SWITCHES, 40 + seed % 9);
    }
    block
}

fn disk_block(seed: i64) -> Block {
    let mut block = Block::new(&disk::TABLE);
    block.interval_ms = 5000;
    for device in ["sda", "sdb"] {
        block
            .push()
            .text(disk::DEVICE, device)
            .integer(disk::READ_BYTES, 512 * (seed % 13))
            .integer(disk::READS, seed % 4);
    }
    block
}

fn identity(pid: i64, generation: i64) -> Arc<ProcessIdentity> {
    Arc::new(ProcessIdentity {
        key: ProcessKey { pid, start_time_ms: START - HOUR + generation },
        parent_pid: 1,
        name: format!("p{}", pid % 3),
        command: format!("/bin/p{pid} --generation {generation}"),
        user_id: 1000,
        user: if pid % 2 == 0 { "even".into() } else { "odd".into() },
        cgroup: String::new(),
        unit: String::new(),
        container: String::new(),
    })
}

pub(crate) async fn bytes(stream: ByteStream) -> Result<Vec<u8>, HistoryError> {
    stream
        .try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await
}

/// The rows of a host as lines of CSV without the heading, sorted.
pub(crate) async fn lines(history: &History, host: &str, table: &'static Table) -> Vec<String> {
    let query = RowsQuery {
        host_id: host.to_owned(),
        table,
        columns: Vec::new(),
        from_ms: i64::MIN,
        to_ms: i64::MAX,
    };
    let csv = String::from_utf8(bytes(history.rows_csv(query).unwrap()).await.unwrap()).unwrap();
    let mut lines: Vec<_> = csv.lines().skip(1).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// How many rows of table `host` a host has.
pub(crate) async fn count(history: &History, host: &str) -> usize {
    lines(history, host, &host::TABLE).await.len()
}
