//! A snapshot allocates nothing once every process is known. A binary of its own, because it replaces the
//! allocator of the whole program.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tacho_agent::sampler::{PartsConfig, Sample, Sampler, SamplerConfig};
use tacho_model::Block;

static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn note() {
    if COUNTING.load(Ordering::Relaxed) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its nature")]
// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promise is the system allocator's demand.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's promise is the system allocator's demand.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the system allocator's demand.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Processes in the tree; every fifth works.
const PROCESSES: u32 = 60;

fn copy_fixtures(to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tacho-proc/fixtures/linux-6.18");
    for directory in ["net", "pressure", "self", "sys/fs"] {
        std::fs::create_dir_all(to.join(directory)).expect("a directory in the tree");
    }
    for name in [
        "stat",
        "meminfo",
        "vmstat",
        "loadavg",
        "uptime",
        "diskstats",
        "net/dev",
        "net/snmp",
        "net/sockstat",
        "net/tcp",
        "pressure/cpu",
        "pressure/memory",
        "pressure/io",
        "sys/fs/file-nr",
        "self/mountinfo",
    ] {
        std::fs::copy(from.join(name), to.join(name)).expect("a recorded file");
    }
}

fn write_processes(root: &Path, round: u32) {
    for pid in 1..=PROCESSES {
        let directory = root.join(pid.to_string());
        std::fs::create_dir_all(&directory).expect("a directory in the tree");
        let user = if pid % 5 == 0 { round } else { 0 };
        let stat = format!(
            "{pid} (p) S 1 1 1 0 -1 0 0 0 0 0 {user} 0 0 0 20 0 1 0 5 1000 {} 9 1 1 5 0\n",
            100 + user
        );
        let io = format!("read_bytes: 0\nwrite_bytes: {user}\n");
        for (name, text) in [
            ("stat", stat.as_str()),
            ("io", &io),
            ("statm", "9 100 0\n"),
            ("cmdline", "p\0"),
            ("cgroup", "0::/p\n"),
        ] {
            std::fs::write(directory.join(name), text).expect("a file in the tree");
        }
    }
}

/// The recorded listeners are the first process's; a search for who holds them would make lists.
fn hold_listeners(root: &Path) {
    let files = root.join("1/fd");
    std::fs::create_dir(&files).expect("a directory in the tree");
    for inode in [1161, 29366] {
        let link = files.join(inode.to_string());
        std::os::unix::fs::symlink(format!("socket:[{inode}]"), link).expect("a link in the tree");
    }
}

/// Parts of the host that are read at every snapshot: control groups that work, a sensor, an array.
fn write_parts(root: &Path, round: u32) {
    let cpu = format!("user_usec {}\nsystem_usec {round}\nthrottled_usec 0\n", round * 7);
    let files = [
        ("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n"),
        ("sys/fs/cgroup/system.slice/cpu.stat", &cpu),
        ("sys/fs/cgroup/system.slice/a.service/cpu.stat", &cpu),
        ("sys/fs/cgroup/system.slice/a.service/memory.current", "4096\n"),
        ("sys/fs/cgroup/system.slice/a.service/io.stat", "8:0 rbytes=1 wbytes=2\n"),
        ("sys/fs/cgroup/system.slice/a.service/memory.pressure", "some total=1\n"),
        ("sys/class/hwmon/hwmon0/name", "coretemp\n"),
        ("sys/class/hwmon/hwmon0/temp1_input", if round.is_multiple_of(2) { "49000\n" } else { "51000\n" }),
        ("mdstat", "md0 : active raid1 sdb1[1] sda1[0]\n      9 blocks [2/2] [UU]\n"),
        ("sys/net/netfilter/nf_conntrack_count", "12\n"),
        ("run/systemd/sessions/1", "USER=ann\nCLASS=user\n"),
    ];
    for (name, text) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("a file below the root"))
            .expect("a directory in the tree");
        std::fs::write(path, text).expect("a file in the tree");
    }
}

/// The counter is the whole program's: one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Snapshots of this machine by BPF, where it has any.
#[test]
#[expect(clippy::print_stderr, reason = "a test that can not run says why")]
fn a_snapshot_by_bpf_without_news_allocates_nothing() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sampler = Sampler::new(SamplerConfig {
        // A look at the file systems makes a list of them.
        filesystem_interval: Duration::from_secs(1_000_000),
        parts: PartsConfig { slow_interval: Duration::from_secs(1_000_000), ..PartsConfig::default() },
        ..SamplerConfig::default()
    })
    .expect("a sampler of this machine");
    let facts = sampler.facts();
    if facts.sampler != "bpf" {
        eprintln!("not tested, there is no BPF here: {:?}", facts.collectors);
        return;
    }
    let mut sample = Sample::default();
    let mut counts = Vec::new();
    for round in 0..400u64 {
        let known = sample.processes.len();
        ALLOCATIONS.store(0, Ordering::Relaxed);
        COUNTING.store(true, Ordering::Relaxed);
        sampler.sample(1_000_000_000 + round * 5_000_000, &mut sample);
        COUNTING.store(false, Ordering::Relaxed);
        // Processes come and go as they like; who does takes memory.
        let is_news = !sample.new_identities.is_empty() || !sample.retired.is_empty();
        if round >= 100 && !is_news && known > 0 {
            counts.push(ALLOCATIONS.load(Ordering::Relaxed));
        }
    }
    counts.sort_unstable();
    // Titles of young processes are compared once, and ends are noted a snapshot before they are told.
    assert!(counts.get(counts.len() / 2).is_none_or(|median| *median == 0), "{counts:?}");
}

#[test]
fn a_snapshot_of_known_processes_allocates_nothing() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // The files are written again and again; in memory if there is a place.
    let root =
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory");
    copy_fixtures(root.path());
    write_processes(root.path(), 0);
    hold_listeners(root.path());
    write_parts(root.path(), 0);
    let mut sampler = Sampler::new(SamplerConfig {
        proc_root: root.path().to_owned(),
        sys_root: root.path().join("sys"),
        etc_root: PathBuf::from("/does/not/exist"),
        // A look at the file systems makes a list of them.
        filesystem_interval: Duration::from_secs(1_000_000),
        parts: PartsConfig {
            slow_interval: Duration::from_secs(1_000_000),
            ..PartsConfig::below(root.path())
        },
        ..SamplerConfig::below(root.path())
    })
    .expect("a sampler of the tree");
    let mut sample = Sample::default();
    let mut counts = Vec::new();
    for round in 0..40u32 {
        write_processes(root.path(), round);
        write_parts(root.path(), round);
        ALLOCATIONS.store(0, Ordering::Relaxed);
        COUNTING.store(true, Ordering::Relaxed);
        sampler.sample(1_000_000_000 + u64::from(round) * 5_000_000, &mut sample);
        COUNTING.store(false, Ordering::Relaxed);
        counts.push(ALLOCATIONS.load(Ordering::Relaxed));
        assert!(sample.processes.len() > 12);
        let rows = |name: &str| sample.blocks.iter().find(|block| block.table().name == name).map(Block::len);
        assert_eq!((rows("cgroup"), rows("sensor")), (Some(2), Some(1)));
    }
    assert!(counts[0] > 100, "the counter counts: {counts:?}");
    assert!(counts[3..].iter().all(|count| *count == 0), "{counts:?}");
}
