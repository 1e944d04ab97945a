//! A machine of files, sampled every five seconds, and what must hold of every sample.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tacho_model::tables::{host, process};
use tacho_model::{Block, Meaning, ProcessIdentity, Table};
use tempfile::TempDir;

use crate::sampler::{Sample, Sampler, SamplerConfig};

/// Microseconds and start-time ticks of the kernel.
pub(super) const TICK_US: i64 = 10_000;
pub(super) const PAGE: i64 = 4096;

pub(super) const BOOT_TIME_MS: i64 = 1_700_000_000_000;

/// Seconds between snapshots.
pub(super) const INTERVAL_S: u64 = 5;

/// A process as its files tell it. CPU time in ticks, memory in pages.
#[derive(Debug, Clone)]
pub(super) struct Fake {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) name: String,
    pub(super) state: char,
    pub(super) user: u64,
    pub(super) system: u64,
    pub(super) children_user: u64,
    pub(super) children_system: u64,
    pub(super) threads: u64,
    pub(super) start: u64,
    pub(super) rss: u64,
    pub(super) stack: u64,
    /// Bytes read and written; `None`: not to be seen.
    pub(super) io: Option<(u64, u64)>,
    pub(super) command: String,
    pub(super) cgroup: String,
}

pub(super) struct Machine {
    root: TempDir,
    sampler: Sampler,
    pub(super) sample: Sample,
    pub(super) now_s: u64,
    pub(super) identities: HashMap<u32, Arc<ProcessIdentity>>,
    gone: HashSet<u32>,
    process_rows: usize,
}

impl Fake {
    pub(super) fn new(pid: u32) -> Self {
        Self {
            pid,
            parent: 1,
            name: format!("p{pid}"),
            state: 'S',
            user: 0,
            system: 0,
            children_user: 0,
            children_system: 0,
            threads: 1,
            start: 0,
            rss: 100,
            stack: 1000,
            io: Some((0, 0)),
            command: format!("/bin/p{pid}\0--flag\0"),
            cgroup: "/system.slice/p.service".to_owned(),
        }
    }
}

impl Machine {
    /// A machine up for 1000 s, with a first process.
    pub(super) fn new(process_rows: usize) -> Self {
        Self::with(process_rows, false)
    }

