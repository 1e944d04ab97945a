//! A server's certificate that is replaced while connections stay up: each handshake shows the newest.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Identity, TlsError};

/// Clones share the certificate.
#[derive(Debug, Clone)]
pub struct ChangingCertificate {
    newest: Arc<RwLock<Arc<CertifiedKey>>>,
}

impl ChangingCertificate {
    pub fn new(identity: Identity) -> Result<Self, TlsError> {
        Ok(Self { newest: Arc::new(RwLock::new(Arc::new(certified(identity)?))) })
    }

    /// Shown from the next handshake on.
    pub fn replace(&self, identity: Identity) -> Result<(), TlsError> {
        let certified = Arc::new(certified(identity)?);
        // Nothing panics while it holds the lock.
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = certified;
        Ok(())
    }
}

impl ResolvesServerCert for ChangingCertificate {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.newest.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn certified(identity: Identity) -> Result<CertifiedKey, TlsError> {
    let provider = rustls::crypto::ring::default_provider();
    Ok(CertifiedKey::from_der(identity.chain, identity.key, &provider)?)
}
