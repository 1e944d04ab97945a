//! What happened on all hosts, the newest first, page by page.
//!
//! An event that was told of many hosts at once is one line. What is in memory does not depend on how long the range
//! is: only the lines of the page are kept, and those that the pages before it had at the same instant.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMillisecondType;
use tacho_model::HostKey;
use tacho_model::tables::event;

use super::processes_at::{integer, text};
use crate::columns::{FIRST, HOST, HOST_ID, TIME};
use crate::inner::Inner;
use crate::rollup::Level;
use crate::scan::{Hosts, ReadReport, Reading, Scan, read_each};
use crate::{History, HistoryError};

/// Asks what happened on some hosts or all.
#[derive(Debug, Clone, Default)]
pub struct EventsQuery {
    pub from_ms: i64,
    pub to_ms: i64,
    /// Ids; absent for all hosts.
    pub hosts: Option<BTreeSet<String>>,
    /// Empty for all.
    pub kinds: Vec<String>,
    /// In the subject, the text, the user or the address, whatever the case of letters; empty for all.
    pub text: String,
    /// Where the page before ended.
    pub after: Option<EventPlace>,
    pub limit: usize,
}

/// How far a page went: so many lines of this instant were on it or on those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPlace {
    pub time_ms: i64,
    pub lines: usize,
}

/// A page of events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FleetEvents {
    /// The newest first.
    pub lines: Vec<FleetEvent>,
    /// On the first page: how many there are in the range by kind, whatever kinds were asked for. A line of many hosts
    /// counts for each of them.
    pub counts: BTreeMap<String, u64>,
    /// Where the next page begins; absent on the last.
    pub next: Option<EventPlace>,
}

/// An event of one host, or the same one of several. Empty text: nothing was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetEvent {
    /// Of the snapshot that told of it.
    pub time_ms: i64,
    pub happened_ms: Option<i64>,
    pub kind: String,
    pub subject: String,
    pub text: String,
    pub user: String,
    pub pid: Option<i64>,
    pub address: String,
    /// The first of them by id, with the name that it had then.
    pub host: HostKey,
    pub host_count: usize,
}

/// Most rows that one question looks at; some seconds of work.
const MOST_ROWS: u64 = 30_000_000;

/// Kinds that are counted: an agent may say what it likes.
const MOST_KINDS: usize = 200;

/// After time, host id and host, in this order.
const COLUMNS: [u16; 7] = [
    event::KIND.0,
    event::SUBJECT.0,
    event::TEXT.0,
    event::HAPPENED.0,
    event::PID.0,
    event::USER.0,
    event::ADDRESS.0,
];

/// What makes two rows one line. In the order of lines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    time_ms: Reverse<i64>,
    happened_ms: Reverse<Option<i64>>,
    kind: String,
    subject: String,
    text: String,
    user: String,
    pid: Option<i64>,
    address: String,
}

impl History {
    /// What happened on some hosts or all, and how it was found.
    pub async fn fleet_events(&self, query: EventsQuery) -> Result<(FleetEvents, ReadReport), HistoryError> {
        self.inner.reading(move |inner, reading| fleet_events(inner, reading, &query)).await
    }
}

fn fleet_events(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    query: &EventsQuery,
) -> Result<(FleetEvents, ReadReport), HistoryError> {
    if query.to_ms <= query.from_ms {
        return Err(HistoryError::EmptyRange { from_ms: query.from_ms, to_ms: query.to_ms });
    }
    let to_ms = query.after.map_or(query.to_ms, |after| query.to_ms.min(after.time_ms.saturating_add(1)));
    let hosts = match &query.hosts {
        Some(ids) if ids.len() <= 1 => Hosts::One(ids.first().cloned().unwrap_or_default()),
        _ => Hosts::ALL,
    };
    let plan = inner.state().plan(&event::TABLE, hosts.clone(), query.from_ms..to_ms, Level::Raw);
    let files = plan.parts.iter().flat_map(|part| &part.files);
    let rows = files.map(|file| u64::try_from(file.record.rows).unwrap_or_default()).sum();
    if rows > MOST_ROWS {
        return Err(HistoryError::TooManyRows { rows, most: MOST_ROWS });
    }
    let mut page =
        Page { query, text: query.text.to_lowercase(), lines: BTreeMap::new(), counts: BTreeMap::new() };
    for part in &plan.parts {
        let columns = [TIME, HOST_ID, HOST].into_iter();
        let columns = columns.chain(COLUMNS.iter().map(|column| FIRST + usize::from(*column)));
        let scan = Scan::new(part.table, hosts.clone(), columns.collect(), part.range.clone(), reading);
        read_each(inner, scan, &part.files, &part.frames, |batch| {
            (0..batch.num_rows()).for_each(|row| page.take(&batch, row));
            Ok(())
        })?;
    }
    Ok((page.into_answer(), reading.report(&plan)))
}

