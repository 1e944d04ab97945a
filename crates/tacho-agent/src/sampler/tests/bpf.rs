//! The sampler by BPF, on the machine that runs the tests. Where there is no BPF a test says so and passes.

#![expect(unsafe_code, reason = "memory of another process")]

use std::collections::{BTreeMap, HashMap};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tacho_model::tables::{host, process};
use tacho_model::{IntegerColumn, ProcessIdentity};

use super::child::Forked;
use super::machine::{block, check_sums};
use super::real::{boot_us, sampler};
use crate::sampler::{ExitsChoice, Sample, Sampler, SamplerChoice};

/// Long after the kernel has freed a process, however busy the machine is.
const LAST_WORD: Duration = Duration::from_secs(60);

/// The sampler, and all that it told of identities.
pub(super) struct Recording {
    sampler: Sampler,
    pub(super) sample: Sample,
    pub(super) identities: HashMap<u32, Arc<ProcessIdentity>>,
    network: String,
}

/// A row of a process that ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) identity: Arc<ProcessIdentity>,
    pub(super) code: Option<i64>,
    signal: Option<i64>,
    pub(super) lifetime_us: i64,
    pub(super) cpu_us: i64,
    pub(super) tx_bytes: Option<i64>,
}

impl Recording {
    /// `None`: this machine has not what is to be tested.
    fn start() -> Option<Self> {
        Self::start_by(SamplerChoice::Auto, ExitsChoice::Bpf, ("bpf", "bpf"))
    }

    /// `used`: sampler and exits, as facts name them.
    #[expect(clippy::print_stderr, reason = "a test that can not run says why")]
    pub(super) fn start_by(choice: SamplerChoice, exits: ExitsChoice, used: (&str, &str)) -> Option<Self> {
        let mut sampler = sampler(choice, exits);
        let facts = sampler.facts();
        if (facts.sampler.as_str(), facts.exits.as_str()) != used {
            eprintln!("not tested, there is no {used:?} here: {:?}", facts.collectors);
            return None;
        }
        let (sample, identities) = (Sample::default(), HashMap::new());
        let mut recording = Self { sampler, sample, identities, network: facts.network };
        recording.tick();
        Some(recording)
    }

    pub(super) fn tick(&mut self) {
        self.tick_at(boot_us());
    }

    fn tick_at(&mut self, now_us: u64) {
        self.sampler.sample(now_us, &mut self.sample);
        check_sums(&self.sample);
        self.identities.extend(self.sample.new_identities.iter().cloned());
    }

    pub(super) fn value(&self, row: usize, column: IntegerColumn) -> Option<i64> {
        block(&self.sample, &process::TABLE).integer(column, row)
    }

    /// The row of a process in this snapshot.
    fn row_of(&self, pid: u32) -> Option<usize> {
        let is_it = |id| self.identities.get(id).is_some_and(|known| known.key.pid == i64::from(pid));
        self.sample.processes.iter().position(is_it)
    }

    /// Rows of this snapshot of processes that ended and that are children of this one.
    pub(super) fn ended(&self) -> Vec<Ended> {
        let rows = self.sample.processes.iter().enumerate().filter(|(_, id)| **id != 0);
        let rows = rows
            .filter(|(row, _)| block(&self.sample, &process::TABLE).text(process::STATE, *row) == Some("X"));
        let rows = rows.map(|(row, id)| (row, Arc::clone(&self.identities[id])));
        let own = i64::from(std::process::id());
        rows.filter(|(_, identity)| identity.parent_pid == own)
            .map(|(row, identity)| self.end(row, identity))
            .collect()
    }

    fn end(&self, row: usize, identity: Arc<ProcessIdentity>) -> Ended {
        let cpu = [process::CPU_USER_US, process::CPU_SYSTEM_US].map(|column| self.value(row, column));
        assert_eq!(self.value(row, process::PROCESSES), Some(0));
        Ended {
            identity,
            code: self.value(row, process::EXIT_CODE),
            signal: self.value(row, process::EXIT_SIGNAL),
            lifetime_us: self.value(row, process::LIFETIME_US).unwrap_or(-1),
            cpu_us: cpu.iter().flatten().sum(),
            tx_bytes: self.value(row, process::NET_TX_BYTES),
        }
    }

