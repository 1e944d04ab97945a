//! Memory of one process.

use super::entry::Moment;
use super::source::{ProcessSource, Reading};

/// Resident memory of a process that works is read exactly at least at every so many readings.
const EXACT_EVERY: u8 = 8;

/// Swapped memory is read this often at most, and this often at least, while swap is in use.
const SWAP_SOON_US: u64 = 15_000_000;
const SWAP_LATE_US: u64 = 300_000_000;

/// Resident and swapped memory. What `stat` says of resident memory lags behind by what each CPU has not added
/// up yet; `statm` is exact on newer kernels and costs another file. So the difference between the two is kept
/// from one exact reading to the next.
#[derive(Debug, Default)]
pub(super) struct ProcessMemory {
    pub(super) rss_bytes: u64,
    pub(super) swap_bytes: Option<u64>,
    /// Exact less approximate.
    correction: i64,
    /// Resident memory by `stat` at the newest exact reading, and readings since then.
    exact_at_bytes: u64,
    age: u8,
    swap_read_us: u64,
    swap_at_bytes: u64,
}

impl ProcessMemory {
    /// Takes in a new reading; an exact one where that may make a difference.
    pub(super) fn update(
        &mut self,
        pid: u32,
        reading: &Reading,
        moved: bool,
        moment: &Moment,
        source: &mut ProcessSource,
    ) {
        self.age = self.age.saturating_add(u8::from(moved));
        if reading.rss_bytes != self.exact_at_bytes || self.age >= EXACT_EVERY {
            return self.refresh(pid, reading, moment, source);
        }
        self.rss_bytes = reading.rss_bytes.saturating_add_signed(self.correction);
        self.refresh_swap(pid, reading, moment, source);
    }

    /// Reads resident memory exactly.
    pub(super) fn refresh(
        &mut self,
        pid: u32,
        reading: &Reading,
        moment: &Moment,
        source: &mut ProcessSource,
    ) {
        (self.age, self.exact_at_bytes, self.rss_bytes) = (0, reading.rss_bytes, reading.rss_bytes);
        if !reading.is_kernel_thread
            && let Ok(exact) = source.read_rss(pid)
        {
            self.correction = exact.cast_signed().wrapping_sub(reading.rss_bytes.cast_signed());
            self.rss_bytes = exact;
        }
        self.refresh_swap(pid, reading, moment, source);
    }

    fn refresh_swap(&mut self, pid: u32, reading: &Reading, moment: &Moment, source: &mut ProcessSource) {
        match moment.swap_used_bytes {
            None => self.swap_bytes = None,
            Some(0) => self.swap_bytes = Some(0),
            Some(_) if reading.is_kernel_thread => self.swap_bytes = Some(0),
            Some(_) => {
                let age_us = moment.tick.now_us.saturating_sub(self.swap_read_us);
                let moved = self.swap_at_bytes != reading.rss_bytes && age_us >= SWAP_SOON_US;
                if self.swap_read_us == 0 || moved || age_us >= SWAP_LATE_US {
                    self.swap_bytes = source.read_swap(pid).ok();
                    (self.swap_read_us, self.swap_at_bytes) = (moment.tick.now_us, reading.rss_bytes);
                }
            }
        }
    }
}
