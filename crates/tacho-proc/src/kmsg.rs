//! `/dev/kmsg`: records of the kernel's log, and which of them tell of trouble.
//!
//! Wording differs from kernel to kernel; the marks here are those of 3.10 to 6.x. Only the kernel's own
//! records count: what programs write to the log carries another facility, which they can not choose away.

use crate::bytes::number;

mod trouble;

pub use trouble::{KernelEvent, KernelEventKind, kernel_event};

/// Bytes of a message that are kept.
const MAX_MESSAGE_BYTES: usize = 500;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelMessage<'t> {
    /// 0 is the kernel itself.
    pub facility: u64,
    /// 0 emergency to 7 debug.
    pub level: u64,
    pub sequence: u64,
    /// Since boot by the log's own clock.
    pub time_us: u64,
    /// The message's first line.
    pub text: &'t [u8],
}

/// `4,1234,5140900,-;EXT4-fs error (device sda1): …`, followed by lines of properties that start with a space.
pub fn parse_kernel_message(record: &[u8]) -> Option<KernelMessage<'_>> {
    let at = record.iter().position(|byte| *byte == b';')?;
    let (head, text) = (record.get(..at)?, record.get(at + 1..)?);
    let mut fields = head.split(|byte| *byte == b',').map(number);
    let (prefix, sequence, time_us) = (fields.next()??, fields.next()??, fields.next()??);
    let text = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Some(KernelMessage { facility: prefix >> 3, level: prefix & 7, sequence, time_us, text })
}

/// Text for people: without control characters, and not longer than any message needs to be.
pub fn printable(text: &[u8]) -> String {
    let cut = text.get(..MAX_MESSAGE_BYTES).unwrap_or(text);
    let mut printable: String =
        String::from_utf8_lossy(cut).chars().filter(|letter| !letter.is_control()).collect();
    // A character that is not UTF-8 grows to three bytes.
    while printable.len() > MAX_MESSAGE_BYTES {
        printable.pop();
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let message = parse_kernel_message(b"6,339,5140900,-;NET: Registered\n SUBSYSTEM=x\n").unwrap();
        assert_eq!((message.facility, message.level, message.sequence), (0, 6, 339));
        assert_eq!((message.time_us, message.text), (5_140_900, &b"NET: Registered"[..]));
        assert_eq!(parse_kernel_message(b"12,1,2,c;from a program").map(|message| message.facility), Some(1));
        for record in ["", ";", "6,1;x", "6,1,x,-;y", "6,1,2,-"] {
            assert_eq!(parse_kernel_message(record.as_bytes()), None, "{record}");
        }
    }

    #[test]
    fn text_is_bounded_and_clean() {
        assert_eq!(printable(b"a\x1b[31mb\tc\x07"), "a[31mbc");
        assert_eq!(printable(&[b'x'; 5000]).len(), 500);
        assert!(printable(&[0xff; 5000]).len() <= 500);
    }
}
