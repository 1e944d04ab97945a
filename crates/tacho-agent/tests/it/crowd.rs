//! Very many processes, and a process of very many threads: nothing is left out silently.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use tacho_agent::sampler::{ExitsChoice, Sample, Sampler, SamplerChoice, SamplerConfig};
use tacho_model::tables::{host, process};
use tacho_model::{Block, IntegerColumn, Table};
use tacho_proc::{clocks, process_cpu_time_us, thread_cpu_time_us};

use super::peer::{Peer, alone, obey};

const PROCESSES: i64 = 10_000;
const THREADS: usize = 3000;

/// CPU time of each thread.
const BURN_US: u64 = 1000;

/// Fewer than there are by far.
const ROWS: usize = 100;

/// The test that has many processes, or many threads.
const ROLE: &str = "crowd::runs_as_a_crowd";

/// A crowd as it is told to be.
#[derive(Default)]
struct Crowd {
    pids: Vec<libc::pid_t>,
    threads: Vec<JoinHandle<()>>,
    gates: Option<[Arc<Barrier>; 3]>,
}

#[test]
fn runs_as_a_crowd() {
    let mut crowd = Crowd::default();
    obey(|verb, argument| crowd.obey(verb, argument));
}

impl Crowd {
    fn obey(&mut self, verb: &str, argument: &str) -> String {
        let pass = |gates: &Option<[Arc<Barrier>; 3]>, gate: usize| {
            gates.as_ref().unwrap()[gate].wait();
        };
        match verb {
            "fork" => self.pids = (0..argument.parse().unwrap()).map(|_| fork_sleeper()).collect(),
            "reap" => self.pids.drain(..).for_each(end),
            "threads" => self.start_threads(argument.parse().unwrap()),
            "burn" => {
                pass(&self.gates, 0);
                pass(&self.gates, 1);
            }
            "join" => {
                pass(&self.gates, 2);
                self.threads.drain(..).for_each(|thread| thread.join().unwrap());
            }
            "exit" => std::process::exit(9),
            _ => {}
        }
        process_cpu_time_us().unwrap().to_string()
    }

    /// They wait to burn, then until all have, then to end. All have come to the first of these when this returns, as
    /// what they take until then is not what is measured.
    fn start_threads(&mut self, count: usize) {
        let arrived = Arc::new(AtomicUsize::new(0));
        let gates = [0; 3].map(|_| Arc::new(Barrier::new(count + 1)));
        self.gates = Some(gates.clone());
        let thread = |_| {
            let (gates, arrived) = (gates.clone(), Arc::clone(&arrived));
            let body = move || {
                arrived.fetch_add(1, Ordering::Relaxed);
                gates[0].wait();
                let until_us = thread_cpu_time_us().unwrap() + BURN_US;
                while thread_cpu_time_us().unwrap() < until_us {
                    std::hint::spin_loop();
                }
                gates[1].wait();
                gates[2].wait();
            };
            std::thread::Builder::new().stack_size(64 << 10).spawn(body).unwrap()
        };
        self.threads = (0..count).map(thread).collect();
        while arrived.load(Ordering::Relaxed) < count {
            std::thread::yield_now();
        }
    }
}

/// A copy of this process that does nothing, and is cheaper than any program that does nothing.
#[expect(unsafe_code, reason = "the standard library does not fork")]
fn fork_sleeper() -> libc::pid_t {
    // SAFETY: the child makes system calls only, until it is killed.
    let pid = unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            loop {
                libc::pause();
            }
        }
        pid
    };
    assert!(pid > 0, "{}", std::io::Error::last_os_error());
    pid
}

#[expect(unsafe_code, reason = "the standard library did not start it")]
fn end(pid: libc::pid_t) {
    // SAFETY: no status is asked for.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
}

/// Snapshots by one way.
struct Recording {
    sampler: Sampler,
    sample: Sample,
    /// Number of the peer, by its newest identity.
    peer: Option<u32>,
}

impl Recording {
    fn start(sampler: SamplerChoice, exits: ExitsChoice, used: (&str, &str)) -> Option<Self> {
        let config = SamplerConfig { sampler, exits, process_rows: ROWS, ..SamplerConfig::default() };
        let mut sampler = Sampler::new(config).unwrap();
        let facts = sampler.facts();
        if (facts.sampler.as_str(), facts.exits.as_str()) != used {
            eprintln!("left out, there is no {used:?} here: {:?}", facts.collectors);
            return None;
        }
        Some(Self { sampler, sample: Sample::default(), peer: None })
    }

    /// Takes a snapshot and checks that rows and the other row add up.
    fn tick(&mut self, peer: i64) {
        self.sampler.sample(clocks().boot_us, &mut self.sample);
        let named = self.sample.new_identities.iter().rev().find(|(_, identity)| identity.key.pid == peer);
        self.peer = named.map(|(id, _)| *id).or(self.peer);
        let rows = self.block(&process::TABLE);
        assert_eq!(rows.len(), self.sample.processes.len());
        assert!(rows.len() <= ROWS + 1);
        for (total, part) in [
            (host::PROCESSES, process::PROCESSES),
            (host::PROCESSES_RSS_BYTES, process::RSS_BYTES),
            (host::PROCESSES_CPU_USER_US, process::CPU_USER_US),
            (host::PROCESSES_CPU_SYSTEM_US, process::CPU_SYSTEM_US),
            (host::PROCESSES_DISK_WRITE_BYTES, process::DISK_WRITE_BYTES),
        ] {
            let sum: i64 = (0..rows.len()).filter_map(|row| rows.integer(part, row)).sum();
            assert_eq!(self.host(total).unwrap_or(0), sum, "{part:?}");
        }
    }

