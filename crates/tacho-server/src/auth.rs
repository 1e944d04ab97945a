//! Who calls, and what they may do: users with passwords and sessions for people, tokens for programs.

use std::net::IpAddr;
use std::path::Path;

use tacho_catalog::{Catalog, Role, UserRecord};
use tacho_runtime::files::write_private;

pub mod caller;
mod limit;
pub mod password;
pub mod token;

pub use caller::{Caller, Callers, Credential};
pub use limit::SignInLimit;
pub use password::{PasswordCost, Passwords};

/// Name of the user that the first start makes.
pub const INITIAL_USER: &str = "admin";

/// File in the data directory with the initial user's password.
pub const INITIAL_PASSWORD_FILE: &str = "initial-password";

/// The other end of a connection, put into each request's extensions by whoever accepts connections.
/// Without it a request counts as plain and from nowhere in particular.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    pub address: IpAddr,
    /// The request came over TLS, so cookies are made to stay on TLS.
    pub tls: bool,
}

/// When there is no user at all, makes `admin` with a random password, and writes that to a file only this
/// user can read. Returns whether it did.
pub async fn create_initial_admin(
    catalog: &Catalog,
    passwords: &Passwords,
    data_directory: &Path,
    now_ms: i64,
) -> anyhow::Result<bool> {
    use anyhow::Context as _;

    if !catalog.users().await?.is_empty() {
        return Ok(false);
    }
    let password = password::random_password();
    // The file comes first: were it the other way round, a crash in between would lock everybody out.
    let path = data_directory.join(INITIAL_PASSWORD_FILE);
    write_private(&path, format!("{password}\n").as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    let password_hash = passwords.hash(password).await.context("cannot hash the first password")?;
    let user =
        UserRecord { name: INITIAL_USER.to_owned(), role: Role::Admin, password_hash, created_ms: now_ms };
    catalog.add_user(&user).await?;
    Ok(true)
}
