//! Joining: exchanges a join token for a certificate.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use tacho_runtime::files::open_directory;
use tacho_runtime::tls::{self, Fingerprint, JoinToken, Trust};
use tacho_wire::v1::{JoinRequest, JoinResponse};

use crate::config::{Config, parse_server};
use crate::identity::{IdentityFiles, NewIdentity};
use crate::link;

/// Keeps this host's machine id to itself: the server sees a hash under this salt.
const MACHINE_SALT: &[u8] = b"tacho host identity v1";

/// What a join gave: a certificate with its key, and the authority that both sides believe.
#[derive(Debug)]
pub struct Joined {
    pub host_name: String,
    pub certificate_pem: String,
    pub key_pem: String,
    pub authority_pem: String,
}

/// Joins, keeps the identity in the data directory, and answers with the name the server gave this host.
pub fn join_from_command_line(config: &Config, server: &str, token: &str) -> anyhow::Result<String> {
    let server = parse_server(server).map_err(|problem| anyhow::anyhow!("SERVER:PORT {problem}"))?;
    let token: JoinToken = token.parse()?;
    let _lock = open_directory(&config.data_dir)?;
    let name = if config.host_name.is_empty() { machine_name()? } else { config.host_name.clone() };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let joined = runtime
        .block_on(join(&server, &token, &name, machine_hash()))
        .with_context(|| format!("cannot join {server}"))?;
    let files = IdentityFiles::new(&config.data_dir);
    files
        .write_server(&server)
        .and_then(|()| {
            files.write(&NewIdentity {
                certificate_pem: &joined.certificate_pem,
                key_pem: &joined.key_pem,
                authority_pem: &joined.authority_pem,
            })
        })
        .with_context(|| format!("cannot write the certificate to {}", config.data_dir.display()))?;
    Ok(joined.host_name)
}

/// Asks `server` for a certificate. The key never leaves this host.
pub async fn join(
    server: &str,
    token: &JoinToken,
    host_name: &str,
    machine: Vec<u8>,
) -> anyhow::Result<Joined> {
    let key = KeyPair::generate().context("cannot make a key")?;
    let request =
        CertificateParams::default().serialize_request(&key).context("cannot make a certificate request")?;
    let tls = tls::client_config(Trust::Fingerprint(token.authority), None)?;
    let channel = link::connect(server, Arc::new(tls)).await.map_err(explain)?;
    let response = link::client(channel)
        .join(JoinRequest {
            secret: token.secret.to_vec(),
            certificate_request: request.der().to_vec(),
            host_name: host_name.to_owned(),
            machine,
        })
        .await
        .map_err(|status| anyhow::anyhow!("{}", status.message().to_owned()))?
        .into_inner();
    keep(response, &token.authority, &key)
}

fn keep(response: JoinResponse, expected: &Fingerprint, key: &KeyPair) -> anyhow::Result<Joined> {
    let authority = CertificateDer::from(response.ca_certificate);
    if tls::fingerprint(&authority) != *expected {
        bail!("the server sent another certificate authority than the token names");
    }
    Ok(Joined {
        host_name: response.host_name,
        certificate_pem: pem("CERTIFICATE", &response.certificate),
        key_pem: key.serialize_pem(),
        authority_pem: pem("CERTIFICATE", &authority),
    })
}

/// A failed handshake means one thing here, and the TLS library's words do not say which.
fn explain(error: link::LinkError) -> anyhow::Error {
    let text = tacho_runtime::logging::chain(&error);
    if text.contains("UnknownIssuer") {
        return anyhow::anyhow!(
            "the server does not show the certificate authority that the token names; \
             this is another server than the one that made the token (make a new one there with \
             `tacho-server token create join`), or somebody stands in between"
        );
    }
    anyhow::anyhow!(text)
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line));
    let body: Vec<_> = lines.collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", body.join("\n"))
}

fn machine_name() -> anyhow::Result<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").context("cannot read the host name")?;
    let name = name.trim();
    if name.is_empty() {
        bail!("this machine has no host name; set host_name in the configuration");
    }
    Ok(name.to_owned())
}

/// Tells this machine from others; empty where there is no machine id.
pub(crate) fn machine_hash() -> Vec<u8> {
    match std::fs::read_to_string("/etc/machine-id") {
        Ok(id) if !id.trim().is_empty() => {
            tls::fingerprint(&[MACHINE_SALT, id.trim().as_bytes()].concat()).to_vec()
        }
        _ => Vec::new(),
    }
}
