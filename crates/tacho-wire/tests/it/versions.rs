//! What agents and servers of earlier versions wrote is read by those of today.

use std::path::{Path, PathBuf};

use prost::Message as _;
use tacho_wire::ranges_from_wire;
use tacho_wire::v1::{
    Acknowledge, Backlog, Drain, Frame, FromAgent, FromServer, Gap, GapReason, Hello, NoticeChannel, Pace,
    Sentinel, SentinelPeer, SequenceRange, SmtpSettings, Welcome, from_agent, from_server,
};

fn directory(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/wire").join(version)
}

fn recorded(name: &str) -> from_server::Message {
    let bytes = std::fs::read(directory("v0_1").join(name)).unwrap();
    FromServer::decode(bytes.as_slice()).unwrap().message.unwrap()
}

/// The message has the bytes that were recorded. `BLESS=1` records those that are not there yet, and rewrites none.
fn check<M: prost::Message + Default + PartialEq + std::fmt::Debug>(name: &str, message: &M) {
    let path = directory("v0_2").join(name);
    if std::env::var_os("BLESS").is_some() && !path.exists() {
        std::fs::write(&path, message.encode_to_vec()).unwrap();
    }
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(&M::decode(bytes.as_slice()).unwrap(), message, "{name}");
    assert_eq!(message.encode_to_vec(), bytes, "{name}");
}

#[test]
fn messages_of_an_agent_of_version_0_2_are_read() {
    let (current, earlier) = (vec![2; 16], vec![1; 16]);
    let backlog = |stream: &[u8], frames| Backlog {
        stream: stream.to_vec(),
        frames,
        bytes: 1000 * frames,
        first_time_ms: 1_790_000_005_000,
        last_time_ms: 1_790_000_010_000,
    };
    let said = |message| FromAgent { message: Some(message) };
    let hello = Hello {
        agent_version: "0.2.0".to_owned(),
        stream: current.clone(),
        boot_id: "boot".to_owned(),
        boot_clock_us: 100_060_000_000,
        wall_clock_ms: 1_790_000_060_000,
        facts: None,
        backlog: vec![backlog(&current, 0), backlog(&earlier, 2)],
        start: vec![9; 16],
        sentinel_address: "10.0.0.5:9301".to_owned(),
        machine: b"web".to_vec(),
        questions: Vec::new(),
    };
    check("agent-1-hello.bin", &said(from_agent::Message::Hello(hello)));
    // What was taken before the hello's stream began; its blocks are those of the first version.
    let bytes = std::fs::read(directory("v0_1").join("agent-2-frame.bin")).unwrap();
    let Some(from_agent::Message::Frame(frame)) = FromAgent::decode(bytes.as_slice()).unwrap().message else {
        panic!("not a frame")
    };
    let frame = Frame { backfill: true, stream: earlier.clone(), ..frame };
    check("agent-2-frame.bin", &said(from_agent::Message::Frame(frame)));
    let gap = Gap {
        stream: earlier.clone(),
        first_sequence: 2,
        last_sequence: 4,
        first_time_ms: 1_790_000_010_000,
        last_time_ms: 1_790_000_020_000,
        reason: GapReason::Damage.into(),
    };
    check("agent-3-gap.bin", &said(from_agent::Message::Gap(gap)));
    check("agent-4-backlog.bin", &said(from_agent::Message::Backlog(backlog(&earlier, 0))));
}

#[test]
fn messages_of_a_server_of_version_0_2_are_read() {
    let stored = |first, last| vec![SequenceRange { first, last }];
    let acknowledge = Acknowledge { stored: stored(1, 2), stream: vec![1; 16] };
    let said = |message| FromServer { message: Some(message) };
    let welcome = Welcome {
        server_version: "0.2.0".to_owned(),
        host_id: "host".to_owned(),
        host_name: "web".to_owned(),
        stored: stored(1, 90),
        wall_clock_ms: 1_790_000_060_000,
        streams: vec![acknowledge.clone()],
        pace: Some(Pace { backfill_bytes_per_second: 1 << 20 }),
    };
    let smtp = SmtpSettings {
        server: "mail.example.org:587".to_owned(),
        security: "starttls".to_owned(),
        user: "tacho".to_owned(),
        password: "secret".to_owned(),
        from: "tacho@example.org".to_owned(),
        to: vec!["people@example.org".to_owned()],
    };
    let email = NoticeChannel { kind: "email".to_owned(), smtp: Some(smtp), ..NoticeChannel::default() };
    let hook = NoticeChannel {
        kind: "webhook".to_owned(),
        url: "https://hook.example.org/".to_owned(),
        key: "key".to_owned(),
        smtp: None,
    };
    let before = SentinelPeer {
        agent_id: "agent-1".to_owned(),
        host_name: "db".to_owned(),
        address: "10.0.0.6:9301".to_owned(),
    };
    let duty = Sentinel { rank: 2, before: vec![before], channels: vec![hook, email] };
    let messages = [
        ("server-1-welcome.bin", from_server::Message::Welcome(welcome)),
        ("server-2-acknowledge.bin", from_server::Message::Acknowledge(acknowledge)),
        ("server-3-pace.bin", from_server::Message::Pace(Pace { backfill_bytes_per_second: 0 })),
        ("server-4-drain.bin", from_server::Message::Drain(Drain { return_after_ms: 15_000 })),
        ("server-5-sentinel.bin", from_server::Message::Sentinel(duty)),
    ];
    messages.into_iter().for_each(|(name, message)| check(name, &said(message)));
}

#[test]
fn messages_of_a_server_of_version_0_1_are_read() {
    let from_server::Message::Welcome(welcome) = recorded("server-1-welcome.bin") else {
        panic!("not a welcome")
    };
    assert_eq!((welcome.host_name.as_str(), welcome.wall_clock_ms), ("web", 1_790_000_000_000));
    assert_eq!(ranges_from_wire(&welcome.stored).ranges().collect::<Vec<_>>(), [1..=90]);
    assert_eq!((welcome.pace, welcome.streams.len()), (None, 0), "no pace is the agent's own");
    let from_server::Message::Acknowledge(acknowledge) = recorded("server-2-acknowledge.bin") else {
        panic!("not an acknowledgement")
    };
    assert_eq!(ranges_from_wire(&acknowledge.stored).ranges().collect::<Vec<_>>(), [91..=95, 97..=97]);
    assert!(acknowledge.stream.is_empty());
    let from_server::Message::Ping(ping) = recorded("server-3-ping.bin") else { panic!("not a ping") };
    assert_eq!(ping.number, 3);
}
