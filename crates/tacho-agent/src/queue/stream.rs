//! The stream of new frames, and what of it outlives the agent.

use tacho_spool::StreamId;

/// From so many on, a stream is not gone on with: their numbers would run out.
const MAX_IDENTITIES: u32 = 1 << 31;

/// Both clocks, read at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    pub boot_us: u64,
    pub wall_ms: i64,
}

/// A stream: frames of one boot that are numbered together, and whose times are reckoned alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    pub id: StreamId,
    pub boot_id: String,
    /// Wall time at the boot, in milliseconds since the epoch, that times are reckoned from.
    pub epoch_ms: i64,
    pub last_sequence: u64,
    /// Identities are numbered within the stream, too.
    pub last_identity: u32,
}

impl Stream {
    pub(super) fn begin(id: StreamId, boot_id: &str, clocks: Clocks) -> Self {
        Self {
            id,
            boot_id: boot_id.to_owned(),
            epoch_ms: clocks.wall_ms.saturating_sub(to_ms(clocks.boot_us)),
            last_sequence: 0,
            last_identity: 0,
        }
    }

    /// Another stream of the same boot, clock and identities.
    pub(super) fn branch(&mut self, id: StreamId) {
        (self.id, self.last_sequence) = (id, 0);
    }

    /// Wall time by the boot clock, which nobody sets.
    pub fn time_ms(&self, boot_us: u64) -> i64 {
        self.epoch_ms.saturating_add(to_ms(boot_us))
    }

    /// What the next start of the agent has to know, at a moment of the boot clock.
    pub(super) fn note(&self, boot_us: u64) -> Vec<u8> {
        let hex: String = self.id.iter().map(|byte| format!("{byte:02x}")).collect();
        let Self { boot_id, epoch_ms, last_sequence, last_identity, .. } = self;
        format!("1 {hex} {boot_id} {epoch_ms} {last_sequence} {last_identity} {boot_us}").into_bytes()
    }

    /// The stream that a note tells of; `None` when it is of another boot, of a later moment of this one, or no
    /// note.
    pub(super) fn from_note(note: &[u8], boot_id: &str, clocks: Clocks) -> Option<Self> {
        let text = std::str::from_utf8(note).ok()?;
        let words: Vec<&str> = text.split(' ').collect();
        let ["1", hex, boot, epoch, sequence, identity, noted_us] = words.as_slice() else { return None };
        let stream = Self {
            id: parse_hex(hex)?,
            boot_id: (*boot).to_owned(),
            epoch_ms: epoch.parse().ok()?,
            last_sequence: sequence.parse().ok()?,
            last_identity: identity.parse().ok()?,
        };
        let is_ours = *boot == boot_id && noted_us.parse::<u64>().ok()? <= clocks.boot_us;
        (is_ours && stream.last_identity < MAX_IDENTITIES).then_some(stream)
    }
}

fn to_ms(boot_us: u64) -> i64 {
    i64::try_from(boot_us / 1000).unwrap_or(i64::MAX)
}

fn parse_hex(text: &str) -> Option<StreamId> {
    let mut id = [0; 16];
    if text.len() != 32 {
        return None;
    }
    for (position, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * position..2 * position + 2)?, 16).ok()?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCKS: Clocks = Clocks { boot_us: 60_000_000, wall_ms: 1_000_000 };

    #[test]
    fn a_stream_outlives_the_agent_and_not_the_boot() {
        let mut stream = Stream::begin([0xab; 16], "boot-1", CLOCKS);
        (stream.last_sequence, stream.last_identity) = (7, 99);
        assert_eq!(stream.time_ms(61_000_000), 1_001_000);
        let note = stream.note(60_000_000);
        // The wall clock was set back by an hour meanwhile, and nothing changes.
        let later = Clocks { boot_us: 70_000_000, wall_ms: -2_600_000 };
        assert_eq!(Stream::from_note(&note, "boot-1", later), Some(stream.clone()));
        assert_eq!(Stream::from_note(&note, "boot-2", later), None);
        let earlier = Clocks { boot_us: 59_000_000, wall_ms: 0 };
        assert_eq!(Stream::from_note(&note, "boot-1", earlier), None, "the machine was set back");
        stream.last_identity = MAX_IDENTITIES;
        assert_eq!(Stream::from_note(&stream.note(0), "boot-1", later), None);
    }

    #[test]
    fn what_is_no_note_is_no_stream() {
        let good = String::from_utf8(Stream::begin([1; 16], "b", CLOCKS).note(0)).unwrap();
        let bad = [
            String::new(),
            good.replacen('1', "2", 1),
            good.replace(" b ", " "),
            good.replace("01", "0x"),
            good + " 1",
        ];
        for note in bad {
            assert_eq!(Stream::from_note(note.as_bytes(), "b", CLOCKS), None, "{note}");
        }
        assert_eq!(Stream::from_note(b"\xff\xfe", "b", CLOCKS), None);
    }
}
