//! TLS between agent and server: one private certificate authority, mutual certificates, TLS 1.3 only.
//!
//! A server's certificate names [`SERVER_NAME`] beside its DNS names and addresses. Agents check for that
//! name, so they reach a server under any address; an agent's certificate does not carry it and is not
//! allowed to serve, so no agent can pose as the server.

mod certificate;
mod changing;
mod peer;
mod token;
mod verifier;

use std::path::Path;
use std::sync::Arc;

use ring::digest;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

pub use certificate::Particulars;
pub use changing::ChangingCertificate;
pub use peer::{peer_client_config, peer_server_config};
pub use token::{JoinToken, TokenError};

/// Name in every server certificate.
pub const SERVER_NAME: &str = "tacho-server";

const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// SHA-256 of a certificate's DER, or of a secret.
pub type Fingerprint = [u8; 32];

/// A certificate with its chain, and its key; what is printed of it has no key.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// Whom a client believes.
#[derive(Debug)]
pub enum Trust {
    /// Servers with a certificate of this authority.
    Authority(CertificateDer<'static>),
    /// Servers that show an authority with this fingerprint, and a certificate of it: for joining.
    Fingerprint(Fingerprint),
}

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {path}")]
    Read { path: String, source: rustls::pki_types::pem::Error },
    #[error("the certificate or key cannot be used")]
    Unusable(#[from] rustls::Error),
    #[error("the certificate authority cannot be used")]
    Authority(#[from] rustls::server::VerifierBuilderError),
}

/// SHA-256.
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    fingerprint
}

/// 32 bytes that nobody can guess.
pub fn random_secret() -> Fingerprint {
    let mut secret = [0; 32];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut secret)
        .expect("the kernel has random numbers once it has booted");
    secret
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Identity {
    /// A certificate chain and a key from one PEM text; `origin` names it in messages.
    pub fn parse(pem: &[u8], origin: &str) -> Result<Self, TlsError> {
        let error = |source| TlsError::Read { path: origin.to_owned(), source };
        let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(error)?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(error)?;
        Ok(Self { chain, key })
    }

    /// Reads a certificate chain and a key from PEM files.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        let error = |path: &Path| {
            let path = path.display().to_string();
            move |source| TlsError::Read { path, source }
        };
        let certificates =
            CertificateDer::pem_file_iter(chain).and_then(Iterator::collect).map_err(error(chain))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(error(key))?;
        Ok(Self { chain: certificates, key })
    }
}

/// Reads one certificate from a PEM file.
pub fn read_certificate(path: &Path) -> Result<CertificateDer<'static>, TlsError> {
    CertificateDer::from_pem_file(path)
        .map_err(|source| TlsError::Read { path: path.display().to_string(), source })
}

/// The server's side: shows the newest `certificate`, asks clients for a certificate of `authority`, and lets those
/// without one in too (browsers, the API, agents that join). Who may do what is decided by call.
pub fn server_config(
    certificate: ChangingCertificate,
    authority: CertificateDer<'static>,
) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(authority)?, Arc::clone(&provider))
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(VERSIONS)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// For clients of PostgreSQL, which show no certificate.
pub fn postgres_config(identity: Identity) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(VERSIONS)?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)?;
    // https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

/// The agent's side. Without an identity only joining is possible.
pub fn client_config(trust: Trust, identity: Option<Identity>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(VERSIONS)?;
    let builder = match trust {
        Trust::Authority(authority) => builder.with_root_certificates(roots(authority)?),
        Trust::Fingerprint(expected) => builder.dangerous().with_custom_certificate_verifier(Arc::new(
            verifier::FingerprintVerifier::new(expected, provider),
        )),
    };
    let mut config = match identity {
        Some(identity) => builder.with_client_auth_cert(identity.chain, identity.key)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// [`SERVER_NAME`] as TLS wants it.
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from(SERVER_NAME).expect("a constant that is a DNS name")
}

fn roots(authority: CertificateDer<'static>) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add(authority)?;
    Ok(Arc::new(roots))
}
