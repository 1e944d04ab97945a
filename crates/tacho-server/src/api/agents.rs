//! The identities of agents. For admins.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use tacho_catalog::AgentEntry;
use utoipa::ToSchema;

use super::ApiState;
use super::error::ApiError;
use super::parameters::PathOf;
use super::time::Time;

#[derive(Serialize, ToSchema)]
pub(crate) struct AgentList {
    /// By host and time of joining, revoked ones too.
    agents: Vec<Agent>,
}

/// An identity: what joined for a host, once.
#[derive(Serialize, ToSchema)]
pub(crate) struct Agent {
    id: String,
    host: String,
    host_id: String,
    /// `valid`, `revoked`, or `expired`: its newest certificate has ended.
    state: &'static str,
    /// When it joined.
    created: Time,
    /// When its newest certificate ends.
    expires: Time,
    revoked: Option<Time>,
}

/// All identities. Role: admin.
#[utoipa::path(get, path = "/api/v1/agents", tag = "access", responses((status = 200, body = AgentList)))]
pub(crate) async fn list_agents(State(state): State<ApiState>) -> Result<Json<AgentList>, ApiError> {
    let now_ms = (state.now)();
    let agents = state.catalog.agents().await?;
    Ok(Json(AgentList { agents: agents.into_iter().map(|agent| Agent::new(agent, now_ms)).collect() }))
}

/// Refuses an agent from now on, and ends its stream within a second. The host and its history stay; it comes
/// back when it joins with a new token. Role: admin.
#[utoipa::path(delete, path = "/api/v1/agents/{id}", tag = "access",
    params(("id" = String, Path, description = "Id of the agent.")), responses((status = 204)))]
pub(crate) async fn revoke_agent(
    State(state): State<ApiState>,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, ApiError> {
    if !state.catalog.revoke_agent(&id, (state.now)()).await? {
        return Err(ApiError::not_found(format!("there is no agent {id:?} that could still be revoked")));
    }
    Ok(StatusCode::NO_CONTENT)
}

impl Agent {
    fn new(agent: AgentEntry, now_ms: i64) -> Self {
        Self {
            state: crate::inventory::agent_state(&agent, now_ms),
            id: agent.agent_id,
            host: agent.host.name.to_string(),
            host_id: agent.host.id.to_string(),
            created: Time(agent.created_ms),
            expires: Time(agent.not_after_ms),
            revoked: agent.revoked_ms.map(Time),
        }
    }
}
