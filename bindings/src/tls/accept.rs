//! Connections of clients over TLS.
//!
//! Responsible for the handshake within its time, for how many handshakes go on at once (one costs a signature and a
//! buffer, and a client that stops halfway would keep both), and for what answers a client: its pre-shared key, if it
//! offers one that the node has, or certificates.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::alert;
use super::hello::{Opening, Seen};
use super::keyed::KeyServer;
use super::peer::{self, Peer, printable};
use super::replay::Replayed;
use super::{Accepted, Secrets};

/// Bytes that are read at a time until a ClientHello is whole, which mostly is in one piece.
const CHUNK: usize = 2048;

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

/// Makes TLS connections of those that clients have opened. Clones share the limits and the secrets.
#[derive(Clone, Debug)]
pub struct TlsAcceptor(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    secrets: RwLock<Secrets>,
    places: Semaphore,
    timeout: Duration,
}

impl TlsAcceptor {
    /// An acceptor with what the node has.
    pub fn new(secrets: Secrets, limits: Limits) -> Self {
        let places = Semaphore::new(limits.handshakes.clamp(1, Semaphore::MAX_PERMITS));
        Self(Arc::new(Shared { secrets: RwLock::new(secrets), places, timeout: limits.timeout }))
    }

    /// Takes other secrets for handshakes from now on; connections that are open keep theirs.
    pub fn replace(&self, secrets: Secrets) {
        *self.0.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    /// The handshake with a client at this address. Fails, with a line in the log at debug, if the client does not
    /// speak TLS, shows no right certificate where it has to, has not the key of the identity that it names, or takes too
    /// long; the connection is closed then.
    pub async fn accept<S>(&self, stream: S, client: Option<SocketAddr>) -> io::Result<Accepted<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let until = Instant::now() + self.0.timeout;
        let handshake = async {
            // Never closed.
            let _place = self.0.places.acquire().await.map_err(io::Error::other)?;
            let secrets = self.0.secrets.read().unwrap_or_else(PoisonError::into_inner).clone();
            match (secrets.certificates, secrets.keys) {
                // Nothing is looked at that need not be.
                (Some(certificates), None) => {
                    with_certificates(certificates, Replayed::new(Vec::new(), stream)).await
                }
                (certificates, Some(keys)) => with_either(certificates, &keys, stream).await,
                (None, None) => Err(io::Error::other("there is neither a certificate nor a key")),
            }
        };
        let done = timeout_at(until, handshake).await;
        let client = client.map(tracing::field::display);
        match done {
            Ok(Ok(stream)) => {
                let version = stream.version();
                match stream.peer() {
                    Peer::Nobody => tracing::debug!(client, ?version, "TLS connection"),
                    Peer::Certificate(certificate) => {
                        let certificate = peer::describe(certificate);
                        tracing::debug!(client, ?version, certificate, "TLS connection");
                    }
                    Peer::Key(identity) => {
                        let psk = printable(identity);
                        tracing::debug!(client, ?version, psk, "TLS connection");
                    }
                }
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

async fn with_certificates<S>(config: Arc<ServerConfig>, stream: Replayed<S>) -> io::Result<Accepted<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tokio_rustls::TlsAcceptor::from(config).accept(stream).await.map(Accepted::certified)
}

/// The handshake with whatever the client begins with. Who offers an identity without a key may mean an earlier session, and
/// goes on with certificates if there are any (RFC 8446 4.2.11).
async fn with_either<S>(
    certificates: Option<Arc<ServerConfig>>,
    keys: &KeyServer,
    mut stream: S,
) -> io::Result<Accepted<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (opening, seen) = opening(&mut stream).await?;
    let chosen = keys.choose(opening.identities()).map(<[u8]>::to_vec);
    if let Some(identity) = chosen {
        return keys.accept(&identity, Replayed::new(opening.into_bytes(), stream)).await;
    }
    // What resumes a session is no text.
    let unknown = opening.identities().find(|identity| std::str::from_utf8(identity).is_ok()).map(printable);
    let why =
        |identity: &str| format!("PSK {identity} has no key here of at least {} bytes", super::SHORT_KEY);
    match (certificates, seen, unknown) {
        (Some(certificates), _, unknown) => {
            if let Some(identity) = unknown {
                tracing::debug!("{}: certificates are left", why(&identity));
            }
            with_certificates(certificates, Replayed::new(opening.into_bytes(), stream)).await
        }
        (None, Seen::Hello, Some(identity)) => {
            refuse(stream, alert::UNKNOWN_PSK_IDENTITY, why(&identity)).await
        }
        (None, Seen::Hello, None) => {
            refuse(stream, alert::HANDSHAKE_FAILURE, "the client offers no key, and there is no certificate")
                .await
        }
        (None, _, _) => refuse(stream, alert::UNEXPECTED_MESSAGE, "that is no TLS").await,
    }
}

/// Reads until a ClientHello is whole, or what comes is none.
async fn opening(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(Opening, Seen)> {
    let mut opening = Opening::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = stream.read(&mut chunk).await?;
        match opening.push(chunk.get(..length).unwrap_or_default()) {
            Seen::Part if length > 0 => {}
            Seen::Part => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the client left within the handshake",
                ));
            }
            seen => return Ok((opening, seen)),
        }
    }
}

/// Tells a client that there will be no connection, as far as it still listens.
async fn refuse<S, T>(mut stream: S, alert: u8, why: impl Into<String>) -> io::Result<T>
where
    S: AsyncWrite + Unpin,
{
    alert::send(&mut stream, alert).await?;
    Err(io::Error::new(io::ErrorKind::InvalidData, why.into()))
}
