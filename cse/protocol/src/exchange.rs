//! Where primitives are handed over: between bindings and the core, in both directions.
//!
//! Bindings know these two traits and nothing of the core; the core knows them and nothing of any binding.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Request, Response};

/// How a request reached this node: what the transport knows and the primitive does not say.
#[derive(Clone, Debug, Default)]
pub struct Arrival {
    /// Short name of the binding, `http`.
    pub binding: &'static str,
    /// Address of the sender.
    pub peer: Option<SocketAddr>,
    /// The identity that the transport has proved (AE-ID or CSE-ID), if any.
    pub authenticated: Option<String>,
}

/// Takes requests from bindings: the core.
#[async_trait]
pub trait Receiver: Send + Sync + 'static {
    /// Carries out a request. Never fails: a failure is a response.
    async fn receive(&self, request: Box<Request>, arrival: Arrival) -> Response;
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
}
