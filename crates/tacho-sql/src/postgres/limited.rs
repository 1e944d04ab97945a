//! The engine's limits for clients of PostgreSQL, and their requests to cancel.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion_postgres::DfSessionService;
use datafusion_postgres::pgwire::api::portal::Portal;
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::results::{QueryResponse, Response, SendableRowStream};
use datafusion_postgres::pgwire::api::store::PortalStore;
use datafusion_postgres::pgwire::api::{ClientInfo, ClientPortalStore, ConnectionHandle};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::messages::data::DataRow;
use datafusion_postgres::pgwire::messages::extendedquery::Execute;
use datafusion_postgres::pgwire::messages::simplequery::Query;
use futures::channel::oneshot::Receiver;
use futures::future::Shared;
use futures::stream::unfold;
use futures::{FutureExt as _, Sink, Stream, StreamExt as _};

use super::error;
use crate::engine::{Engine, QueryError};

/// Codes of <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
const QUERY_CANCELED: &str = "57014";
const TOO_MANY: &str = "53300";
const TOO_MUCH: &str = "54000";

/// An answer that a driver wants at once is held in memory until it is complete.
const AT_ONCE_BYTES: usize = 256 << 20;

/// Bounds how long a statement runs, how many rows it answers with, and how many run at once.
pub(super) struct Limited {
    service: DfSessionService,
    engine: Engine,
}

impl Limited {
    pub(super) fn new(service: DfSessionService, engine: Engine) -> Self {
        Self { service, engine }
    }

    async fn within(&self, work: impl Future<Output = PgWireResult<()>>) -> PgWireResult<()> {
        let _permit = self.engine.admit().map_err(|busy| error(TOO_MANY, busy.to_string()))?;
        let time = self.engine.limits().time;
        tokio::time::timeout(time, work)
            .await
            .unwrap_or_else(|_| Err(error(QUERY_CANCELED, QueryError::Timeout(time).to_string())))
    }

    /// Answers as they may be sent: no more rows than the limit, and none after a request to cancel.
    async fn bound<C: ClientInfo>(
        &self,
        client: &C,
        responses: Vec<Response>,
        most_bytes: usize,
    ) -> Vec<Response> {
        let handle = client.session_extensions().get::<Arc<ConnectionHandle>>();
        let canceled = match handle {
            Some(handle) => Some(handle.start_query().await.shared()),
            None => None,
        };
        let limit = self.engine.limits().rows;
        let bound = |response| match response {
            Response::Query(answer) => {
                let (tag, schema) = (answer.command_tag.clone(), answer.row_schema());
                let rows = Rows {
                    rows: answer.data_rows,
                    sent: 0,
                    limit,
                    bytes_left: most_bytes,
                    canceled: canceled.clone(),
                };
                let mut answer = QueryResponse::new(schema, rows.stream());
                answer.set_command_tag(&tag);
                Response::Query(answer)
            }
            response => response,
        };
        responses.into_iter().map(bound).collect()
    }
}

/// The rows of an answer on their way.
struct Rows {
    rows: SendableRowStream,
    sent: u64,
    limit: u64,
    bytes_left: usize,
    canceled: Option<Shared<Receiver<()>>>,
}

impl Rows {
    /// Ends with the first error.
    fn stream(self) -> impl Stream<Item = PgWireResult<DataRow>> + Send + 'static {
        unfold(Some(self), async |rows| {
            let mut rows = rows?;
            let row = rows.next().await?;
            let rest = row.is_ok().then_some(rows);
            Some((row, rest))
        })
    }

    async fn next(&mut self) -> Option<PgWireResult<DataRow>> {
        let row = tokio::select! {
            biased;
            () = canceled(self.canceled.clone()) => return Some(Err(PgWireError::QueryCanceled)),
            row = self.rows.next() => row?,
        };
        if self.sent == self.limit {
            let message = format!("the answer has more than {} rows; add a LIMIT, or sum up", self.limit);
            return Some(Err(error(TOO_MUCH, message)));
        }
        self.sent += 1;
        let bytes = row.as_ref().map_or(0, |row| row.data.len());
        let Some(left) = self.bytes_left.checked_sub(bytes) else {
            let message = "the answer is too long to be had at once; fetch it with a cursor, or sum up";
            return Some(Err(error(TOO_MUCH, message.to_owned())));
        };
        self.bytes_left = left;
        Some(row)
    }
}

async fn canceled(requested: Option<Shared<Receiver<()>>>) {
    let asked = match requested {
        Some(requested) => requested.await.is_ok(),
        None => false,
    };
    if !asked {
        // Nobody can ask for it any more.
        std::future::pending().await
    }
}

#[async_trait]
impl SimpleQueryHandler for Limited {
    async fn on_query<C>(&self, client: &mut C, query: Query) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        self.within(self._on_query(client, query)).await
    }

    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let responses = SimpleQueryHandler::do_query(&self.service, client, query).await?;
        Ok(self.bound(client, responses, usize::MAX).await)
    }
}

#[async_trait]
impl ExtendedQueryHandler for Limited {
    type Statement = <DfSessionService as ExtendedQueryHandler>::Statement;
    type QueryParser = <DfSessionService as ExtendedQueryHandler>::QueryParser;

    fn query_parser(&self) -> Arc<Self::QueryParser> {
        self.service.query_parser()
    }

    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        self.within(self._on_execute(client, message)).await
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Self::Statement>,
        max_rows: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let response = ExtendedQueryHandler::do_query(&self.service, client, portal, max_rows).await?;
        let most_bytes = if max_rows == 0 { AT_ONCE_BYTES } else { usize::MAX };
        let mut responses = self.bound(client, vec![response], most_bytes).await;
        Ok(responses.pop().unwrap_or(Response::EmptyQuery))
    }
}
