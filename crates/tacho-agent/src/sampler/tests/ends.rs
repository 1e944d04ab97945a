//! Ends of processes, by every way to hear of them, on the machine that runs the tests. Where one is missing a test
//! says so and passes.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use tacho_model::tables::process;

use super::bpf::{Ended, Recording, shell};
use super::child::{CODE, Forked, SHELL_COMMAND};
use crate::sampler::{ExitsChoice, SamplerChoice};

type Way = (SamplerChoice, ExitsChoice, (&'static str, &'static str));

const BPF: Way = (SamplerChoice::Auto, ExitsChoice::Auto, ("bpf", "bpf"));
const TASKSTATS: Way = (SamplerChoice::Proc, ExitsChoice::Taskstats, ("proc", "taskstats"));
const BPF_AND_TASKSTATS: Way = (SamplerChoice::Auto, ExitsChoice::Taskstats, ("bpf", "taskstats"));
const PARENT: Way = (SamplerChoice::Proc, ExitsChoice::Parent, ("proc", "parent"));

/// Ways that tell each end.
const TOLD: [Way; 3] = [BPF, TASKSTATS, BPF_AND_TASKSTATS];

fn recordings(ways: &[Way]) -> impl Iterator<Item = (Way, Recording)> {
    ways.iter().filter_map(|way| Some((*way, Recording::start_by(way.0, way.1, way.2)?)))
}

/// CPU time is off by what a scheduler's tick, or two of `/proc`, may be.
fn is_about_ms(cpu_us: i64, ms: i64) -> bool {
    (ms * 1000 - 25_000..=ms * 1000 + 60_000).contains(&cpu_us)
}

/// CPU time of the rows of this snapshot of a process that lives, by pid and start.
fn alive(recording: &Recording, pid: u32) -> BTreeMap<(i64, i64), i64> {
    let mut found = BTreeMap::new();
    for (row, id) in recording.sample.processes.iter().enumerate() {
        let Some(identity) = recording.identities.get(id) else { continue };
        if identity.key.pid == i64::from(pid) && recording.value(row, process::PROCESSES) == Some(1) {
            let cpu = [process::CPU_USER_US, process::CPU_SYSTEM_US];
            let cpu_us = cpu.iter().filter_map(|column| recording.value(row, *column)).sum();
            found.insert((identity.key.pid, identity.key.start_time_ms), cpu_us);
        }
    }
    found
}

#[test]
fn processes_that_no_snapshot_saw_are_told_by_their_threads() {
    for (way, mut recording) in recordings(&[TASKSTATS, BPF_AND_TASKSTATS]) {
        let mut pids = Vec::new();
        for code in 0..20 {
            let mut child = shell(&format!("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; exit {code}"));
            child.wait().unwrap();
            pids.push(child.id());
        }
        let ends = recording.ends_of(&pids);
        for (code, pid) in (0..20).zip(&pids) {
            let ended = &ends[&i64::from(*pid)];
            assert_eq!((ended.code, ended.tx_bytes), (Some(code), None), "{way:?}");
            assert!(ended.cpu_us > 0 && ended.lifetime_us > 0, "{way:?}: {ended:?}");
            assert_eq!((ended.identity.name.as_str(), ended.identity.command.as_str()), ("sh", "sh"));
        }
    }
}

#[test]
fn a_known_process_ends_with_what_it_used_after_it_was_seen_by_every_way() {
    for (way, mut recording) in recordings(&TOLD) {
        let mut child = Forked::start(None).unwrap();
        let pid = child.pid;
        child.work_ms(100);
        recording.tick();
        child.work_ms(150);
        child.end();
        let ends = recording.ends_of(&[pid]);
        let ended = &ends[&i64::from(pid)];
        assert_eq!(ended.code, Some(CODE), "{way:?}");
        assert!(is_about_ms(ended.cpu_us, 150), "{way:?}: {ended:?}");
        let known = recording.identities.values().filter(|known| known.key.pid == i64::from(pid));
        assert!(known.map(|known| known.key).all(|key| key == ended.identity.key), "{way:?}");
        recording.tick();
        assert!(recording.ended().iter().all(|ended| ended.identity.key.pid != i64::from(pid)), "told once");
    }
}

