//! Processes that rest are told in few words: what changes must be told all the same.

#![expect(unsafe_code, reason = "children that do what the standard library has no words for")]

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tacho_bpf::{Bpf, Task};

use crate::child::{self, Child, burn, pipe};

/// As in `bpf/records.h`: of processes whose pids are so many apart, none is known to rest.
const PLACES: u32 = 1 << 14;

const WORK_US: u64 = 20_000;

/// A child that does its work once for each byte it gets, and sleeps in between.
struct Sleeper {
    child: Child,
    orders: OwnedFd,
    answers: OwnedFd,
}

impl Sleeper {
    fn start(work: impl Fn()) -> Self {
        loop {
            let (theirs, orders) = pipe();
            let (answers, done) = pipe();
            let child = Child::start(|| {
                // Else it would never see the end of its orders.
                child::close(&orders);
                loop {
                    child::read(&theirs, 1);
                    work();
                    child::write(&done, 1, 1);
                }
            });
            let sleeper = Self { child, orders, answers };
            if has_own_place(sleeper.child.pid) {
                return sleeper;
            }
            sleeper.end();
        }
    }

    fn pid(&self) -> u32 {
        self.child.pid
    }

    /// Has it do its work, and waits until it did.
    fn work(&self) {
        child::write(&self.orders, 1, 1);
        child::read(&self.answers, 1);
    }

    fn signal(&self, signal: i32) {
        // SAFETY: takes no pointers; the child was not waited for.
        assert_eq!(unsafe { libc::kill(self.child.pid.cast_signed(), signal) }, 0);
    }

    fn end(self) {
        self.signal(libc::SIGKILL);
        self.child.wait();
    }
}

fn has_own_place(pid: u32) -> bool {
    let listed = fs::read_dir("/proc").unwrap().flatten();
    let mut pids = listed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.all(|other| other == pid || other % PLACES != pid % PLACES)
}

fn pass(bpf: &mut Bpf, pid: u32) -> Task {
    bpf.read_tasks().unwrap();
    *bpf.task(pid).unwrap()
}

/// Makes passes until the process is told to rest.
fn rest(bpf: &mut Bpf, pid: u32) -> Task {
    loop {
        let task = pass(bpf, pid);
        if task.rests {
            return task;
        }
    }
}

/// The same but for that it was told in full.
fn in_full(task: Task) -> Task {
    Task { rests: false, ..task }
}

#[test]
fn what_slept_for_long_is_told_with_all_its_work_in_the_pass_after_it() {
    let _room = crate::ring();
    let Some(mut bpf) = crate::load() else { return };
    let sleeper = Sleeper::start(|| burn(WORK_US));
    for round in 1..=3 {
        let before = rest(&mut bpf, sleeper.pid());
        for _ in 0..3 {
            let again = pass(&mut bpf, sleeper.pid());
            assert_eq!(in_full(again), in_full(before));
        }
        if round == 1 {
            sleeper.work();
            let after = pass(&mut bpf, sleeper.pid());
            assert!(!after.rests && after.cpu.total_ns() >= WORK_US * 1000, "{after:?}");
        }
    }
    sleeper.end();
}

#[test]
fn one_that_is_asked_for_is_told_in_full() {
    let _room = crate::ring();
    let Some(mut bpf) = crate::load() else { return };
    let sleeper = Sleeper::start(|| ());
    let before = rest(&mut bpf, sleeper.pid());
    bpf.ask(sleeper.pid());
    let asked = pass(&mut bpf, sleeper.pid());
    assert_eq!(asked, in_full(before), "the same, in full");
    // Programs that were loaded anew know nothing of what others told.
    let Some(mut other) = crate::load() else { return };
    assert!(!pass(&mut other, sleeper.pid()).rests);
    rest(&mut other, sleeper.pid());
    sleeper.end();
}

