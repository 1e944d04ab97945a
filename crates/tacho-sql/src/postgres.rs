//! The PostgreSQL wire protocol, for psql, drivers, Grafana and the like. Reads only. The password is an API
//! token, the user's name is free. TLS with a certificate of the server's authority; without TLS only from this
//! machine.

mod limited;
mod read_only;
mod sign_in;

use std::net::SocketAddr;
use std::sync::Arc;

use datafusion_postgres::DfSessionService;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::setup_pg_catalog;
use datafusion_postgres::hooks::QueryHook;
use datafusion_postgres::hooks::cursor::CursorStatementHook;
use datafusion_postgres::hooks::set_show::SetShowHook;
use datafusion_postgres::hooks::transactions::TransactionStatementHook;
use datafusion_postgres::pgwire::api::auth::StartupHandler;
use datafusion_postgres::pgwire::api::cancel::{CancelHandler, DefaultCancelHandler};
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::{ConnectionManager, PgWireServerHandlers};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError};
use datafusion_postgres::pgwire::tokio::process_socket;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::engine::{DATABASE, Engine};
use crate::reader::Reader;
use limited::Limited;
use read_only::ReadOnly;
use sign_in::SignIn;

/// Clients at once; more are refused.
const MAX_CONNECTIONS: usize = 100;

/// Serves clients of PostgreSQL.
pub struct Postgres {
    pub engine: Engine,
    pub reader: Reader,
    pub listener: TcpListener,
    pub tls: TlsAcceptor,
}

/// What one connection is served with.
struct Handlers {
    service: Arc<Limited>,
    sign_in: Arc<SignIn>,
    cancel: Arc<DefaultCancelHandler>,
}

impl Postgres {
    /// Serves until told to stop.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        setup_pg_catalog(self.engine.context(), DATABASE, EmptyContextProvider).map_err(|error| {
            anyhow::anyhow!("cannot make the catalog that clients of PostgreSQL ask: {error}")
        })?;
        let hooks: Vec<Arc<dyn QueryHook>> = vec![
            Arc::new(ReadOnly),
            Arc::new(CursorStatementHook),
            Arc::new(SetShowHook),
            Arc::new(TransactionStatementHook),
        ];
        let service = DfSessionService::new_with_hooks(Arc::clone(self.engine.context()), hooks);
        let connections = Arc::new(ConnectionManager::new());
        let handlers = Arc::new(Handlers {
            service: Arc::new(Limited::new(service, self.engine.clone())),
            sign_in: Arc::new(SignIn::new(self.reader, Arc::clone(&connections))),
            cancel: Arc::new(DefaultCancelHandler::new(connections)),
        });
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => return Ok(()),
            };
            let (socket, address): (_, SocketAddr) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                tracing::warn!(%address, "refused a client: {MAX_CONNECTIONS} are connected");
                continue;
            };
            let (handlers, tls, stop) = (Arc::clone(&handlers), self.tls.clone(), stop.clone());
            tokio::spawn(async move {
                let served = tokio::select! {
                    served = process_socket(socket, Some(tls), handlers) => served,
                    () = stop.cancelled() => Ok(()),
                };
                if let Err(error) = served {
                    tracing::debug!(%address, %error, "a client's connection ended");
                }
                drop(permit);
            });
        }
    }
}

fn error(code: &str, message: String) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("ERROR".to_owned(), code.to_owned(), message)))
}

impl PgWireServerHandlers for Handlers {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.service)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::clone(&self.service)
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.sign_in)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::clone(&self.cancel)
    }
}
