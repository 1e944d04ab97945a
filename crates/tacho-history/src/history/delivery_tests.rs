//! Streams in any order, gaps, and servers that race.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tacho_model::{GapReason, SequenceSet};

use crate::directory::Step;
use crate::testing::{Bench, MINUTE, START, Sent, count, frame, frame_at, lines};
use crate::{Gap, History, HistoryConfig, Lane, Offered, Recorded};

fn gap(first: u64, last: u64) -> Gap {
    Gap {
        sequences: first..=last,
        first_time_ms: START + 5000 * i64::try_from(first).unwrap_or(0),
        last_time_ms: START + 5000 * i64::try_from(last.min(1000)).unwrap_or(0),
        reason: GapReason::Space,
    }
}

impl Bench {
    async fn offer_gap(&self, to: &Sent, gap: &Gap) -> Offered {
        self.history.offer_gap(&to.host, &to.stream, gap).await.unwrap()
    }

    async fn inventory(&self, host: &str) {
        self.history.inner.catalog.host_for_join(host, host.as_bytes(), host, 0).await.unwrap();
    }

    /// First sequence, last sequence and frames of each gap of a host.
    async fn gaps(&self, host: &str) -> Vec<(u64, u64, u64)> {
        let gaps = self.history.inner.catalog.gaps(host, i64::MIN, i64::MAX).await.unwrap();
        gaps.iter().map(|gap| (gap.first_sequence, gap.last_sequence, gap.frames)).collect()
    }

    async fn stored(&self) -> Vec<std::ops::RangeInclusive<u64>> {
        self.history.stored(&frame("a", 1).stream).await.unwrap().ranges().collect()
    }
}

async fn offer(history: &History, sent: &Sent, lane: Lane) -> Offered {
    history.offer(&sent.host, &sent.stream, sent.sequence, &sent.snapshot, lane).await.unwrap()
}

#[tokio::test]
async fn a_gap_is_stored_once_and_never_covers_what_is_there() {
    let mut bench = Bench::new().await;
    bench.inventory("a").await;
    let to = frame("a", 1);
    bench.append(&frame("a", 3)).await;
    bench.history.flush().await.unwrap();
    bench.append(&frame("a", 5)).await;
    // 3 is stored, 5 is in the head.
    assert_eq!(bench.offer_gap(&to, &gap(1, 6)).await, Offered::Taken);
    assert_eq!(bench.offer_gap(&to, &gap(2, 6)).await, Offered::Duplicate, "nothing of it is new");
    assert_eq!(bench.append(&frame("a", 2)).await, crate::Appended::Duplicate, "it was told to be gone");
    let mut commits = bench.history.commits();
    bench.history.flush().await.unwrap();
    let acknowledged = commits.recv().await.unwrap().stored[&to.stream].clone();
    assert_eq!(acknowledged.ranges().collect::<Vec<_>>(), [1..=2, 4..=6]);
    assert_eq!(bench.stored().await, [1..=6]);
    assert_eq!((count(&bench.history, "a").await, bench.gaps("a").await), (2, vec![(1, 6, 4)]));
    let stats = bench.history.stats();
    assert_eq!((stats.frames_stored_total, stats.frames_dropped_total), (2, 4));

    bench.restart().await;
    assert_eq!(bench.offer_gap(&to, &gap(1, 6)).await, Offered::Duplicate);
    assert!(bench.history.is_stored(&to.stream, 6) && !bench.history.is_stored(&to.stream, 7));
    bench.set_now(START + 15 * 24 * 60 * MINUTE);
    bench.history.maintain().await;
    assert_eq!(bench.gaps("a").await, [], "forgotten with the rows around it");
}

#[tokio::test]
async fn a_gap_alone_is_a_flush_and_survives_a_failure() {
    let bench = Bench::new().await;
    bench.inventory("a").await;
    bench.offer_gap(&frame("a", 1), &gap(1, u64::MAX)).await;
    *bench.faults.full.lock().unwrap() = Some(Step::Commit);
    bench.history.flush().await.unwrap_err();
    assert_eq!(bench.stored().await, Vec::new());
    bench.faults.none();
    bench.history.flush().await.unwrap();
    assert_eq!(bench.stored().await, [1..=u64::MAX]);
    assert_eq!(bench.gaps("a").await.len(), 1);
    assert_eq!((bench.history.stats().head_bytes, bench.on_disk().len()), (0, 0));
    // Another stream of the same agent is not touched by it.
    assert_eq!(bench.append(&frame_at("a", 1, 1, START)).await, crate::Appended::Stored);
}

