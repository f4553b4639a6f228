//! The HTTP server: sockets, connections, starting and stopping.
//!
//! Runs within any tokio runtime; connections are served by threads of their own. What is answered is left to
//! `service`.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Protocol, Request as Message};
use actix_server::{GracefulShutdownSignal, ServerBuilder, ServerHandle};
use actix_service::{ServiceFactory, ServiceFactoryExt as _, boxed, fn_service};
use dyad_protocol::exchange::Receiver;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::decode::Rules;
use super::service::Service;
use super::settings::ServerSettings;
use super::wire::Wire;
use crate::tls::TlsAcceptor;
use crate::{identifiers, listening};

/// For how long a connection that is closed may take to take the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// `actix-http` counts its timeouts from a clock that it reads twice a second.
const CLOCK_STEP: Duration = Duration::from_millis(500);

/// A server that runs. Dropping it leaves it running.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    secure: Vec<SocketAddr>,
    handle: ServerHandle,
    deadline: Duration,
    running: JoinHandle<io::Result<()>>,
}

impl Server {
    /// The addresses that it listens on, with the ports that were taken for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The same for HTTPS.
    pub fn secure_addresses(&self) -> &[SocketAddr] {
        &self.secure
    }

    /// Stops: accepts no more, closes idle connections, lets requests in flight be answered until the deadline of
    /// the settings, then closes what is left. Returns when all is closed.
    pub async fn stop(self) {
        if tokio::time::timeout(self.deadline + LINGER, self.handle.stop(true)).await.is_err() {
            self.handle.stop(false).await;
        }
        self.wait().await.unwrap_or_default();
    }

    /// Waits until the server ends by itself, which it does when its threads cannot go on.
    pub async fn wait(self) -> io::Result<()> {
        self.running.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// Binds all addresses, then serves until [`Server::stop`]. Needs to be called within a tokio runtime with IO and
/// time, on which what `receiver` spawns will run.
///
/// Fails with the error of the operating system, the address in its text, if one cannot be bound.
pub async fn start(settings: ServerSettings, receiver: Arc<dyn Receiver>) -> io::Result<Server> {
    let (listeners, addresses) = bind_all(&settings.listen)?;
    let secure = settings.secure.as_ref().map_or(&[][..], |(secure, _)| secure);
    let (secure_listeners, secure) = bind_all(secure)?;
    if listeners.is_empty() && secure_listeners.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on"));
    }
    let workers = settings.workers.clamp(1, 512);
    let deadline = settings.stop_deadline.max(Duration::from_secs(1));
    let service = Arc::new(Service {
        rules: Rules {
            root: settings.root.clone(),
            lenient: settings.lenient,
            codec: settings.codec.clone(),
            default_content_type: settings.default_content_type,
            is_attribute: Arc::clone(&settings.is_attribute),
            new_identifier: identifiers(),
        },
        runtime: tokio::runtime::Handle::current(),
        receiver,
        settings,
    });
    let mut builder = actix_server::Server::build()
        .workers(workers)
        .max_concurrent_connections(service.settings.max_connections.div_ceil(workers).max(1))
        .shutdown_timeout(deadline.as_secs())
        .disable_signals();
    let signal = builder.graceful_shutdown_signal();
    for listener in listeners {
        builder = listen(builder, listener, &service, &signal)?;
    }
    for listener in secure_listeners {
        builder = listen_securely(builder, listener, &service, &signal)?;
    }
    let server = builder.run();
    Ok(Server { addresses, secure, handle: server.handle(), deadline, running: tokio::spawn(server) })
}

/// The listeners, and where they listen.
fn bind_all(addresses: &[SocketAddr]) -> io::Result<(Vec<TcpListener>, Vec<SocketAddr>)> {
    let bind = |address: &SocketAddr| listening::bind(*address)?.into_std();
    let listeners = addresses.iter().map(bind).collect::<io::Result<Vec<_>>>()?;
    let taken = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
    Ok((listeners, taken))
}

fn listen(
    builder: ServerBuilder,
    listener: TcpListener,
    service: &Arc<Service>,
    signal: &GracefulShutdownSignal,
) -> io::Result<ServerBuilder> {
    let (service, signal) = (Arc::clone(service), signal.clone());
    builder.listen("http", listener, move || {
        let limit = limit(&service);
        let connection = fn_service(move |stream: TcpStream| async move {
            let peer = opened(&stream);
            Ok((Wire::new(stream, limit), Protocol::Http1, peer))
        });
        // Boxed: the server would keep the state of each connection twice.
        boxed::factory(connection.and_then(http(&service, &signal)))
    })
}

fn listen_securely(
    builder: ServerBuilder,
    listener: TcpListener,
    service: &Arc<Service>,
    signal: &GracefulShutdownSignal,
) -> io::Result<ServerBuilder> {
    let Some((_, acceptor)) = &service.settings.secure else { return Ok(builder) };
    let (service, signal, acceptor) = (Arc::clone(service), signal.clone(), acceptor.clone());
    builder.listen("https", listener, move || {
        let (limit, acceptor) = (limit(&service), acceptor.clone());
        let connection = fn_service(move |stream: TcpStream| {
            let acceptor: TlsAcceptor = acceptor.clone();
            // Boxed, so that what a handshake needs is freed with its end.
            Box::pin(async move {
                let peer = opened(&stream);
                let stream = acceptor.accept(stream, peer).await.map_err(DispatchError::Io)?;
                Ok((Wire::new(stream, limit), Protocol::Http1, peer))
            })
        });
        boxed::factory(connection.and_then(http(&service, &signal)))
    })
}

/// Prepares a connection that was accepted, and says whose it is.
fn opened(stream: &TcpStream) -> Option<SocketAddr> {
    // An answer leaves at once, not when the next one follows.
    stream.set_nodelay(true).unwrap_or_else(|error| tracing::debug!(%error, "TCP_NODELAY"));
    stream.peer_addr().ok()
}

/// For how long a connection may be without a message that reaches the service.
fn limit(service: &Service) -> Duration {
    service.settings.keep_alive + service.settings.header_timeout + CLOCK_STEP * 2
}

/// HTTP on connections, whatever carries them.
fn http<IO>(
    service: &Arc<Service>,
    signal: &GracefulShutdownSignal,
) -> impl ServiceFactory<
    (Wire<IO>, Protocol, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> + use<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (service, signal) = (Arc::clone(service), signal.clone());
    let keep_alive = service.settings.keep_alive;
    HttpService::build()
        .keep_alive(if keep_alive.is_zero() { KeepAlive::Disabled } else { KeepAlive::Timeout(keep_alive) })
        .client_request_timeout(service.settings.header_timeout + CLOCK_STEP)
        .client_disconnect_timeout(LINGER)
        .graceful_shutdown_signal(move || {
            let signal = signal.clone();
            async move { signal.notified().await }
        })
        .on_connect_ext(|wire: &Wire<IO>, data| drop(data.insert(wire.shared())))
        .finish(move |message: Message| {
            let service = Arc::clone(&service);
            async move { Ok::<_, Infallible>(service.answer(message).await) }
        })
}
