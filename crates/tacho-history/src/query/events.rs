//! What happened on a host.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMillisecondType;
use tacho_model::tables::event;

use super::processes_at::{integer, text};
use crate::HistoryError;
use crate::columns::{FIRST, TIME};
use crate::inner::Inner;
use crate::levels::Plan;
use crate::rollup::Level;
use crate::scan::{Reading, Scan, read_each};

/// The newest events of a range, and how many there were.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Events {
    /// By time.
    pub newest: Vec<Event>,
    /// All of the range, by kind.
    pub counts: BTreeMap<String, u64>,
}

/// Something that happened. Empty text: nothing was told.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Of the snapshot that told of it.
    pub time_ms: i64,
    pub happened_ms: Option<i64>,
    pub kind: String,
    pub subject: String,
    pub text: String,
    pub user: String,
    pub pid: Option<i64>,
}

/// After time, in this order.
const COLUMNS: [u16; 6] =
    [event::KIND.0, event::SUBJECT.0, event::TEXT.0, event::HAPPENED.0, event::PID.0, event::USER.0];

/// At most `limit` of the events, the newest.
pub(crate) fn events(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    host_id: &str,
    range: Range<i64>,
    limit: usize,
) -> Result<(Events, Plan), HistoryError> {
    let plan = inner.state().plan(&event::TABLE, host_id, range, Level::Raw);
    let mut events = Events::default();
    for part in &plan.parts {
        let columns = [TIME].into_iter().chain(COLUMNS.iter().map(|column| FIRST + usize::from(*column)));
        let scan = Scan::new(part.table, host_id, columns.collect(), part.range.clone(), reading);
        read_each(inner, scan, &part.files, &part.frames, |batch| {
            for row in 0..batch.num_rows() {
                let event = event_of(&batch, row);
                *events.counts.entry(event.kind.clone()).or_default() += 1;
                events.newest.push(event);
            }
            events.keep_newest(limit);
            Ok(())
        })?;
    }
    Ok((events, plan))
}

impl Events {
    fn keep_newest(&mut self, limit: usize) {
        self.newest.sort_by_key(|event| event.time_ms);
        let beyond = self.newest.len().saturating_sub(limit);
        self.newest.drain(..beyond);
    }
}

fn event_of(batch: &RecordBatch, row: usize) -> Event {
    let text = |column: usize| text(batch.column(column), row).unwrap_or_default().to_owned();
    Event {
        time_ms: batch.column(0).as_primitive::<TimestampMillisecondType>().value(row),
        happened_ms: integer(batch.column(4), row),
        kind: text(1),
        subject: text(2),
        text: text(3),
        user: text(6),
        pid: integer(batch.column(5), row),
    }
}
