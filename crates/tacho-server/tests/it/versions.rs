//! Agents one version away. The bytes of `fixtures/wire` go over the wire as they were recorded.

use std::path::Path;

use bytes::{Buf as _, BufMut as _, Bytes};
use prost::Message as _;
use tacho_model::SequenceSet;
use tacho_wire::ranges_from_wire;
use tacho_wire::v1::{Frame, FromServer, Hello, Welcome, from_agent, from_server};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status, Streaming};

use crate::agents::{Agents, Joined, frame, message};
use crate::fixture::{START_MS, Server};

/// Bytes as they are.
#[derive(Clone, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

async fn connect(
    agents: &Agents<'_>,
    joined: &Joined,
) -> (mpsc::Sender<Bytes>, impl AsyncFnOnce() -> Streaming<Bytes>) {
    let (sender, receiver) = mpsc::channel(16);
    let mut client = tonic::client::Grpc::new(agents.channel(joined).await);
    let open = async move || {
        client.ready().await.unwrap();
        let path = http::uri::PathAndQuery::from_static("/tacho.v1.AgentService/Connect");
        client.streaming(Request::new(ReceiverStream::new(receiver)), path, Raw).await.unwrap().into_inner()
    };
    (sender, open)
}

async fn next(incoming: &mut Streaming<Bytes>) -> from_server::Message {
    let bytes = incoming.message().await.unwrap().expect("the server closed the stream");
    FromServer::decode(bytes).unwrap().message.unwrap()
}

async fn welcomed(incoming: &mut Streaming<Bytes>) -> Welcome {
    match next(incoming).await {
        from_server::Message::Welcome(welcome) => welcome,
        other => panic!("{other:?}"),
    }
}

/// Flushes until the last sequence is acknowledged.
async fn acknowledged(server: &Server, incoming: &mut Streaming<Bytes>, last: u64) {
    loop {
        let message = tokio::select! {
            message = next(incoming) => message,
            () = async {
                server.state.history.flush().await.unwrap();
                tokio::task::yield_now().await;
            } => continue,
        };
        if let from_server::Message::Acknowledge(acknowledge) = message {
            assert_eq!(acknowledge.stream, Vec::<u8>::new(), "it knows one stream only");
            if acknowledge.stored.iter().any(|range| range.last == last) {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_version_0_1_is_served() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    let (sender, open) = connect(&agents, &joined).await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/wire/v0_1");
    for name in ["1-hello", "2-frame", "3-facts", "4-pong", "5-frame"] {
        let bytes = std::fs::read(directory.join(format!("agent-{name}.bin"))).unwrap();
        sender.send(bytes.into()).await.unwrap();
    }
    let mut incoming = open().await;
    let welcome = welcomed(&mut incoming).await;
    assert_eq!((welcome.host_name.as_str(), welcome.stored.len(), welcome.streams.len()), ("web", 0, 0));
    acknowledged(&server, &mut incoming, 2).await;
    let rows = server.state.history.recorded(&joined.key.id, i64::MIN, i64::MAX).await.unwrap();
    let times: Vec<i64> = rows.iter().map(|row| row.time_ms).collect();
    assert_eq!(times, [START_MS + 5_000, START_MS + 10_000]);
    let host = server.json("/api/v1/hosts/web").await;
    assert_eq!((&host["facts"]["kernel"], &host["agent_version"]), (&"6.12.48".into(), &"0.1.0".into()));
    let processes = server.json(&format!("/api/v1/hosts/web/processes?at={}", START_MS + 10_000)).await;
    assert_eq!(processes["processes"][0]["name"], "nginx");

    // The same start connects anew: it takes the place of its own older connection.
    let (sender, open) = connect(&agents, &joined).await;
    sender.send(std::fs::read(directory.join("agent-1-hello.bin")).unwrap().into()).await.unwrap();
    let mut again = open().await;
    assert_eq!(welcomed(&mut again).await.stored[0].last, 2);
    let ended = loop {
        match incoming.message().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(ended.is_err_and(|status| status.code() == tonic::Code::Aborted));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_version_0_2_is_served() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    server.set_now(START_MS + 60_000);
    let (sender, open) = connect(&agents, &joined).await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/wire/v0_2");
    for name in ["1-hello", "2-frame", "3-gap", "4-backlog"] {
        let bytes = std::fs::read(directory.join(format!("agent-{name}.bin"))).unwrap();
        sender.send(bytes.into()).await.unwrap();
    }
    let mut incoming = open().await;
    let welcome = welcomed(&mut incoming).await;
    assert_eq!((welcome.streams.len(), welcome.pace.is_some()), (1, true));
    let mut stored = SequenceSet::new();
    while stored.ranges().ne([1..=4]) {
        let message = tokio::select! {
            message = next(&mut incoming) => message,
            () = async {
                server.state.history.flush().await.unwrap();
                tokio::task::yield_now().await;
            } => continue,
        };
        if let from_server::Message::Acknowledge(acknowledge) = message {
            assert_eq!(acknowledge.stream, [1; 16]);
            stored.extend(&ranges_from_wire(&acknowledge.stored));
        }
    }
    let rows = server.state.history.recorded(&joined.key.id, i64::MIN, i64::MAX).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.time_ms, row.late_ms.is_some())).collect::<Vec<_>>(),
        [(START_MS + 5_000, true)]
    );
    let gaps = server.state.catalog.gaps(&joined.key.id, i64::MIN, i64::MAX).await.unwrap();
    assert_eq!((gaps.len(), gaps[0].frames, gaps[0].reason.as_str()), (1, 3, "damage"));
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_and_messages_of_a_newer_agent_are_ignored() {
    // Field 1000, a text; and a message that is nothing else.
    let unknown: &[u8] = &[0xc2, 0x3e, 5, b'h', b'e', b'l', b'l', b'o'];
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    let (sender, open) = connect(&agents, &joined).await;
    let mut hello = agents.hello(1, Vec::new(), 0);
    hello.agent_version = "9.0.0".to_owned();
    // Inside of the hello and the frame too: tag and length of the one field that a message has.
    let wrapped = |tag: u8, inner: Vec<u8>| {
        let inner = [inner, unknown.to_vec()].concat();
        let mut bytes = vec![tag];
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        Bytes::from([bytes, inner, unknown.to_vec()].concat())
    };
    sender.send(wrapped(0x0a, Hello::encode_to_vec(&hello))).await.unwrap();
    sender.send(Bytes::from_static(unknown)).await.unwrap();
    sender.send(wrapped(0x12, Frame::encode_to_vec(&frame(1, 0)))).await.unwrap();
    let mut incoming = open().await;
    welcomed(&mut incoming).await;
    acknowledged(&server, &mut incoming, 1).await;
    let as_encoded = message(from_agent::Message::Frame(frame(1, 0))).encode_to_vec();
    assert_eq!(as_encoded[0], 0x12, "the tag above is that of a frame");
}