#[test]
fn a_pid_in_use_again_is_another_process() {
    for (way, mut recording) in recordings(&[BPF, TASKSTATS, BPF_AND_TASKSTATS, PARENT]) {
        let mut first = Forked::start(None).unwrap();
        let pid = first.pid;
        recording.tick();
        let keys: Vec<_> = alive(&recording, pid).into_keys().collect();
        assert_eq!(keys.len(), 1, "{way:?}");
        first.work_ms(200);
        first.end();
        let Some(mut second) = take_pid(pid) else { return };
        second.work_ms(100);
        let (mut lives, mut ends): (BTreeMap<_, i64>, Vec<Ended>) = (BTreeMap::new(), Vec::new());
        while ends.is_empty() || lives.is_empty() {
            recording.tick();
            for (key, cpu_us) in alive(&recording, pid) {
                *lives.entry(key).or_default() += cpu_us;
            }
            ends.extend(
                recording.ended().into_iter().filter(|ended| ended.identity.key.pid == i64::from(pid)),
            );
        }
        let (ended, (key, cpu_us)) = (&ends[0], lives.pop_first().unwrap());
        assert_eq!((ended.identity.key.pid, ended.identity.key.start_time_ms), keys[0], "{way:?}");
        assert!(key > keys[0], "{way:?}");
        assert!(is_about_ms(cpu_us, 100), "{way:?}: {cpu_us}");
        assert_eq!((ends.len(), lives.len()), (1, 0), "{way:?}");
        // Others of this process's children share with it what their parent inherited.
        if way != PARENT {
            assert_eq!(ended.code, Some(CODE), "{way:?}");
            assert!(is_about_ms(ended.cpu_us, 200), "{way:?}: {ended:?}");
        }
        second.end();
    }
}

#[test]
fn two_lives_under_one_pid_between_two_snapshots_are_two_processes() {
    for (way, mut recording) in recordings(&TOLD) {
        let mut first = Forked::start(None).unwrap();
        let pid = first.pid;
        first.work_ms(200);
        first.end();
        let Some(mut second) = take_pid(pid) else { return };
        second.work_ms(100);
        second.become_shell();
        let mut ends = Vec::new();
        while ends.len() < 2 {
            recording.tick();
            ends.extend(
                recording.ended().into_iter().filter(|ended| ended.identity.key.pid == i64::from(pid)),
            );
        }
        ends.sort_by_key(|ended| ended.code);
        let [second, first] = ends.as_slice() else { panic!("{way:?}: {ends:?}") };
        assert_eq!((first.code, second.code), (Some(CODE), Some(4)), "{way:?}");
        assert_ne!(first.identity.key, second.identity.key, "{way:?}");
        assert!(is_about_ms(first.cpu_us, 200) && is_about_ms(second.cpu_us, 100), "{way:?}: {ends:?}");
    }
}

#[expect(clippy::print_stderr, reason = "a test that can not run says why")]
fn take_pid(pid: u32) -> Option<Forked> {
    let taken = Forked::start(Some(pid));
    if let Err(error) = &taken {
        eprintln!("not tested, a pid can not be chosen: {error}");
    }
    taken.ok()
}

#[test]
fn the_last_row_of_one_that_was_seen_before_its_exec_has_the_command_of_its_end() {
    for (way, mut recording) in recordings(&TOLD) {
        let child = Forked::start(None).unwrap();
        let pid = child.pid;
        recording.tick();
        let before = recording.identities.iter().find(|(_, known)| known.key.pid == i64::from(pid));
        let (before, known) = before.map(|(id, known)| (*id, std::sync::Arc::clone(known))).unwrap();
        assert_ne!(known.name, "sh");
        child.become_shell();
        let mut retired = Vec::new();
        let ended = loop {
            recording.tick();
            retired.extend(recording.sample.retired.clone());
            let mut ended = recording.ended().into_iter();
            if let Some(ended) = ended.find(|ended| ended.identity.key.pid == i64::from(pid)) {
                break ended;
            }
        };
        let command = if way.1 == ExitsChoice::Auto { SHELL_COMMAND } else { "sh" };
        assert_eq!(
            (ended.identity.name.as_str(), ended.identity.command.as_str()),
            ("sh", command),
            "{way:?}"
        );
        assert_eq!((ended.identity.key, ended.code), (known.key, Some(4)), "{way:?}");
        let (last, _) = recording
            .identities
            .iter()
            .find(|(_, known)| std::sync::Arc::ptr_eq(known, &ended.identity))
            .unwrap();
        assert!(
            before != *last && retired.contains(&before) && retired.contains(last),
            "{way:?}: {retired:?}"
        );
    }
}

#[test]
fn disk_use_of_children_is_counted_once() {
    for (way, mut recording) in recordings(&TOLD) {
        let program = std::env::current_exe().unwrap();
        let directory = tempfile::tempdir_in(program.parent().unwrap()).unwrap();
        let script =
            "read line; dd if=/dev/zero of=f bs=4096 count=100 conv=fsync 2>/dev/null; echo; read line";
        let mut parent = Command::new("sh")
            .args(["-c", script])
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        recording.tick();
        parent.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
        parent.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let (mut of_parent, mut of_child) = (0, None);
        while of_child.is_none() {
            recording.tick();
            for (row, id) in recording.sample.processes.iter().enumerate() {
                let Some(identity) = recording.identities.get(id) else { continue };
                let bytes = recording.value(row, process::DISK_WRITE_BYTES);
                if identity.key.pid == i64::from(parent.id()) {
                    of_parent += bytes.unwrap_or(0);
                } else if identity.parent_pid == i64::from(parent.id()) {
                    of_child = of_child.max(bytes);
                }
            }
        }
        assert!(of_child >= Some(409_600), "{way:?}: {of_child:?}");
        assert!(of_parent < 100_000, "{way:?}: {of_parent}");
        parent.stdin.take();
        parent.wait().unwrap();
    }
}
