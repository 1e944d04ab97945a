//! What a server of version 0.1 wrote is read by the agent of today.

use std::path::Path;

use prost::Message as _;
use tacho_wire::ranges_from_wire;
use tacho_wire::v1::{FromServer, from_server};

fn recorded(name: &str) -> from_server::Message {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/wire/v0_1");
    let bytes = std::fs::read(directory.join(name)).unwrap();
    FromServer::decode(bytes.as_slice()).unwrap().message.unwrap()
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
