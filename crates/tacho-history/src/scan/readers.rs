//! How many threads read files now: beyond the cores there are, another one only takes turns with them.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

static READERS: AtomicUsize = AtomicUsize::new(0);
static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// Counts as one of them until dropped.
pub(super) struct Reader(&'static AtomicUsize);

impl Reader {
    pub(super) fn start() -> Self {
        READERS.fetch_add(1, Ordering::Relaxed);
        Self(&READERS)
    }

    /// One more, where a core is left for it.
    pub(super) fn start_on_free_core() -> Option<Self> {
        Self::start_below(&READERS, *CORES)
    }

    fn start_below(readers: &'static AtomicUsize, most: usize) -> Option<Self> {
        let more = |count| (count < most).then_some(count + 1);
        readers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(readers))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_cores_and_one_that_ends_makes_room() {
        static OF_TEST: AtomicUsize = AtomicUsize::new(0);
        let start = || Reader::start_below(&OF_TEST, 2);
        let (first, second) = (start(), start());
        assert!(first.is_some() && second.is_some() && start().is_none());
        drop(second);
        assert!(start().is_some());
    }
}
