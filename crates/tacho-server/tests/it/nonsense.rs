//! Any sequence of messages: what an agent makes no sense with costs only itself.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tacho_model::SequenceSet;
use tacho_wire::v1::{Backlog, Frame, Gap, HostFacts, Pong, from_agent};
use tonic::Code;

use crate::agents::{Agents, frame};
use crate::fixture::Server;

const CASES: usize = 60;

fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(Vec::new()),
        4 => (0u8..4).prop_map(|stream| vec![stream; 16]),
        1 => proptest::collection::vec(any::<u8>(), 16),
    ]
}

fn any_message() -> impl Strategy<Value = from_agent::Message> {
    let frames = (stream(), 1u64..30, any::<bool>(), any::<i64>(), any::<u64>()).prop_map(
        |(stream, sequence, backfill, time_ms, boot_clock_us)| {
            from_agent::Message::Frame(Frame {
                stream,
                backfill,
                // Times of this century: others are stored too, but no query asks for them.
                time_ms: 1_790_000_000_000 + time_ms % 1_000_000_000,
                boot_clock_us: boot_clock_us % 1_000_000_000_000,
                ..frame(sequence, 0)
            })
        },
    );
    let gaps = (stream(), 0u64..40, 0u64..10, any::<i64>(), any::<i64>(), any::<i32>()).prop_map(
        |(stream, first_sequence, more, first_time_ms, last_time_ms, reason)| {
            let last_sequence = first_sequence + more;
            from_agent::Message::Gap(Gap {
                stream,
                first_sequence,
                last_sequence,
                first_time_ms,
                last_time_ms,
                reason,
            })
        },
    );
    let backlogs = (stream(), any::<u64>(), any::<i64>()).prop_map(|(stream, frames, time_ms)| {
        let (first_time_ms, last_time_ms) = (time_ms, time_ms.wrapping_neg());
        from_agent::Message::Backlog(Backlog { stream, frames, bytes: frames, first_time_ms, last_time_ms })
    });
    let pongs = (prop_oneof![any::<u64>(), Just((1 << 63) + 1)], any::<u64>(), any::<i64>()).prop_map(
        |(number, boot_clock_us, wall_clock_ms)| {
            from_agent::Message::Pong(Pong { number, boot_clock_us, wall_clock_ms })
        },
    );
    let broken = (stream(), proptest::collection::vec(any::<u8>(), 0..50)).prop_map(|(stream, bytes)| {
        from_agent::Message::Frame(Frame { stream, blocks: bytes.into(), ..frame(1, 0) })
    });
    let named = (1u64..30, any::<u32>()).prop_map(|(sequence, id)| {
        from_agent::Message::Frame(Frame { forgotten: vec![id], ..frame(sequence, 0) })
    });
    prop_oneof![
        20 => frames,
        6 => gaps,
        3 => backlogs,
        3 => pongs,
        1 => broken,
        2 => named,
        1 => Just(from_agent::Message::Facts(HostFacts::default())),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn any_messages_end_in_acknowledgements_or_a_reason() {
    let server = Server::with(|config| config.head_limit_bytes = 60_000).await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("odd").await;
    let honest = agents.join("honest").await;
    let mut beside = agents.connect(&honest, 1, Vec::new(), 0).await;
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let cases = proptest::collection::vec(any_message(), 1..60);
    let mut told: BTreeMap<Vec<u8>, SequenceSet> = BTreeMap::new();
    let own = vec![1; 16];
    let full = |stream: &[u8]| if stream.is_empty() { own.clone() } else { stream.to_vec() };
    for case in 0..CASES {
        let messages = cases.new_tree(&mut runner).unwrap().current();
        let mut agent = agents.connect(&joined, 1, Vec::new(), 0).await;
        let mut ended = None;
        for message in messages {
            match &message {
                from_agent::Message::Frame(frame) => {
                    told.entry(full(&frame.stream)).or_default().insert(frame.sequence);
                }
                from_agent::Message::Gap(gap) => {
                    let range = gap.first_sequence..=gap.last_sequence;
                    told.entry(full(&gap.stream)).or_default().insert_range(range);
                }
                _ => {}
            }
            // A server that has ended the stream takes nothing more.
            if !agent.try_send(message).await {
                break;
            }
        }
        // The last one is answered when all before it were.
        let last = 1000 + case as u64;
        told.entry(own.clone()).or_default().insert(last);
        agent.try_send(from_agent::Message::Frame(frame(last, 0))).await;
        while ended.is_none() && !agent.has(&[], last) {
            tokio::select! {
                next = agent.next() => match next {
                    Ok(true) => {}
                    Ok(false) => ended = Some(None),
                    Err(status) => ended = Some(Some(status)),
                },
                () = async {
                    server.state.history.flush().await.unwrap();
                    tokio::task::yield_now().await;
                } => {}
            }
        }
        if let Some(status) = ended {
            let status = status.expect("a stream ends with a reason");
            let known = [Code::InvalidArgument, Code::ResourceExhausted];
            assert!(
                known.contains(&status.code()) && !status.message().is_empty(),
                "case {case}: {status:?}"
            );
        }
        for (stream, acknowledged) in &agent.acknowledged {
            let told = told.get(&full(stream)).cloned().unwrap_or_default();
            assert!(acknowledged.difference(&told).is_empty(), "case {case}: {stream:?} {acknowledged:?}");
        }
        drop(agent);
        beside.send(from_agent::Message::Frame(frame(case as u64 + 1, 0))).await;
    }
    while !beside.has(&[], CASES as u64) {
        tokio::select! {
            next = beside.next() => assert!(next.unwrap()),
            () = async {
                server.state.history.flush().await.unwrap();
                tokio::task::yield_now().await;
            } => {}
        }
    }
    assert_eq!(beside.acknowledged(&[]), [1..=CASES as u64]);
    // Each row once, whatever was sent twice.
    let rows = server.state.history.recorded(&joined.key.id, i64::MIN, i64::MAX).await.unwrap().len() as u64;
    let stats = server.state.history.stats();
    assert_eq!(rows + CASES as u64, stats.frames_stored_total);
}
