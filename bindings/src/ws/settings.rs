//! The settings of the WebSocket binding, and what all its connections share. Where settings come from is left to the
//! node.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dyad_protocol::exchange::Receiver;
use dyad_protocol::serialization::Codec;

use super::entities::Entities;
use crate::http::CorsSetting;
use crate::tls::TlsConnector;

/// The limits of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest message, and frame, in bytes; a longer one closes the connection with 1009.
    pub max_message: usize,
    /// Requests that may be in progress at a time, in each direction; more are not read, or wait.
    pub max_in_progress: usize,
    /// After so long without a sign of life the other side is asked for one, and after as long again given up. For
    /// twice as long it may leave what it is sent untaken.
    pub keep_alive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message: 1024 * 1024, max_in_progress: 64, keep_alive: Duration::from_secs(30) }
    }
}

/// The settings of a WebSocket server.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The path: `""`, or `/x/y` without a trailing slash.
    pub root: String,
    /// Which web pages may connect. What is no page may in any case.
    pub origins: CorsSetting,
    /// For how long the handshake may take.
    pub handshake_timeout: Duration,
    /// Connections at the same time; more wait in the queue of the operating system.
    pub max_connections: usize,
    /// For how long requests in flight may go on after [`super::Server::stop`].
    pub stop_deadline: Duration,
}

/// The settings of the client role.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// For how long a connection may take to be made, its handshake included.
    pub connect_timeout: Duration,
    /// Connections that are kept; the one that was not used for the longest time makes room for another.
    pub max_connections: usize,
    /// Makes connections to `wss://` addresses; none if they are not to be reached.
    pub tls: Option<TlsConnector>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), max_connections: 1_000, tls: None }
    }
}

/// Brings an identifier of an entity into its shortest form on this node.
pub type Shorten = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// What all connections share, whoever opened them.
#[derive(Clone)]
pub struct Shared {
    /// Carries out what comes.
    pub receiver: Arc<dyn Receiver>,
    /// Reads and writes primitives.
    pub codec: Codec,
    /// Whose connections there are.
    pub entities: Arc<Entities>,
    /// The forms of identifiers.
    pub shorten: Shorten,
    /// The limits of each connection.
    pub limits: Limits,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("limits", &self.limits).finish_non_exhaustive()
    }
}
