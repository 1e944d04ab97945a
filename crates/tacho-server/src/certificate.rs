//! The server's own certificate: made at each start, and again before it ends, while connections stay up.

use std::sync::Arc;
use std::time::Duration;

use tacho_runtime::clock::NowMs;
use tacho_runtime::logging;
use tacho_runtime::tls::{ChangingCertificate, TlsError};
use tokio_util::sync::CancellationToken;

use crate::authority::{Authority, AuthorityError};

/// The wall clock is looked at this often at least: it may be set, and the machine may sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(60);

/// Keeps the certificate fresh.
pub struct ServerCertificate {
    authority: Arc<Authority>,
    names: Vec<String>,
    lifetime: Duration,
    now: NowMs,
    shown: ChangingCertificate,
    due_ms: i64,
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl ServerCertificate {
    /// Makes the first certificate, under `names`.
    pub fn new(
        authority: Arc<Authority>,
        names: Vec<String>,
        lifetime: Duration,
        now: NowMs,
    ) -> Result<Self, CertificateError> {
        let now_ms = now();
        let shown = ChangingCertificate::new(authority.issue_server(&names, lifetime, now_ms)?)?;
        if let Some(left) = authority.ends_soon(now_ms) {
            tracing::warn!(
                days = left.as_secs() / 86_400,
                "the certificate authority ends soon; see docs/identity.md"
            );
        }
        let due_ms = due_ms(now_ms, lifetime);
        Ok(Self { authority, names, lifetime, now, shown, due_ms })
    }

    /// What handshakes show: always the newest.
    pub fn shown(&self) -> ChangingCertificate {
        self.shown.clone()
    }

    /// Makes a new one whenever two thirds of the lifetime have passed, until told to stop.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), std::io::Error> {
        loop {
            let left_ms = u64::try_from(self.due_ms.saturating_sub((self.now)())).unwrap_or(0);
            let sleep = Duration::from_millis(left_ms).clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = stop.cancelled() => return Ok(()),
            }
            let now_ms = (self.now)();
            if now_ms < self.due_ms {
                continue;
            }
            self.due_ms = match self.renew(now_ms) {
                Ok(()) => due_ms(now_ms, self.lifetime),
                Err(error) => {
                    tracing::error!(error = %logging::chain(&error), "cannot renew this server's certificate; trying again");
                    now_ms.saturating_add(i64::try_from(AGAIN.as_millis()).unwrap_or(i64::MAX))
                }
            };
        }
    }

    fn renew(&self, now_ms: i64) -> Result<(), CertificateError> {
        self.shown.replace(self.authority.issue_server(&self.names, self.lifetime, now_ms)?)?;
        tracing::info!("renewed this server's certificate");
        Ok(())
    }
}

fn due_ms(now_ms: i64, lifetime: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(lifetime.as_millis() / 3 * 2).unwrap_or(i64::MAX))
}
