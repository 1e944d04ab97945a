//! A new certificate for an agent that shows a valid one.

use tacho_catalog::{AgentRecord, NewCertificate};
use tacho_runtime::logging;
use tacho_runtime::tls::{Fingerprint, fingerprint};
use tacho_wire::v1::{RenewRequest, RenewResponse};
use tonic::Status;

use super::{Shared, unavailable};

/// Makes and stores it. The one that the agent shows holds until its own end.
pub(super) async fn renew(
    shared: &Shared,
    agent: &AgentRecord,
    shown: Fingerprint,
    request: RenewRequest,
) -> Result<RenewResponse, Status> {
    let now_ms = (shared.now)();
    let lifetime = shared.certificate_lifetime;
    let issued = shared
        .authority
        .issue_agent(&request.certificate_request, &agent.agent_id, lifetime, now_ms)
        .map_err(|error| {
            Status::invalid_argument(format!(
                "the certificate request is not valid: {}",
                logging::chain(&error)
            ))
        })?;
    let new = NewCertificate {
        agent_id: agent.agent_id.clone(),
        hash: fingerprint(&issued.certificate),
        renews: shown,
        not_after_ms: issued.not_after_ms,
        created_ms: now_ms,
    };
    let stored = shared.catalog.add_certificate(&new).await;
    if !stored.map_err(|error| unavailable("storing a certificate", &error))? {
        return Err(Status::permission_denied("this agent was revoked just now"));
    }
    tracing::info!(host = %agent.host.name, agent = agent.agent_id, "renewed an agent's certificate");
    Ok(RenewResponse {
        certificate: issued.certificate.to_vec(),
        ca_certificate: shared.authority.certificate().to_vec(),
    })
}
