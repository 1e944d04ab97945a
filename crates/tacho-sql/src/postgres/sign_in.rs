//! Who may come in: whoever has an API token.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion_postgres::pgwire::api::auth::{
    DefaultServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use datafusion_postgres::pgwire::api::{
    ClientInfo, ConnectionGuard, ConnectionHandle, ConnectionManager, PgWireConnectionState,
    PidSecretKeyGenerator, RandomPidSecretKeyGenerator,
};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::startup::Authentication;
use datafusion_postgres::pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use futures::{Sink, SinkExt as _};
use tacho_runtime::logging::chain;

use super::error;
use crate::reader::Reader;

/// Codes of <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
const NOT_ALLOWED: &str = "28000";
const WRONG_PASSWORD: &str = "28P01";
const UNAVAILABLE: &str = "57P03";

/// Checks tokens with the server.
pub(super) struct SignIn {
    reader: Reader,
    connections: Arc<ConnectionManager>,
    keys: RandomPidSecretKeyGenerator,
    parameters: DefaultServerParameterProvider,
}

impl SignIn {
    pub(super) fn new(reader: Reader, connections: Arc<ConnectionManager>) -> Self {
        let keys = RandomPidSecretKeyGenerator::default();
        let mut parameters = DefaultServerParameterProvider::default();
        parameters.is_superuser = false;
        parameters.default_transaction_read_only = true;
        Self { reader, connections, keys, parameters }
    }

    async fn check(&self, token: &str) -> PgWireResult<()> {
        match self.reader.caller(token).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(error(
                WRONG_PASSWORD,
                "the password has to be an API token, which `tacho-server token create api` prints"
                    .to_owned(),
            )),
            Err(failure) => {
                tracing::warn!(error = %chain(&failure), "cannot check a token");
                Err(error(UNAVAILABLE, "tokens cannot be checked just now; try again".to_owned()))
            }
        }
    }
}

#[async_trait]
impl StartupHandler for SignIn {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        match message {
            PgWireFrontendMessage::Startup(startup) => {
                if !client.is_secure() && !client.socket_addr().ip().to_canonical().is_loopback() {
                    let message = "connect with TLS (sslmode=require): the password is a secret";
                    return Err(error(NOT_ALLOWED, message.to_owned()));
                }
                protocol_negotiation(client, &startup).await?;
                save_startup_parameters_to_metadata(client, &startup);
                client.set_state(PgWireConnectionState::AuthenticationInProgress);
                client.send(PgWireBackendMessage::Authentication(Authentication::CleartextPassword)).await?;
            }
            PgWireFrontendMessage::PasswordMessageFamily(message) => {
                let password = message.into_password()?;
                self.check(&password.password).await?;
                let (pid, key) = self.keys.generate(client);
                client.set_pid_and_secret_key(pid, key);
                let (pid, key) = client.pid_and_secret_key();
                let (handle, guard) = self.connections.register(pid, key);
                client.session_extensions().insert::<Arc<ConnectionHandle>>(handle);
                client.session_extensions().insert::<ConnectionGuard>(guard);
                finish_authentication(client, &self.parameters).await?;
            }
            _ => {}
        }
        Ok(())
    }
}
