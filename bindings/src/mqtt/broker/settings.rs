//! The settings of the broker. Where they come from is left to the node.

use std::net::SocketAddr;
use std::time::Duration;

/// The settings of one broker. Every number is a bound on what clients can make it hold.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// Addresses to listen on for plain MQTT; port 0 takes a free one. None is fine: [`super::Broker::serve`] takes
    /// streams that others accepted.
    pub listen: Vec<SocketAddr>,
    /// Connections at the same time; more are closed as soon as they are accepted.
    pub max_connections: usize,
    /// For how long a connection may take to say CONNECT.
    pub connect_timeout: Duration,
    /// The longest packet in bytes that a client may send, its fixed header included.
    pub max_packet: usize,
    /// For how long a client that owes bytes to the socket may take none.
    pub write_timeout: Duration,
    /// Sessions, those of clients that are away included. Beyond it the session whose client is away for longest
    /// ends, and if there is none, the new client is refused.
    pub max_sessions: usize,
    /// For how long a session is kept for a client that is away, at the longest.
    pub session_expiry: Duration,
    /// Subscriptions of one session.
    pub max_subscriptions: usize,
    /// Messages with QoS 1 and 2 that one client has not acknowledged yet; the lower of this and the client's own
    /// Receive Maximum counts.
    pub max_inflight: u16,
    /// Messages with QoS 2 that one client has sent and not released yet; announced as Receive Maximum.
    pub receive_maximum: u16,
    /// Messages that wait for one client.
    pub max_queued: usize,
    /// Bytes of all messages that wait for clients. A message counts once for each client that it waits for. One client
    /// gets no more of it than is left.
    pub max_queued_bytes: usize,
    /// Retained messages.
    pub max_retained: usize,
    /// Bytes of all retained messages.
    pub max_retained_bytes: usize,
    /// For how long [`super::Broker::stop`] lets clients take what waits for them.
    pub stop_deadline: Duration,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 1883))],
            max_connections: 12_000,
            connect_timeout: Duration::from_secs(10),
            max_packet: 1024 * 1024,
            write_timeout: Duration::from_secs(30),
            max_sessions: 20_000,
            session_expiry: Duration::from_secs(24 * 60 * 60),
            max_subscriptions: 100,
            max_inflight: 100,
            receive_maximum: 100,
            max_queued: 1000,
            max_queued_bytes: 64 * 1024 * 1024,
            max_retained: 10_000,
            max_retained_bytes: 16 * 1024 * 1024,
            stop_deadline: Duration::from_secs(3),
        }
    }
}
