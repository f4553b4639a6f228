//! Connections of clients over TLS.
//!
//! Responsible for the handshake within its time, and for how many handshakes go on at once: one costs a signature and a
//! buffer, and a client that stops halfway would keep both.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::peer;

/// A connection whose handshake is over.
pub type Accepted<S> = tokio_rustls::server::TlsStream<S>;

/// Limits of handshakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For how long a handshake may take, the waiting for a place included.
    pub timeout: Duration,
    /// Handshakes at the same time; more wait for a place.
    pub handshakes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), handshakes: 512 }
    }
}

/// Makes TLS connections of those that clients have opened. Clones share the limits and the configuration.
#[derive(Clone, Debug)]
pub struct TlsAcceptor(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: RwLock<Arc<ServerConfig>>,
    places: Semaphore,
    timeout: Duration,
}

impl TlsAcceptor {
    /// An acceptor with a configuration.
    pub fn new(config: Arc<ServerConfig>, limits: Limits) -> Self {
        let places = Semaphore::new(limits.handshakes.clamp(1, Semaphore::MAX_PERMITS));
        Self(Arc::new(Shared { config: RwLock::new(config), places, timeout: limits.timeout }))
    }

    /// Takes another configuration for handshakes from now on; connections that are open keep theirs.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// The handshake with a client at this address. Fails, with a line in the log at debug, if the client does not
    /// speak TLS, shows no right certificate where it has to, or takes too long; the connection is closed then.
    pub async fn accept<S>(&self, stream: S, client: Option<SocketAddr>) -> io::Result<Accepted<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let until = Instant::now() + self.0.timeout;
        let handshake = async {
            // Never closed.
            let _place = self.0.places.acquire().await.map_err(io::Error::other)?;
            let config = Arc::clone(&self.0.config.read().unwrap_or_else(PoisonError::into_inner));
            tokio_rustls::TlsAcceptor::from(config).accept(stream).await
        };
        let done = timeout_at(until, handshake).await;
        let client = client.map(tracing::field::display);
        match done {
            Ok(Ok(stream)) => {
                let connection = stream.get_ref().1;
                let certificate = connection.peer_certificates().and_then(<[_]>::first);
                tracing::debug!(
                    client,
                    version = ?connection.protocol_version(),
                    certificate = certificate.map(peer::describe),
                    "TLS connection"
                );
                Ok(stream)
            }
            Ok(Err(error)) => {
                tracing::debug!(client, %error, "no TLS connection");
                Err(error)
            }
            Err(_) => {
                tracing::debug!(client, "no TLS connection: the handshake took too long");
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }
}
