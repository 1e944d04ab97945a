//! Renews the agent's certificate before it ends: a new key, a certificate for it, and the next connection with
//! them. The old one stays good until its own end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;
use tacho_runtime::tls::{Particulars, random_secret};
use tacho_runtime::{clock, logging};
use tacho_wire::v1::RenewRequest;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::identity::{Held, IdentityFiles, NewIdentity};
use crate::{join, link};

/// The clock is looked at this often at least: it may be set, and the machine may sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);
/// Of the time that is left, between attempts.
const ATTEMPTS: i64 = 20;
/// Asking one server.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Keeps the identity fresh.
#[derive(Debug)]
pub struct Renewal {
    pub files: IdentityFiles,
    pub servers: Vec<String>,
    /// Where connections take TLS from.
    pub tls: watch::Sender<Arc<ClientConfig>>,
    /// The identity in use, for who talks to other agents.
    pub held: watch::Sender<Arc<Held>>,
}

/// When to renew, by both clocks: a wall clock that was set back must not let the certificate end.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    due_wall_ms: i64,
    due_boot_ms: i64,
    not_after_ms: i64,
}

impl Renewal {
    /// Renews again and again until told to stop.
    pub async fn run(self, stop: CancellationToken) -> Result<(), std::io::Error> {
        let mut schedule = Schedule::new(self.held.borrow().particulars().as_ref(), random_part());
        loop {
            tokio::select! {
                () = tokio::time::sleep(schedule.sleep(clock::wall_ms(), boot_ms())) => {}
                () = stop.cancelled() => return Ok(()),
            }
            if !schedule.is_due(clock::wall_ms(), boot_ms()) {
                continue;
            }
            let renewed = tokio::select! {
                renewed = self.renew() => renewed,
                () = stop.cancelled() => return Ok(()),
            };
            match renewed {
                Ok(particulars) => schedule = Schedule::after_renewal(&particulars, random_part()),
                Err(error) => {
                    schedule.again(clock::wall_ms(), boot_ms());
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "cannot renew the certificate; trying again"
                    );
                }
            }
        }
    }

    async fn renew(&self) -> anyhow::Result<Particulars> {
        let mut last = anyhow::anyhow!("no server is known");
        for server in &self.servers {
            match tokio::time::timeout(TIMEOUT, self.renew_at(server)).await {
                Ok(Ok(particulars)) => return Ok(particulars),
                Ok(Err(error)) => last = error.context(format!("at {server}")),
                Err(_) => last = anyhow::anyhow!("{server} does not answer"),
            }
        }
        Err(last)
    }

    async fn renew_at(&self, server: &str) -> anyhow::Result<Particulars> {
        let key = KeyPair::generate().context("cannot make a key")?;
        let request = CertificateParams::default()
            .serialize_request(&key)
            .context("cannot make a certificate request")?;
        let tls = Arc::clone(&self.tls.borrow());
        let channel =
            link::connect(server, tls).await.map_err(|error| anyhow::anyhow!(logging::chain(&error)))?;
        let request = RenewRequest { certificate_request: request.der().to_vec() };
        let response = link::client(channel).renew(request).await;
        let response =
            response.map_err(|status| anyhow::anyhow!("{}", status.message().to_owned()))?.into_inner();
        let before = Arc::clone(&self.held.borrow());
        if response.ca_certificate != before.authority.as_ref() {
            bail!("the server has another certificate authority than this agent joined");
        }
        self.files
            .write(&NewIdentity {
                certificate_pem: &join::pem("CERTIFICATE", &response.certificate),
                key_pem: &key.serialize_pem(),
                authority_pem: &join::pem("CERTIFICATE", &response.ca_certificate),
            })
            .context("cannot write the new certificate")?;
        let held = self.files.read().context("cannot use the new certificate")?;
        let particulars = held.particulars().context("cannot read the new certificate")?;
        let tls = Arc::new(held.client_config().context("cannot use the new certificate")?);
        self.held.send_replace(Arc::new(held));
        self.tls.send_replace(tls);
        tracing::info!(server, "renewed this agent's certificate");
        Ok(particulars)
    }
}

