//! People who may sign in. For admins.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tacho_catalog::{Role, UserChange, UserRecord};
use utoipa::ToSchema;

use super::ApiState;
use super::error::{ApiError, ErrorKind};
use super::parameters::{BodyOf, PathOf, Problems};
use super::time::Time;
use crate::auth::password::{LONGEST, SHORTEST};

const LONGEST_NAME: usize = 64;

#[derive(Serialize, ToSchema)]
pub(crate) struct UserList {
    /// By name.
    users: Vec<UserEntry>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UserEntry {
    name: String,
    /// `viewer`, `operator` or `admin`.
    role: &'static str,
    created: Time,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserCreation {
    /// Letters, digits, `.`, `_`, `-` and `@`.
    name: String,
    /// `viewer`, `operator` or `admin`.
    role: String,
    /// 8 to 256 bytes.
    password: String,
}

/// What is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserUpdate {
    /// `viewer`, `operator` or `admin`.
    role: Option<String>,
    /// 8 to 256 bytes. Ends all sessions of the user.
    password: Option<String>,
}

/// All users. Role: admin.
#[utoipa::path(get, path = "/api/v1/users", tag = "access", responses((status = 200, body = UserList)))]
pub(crate) async fn list_users(State(state): State<ApiState>) -> Result<Json<UserList>, ApiError> {
    let users = state.catalog.users().await?.into_iter().map(UserEntry::from).collect();
    Ok(Json(UserList { users }))
}

/// Adds a user. Role: admin.
#[utoipa::path(post, path = "/api/v1/users", tag = "access", request_body = UserCreation,
    responses((status = 201, body = UserEntry)))]
pub(crate) async fn create_user(
    State(state): State<ApiState>,
    BodyOf(user): BodyOf<UserCreation>,
) -> Result<(StatusCode, Json<UserEntry>), ApiError> {
    let mut problems = Problems::default();
    let role = read_role(&user.role, &mut problems);
    check_name(&user.name).unwrap_or_else(|problem| problems.add(problem));
    check_password(&user.password).unwrap_or_else(|problem| problems.add(problem));
    problems.finish()?;
    let password_hash = state.passwords.hash(user.password).await?;
    let record = UserRecord { name: user.name, role, password_hash, created_ms: (state.now)() };
    if !state.catalog.add_user(&record).await? {
        return Err(ApiError::new(ErrorKind::Conflict, format!("there is a user {:?} already", record.name)));
    }
    Ok((StatusCode::CREATED, Json(record.into())))
}

/// Changes a user's role, password, or both. Role: admin.
#[utoipa::path(patch, path = "/api/v1/users/{name}", tag = "access", request_body = UserUpdate,
    params(("name" = String, Path, description = "User name.")), responses((status = 200, body = UserEntry)))]
pub(crate) async fn change_user(
    State(state): State<ApiState>,
    PathOf(name): PathOf<String>,
    BodyOf(change): BodyOf<UserUpdate>,
) -> Result<Json<UserEntry>, ApiError> {
    let mut problems = Problems::default();
    let role = change.role.as_deref().map(|role| read_role(role, &mut problems));
    if let Some(password) = &change.password {
        check_password(password).unwrap_or_else(|problem| problems.add(problem));
    }
    problems.finish()?;
    if let Some(role) = role {
        outcome(&name, state.catalog.set_role(&name, role).await?)?;
    }
    if let Some(password) = change.password {
        let hash = state.passwords.hash(password).await?;
        state.catalog.set_password(&name, &hash, None).await?;
    }
    let user = state.catalog.user(&name).await?.ok_or_else(|| unknown_user(&name))?;
    Ok(Json(user.into()))
}

/// Removes a user and ends their sessions. Role: admin.
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "access",
    params(("name" = String, Path, description = "User name.")), responses((status = 204)))]
pub(crate) async fn remove_user(
    State(state): State<ApiState>,
    PathOf(name): PathOf<String>,
) -> Result<StatusCode, ApiError> {
    outcome(&name, state.catalog.remove_user(&name).await?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads a role, or says which there are.
pub(crate) fn read_role(text: &str, problems: &mut Problems) -> Role {
    let choices = Role::ALL.map(|role| (role.name(), role));
    problems.choice("role", Some(text), &choices, Role::Viewer)
}

/// What is wrong with a password that somebody chose.
pub(crate) fn check_password(password: &str) -> Result<(), String> {
    if (SHORTEST..=LONGEST).contains(&password.len()) {
        return Ok(());
    }
    Err(format!("a password has {SHORTEST} to {LONGEST} bytes"))
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(format!("a user's name has 1 to {LONGEST_NAME} letters, digits and . _ - @"))
}

fn outcome(name: &str, change: UserChange) -> Result<(), ApiError> {
    match change {
        UserChange::Done => Ok(()),
        UserChange::Unknown => Err(unknown_user(name)),
        UserChange::LastAdmin => {
            let message = format!("{name} is the last admin; make another one first");
            Err(ApiError::new(ErrorKind::Conflict, message))
        }
    }
}

fn unknown_user(name: &str) -> ApiError {
    ApiError::not_found(format!("there is no user {name:?}"))
}

impl From<UserRecord> for UserEntry {
    fn from(user: UserRecord) -> Self {
        Self { name: user.name, role: user.role.name(), created: Time(user.created_ms) }
    }
}
