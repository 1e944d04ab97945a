//! What makes this agent who it is: its certificate and key, the authority it believes, the server it
//! joined; and the boot time it reckons process start times from.

use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use tacho_runtime::files::write_private;
use tacho_runtime::tls::{self, Identity, TlsError};

/// Paths of the identity's files in the agent's data directory.
#[derive(Debug, Clone)]
pub struct IdentityFiles {
    directory: PathBuf,
}

/// What joining yields.
#[derive(Debug)]
pub struct NewIdentity<'a> {
    pub certificate_pem: &'a str,
    pub key_pem: &'a str,
    pub authority_pem: &'a str,
    pub server: &'a str,
}

impl IdentityFiles {
    pub fn new(data_dir: &Path) -> Self {
        Self { directory: data_dir.to_owned() }
    }

    /// Whether this agent has joined a server.
    pub fn exist(&self) -> bool {
        self.certificate().exists()
    }

    /// Certificate with key, and the authority.
    pub fn read(&self) -> Result<(Identity, CertificateDer<'static>), TlsError> {
        let identity = Identity::read(&self.certificate(), &self.key())?;
        Ok((identity, tls::read_certificate(&self.authority())?))
    }

    /// The server that was joined, when it is known.
    pub fn server(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.directory.join("server")).ok()?;
        Some(text.trim().to_owned()).filter(|server| !server.is_empty())
    }

    /// Keeps an identity. The certificate comes last: it is what says that joining is complete.
    pub fn write(&self, new: &NewIdentity<'_>) -> io::Result<()> {
        write_private(&self.key(), new.key_pem.as_bytes())?;
        write_private(&self.authority(), new.authority_pem.as_bytes())?;
        write_private(&self.directory.join("server"), format!("{}\n", new.server).as_bytes())?;
        write_private(&self.certificate(), new.certificate_pem.as_bytes())
    }

    fn certificate(&self) -> PathBuf {
        self.directory.join("agent.pem")
    }

    fn key(&self) -> PathBuf {
        self.directory.join("agent-key.pem")
    }

    fn authority(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }
}

/// The boot time that start times of processes are reckoned from, in milliseconds since the epoch. It is
/// chosen once per boot and kept, so that neither a stepped clock nor a restarted agent makes a new process
/// out of an old one. Where it can not be kept, it holds until the agent ends.
pub fn boot_time_ms(data_dir: &Path, boot_id: &str, wall_ms: i64, boot_us: u64) -> i64 {
    let path = data_dir.join("boot");
    let kept = std::fs::read_to_string(&path).ok().and_then(|text| kept_boot_time(&text, boot_id));
    if let Some(kept) = kept {
        return kept;
    }
    let boot_time = wall_ms.saturating_sub(i64::try_from(boot_us / 1000).unwrap_or(0));
    if let Err(error) = write_private(&path, format!("{boot_id} {boot_time}\n").as_bytes()) {
        tracing::warn!(path = %path.display(), %error, "cannot keep the boot time; after a restart of the agent processes may count as new");
    }
    boot_time
}

fn kept_boot_time(text: &str, boot_id: &str) -> Option<i64> {
    let (id, time) = text.trim().split_once(' ')?;
    time.parse().ok().filter(|_| id == boot_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_time_is_kept_within_a_boot() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(boot_time_ms(directory.path(), "boot-1", 10_000, 4_000_000), 6_000);
        assert_eq!(
            boot_time_ms(directory.path(), "boot-1", 99_000, 5_000_000),
            6_000,
            "the clock was stepped"
        );
        assert_eq!(boot_time_ms(directory.path(), "boot-2", 99_000, 5_000_000), 94_000);
        std::fs::write(directory.path().join("boot"), b"\xff\xfe damaged").unwrap();
        assert_eq!(boot_time_ms(directory.path(), "boot-2", 50_000, 1_000_000), 49_000);
    }
}