struct Page<'a> {
    query: &'a EventsQuery,
    /// That is searched for, in lower case.
    text: String,
    lines: BTreeMap<Line, (HostKey, usize)>,
    counts: BTreeMap<String, u64>,
}

impl Page<'_> {
    fn take(&mut self, batch: &RecordBatch, row: usize) {
        let text = |column: usize| text(batch.column(column), row).unwrap_or_default();
        let id = text(1);
        let is_host = self.query.hosts.as_ref().is_none_or(|hosts| hosts.contains(id));
        let searched = [text(4), text(5), text(8), text(9)];
        let has_text = |part: &str| part.to_lowercase().contains(&self.text);
        if !is_host || !(self.text.is_empty() || searched.into_iter().any(has_text)) {
            return;
        }
        let kind = text(3);
        self.count(kind);
        if !self.query.kinds.is_empty() && !self.query.kinds.iter().any(|wanted| wanted == kind) {
            return;
        }
        let line = Line {
            time_ms: Reverse(batch.column(0).as_primitive::<TimestampMillisecondType>().value(row)),
            happened_ms: Reverse(integer(batch.column(6), row)),
            kind: kind.to_owned(),
            subject: text(4).to_owned(),
            text: text(5).to_owned(),
            user: text(8).to_owned(),
            pid: integer(batch.column(7), row),
            address: text(9).to_owned(),
        };
        let host = || HostKey { id: id.into(), name: text(2).into() };
        let (first, count) = self.lines.entry(line).or_insert_with(|| (host(), 0));
        if *id < *first.id {
            *first = host();
        }
        *count += 1;
        // One more tells that there is another page.
        while self.lines.len() > self.skipped() + self.query.limit + 1 {
            self.lines.pop_last();
        }
    }

    fn count(&mut self, kind: &str) {
        if let Some(count) = self.counts.get_mut(kind) {
            *count += 1;
        } else if self.query.after.is_none() && self.counts.len() < MOST_KINDS {
            self.counts.insert(kind.to_owned(), 1);
        }
    }

    /// Lines of earlier pages that come once more.
    fn skipped(&self) -> usize {
        self.query.after.map_or(0, |after| after.lines)
    }

    fn into_answer(self) -> FleetEvents {
        let skipped = match self.query.after {
            Some(after) => {
                let same = self.lines.keys().take_while(|line| line.time_ms.0 == after.time_ms).count();
                same.min(after.lines)
            }
            None => 0,
        };
        let is_more = self.lines.len() > skipped + self.query.limit;
        let mut lines: Vec<_> = self.lines.into_iter().map(|(line, hosts)| event(line, hosts)).collect();
        lines.truncate(skipped + self.query.limit);
        let next = lines.last().filter(|_| is_more).map(|last| EventPlace {
            time_ms: last.time_ms,
            lines: lines.iter().rev().take_while(|line| line.time_ms == last.time_ms).count(),
        });
        lines.drain(..skipped);
        FleetEvents { lines, counts: self.counts, next }
    }
}

