//! All processes in one pass by programs in the kernel. What those do not know is asked of `/proc`.

use std::error::Error as _;

use tacho_bpf::{Bpf, Bytes, Ending, Exit, NetworkWay, NetworkWays, Refusal, Task};
use tacho_proc::{Comm, ProcError, ProcessIo, process_cpu_time_us};

use super::super::super::traffic::Traffic;
use super::super::super::ways::{ExitSource, NetworkChoice, NetworkSource, SamplerWay, Ways};
use super::super::exits::{End, News};
use super::super::usage::CpuTime;
use super::{KeptFiles, MAX_PIDS, ProcSource, Reading};

/// The pass is compared with the list of `/proc` every so many snapshots: some kernels leave processes out.
const COMPARE_EVERY: u64 = 8;

/// A thread that runs on another CPU may have so much of its time not counted yet: a tick at 100 Hz.
const UNCOUNTED_US: u64 = 10_000;

const NS_PER_US: u64 = 1000;

/// Reads processes by BPF.
#[derive(Debug)]
pub(in super::super) struct BpfSource {
    pub(super) proc: Box<ProcSource>,
    bpf: Bpf,
    /// Where the task is that was asked for last: processes are gone through by pid.
    position: usize,
    lists: u64,
    /// Processes that `/proc` has and the pass has not, by pid.
    hidden: Vec<u32>,
    listed: Vec<u32>,
}

/// Loads the programs and looks whether they tell the truth about the agent itself. The reason why not is
/// for people.
pub(super) fn load(proc: &ProcSource, network: NetworkChoice) -> Result<Bpf, String> {
    let mut bpf = Bpf::load(network_ways(network)).map_err(|error| with_cause(&error))?;
    check(&mut bpf, proc)?;
    Ok(bpf)
}

fn network_ways(choice: NetworkChoice) -> NetworkWays {
    match choice {
        NetworkChoice::Auto => NetworkWays::ALL,
        NetworkChoice::Tracepoint => NetworkWays { tracepoints: true, ..NetworkWays::NONE },
        NetworkChoice::Cgroup => NetworkWays { control_groups: true, ..NetworkWays::NONE },
        NetworkChoice::Diag | NetworkChoice::None => NetworkWays::NONE,
    }
}