    /// Takes snapshots until the ends of so many processes were told. By their clock it takes no time, so that the
    /// last word on each is waited for; but not for ever, because the kernel seldom leaves one out.
    pub(super) fn ends_of(&mut self, pids: &[u32]) -> BTreeMap<i64, Ended> {
        let (mut found, now_us, begin) = (BTreeMap::new(), boot_us(), Instant::now());
        while found.len() < pids.len() {
            let is_late = begin.elapsed() > LAST_WORD;
            self.tick_at(if is_late { boot_us() } else { now_us });
            for ended in self.ended() {
                let pid = ended.identity.key.pid;
                if pids.iter().any(|wanted| i64::from(*wanted) == pid) {
                    assert!(found.insert(pid, ended).is_none(), "{pid} is told twice");
                }
            }
        }
        found
    }
}

pub(super) fn shell(script: &str) -> Child {
    Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap()
}

#[test]
fn processes_that_no_snapshot_saw_have_a_row_each() {
    let Some(mut recording) = Recording::start() else { return };
    let mut pids = Vec::new();
    for code in 0..20 {
        let script =
            format!("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; exit {code} # --password=secret");
        let mut child = shell(&script);
        child.wait().unwrap();
        pids.push(child.id());
    }
    let mut killed = shell("kill -9 $$");
    killed.wait().unwrap();
    pids.push(killed.id());
    let ends = recording.ends_of(&pids);
    for (code, pid) in (0..20).zip(&pids) {
        let ended = &ends[&i64::from(*pid)];
        assert_eq!((ended.code, ended.signal), (Some(code), None), "{ended:?}");
        assert!(ended.cpu_us > 0 && ended.lifetime_us > 0, "{ended:?}");
        assert!(ended.identity.command.starts_with("sh -c i=0;"), "{ended:?}");
        assert!(!ended.identity.command.contains("secret"), "{ended:?}");
        assert_eq!(ended.identity.name, "sh");
    }
    let killed = &ends[&i64::from(killed.id())];
    assert_eq!((killed.code, killed.signal), (None, Some(9)));
}

#[test]
fn a_known_process_ends_with_what_it_used_after_it_was_seen() {
    let Some(mut recording) = Recording::start() else { return };
    let mut child = shell("read line; i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; exit 3");
    let pid = i64::from(child.id());
    recording.tick();
    let known = recording.identities.iter().filter(|(_, identity)| identity.key.pid == pid);
    assert_eq!(known.count(), 1);
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    child.wait().unwrap();
    let ends = recording.ends_of(&[child.id()]);
    let ended = &ends[&pid];
    assert_eq!(ended.code, Some(3));
    assert!(ended.cpu_us > 0, "{ended:?}");
    for _ in 0..4 {
        recording.tick();
        assert!(recording.ended().iter().all(|ended| ended.identity.key.pid != pid), "told once");
    }
}

