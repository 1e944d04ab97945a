//! Which snapshots of a host there are: what a map of gaps is drawn from.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use tacho_model::tables::host;

use crate::columns::{FIRST, INTERVAL, TIME};
use crate::inner::Inner;
use crate::scan::{Reading, Scan, read_each};
use crate::{History, HistoryError};

/// One snapshot of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recorded {
    pub time_ms: i64,
    /// What its deltas cover; 0 for the first of an agent's start.
    pub interval_ms: i64,
    /// How long after it was taken it arrived, when that was late.
    pub late_ms: Option<i64>,
}

impl History {
    /// The snapshots of a host in a range, by time.
    pub async fn recorded(
        &self,
        host_id: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<Recorded>, HistoryError> {
        let host_id = host_id.to_owned();
        self.inner.reading(move |inner, reading| recorded(inner, reading, &host_id, from_ms..to_ms)).await
    }
}

fn recorded(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    host_id: &str,
    range: Range<i64>,
) -> Result<Vec<Recorded>, HistoryError> {
    let late = FIRST + usize::from(host::ARRIVED_LATE_MS.0);
    let scan = Scan::new(&host::TABLE, host_id, vec![TIME, INTERVAL, late], range, reading);
    let view = scan.view(inner);
    let mut found = Vec::new();
    read_each(inner, scan, &view.files, &view.frames, |batch| {
        let times = batch.column(0).as_primitive::<TimestampMillisecondType>();
        let intervals = batch.column(1).as_primitive::<Int64Type>();
        let late = batch.column(2).as_primitive::<Int64Type>();
        found.extend((0..batch.num_rows()).map(|row| Recorded {
            time_ms: times.value(row),
            interval_ms: if intervals.is_null(row) { 0 } else { intervals.value(row) },
            late_ms: late.is_valid(row).then(|| late.value(row)),
        }));
        Ok(())
    })?;
    found.sort_unstable();
    Ok(found)
}