fn with_cause(error: &tacho_bpf::BpfError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// `BPF network by tracepoints: the kernel does not take the program bytes_sent: …`.
fn describe(refusal: &Refusal) -> String {
    format!("BPF {}: {}", refusal.what, with_cause(&refusal.error))
}

/// In another pid namespace than the kernel's first, pids are others than the pass tells.
fn check(bpf: &mut Bpf, proc: &ProcSource) -> Result<(), String> {
    let stat = std::fs::read("/proc/self/stat").ok().and_then(|text| tacho_proc::parse_process_stat(&text));
    let start_us = stat.map(|stat| stat.start.saturating_mul(proc.tick_us));
    let before_us = process_cpu_time_us();
    bpf.read_tasks().map_err(|error| with_cause(&error))?;
    let after_us = process_cpu_time_us();
    let Some(own) = bpf.task(std::process::id()) else {
        return Err("it does not list the agent".to_owned());
    };
    if Some(start_us_of(own, proc)) != start_us {
        return Err("it knows the agent's pid as another process's".to_owned());
    }
    let (Some(before_us), Some(after_us)) = (before_us, after_us) else { return Ok(()) };
    let slack_us = UNCOUNTED_US * (u64::from(own.threads) + 1);
    let cpu_us = own.cpu.total_ns() / NS_PER_US;
    let limits = before_us.saturating_sub(slack_us)..=after_us.saturating_add(slack_us);
    if !limits.contains(&cpu_us) {
        return Err(format!("it tells {cpu_us} µs of CPU time for the agent, which used {after_us} µs"));
    }
    if own.resident_pages == 0 || own.threads == 0 {
        return Err("it tells nothing of the agent's memory or threads".to_owned());
    }
    Ok(())
}

/// In whole ticks, as `/proc` has it: a process has the same key whoever reads it.
fn start_us_of(task: &Task, proc: &ProcSource) -> u64 {
    whole_ticks_us(task.start_boot_ns, proc.tick_us)
}

fn whole_ticks_us(ns: u64, tick_us: u64) -> u64 {
    let us = ns / NS_PER_US;
    us - us % tick_us.max(1)
}

fn network_of(bytes: Bytes) -> Traffic {
    Traffic { rx_bytes: bytes.read, tx_bytes: bytes.written }
}

fn comm_of(comm: &[u8; 16]) -> Comm {
    Comm::new(comm.split(|byte| *byte == 0).next().unwrap_or_default())
}

impl BpfSource {
    pub(super) fn new(bpf: Bpf, proc: Box<ProcSource>) -> Self {
        let mut source = Self { proc, bpf, position: 0, lists: 0, hidden: Vec::new(), listed: Vec::new() };
        // Holders of sockets are looked for before the first list, and want to know who is hidden.
        if let Err(error) = source.list(&mut Vec::new()) {
            tracing::debug!(%error, "hidden processes are not known at the start");
        }
        source.lists = 0;
        source
    }

    pub(super) fn ways(&self) -> Ways {
        Ways {
            sampler: SamplerWay::Bpf,
            network: match self.bpf.network() {
                Some(NetworkWay::Tracepoints) => NetworkSource::Tracepoint,
                Some(NetworkWay::ControlGroups) => NetworkSource::Cgroup,
                None => NetworkSource::None,
            },
            exits: if self.bpf.tells_exits() { ExitSource::Bpf } else { ExitSource::Parent },
            refusals: self.bpf.refusals().iter().map(describe).collect(),
        }
    }

    pub(super) fn take_holders(&mut self) -> Option<tacho_bpf::Holders> {
        self.bpf.take_holders()
    }

    pub(super) fn hidden(&self) -> &[u32] {
        &self.hidden
    }

    fn tells_network(&self) -> bool {
        self.bpf.network().is_some()
    }

    pub(super) fn tells_exits(&self) -> bool {
        self.bpf.tells_exits()
    }

    pub(super) fn list(&mut self, pids: &mut Vec<u32>) -> Result<(), ProcError> {
        let compares = self.lists.is_multiple_of(COMPARE_EVERY);
        self.lists += 1;
        // Before the pass, so that what has only just started is not taken for hidden.
        if compares {
            self.proc.directory.list(MAX_PIDS, &mut self.listed)?;
        }
        if let Err(error) = self.bpf.read_tasks() {
            tracing::warn!(error = with_cause(&error), "a pass over all tasks failed");
            return Err(ProcError::Failed { file: "the list of tasks", errno: libc::EIO });
        }
        if compares {
            std::mem::swap(&mut self.hidden, &mut self.listed);
        }
        let tasks = self.bpf.tasks();
        self.hidden.retain(|pid| tasks.binary_search_by_key(pid, |task| task.pid).is_err());
        pids.clear();
        let mut hidden = self.hidden.iter().copied().peekable();
        for task in tasks {
            while let Some(pid) = hidden.next_if(|pid| *pid < task.pid) {
                pids.push(pid);
            }
            pids.push(task.pid);
        }
        pids.extend(hidden);
        Ok(())
    }

    /// Has the next pass tell of a process in full.
    pub(super) fn ask(&mut self, pid: u32) {
        self.bpf.ask(pid);
    }

    /// The process has not run since it was told last.
    pub(super) fn rests(&mut self, pid: u32) -> bool {
        self.task(pid).is_some_and(|task| task.rests)
    }

    fn task(&mut self, pid: u32) -> Option<&Task> {
        let tasks = self.bpf.tasks();
        let is_there = |position: &usize| tasks.get(*position).is_some_and(|task| task.pid == pid);
        let near = [self.position, self.position + 1].into_iter().find(is_there);
        let position = near.or_else(|| tasks.binary_search_by_key(&pid, |task| task.pid).ok())?;
        self.position = position;
        tasks.get(position)
    }

    pub(super) fn read(&mut self, pid: u32, kept: &mut KeptFiles) -> Result<Reading, ProcError> {
        if let Some(task) = self.task(pid).copied() {
            return Ok(self.reading(&task));
        }
        let mut reading = self.proc.read(pid, kept)?;
        if self.tells_exits() {
            // Its children's ends are told, with what they used.
            (reading.children_user_us, reading.children_system_us) = (0, 0);
        }
        Ok(reading)
    }

    /// What `/proc` tells of a hidden process has its children's in it, who are counted by themselves.
    pub(super) fn read_io(&mut self, pid: u32, kept: &mut KeptFiles) -> Result<ProcessIo, ProcError> {
        match self.bpf.task(pid) {
            Some(task) => Ok(ProcessIo { read_bytes: task.disk.read, write_bytes: task.disk.written }),
            None if self.tells_exits() => Err(ProcError::Missing { file: "io" }),
            None => self.proc.read_io(pid, kept),
        }
    }

    pub(super) fn drain_exits(&mut self, news: &mut Vec<News>) -> u64 {
        let (tick_us, tells_network) = (self.proc.tick_us, self.tells_network());
        self.bpf.drain_exits(|ending| {
            news.push(match ending {
                Ending::Exit(exit) => News::End(end_of(&exit, tick_us, tells_network)),
                Ending::Total(total) => News::Total {
                    pid: total.pid,
                    start_us: whole_ticks_us(total.start_boot_ns, tick_us),
                    cpu: cpu_time(total.cpu),
                    major_faults: total.major_faults,
                    network: network_of(total.network),
                },
            });
        });
        self.bpf.lost_exits()
    }

    fn reading(&self, task: &Task) -> Reading {
        let (cpu, children) = (cpu_time(task.cpu), cpu_time(task.children));
        let children = if self.tells_exits() { CpuTime::default() } else { children };
        Reading {
            comm: comm_of(&task.comm),
            state: task.state,
            parent: task.parent,
            is_kernel_thread: task.is_kernel_thread,
            is_exiting: task.is_exiting,
            user_us: cpu.user_us,
            system_us: cpu.system_us,
            children_user_us: children.user_us,
            children_system_us: children.system_us,
            major_faults: task.major_faults,
            threads: u64::from(task.threads),
            start_us: start_us_of(task, &self.proc),
            rss_bytes: task.resident_pages.saturating_mul(self.proc.page_bytes),
            exec_mark: task.exec_mark,
            user_id: Some(task.user_id),
            cgroup_id: task.cgroup_id,
            network: self.tells_network().then(|| network_of(task.network)),
            disk_mark: self.tells_exits().then_some(task.disk_mark),
        }
    }
}

fn end_of(exit: &Exit<'_>, tick_us: u64, tells_network: bool) -> End {
    End {
        pid: exit.pid,
        parent: exit.parent,
        start_us: whole_ticks_us(exit.start_boot_ns, tick_us),
        lifetime_us: exit.ended_boot_ns.saturating_sub(exit.start_boot_ns) / NS_PER_US,
        cpu: cpu_time(exit.cpu),
        major_faults: exit.major_faults,
        disk: ProcessIo { read_bytes: exit.disk.read, write_bytes: exit.disk.written },
        network: tells_network.then(|| network_of(exit.network)),
        status: exit.status,
        comm: comm_of(&exit.comm),
        is_kernel_thread: exit.is_kernel_thread,
        user_id: exit.user_id,
        cgroup_id: exit.cgroup_id,
        arguments: exit.arguments.to_vec(),
        heard: None,
        is_counted: true,
        is_total: false,
        waits_since_us: None,
    }
}

/// The sum is rounded down once, not each part.
fn cpu_time(cpu: tacho_bpf::Cpu) -> CpuTime {
    let system_us = cpu.system_ns / NS_PER_US;
    CpuTime { user_us: (cpu.total_ns() / NS_PER_US).saturating_sub(system_us), system_us }
}
