//! Blocks of a snapshot to and from the compressed bytes that a frame carries.

use prost::Message as _;
use tacho_model::{Block, ColumnValues, Table, tables};

use crate::v1;

/// Highest compression that costs the agent less than the sampling itself (zstd's own default).
const COMPRESSION_LEVEL: i32 = 3;
/// Most bytes that the blocks of one frame may unpack to: 100 times a busy host's.
const MAX_UNPACKED_BYTES: usize = 8 * 1024 * 1024;
/// Most rows of one block; an agent's own limit is far below.
const MAX_ROWS: usize = 100_000;

/// Why the blocks of a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("unpacking the blocks of a frame failed")]
    Unpack(#[source] std::io::Error),
    #[error("reading the blocks of a frame failed")]
    Message(#[from] prost::DecodeError),
    #[error("a block of table {table} claims {rows} rows; at most {MAX_ROWS} are taken")]
    TooManyRows { table: u32, rows: u32 },
    #[error("column {column} of table {table} does not fit its rows or its type")]
    Column { table: &'static str, column: u32 },
    #[error("a frame has {identities} process identities for {rows} process rows")]
    Processes { identities: usize, rows: usize },
}

/// What a frame's bytes hold.
#[derive(Debug, Default)]
pub struct DecodedBlocks {
    pub blocks: Vec<Block>,
    /// Identity of each row of the process block, by the agent's numbering.
    pub processes: Vec<u32>,
}

/// Packs the blocks that have rows. `processes` names the rows of the process block.
pub fn encode_blocks(blocks: &[Block], processes: &[u32]) -> std::io::Result<Vec<u8>> {
    let message = v1::Blocks {
        blocks: blocks.iter().filter(|block| !block.is_empty()).map(encode_block).collect(),
        processes: processes.to_vec(),
    };
    zstd::bulk::compress(&message.encode_to_vec(), COMPRESSION_LEVEL)
}

/// Unpacks blocks. Tables and columns that this version does not know are passed over, so that a newer
/// agent is understood.
pub fn decode_blocks(packed: &[u8]) -> Result<DecodedBlocks, DecodeError> {
    let bytes = zstd::bulk::decompress(packed, MAX_UNPACKED_BYTES).map_err(DecodeError::Unpack)?;
    let message = v1::Blocks::decode(bytes.as_slice())?;
    let mut decoded = DecodedBlocks {
        blocks: Vec::with_capacity(message.blocks.len().min(tables::ALL.len())),
        processes: message.processes,
    };
    for block in message.blocks {
        let known = u8::try_from(block.table).ok().and_then(tables::by_id);
        let Some(table) = known else { continue };
        decoded.blocks.push(decode_block(table, block)?);
    }
    let process_rows = decoded
        .blocks
        .iter()
        .find(|block| block.table().id == tables::process::TABLE.id)
        .map_or(0, Block::len);
    if process_rows != decoded.processes.len() {
        return Err(DecodeError::Processes { identities: decoded.processes.len(), rows: process_rows });
    }
    Ok(decoded)
}

fn encode_block(block: &Block) -> v1::Block {
    let table = block.table();
    let columns = table.columns.iter().zip(block.columns());
    v1::Block {
        table: table.id.into(),
        rows: block.len() as u32,
        interval_ms: block.interval_ms,
        columns: columns
            .filter(|(_, values)| values.present().contains(&true))
            .map(|(column, values)| encode_column(column.id, values, block.len()))
            .collect(),
    }
}

fn encode_column(id: u16, values: &ColumnValues, rows: usize) -> v1::Column {
    let present = values.present();
    let mut column = v1::Column { id: id.into(), ..v1::Column::default() };
    if present.len() < rows || present.contains(&false) {
        column.present = pack_bits(present);
    }
    match values {
        ColumnValues::Integer { values, .. } => column.integers = only_present(values, present),
        ColumnValues::Float { values, .. } => column.floats = only_present(values, present),
        ColumnValues::Text { .. } => {
            column.texts = (0..present.len())
                .filter_map(|row| match values.cell(row) {
                    tacho_model::Cell::Text(text) => Some(text.to_owned()),
                    _ => None,
                })
                .collect();
        }
    }
    column
}

fn only_present<T: Copy>(values: &[T], present: &[bool]) -> Vec<T> {
    values.iter().zip(present).filter(|(_, present)| **present).map(|(value, _)| *value).collect()
}

fn pack_bits(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8)
        .map(|chunk| chunk.iter().enumerate().fold(0, |byte, (i, bit)| byte | (u8::from(*bit) << i)))
        .collect()
}

fn decode_block(table: &'static Table, wire: v1::Block) -> Result<Block, DecodeError> {
    let rows = wire.rows as usize;
    if rows > MAX_ROWS {
        return Err(DecodeError::TooManyRows { table: wire.table, rows: wire.rows });
    }
    let mut block = Block::new(table);
    block.interval_ms = wire.interval_ms;
    block.set_len(rows);
    for column in wire.columns {
        let known = u16::try_from(column.id).ok().and_then(|id| table.position_of_id(id));
        let Some(position) = known else { continue };
        let id = column.id;
        let values =
            decode_column(column, rows).ok_or(DecodeError::Column { table: table.name, column: id })?;
        if !block.set_column(position, values) {
            return Err(DecodeError::Column { table: table.name, column: id });
        }
    }
    Ok(block)
}

/// `None` when the number of values is not the number of present rows.
fn decode_column(wire: v1::Column, rows: usize) -> Option<ColumnValues> {
    let present = if wire.present.is_empty() { vec![true; rows] } else { unpack_bits(&wire.present, rows) };
    let count = present.iter().filter(|present| **present).count();
    if !wire.integers.is_empty() {
        return Some(ColumnValues::Integer { values: spread(wire.integers, &present, count)?, present });
    }
    if !wire.floats.is_empty() {
        return Some(ColumnValues::Float { values: spread(wire.floats, &present, count)?, present });
    }
    if wire.texts.len() != count {
        return None;
    }
    let mut bytes = String::with_capacity(wire.texts.iter().map(String::len).sum());
    let mut ends = Vec::with_capacity(rows);
    let mut texts = wire.texts.iter();
    for is_present in &present {
        if *is_present {
            bytes.push_str(texts.next()?);
        }
        ends.push(u32::try_from(bytes.len()).ok()?);
    }
    Some(ColumnValues::Text { bytes, ends, present })
}

fn spread<T: Copy + Default>(values: Vec<T>, present: &[bool], count: usize) -> Option<Vec<T>> {
    if values.len() != count {
        return None;
    }
    if count == present.len() {
        return Some(values);
    }
    let mut values = values.into_iter();
    Some(
        present
            .iter()
            .map(|present| if *present { values.next().unwrap_or_default() } else { T::default() })
            .collect(),
    )
}

fn unpack_bits(bytes: &[u8], rows: usize) -> Vec<bool> {
    (0..rows).map(|row| bytes.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tacho_model::{
        Cell,
        tables::{disk, host, process},
    };

    use super::*;

    type DiskRow = (Option<String>, Option<i64>, Option<i64>);

    fn disk_block(rows: &[DiskRow]) -> Block {
        let mut block = Block::new(&disk::TABLE);
        block.interval_ms = 5000;
        for (device, reads, bytes) in rows {
            let mut row = block.push();
            if let Some(device) = device {
                row.text(disk::DEVICE, device);
            }
            for (column, value) in [(disk::READS, reads), (disk::READ_BYTES, bytes)] {
                if let Some(value) = value {
                    row.integer(column, *value);
                }
            }
        }
        block
    }

    fn cells(block: &Block) -> Vec<Vec<String>> {
        (0..block.len())
            .map(|row| {
                (0..block.table().columns.len())
                    .map(|column| format!("{:?}", block.cell(column, row)))
                    .collect()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(rows in proptest::collection::vec(any::<DiskRow>(), 0..40), load in any::<f64>()) {
            let disks = disk_block(&rows);
            let mut host_block = Block::new(&host::TABLE);
            host_block.push().float(host::LOAD1, load);
            let packed = encode_blocks(&[host_block.clone(), disks.clone()], &[]).unwrap();
            let decoded = decode_blocks(&packed).unwrap();
            prop_assert_eq!(cells(&decoded.blocks[0]), cells(&host_block));
            match decoded.blocks.get(1) {
                Some(block) => {
                    prop_assert_eq!(cells(block), cells(&disks));
                    prop_assert_eq!(block.interval_ms, 5000);
                }
                None => prop_assert!(rows.is_empty()),
            }
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(decode_blocks(&bytes));
            let packed = zstd::bulk::compress(&bytes, 1).unwrap();
            if let Ok(decoded) = decode_blocks(&packed) {
                decoded.blocks.iter().for_each(|block| drop(cells(block)));
            }
        }

        #[test]
        fn a_flipped_byte_inside_is_an_error_or_other_values(rows in proptest::collection::vec(any::<DiskRow>(), 1..10), at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let packed = encode_blocks(&[disk_block(&rows)], &[]).unwrap();
            let mut bytes = zstd::bulk::decompress(&packed, 1 << 20).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = to;
            if let Ok(decoded) = decode_blocks(&zstd::bulk::compress(&bytes, 1).unwrap()) {
                decoded.blocks.iter().for_each(|block| drop(cells(block)));
            }
        }
    }

    #[test]
    fn tables_and_columns_of_a_newer_version_are_passed_over() {
        let mut host_block = Block::new(&host::TABLE);
        host_block.push().integer(host::PROCESSES, 7);
        let mut block = encode_block(&host_block);
        block.columns.push(v1::Column { id: 60_000, integers: vec![1], ..v1::Column::default() });
        let unknown = v1::Block { table: 250, rows: 1, ..v1::Block::default() };
        let message = v1::Blocks { blocks: vec![unknown, block], processes: Vec::new() };
        let decoded = decode_blocks(&zstd::bulk::compress(&message.encode_to_vec(), 1).unwrap()).unwrap();
        assert_eq!(decoded.blocks.len(), 1);
        assert_eq!(decoded.blocks[0].cell(usize::from(host::PROCESSES.0), 0), Cell::Integer(7));
    }

    #[test]
    fn hostile_sizes_are_refused() {
        let rows = v1::Blocks {
            blocks: vec![v1::Block { table: 1, rows: u32::MAX, ..v1::Block::default() }],
            processes: Vec::new(),
        };
        let error = decode_blocks(&zstd::bulk::compress(&rows.encode_to_vec(), 1).unwrap()).unwrap_err();
        assert!(matches!(error, DecodeError::TooManyRows { .. }), "{error}");
        let bomb = zstd::bulk::compress(&vec![0; MAX_UNPACKED_BYTES + 1], 1).unwrap();
        assert!(matches!(decode_blocks(&bomb).unwrap_err(), DecodeError::Unpack(_)));
    }

    #[test]
    fn process_rows_without_identities_are_refused() {
        let mut block = Block::new(&process::TABLE);
        block.push().integer(process::THREADS, 1);
        let packed = encode_blocks(&[block], &[]).unwrap();
        assert!(matches!(
            decode_blocks(&packed).unwrap_err(),
            DecodeError::Processes { identities: 0, rows: 1 }
        ));
    }
}