#[test]
fn of_a_process_with_threads_everything_is_told() {
    let _room = crate::ring();
    let Some(mut bpf) = crate::load() else { return };
    let (orders, answers) = (pipe(), pipe());
    let child = Child::start(|| {
        extern "C" fn work(ends: *mut libc::c_void) -> *mut libc::c_void {
            // SAFETY: the other thread sleeps for ever with them on its stack.
            let (orders, answers) = unsafe { &*ends.cast::<(&OwnedFd, &OwnedFd)>() };
            child::read(orders, 1);
            burn(WORK_US);
            child::write(answers, 1, 1);
            child::read(orders, 1);
            std::ptr::null_mut()
        }
        let mut ends = (&orders.0, &answers.1);
        // SAFETY: the thread's number is written to a place of its own; the rest lives as long as the process.
        unsafe {
            let mut thread = std::mem::zeroed();
            libc::pthread_create(&raw mut thread, std::ptr::null(), work, (&raw mut ends).cast());
            loop {
                libc::pause();
            }
        }
    });
    while pass(&mut bpf, child.pid).threads != 2 {}
    let before = pass(&mut bpf, child.pid);
    child::write(&orders.1, 1, 1);
    child::read(&answers.0, 1);
    let after = pass(&mut bpf, child.pid);
    assert!(!before.rests && !after.rests);
    assert!(after.cpu.total_ns() >= before.cpu.total_ns() + WORK_US * 1000 / 2, "{before:?} {after:?}");
    assert!(after.cpu.total_ns() >= WORK_US * 1000, "{after:?}");
    Sleeper { child, orders: orders.1, answers: answers.0 }.end();
}

