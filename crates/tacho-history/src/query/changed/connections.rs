//! Connections: what programs exchanged with other addresses.

use arrow::array::RecordBatch;
use tacho_model::tables::connection;

use super::cells::{Cells, Number};
use super::{Asked, Changed, ConnectionLabel};
use crate::HistoryError;
use crate::columns::{FIRST, INTERVAL, TIME};
use crate::query::processes_at::text;
use crate::query::series::Numbers;
use crate::scan::{Scan, read_each};

/// After time and interval: numbers, then texts.
const COLUMNS: [u16; 8] = [
    connection::LOCAL_PORT.0,
    connection::REMOTE_PORT.0,
    connection::RX_BYTES.0,
    connection::TX_BYTES.0,
    connection::RETRANSMITS.0,
    connection::PROTOCOL.0,
    connection::REMOTE_ADDRESS.0,
    connection::NAME.0,
];

const NUMBERS: [Number; 3] = [
    Number { column: "rx_bytes_per_second", rate: Some(1000.0), least: 65_536.0 },
    Number { column: "tx_bytes_per_second", rate: Some(1000.0), least: 65_536.0 },
    Number { column: "retransmits_per_second", rate: Some(1000.0), least: 0.5 },
];

/// How the connections of each program with each address changed. Agents record those that carry most: one without a
/// row carried little, and counts as nothing.
pub(crate) fn changed(asked: &Asked<'_>) -> Result<Vec<Changed<ConnectionLabel>>, HistoryError> {
    let mut cells = Cells::new(&NUMBERS);
    for (number, period) in asked.periods.iter().enumerate() {
        for part in asked.plan(&connection::TABLE, period).parts {
            let own = COLUMNS.iter().map(|column| FIRST + usize::from(*column));
            let columns = [TIME, INTERVAL].into_iter().chain(own).collect();
            let scan = Scan::new(part.table, &asked.query.host_id, columns, part.range, asked.reading);
            read_each(asked.inner, scan, &part.files, &part.frames, |batch| {
                let numbers = Numbers::new(&batch, 2);
                for row in 0..batch.num_rows() {
                    let (time_ms, _) = numbers.time_and_interval(row);
                    let Some(bucket) = period.bucket(time_ms) else { continue };
                    let group = cells.group(label(&batch, &numbers, row));
                    for place in 0..NUMBERS.len() {
                        if let Some(value) = numbers.get(2 + place, row) {
                            cells.add(group, (number, bucket), place, value)?;
                        }
                    }
                }
                Ok(())
            })?;
        }
    }
    let mut changed = cells.changed(&asked.periods, |label, _| label);
    changed.sort_by(|a, b| a.label.cmp(&b.label));
    Ok(changed)
}

fn label(batch: &RecordBatch, numbers: &Numbers<'_>, row: usize) -> ConnectionLabel {
    let text = |place: usize| text(batch.column(2 + place), row).unwrap_or_default().to_owned();
    let port = |place| numbers.get(place, row).unwrap_or(f64::MAX);
    ConnectionLabel {
        name: text(7),
        protocol: text(5),
        remote_address: text(6),
        port: port(0).min(port(1)) as i64,
    }
}