    fn block(&self, table: &Table) -> &Block {
        self.sample.blocks.iter().find(|block| block.table().id == table.id).unwrap()
    }

    fn host(&self, column: IntegerColumn) -> Option<i64> {
        self.block(&host::TABLE).integer(column, 0)
    }

    /// What the newest snapshot says of the peer, or of all without a row (0).
    fn value(&self, id: u32, column: IntegerColumn) -> Option<i64> {
        let row = self.sample.processes.iter().position(|known| *known == id)?;
        self.block(&process::TABLE).integer(column, row)
    }

    fn peer_cpu_us(&self) -> i64 {
        let cpu = [process::CPU_USER_US, process::CPU_SYSTEM_US];
        cpu.iter().filter_map(|column| self.value(self.peer.unwrap(), *column)).sum()
    }
}

#[test]
fn ten_thousand_processes_are_all_counted() {
    let _alone = alone();
    let mut peer = Peer::start_with(ROLE, |command| command);
    let pid = peer.pid();
    peer.order(&format!("fork {PROCESSES}"));
    peer.answer();
    for (sampler, exits, used) in [
        (SamplerChoice::Auto, ExitsChoice::Bpf, ("bpf", "bpf")),
        (SamplerChoice::Proc, ExitsChoice::Parent, ("proc", "parent")),
    ] {
        let Some(mut recording) = Recording::start(sampler, exits, used) else { continue };
        for _ in 0..2 {
            recording.tick(pid);
            let told = recording.host(host::PROCESSES).unwrap();
            let with_rows = recording.sample.processes.len() as i64 - 1;
            assert!(told > PROCESSES, "{used:?}: {told}");
            let other = recording.value(0, process::PROCESSES).unwrap();
            assert!(
                other >= told - with_rows && other > PROCESSES - ROWS as i64,
                "{used:?}: {other} of {told}"
            );
            let threads = recording.value(0, process::THREADS).unwrap();
            assert!(threads >= other, "{used:?}: {threads} threads of {other}");
        }
    }
    peer.order("reap");
    peer.answer();
}

/// Orders of the peer, which answers with its CPU time.
fn cpu_us(peer: &mut Peer, order: &str) -> i64 {
    peer.order(order);
    peer.answer().parse().unwrap()
}

#[test]
fn thousands_of_threads_are_one_process() {
    let _alone = alone();
    // Between a peer's answer and the snapshot its threads still go from one gate to the next: of 3 s a hundredth or two.
    let slack_us = 60_000;
    for (sampler, exits, used) in [
        (SamplerChoice::Auto, ExitsChoice::Bpf, ("bpf", "bpf")),
        (SamplerChoice::Proc, ExitsChoice::Taskstats, ("proc", "taskstats")),
        (SamplerChoice::Proc, ExitsChoice::Parent, ("proc", "parent")),
    ] {
        let Some(mut recording) = Recording::start(sampler, exits, used) else { continue };
        let mut peer = Peer::start_with(ROLE, |command| command);
        let pid = peer.pid();
        let before_us = cpu_us(&mut peer, &format!("threads {THREADS}"));
        recording.tick(pid);
        let threads = recording.value(recording.peer.unwrap(), process::THREADS).unwrap();
        assert!(threads >= THREADS as i64, "{used:?}: {threads}");
        let mut told_us = 0;
        let mut used_us = cpu_us(&mut peer, "burn");
        assert!(used_us - before_us >= (THREADS as u64 * BURN_US) as i64);
        recording.tick(pid);
        told_us += recording.peer_cpu_us();
        let is_told = |told_us: i64, used_us: i64| (told_us - (used_us - before_us)).abs() <= slack_us;
        assert!(is_told(told_us, used_us), "{used:?}: {told_us} of {}", used_us - before_us);
        // What threads used stays the process's when they end.
        used_us = cpu_us(&mut peer, "join");
        recording.tick(pid);
        told_us += recording.peer_cpu_us();
        let threads = recording.value(recording.peer.unwrap(), process::THREADS);
        assert!(threads < Some(10), "{used:?}: {threads:?}");
        assert!(is_told(told_us, used_us), "{used:?}: {told_us} of {}", used_us - before_us);
    }
}

/// All of them end at once, after a snapshot saw them and before the next.
#[test]
fn a_process_that_ends_with_thousands_of_threads_is_told_with_all_their_time() {
    let _alone = alone();
    for (sampler, exits, used) in [
        (SamplerChoice::Auto, ExitsChoice::Bpf, ("bpf", "bpf")),
        (SamplerChoice::Proc, ExitsChoice::Taskstats, ("proc", "taskstats")),
    ] {
        let Some(mut recording) = Recording::start(sampler, exits, used) else { continue };
        let mut peer = Peer::start_with(ROLE, |command| command);
        let pid = peer.pid();
        cpu_us(&mut peer, &format!("threads {THREADS}"));
        recording.tick(pid);
        let before_us = cpu_us(&mut peer, "cpu");
        let used_us = cpu_us(&mut peer, "burn") - before_us;
        peer.order("exit");
        assert_eq!(peer.answer(), "", "it has ended");
        drop(peer);
        let mut code = None;
        let mut told_us = 0;
        while code.is_none() {
            recording.tick(pid);
            told_us += recording.peer_cpu_us();
            code = recording.value(recording.peer.unwrap(), process::EXIT_CODE);
        }
        assert_eq!(code, Some(9), "{used:?}");
        // The end of so many threads takes some time itself.
        assert!(told_us >= used_us * 99 / 100, "{used:?}: {told_us} of {used_us}");
    }
}
