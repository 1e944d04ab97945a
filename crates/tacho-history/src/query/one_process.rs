//! What is known of one process beside its readings, and which processes ended.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use tacho_model::tables::{connection, process};
use tacho_model::{ProcessKey, Table};

use super::processes_at::{integer, text};
use crate::columns::{FIRST, TIME};
use crate::inner::Inner;
use crate::levels::Part;
use crate::rollup::{Level, Spec, spec};
use crate::scan::{EntityValue, ReadReport, Reading, Scan, TextMatch, read_each};
use crate::{History, HistoryError};

/// Connections of one process in memory; at this many the smaller half is only counted.
const MOST_CONNECTIONS: usize = 20_000;

/// Asks for one process.
#[derive(Debug, Clone)]
pub struct ProcessQuery {
    pub host_id: String,
    pub key: ProcessKey,
    pub from_ms: i64,
    pub to_ms: i64,
    /// Most connections, those that carried most.
    pub limit: usize,
}

/// What is known of one process over a range.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProcessDetails {
    /// How it ended, where it ended within the range and its end was seen.
    pub exit: Option<Exit>,
    /// Greatest first, by what they carried.
    pub connections: Vec<Connection>,
    /// How many more there were.
    pub connections_left_out: usize,
}

/// What a connection carried in the snapshots in which it was among those that carry most.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Connection {
    pub protocol: String,
    pub local_address: String,
    pub local_port: i64,
    pub remote_address: String,
    pub remote_port: i64,
    /// Newest state; empty where there is none.
    pub state: String,
    pub rx_bytes: Option<i64>,
    pub tx_bytes: Option<i64>,
    pub retransmits: Option<i64>,
    /// Newest.
    pub rtt_us: Option<i64>,
    pub first_seen_ms: i64,
    pub last_seen_ms: i64,
}

/// Asks which processes ended.
#[derive(Debug, Clone)]
pub struct ExitsQuery {
    pub host_id: String,
    pub from_ms: i64,
    pub to_ms: i64,
    /// Only those of this name.
    pub name: Option<String>,
    pub limit: usize,
}

/// Which processes ended, as far as ends are told one by one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exits {
    /// The newest first.
    pub newest: Vec<Exit>,
    /// All of the range.
    pub count: u64,
}

/// The end of a process. Empty text: not known.
#[derive(Debug, Clone, PartialEq)]
pub struct Exit {
    /// Of the snapshot that told of it.
    pub time_ms: i64,
    pub key: ProcessKey,
    pub name: String,
    pub command: String,
    pub user: String,
    pub unit: String,
    pub container: String,
    pub exit_code: Option<i64>,
    pub exit_signal: Option<i64>,
    pub lifetime_us: Option<i64>,
}

impl History {
    /// What is known of one process over a range, and how it was found.
    pub async fn process_details(
        &self,
        query: ProcessQuery,
    ) -> Result<(ProcessDetails, ReadReport), HistoryError> {
        self.inner.reading(move |inner, reading| details(inner, reading, &query)).await
    }

    /// Which processes ended in a range, and how it was found.
    pub async fn exits(&self, query: ExitsQuery) -> Result<(Exits, ReadReport), HistoryError> {
        self.inner
            .reading(move |inner, reading| {
                let source = Source { inner, reading, host_id: &query.host_id };
                let exits = source.exits(query.from_ms..query.to_ms, None, &query)?;
                Ok((exits, reading.report_levels(&[])))
            })
            .await
    }
}

fn details(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    query: &ProcessQuery,
) -> Result<(ProcessDetails, ReadReport), HistoryError> {
    let source = Source { inner, reading, host_id: &query.host_id };
    let ended = ExitsQuery {
        host_id: query.host_id.clone(),
        from_ms: query.from_ms,
        to_ms: query.to_ms,
        name: None,
        limit: 1,
    };
    let exit = source.exits(query.from_ms..query.to_ms, Some(query.key), &ended)?.newest.pop();
    // Connections know the process id only, and that is used again: before it started and after it ended it is another's.
    let to_ms = exit.as_ref().map_or(query.to_ms, |exit| exit.time_ms.saturating_add(1).min(query.to_ms));
    let range = query.from_ms.max(query.key.start_time_ms)..to_ms;
    let (connections, connections_left_out) = match range.is_empty() {
        true => (Vec::new(), 0),
        false => source.connections(range, query)?,
    };
    Ok((ProcessDetails { exit, connections, connections_left_out }, reading.report_levels(&[])))
}

