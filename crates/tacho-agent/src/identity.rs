//! What makes this agent who it is: its certificate and key, the authority it believes, the server it
//! joined; and the boot time it reckons process start times from.

use std::io;
use std::path::{Path, PathBuf};

use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, pem};
use tacho_runtime::files::write_private;
use tacho_runtime::tls::{self, Identity, Particulars, TlsError, Trust};

/// Where the identity is kept: one file with certificate, authority and key, so that it is replaced whole.
#[derive(Debug, Clone)]
pub struct IdentityFiles {
    directory: PathBuf,
}

/// What joining or renewing yields, as PEM.
#[derive(Debug)]
pub struct NewIdentity<'a> {
    pub certificate_pem: &'a str,
    pub key_pem: &'a str,
    pub authority_pem: &'a str,
}

/// An identity in use.
#[derive(Debug, Clone)]
pub struct Held {
    pub identity: Identity,
    pub authority: CertificateDer<'static>,
}

impl Held {
    /// Name and time of the certificate; absent where it can not be read, so that it counts as ended.
    pub fn particulars(&self) -> Option<Particulars> {
        self.identity.chain.first().and_then(Particulars::of)
    }

    /// TLS towards a server.
    pub fn client_config(&self) -> Result<ClientConfig, TlsError> {
        tls::client_config(Trust::Authority(self.authority.clone()), Some(self.identity.clone()))
    }
}

impl IdentityFiles {
    pub fn new(data_dir: &Path) -> Self {
        Self { directory: data_dir.to_owned() }
    }

    /// Whether this agent has joined a server.
    pub fn exist(&self) -> bool {
        self.whole().exists() || self.directory.join("agent.pem").exists()
    }

    /// Certificate with key, and the authority.
    pub fn read(&self) -> Result<Held, TlsError> {
        let path = self.whole();
        if !path.exists() {
            return self.read_parts();
        }
        let origin = path.display().to_string();
        let read = |error: io::Error| TlsError::Read { path: origin.clone(), source: pem::Error::Io(error) };
        let pem = std::fs::read(&path).map_err(read)?;
        let mut identity = Identity::parse(&pem, &origin)?;
        let authority = identity.chain.pop().filter(|_| identity.chain.len() == 1);
        let authority =
            authority.ok_or_else(|| read(io::Error::other("it does not hold two certificates")))?;
        Ok(Held { identity, authority })
    }

    /// As the first version kept it: in three files.
    fn read_parts(&self) -> Result<Held, TlsError> {
        let path = |name| self.directory.join(name);
        let identity = Identity::read(&path("agent.pem"), &path("agent-key.pem"))?;
        Ok(Held { identity, authority: tls::read_certificate(&path("ca.pem"))? })
    }

    /// The server that was joined, when it is known.
    pub fn server(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.directory.join("server")).ok()?;
        Some(text.trim().to_owned()).filter(|server| !server.is_empty())
    }

    /// Keeps the server that is joined.
    pub fn write_server(&self, server: &str) -> io::Result<()> {
        write_private(&self.directory.join("server"), format!("{server}\n").as_bytes())
    }

    /// Keeps an identity: after a crash at whatever moment there is the old one or the new one.
    pub fn write(&self, new: &NewIdentity<'_>) -> io::Result<()> {
        let whole = [new.certificate_pem, new.authority_pem, new.key_pem].concat();
        write_private(&self.whole(), whole.as_bytes())?;
        // Older files would only be a second copy of an old key.
        for name in ["agent.pem", "agent-key.pem", "ca.pem"] {
            match std::fs::remove_file(self.directory.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn whole(&self) -> PathBuf {
        self.directory.join("identity.pem")
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

    fn made() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "agent-1");
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn an_identity_is_one_file_and_that_of_the_first_version_is_still_read() {
        let directory = tempfile::tempdir().unwrap();
        let files = IdentityFiles::new(directory.path());
        assert!(!files.exist());
        let ((certificate, key), (authority, _)) = (made(), made());
        for (name, pem) in [("agent.pem", &certificate), ("agent-key.pem", &key), ("ca.pem", &authority)] {
            std::fs::write(directory.path().join(name), pem).unwrap();
        }
        let old = files.read().unwrap();
        let new = NewIdentity { certificate_pem: &certificate, key_pem: &key, authority_pem: &authority };
        files.write(&new).unwrap();
        let held = files.read().unwrap();
        assert!(files.exist() && !directory.path().join("agent-key.pem").exists());
        assert_eq!((&held.identity.chain, &held.authority), (&old.identity.chain, &old.authority));
        assert_eq!(held.particulars().unwrap().common_name, "agent-1");
        assert!(held.client_config().is_ok());
        std::fs::write(directory.path().join("identity.pem"), &certificate).unwrap();
        assert!(files.read().is_err(), "cut short");
    }

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
