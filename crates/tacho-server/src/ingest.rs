//! Takes in agents: lets them join, keeps their streams, and hands their snapshots to the history and the
//! live state.

mod clock;
mod connection;
mod drain;
mod identities;
mod inventory;
mod outgoing;
mod pace;
mod questions;
mod renewal;
mod sessions;
mod starts;
mod streams;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tacho_catalog::{AgentRecord, Catalog, CatalogError, NewAgent};
use tacho_history::History;
use tacho_model::HostKey;
use tacho_runtime::clock::NowMs;
use tacho_runtime::logging;
use tacho_runtime::tls::fingerprint;
use tacho_wire::v1::agent_service_server::AgentService;
use tacho_wire::v1::{FromAgent, FromServer, JoinRequest, JoinResponse, RenewRequest, RenewResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::auth::Peer;
use crate::authority::Authority;
use crate::inventory::check_host_name;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::sentinels::Sentinels;
use crate::serve::ClientCertificate;

use connection::Connection;
pub use drain::Draining;
pub use inventory::InventoryWatch;
pub use pace::Pacer;
pub use questions::{AskError, Ready};
pub use sessions::Sessions;

/// Messages on the way to one agent; what follows is put together until there is room again.
const OUTGOING_MESSAGES: usize = 16;

/// The agents' side of the server. Clones share it.
#[derive(Clone)]
pub struct Ingest {
    shared: Arc<Shared>,
}

/// What every connection needs.
pub struct Shared {
    pub history: History,
    pub catalog: Catalog,
    pub live: Live,
    pub authority: Arc<Authority>,
    pub now: NowMs,
    /// Networks that agents may come from; empty means any.
    pub allowed_networks: Vec<IpNet>,
    pub metrics: Metrics,
    pub draining: Draining,
    pub pacer: Pacer,
    pub sessions: Sessions,
    /// Of the certificates of agents.
    pub certificate_lifetime: Duration,
    pub sentinels: Sentinels,
}

impl Ingest {
    pub fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    fn check_network(&self, peer: Peer) -> Result<(), Status> {
        let allowed = &self.shared.allowed_networks;
        let address = peer.address.to_canonical();
        if allowed.is_empty() || allowed.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        Err(self.refuse(
            peer,
            Status::permission_denied(format!("{address} is in none of the server's allowed_networks")),
        ))
    }

    async fn agent(&self, peer: Peer, certificate: ClientCertificate) -> Result<AgentRecord, Status> {
        const JOIN: &str = "join with a new token, which `tacho-server token create join` prints";
        let Some(hash) = certificate.0 else {
            return Err(self
                .refuse(peer, Status::unauthenticated(format!("this agent shows no certificate; {JOIN}"))));
        };
        match self.shared.catalog.agent_by_certificate(&hash).await {
            Ok(Some(agent)) if !agent.revoked => Ok(agent),
            Ok(Some(agent)) => Err(self.refuse(
                peer,
                Status::permission_denied(format!(
                    "the certificate of this agent ({}) was revoked; {JOIN}",
                    agent.agent_id
                )),
            )),
            Ok(None) => Err(self.refuse(
                peer,
                Status::unauthenticated(format!(
                    "this server does not know the agent's certificate (was the host removed?); {JOIN}"
                )),
            )),
            Err(error) => Err(unavailable("looking up an agent", &error)),
        }
    }

    fn refuse(&self, peer: Peer, status: Status) -> Status {
        self.shared.metrics.agent_streams_refused.increment();
        tracing::warn!(address = %peer.address, reason = status.message(), "refused an agent");
        status
    }

    async fn admit(&self, peer: Peer, request: JoinRequest) -> Result<JoinResponse, Status> {
        let shared = &self.shared;
        let now_ms = (shared.now)();
        let host_name = request.host_name.trim();
        check_host_name(host_name)
            .map_err(|problem| Status::invalid_argument(format!("the host name {problem}")))?;
        // The certificate is made before the token is used up, so that a broken request does not cost a use.
        let agent_id = ulid::Ulid::new().to_string().to_lowercase();
        let lifetime = shared.certificate_lifetime;
        let issued = shared
            .authority
            .issue_agent(&request.certificate_request, &agent_id, lifetime, now_ms)
            .map_err(|error| {
                Status::invalid_argument(format!(
                    "the certificate request is not valid: {}",
                    logging::chain(&error)
                ))
            })?;
        let used = shared.catalog.use_join_token(&fingerprint(&request.secret), now_ms).await;
        let token = used.map_err(|error| unavailable("using a join token", &error))?.map_err(|problem| {
            shared.metrics.joins_refused.increment();
            tracing::warn!(address = %peer.address, host = host_name, %problem, "refused a join");
            Status::permission_denied(format!(
                "{problem}; make a new one with `tacho-server token create join`"
            ))
        })?;
        let host = self.host_of(host_name, &request.machine, token.host_id.as_deref()).await?;
        let agent = NewAgent {
            agent_id: agent_id.clone(),
            host_id: host.id.to_string(),
            certificate_hash: fingerprint(&issued.certificate),
            not_after_ms: issued.not_after_ms,
            created_ms: now_ms,
        };
        let added = shared.catalog.add_agent(&agent).await;
        let retired = added.map_err(|error| unavailable("adding an agent", &error))?;
        shared.metrics.joins.increment();
        tracing::info!(host = %host.name, agent = agent_id, token = token.id, address = %peer.address, retired, "a host joined");
        Ok(JoinResponse {
            agent_id,
            certificate: issued.certificate.to_vec(),
            ca_certificate: shared.authority.certificate().to_vec(),
            host_name: host.name.to_string(),
        })
    }

    /// The host that joins: the one that the token names; else the one that this machine was before, unless
    /// that one's agent is connected, so that this is a copy of it; else a new one.
    async fn host_of(
        &self,
        host_name: &str,
        machine: &[u8],
        wanted: Option<&str>,
    ) -> Result<HostKey, Status> {
        let (catalog, now_ms) = (&self.shared.catalog, (self.shared.now)());
        let failed = |error: CatalogError| unavailable("adding a host", &error);
        if let Some(host_id) = wanted {
            let host = catalog.take_host(host_id, host_name, machine).await.map_err(failed)?;
            return host.ok_or_else(|| {
                Status::permission_denied(
                    "the host that the join token is for was removed; make a new one with \
                     `tacho-server token create join`",
                )
            });
        }
        let known = catalog.hosts_of_machine(host_name, machine).await.map_err(failed)?;
        let busy = self.shared.sessions.busy(&known).await;
        let new_id = ulid::Ulid::new().to_string().to_lowercase();
        catalog.host_for_join_beside(&busy, host_name, machine, &new_id, now_ms).await.map_err(failed)
    }
}

#[tonic::async_trait]
impl AgentService for Ingest {
    type ConnectStream = ReceiverStream<Result<FromServer, Status>>;

    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinResponse>, Status> {
        let peer = peer(&request)?;
        self.check_network(peer)?;
        self.admit(peer, request.into_inner()).await.map(Response::new)
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let peer = peer(&request)?;
        self.check_network(peer)?;
        let certificate = request.extensions().get().copied().unwrap_or(ClientCertificate(None));
        let agent = self.agent(peer, certificate).await?;
        let shown = certificate.0.unwrap_or_default();
        renewal::renew(&self.shared, &agent, shown, request.into_inner()).await.map(Response::new)
    }

    async fn connect(
        &self,
        request: Request<Streaming<FromAgent>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let peer = peer(&request)?;
        self.check_network(peer)?;
        let certificate = request.extensions().get().copied().unwrap_or(ClientCertificate(None));
        let agent = self.agent(peer, certificate).await?;
        if self.shared.draining.asked.is_cancelled() {
            return Err(Status::unavailable("the server is stopping"));
        }
        let (sender, receiver) = mpsc::channel(OUTGOING_MESSAGES);
        let connection = Connection::new(Arc::clone(&self.shared), agent, peer.address, sender);
        self.shared.draining.streams.spawn(connection.run(request.into_inner()));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

fn peer<T>(request: &Request<T>) -> Result<Peer, Status> {
    request.extensions().get().copied().ok_or_else(|| Status::internal("the connection has no peer"))
}

/// The agent hears that it should try again; the log has why.
fn unavailable(doing: &str, error: &(dyn std::error::Error + 'static)) -> Status {
    tracing::error!(doing, error = %logging::chain(error), "the catalog failed");
    Status::unavailable("the server cannot reach its catalog just now; try again")
}
