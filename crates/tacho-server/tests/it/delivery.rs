//! Streams, lanes and the end of connections, over the real protocol; gaps and clocks beside them.

mod gaps_and_clocks;

use tacho_catalog::{MarkUpdate, StreamKey};
use tacho_model::SequenceSet;
use tacho_server::ingest::Pacer;
use tacho_server::live::{HostState, LiveEventKind};
use tacho_wire::v1::{Backlog, Frame, Gap, from_agent};
use tonic::Code;

use crate::agents::{Agent, Agents, Joined, backfill, frame, message};
use crate::fixture::{INTERVAL_MS, START_MS, Server};

const HOUR_MS: i64 = 3_600_000;

fn sent(frame: Frame) -> from_agent::Message {
    from_agent::Message::Frame(frame)
}

fn backlog(stream: u8, frames: u64) -> Backlog {
    Backlog {
        stream: vec![stream; 16],
        frames,
        bytes: frames * 1000,
        first_time_ms: START_MS,
        last_time_ms: START_MS + 60_000,
    }
}

fn set(ranges: &[std::ops::RangeInclusive<u64>]) -> Vec<std::ops::RangeInclusive<u64>> {
    ranges.to_vec()
}

/// Flushes again and again until the agent has heard what it should.
async fn stored(server: &Server, agent: &mut Agent, done: impl Fn(&Agent) -> bool) {
    while !done(agent) {
        tokio::select! {
            next = agent.next() => assert!(next.unwrap(), "the server closed the stream"),
            () = async {
                server.state.history.flush().await.unwrap();
                tokio::task::yield_now().await;
            } => {}
        }
    }
}

/// Times of the host's rows, with how late each arrived.
async fn rows(server: &Server, joined: &Joined) -> Vec<(i64, Option<i64>)> {
    let rows = server.state.history.recorded(&joined.key.id, i64::MIN, i64::MAX).await.unwrap();
    rows.into_iter().map(|row| (row.time_ms, row.late_ms)).collect()
}

