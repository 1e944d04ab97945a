//! The only place that asks the kernel for the time.

use std::sync::Arc;

/// Milliseconds since 1970-01-01T00:00:00Z, as a function that tests replace.
pub type NowMs = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The system's wall clock as a [`NowMs`].
pub fn system_now_ms() -> NowMs {
    Arc::new(wall_ms)
}

/// The wall clock: milliseconds since the epoch. May jump.
pub fn wall_ms() -> i64 {
    let now = read(libc::CLOCK_REALTIME);
    now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000)
}

/// Microseconds since boot, time asleep included (`CLOCK_BOOTTIME`). Never jumps.
pub fn boot_us() -> u64 {
    let now = read(libc::CLOCK_BOOTTIME);
    let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1000);
    u64::try_from(micros).unwrap_or(0)
}

#[expect(unsafe_code, reason = "the standard library has no CLOCK_BOOTTIME")]
fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec for the kernel to write to. Both clocks exist since Linux 2.6.39, so
    // the call can not fail; were it to, `now` stays zero.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_agree_with_the_standard_library() {
        let before =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
        let here = wall_ms();
        let after =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
        assert!(before <= here && here <= after);
        let boot = boot_us();
        assert!(boot > 0 && boot <= boot_us());
    }
}
