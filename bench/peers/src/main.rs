//! CPU time of reading every process of this machine once, with the `procfs` and `sysinfo` crates.
//! Same pauses and the same median as `sample_cost` of tacho-agent.

use std::time::Duration;

use procfs::process::all_processes;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

const SAMPLES: usize = 60;
const PAUSE: Duration = Duration::from_millis(100);

fn main() {
    measure("procfs crate: stat, io, status", || {
        for process in all_processes().expect("/proc can be listed").flatten() {
            std::hint::black_box((process.stat().ok(), process.io().ok(), process.status().ok()));
        }
    });
    let mut system = System::new().expect("sysinfo can be set up");
    let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().with_disk_usage().without_tasks();
    measure("sysinfo crate: CPU, memory, disk", move || {
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
    });
}

fn measure(name: &str, mut sample: impl FnMut()) {
    let mut costs_us = Vec::with_capacity(SAMPLES);
    sample();
    for _ in 0..SAMPLES {
        std::thread::sleep(PAUSE);
        let before = cpu_time_us();
        sample();
        costs_us.push(cpu_time_us() - before);
    }
    costs_us.sort_unstable();
    println!("{name:<44} {:>9.3} ms", costs_us[SAMPLES / 2] as f64 / 1000.0);
}

/// User and system time of this process.
fn cpu_time_us() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec into the place it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}