/// Where rows come from.
struct Source<'a> {
    inner: &'a Arc<Inner>,
    reading: &'a Arc<Reading>,
    host_id: &'a str,
}

/// Columns of `process` that tell of an end, after the time.
const EXIT_COLUMNS: [u16; 10] = [
    process::PID.0,
    process::START_TIME.0,
    process::EXIT_CODE.0,
    process::EXIT_SIGNAL.0,
    process::LIFETIME_US.0,
    process::NAME.0,
    process::COMMAND.0,
    process::USER.0,
    process::UNIT.0,
    process::CONTAINER.0,
];

/// Columns of `connection`, after the time.
const CONNECTION_COLUMNS: [u16; 10] = [
    connection::LOCAL_PORT.0,
    connection::REMOTE_PORT.0,
    connection::RX_BYTES.0,
    connection::TX_BYTES.0,
    connection::RETRANSMITS.0,
    connection::RTT_US.0,
    connection::PROTOCOL.0,
    connection::LOCAL_ADDRESS.0,
    connection::REMOTE_ADDRESS.0,
    connection::STATE.0,
];

/// State of a process that ended.
const ENDED: &str = "X";

impl Source<'_> {
    fn exits(
        &self,
        range: Range<i64>,
        of: Option<ProcessKey>,
        query: &ExitsQuery,
    ) -> Result<Exits, HistoryError> {
        let mut exits = Exits::default();
        for part in self.parts(&process::TABLE, range)? {
            let mut scan = self.scan(&process::TABLE, &part, &EXIT_COLUMNS);
            let place = |column| stored(&process::TABLE, &part, column);
            scan.texts.push((place(process::STATE.0), TextMatch::exact(ENDED)));
            if let Some(name) = &query.name {
                scan.texts.push((place(process::NAME.0), TextMatch::exact(name)));
            }
            if let Some(key) = of {
                scan.entity.push((place(process::PID.0), EntityValue::Integer(key.pid)));
                scan.entity.push((place(process::START_TIME.0), EntityValue::Integer(key.start_time_ms)));
            }
            read_each(self.inner, scan, &part.files, &part.frames, |batch| {
                exits.newest.extend((0..batch.num_rows()).map(|row| exit_of(&batch, row)));
                exits.count = exits.count.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
                exits.newest.sort_by_key(|exit| (Reverse(exit.time_ms), exit.key));
                exits.newest.truncate(query.limit);
                Ok(())
            })?;
        }
        Ok(exits)
    }

    fn connections(
        &self,
        range: Range<i64>,
        query: &ProcessQuery,
    ) -> Result<(Vec<Connection>, usize), HistoryError> {
        let mut found: HashMap<[String; 5], Connection> = HashMap::new();
        let mut left_out = 0;
        for part in self.parts(&connection::TABLE, range)? {
            let mut scan = self.scan(&connection::TABLE, &part, &CONNECTION_COLUMNS);
            let pid = stored(&connection::TABLE, &part, connection::PID.0);
            scan.entity.push((pid, EntityValue::Integer(query.key.pid)));
            read_each(self.inner, scan, &part.files, &part.frames, |batch| {
                for row in 0..batch.num_rows() {
                    let one = connection_of(&batch, row);
                    let known = found.entry(one.ends()).or_insert_with(|| one.without_numbers());
                    known.add(one);
                }
                if found.len() > MOST_CONNECTIONS {
                    let mut all: Vec<_> = found.drain().collect();
                    all.sort_by_key(|(_, one)| Reverse(one.carried()));
                    left_out += all.split_off(MOST_CONNECTIONS / 2).len();
                    found.extend(all);
                }
                Ok(())
            })?;
        }
        let mut connections: Vec<_> = found.into_iter().collect();
        connections.sort_by(|(ends, one), (other_ends, other)| {
            other.carried().cmp(&one.carried()).then_with(|| ends.cmp(other_ends))
        });
        let mut connections: Vec<_> = connections.into_iter().map(|(_, one)| one).collect();
        left_out += connections.len().saturating_sub(query.limit);
        connections.truncate(query.limit);
        Ok((connections, left_out))
    }

    fn parts(&self, table: &'static Table, range: Range<i64>) -> Result<Vec<Part>, HistoryError> {
        if range.is_empty() {
            return Err(HistoryError::EmptyRange { from_ms: range.start, to_ms: range.end });
        }
        Ok(self.inner.state().plan(table, self.host_id, range, Level::Raw).parts)
    }

    fn scan(&self, table: &'static Table, part: &Part, columns: &[u16]) -> Scan {
        // Of a rollup the time of the last row that each stands for.
        let time = match rolled(table, part) {
            Some(spec) => FIRST + spec.last_time,
            None => TIME,
        };
        let own = columns.iter().map(|column| stored(table, part, *column));
        Scan::new(
            part.table,
            self.host_id,
            [time].into_iter().chain(own).collect(),
            part.range.clone(),
            self.reading,
        )
    }
}