fn event(line: Line, (host, host_count): (HostKey, usize)) -> FleetEvent {
    FleetEvent {
        time_ms: line.time_ms.0,
        happened_ms: line.happened_ms.0,
        kind: line.kind,
        subject: line.subject,
        text: line.text,
        user: line.user,
        pid: line.pid,
        address: line.address,
        host,
        host_count,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tacho_model::{Block, Snapshot};

    use super::*;
    use crate::testing::{Bench, MINUTE, START, frame_at};

    /// Host, offset in seconds, kind.
    type Told = (usize, i64, usize);

    const HOSTS: [&str; 3] = ["alpha", "beta", "gamma"];
    const KINDS: [&str; 2] = ["deploy", "login"];

    async fn told(bench: &Bench, told: &[Told], flush_after: usize) {
        for (number, (host, second, kind)) in told.iter().enumerate() {
            let mut sent = frame_at(HOSTS[*host], 0, number as u64 + 1, START + 1000 * second);
            let mut block = Block::new(&event::TABLE);
            block
                .push()
                .text(event::KIND, KINDS[*kind])
                .text(event::TEXT, "Version 2")
                .integer(event::PID, 7);
            let time_ms = sent.snapshot.time_ms;
            sent.snapshot = Arc::new(Snapshot { time_ms, blocks: vec![block], processes: Vec::new() });
            bench.append(&sent).await;
            if number == flush_after {
                bench.history.flush().await.unwrap();
            }
        }
    }

    fn query() -> EventsQuery {
        EventsQuery { from_ms: START, to_ms: START + 60 * MINUTE, limit: 100, ..EventsQuery::default() }
    }

    /// Times in seconds, kinds and numbers of hosts.
    fn shown(lines: &[FleetEvent]) -> Vec<(i64, &str, usize)> {
        let line = |line: &FleetEvent| (line.time_ms - START) / 1000;
        lines.iter().map(|it| (line(it), it.kind.as_str(), it.host_count)).collect()
    }

    #[tokio::test]
    async fn events_of_all_hosts_are_found_by_host_kind_and_text() {
        let bench = Bench::new().await;
        told(&bench, &[(1, 5, 0), (0, 5, 0), (2, 5, 1), (0, 9, 1)], 2).await;
        let ask = async |query: EventsQuery| bench.history.fleet_events(query).await.unwrap().0;
        let all = ask(query()).await;
        assert_eq!(shown(&all.lines), [(9, "login", 1), (5, "deploy", 2), (5, "login", 1)]);
        assert_eq!((&*all.lines[1].host.id, all.lines[1].pid), ("alpha", Some(7)));
        assert_eq!(all.counts, [("deploy".to_owned(), 2), ("login".to_owned(), 2)].into());
        let kinds = vec!["deploy".to_owned()];
        let deploys = ask(EventsQuery { kinds, ..query() }).await;
        assert_eq!((shown(&deploys.lines), deploys.counts), (vec![(5, "deploy", 2)], all.counts));
        let hosts = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect());
        let of_two = ask(EventsQuery { hosts: hosts(&["alpha", "gamma"]), ..query() }).await;
        assert_eq!(shown(&of_two.lines), [(9, "login", 1), (5, "deploy", 1), (5, "login", 1)]);
        assert!(ask(EventsQuery { hosts: hosts(&[]), ..query() }).await.lines.is_empty());
        assert_eq!(ask(EventsQuery { text: "VERSION".to_owned(), ..query() }).await.lines.len(), 3);
        assert!(ask(EventsQuery { text: "deploy".to_owned(), ..query() }).await.lines.is_empty());
        let long = EventsQuery { from_ms: 5, to_ms: 5, ..query() };
        assert!(bench.history.fleet_events(long).await.is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn pages_together_are_all_lines_once(
            events in proptest::collection::vec((0usize..3, 0i64..4, 0usize..2), 1..24),
            limit in 1usize..4, flush_after in 0usize..24,
        ) {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let bench = Bench::new().await;
                told(&bench, &events, flush_after).await;
                let (all, _) = bench.history.fleet_events(query()).await.unwrap();
                assert_eq!(all.lines.iter().map(|line| line.host_count).sum::<usize>(), events.len());
                assert!(all.lines.is_sorted_by_key(|line| Reverse(line.time_ms)));
                let (mut paged, mut after) = (Vec::new(), None);
                loop {
                    let (page, _) =
                        bench.history.fleet_events(EventsQuery { limit, after, ..query() }).await.unwrap();
                    paged.extend(page.lines);
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(paged, all.lines);
            });
        }
    }
}
