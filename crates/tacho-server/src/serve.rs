//! Accepts connections and serves them: TLS for agents, API and page on one port, plain HTTP on loopback.
//! Whoever connects, strangers and slow ones too, gets a bounded share of memory and time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tacho_runtime::tls::{Fingerprint, fingerprint};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::util::MapRequest;

use crate::auth::Peer;
use crate::metrics::Metrics;

/// Connections at once on one listener; the next waits in the kernel's queue. One agent needs one.
const MAX_CONNECTIONS: usize = 20_000;
/// A client that has not finished its handshake or its request's head by then is dropped.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests at once on one HTTP/2 connection: a page with all its charts, with room.
const MAX_STREAMS: u32 = 128;
/// After accepting failed (too many open files), before the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests under way may take to end once the server stops.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// SHA-256 of the certificate that a client showed and the authority signed; in each request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct ClientCertificate(pub Option<Fingerprint>);

/// One listening socket and what is served on it.
pub struct Listener {
    pub socket: TcpListener,
    /// Without it, plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    pub router: Router,
    pub metrics: Metrics,
}

impl Listener {
    /// Serves until told to stop; then lets requests under way end.
    pub async fn run(self, stop: CancellationToken) -> std::io::Result<()> {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let acceptor = self.tls.map(TlsAcceptor::from);
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.socket, &permits) => accepted,
                Some(_) = connections.join_next() => continue,
                () = stop.cancelled() => break,
            };
            let Some((tcp, address, permit)) = accepted else { continue };
            let connection = Connection {
                address,
                router: self.router.clone(),
                metrics: self.metrics.clone(),
                stop: stop.clone(),
                _permit: permit,
            };
            connections.spawn(connection.serve(tcp, acceptor.clone()));
        }
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_GRACE, all_ended).await.is_err() {
            tracing::debug!(connections = connections.len(), "connections dropped at the stop");
        }
        Ok(())
    }
}

async fn accept(
    socket: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((tcp, address)) => Some((tcp, address, permit)),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

struct Connection {
    address: SocketAddr,
    router: Router,
    metrics: Metrics,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, tcp: TcpStream, acceptor: Option<TlsAcceptor>) {
        // Only a delay would come of it, on a socket that is about to fail anyway.
        drop(tcp.set_nodelay(true));
        let _counted = self.metrics.count(|counters| &counters.connections);
        let Some(acceptor) = acceptor else {
            return self.serve_http(tcp, false, None).await;
        };
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(tcp)).await {
            Ok(Ok(stream)) => {
                let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                let certificate = certificate.map(|certificate| fingerprint(certificate));
                self.serve_http(stream, true, certificate).await;
            }
            Ok(Err(error)) => self.failed(&error),
            Err(timeout) => self.failed(&timeout),
        }
    }

    fn failed(&self, error: &dyn std::fmt::Display) {
        self.metrics.handshakes_failed.increment();
        tracing::debug!(address = %self.address, %error, "no TLS handshake");
    }

    async fn serve_http(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        tls: bool,
        certificate: Option<Fingerprint>,
    ) {
        let peer = Peer { address: self.address.ip(), tls };
        let certificate = ClientCertificate(certificate);
        // A layer of the router would be one of each of its routes, made anew for every connection.
        let service = MapRequest::new(self.router, move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(certificate);
            request
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE_TIMEOUT);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .max_concurrent_streams(MAX_STREAMS);
        let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        tokio::pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(address = %self.address, error = %error, "connection ended");
        }
    }
}
