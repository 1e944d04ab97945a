//! Processes that live shortly, against what `wait4` says of them and what they were told to do.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tacho_agent::sampler::{ExitsChoice, Sample, Sampler, SamplerChoice, SamplerConfig};
use tacho_model::tables::process;
use tacho_model::{Block, ProcessIdentity};
use tacho_proc::{clocks, process_cpu_time_us};

use super::peer::{Peer, alone, obey};

const COUNT: usize = 60;
const BLOCK_BYTES: usize = 4096;

/// Between snapshots; each sees some lives whole, some half and some not at all.
const INTERVAL: Duration = Duration::from_millis(200);

/// The test that has lives started.
const ROLE: &str = "lives::runs_as_a_spawner";

/// What one process has to do.
const LIFE: &str = "TACHO_TEST_LIFE";

/// What a process says at its end of the bytes that the kernel has counted for it.
const WRITTEN: &str = "written ";

/// What a process is told to do.
#[derive(Debug, Clone, Copy)]
struct Life {
    burn_ms: usize,
    disk_bytes: usize,
    network_bytes: usize,
    code: usize,
}

impl Life {
    fn of(number: usize) -> Self {
        Self {
            burn_ms: 5 + number * 37 % 56,
            disk_bytes: number % 4 * 16 * BLOCK_BYTES,
            network_bytes: number % 3 * 100_000,
            code: number + 1,
        }
    }
}

#[test]
#[expect(clippy::zombie_processes, reason = "they are waited for by number")]
fn runs_as_a_spawner() {
    obey(|_, port| {
        let spawned = (0..COUNT).map(|number| {
            let life = Life::of(number);
            let Life { burn_ms, disk_bytes, network_bytes, code } = life;
            let mut child = Command::new("/proc/self/exe")
                .arg0(format!("life-{number}"))
                .args(["--exact", "lives::lives", "--nocapture", "--test-threads=1"])
                .env(LIFE, format!("{burn_ms} {disk_bytes} {network_bytes} {code} {port}"))
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = String::new();
            child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
            let written = said.lines().find_map(|line| line.strip_prefix(WRITTEN)).unwrap();
            format!("{} {} {written}", child.id(), wait(child.id()))
        });
        spawned.collect::<Vec<_>>().join(",")
    });
}

/// Waits for a child and answers its CPU time in microseconds.
#[expect(unsafe_code, reason = "wait4 has no place in the standard library")]
fn wait(pid: u32) -> i64 {
    let (mut status, pid) = (0, libc::pid_t::try_from(pid).unwrap());
    // SAFETY: all zeros is a valid rusage, and the kernel fills both places, which live across the call.
    let (result, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), usage)
    };
    assert_eq!(result, pid);
    let us = |time: libc::timeval| time.tv_sec * 1_000_000 + time.tv_usec;
    us(usage.ru_utime) + us(usage.ru_stime)
}