    /// `tells_runs`: the kernel tells of a process whether it has run.
    pub(super) fn with(process_rows: usize, tells_runs: bool) -> Self {
        // The files are written again and again; in memory if there is a place.
        let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        for directory in ["proc/self", "proc/net", "sys", "etc"] {
            std::fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        if tells_runs {
            std::fs::write(root.path().join("proc/self/schedstat"), "9 9 9\n").unwrap();
        }
        let config =
            SamplerConfig { process_rows, boot_time_ms: BOOT_TIME_MS, ..SamplerConfig::below(root.path()) };
        std::fs::write(root.path().join("etc/passwd"), "root:x:0:0::/:/bin/sh\n").unwrap();
        let sampler = Sampler::new(config).unwrap();
        let machine = Self {
            root,
            sampler,
            sample: Sample::default(),
            now_s: 1000,
            identities: HashMap::new(),
            gone: HashSet::new(),
            process_rows,
        };
        machine.put(&Fake::new(1));
        machine
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        self.write_bytes(name, text.as_bytes());
    }

    pub(super) fn write_bytes(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Writes the files of a process.
    pub(super) fn put(&self, fake: &Fake) {
        let Fake { pid, parent, name, state, user, system, .. } = fake;
        let Fake { children_user, children_system, threads, start, rss, stack, .. } = fake;
        self.write(
            &format!("proc/{pid}/stat"),
            &format!(
                "{pid} ({name}) {state} {parent} 1 1 0 -1 4194304 0 0 0 0 {user} {system} {children_user} \
                 {children_system} 20 0 {threads} 0 {start} 1000 {rss} 18446744073709551615 1 1 {stack} 0 0\n"
            ),
        );
        // Whoever works or waits for a child has been put on a CPU.
        let io = fake.io.unwrap_or_default();
        let turns = 1 + children_user + children_system + io.0 + io.1 + threads;
        self.write(&format!("proc/{pid}/schedstat"), &format!("{} 7 {turns}\n", user + system));
        self.write(&format!("proc/{pid}/statm"), &format!("1000 {rss} 0 0 0 0 0\n"));
        self.write(&format!("proc/{pid}/cmdline"), &fake.command);
        self.write(&format!("proc/{pid}/cgroup"), &format!("0::{}\n", fake.cgroup));
        if let Some((read, written)) = fake.io {
            self.write(&format!("proc/{pid}/io"), &format!("read_bytes: {read}\nwrite_bytes: {written}\n"));
        }
    }

    pub(super) fn remove(&self, pid: u32) {
        std::fs::remove_dir_all(self.path(&format!("proc/{pid}"))).unwrap();
    }

    /// CPU time of the host in ticks, all of it in user mode.
    pub(super) fn put_busy(&self, user: u64) {
        self.write("proc/stat", &format!("cpu {user} 0 0 1000\ncpu0 {user} 0 0 1000\n"));
    }

    /// Start time, in ticks, of a process that starts now.
    pub(super) fn start_now(&self) -> u64 {
        self.now_s * 100 + 1
    }

    /// Takes a snapshot and checks what holds of every one; then lets the interval pass.
    pub(super) fn tick(&mut self) {
        self.sampler.sample(self.now_s * 1_000_000, &mut self.sample);
        self.now_s += INTERVAL_S;
        self.check_identities();
        check_sums(&self.sample);
    }

    /// What a collector says is absent.
    pub(super) fn absent(&mut self, collector: &str) -> Vec<String> {
        let facts = self.sampler.facts();
        let status = facts.collectors.into_iter().find(|status| status.name == collector);
        status.unwrap().absent
    }

    pub(super) fn sampler(&mut self) -> &mut Sampler {
        &mut self.sampler
    }

    fn check_identities(&mut self) {
        for (id, identity) in &self.sample.new_identities {
            assert!(self.identities.insert(*id, Arc::clone(identity)).is_none(), "id {id} is given twice");
        }
        let rows = &self.sample.processes;
        assert_eq!(rows.last(), Some(&0), "one row is the other one, at the end");
        assert!(rows.len() <= self.process_rows + 1, "{} rows", rows.len());
        let ids: HashSet<u32> = rows.iter().copied().collect();
        assert_eq!(ids.len(), rows.len(), "no process has two rows");
        for id in ids.iter().filter(|id| **id != 0) {
            assert!(self.identities.contains_key(id) && !self.gone.contains(id), "id {id}");
        }
        self.gone.extend(&self.sample.retired);
    }

    pub(super) fn block(&self, table: &Table) -> &Block {
        block(&self.sample, table)
    }

    pub(super) fn host(&self, column: tacho_model::IntegerColumn) -> Option<i64> {
        self.block(&host::TABLE).integer(column, 0)
    }

    /// The rows of a pid: position, state, identity.
    pub(super) fn rows_of(&self, pid: u32) -> Vec<Found> {
        let rows = self.sample.processes.iter().enumerate().filter(|(_, id)| **id != 0);
        let rows = rows.map(|(row, id)| Found { row, id: *id, identity: Arc::clone(&self.identities[id]) });
        rows.filter(|found| found.identity.key.pid == i64::from(pid)).collect()
    }

    /// The only row of a pid.
    pub(super) fn row_of(&self, pid: u32) -> Found {
        let rows = self.rows_of(pid);
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.into_iter().next().unwrap()
    }

    pub(super) fn value(&self, row: usize, column: tacho_model::IntegerColumn) -> Option<i64> {
        self.block(&process::TABLE).integer(column, row)
    }

    pub(super) fn state(&self, row: usize) -> Option<&str> {
        self.block(&process::TABLE).text(process::STATE, row)
    }

    /// CPU time in ticks of the other row.
    pub(super) fn other_cpu(&self) -> i64 {
        let row = self.sample.processes.len() - 1;
        let cpu =
            [process::CPU_USER_US, process::CPU_SYSTEM_US].map(|column| self.value(row, column).unwrap());
        (cpu[0] + cpu[1]) / TICK_US
    }

    /// Whether any cell of a column of `meaning` is set, in any block.
    pub(super) fn has_any(&self, meaning: Meaning) -> bool {
        self.sample.blocks.iter().any(|block| {
            let columns = block.columns().iter().zip(block.table().columns);
            columns
                .filter(|(_, column)| column.meaning == meaning)
                .any(|(values, _)| values.present().contains(&true))
        })
    }
}

pub(super) fn block<'s>(sample: &'s Sample, table: &Table) -> &'s Block {
    sample.blocks.iter().find(|block| block.table().id == table.id).unwrap()
}

/// Rows of processes and the other row add up to what the host's row says.
pub(super) fn check_sums(sample: &Sample) {
    let sums = [
        (host::PROCESSES, process::PROCESSES),
        (host::PROCESSES_RSS_BYTES, process::RSS_BYTES),
        (host::PROCESSES_CPU_USER_US, process::CPU_USER_US),
        (host::PROCESSES_CPU_SYSTEM_US, process::CPU_SYSTEM_US),
        (host::PROCESSES_DISK_READ_BYTES, process::DISK_READ_BYTES),
        (host::PROCESSES_DISK_WRITE_BYTES, process::DISK_WRITE_BYTES),
        (host::PROCESSES_NET_RX_BYTES, process::NET_RX_BYTES),
        (host::PROCESSES_NET_TX_BYTES, process::NET_TX_BYTES),
    ];
    let rows = block(sample, &process::TABLE);
    assert_eq!(rows.len(), sample.processes.len());
    for (total, part) in sums {
        let parts: Vec<i64> = (0..rows.len()).filter_map(|row| rows.integer(part, row)).collect();
        let total_value = block(sample, &host::TABLE).integer(total, 0);
        let name = process::TABLE.columns[usize::from(part.0)].name;
        assert_eq!(
            total_value.unwrap_or(0),
            parts.iter().sum::<i64>(),
            "{name}: rows and other are the total"
        );
        assert_eq!(total_value.is_none(), parts.is_empty(), "{name}");
    }
}

/// A row of a process.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) row: usize,
    pub(super) id: u32,
    pub(super) identity: Arc<ProcessIdentity>,
}
