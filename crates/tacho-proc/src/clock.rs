//! How well the kernel's clock is kept, as its time service told it: `adjtimex(2)`, reading only.

#![expect(unsafe_code, reason = "a system call that has no place in the standard library")]

use std::io;
use std::mem::MaybeUninit;

use crate::ProcError;

/// State of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockState {
    /// A time service keeps it.
    pub synchronized: bool,
    /// Largest error that is reckoned with; it grows while nobody keeps the clock.
    pub error_max_us: Option<u64>,
}

/// Asks the kernel and changes nothing.
pub fn clock_state() -> Result<ClockState, ProcError> {
    const NAME: &str = "adjtimex";
    // SAFETY: all zeros is a valid value; no mode is set, so the kernel only fills the structure.
    let (result, state) = unsafe {
        let mut state = MaybeUninit::<libc::timex>::zeroed().assume_init();
        (libc::adjtimex(&raw mut state), state)
    };
    if result < 0 {
        return Err(ProcError::from_io(NAME, &io::Error::last_os_error()));
    }
    let synchronized = result != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0;
    Ok(ClockState { synchronized, error_max_us: u64::try_from(state.maxerror).ok() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_answers_or_refuses() {
        match clock_state() {
            Ok(state) => assert!(state.error_max_us.is_some()),
            Err(error) => assert!(error.is_absence(), "{error}"),
        }
    }
}