#[test]
fn network_bytes_are_in_the_rows_and_in_the_sums() {
    let Some(mut recording) = Recording::start() else { return };
    if recording.network != "tracepoint" {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut server = listener.accept().unwrap().0;
    let mut text = vec![7; 100_000];
    client.write_all(&text).unwrap();
    server.read_exact(&mut text).unwrap();
    recording.tick();
    let row = recording.row_of(std::process::id());
    // Other tests of this process use the network as well.
    let tx_bytes = recording.value(row.unwrap(), process::NET_TX_BYTES);
    assert!(tx_bytes >= Some(100_000), "{tx_bytes:?}");
    let hosts = block(&recording.sample, &host::TABLE);
    assert!(hosts.integer(host::PROCESSES_NET_RX_BYTES, 0) >= Some(100_000));
    assert!(hosts.integer(host::PROCESSES_ENDED, 0).is_some());
    assert_eq!(hosts.integer(host::PROCESSES_ENDED_UNSEEN, 0), Some(0));
    let mut child = shell("exit 0");
    child.wait().unwrap();
    assert_eq!(recording.ends_of(&[child.id()])[&i64::from(child.id())].tx_bytes, Some(0));
}

#[test]
fn everybody_is_there_under_the_same_key_whoever_reads() {
    let Some(recording) = Recording::start() else { return };
    let (mut by_proc, mut sample) = (sampler(SamplerChoice::Proc, ExitsChoice::Parent), Sample::default());
    by_proc.sample(boot_us(), &mut sample);
    let keys: BTreeMap<i64, i64> = recording
        .identities
        .values()
        .map(|identity| (identity.key.pid, identity.key.start_time_ms))
        .collect();
    assert!(keys.contains_key(&1), "the first process is there even where the kernel leaves it out");
    let mut compared = 0;
    for (_, identity) in &sample.new_identities {
        // Others may have come and gone between the two.
        if let Some(start_time_ms) = keys.get(&identity.key.pid) {
            assert_eq!(*start_time_ms, identity.key.start_time_ms, "{identity:?}");
            compared += 1;
        }
    }
    assert!(compared > 5, "{compared}");
}

#[test]
fn what_a_row_says_of_a_process_at_rest_is_as_new_as_the_row() {
    const BYTES: usize = 8 << 20;
    const STEP_US: u64 = 5_000_000;
    let Some(mut recording) = Recording::start() else { return };
    // SAFETY: asks for new memory; the address is nobody else's.
    let memory = unsafe {
        let (rights, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        libc::mmap(std::ptr::null_mut(), BYTES, rights, kind, -1, 0)
    };
    assert_ne!(memory, libc::MAP_FAILED);
    let mut sleeper = Forked::start(None).unwrap();
    sleeper.work_ms(0);
    let mut now_us = boot_us() + STEP_US;
    recording.tick_at(now_us);
    let row = recording.row_of(sleeper.pid).unwrap();
    let before = recording.value(row, process::RSS_BYTES).unwrap();
    if !fill(sleeper.pid, memory, BYTES) {
        return sleeper.end();
    }
    let mut rows = 0;
    for _ in 0..13 {
        now_us += STEP_US;
        recording.tick_at(now_us);
        // The first may be of what the process did before.
        let Some(row) = recording.row_of(sleeper.pid) else { continue };
        let now = recording.value(row, process::RSS_BYTES).unwrap();
        assert!(now >= before + 4_000_000, "{now} after {before}");
        rows += 1;
    }
    assert!(rows > 0, "a process at rest has a row each minute");
    sleeper.work_ms(50);
    recording.tick_at(now_us + STEP_US);
    let row = recording.row_of(sleeper.pid).unwrap();
    let cpu = [process::CPU_USER_US, process::CPU_SYSTEM_US].map(|column| recording.value(row, column));
    let cpu_us: i64 = cpu.iter().flatten().sum();
    assert!(cpu_us >= 49_000, "{cpu_us}");
    sleeper.end();
}

/// Writes to the memory of another process; `false` where that is forbidden.
#[expect(clippy::print_stderr, reason = "a test that can not run says why")]
fn fill(pid: u32, memory: *mut libc::c_void, bytes: usize) -> bool {
    let filled = vec![7u8; bytes];
    let from = libc::iovec { iov_base: filled.as_ptr().cast_mut().cast(), iov_len: bytes };
    let to = libc::iovec { iov_base: memory, iov_len: bytes };
    // SAFETY: reads `filled`, which is as long; writes memory of the other process only.
    let written =
        unsafe { libc::process_vm_writev(pid.cast_signed(), &raw const from, 1, &raw const to, 1, 0) };
    if written < 0 {
        eprintln!("not tested, another process may not be written to: {}", std::io::Error::last_os_error());
    }
    written > 0
}
