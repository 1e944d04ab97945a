//! What a running server does for `export` and `import`: the file is written and read by the one who asks.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures::{StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use tacho_history::HistoryError;
use tacho_runtime::logging::chain;

use super::{ExportRequest, ImportReport, start_export, unknown_host};
use crate::sql::HistoryService;

/// `POST /exports` answers with an archive, `POST /imports` takes one. What is wrong comes as text.
pub(crate) fn routes() -> Router<Arc<HistoryService>> {
    Router::new().route("/exports", post(export)).route("/imports", post(import))
}

async fn export(State(service): State<Arc<HistoryService>>, Json(request): Json<ExportRequest>) -> Response {
    match start_export(&service.history, &service.catalog, &request).await {
        Ok(Some(stream)) => Body::from_stream(stream.map(|piece| {
            piece.inspect_err(|error| tracing::error!("an export broke off: {}", chain(error)))
        }))
        .into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, unknown_host(&request.host)).into_response(),
        Err(error) => refused(&error),
    }
}

async fn import(State(service): State<Arc<HistoryService>>, body: Body) -> Response {
    let imported = async {
        let archive = receive(service.history.directory(), body).await?;
        anyhow::Ok(service.history.import(archive).await?)
    };
    match imported.await {
        Ok(imported) => {
            let report = ImportReport::of(imported);
            tracing::info!(host = report.host, rows = report.rows, "a file of another history was taken in");
            Json(report).into_response()
        }
        Err(error) => refused(&error),
    }
}

/// Puts what comes into a file without a name: it is gone with this process, however that ends.
async fn receive(directory: &Path, body: Body) -> anyhow::Result<File> {
    let path = directory.join("import.tar");
    let failed = || format!("cannot write {}", path.display());
    // Another import may be at the same point: each takes the name for a moment only.
    let open = || {
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok::<_, std::io::Error>(file)
    };
    let mut file = open().with_context(failed)?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.try_next().await.context("the file broke off")? {
        file.write_all(&piece).with_context(failed)?;
    }
    file.rewind().with_context(failed)?;
    Ok(file)
}

/// Who asks has the same user as the server, and is told all.
fn refused(error: &anyhow::Error) -> Response {
    let mistake = error.downcast_ref::<HistoryError>().is_some_and(HistoryError::is_callers_mistake);
    let status = if mistake { StatusCode::BAD_REQUEST } else { StatusCode::INTERNAL_SERVER_ERROR };
    if !mistake {
        tracing::error!("an export or import failed: {error:#}");
    }
    (status, format!("{error:#}")).into_response()
}
