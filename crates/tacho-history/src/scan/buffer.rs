//! Memory for pages, which live until they are decoded: taken from one piece after the other, and used again once all pages in
//! it are gone. To ask the allocator for each of them takes longer than to decode some, the more so when threads wait for
//! one another there.

use bytes::{Bytes, BytesMut};

/// Bytes of a piece: some pages.
const PIECE_BYTES: usize = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct Buffer(BytesMut);

impl Buffer {
    /// Bytes that `fill` writes, all zero before. One page that is larger than a piece has memory of its own.
    pub(super) fn take<E>(
        &mut self,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Bytes, E> {
        if length > PIECE_BYTES {
            let mut bytes = vec![0; length];
            fill(&mut bytes)?;
            return Ok(bytes.into());
        }
        if self.0.capacity() < length {
            self.0.reserve(PIECE_BYTES);
        }
        self.0.resize(length, 0);
        let mut bytes = self.0.split();
        fill(&mut bytes)?;
        Ok(bytes.freeze())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn take(buffer: &mut Buffer, length: usize, value: u8) -> Bytes {
        let filled = |bytes: &mut [u8]| -> Result<(), Infallible> {
            assert!(bytes.iter().all(|byte| *byte == 0));
            bytes.fill(value);
            Ok(())
        };
        buffer.take(length, filled).unwrap()
    }

    #[test]
    fn pages_keep_what_is_in_them() {
        let mut buffer = Buffer::default();
        let lengths = [0, 1, 3000, PIECE_BYTES, 20_000, 20_000, 20_000, 20_000, PIECE_BYTES + 1, 5];
        let pages: Vec<_> =
            lengths.iter().zip(1..).map(|(length, value)| take(&mut buffer, *length, value)).collect();
        for ((page, length), value) in pages.iter().zip(lengths).zip(1..) {
            assert_eq!(page[..], vec![value; length]);
        }
    }

    #[test]
    fn memory_of_pages_that_are_gone_is_used_again() {
        let mut buffer = Buffer::default();
        let place = take(&mut buffer, 40_000, 1).as_ptr();
        for value in 2..20 {
            assert_eq!(take(&mut buffer, 40_000, value).as_ptr(), place);
        }
    }
}
