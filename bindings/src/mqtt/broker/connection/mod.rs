//! One connection: reads packets, has them carried out, and writes what waits for its client.
//!
//! One task, over any stream of bytes. It waits for four things at once: bytes from the client, room for bytes to it,
//! messages in its session, and time. It stops reading while the client does not read, or while a subscriber in this
//! process has no room, and keeps nobody else waiting.

mod handle;
mod handshake;
mod pace;
mod wire;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use self::pace::{Pace, Silence};
use self::wire::Wire;
use super::message::Client;
use super::packet::{self, Fault, Version};
use super::router::{Leave, Router};
use super::session::{Ending, Session};

/// Bytes to be written up to which more are put together.
const BATCH: usize = 64 * 1024;

/// A connection of a client that was let in.
#[derive(Debug)]
pub(super) struct Connection<T> {
    router: Arc<Router>,
    wire: Wire<T>,
    version: Version,
    client: Arc<Client>,
    session: Arc<Session>,
    /// The number of this connection.
    link: u64,
    /// The longest packet that the client takes.
    max_packet: usize,
    pace: Pace,
    /// A message that waits for room with a subscriber in this process.
    blocked: Option<Waiting>,
    /// Until when the client may take what waits for it, once the broker stops.
    stopping: Option<Instant>,
}

/// Something to be waited for before more is read.
struct Waiting(Pin<Box<dyn Future<Output = ()> + Send>>);

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

/// How a connection ends.
#[derive(Debug)]
enum End {
    /// The stream is gone.
    Gone(io::Error),
    /// The client said good-bye.
    Bye { with_will: bool, expiry: Option<u32> },
    /// The broker ends it, and says why.
    Broken(Fault),
}

/// What a connection woke up for.
enum Event {
    Again,
    Silence(Silence),
}

/// Serves a stream until it ends.
pub(super) async fn serve<T: AsyncRead + AsyncWrite + Unpin>(
    router: Arc<Router>,
    stream: T,
    peer: Option<SocketAddr>,
) {
    if let Some(connection) = handshake::open(&router, stream, peer).await {
        connection.run().await;
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    async fn run(mut self) {
        let end = loop {
            if let Err(end) = self.advance() {
                break end;
            }
            match poll_fn(|cx| self.poll(cx)).await {
                Ok(Event::Again) => {}
                Ok(Event::Silence(Silence::Sending)) => break End::Broken(Fault::KeepAliveTimeout),
                Ok(Event::Silence(Silence::Taking)) => break End::Gone(io::ErrorKind::TimedOut.into()),
                Err(error) => break End::Gone(error),
            }
        };
        self.end(end).await;
    }

    /// Does all that can be done without waiting.
    fn advance(&mut self) -> Result<(), End> {
        self.handle_all()?;
        self.collect()?;
        if let Some(deadline) = self.stopping
            && (Instant::now() >= deadline || self.wire.is_drained() && !self.is_waiting())
        {
            return Err(End::Broken(Fault::ServerShuttingDown));
        }
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        self.session.state().is_some_and(|state| state.outbox.is_waiting())
    }

    /// Puts what waits in the session into the buffer, as far as there is room and the client takes it.
    fn collect(&mut self) -> Result<(), End> {
        let session = Arc::clone(&self.session);
        let Some(mut state) = session.state() else { return Ok(()) };
        if state.link != Some(self.link) {
            return Err(End::Broken(Fault::SessionTakenOver));
        }
        state.is_dirty = false;
        match state.ending {
            Some(Ending::Overflow) => return Err(End::Broken(Fault::QuotaExceeded)),
            Some(Ending::Stopping) if self.stopping.is_none() => {
                self.stopping = Some(Instant::now() + self.router.settings.stop_deadline);
            }
            Some(Ending::Stopping) | None => {}
        }
        if !state.outbox.is_waiting() {
            return Ok(());
        }
        let (now, window) = (Instant::now(), usize::from(state.window));
        while self.wire.backlog() < BATCH {
            let Some(outgoing) = state.outbox.next(window, now) else { break };
            let is_written =
                packet::publish(&mut self.wire.out, self.version, &outgoing, self.max_packet, now);
            if !is_written {
                tracing::debug!(client = %self.client.id, "a message is too long for an MQTT client");
                state.outbox.discard(outgoing.pid);
            }
        }
        Ok(())
    }

    /// Whether more is to be read: not from a client that does not read, nor faster than it can be dealt with.
    fn is_listening(&self) -> bool {
        self.blocked.is_none() && self.wire.backlog() < BATCH
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Event>> {
        if self.session.is_dirty_or_wakes(self.link, cx.waker()) {
            return Poll::Ready(Ok(Event::Again));
        }
        let mut has_moved = false;
        if !self.wire.is_drained() {
            let written = match self.wire.poll_write(cx) {
                Poll::Ready(written) => written?,
                Poll::Pending => 0,
            };
            has_moved = written > 0 || self.wire.is_drained();
            self.pace.has_written(written, self.wire.is_drained());
        }
        if let Some(blocked) = &mut self.blocked
            && blocked.0.as_mut().poll(cx).is_ready()
        {
            self.blocked = None;
            self.pace.has_read();
            has_moved = true;
        }
        if self.is_listening()
            && let Poll::Ready(read) = self.wire.poll_read(cx)
        {
            if read? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.pace.has_read();
            has_moved = true;
        }
        if has_moved {
            return Poll::Ready(Ok(Event::Again));
        }
        let is_listening = self.blocked.is_none();
        self.pace.poll(cx, is_listening).map(|silence| Ok(Event::Silence(silence)))
    }

    /// Says why, leaves the session, and closes the stream.
    async fn end(mut self, end: End) {
        let mut leave = Leave { is_graceful: false, expiry: None };
        let mut is_gone = false;
        match end {
            End::Gone(error) => {
                tracing::debug!(client = %self.client.id, %error, "MQTT connection is gone");
                is_gone = true;
            }
            End::Bye { with_will, expiry } => {
                let longest = self.router.settings.session_expiry;
                leave.is_graceful = !with_will;
                leave.expiry = expiry.map(|seconds| Duration::from_secs(u64::from(seconds)).min(longest));
            }
            End::Broken(fault) => {
                tracing::debug!(client = %self.client.id, ?fault, "MQTT connection is ended");
                // The will of a client whose server stops is not for others to see: it will be back.
                leave.is_graceful = fault == Fault::ServerShuttingDown;
                packet::disconnect(&mut self.wire.out, self.version, fault);
            }
        }
        self.router.leave(&self.session, self.link, leave);
        if is_gone {
            drop(self.wire);
        } else {
            self.wire.close().await;
        }
        // The client was told that it arrived.
        if let Some(blocked) = self.blocked {
            blocked.0.await;
        }
    }
}
