//! What agents had to drop, and the clocks that times are reckoned by.

use tacho_wire::v1::{Backlog, Frame, Gap, from_agent};

use super::{HOUR_MS, at, backlog, rows, sent, set, stored};
use crate::agents::{Agent, Agents, backfill, frame};
use crate::fixture::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_acknowledged_as_if_it_had_been_sent_and_told_once() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    server.set_now(at(100));
    let mut agent = agents.connect(&joined, 1, Vec::new(), HOUR_MS).await;
    agent.send(sent(frame(10, HOUR_MS))).await;
    stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[10..=10])).await;
    let gap = Gap {
        first_sequence: 1,
        last_sequence: 20,
        first_time_ms: at(1) + HOUR_MS,
        last_time_ms: at(20) + HOUR_MS,
        reason: 1,
        ..Gap::default()
    };
    for _ in 0..2 {
        agent.send(from_agent::Message::Gap(gap.clone())).await;
    }
    stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[1..=20])).await;
    agent.send(from_agent::Message::Gap(Gap { stream: vec![5; 16], reason: 99, ..gap.clone() })).await;
    stored(&server, &mut agent, |agent| agent.acknowledged(&[5; 16]) == set(&[1..=20])).await;
    let gaps = server.state.catalog.gaps(&joined.key.id, i64::MIN, i64::MAX).await.unwrap();
    let told: Vec<_> = gaps
        .iter()
        .map(|gap| (gap.frames, gap.first_time_ms, gap.last_time_ms, gap.reason.as_str()))
        .collect();
    // The other stream was never connected, so its times are as the agent reckons them.
    assert_eq!(told, [(19, at(1), at(20), "space"), (20, at(1) + HOUR_MS, at(20) + HOUR_MS, "unknown")]);
    assert_eq!(server.state.history.stats().frames_dropped_total, 39);
    agent.send(sent(frame(15, HOUR_MS))).await;
    agent.acknowledged.clear();
    agent.until(|agent| agent.acknowledged(&[]) == set(&[15..=15])).await;
    assert_eq!(rows(&server, &joined).await.len(), 1, "it is gone, as the agent said");
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_put_right_and_stay_so_for_the_backlog() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    server.set_now(at(10));
    let mut agent = agents.connect(&joined, 1, Vec::new(), HOUR_MS).await;
    agent.send(sent(frame(10, HOUR_MS))).await;
    stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[10..=10])).await;
    let host = server.json("/api/v1/hosts/web").await;
    assert_eq!(host["clock_offset_ms"], HOUR_MS);
    let path = format!("/api/v1/hosts/web/series?columns=clock_offset_ms&from={}&to={}", at(9), at(11));
    let series = server.json(&path).await;
    let values = series["columns"]["clock_offset_ms"].as_array().unwrap();
    assert!(values.iter().any(|value| value.as_f64() == Some(HOUR_MS as f64)), "{series}");
    drop(agent);

    // The host starts again with a right clock; the stream of before is sent from its backlog, to another server.
    let other = server.another().await;
    let there = Agents::serve(&other).await;
    let mut agent = there.connect(&joined, 2, vec![backlog(1, 2)], 1_500).await;
    agent.send(sent(Frame { backfill: true, stream: vec![1; 16], ..frame(9, HOUR_MS) })).await;
    agent.send(sent(frame(11, 1_500))).await;
    let all = |agent: &Agent| {
        agent.acknowledged(&[1; 16]) == set(&[9..=10]) && agent.acknowledged(&[]) == set(&[11..=11])
    };
    stored(&other, &mut agent, all).await;
    let times: Vec<i64> = rows(&other, &joined).await.into_iter().map(|row| row.0).collect();
    assert_eq!(times, [at(9), at(10), at(11) + 1_500], "what is off by little is left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_measures_the_clock_better_than_a_hello() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    let mut agent = agents.connect(&joined, 1, Vec::new(), HOUR_MS).await;
    // What the way back took is on top of it; the clock stays as it is until more measurements say the same.
    agent.pong(at(0), 2 * HOUR_MS).await;
    agent.send(sent(frame(1, HOUR_MS))).await;
    stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[1..=1])).await;
    let host = server.json("/api/v1/hosts/web").await;
    assert!(host["clock_offset_ms"].as_i64().unwrap() >= 2 * HOUR_MS, "{host}");
    assert_eq!(rows(&server, &joined).await, [(at(1), None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_without_sense_are_taken_without_harm() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    for (stream, (boot, wall)) in
        [(u64::MAX, i64::MIN), (0, i64::MAX), (1, 0), (0, 0)].into_iter().enumerate()
    {
        let stream = u8::try_from(stream).unwrap();
        let hello = tacho_wire::v1::Hello {
            boot_clock_us: boot,
            wall_clock_ms: 1,
            ..agents.hello(stream, Vec::new(), 0)
        };
        let hello = tacho_wire::v1::Hello { wall_clock_ms: wall.clamp(-1 << 62, 1 << 62), ..hello };
        let mut agent = agents.connect_with(&joined, hello).await.unwrap();
        agent.send(sent(Frame { boot_clock_us: u64::MAX, time_ms: i64::MAX, ..frame(1, 0) })).await;
        agent.send(sent(Frame { boot_clock_us: 0, time_ms: i64::MIN, ..frame(2, 0) })).await;
        stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[1..=2])).await;
        drop(agent);
    }
    assert_eq!(server.state.history.stats().frames_stored_total, 8);
    server.json("/api/v1/hosts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_of_gaps_says_what_became_of_each_moment() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    server.set_now(at(40));
    let keeps = Backlog { first_time_ms: at(21), last_time_ms: at(30), ..backlog(2, 10) };
    let mut agent = agents.connect(&joined, 1, vec![keeps], 0).await;
    for sequence in 31..=40 {
        agent.send(sent(frame(sequence, 0))).await;
    }
    for sequence in 11..=15 {
        agent.send(sent(backfill(2, sequence))).await;
    }
    let gap = Gap {
        stream: vec![2; 16],
        first_sequence: 16,
        last_sequence: 20,
        first_time_ms: at(16),
        last_time_ms: at(20),
        reason: 2,
    };
    agent.send(from_agent::Message::Gap(gap)).await;
    let all = |agent: &Agent| {
        agent.acknowledged(&[]) == set(&[31..=40]) && agent.acknowledged(&[2; 16]) == set(&[11..=20])
    };
    stored(&server, &mut agent, all).await;
    let path = format!("/api/v1/hosts/web/gaps?from={}&to={}", at(0), at(100));
    let answer = server.json(&path).await;
    let segments: Vec<_> = answer["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|segment| {
            let text = |key: &str| segment[key].as_str().map(str::to_owned).unwrap_or_default();
            (text("from")[14..19].to_owned(), text("state"), text("reason"), segment["frames"].as_u64())
        })
        .collect();
    let expected = [
        ("13:20", "none", "", None),
        ("14:10", "late", "", Some(5)),
        ("14:35", "dropped", "age", Some(5)),
        ("15:00", "buffered", "", Some(10)),
        ("15:50", "delivered", "", Some(10)),
    ]
    .map(|(from, state, reason, frames)| (from.to_owned(), state.to_owned(), reason.to_owned(), frames));
    assert_eq!(segments, expected);
    assert_eq!(answer["to"], "2026-09-21T14:16:40.000Z", "the future is no gap");
    server.advance(24_999);
    assert_eq!(server.json(&path).await, answer, "and neither is what is not overdue");
    server.advance(1);
    assert_eq!(server.json(&path).await["segments"][5]["state"], "none");
    let totals = serde_json::json!({
        "delivered_frames": 10, "late_frames": 5, "buffered_frames": 10, "dropped_frames": 5, "none_seconds": 50.0
    });
    assert_eq!(answer["totals"], totals);

    // It was delivered after all.
    let nothing = Backlog { stream: vec![2; 16], ..Backlog::default() };
    agent.send(from_agent::Message::Backlog(nothing)).await;
    agent.send(sent(frame(41, 0))).await;
    stored(&server, &mut agent, |agent| agent.acknowledged(&[]) == set(&[31..=41])).await;
    let answer = server.json(&path).await;
    assert_eq!(
        (&answer["totals"]["buffered_frames"], &answer["segments"][3]["state"]),
        (&0.into(), &"none".into())
    );
    let wrong = server.invalid("/api/v1/hosts/web/gaps?from=0&to=1790000000000&x=1").await;
    assert!(wrong.contains("35 days") && wrong.contains("`x`"), "{wrong}");
    assert_eq!(server.get("/api/v1/hosts/nobody/gaps").await.status, http::StatusCode::NOT_FOUND);
}
