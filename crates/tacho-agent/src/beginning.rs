//! What an agent's first snapshot tells beside its readings: that the agent started, and the machine before it.

use tacho_model::Block;
use tacho_model::tables::event;

/// So long after its boot a machine counts as just started: an agent that is installed on one that has run for a year
/// has no boot to tell of.
const FRESH_US: u64 = 30 * 60 * 1_000_000;

/// The moment of the first snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning {
    pub(crate) time_ms: i64,
    pub(crate) boot_clock_us: u64,
    /// Nothing was recorded since the boot.
    pub(crate) is_first_of_boot: bool,
}

impl Beginning {
    /// Adds its events to the block of table `event`.
    pub(crate) fn tell(self, events: &mut Block) {
        if self.is_first_of_boot && self.boot_clock_us < FRESH_US {
            let since_ms = i64::try_from(self.boot_clock_us / 1000).unwrap_or(i64::MAX);
            events
                .push()
                .text(event::KIND, "boot")
                .text(event::TEXT, "the machine started")
                .integer(event::HAPPENED, self.time_ms.saturating_sub(since_ms));
        }
        events
            .push()
            .text(event::KIND, "agent_start")
            .text(event::SUBJECT, "tacho-agent")
            .text(event::TEXT, concat!("tacho-agent ", env!("CARGO_PKG_VERSION"), " started"))
            .integer(event::HAPPENED, self.time_ms)
            .integer(event::PID, std::process::id().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_is_told_once_and_while_it_is_news() {
        let kinds = |boot_clock_us, is_first_of_boot| {
            let mut block = Block::new(&event::TABLE);
            Beginning { time_ms: 100_000_000, boot_clock_us, is_first_of_boot }.tell(&mut block);
            let kind = |row| block.text(event::KIND, row).map(str::to_owned);
            let kinds: Vec<_> = (0..block.len()).filter_map(kind).collect();
            (kinds.join(" "), block.integer(event::HAPPENED, 0))
        };
        assert_eq!(kinds(60_000_000, true), ("boot agent_start".to_owned(), Some(99_940_000)));
        assert_eq!(kinds(60_000_000, false), ("agent_start".to_owned(), Some(100_000_000)));
        assert_eq!(kinds(86_400_000_000, true), ("agent_start".to_owned(), Some(100_000_000)));
    }
}
