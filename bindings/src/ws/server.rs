//! The WebSocket server: where it listens, the connections that it has, and its end.
//!
//! Responsible for accepting and for how many there may be. Streams may come from elsewhere, such as from TLS:
//! [`Sessions::serve`] takes any. What happens on one is left to `connection`.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tungstenite::protocol::Role;

use super::handshake::Rules;
use super::incoming::Incoming;
use super::line::{Ending, Line};
use super::settings::{ServerSettings, Shared};
use super::socket::Socket;
use super::{connection, greet};
use crate::listening;

/// A server that runs. Dropping it leaves it running.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    sessions: Sessions,
    accepting: JoinHandle<()>,
    deadline: Duration,
}

impl Server {
    /// Where it listens, with the port that was taken for port 0.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its connections, to which others may add.
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Stops: accepts no more, lets requests in flight be answered until the deadline of the settings, closes all
    /// connections with 1001. Returns when all are closed.
    pub async fn stop(self) {
        self.accepting.abort();
        self.sessions.stop(self.deadline).await;
    }
}

/// Binds the address, then serves until [`Server::stop`]. Needs to be called within a tokio runtime with IO and time.
///
/// Fails with the error of the operating system, the address in its text, if it cannot be bound.
pub async fn start(settings: ServerSettings, shared: Shared) -> io::Result<Server> {
    let listener = listening::bind(settings.listen)?;
    let address = listener.local_addr()?;
    let deadline = settings.stop_deadline;
    let sessions = Sessions::new(settings, shared);
    let accepting = tokio::spawn(accept(listener, sessions.clone()));
    Ok(Server { address, sessions, accepting, deadline })
}

async fn accept(listener: TcpListener, sessions: Sessions) {
    while let Some(admission) = sessions.admit().await {
        let (stream, peer) = listening::next(&listener, "WebSocket").await;
        let sessions = sessions.clone();
        tokio::spawn(async move { sessions.serve(admission, stream, Some(peer), None).await });
    }
}

/// Room for one connection, until this is dropped.
#[derive(Debug)]
pub struct Admission(#[expect(dead_code, reason = "held for its drop alone")] OwnedSemaphorePermit);

/// The connections of a server.
#[derive(Clone, Debug)]
pub struct Sessions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Rules,
    handshake_timeout: Duration,
    shared: Shared,
    room: Arc<Semaphore>,
    max_connections: u32,
    lines: Mutex<HashMap<u64, Arc<Line>>>,
    next: AtomicU64,
}

impl Sessions {
    /// None yet.
    pub fn new(settings: ServerSettings, shared: Shared) -> Self {
        let max_connections = settings.max_connections.clamp(1, Semaphore::MAX_PERMITS.min(1 << 30));
        Self(Arc::new(Inner {
            rules: Rules { root: settings.root, origins: settings.origins },
            handshake_timeout: settings.handshake_timeout,
            shared,
            room: Arc::new(Semaphore::new(max_connections)),
            max_connections: u32::try_from(max_connections).unwrap_or(u32::MAX),
            lines: Mutex::default(),
            next: AtomicU64::new(0),
        }))
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<u64, Arc<Line>>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for another connection. `None` once all have been stopped.
    pub async fn admit(&self) -> Option<Admission> {
        Arc::clone(&self.0.room).acquire_owned().await.ok().map(Admission)
    }

    /// Serves a connection, its handshake first, until it ends. `authenticated` is the identity that the stream has
    /// proved, if any.
    pub async fn serve<S>(
        &self,
        admission: Admission,
        mut stream: S,
        peer: Option<SocketAddr>,
        authenticated: Option<String>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // Boxed: a connection lives long after its handshake.
        let greeting = Box::pin(greet::accept(&mut stream, &self.0.rules));
        let greeted = timeout(self.0.handshake_timeout, greeting).await;
        let Ok(Ok(Some((serialization, tail)))) = greeted else { return };
        let Shared { codec, limits, .. } = &self.0.shared;
        let limits = *limits;
        let line = Arc::new(Line::new(serialization, codec.clone(), limits.max_in_progress));
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.lines().insert(number, Arc::clone(&line));
        // It may have been stopped just before.
        if self.0.room.is_closed() {
            line.end(Ending::Stop);
        }
        let socket = Socket::new(stream, tail, Role::Server, limits.max_message);
        let incoming = Incoming::new(self.0.shared.clone(), Arc::clone(&line), peer, authenticated);
        connection::run(socket, line, incoming, limits).await;
        self.lines().remove(&number);
        drop(admission);
    }

    /// Ends all: those that have requests in progress when these are answered, all at the deadline.
    pub async fn stop(&self, deadline: Duration) {
        let room = Arc::clone(&self.0.room);
        let all = room.acquire_many(self.0.max_connections);
        self.lines().values().for_each(|line| line.end(Ending::Stop));
        if timeout(deadline, all).await.is_err() {
            self.lines().values().for_each(|line| line.close());
        }
        self.0.room.close();
    }
}