fn rolled(table: &'static Table, part: &Part) -> Option<&'static Spec> {
    spec(table).filter(|_| part.level != Level::Raw)
}

/// Where a column of a table is in a part: of a rollup the sum of what adds up, and the last of what does not.
fn stored(table: &'static Table, part: &Part, column: u16) -> usize {
    let position = usize::from(column);
    let place = match rolled(table, part) {
        None => position,
        Some(spec) => match spec.number(position) {
            Some(number) => number.last.unwrap_or(number.sum),
            None => spec.labels.iter().find(|(raw, _)| *raw == position).map_or(spec.rows, |label| label.1),
        },
    };
    FIRST + place
}

fn exit_of(batch: &RecordBatch, row: usize) -> Exit {
    let number = |place: usize| integer(batch.column(place), row);
    let text = |place: usize| text(batch.column(place), row).unwrap_or_default().to_owned();
    Exit {
        time_ms: number(0).unwrap_or_default(),
        key: ProcessKey { pid: number(1).unwrap_or_default(), start_time_ms: number(2).unwrap_or_default() },
        exit_code: number(3),
        exit_signal: number(4),
        lifetime_us: number(5),
        name: text(6),
        command: text(7),
        user: text(8),
        unit: text(9),
        container: text(10),
    }
}

fn connection_of(batch: &RecordBatch, row: usize) -> Connection {
    let number = |place: usize| integer(batch.column(place), row);
    let text = |place: usize| text(batch.column(place), row).unwrap_or_default().to_owned();
    let time_ms = number(0).unwrap_or_default();
    Connection {
        local_port: number(1).unwrap_or_default(),
        remote_port: number(2).unwrap_or_default(),
        rx_bytes: number(3),
        tx_bytes: number(4),
        retransmits: number(5),
        rtt_us: number(6),
        protocol: text(7),
        local_address: text(8),
        remote_address: text(9),
        state: text(10),
        first_seen_ms: time_ms,
        last_seen_ms: time_ms,
    }
}

impl Connection {
    /// What tells it apart.
    fn ends(&self) -> [String; 5] {
        [
            self.protocol.clone(),
            self.local_address.clone(),
            self.local_port.to_string(),
            self.remote_address.clone(),
            self.remote_port.to_string(),
        ]
    }

    fn without_numbers(&self) -> Self {
        Self { rx_bytes: None, tx_bytes: None, retransmits: None, ..self.clone() }
    }

    /// Adds a row of the same connection.
    fn add(&mut self, row: Self) {
        let sum = |left: Option<i64>, right: Option<i64>| match (left, right) {
            (Some(left), Some(right)) => Some(left.saturating_add(right)),
            (left, right) => left.or(right),
        };
        self.rx_bytes = sum(self.rx_bytes, row.rx_bytes);
        self.tx_bytes = sum(self.tx_bytes, row.tx_bytes);
        self.retransmits = sum(self.retransmits, row.retransmits);
        if row.last_seen_ms >= self.last_seen_ms {
            self.rtt_us = row.rtt_us.or(self.rtt_us);
            self.state = row.state;
        }
        self.first_seen_ms = self.first_seen_ms.min(row.first_seen_ms);
        self.last_seen_ms = self.last_seen_ms.max(row.last_seen_ms);
    }

    fn carried(&self) -> i64 {
        self.rx_bytes.unwrap_or(0).saturating_add(self.tx_bytes.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests;
