//! The server's own certificate authority: made at first start, signs the server's and the agents'
//! certificates, and nothing else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use tacho_runtime::files::write_private;
use tacho_runtime::tls::{self, Fingerprint, Identity, JoinToken, Particulars, SERVER_NAME, TlsError};

const DAY: Duration = Duration::from_secs(86_400);
/// Agents trust it for good; to replace it means to join them all again.
const AUTHORITY_DAYS: u32 = 20 * 365;
/// Clocks of hosts that join may be behind.
const BACKDATED: Duration = DAY;
/// Of the lifetime of an agent's certificate: agents reckon by it when to renew.
const BACKDATED_PART: u32 = 8;
/// From then on the log says how long the authority still holds.
const ENDS_SOON_MS: i64 = 365 * 86_400_000;

/// The authority with its key.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    /// Nothing that it signs holds longer.
    not_after_ms: i64,
}

/// A certificate for an agent.
#[derive(Debug)]
pub struct AgentCertificate {
    pub certificate: CertificateDer<'static>,
    pub not_after_ms: i64,
}

/// Why the authority can not be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot use the certificate authority")]
    Unusable(#[from] TlsError),
    #[error("{} is not a certificate", path.display())]
    NoCertificate { path: PathBuf },
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("{name:?} in `names` is neither a DNS name nor an address")]
    Name { name: String, source: rcgen::Error },
}

impl Authority {
    /// Reads the authority in `data_dir`, or makes one when there is none.
    pub fn open(data_dir: &Path, now_ms: i64) -> Result<Self, AuthorityError> {
        let (certificate_path, key_path) = (data_dir.join("ca.pem"), data_dir.join("ca-key.pem"));
        if !certificate_path.exists() {
            create(&certificate_path, &key_path, now_ms)?;
        }
        let key = std::fs::read_to_string(&key_path)
            .map_err(|source| AuthorityError::Read { path: key_path.clone(), source })?;
        let certificate = tls::read_certificate(&certificate_path)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, KeyPair::from_pem(&key)?)?;
        let read = Particulars::of(&certificate)
            .ok_or_else(|| AuthorityError::NoCertificate { path: certificate_path.clone() })?;
        Ok(Self { certificate, issuer, not_after_ms: read.not_after_ms })
    }

    /// How long it still holds, when that is no longer than a year.
    pub fn ends_soon(&self, now_ms: i64) -> Option<Duration> {
        let left_ms = self.not_after_ms.saturating_sub(now_ms);
        (left_ms < ENDS_SOON_MS).then(|| Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)))
    }

    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The full text of a join token with this secret.
    pub fn join_token(&self, secret: &[u8; 32]) -> JoinToken {
        JoinToken { authority: self.fingerprint(), secret: *secret }
    }

    pub fn fingerprint(&self) -> Fingerprint {
        tls::fingerprint(&self.certificate)
    }

    /// A certificate for this server under `names` and [`SERVER_NAME`], with a new key. The chain carries the
    /// authority, so that an agent that joins can compare its fingerprint.
    pub fn issue_server(
        &self,
        names: &[String],
        lifetime: Duration,
        now_ms: i64,
    ) -> Result<Identity, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut all = vec![SERVER_NAME.to_owned()];
        all.extend(names.iter().cloned());
        let mut params = match CertificateParams::new(all) {
            Ok(params) => params,
            Err(source) => {
                let wrong = names.iter().find(|name| CertificateParams::new(vec![(*name).clone()]).is_err());
                return Err(AuthorityError::Name { name: wrong.cloned().unwrap_or_default(), source });
            }
        };
        self.valid(&mut params, now_ms, BACKDATED, lifetime);
        params.distinguished_name = named(SERVER_NAME);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Ok(Identity { chain: vec![certificate.der().clone(), self.certificate.clone()], key })
    }

    /// A certificate for an agent. Only the public key is taken from the request; it has to be signed with
    /// the private one.
    pub fn issue_agent(
        &self,
        request: &[u8],
        agent_id: &str,
        lifetime: Duration,
        now_ms: i64,
    ) -> Result<AgentCertificate, AuthorityError> {
        let mut request =
            CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))?;
        let mut params = CertificateParams::default();
        self.valid(&mut params, now_ms, BACKDATED.min(lifetime / BACKDATED_PART), lifetime);
        params.distinguished_name = named(agent_id);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let not_after_ms = params.not_after.unix_timestamp().saturating_mul(1000);
        request.params = params;
        let certificate = request.signed_by(&self.issuer)?.der().clone();
        Ok(AgentCertificate { certificate, not_after_ms })
    }

    fn valid(&self, params: &mut CertificateParams, now_ms: i64, backdated: Duration, lifetime: Duration) {
        valid(params, now_ms, backdated, lifetime);
        params.not_after = params.not_after.min(date_time_ymd(1970, 1, 1) + since_epoch(self.not_after_ms));
    }
}

