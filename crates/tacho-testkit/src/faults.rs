//! The fault harness: real daemons in networks of their own, everything that goes wrong with them decided by a
//! seed, and afterwards the count of every frame.

pub mod disk;
pub mod fleet;
pub mod healthy;
pub mod herd;
pub mod mark;
pub mod mixed;
pub mod namespace;
pub mod network;
pub mod node;
pub mod outage;
pub mod plan;
pub mod report;
pub mod truth;
pub mod verdict;
pub mod wall_clock;
pub mod watch;

use std::time::Duration;

use tacho_runtime::clock;

/// Where lines of progress go.
pub type Say<'a> = &'a dyn Fn(&str);

/// Settings that every agent of a run has. Its budget is lifted, because a crowded test machine is not what
/// it is there for.
fn agent_settings(interval: Duration) -> Vec<(String, String)> {
    [
        ("interval", format!("{}ms", interval.as_millis())),
        ("sampler", "proc".to_owned()),
        // A line for each frame, which the count goes by.
        ("log_level", "debug".to_owned()),
        ("budget_cpu", "1000%".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec()
}

/// True wall time at boot, in milliseconds: by both clocks of this process, which is under no fault.
fn boot_time_ms() -> i64 {
    clock::wall_ms().saturating_sub(i64::try_from(clock::boot_us() / 1000).unwrap_or(0))
}