#[test]
fn lives() {
    let Some(told) = std::env::var(LIFE).ok() else { return };
    let numbers: Vec<usize> = told.split(' ').map(|word| word.parse().unwrap()).collect();
    let [burn_ms, disk_bytes, network_bytes, code, port] = numbers[..] else { panic!("{told}") };
    let until_us = process_cpu_time_us().unwrap() + burn_ms as u64 * 1000;
    while process_cpu_time_us().unwrap() < until_us {
        std::hint::spin_loop();
    }
    if disk_bytes > 0 {
        let program = std::fs::read_link("/proc/self/exe").unwrap();
        let path = program.with_file_name(format!("life-{}", std::process::id()));
        let mut file = OpenOptions::new().create_new(true).write(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(&vec![7; disk_bytes]).unwrap();
        file.sync_data().unwrap();
    }
    if network_bytes > 0 {
        let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
        stream.write_all(&vec![7; network_bytes]).unwrap();
    }
    writeln!(std::io::stdout(), "\n{WRITTEN}{}", written_bytes()).unwrap();
    std::process::exit(i32::try_from(code).unwrap());
}

/// What the kernel has counted as written by this process.
fn written_bytes() -> u64 {
    let text = std::fs::read("/proc/self/io").unwrap();
    tacho_proc::parse_process_io(&text).unwrap().write_bytes
}

/// What is known of a life that has ended.
struct Lived {
    pid: i64,
    /// By `wait4`.
    cpu_us: i64,
    /// By itself.
    written_bytes: i64,
}

impl Lived {
    fn parse(text: &str) -> Self {
        let numbers: Vec<i64> = text.split(' ').map(|word| word.parse().unwrap()).collect();
        let [pid, cpu_us, written_bytes] = numbers[..] else { panic!("{text}") };
        Self { pid, cpu_us, written_bytes }
    }
}

/// What rows said of one process, summed.
#[derive(Debug, Default)]
struct Told {
    cpu_us: i64,
    disk_bytes: Option<i64>,
    network_bytes: Option<i64>,
    code: Option<i64>,
    ends: usize,
    /// The newest row is not that of its end.
    lives_on: bool,
    name: String,
    command: String,
}

/// What was told of the children of one process, by pid, and what of nobody in particular.
#[derive(Default)]
struct Record {
    identities: HashMap<u32, Arc<ProcessIdentity>>,
    told: HashMap<i64, Told>,
    other_us: i64,
}

impl Record {
    fn has_ended(&self, pid: i64) -> bool {
        self.told.get(&pid).is_some_and(|told| told.ends > 0)
    }

    fn take(&mut self, sample: &Sample, spawner: i64) {
        self.identities.extend(sample.new_identities.iter().cloned());
        let rows: &Block = sample.blocks.iter().find(|block| block.table().id == process::TABLE.id).unwrap();
        for (row, id) in sample.processes.iter().enumerate() {
            let of = |column| rows.integer(column, row);
            let cpu_us = of(process::CPU_USER_US).unwrap_or(0) + of(process::CPU_SYSTEM_US).unwrap_or(0);
            let Some(identity) = self.identities.get(id) else {
                self.other_us += cpu_us;
                continue;
            };
            if identity.parent_pid != spawner {
                continue;
            }
            let told = self.told.entry(identity.key.pid).or_default();
            told.cpu_us += cpu_us;
            add(&mut told.disk_bytes, of(process::DISK_WRITE_BYTES));
            add(&mut told.network_bytes, of(process::NET_TX_BYTES));
            let code = of(process::EXIT_CODE);
            told.code = code.or(told.code);
            told.ends += usize::from(code.is_some());
            told.lives_on = code.is_none();
            (told.name, told.command) = (identity.name.clone(), identity.command.clone());
        }
    }
}

fn add(sum: &mut Option<i64>, part: Option<i64>) {
    if let Some(part) = part {
        *sum = Some(sum.unwrap_or(0) + part);
    }
}

/// Takes in and forgets what others send.
fn sink() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        for mut stream in listener.incoming().flatten() {
            while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
        }
    });
    port
}

/// What the snapshots of one way told of all lives. `None`: there is no such way here.
fn record(sampler: SamplerChoice, exits: ExitsChoice, used: &str) -> Option<(Record, Vec<Lived>)> {
    let _alone = alone();
    let config = SamplerConfig { sampler, exits, process_rows: 10_000, ..SamplerConfig::default() };
    let mut sampler = Sampler::new(config).unwrap();
    if sampler.facts().exits != used {
        eprintln!("left out, there is no {used:?} here: {:?}", sampler.facts().collectors);
        return None;
    }
    let mut spawner = Peer::start_with(ROLE, |command| command);
    let (mut record, mut sample) = (Record::default(), Sample::default());
    let mut tick = |record: &mut Record, pid| {
        sampler.sample(clocks().boot_us, &mut sample);
        record.take(&sample, pid);
    };
    let pid = spawner.pid();
    tick(&mut record, pid);
    spawner.order(&format!("run {}", sink()));
    let spawner = std::thread::spawn(move || {
        let answer = spawner.answer();
        (spawner, answer)
    });
    while !spawner.is_finished() {
        std::thread::sleep(INTERVAL);
        tick(&mut record, pid);
    }
    let (_spawner, answer) = spawner.join().unwrap();
    let lives: Vec<_> = answer.split(',').map(Lived::parse).collect();
    let tells_ends = exits != ExitsChoice::Parent;
    while tells_ends && !lives.iter().all(|lived| record.has_ended(lived.pid)) {
        tick(&mut record, pid);
    }
    // What is told of a parent's children comes a snapshot later, and so would what is told twice.
    for _ in 0..3 {
        tick(&mut record, pid);
    }
    Some((record, lives))
}

