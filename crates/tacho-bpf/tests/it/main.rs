//! The programs as they are committed, and in the kernel that runs the tests. Where they can not be loaded a
//! test says so and passes.

#![allow(clippy::unwrap_used, reason = "a test that fails says where by panicking")]
#![expect(clippy::print_stderr, reason = "a test that can not run says why")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use tacho_bpf::{Bpf, NetworkWays};

mod child;
mod exits;
mod holders;
mod network;
mod object;
mod processes;
mod resting;

/// Held by tests that want room in the ring of ends, which all processes of the machine share, by the one
/// that fills it, and by all that start processes.
static RING: Mutex<()> = Mutex::new(());

fn ring() -> MutexGuard<'static, ()> {
    RING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The programs at work, or a word on why not.
fn load() -> Option<Bpf> {
    load_with(NetworkWays::ALL)
}

fn load_with(network: NetworkWays) -> Option<Bpf> {
    match Bpf::load(network) {
        Ok(bpf) => Some(bpf),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            eprintln!("not tested, there is no BPF here: {error}: {cause}");
            None
        }
    }
}