#[test]
fn memory_that_others_changed_is_told_when_it_is_asked_for() {
    const BYTES: usize = 8 << 20;
    let _room = crate::ring();
    let Some(mut bpf) = crate::load() else { return };
    // SAFETY: asks for new memory; the address is nobody else's.
    let memory = unsafe {
        let (rights, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        libc::mmap(std::ptr::null_mut(), BYTES, rights, kind, -1, 0)
    };
    assert_ne!(memory, libc::MAP_FAILED);
    let sleeper = Sleeper::start(|| ());
    let before = rest(&mut bpf, sleeper.pid());
    let filled = vec![7u8; BYTES];
    let from = libc::iovec { iov_base: filled.as_ptr().cast_mut().cast(), iov_len: BYTES };
    let to = libc::iovec { iov_base: memory, iov_len: BYTES };
    let pid = sleeper.pid().cast_signed();
    // SAFETY: reads `filled`, which is as long; writes memory of the child only.
    let written = unsafe { libc::process_vm_writev(pid, &raw const from, 1, &raw const to, 1, 0) };
    if written < 0 {
        eprintln!("not tested, another process may not be written to: {}", io::Error::last_os_error());
        return sleeper.end();
    }
    assert_eq!(in_full(pass(&mut bpf, sleeper.pid())), in_full(before), "it did nothing itself");
    bpf.ask(sleeper.pid());
    let after = pass(&mut bpf, sleeper.pid());
    assert!(after.resident_pages > before.resident_pages + 1000, "{before:?} {after:?}");
    assert_eq!(after.cpu, before.cpu);
    sleeper.end();
}

#[test]
fn another_program_in_the_same_process_is_told() {
    let _room = crate::ring();
    let Some(mut bpf) = crate::load() else { return };
    let mut command = Command::new("sh");
    let command = command.args(["-c", "read line; exec cat"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut shell = command.spawn().unwrap();
    let before = loop {
        let task = pass(&mut bpf, shell.id());
        // It may share its place with another process; then it is told in full, which is as good here.
        if task.comm.starts_with(b"sh\0") {
            break task;
        }
    };
    shell.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let after = loop {
        let task = pass(&mut bpf, shell.id());
        if task.comm.starts_with(b"cat\0") {
            break task;
        }
    };
    assert_eq!((after.pid, after.start_boot_ns), (before.pid, before.start_boot_ns));
    assert_ne!(after.exec_mark, before.exec_mark);
    drop(shell.stdin.take());
    shell.wait().unwrap();
}

#[test]
fn another_user_is_told() {
    const NOBODY: u32 = 65_534;
    let _room = crate::ring();
    let Some(mut bpf) = crate::load() else { return };
    let sleeper = Sleeper::start(|| {
        // SAFETY: takes no pointers. Where it is refused the user stays.
        let _refused = unsafe { libc::setuid(NOBODY) };
    });
    rest(&mut bpf, sleeper.pid());
    sleeper.work();
    let now = fs::metadata(format!("/proc/{}", sleeper.pid())).unwrap().uid();
    assert_eq!(pass(&mut bpf, sleeper.pid()).user_id, now);
    sleeper.end();
}

#[test]
fn an_orphan_is_told_with_its_new_parent() {
    let _room = crate::ring();
    let Some(mut bpf) = crate::load() else { return };
    let (theirs, orders) = pipe();
    let (pids, told) = pipe();
    let middle = Child::start(|| {
        let orphan = Child::start(|| {
            child::close(&orders);
            child::read(&theirs, 1);
            0
        });
        child::tell(&told, orphan.pid);
        // SAFETY: takes no pointers.
        unsafe { libc::pause() }
    });
    let orphan = child::hear(&pids);
    let before = pass(&mut bpf, orphan);
    assert_eq!(before.parent, middle.pid);
    // Told to rest or not, it does not run any more.
    while pass(&mut bpf, orphan).state != b'S' {}
    let mut before = pass(&mut bpf, orphan);
    if has_own_place(orphan) {
        before = rest(&mut bpf, orphan);
    }
    // SAFETY: takes no pointers; the child was not waited for.
    unsafe { libc::kill(middle.pid.cast_signed(), libc::SIGKILL) };
    let former = middle.pid;
    middle.wait();
    let after = pass(&mut bpf, orphan);
    assert!(!after.rests && after.parent != former, "{after:?}");
    assert_eq!(in_full(Task { parent: former, ..after }), in_full(before), "nothing else has changed");
    drop(orders);
}

#[test]
fn one_that_was_moved_to_another_control_group_is_told() {
    let _room = crate::ring();
    let Some(mut bpf) = crate::load() else { return };
    let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
    let Some(root) = roots.into_iter().find(|root| root.join("cgroup.controllers").exists()) else {
        return eprintln!("not tested, there are no control groups of version 2");
    };
    let group = root.join(format!("tacho-resting-{}", std::process::id()));
    if let Err(error) = fs::create_dir(&group) {
        return eprintln!("not tested, no control group can be made: {error}");
    }
    let sleeper = Sleeper::start(|| ());
    let before = rest(&mut bpf, sleeper.pid());
    let moved = fs::write(group.join("cgroup.procs"), sleeper.pid().to_string());
    let number = fs::metadata(&group).unwrap().ino();
    let after = pass(&mut bpf, sleeper.pid());
    sleeper.end();
    fs::remove_dir(&group).unwrap();
    if let Err(error) = moved {
        return eprintln!("not tested, a process can not be moved: {error}");
    }
    assert_eq!((after.rests, after.cgroup_id, after.cpu), (false, number, before.cpu));
    assert_ne!(before.cgroup_id, number);
}

#[test]
fn one_that_was_stopped_and_goes_on_is_told_so() {
    let _room = crate::ring();
    let Some(mut bpf) = crate::load() else { return };
    let sleeper = Sleeper::start(|| ());
    rest(&mut bpf, sleeper.pid());
    let wait_for = |state| {
        let mut status = 0;
        // SAFETY: the kernel fills the status, which lives across the call.
        let changed = unsafe { libc::waitpid(sleeper.pid().cast_signed(), &raw mut status, state) };
        assert_eq!(changed, sleeper.pid().cast_signed());
    };
    sleeper.signal(libc::SIGSTOP);
    wait_for(libc::WUNTRACED);
    assert_eq!(pass(&mut bpf, sleeper.pid()).state, b'T');
    assert_eq!(rest(&mut bpf, sleeper.pid()).state, b'T');
    sleeper.signal(libc::SIGCONT);
    wait_for(libc::WCONTINUED);
    while pass(&mut bpf, sleeper.pid()).state == b'T' {}
    assert_eq!(rest(&mut bpf, sleeper.pid()).state, b'S');
    sleeper.end();
}