/// Each life has its exit code and disk use, and all together their CPU time.
fn check_ends(record: &Record, lives: &[Lived]) {
    let (mut told_us, mut used_us) = (0, 0);
    for (number, Lived { pid, cpu_us, written_bytes }) in lives.iter().enumerate() {
        let life = Life::of(number);
        let told = record.told.get(pid).unwrap_or_else(|| panic!("{life:?} of {pid} is not told"));
        assert_eq!(told.code, i64::try_from(life.code).ok(), "{told:?}");
        assert_eq!((told.ends, told.lives_on), (1, false), "{life:?}: {told:?}");
        // With what it wrote come blocks of the file system that it changed when it made and removed its file.
        assert!(*written_bytes >= i64::try_from(life.disk_bytes).unwrap(), "{life:?}: {written_bytes}");
        assert_eq!(told.disk_bytes, Some(*written_bytes), "{life:?}: {told:?}");
        (told_us, used_us) = (told_us + told.cpu_us, used_us + cpu_us);
    }
    let ratio = told_us as f64 / used_us as f64;
    assert!((0.99..1.02).contains(&ratio), "{told_us} µs of {used_us} µs");
}

#[test]
fn short_lives_are_told_whole_by_bpf() {
    let Some((record, lives)) = record(SamplerChoice::Auto, ExitsChoice::Bpf, "bpf") else { return };
    check_ends(&record, &lives);
    for (number, Lived { pid, .. }) in lives.iter().enumerate() {
        let (life, told) = (Life::of(number), &record.told[pid]);
        assert!(told.command.starts_with(&format!("life-{number} --exact")), "{told:?}");
        assert_eq!(told.network_bytes.unwrap_or(0), i64::try_from(life.network_bytes).unwrap(), "{told:?}");
    }
}

#[test]
fn short_lives_are_told_without_network_by_taskstats() {
    let way = record(SamplerChoice::Proc, ExitsChoice::Taskstats, "taskstats");
    let Some((record, lives)) = way else { return };
    check_ends(&record, &lives);
    for (number, Lived { pid, .. }) in lives.iter().enumerate() {
        let (life, told) = (Life::of(number), &record.told[pid]);
        // What connections of those that snapshots saw carried until then, and nothing of ends.
        assert!(
            told.network_bytes.unwrap_or(0) <= i64::try_from(life.network_bytes).unwrap() + 1,
            "{told:?}"
        );
        // Arguments go with the memory: of one that no snapshot saw before that, the name stands for them.
        let arguments = format!("life-{number} --exact");
        assert!(told.command.starts_with(&arguments) || told.command == told.name, "{told:?}");
        assert_eq!(told.name, "exe");
    }
}

#[test]
fn short_lives_are_told_of_by_their_parent_as_far_as_it_knows() {
    let way = record(SamplerChoice::Proc, ExitsChoice::Parent, "parent");
    let Some((record, lives)) = way else { return };
    let used_us: i64 = lives.iter().map(|lived| lived.cpu_us).sum();
    let of_lives = lives.iter().filter_map(|lived| record.told.get(&lived.pid));
    let told_us: i64 = of_lives.clone().map(|told| told.cpu_us).sum();
    assert!(of_lives.clone().all(|told| told.code.is_none()), "nobody knows");
    // The row of others has other processes in it, too; ticks round by a hundredth of a second each.
    let all_us = told_us + record.other_us;
    assert!(all_us * 100 >= used_us * 97, "{told_us} µs and {} µs of {used_us} µs", record.other_us);
    assert!(told_us <= used_us + 60_000, "{told_us} µs of {used_us} µs");
}
