//! Hands the decoder pages that are unpacked already, all columns of a file by one context of zstd, which goes on to the
//! next file.
//!
//! The decoder would make a context for packing and one for unpacking for each column of each row group. That costs as
//! much as to unpack the page of a few rows that is wanted of it: the processor is asked what it can do, which a virtual
//! machine has to ask its host.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

use super::buffer::Buffer;
use super::metadata::GroupMeta;
use super::source::Source;

/// Most bytes of a page, unpacked. Tacho writes pages of some thousand values.
const MOST_BYTES: u64 = 256 << 20;

/// Contexts kept for files to come; each takes some 200 kB.
const MOST_KEPT: usize = 16;

static KEPT: Mutex<Vec<Tools>> = Mutex::new(Vec::new());

/// Shared by the columns of a file.
pub(super) type Unpacker = Arc<Context>;

/// Dropped, it is kept for another file.
pub(super) struct Context(Mutex<Option<Tools>>);

struct Tools {
    zstd: Decompressor<'static>,
    buffer: Buffer,
}

impl Drop for Context {
    fn drop(&mut self) {
        let context = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST_KEPT {
            kept.extend(context);
        }
    }
}

pub(super) fn unpacker() -> Result<Unpacker, String> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let new = || Decompressor::new().map(|zstd| Tools { zstd, buffer: Buffer::default() });
    let context = kept.map_or_else(new, Ok).map_err(|error| error.to_string())?;
    Ok(Arc::new(Context(Mutex::new(Some(context)))))
}

/// A row group as the decoder is told of it, and which of its columns are packed by zstd.
pub(super) fn as_if_unpacked(group: RowGroupMetaData) -> Result<(RowGroupMetaData, Vec<bool>), ParquetError> {
    let is_packed = |compression| matches!(compression, Compression::ZSTD(_));
    let packed = group.columns().iter().map(|column| is_packed(column.compression())).collect();
    let columns = group.columns().iter().map(|column| match is_packed(column.compression()) {
        true => column.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build(),
        false => Ok(column.clone()),
    });
    let columns = columns.collect::<Result<_, _>>()?;
    Ok((group.into_builder().set_column_metadata(columns).build()?, packed))
}

/// One row group of an open file.
pub(super) struct OpenGroup<'a> {
    pub(super) group: &'a GroupMeta,
    pub(super) source: &'a Arc<Source>,
    pub(super) unpacker: &'a Unpacker,
}

impl RowGroups for OpenGroup<'_> {
    fn num_rows(&self) -> usize {
        self.group.rows()
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>, ParquetError> {
        let missing = || ParquetError::General(format!("it has no column {column}"));
        let chunk =
            self.row_groups().next().and_then(|group| group.columns().get(column)).ok_or_else(missing)?;
        let places = self.group.pages(column).and_then(|pages| pages.places.clone());
        let packed = SerializedPageReader::new(Arc::clone(self.source), chunk, self.num_rows(), places)?;
        let unpacker = self.group.is_packed(column).then(|| Arc::clone(self.unpacker));
        Ok(Box::new(OneChunk(Some(Box::new(Pages { packed, unpacker })))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata().row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.group.parquet()
    }
}

struct OneChunk(Option<Box<dyn PageReader>>);

impl Iterator for OneChunk {
    type Item = Result<Box<dyn PageReader>, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneChunk {}

/// Pages of one column of a row group.
struct Pages {
    packed: SerializedPageReader<Source>,
    /// `None` when they are not packed.
    unpacker: Option<Unpacker>,
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let page = self.packed.get_next_page()?;
        match &self.unpacker {
            Some(unpacker) => page.map(|page| unpacked(page, unpacker)).transpose(),
            None => Ok(page),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.packed.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.packed.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool, ParquetError> {
        self.packed.at_record_boundary()
    }
}

impl Iterator for Pages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

fn unpacked(mut page: Page, unpacker: &Unpacker) -> Result<Page, ParquetError> {
    match &mut page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = unpack(buf, 0, unpacker)?,
        Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed: true, .. } => {
            let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
            *buf = unpack(buf, usize::try_from(levels).unwrap_or(usize::MAX), unpacker)?;
        }
        Page::DataPageV2 { .. } => {}
    }
    Ok(page)
}

/// The first bytes, which are not packed, and those that are in the rest.
fn unpack(bytes: &Bytes, plain: usize, unpacker: &Unpacker) -> Result<Bytes, ParquetError> {
    let damaged = |why: &str| ParquetError::General(format!("a page cannot be unpacked: {why}"));
    let (plain, packed) = bytes.split_at_checked(plain).ok_or_else(|| damaged("it is too short"))?;
    // All of its values are absent.
    if packed.is_empty() {
        return Ok(bytes.clone());
    }
    let size = get_frame_content_size(packed).ok().flatten().filter(|size| *size <= MOST_BYTES);
    let size = size
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(|| damaged("it does not tell its size"))?;
    let mut context = unpacker.0.lock().unwrap_or_else(PoisonError::into_inner);
    let Tools { zstd, buffer } = context.as_mut().ok_or_else(|| damaged("there is no context"))?;
    buffer.take(plain.len() + size, |unpacked| {
        let (before, rest) = unpacked.split_at_mut(plain.len());
        before.copy_from_slice(plain);
        let written = zstd.decompress_to_buffer(packed, rest).map_err(|error| damaged(&error.to_string()))?;
        if written == size { Ok(()) } else { Err(damaged("it is shorter than it tells")) }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_that_tells_a_size_beyond_all_bounds_takes_no_memory() {
        let size =
            |size: u64| [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &size.to_le_bytes(), &[1, 0, 0]].concat();
        for told in [1 << 40, MOST_BYTES + 1, 5] {
            assert!(unpack(&size(told).into(), 0, &unpacker().unwrap()).is_err(), "{told}");
        }
        assert_eq!(unpack(&size(0).into(), 0, &unpacker().unwrap()).unwrap(), Bytes::new());
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(levels in prop::collection::vec(any::<u8>(), 0..9), values in prop::collection::vec(0u8..4, 0..3000)) {
            let packed = zstd::bulk::compress(&values, 3).unwrap();
            let page = unpack(&[levels.clone(), packed.clone()].concat().into(), levels.len(), &unpacker().unwrap()).unwrap();
            prop_assert_eq!(&page[..], &[levels, values].concat()[..]);
            let short = unpack(&packed[..packed.len() - 1].to_vec().into(), 0, &unpacker().unwrap());
            prop_assert!(short.is_err());
        }

        #[test]
        fn any_bytes_are_a_page_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), plain in 0usize..300) {
            unpack(&bytes.into(), plain, &unpacker().unwrap()).ok();
        }
    }
}