impl Schedule {
    /// When two thirds of the lifetime have passed, and up to a twelfth of it later: `part` is from 0 to 1.
    /// At once for a certificate that tells no time.
    fn new(particulars: Option<&Particulars>, part: f64) -> Self {
        let (wall_ms, boot_ms) = (clock::wall_ms(), boot_ms());
        let Some(particulars) = particulars else {
            return Self { due_wall_ms: wall_ms, due_boot_ms: boot_ms, not_after_ms: wall_ms };
        };
        let lifetime_ms = particulars.not_after_ms.saturating_sub(particulars.not_before_ms);
        let jitter_ms = (lifetime_ms as f64 / 12.0 * part) as i64;
        let due_wall_ms = particulars.renew_ms().saturating_add(jitter_ms);
        let due_boot_ms = boot_ms.saturating_add(due_wall_ms.saturating_sub(wall_ms));
        Self { due_wall_ms, due_boot_ms, not_after_ms: particulars.not_after_ms }
    }

    /// Of a certificate that was made just now. A wall clock by which it is due already is wrong: the boot clock
    /// alone says when half of its time has passed.
    fn after_renewal(particulars: &Particulars, part: f64) -> Self {
        let schedule = Self::new(Some(particulars), part);
        if !schedule.is_due(clock::wall_ms(), boot_ms()) {
            return schedule;
        }
        let lifetime_ms = particulars.not_after_ms.saturating_sub(particulars.not_before_ms);
        Self { due_wall_ms: i64::MAX, due_boot_ms: boot_ms().saturating_add(lifetime_ms / 2), ..schedule }
    }

    fn is_due(&self, wall_ms: i64, boot_ms: i64) -> bool {
        wall_ms >= self.due_wall_ms || boot_ms >= self.due_boot_ms
    }

    fn sleep(&self, wall_ms: i64, boot_ms: i64) -> Duration {
        let left_ms = self.due_wall_ms.saturating_sub(wall_ms).min(self.due_boot_ms.saturating_sub(boot_ms));
        Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)).clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }

    /// After an attempt that failed: a part of what is left.
    fn again(&mut self, wall_ms: i64, boot_ms: i64) {
        let left_ms = self.not_after_ms.saturating_sub(wall_ms).max(0);
        let pause_ms = (left_ms / ATTEMPTS).clamp(5_000, 3_600_000);
        self.due_wall_ms = wall_ms.saturating_add(pause_ms);
        self.due_boot_ms = boot_ms.saturating_add(pause_ms);
    }
}

fn boot_ms() -> i64 {
    i64::try_from(clock::boot_us() / 1000).unwrap_or(i64::MAX)
}

fn random_part() -> f64 {
    let [random, ..] = random_secret();
    f64::from(random) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_in_its_last_third_whichever_clock_says_so() {
        let (wall_ms, boot) = (clock::wall_ms(), boot_ms());
        let lifetime_ms = 900_000;
        let particulars = Particulars {
            common_name: "a".to_owned(),
            not_before_ms: wall_ms,
            not_after_ms: wall_ms + lifetime_ms,
        };
        for part in [0.0, 0.5, 1.0] {
            let schedule = Schedule::new(Some(&particulars), part);
            let late_ms = lifetime_ms * 9 / 12;
            assert!(!schedule.is_due(wall_ms + lifetime_ms / 2, boot + lifetime_ms / 2));
            assert!(schedule.is_due(wall_ms + late_ms, boot), "{part}");
            assert!(schedule.is_due(wall_ms - 3_600_000, boot + late_ms + 1_000), "the clock was set back");
        }
        // Made by a server whose clock is right, while this one is far ahead.
        let wrong = Particulars { not_before_ms: 0, not_after_ms: lifetime_ms, ..particulars };
        let schedule = Schedule::after_renewal(&wrong, 0.5);
        assert!(
            !schedule.is_due(wall_ms, boot + 400_000)
                && schedule.is_due(wall_ms, boot + lifetime_ms / 2 + 1_000)
        );
        let mut schedule = Schedule::new(None, 0.0);
        assert!(schedule.is_due(clock::wall_ms(), boot_ms()));
        schedule.again(wall_ms, boot);
        assert!(!schedule.is_due(wall_ms, boot) && schedule.is_due(wall_ms + 5_000, boot));
        assert_eq!(schedule.sleep(wall_ms, boot), Duration::from_secs(5));
    }
}
