//! Processes that live shortly: nothing of what they did is lost.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;

use tacho_bpf::{Bpf, Bytes, Ending, Exit, ExitStatus};

use crate::child::{self, Child};

/// What an end told.
#[derive(Debug, Clone, Copy)]
struct Told {
    cpu_us: u64,
    disk: Bytes,
    status: ExitStatus,
    parent: u32,
    is_total: bool,
}

fn drain(bpf: &mut Bpf, into: &mut HashMap<u32, Told>) {
    bpf.drain_exits(|ending| match ending {
        Ending::Exit(exit) => {
            let cpu_us = exit.cpu.total_ns() / 1000;
            let Exit { disk, status, parent, .. } = exit;
            into.insert(exit.pid, Told { cpu_us, disk, status, parent, is_total: false });
        }
        Ending::Total(total) => {
            if let Some(told) = into.get_mut(&total.pid) {
                (told.cpu_us, told.is_total) = (total.cpu.total_ns() / 1000, true);
            }
        }
    });
}

fn scratch_file(name: &str) -> OwnedFd {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let file = File::create(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file.into()
}

#[test]
fn short_lives_are_told_whole() {
    const CHILDREN: u64 = 500;
    let _room = crate::ring();
    let Some(mut bpf) = crate::load().filter(Bpf::tells_exits) else { return };
    let (mut told, mut known) = (HashMap::new(), Vec::new());
    for number in 0..CHILDREN {
        let file = scratch_file(&format!("life-{number}"));
        let child = Child::start(|| {
            child::burn(5000 + number % 16 * 1000);
            child::write(&file, usize::try_from(number % 5).unwrap_or(0) * 8192, 4096);
            if number % 7 == 0 {
                child::raise(libc::SIGKILL)
            } else {
                i32::try_from(number % 50).unwrap_or(0)
            }
        });
        child.wait_for_end();
        let (pid, disk) = (child.pid, child::disk_use(child.pid).ok());
        known.push((number, pid, disk, child.wait()));
        if number % 50 == 0 {
            drain(&mut bpf, &mut told);
        }
    }
    // The last ones are freed a moment after they were waited for, and a few are never told to be.
    let of_test = |told: &&Told| told.parent == std::process::id() && told.is_total;
    while told.values().filter(of_test).count() < 490 {
        drain(&mut bpf, &mut told);
    }
    let (mut used_us, mut told_us) = (0, 0);
    for (number, pid, disk, usage) in known {
        let told = told.get(&pid).unwrap();
        used_us += usage.cpu_us;
        told_us += told.cpu_us;
        let status = if number % 7 == 0 {
            ExitStatus::Signal(9)
        } else {
            ExitStatus::Code(u8::try_from(number % 50).unwrap())
        };
        assert_eq!((told.status, told.parent), (status, std::process::id()), "child {number}");
        if let Some(disk) = disk {
            assert_eq!((told.disk.read, told.disk.written), disk, "child {number}, {}", usage.status);
        }
    }
    eprintln!("CPU time of {CHILDREN}: {told_us} µs of {used_us} µs");
    assert!(told_us * 100 >= used_us * 99 && told_us <= used_us + CHILDREN, "{told_us} of {used_us}");
    assert_eq!(bpf.lost_exits(), 0);
}

#[test]
fn ends_that_find_no_room_are_counted() {
    const CHILDREN: usize = 4000;
    let _room = crate::ring();
    let Some(mut bpf) = crate::load().filter(Bpf::tells_exits) else { return };
    for _ in 0..CHILDREN {
        Child::start(|| 0).wait();
    }
    let lost = usize::try_from(bpf.lost_exits()).unwrap();
    let mut told = HashMap::new();
    drain(&mut bpf, &mut told);
    assert!(
        lost > 0 && told.len() > 1000 && told.len() + lost >= CHILDREN,
        "{} told, {lost} lost",
        told.len()
    );
    Child::start(|| 5).wait();
    while !told.values().any(|told| told.status == ExitStatus::Code(5) && told.parent == std::process::id()) {
        drain(&mut bpf, &mut told);
    }
}

#[test]
fn the_end_of_an_orphan_names_whom_it_was_given_to() {
    let _room = crate::ring();
    let Some(mut bpf) = crate::load().filter(Bpf::tells_exits) else { return };
    let (ended, ends) = child::pipe();
    let parent = Child::start(|| {
        let own = std::process::id();
        Child::start(|| {
            while std::os::unix::process::parent_id() == own {
                std::hint::spin_loop();
            }
            child::write(&ends, 4, 4);
            7
        });
        3
    });
    let pid = parent.pid;
    parent.wait();
    drop(ends);
    child::read(&ended, 4);
    let mut told = HashMap::new();
    let is_orphan = |told: &Told| told.status == ExitStatus::Code(7) && told.parent != pid;
    while !(told.values().any(is_orphan) && told.contains_key(&pid)) {
        drain(&mut bpf, &mut told);
    }
    assert_eq!(told[&pid].status, ExitStatus::Code(3));
}

#[test]
fn threads_that_ended_before_their_process_count() {
    let Some(mut bpf) = crate::load().filter(Bpf::tells_exits) else { return };
    let own = std::process::id();
    bpf.read_tasks().unwrap();
    let before = bpf.task(own).unwrap().disk;
    let (_, disk_before) = child::disk_use(own).unwrap_or_default();
    let written = std::thread::spawn(|| {
        let file = scratch_file("thread");
        child::write(&file, 1 << 20, 4096);
        1 << 20
    });
    let written: u64 = written.join().unwrap();
    bpf.read_tasks().unwrap();
    let after = bpf.task(own).unwrap().disk;
    // Other tests of this process may write at the same time.
    let (_, disk_after) = child::disk_use(own).unwrap_or_default();
    if disk_after >= disk_before + written {
        assert!(after.written - before.written >= written, "{before:?} {after:?}");
    }
}
