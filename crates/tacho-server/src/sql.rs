//! The SQL program's side: tells it what the history holds, and asks it queries. Both over sockets in the data
//! directory that only the server's own user can open, so that there is no secret to keep.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path as UrlPath, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures::StreamExt as _;
use http::StatusCode;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tacho_catalog::Catalog;
use tacho_history::History;
use tacho_history::outside::{
    CallerRole, HISTORY_SOCKET, QUERY_SOCKET, SOCKET_DIRECTORY, ServedIdentity, SqlQuery, TableFiles,
};
use tacho_runtime::clock::NowMs;
use tacho_runtime::files::create_private_directory;
use tacho_runtime::logging::chain;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::auth::Credential;
use crate::auth::token::api_token_hash;
use crate::authority::Authority;

/// The program is on this machine: one that does not take the connection within this is stuck.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where both sockets are.
#[derive(Debug, Clone)]
pub struct SqlSockets {
    directory: PathBuf,
}

/// What the SQL program may ask for.
#[derive(Clone)]
pub struct HistoryService {
    pub authority: Arc<Authority>,
    /// What clients may call this machine.
    pub names: Vec<String>,
    /// Of a certificate.
    pub lifetime: Duration,
    pub history: History,
    pub catalog: Catalog,
    pub now: NowMs,
}

/// Why a query could not be handed over.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    #[error("the program that answers SQL, tacho-sql, is not running on the server")]
    NotRunning(#[source] std::io::Error),
    #[error("the program that answers SQL does not answer")]
    NoAnswer(#[source] hyper::Error),
    #[error("the program that answers SQL did not answer in time")]
    Timeout,
}

#[derive(Debug, Deserialize)]
struct ViewQuery {
    host: Option<String>,
    #[serde(default = "earliest")]
    from: i64,
    #[serde(default = "latest")]
    to: i64,
}

fn earliest() -> i64 {
    i64::MIN
}

fn latest() -> i64 {
    i64::MAX
}

impl SqlSockets {
    pub fn new(data_directory: &Path) -> Self {
        Self { directory: data_directory.join(SOCKET_DIRECTORY) }
    }

    /// Takes the place of a socket that a server left that was killed; the lock of the data directory is held.
    pub fn listen(&self) -> anyhow::Result<UnixListener> {
        create_private_directory(&self.directory)
            .with_context(|| format!("cannot make {}", self.directory.display()))?;
        let path = self.directory.join(HISTORY_SOCKET);
        if path.exists() {
            std::fs::remove_file(&path).with_context(|| format!("cannot replace {}", path.display()))?;
        }
        let listener =
            UnixListener::bind(&path).with_context(|| format!("cannot listen on {}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .with_context(|| format!("cannot protect {}", path.display()))?;
        Ok(listener)
    }

    /// Hands a query over; the answer streams.
    pub async fn ask(&self, query: &SqlQuery) -> Result<http::Response<hyper::body::Incoming>, SqlError> {
        let path = self.directory.join(QUERY_SOCKET);
        let connect = tokio::time::timeout(CONNECT_TIMEOUT, UnixStream::connect(&path));
        let stream = connect.await.map_err(|_| SqlError::Timeout)?.map_err(SqlError::NotRunning)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(SqlError::NoAnswer)?;
        // Ends with the answer, or when nobody wants it any more.
        tokio::spawn(connection);
        let body = serde_json::to_vec(query).unwrap_or_default();
        let request = http::Request::post("/queries")
            .header(http::header::HOST, "localhost")
            .header(http::header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body)).expect("a constant request is well formed");
        sender.send_request(request).await.map_err(SqlError::NoAnswer)
    }
}

impl HistoryService {
    /// Answers until told to stop.
    pub async fn run(self, listener: UnixListener, stop: CancellationToken) -> std::io::Result<()> {
        let router = Router::new()
            .route("/tables/{table}", get(table))
            .route("/callers", post(caller))
            .route("/identity", get(identity))
            .with_state(Arc::new(self));
        axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
    }
}

async fn table(
    State(service): State<Arc<HistoryService>>,
    UrlPath(name): UrlPath<String>,
    Query(query): Query<ViewQuery>,
) -> Response {
    let Some((table, ..)) = tacho_history::stored_table(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let view = service.history.table_view(table, query.host.as_deref(), query.from..query.to);
    let files = TableFiles::new(service.history.directory(), view.files(), view.left_out());
    let mut first = match serde_json::to_vec(&files) {
        Ok(first) => first,
        Err(error) => {
            tracing::error!(%error, "cannot describe files of the history");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    first.push(b'\n');
    let first = futures::stream::once(async { Ok(Bytes::from(first)) });
    Body::from_stream(first.chain(view.head_arrow())).into_response()
}

async fn identity(State(service): State<Arc<HistoryService>>) -> Response {
    match service.authority.issue_server(&service.names, service.lifetime, (service.now)()) {
        Ok(identity) => axum::Json(ServedIdentity {
            chain: identity.chain.iter().map(|certificate| certificate.to_vec()).collect(),
            key: identity.key.secret_der().to_vec(),
        })
        .into_response(),
        Err(error) => {
            tracing::error!(error = %chain(&error), "cannot make a certificate for tacho-sql");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn caller(State(service): State<Arc<HistoryService>>, token: String) -> Response {
    let Some(hash) = api_token_hash(token.trim()) else { return StatusCode::FORBIDDEN.into_response() };
    match Credential::Token(hash).caller(&service.catalog, (service.now)()).await {
        Ok(Some(caller)) => {
            let role = CallerRole { name: caller.name, role: caller.role.name().to_owned() };
            axum::Json(role).into_response()
        }
        Ok(None) => StatusCode::FORBIDDEN.into_response(),
        Err(error) => {
            tracing::error!(error = %chain(&error), "cannot look a token up");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
