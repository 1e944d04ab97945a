//! Asks the server what the history holds.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::PrivateKeyDer;
use tacho_history::outside::{CallerRole, HISTORY_SOCKET, SOCKET_DIRECTORY, ServedIdentity, TableFiles};
use tacho_model::Table;
use tacho_runtime::tls::Identity;
use tokio::net::UnixStream;

use crate::bounds::Bounds;

/// The server answers from memory; one that takes longer is stuck.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Between two looks for a server that has not started yet.
const SERVER_PAUSE: Duration = Duration::from_millis(500);

/// More than any head holds.
const MAX_ANSWER_BYTES: usize = 2 << 30;

/// The server's side of the history.
#[derive(Debug, Clone)]
pub struct Reader {
    socket: PathBuf,
}

/// A table at one moment: each row is in a file or in the head.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) files: TableFiles,
    pub(crate) head: Vec<RecordBatch>,
}

/// Why the history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot reach the server at {}; is tacho-server running, with the same data_dir?", path.display())]
    Connect { path: PathBuf, source: std::io::Error },
    #[error("the server does not answer")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the server refused: {0}")]
    Refused(StatusCode),
    #[error("the server did not answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("the server's answer is not what it should be")]
    Files(#[from] serde_json::Error),
    #[error("the server's rows are not what they should be")]
    Rows(#[from] ArrowError),
}

impl Reader {
    /// Of the server with this data directory.
    pub fn new(data_directory: &Path) -> Self {
        Self { socket: data_directory.join(SOCKET_DIRECTORY).join(HISTORY_SOCKET) }
    }

    /// The table within the bounds, as it is now. `schema`: the table's own, see [`schema_of`].
    pub(crate) async fn view(
        &self,
        table: &Table,
        schema: &SchemaRef,
        bounds: &Bounds,
    ) -> Result<View, ReadError> {
        let mut target =
            format!("/tables/{}?from={}&to={}", table.name, bounds.time_ms.start, bounds.time_ms.end);
        if let Some(host_id) = bounds.host_id.as_deref().filter(|id| is_plain(id)) {
            target.push_str("&host=");
            target.push_str(host_id);
        }
        let answer = self.ask(Request::get(target), Body::empty()).await?;
        let end = answer.iter().position(|byte| *byte == b'\n').unwrap_or(answer.len());
        let (first, rest) = answer.split_at(end);
        let files = serde_json::from_slice(first)?;
        let rows = StreamReader::try_new(Cursor::new(rest.get(1..).unwrap_or_default()), None)?;
        let head = rows.map(|batch| fit(&batch?, schema)).collect::<Result<_, _>>()?;
        Ok(View { files, head })
    }

    /// Whose token this is; `None`: nobody's.
    pub(crate) async fn caller(&self, token: &str) -> Result<Option<CallerRole>, ReadError> {
        match self.ask(Request::post("/callers"), Body::from(token.to_owned())).await {
            Ok(answer) => Ok(Some(serde_json::from_slice(&answer)?)),
            Err(ReadError::Refused(StatusCode::FORBIDDEN)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A certificate of the server's authority. Waits for a server that is not there yet.
    pub async fn identity(&self) -> Result<Identity, ReadError> {
        let mut is_told = false;
        loop {
            match self.ask(Request::get("/identity"), Body::empty()).await {
                Ok(answer) => {
                    let identity: ServedIdentity = serde_json::from_slice(&answer)?;
                    return Ok(Identity {
                        chain: identity.chain.into_iter().map(Into::into).collect(),
                        key: PrivateKeyDer::Pkcs8(identity.key.into()),
                    });
                }
                Err(ReadError::Connect { path, source }) => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::info!(path = %path.display(), error = %source, "waiting for the server");
                    }
                    tokio::time::sleep(SERVER_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn ask(&self, request: http::request::Builder, body: Body) -> Result<bytes::Bytes, ReadError> {
        let asked = async {
            let stream = UnixStream::connect(&self.socket)
                .await
                .map_err(|source| ReadError::Connect { path: self.socket.clone(), source })?;
            let failed = |error: hyper::Error| ReadError::Answer(Box::new(error));
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
            let connection = tokio::spawn(connection);
            let request = request.header(http::header::HOST, "localhost").body(body);
            let request = request.map_err(|error| ReadError::Answer(Box::new(error)))?;
            let answer = sender.send_request(request).await.map_err(failed)?;
            if answer.status() != StatusCode::OK {
                return Err(ReadError::Refused(answer.status()));
            }
            let body = to_bytes(Body::new(answer.into_body()), MAX_ANSWER_BYTES).await;
            connection.abort();
            body.map_err(|error| ReadError::Answer(Box::new(error)))
        };
        tokio::time::timeout(TIMEOUT, asked).await.unwrap_or(Err(ReadError::Timeout))
    }
}

/// Ids are letters and digits. What is not one is nobody's, and is left to the query's own condition.
fn is_plain(host_id: &str) -> bool {
    !host_id.is_empty() && host_id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The table's columns as queries see them: text as views of its bytes.
pub(crate) fn schema_of(table: &'static Table) -> SchemaRef {
    let stored = tacho_history::schema(table);
    let fields = stored.fields().iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::Dictionary(..) => DataType::Utf8View,
            other => other.clone(),
        };
        Field::new(field.name(), data_type, field.is_nullable())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A batch of a server that may be a little older or newer: columns by name, absent ones empty.
fn fit(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let column = |field: &Arc<Field>| -> Result<ArrayRef, ArrowError> {
        match batch.column_by_name(field.name()) {
            Some(column) => cast(column, field.data_type()),
            None => Ok(arrow::array::new_null_array(field.data_type(), batch.num_rows())),
        }
    };
    let columns = schema.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}
