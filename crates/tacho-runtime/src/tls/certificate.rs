//! What a certificate says: whom it names, and from when to when it holds.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// Name and time of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Particulars {
    /// Of an agent: its id.
    pub common_name: String,
    pub not_before_ms: i64,
    pub not_after_ms: i64,
}

impl Particulars {
    /// Reads them; absent where the bytes are no certificate, or one without a name.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, read) = X509Certificate::from_der(certificate).ok()?;
        let common_name = read.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
        let ms = |time: x509_parser::time::ASN1Time| time.timestamp().saturating_mul(1000);
        let validity = read.validity();
        let (not_before_ms, not_after_ms) = (ms(validity.not_before), ms(validity.not_after));
        Some(Self { common_name, not_before_ms, not_after_ms })
    }

    /// When two thirds of it have passed: time to renew it.
    pub fn renew_ms(&self) -> i64 {
        let lifetime_ms = self.not_after_ms.saturating_sub(self.not_before_ms);
        self.not_after_ms.saturating_sub(lifetime_ms / 3)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_tells_its_name_and_time_and_garbage_tells_nothing() {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "agent-1");
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 1, 31);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = Particulars::of(certificate.der()).unwrap();
        let day_ms = 86_400_000;
        assert_eq!(read.common_name, "agent-1");
        assert_eq!(read.not_after_ms - read.not_before_ms, 30 * day_ms);
        assert_eq!(read.renew_ms(), read.not_before_ms + 20 * day_ms);
        for cut in 0..certificate.der().len() {
            assert_eq!(Particulars::of(&CertificateDer::from(&certificate.der()[..cut])), None);
        }
    }
}
