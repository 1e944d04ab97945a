//! Memory that the loader needed.

/// Gives memory that is free back to the system: describing the kernel's types takes twenty megabytes for a
/// moment, which the allocator would else keep.
#[expect(unsafe_code, reason = "the standard library has no way to say this")]
pub(crate) fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer; the allocator guards itself.
    unsafe {
        libc::malloc_trim(0);
    }
}
