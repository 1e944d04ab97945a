//! One request: HTTP or HTTPS with the system's certificate authorities, bounded in time and in what it reads. A
//! redirect is an answer like any other: the address of a hook goes to nobody else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Method, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::SendError;
use crate::payload::Request;

/// From the first packet to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Answers of robots have some hundred bytes.
const ANSWER_BYTES: usize = 64 << 10;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Posts `request` and reads the answer.
pub(crate) async fn post(request: &Request) -> Result<Answer, SendError> {
    exchange_within(Method::POST, request).await
}

/// The same with another method; a GET has no body.
pub(crate) async fn exchange_within(method: Method, request: &Request) -> Result<Answer, SendError> {
    let timeout = SendError::Timeout { seconds: TIMEOUT.as_secs() };
    tokio::time::timeout(TIMEOUT, exchange(method, request)).await.unwrap_or(Err(timeout))
}

async fn exchange(method: Method, request: &Request) -> Result<Answer, SendError> {
    let uri: Uri = request.url.expose().parse().map_err(|_| SendError::Address)?;
    let host = uri.host().ok_or(SendError::Address)?.trim_matches(['[', ']']).to_owned();
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(SendError::Address),
    };
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let connect = |source| SendError::Connect { host: host.clone(), source };
    let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(connect)?;
    if !tls {
        return over(tcp, method, request, (&uri, &host)).await;
    }
    let name = ServerName::try_from(host.clone()).map_err(|_| SendError::Address)?;
    let connector = TlsConnector::from(Arc::new(tls_config().await?));
    let stream = connector.connect(name, tcp).await.map_err(connect)?;
    over(stream, method, request, (&uri, &host)).await
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    method: Method,
    request: &Request,
    (uri, host): (&Uri, &str),
) -> Result<Answer, SendError> {
    let failed = |source| SendError::Http { host: host.to_owned(), source };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let authority = uri.authority().ok_or(SendError::Address)?.as_str();
    // A name with a password in it is nothing for the header.
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    let mut builder = http::Request::builder()
        .method(method.clone())
        .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority)
        .header(USER_AGENT, concat!("tacho/", env!("CARGO_PKG_VERSION")));
    if method == Method::POST {
        builder = builder.header(CONTENT_TYPE, &request.content_type);
    }
    if let Some(signature) = &request.signature {
        builder = builder.header("x-tacho-signature", format!("sha256={signature}"));
    }
    let outgoing =
        builder.body(Full::new(Bytes::from(request.body.clone()))).map_err(|_| SendError::Address)?;
    let exchange = async {
        let response = sender.send_request(outgoing).await.map_err(failed)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
        let body = body.map_err(|_| SendError::Answer { limit: ANSWER_BYTES })?.to_bytes();
        Ok(Answer { status, body })
    };
    // The connection works only while it is polled, and ends with this call.
    tokio::pin!(connection, exchange);
    let mut connected = true;
    loop {
        tokio::select! {
            answer = &mut exchange => return answer,
            ended = &mut connection, if connected => {
                ended.map_err(failed)?;
                connected = false;
            }
        }
    }
}

/// The system's authorities, read for each message: they may change, and messages are rare.
async fn tls_config() -> Result<ClientConfig, SendError> {
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.map(|loaded| loaded.certs).unwrap_or_default());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SendError::Roots)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests;