fn at(sequence: i64) -> i64 {
    START_MS + INTERVAL_MS * sequence
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_several_streams_come_in_any_order_and_are_acknowledged_by_stream() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    server.set_now(at(60));
    let mut agent = agents.connect(&joined, 1, vec![backlog(2, 3), backlog(1, 1)], 0).await;
    assert_eq!(agent.welcome.streams.len(), 1, "the hello's own is in `stored`");
    assert!(agent.pace.is_some());
    for sequence in [60, 62] {
        agent.send(sent(frame(sequence, 0))).await;
    }
    for (stream, sequence) in [(2, 3), (1, 59), (2, 1), (3, 7), (2, 2)] {
        agent.send(sent(backfill(stream, sequence))).await;
    }
    agent.send(sent(Frame { stream: vec![1; 16], ..frame(61, 0) })).await;
    let all = |agent: &Agent| {
        agent.acknowledged(&[]) == set(&[59..=62])
            && agent.acknowledged(&[2; 16]) == set(&[1..=3])
            && agent.acknowledged(&[3; 16]) == set(&[7..=7])
    };
    stored(&server, &mut agent, all).await;
    let expected: Vec<i64> = [1, 2, 3, 7, 59, 60, 61, 62].map(at).to_vec();
    let found = rows(&server, &joined).await;
    assert_eq!(found.iter().map(|row| row.0).collect::<Vec<_>>(), expected);
    let late: Vec<i64> = found.iter().filter(|row| row.1.is_some()).map(|row| row.0).collect();
    assert_eq!(late, [1, 2, 3, 7, 59].map(at));

    // What is stored is said again at the next hello, and to whoever sends it all the same.
    drop(agent);
    let mut agent = agents.connect(&joined, 1, vec![backlog(2, 3), backlog(3, 1), backlog(4, 1)], 0).await;
    assert_eq!(agent.acknowledged(&[]), set(&[59..=62]));
    let streams: Vec<_> = agent.welcome.streams.iter().map(|stream| stream.stored.len()).collect();
    assert_eq!(streams, [1, 1, 0]);
    agent.acknowledged.clear();
    agent.send(sent(backfill(3, 7))).await;
    agent.until(|agent| agent.acknowledged(&[3; 16]) == set(&[7..=7])).await;
    assert_eq!(rows(&server, &joined).await.len(), 8);
    assert_eq!(server.state.metrics.frames_backfill.get(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_get_the_same_frames_at_once_and_both_acknowledge_them() {
    let server = Server::empty().await;
    let other = server.another().await;
    let (here, there) = (Agents::serve(&server).await, Agents::serve(&other).await);
    let joined = here.join("web").await;
    server.set_now(at(40));
    let mut both =
        [here.connect(&joined, 1, Vec::new(), 0).await, there.connect(&joined, 1, Vec::new(), 0).await];
    for sequence in 1..=40 {
        for agent in &both {
            agent.send(sent(frame(sequence, 0))).await;
        }
    }
    let [one, two] = &mut both;
    let all = |agent: &Agent| agent.acknowledged(&[]) == set(&[1..=40]);
    tokio::join!(stored(&server, one, all), stored(&other, two, all));
    // Whoever lost has read the other's files anew.
    let last = server.another().await;
    let times: Vec<i64> = rows(&last, &joined).await.into_iter().map(|row| row.0).collect();
    assert_eq!(times, (1..=40).map(at).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_joins_again_goes_on_with_its_streams() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let before = agents.join("web").await;
    server.set_now(at(20));
    let mut agent = agents.connect(&before, 2, Vec::new(), 0).await;
    for sequence in 1..=3 {
        agent.send(sent(frame(sequence, 0))).await;
    }
    agent.send(sent(backfill(1, 5))).await;
    let first = |agent: &Agent| agent.acknowledged(&[]) == set(&[1..=3]) && agent.has(&[1; 16], 5);
    stored(&server, &mut agent, first).await;
    // These have come, and are not yet stored.
    for sequence in 4..=6 {
        agent.send(sent(frame(sequence, 0))).await;
    }
    while server.state.history.stats().head_frames < 3 {
        tokio::task::yield_now().await;
    }
    drop(agent);
    let after = agents.join_as("web", "agent-web-again").await;
    assert_eq!(after.key.id, before.key.id);
    let mut agent = agents.connect(&after, 2, vec![backlog(1, 1)], 0).await;
    assert_eq!((agent.acknowledged(&[]), agent.has(&[1; 16], 5)), (set(&[1..=3]), true));
    for sequence in 2..=7 {
        agent.send(sent(frame(sequence, 0))).await;
    }
    agent.send(sent(backfill(1, 5))).await;
    stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[1..=7])).await;
    assert_eq!(rows(&server, &after).await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_files_tell_of_a_stream_holds_when_its_agent_was_lost_with_the_catalog() {
    let server = Server::empty().await;
    let key = StreamKey { agent_id: "lost".into(), stream: [2; 16] };
    let found = MarkUpdate { key, version: 0, stored: [1..=3].into_iter().collect() };
    server.state.catalog.rebuild_files(&[], &[found], &[], &[], 0).await.unwrap();
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    server.set_now(at(20));
    let mut agent = agents.connect(&joined, 2, Vec::new(), 0).await;
    assert_eq!(agent.acknowledged(&[]), set(&[1..=3]));
    for sequence in 1..=5 {
        agent.send(sent(frame(sequence, 0))).await;
    }
    stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[1..=5])).await;
    assert_eq!(rows(&server, &joined).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_never_replaces_what_is_live() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    server.set_now(at(1000));
    let mut agent = agents.connect(&joined, 1, vec![backlog(2, 100)], 0).await;
    let mut events = server.state.live.subscribe();
    agent.send(sent(backfill(2, 5))).await;
    agent.send(sent(frame(1000, 0))).await;
    for sequence in [999, 7, 1000] {
        agent.send(sent(backfill(2, sequence))).await;
    }
    agent.send(sent(frame(1001, 0))).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let event = events.recv().await.unwrap();
        if event.kind == LiveEventKind::Snapshot {
            seen.push(event.host.newest().unwrap().time_ms);
        }
    }
    stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[1000..=1001])).await;
    assert_eq!(rows(&server, &joined).await.len(), 6);
    let host = server.state.live.host("web").unwrap();
    assert_eq!((host.newest().unwrap().time_ms, host.is_late()), (at(1001), false));
    // The first came from the backlog, when there was nothing newer.
    assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]) && seen[2] == at(1001), "{seen:?}");
    assert_eq!(server.json("/api/v1/hosts/web").await["latest"]["late"], false);
    assert_eq!(server.json("/api/v1/hosts/web").await["buffered_frames"], 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_frames_pass_while_the_head_is_nearly_full_and_nothing_is_dropped() {
    let server = Server::with(|config| config.head_limit_bytes = 100_000).await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    server.set_now(at(5000));
    let mut agent = agents.connect(&joined, 1, vec![backlog(2, 1000)], 0).await;
    assert_eq!(agent.pace, Some(1 << 20));
    let history = &server.state.history;
    let mut sequence = 0;
    while history.head_fill() < 0.9 {
        sequence += 1;
        agent.send(sent(backfill(2, sequence))).await;
        while history.stats().head_frames < sequence {
            tokio::task::yield_now().await;
        }
    }
    agent.until(|agent| agent.pace == Some(0)).await;
    // Two more that find no room, and a live frame that passes them.
    let mut events = server.state.live.subscribe();
    for more in 1..=2 {
        agent.send(sent(backfill(2, sequence + more))).await;
    }
    agent.send(sent(frame(5000, 0))).await;
    while events.recv().await.unwrap().host.newest().unwrap().time_ms != at(5000) {}
    while history.stats().head_frames < sequence + 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(history.stats().head_frames, sequence + 1, "the backlog waits");
    let last = sequence + 2;
    let all = move |agent: &Agent| {
        agent.acknowledged(&[2; 16]) == set(&[1..=last]) && agent.acknowledged(&[]) == set(&[5000..=5000])
    };
    stored(&server, &mut agent, all).await;
    agent.until(|agent| agent.pace.is_some_and(|pace| pace > 0)).await;
    assert_eq!(rows(&server, &joined).await.len() as u64, last + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so_and_acknowledges_all_it_got() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    let mut agent = agents.connect(&joined, 1, Vec::new(), 0).await;
    agent.send(sent(frame(1, 0))).await;
    let stopping = agents.draining.clone();
    let history = server.state.history.clone();
    let stopped = tokio::spawn(async move { stopping.run(&history).await });
    agent.until(|agent| agent.told_to_go.is_some()).await;
    assert!((5_000..15_000).contains(&agent.told_to_go.unwrap()));
    // It was on its way.
    agent.send(sent(frame(2, 0))).await;
    agent.until(|agent| agent.acknowledged(&[]) == set(&[1..=2])).await;
    let hello = agents.hello(1, Vec::new(), 0);
    let refused = agents.connect_with(&joined, hello).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unavailable);
    let end = agent.end().await;
    assert_eq!((end.code(), end.message()), (Code::Unavailable, "the server is stopping"));
    stopped.await.unwrap();
    assert_eq!(server.state.live.host("web").unwrap().state(server.now_ms()), HostState::Down);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_reads_nothing_costs_nobody_anything() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let (slow, other) = (agents.join("slow").await, agents.join("other").await);
    server.set_now(at(300));
    let mut deaf = agents.connect(&slow, 1, Vec::new(), 0).await;
    let mut agent = agents.connect(&other, 1, Vec::new(), 0).await;
    for sequence in 1..=300 {
        deaf.send(sent(frame(sequence, 0))).await;
        agent.send(sent(frame(sequence, 0))).await;
        if sequence % 3 == 0 {
            // More flushes than are kept for who is behind.
            server.state.history.flush().await.unwrap();
        }
    }
    stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[1..=300])).await;
    stored(&server, &mut deaf, |agent| agent.acknowledged(&[]) == set(&[1..=300])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_leaves_while_the_head_is_full_is_gone() {
    let server = Server::with(|config| config.head_limit_bytes = 1).await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    server.set_now(at(100));
    let agent = agents.connect(&joined, 1, Vec::new(), 0).await;
    let mut events = server.state.live.subscribe();
    // One fits, four wait, the others are not read.
    for sequence in 1..=20 {
        agent.send(sent(frame(sequence, 0))).await;
    }
    while events.recv().await.unwrap().host.newest().unwrap().time_ms != at(5) {}
    drop(agent);
    while events.recv().await.unwrap().kind != LiveEventKind::Disconnected {}
    assert_eq!(server.state.history.stats().head_frames, 1);
    assert_eq!(server.state.live.host("web").unwrap().newest().unwrap().time_ms, at(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_up_silent_or_down() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    assert_eq!(server.json("/api/v1/hosts/web").await["state"], "down");
    let mut agent = agents.connect(&joined, 1, Vec::new(), 0).await;
    agent.send(sent(frame(1, 0))).await;
    stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[1..=1])).await;
    assert_eq!(server.json("/api/v1/hosts/web").await["state"], "up");
    server.advance(3 * INTERVAL_MS + 10_000);
    let host = server.json("/api/v1/hosts/web").await;
    assert_eq!(
        (host["state"].as_str(), host["last_seen"].as_str()),
        (Some("silent"), Some("2026-09-21T14:13:20.000Z"))
    );
    let mut events = server.state.live.subscribe();
    drop(agent);
    while events.recv().await.unwrap().kind != LiveEventKind::Disconnected {}
    assert_eq!(server.json("/api/v1/hosts/web").await["state"], "down");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_host_leaves_nothing_behind() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    let mut agent = agents.connect(&joined, 1, Vec::new(), HOUR_MS).await;
    agent.send(sent(frame(1, HOUR_MS))).await;
    agent.send(from_agent::Message::Gap(Gap { first_sequence: 5, last_sequence: 6, ..Gap::default() })).await;
    stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[1..=1, 5..=6])).await;
    // Still in the head when the host goes.
    agent.send(sent(frame(2, HOUR_MS))).await;
    agent.send(sent(frame(1, HOUR_MS))).await;
    agent.acknowledged.clear();
    agent.until(|agent| agent.acknowledged(&[]) == set(&[1..=1])).await;
    let token = server.token(tacho_catalog::Role::Operator).await;
    let answer = server.call(http::Method::DELETE, "/api/v1/hosts/web").bearer(&token).send().await;
    assert_eq!(answer.status, http::StatusCode::NO_CONTENT);
    assert_eq!(agent.end().await.code(), Code::PermissionDenied);
    server.state.history.flush().await.unwrap();
    let key = tacho_catalog::StreamKey { agent_id: joined.agent_id.as_str().into(), stream: [1; 16] };
    let catalog = &server.state.catalog;
    assert_eq!(catalog.mark(&key).await.unwrap().stored, SequenceSet::new());
    assert_eq!(catalog.clock(&key).await.unwrap(), None);
    assert_eq!(catalog.gaps(&joined.key.id, i64::MIN, i64::MAX).await.unwrap(), []);
    assert_eq!(catalog.forget_orphans().await.unwrap(), 0);
    let hello = agents.hello(1, Vec::new(), 0);
    let refused = agents.connect_with(&joined, hello).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pace_is_shared_by_those_who_have_a_backlog() {
    let server = Server::empty().await;
    let agents = Agents::serve_with(&server, Pacer::new(1000)).await;
    let (one, two) = (agents.join("one").await, agents.join("two").await);
    let mut first = agents.connect(&one, 1, vec![backlog(1, 5)], 0).await;
    assert_eq!(first.pace, Some(1000));
    let mut second = agents.connect(&two, 1, Vec::new(), 0).await;
    second.send(sent(backfill(1, 1))).await;
    first.until(|agent| agent.pace == Some(500)).await;
    second.until(|agent| agent.pace == Some(500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_ends_the_stream_with_a_reason() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    let gap = |first_sequence, last_sequence| {
        from_agent::Message::Gap(Gap { first_sequence, last_sequence, ..Gap::default() })
    };
    let wrong = [
        (gap(5, 4), Code::InvalidArgument),
        (gap(1, u64::MAX), Code::InvalidArgument),
        (sent(Frame { stream: vec![1; 15], ..frame(1, 0) }), Code::InvalidArgument),
        (
            sent(Frame { blocks: bytes::Bytes::from_static(b"nonsense"), ..frame(1, 0) }),
            Code::InvalidArgument,
        ),
        (
            from_agent::Message::Backlog(Backlog { stream: vec![7; 17], ..Backlog::default() }),
            Code::InvalidArgument,
        ),
        (from_agent::Message::Hello(agents.hello(1, Vec::new(), 0)), Code::InvalidArgument),
    ];
    for (message, code) in wrong {
        let agent = agents.connect(&joined, 1, Vec::new(), 0).await;
        agent.send(message).await;
        let end = agent.end().await;
        assert!(end.code() == code && end.message().len() > 5, "{end:?}");
    }
    let hello = agents.hello(1, Vec::new(), 0);
    for hello in [
        tacho_wire::v1::Hello { stream: vec![1; 3], ..hello.clone() },
        tacho_wire::v1::Hello { start: vec![1; 3], ..hello.clone() },
    ] {
        let refused = agents.connect_with(&joined, hello).await.err().unwrap();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let first = message(sent(frame(1, 0)));
    let (_sender, mut incoming) = agents.open(&joined, first).await.unwrap();
    assert_eq!(incoming.message().await.unwrap_err().code(), Code::InvalidArgument);
    // A gap of another stream, as wide as it may be, hides nothing of this one.
    let mut agent = agents.connect(&joined, 1, Vec::new(), 0).await;
    let wide =
        Gap { first_sequence: 0, last_sequence: i64::MAX as u64, stream: vec![2; 16], ..Gap::default() };
    agent.send(from_agent::Message::Gap(wide)).await;
    agent.send(sent(frame(1, 0))).await;
    stored(&server, &mut agent, |agent| {
        agent.acknowledged(&[]) == set(&[1..=1])
            && agent.acknowledged(&[2; 16]) == set(&[0..=i64::MAX as u64])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_beyond_the_bound_wait_for_another_connection() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    let many: Vec<Backlog> = (0..5000u32)
        .map(|number| Backlog {
            stream: u128::from(number).to_be_bytes().to_vec(),
            frames: 1,
            ..Backlog::default()
        })
        .collect();
    let agent = agents.connect(&joined, 1, many, 0).await;
    assert_eq!(agent.welcome.streams.len(), 63);
    let live = server.state.live.host("web").unwrap();
    assert_eq!(live.buffered().len(), 63);
    let known = Frame { stream: 5u128.to_be_bytes().to_vec(), ..frame(1, 0) };
    agent.send(sent(known)).await;
    agent.send(sent(backfill(77, 1))).await;
    let end = agent.end().await;
    assert_eq!((end.code(), end.message().contains("connect again")), (Code::ResourceExhausted, true));
}
