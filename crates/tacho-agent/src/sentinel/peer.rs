//! Asking another sentinel: one line of JSON each way, over TLS with the certificates of both agents.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tacho_runtime::tls;
use tacho_wire::v1::SentinelPeer;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::identity::Held;

/// Who does not answer within this is dead.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// Of a question or an answer.
const LINE_BYTES: u64 = 1024;
pub(super) const QUESTION: &str = "server?\n";

/// What a sentinel answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeerState {
    /// It has a connection to a server.
    pub connected: bool,
    /// It has told people of this outage.
    pub spoken: bool,
    /// It can tell nobody: it has no channel, or all refuse.
    pub failing: bool,
}

/// What was learned of a sentinel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// No answer, or none that can be believed.
    Dead,
    SeesServer,
    /// It is there, sees no server either, and has not spoken yet.
    Waiting,
    Failing,
    Spoken,
}

impl PeerState {
    pub(super) fn to_line(self) -> String {
        let line = json!({ "connected": self.connected, "spoken": self.spoken, "failing": self.failing });
        format!("{line}\n")
    }

    fn from_line(line: &str) -> Option<Self> {
        let answer: Value = serde_json::from_str(line).ok()?;
        let flag = |name: &str| answer.get(name).and_then(Value::as_bool);
        Some(Self { connected: flag("connected")?, spoken: flag("spoken")?, failing: flag("failing")? })
    }

    fn answer(self) -> Answer {
        match self {
            Self { connected: true, .. } => Answer::SeesServer,
            Self { spoken: true, .. } => Answer::Spoken,
            Self { failing: true, .. } => Answer::Failing,
            _ => Answer::Waiting,
        }
    }
}

/// Asks `peer`, who has to show the certificate of the agent that the server named.
pub(super) async fn ask(held: &Held, peer: &SentinelPeer) -> Answer {
    match tokio::time::timeout(TIMEOUT, exchange(held, peer)).await {
        Ok(Ok(state)) => state.answer(),
        Ok(Err(error)) => {
            tracing::info!(
                host = peer.host_name,
                address = peer.address,
                error = format!("{error:#}"),
                "a sentinel is not there"
            );
            Answer::Dead
        }
        Err(_) => Answer::Dead,
    }
}

async fn exchange(held: &Held, peer: &SentinelPeer) -> anyhow::Result<PeerState> {
    use anyhow::Context as _;
    let config = tls::peer_client_config(held.identity.clone(), held.authority.clone(), &peer.agent_id)?;
    let tcp = TcpStream::connect(&peer.address).await.context("cannot connect")?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(tls::server_name(), tcp).await?;
    stream.write_all(QUESTION.as_bytes()).await?;
    stream.flush().await?;
    let line = read_line(&mut stream).await?;
    PeerState::from_line(&line).context("the answer cannot be read")
}

/// One line of a bounded length.
pub(super) async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(LINE_BYTES)).read_line(&mut line).await?;
    if line.ends_with('\n') { Ok(line) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_read_back() {
        for bits in 0..8_u8 {
            let state = PeerState { connected: bits & 1 > 0, spoken: bits & 2 > 0, failing: bits & 4 > 0 };
            assert_eq!(PeerState::from_line(&state.to_line()), Some(state));
        }
        assert_eq!(PeerState::default().answer(), Answer::Waiting);
    }

    proptest! {
        #[test]
        fn any_line_is_an_answer_or_none(line in ".*") {
            PeerState::from_line(&line);
        }
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused() {
        assert_eq!(read_line(&mut "server?\nmore".as_bytes()).await.unwrap(), "server?\n");
        assert!(read_line(&mut "a".repeat(5000).as_bytes()).await.is_err());
        assert!(read_line(&mut "".as_bytes()).await.is_err());
    }
}
