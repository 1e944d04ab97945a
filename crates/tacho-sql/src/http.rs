//! Queries that the server hands over, on a socket that only its user can open.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use bytes::Bytes;
use futures::StreamExt as _;
use http::StatusCode;
use tacho_history::outside::{QUERY_SOCKET, SOCKET_DIRECTORY, SqlQuery};
use tacho_runtime::files::create_private_directory;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::encode::{Encoder, Format};
use crate::engine::{Engine, QueryError, Running};

/// Encoded pieces that wait for a slow reader.
const PIECES_AHEAD: usize = 2;

/// Listens in the server's data directory. Takes the place of a socket that a killed program left; of a running
/// one, never.
pub fn listen(data_directory: &std::path::Path) -> anyhow::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = data_directory.join(SOCKET_DIRECTORY);
    create_private_directory(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let path = directory.join(QUERY_SOCKET);
    if path.exists() {
        anyhow::ensure!(
            std::os::unix::net::UnixStream::connect(&path).is_err(),
            "another tacho-sql answers at {} already",
            path.display()
        );
        std::fs::remove_file(&path).with_context(|| format!("cannot replace {}", path.display()))?;
    }
    let listener =
        UnixListener::bind(&path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot protect {}", path.display()))?;
    Ok(listener)
}

/// Answers until told to stop.
pub async fn run(engine: Engine, listener: UnixListener, stop: CancellationToken) -> std::io::Result<()> {
    let router = Router::new().route("/queries", post(query)).with_state(Arc::new(engine));
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn query(State(engine): State<Arc<Engine>>, axum::Json(query): axum::Json<SqlQuery>) -> Response {
    let Some(format) = Format::parse(&query.format) else {
        return (StatusCode::BAD_REQUEST, format!("there is no format {}", query.format)).into_response();
    };
    let limit = query.limit.unwrap_or(u64::MAX).min(engine.limits().rows);
    match answer(&engine, &query.query, format, limit).await {
        Ok(response) => response,
        Err(error) => {
            let status = match error {
                QueryError::Refused(_) | QueryError::Timeout(_) => StatusCode::BAD_REQUEST,
                QueryError::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            };
            tracing::debug!(%error, "a query has no answer");
            (status, error.to_string()).into_response()
        }
    }
}

async fn answer(engine: &Engine, query: &str, format: Format, limit: u64) -> Result<Response, QueryError> {
    let deadline = tokio::time::Instant::now() + engine.limits().time;
    let mut running = engine.start(query).await?;
    let refused = |error: crate::encode::EncodeError| {
        QueryError::Refused(datafusion::error::DataFusionError::External(Box::new(error)))
    };
    let (encoder, start) = Encoder::new(format, &running.rows.schema()).map_err(refused)?;
    // A query that fails as a rule does so before its first rows: then it can still be said.
    let first = tokio::time::timeout_at(deadline, running.rows.next()).await;
    let first = first.map_err(|_| QueryError::Timeout(engine.limits().time))?;
    let first = first.transpose().map_err(QueryError::Refused)?;
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    let writer = Writer { running, encoder, limit, deadline, sender };
    tokio::spawn(writer.run(start, first));
    Ok(Body::from_stream(ReceiverStream::new(receiver)).into_response())
}

/// Writes an answer until it is done or nobody reads it.
struct Writer {
    running: Running,
    encoder: Encoder,
    /// Rows still allowed.
    limit: u64,
    deadline: tokio::time::Instant,
    sender: mpsc::Sender<Result<Bytes, std::io::Error>>,
}

impl Writer {
    async fn run(self, start: Vec<u8>, first: Option<arrow::array::RecordBatch>) {
        let sender = self.sender.clone();
        if let Err(error) = self.write(start, first).await {
            tracing::debug!(%error, "an answer broke off");
            // The reader sees an answer that is not complete.
            sender.send(Err(std::io::Error::other(error))).await.ok();
        }
    }

    async fn write(
        mut self,
        start: Vec<u8>,
        first: Option<arrow::array::RecordBatch>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.sender.send(Ok(start.into())).await?;
        let (mut next, mut truncated) = (first, false);
        while let Some(batch) = next {
            let rows = batch.num_rows().min(usize::try_from(self.limit).unwrap_or(usize::MAX));
            truncated = rows < batch.num_rows();
            self.limit = self.limit.saturating_sub(rows as u64);
            let piece = self.encoder.rows(&batch.slice(0, rows))?;
            if !piece.is_empty() {
                self.sender.send(Ok(piece.into())).await?;
            }
            if truncated {
                break;
            }
            next = tokio::time::timeout_at(self.deadline, self.running.rows.next()).await?.transpose()?;
        }
        self.sender.send(Ok(self.encoder.end(truncated)?.into())).await?;
        drop(self.running.permit);
        Ok(())
    }
}
