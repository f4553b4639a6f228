//! Where primitives are handed over: between bindings and the core, in both directions.
//!
//! Bindings know these two traits and nothing of the core; the core knows them and nothing of any binding.

mod watch;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;

use crate::precondition::Precondition;
use crate::{Request, Response};

pub use watch::{Bell, Watch};

/// How a request reached this node: what the transport knows and the primitive does not say.
#[derive(Clone, Debug, Default)]
pub struct Arrival {
    /// Short name of the binding, `http`.
    pub binding: &'static str,
    /// Address of the sender.
    pub peer: Option<SocketAddr>,
    /// The identity that the transport has proved (AE-ID or CSE-ID), if any.
    pub authenticated: Option<String>,
    /// What the present state of the target has to be.
    pub precondition: Option<Arc<Precondition>>,
    /// Tells when the sender waits for the response no more, if the transport can know.
    pub hangup: Option<Hangup>,
}

/// Tells that nobody waits for a response any more: the connection is closed. What holds a request back for long, and
/// loses what it answers with if it is not heard, looks at this; everything else is carried out all the same.
///
/// One for each request that may be under way at the same time: only the last that waits for it is told.
#[derive(Clone, Debug, Default)]
pub struct Hangup(Arc<Line>);

#[derive(Debug, Default)]
struct Line {
    is_closed: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl Hangup {
    /// The connection is closed.
    pub fn signal(&self) {
        self.0.is_closed.store(true, Ordering::Release);
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// Whether the connection is closed.
    pub fn is_signalled(&self) -> bool {
        self.0.is_closed.load(Ordering::Acquire)
    }

    /// Resolves when the connection is closed.
    pub async fn signalled(&self) {
        poll_fn(|cx| {
            if self.is_signalled() {
                return Poll::Ready(());
            }
            *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
            // The signal may have come between the look and the note.
            if self.is_signalled() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Takes requests from bindings: the core.
#[async_trait]
pub trait Receiver: Send + Sync + 'static {
    /// Carries out a request. Never fails: a failure is a response.
    async fn receive(&self, request: Box<Request>, arrival: Arrival) -> Response;

    /// Watches what a RETRIEVE returns: the resource that it targets, for `la` and `ol` the instances of the container,
    /// and everything below where the result has children. Says nothing about rights, which the RETRIEVE decides
    /// about. `None` if this node cannot tell when the result changes: for discovery, resources of other nodes,
    /// virtual resources that service functions answer for, and where nothing is.
    async fn watch(&self, request: &Request) -> Option<Watch> {
        let _ = request;
        None
    }

    /// An entity can be reached over a connection that it has opened itself ([`Transport::connection`]), from now on:
    /// what is owed to it need not wait any longer. Never blocks.
    fn connected(&self, _entity: &str) {}
}

/// Why a request could not be brought to another node.
#[derive(Debug)]
pub enum TransportError {
    /// Nothing listens there, or the name does not resolve: trying again later may help.
    Unreachable(String),
    /// The other side did not answer in time.
    TimedOut,
    /// The other side answered with something that is no response primitive.
    Malformed(String),
}

impl std::fmt::Display for TransportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "unreachable: {why}"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Malformed(what) => write!(f, "malformed answer: {what}"),
        }
    }
}

impl std::error::Error for TransportError {}

/// Brings requests to other entities: the client side of a binding.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// The URL schemes that this transport serves, in lower case: `http`.
    fn schemes(&self) -> &[&'static str];

    /// Sends a request to an address of an entity and waits for its response, `timeout` at the longest. A `to` of
    /// the request that is a URL means that the address itself is the target; otherwise `to` is a resource on the
    /// entity and is mapped as the binding says.
    async fn send(&self, url: &str, request: &Request, timeout: Duration)
    -> Result<Response, TransportError>;

    /// The same to a point of access of the entity with that identifier (an AE-ID or a CSE-ID, in any form), whom the
    /// request is for. Transports whose addresses do not lead to one entity alone need it (TS-0010 6.4.2); a `to` that
    /// is a URL stands for the entity.
    async fn send_to(
        &self,
        url: &str,
        entity: &str,
        request: &Request,
        timeout: Duration,
    ) -> Result<Response, TransportError> {
        let _ = entity;
        self.send(url, request, timeout).await
    }

    /// The connection over which an entity can be reached that has opened it itself, if it has one open: the latest.
    /// `entity` is its identifier in the shortest form on this node.
    fn connection(&self, _entity: &str) -> Option<Arc<dyn Connection>> {
        None
    }
}

/// A connection that another entity has opened, which carries requests in both directions.
#[async_trait]
pub trait Connection: Send + Sync {
    /// Sends a request and waits for its response, `timeout` at the longest. Fails at once when the connection is
    /// closed.
    async fn send(&self, request: &Request, timeout: Duration) -> Result<Response, TransportError>;
}
