//! Memory that a daemon does not need any more.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// The allocator keeps what was freed, in each thread's arena: of a server that writes and merges files, gigabytes
/// within days. A look through them takes milliseconds.
const EVERY: Duration = Duration::from_secs(60);

/// Gives memory that is free back to the system, from time to time until told to stop.
pub async fn run(stop: CancellationToken) -> Result<(), Infallible> {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        // It has nothing to panic with.
        tokio::task::spawn_blocking(give_back).await.ok();
    }
}

/// Lets threads share the allocator's arenas, one for each core, where else it would make eight: what one thread
/// freed then serves another. To be called before there are threads.
#[expect(unsafe_code, reason = "the standard library has no way to say this")]
pub fn share() {
    #[cfg(target_env = "gnu")]
    {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let arenas = libc::c_int::try_from(cores.max(2)).unwrap_or(libc::c_int::MAX);
        // SAFETY: takes no pointer; only the allocator's own settings change.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, arenas);
        }
    }
}

/// Gives memory that is free back to the system, now.
#[expect(unsafe_code, reason = "the standard library has no way to say this")]
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer; the allocator guards itself.
    unsafe {
        libc::malloc_trim(0);
    }
}