#[tokio::test]
async fn a_gap_that_another_server_stores_first_is_told_once() {
    let bench = Bench::new().await;
    bench.inventory("a").await;
    let other = bench.another().await;
    let to = frame("a", 1);
    for history in [&bench.history, &other] {
        let offered = history.offer_gap(&to.host, &to.stream, &gap(1, 4)).await.unwrap();
        assert_eq!(offered, Offered::Taken);
    }
    // The other one got frame 6 and a frame that here was told to be gone.
    offer(&other, &frame("a", 6), Lane::Live).await;
    other.offer_gap(&to.host, &to.stream, &gap(7, 7)).await.unwrap();
    let mut commits = other.commits();
    bench.history.flush().await.unwrap();
    other.flush().await.unwrap();
    assert_eq!(bench.gaps("a").await, [(1, 4, 4), (7, 7, 1)]);
    let mut acknowledged = SequenceSet::new();
    while let Ok(commit) = commits.try_recv() {
        acknowledged.extend(&commit.stored[&to.stream]);
    }
    assert_eq!(acknowledged.ranges().collect::<Vec<_>>(), [1..=4, 6..=7]);
    assert_eq!(bench.stored().await, [1..=4, 6..=7], "read anew from the catalog");
}

#[tokio::test]
async fn the_last_tenth_of_the_head_is_for_live_frames() {
    let bench = Bench::with(|config| config.head_limit_bytes = 100_000).await;
    let mut room = bench.history.room();
    let mut sequence = 0;
    let mut take = async |lane: Lane| {
        let mut taken = 0;
        loop {
            sequence += 1;
            match offer(&bench.history, &frame("a", sequence), lane).await {
                Offered::Taken => taken += 1,
                refused => break (refused, taken),
            }
        }
    };
    let (refused, backfilled) = take(Lane::Backfill).await;
    assert!(refused == Offered::Full && backfilled > 0);
    let fill = bench.history.head_fill();
    assert!((0.9..1.0).contains(&fill), "{fill}");
    let (refused, live) = take(Lane::Live).await;
    assert!(refused == Offered::Full && live > 0);
    assert!(!room.has_changed().unwrap());
    bench.history.flush().await.unwrap();
    assert!(room.has_changed().unwrap());
    room.mark_unchanged();
    assert_eq!(take(Lane::Backfill).await.1, backfilled);
}

#[tokio::test]
async fn a_stream_of_nothing_but_holes_is_refused_and_holes_can_be_filled() {
    let bench = Bench::new().await;
    bench.inventory("a").await;
    let to = frame("a", 1);
    let holes: SequenceSet = (1..=10_000).map(|number| 3 * number..=3 * number).collect();
    for sequence in holes.ranges() {
        let offered = bench.offer_gap(&to, &gap(*sequence.start(), *sequence.end())).await;
        assert_eq!(offered, Offered::Taken);
    }
    assert_eq!(bench.offer_gap(&to, &gap(50_000, 50_000)).await, Offered::TooManyHoles);
    bench.history.flush().await.unwrap();
    assert_eq!(offer(&bench.history, &frame("a", 50_000), Lane::Live).await, Offered::TooManyHoles);
    assert_eq!(offer(&bench.history, &frame("a", 4), Lane::Live).await, Offered::Taken);
}

#[tokio::test]
async fn the_snapshots_of_a_host_are_told_with_their_intervals() {
    let bench = Bench::new().await;
    for sequence in [2, 1, 4] {
        bench.append(&frame("a", sequence)).await;
    }
    bench.history.flush().await.unwrap();
    bench.append(&frame("a", 3)).await;
    let recorded = bench.history.recorded("a", START, START + 5000 * 4).await.unwrap();
    let at = |sequence: i64, interval_ms| Recorded {
        time_ms: START + 5000 * sequence,
        interval_ms,
        late_ms: None,
    };
    assert_eq!(recorded, [at(1, 0), at(2, 5000), at(3, 5000)]);
    assert_eq!(bench.history.recorded("b", i64::MIN, i64::MAX).await.unwrap(), []);
}

#[tokio::test]
async fn what_came_during_a_flush_is_not_stored_again_after_its_conflict() {
    let bench = Bench::new().await;
    let other = bench.another().await;
    for sequence in 1..=3 {
        offer(&other, &frame("a", sequence), Lane::Live).await;
    }
    bench.append(&frame("a", 1)).await;
    // As a flush does: 1 is being written while 2 and 4 arrive, and then the mark turns out to be another.
    let frozen = bench.history.inner.state().freeze().unwrap();
    bench.append(&frame("a", 2)).await;
    bench.append(&frame("a", 4)).await;
    other.flush().await.unwrap();
    let stream = frame("a", 1).stream;
    let mark = bench.history.inner.catalog.mark(&stream).await.unwrap();
    let files = bench.history.inner.catalog.live_files().await.unwrap();
    let (left, dropped) =
        bench.history.inner.state().resolve(vec![(stream.clone(), mark)], files, &frozen, START);
    assert!(left.is_empty());
    assert_eq!(dropped.stored[&stream].ranges().collect::<Vec<_>>(), [1..=2]);
    assert_eq!(count(&bench.history, "a").await, 4, "readers see each once at this moment too");
    bench.history.inner.state().unfreeze();
    bench.history.flush().await.unwrap();
    assert_eq!((count(&bench.history, "a").await, bench.stored().await), (4, vec![1..=4]));
}

