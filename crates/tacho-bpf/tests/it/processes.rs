//! What is told of processes, against what the kernel tells elsewhere.

use std::process::Command;

use tacho_bpf::{Ending, ExitStatus, Task};

/// Fields of `/proc/PID/stat` by their number in the manual.
struct Stat(Vec<String>);

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = text.rsplit_once(')')?;
        Some(Self(rest.split_whitespace().map(str::to_owned).collect()))
    }

    fn text(&self, field: usize) -> &str {
        &self.0[field - 3]
    }

    fn number(&self, field: usize) -> u64 {
        self.text(field).parse().unwrap()
    }

    fn cpu_ticks(&self) -> u64 {
        self.number(14) + self.number(15)
    }
}

fn cpu_ticks(task: &Task) -> u64 {
    task.cpu.total_ns() / 10_000_000
}

/// A program that does work and ends with `status`.
fn shell(script: &str) -> u32 {
    let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[test]
fn tasks_are_as_proc_tells_them() {
    let Some(mut bpf) = crate::load() else { return };
    let pids = std::fs::read_dir("/proc").unwrap();
    let pids: Vec<u32> = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    let before: Vec<(u32, Stat)> = pids.iter().filter_map(|pid| Some((*pid, Stat::read(*pid)?))).collect();
    bpf.read_tasks().unwrap();
    let mut compared = 0;
    for (pid, before) in before {
        let (Some(task), Some(after)) = (bpf.task(pid), Stat::read(pid)) else { continue };
        if before.text(22) != after.text(22) {
            continue;
        }
        let between = |name: &str, value: u64, low: u64, high: u64| {
            assert!(low <= value && value <= high, "{name} of {pid}: {value} is not in {low}..={high}");
        };
        // A thread that runs on another CPU has up to a tick of its time not counted yet.
        let slack = 1 + u64::from(task.threads);
        between("cpu", cpu_ticks(task), before.cpu_ticks().saturating_sub(slack), after.cpu_ticks() + 1);
        between("major faults", task.major_faults, before.number(12), after.number(12));
        between("minor faults", task.minor_faults, before.number(10), after.number(10));
        assert_eq!(task.start_boot_ns / 10_000_000, after.number(22), "start of {pid}");
        if before.text(4) == after.text(4) {
            assert_eq!(u64::from(task.parent), after.number(4), "parent of {pid}");
        }
        if before.text(20) == after.text(20) {
            assert_eq!(u64::from(task.threads), after.number(20), "threads of {pid}");
        }
        if before.text(28) == after.text(28) {
            assert_eq!(task.exec_mark, after.number(28), "stack of {pid}");
        }
        compared += 1;
    }
    assert!(compared > 5, "{compared}");
}

#[test]
fn this_process_is_itself() {
    let Some(mut bpf) = crate::load() else { return };
    bpf.read_tasks().unwrap();
    let own = bpf.task(std::process::id()).unwrap();
    let parent = Stat::read(own.pid).unwrap().number(4);
    assert_eq!((u64::from(own.parent), own.is_kernel_thread), (parent, false));
    assert!(own.comm.starts_with(b"it-"), "{:?}", String::from_utf8_lossy(&own.comm));
    assert!(own.resident_pages > 100 && own.threads >= 1);
    assert!(bpf.tasks().is_sorted_by(|a, b| a.pid < b.pid));
}

#[test]
fn ends_are_told_with_how_and_by_what_command() {
    let _room = crate::ring();
    let Some(mut bpf) = crate::load().filter(tacho_bpf::Bpf::tells_exits) else { return };
    let coded = shell("exit 7; # one two");
    let killed = shell("kill -9 $$");
    let mut found = Vec::new();
    while found.len() < 2 {
        bpf.drain_exits(|ending| {
            let Ending::Exit(exit) = ending else { return };
            if exit.pid == coded || exit.pid == killed {
                found.push((exit.pid, exit.status, exit.parent, exit.arguments.to_vec()));
            }
            assert!(exit.ended_boot_ns >= exit.start_boot_ns);
        });
    }
    found.sort_by_key(|found| found.0 == killed);
    assert_eq!(found[0].1, ExitStatus::Code(7));
    assert_eq!(found[1].1, ExitStatus::Signal(9));
    assert_eq!(found[0].2, std::process::id());
    assert_eq!(found[0].3, b"sh\0-c\0exit 7; # one two\0");
    assert_eq!(bpf.lost_exits(), 0);
    bpf.drain_exits(|ending| {
        assert!(!matches!(ending, Ending::Exit(exit) if exit.pid == coded), "told once")
    });
}
