//! Asks a running server, over the socket in its data directory.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use axum::body::{Body as RequestBody, to_bytes};
use bytes::Bytes;
use futures::TryStreamExt as _;
use http::StatusCode;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tacho_history::outside::{HISTORY_SOCKET, SOCKET_DIRECTORY};
use tokio::net::UnixStream;

use super::{Body, ExportRequest, ImportReport};

/// Of a file read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// Longest text that says what is wrong.
const MESSAGE_BYTES: usize = 64 << 10;

/// A server that runs on a data directory.
pub(super) struct Client {
    sender: tokio::sync::Mutex<SendRequest<RequestBody>>,
}

impl Client {
    /// `None` when no server runs there.
    pub(super) async fn connect(data_directory: &Path) -> anyhow::Result<Option<Self>> {
        let path = data_directory.join(SOCKET_DIRECTORY).join(HISTORY_SOCKET);
        let stream = match UnixStream::connect(&path).await {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("cannot ask the server over {}; run this as the server's user", path.display())
                });
            }
        };
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.context("the server does not answer")?;
        // Ends with the answer.
        tokio::spawn(connection);
        Ok(Some(Self { sender: tokio::sync::Mutex::new(sender) }))
    }

    pub(super) async fn export(&self, request: &ExportRequest) -> anyhow::Result<Body> {
        let body = RequestBody::from(serde_json::to_vec(request)?);
        let answer = self.ask("/exports", body).await?;
        let pieces = RequestBody::new(answer).into_data_stream();
        Ok(Box::pin(pieces.map_err(|_| anyhow::anyhow!("the export broke off; the server's log says why"))))
    }

    pub(super) async fn import(&self, file: File) -> anyhow::Result<ImportReport> {
        let pieces = futures::stream::try_unfold(file, |mut file| async move {
            // A local file, read by a command that does nothing else.
            let mut piece = vec![0; PIECE_BYTES];
            let read = file.read(&mut piece)?;
            piece.truncate(read);
            Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
        });
        let answer = self.ask("/imports", RequestBody::from_stream(pieces)).await?;
        let json = to_bytes(RequestBody::new(answer), MESSAGE_BYTES).await?;
        serde_json::from_slice(&json).context("the server's answer is not a report of an import")
    }

    async fn ask(&self, path: &str, body: RequestBody) -> anyhow::Result<Incoming> {
        let request = http::Request::post(path)
            .header(http::header::HOST, "localhost")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)?;
        let answer = self.sender.lock().await.send_request(request).await;
        let (parts, answer) = answer.context("the server does not answer")?.into_parts();
        if parts.status == StatusCode::OK {
            return Ok(answer);
        }
        let text = to_bytes(RequestBody::new(answer), MESSAGE_BYTES).await?;
        match parts.status {
            StatusCode::NOT_FOUND if text.is_empty() => {
                bail!("the server that runs is of another version than this command; restart it")
            }
            _ => bail!("{}", String::from_utf8_lossy(&text)),
        }
    }
}
