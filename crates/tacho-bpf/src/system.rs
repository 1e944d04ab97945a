//! Calls of the operating system that have no place in the standard library.

#![expect(unsafe_code, reason = "one small wrapper per call of libc")]

/// Gives memory that is free back to the system: describing the kernel's types takes twenty megabytes for a
/// moment, which the allocator would else keep.
pub(crate) fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer; the allocator guards itself.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Time since boot, suspended time included.
pub(crate) fn boot_clock_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills the timespec, which lives across the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec)) else {
        return 0;
    };
    if result == 0 { seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds) } else { 0 }
}