/// What happens to one of two servers of one catalog.
#[derive(Debug, Clone)]
enum Action {
    /// A frame of a stream arrives.
    Frame(u8, u64),
    Gap(u8, u64, u64),
    Flush,
    /// Both flush at the same moment.
    FlushBoth,
    /// It is killed and starts anew.
    Kill,
    Hello(u8),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (0u8..2, 1u64..12).prop_map(|(stream, sequence)| Action::Frame(stream, sequence)),
        2 => (0u8..2, 1u64..14, 0u64..4).prop_map(|(stream, first, more)| Action::Gap(stream, first, first + more)),
        2 => Just(Action::Flush),
        1 => Just(Action::FlushBoth),
        1 => Just(Action::Kill),
        1 => (0u8..2).prop_map(Action::Hello),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Two servers on one catalog and one store get frames and gaps of two streams in any order, flush at the
    /// same time, are killed: what is acknowledged is stored exactly once, or was told to be gone.
    #[test]
    fn two_servers_store_each_row_once(actions in proptest::collection::vec((0usize..2, action()), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(race(actions))?;
    }
}

async fn race(actions: Vec<(usize, Action)>) -> Result<(), TestCaseError> {
    let bench = Bench::new().await;
    bench.inventory("a").await;
    let mut servers = [bench.history.clone(), bench.another().await];
    let mut commits = servers.each_ref().map(History::commits);
    let mut acknowledged: BTreeMap<u8, SequenceSet> = BTreeMap::new();
    let mut told: BTreeMap<u8, SequenceSet> = BTreeMap::new();
    let at = |stream: u8, sequence: u64| {
        frame_at("a", stream, sequence, START + 1000 * i64::from(stream) + 5000 * sequence as i64)
    };
    let end = [(0, Action::Flush), (1, Action::Flush)];
    for (which, action) in actions.into_iter().chain(end) {
        let server = &servers[which];
        match action {
            Action::Frame(stream, sequence) => {
                let sent = at(stream, sequence);
                if offer(server, &sent, Lane::Live).await == Offered::Duplicate
                    && server.is_stored(&sent.stream, sequence)
                {
                    acknowledged.entry(stream).or_default().insert(sequence);
                }
            }
            Action::Gap(stream, first, last) => {
                let to = at(stream, 1);
                server.offer_gap(&to.host, &to.stream, &gap(first, last)).await.unwrap();
                told.entry(stream).or_default().insert_range(first..=last);
            }
            Action::Flush => server.flush().await.unwrap(),
            Action::FlushBoth => {
                let (one, two) = (servers[0].clone(), servers[1].clone());
                let (one, two) = tokio::join!(
                    tokio::spawn(async move { one.flush().await }),
                    tokio::spawn(async move { two.flush().await })
                );
                one.unwrap().unwrap();
                two.unwrap().unwrap();
            }
            Action::Kill => {
                servers[which] = reopen(&bench).await;
                commits[which] = servers[which].commits();
            }
            Action::Hello(stream) => {
                let stored = server.stored(&at(stream, 1).stream).await.unwrap();
                acknowledged.entry(stream).or_default().extend(&stored);
            }
        }
        for receiver in &mut commits {
            while let Ok(commit) = receiver.try_recv() {
                for (key, stored) in &commit.stored {
                    acknowledged.entry(key.stream[0]).or_default().extend(stored);
                }
            }
        }
    }
    let history = reopen(&bench).await;
    let rows = lines(&history, "a", &tacho_model::tables::host::TABLE).await;
    for stream in 0..2u8 {
        let mark = history.inner.catalog.mark(&at(stream, 1).stream).await.unwrap().stored;
        let acknowledged = acknowledged.remove(&stream).unwrap_or_default();
        prop_assert!(acknowledged.difference(&mark).is_empty(), "acknowledged and not in the mark");
        for sequence in 1..=20 {
            let time = at(stream, sequence).snapshot.time_ms;
            let time = history_time(time);
            let copies = rows.iter().filter(|row| row.contains(&time)).count();
            let was_told = told.get(&stream).is_some_and(|told| told.contains(sequence));
            prop_assert!(copies <= 1, "{} copies of {stream}/{sequence}", copies);
            prop_assert_eq!(copies == 1 || (was_told && mark.contains(sequence)), mark.contains(sequence));
        }
    }
    // Each frame that is gone was told once, whoever heard of it.
    let gaps: u64 = bench.gaps("a").await.iter().map(|gap| gap.2).sum();
    let marked: u64 = {
        let mut sum = 0;
        for stream in 0..2u8 {
            sum += history.inner.catalog.mark(&at(stream, 1).stream).await.unwrap().stored.len();
        }
        sum
    };
    prop_assert_eq!(gaps + rows.len() as u64, marked);
    Ok(())
}

/// Another server on the same catalog and store, whose files of a moment ago are not its orphans: the one that
/// was killed is not flushing.
async fn reopen(bench: &Bench) -> History {
    bench.another().await
}

/// As a row of CSV has it.
fn history_time(time_ms: i64) -> String {
    let seconds = time_ms / 1000;
    let of_day = seconds.rem_euclid(86_400);
    format!("T{:02}:{:02}:{:02}.", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[test]
fn defaults_leave_room_for_live_frames() {
    let config = HistoryConfig::new("history".into());
    assert!(config.head_limit_bytes / 10 > 8 << 20, "one message of the largest kind, unpacked");
}