fn create(certificate_path: &Path, key_path: &Path, now_ms: i64) -> Result<(), AuthorityError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    valid(&mut params, now_ms, BACKDATED, DAY * AUTHORITY_DAYS);
    params.distinguished_name = named("Tacho authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    let write = |path: &Path, text: String| {
        write_private(path, text.as_bytes())
            .map_err(|source| AuthorityError::Write { path: path.to_owned(), source })
    };
    // The certificate comes last: that it is there says that the authority is complete.
    write(key_path, key.serialize_pem())?;
    write(certificate_path, certificate.pem())
}

fn valid(params: &mut CertificateParams, now_ms: i64, backdated: Duration, lifetime: Duration) {
    let now = date_time_ymd(1970, 1, 1) + since_epoch(now_ms);
    params.not_before = now - backdated;
    params.not_after = now + lifetime;
}

fn since_epoch(time_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(time_ms).unwrap_or(0))
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_795_000_000_000;
    const TWO_YEARS: Duration = DAY.saturating_mul(730);

    #[test]
    fn an_authority_is_made_once_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let first = Authority::open(directory.path(), NOW_MS).unwrap();
        let again = Authority::open(directory.path(), NOW_MS + 1).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        assert_eq!(again.join_token(&[1; 32]).authority, first.fingerprint());
    }

    #[test]
    fn a_request_gets_a_certificate_for_its_key_and_garbage_gets_none() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::open(directory.path(), NOW_MS).unwrap();
        let key = KeyPair::generate().unwrap();
        let request =
            CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap().serialize_request(&key).unwrap();
        let issued = authority.issue_agent(request.der(), "agent-1", TWO_YEARS, NOW_MS).unwrap();
        assert_eq!(issued.not_after_ms, NOW_MS + 730 * 86_400_000);
        let text = String::from_utf8_lossy(&issued.certificate).into_owned();
        assert!(text.contains("agent-1") && !text.contains(SERVER_NAME), "names of the request are ignored");
        assert!(authority.issue_agent(b"garbage", "agent-1", TWO_YEARS, NOW_MS).is_err());
        let mut forged = request.der().to_vec();
        let last = forged.len() - 1;
        forged[last] ^= 1;
        assert!(authority.issue_agent(&forged, "agent-1", TWO_YEARS, NOW_MS).is_err());
    }

    #[test]
    fn nothing_outlives_the_authority_and_agents_can_tell_when_to_renew() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::open(directory.path(), NOW_MS).unwrap();
        let request = CertificateParams::default().serialize_request(&KeyPair::generate().unwrap()).unwrap();
        let minutes = Duration::from_secs(180);
        let short = authority.issue_agent(request.der(), "agent-1", minutes, NOW_MS).unwrap();
        let read = Particulars::of(&short.certificate).unwrap();
        assert_eq!((read.common_name.as_str(), read.not_after_ms), ("agent-1", NOW_MS + 180_000));
        assert!(read.renew_ms() > NOW_MS && read.renew_ms() < NOW_MS + 120_000);
        assert_eq!(authority.ends_soon(NOW_MS), None);
        let late_ms = NOW_MS + i64::from(AUTHORITY_DAYS - 100) * 86_400_000;
        assert_eq!(authority.ends_soon(late_ms), Some(DAY * 100));
        let late = authority.issue_agent(request.der(), "agent-1", TWO_YEARS, late_ms).unwrap();
        assert_eq!(late.not_after_ms, late_ms + 100 * 86_400_000);
    }

    #[test]
    fn a_name_that_is_none_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::open(directory.path(), NOW_MS).unwrap();
        assert!(
            authority
                .issue_server(&["localhost".to_owned(), "10.0.0.1".to_owned()], TWO_YEARS, NOW_MS)
                .is_ok()
        );
        let error = authority
            .issue_server(&["good".to_owned(), "b\u{e4}d".to_owned()], TWO_YEARS, NOW_MS)
            .unwrap_err();
        assert!(error.to_string().contains("b\u{e4}d"), "{error}");
    }
}
