//! The settings of the CoAP endpoint. Where they come from is left to the node.

use std::net::SocketAddr;
use std::time::Duration;

use super::block;
use super::kept::Room;
use super::layer::Limits;
use super::remembered;

/// The settings of a server.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Addresses to listen on; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// The longest content of a request in bytes, all its blocks together; a longer one is answered with 4.13.
    pub max_body: usize,
    /// The largest block that leaves, and that is asked for: 16 bytes shifted by this, 0 to 6.
    pub block_exponent: u8,
    /// Requests per second and network (an IPv4 address, 64 bits of an IPv6 one); 0 for no limit.
    pub rate: u32,
    /// Requests that may wait for their answer at the same time; more are answered with 5.03.
    pub max_pending: usize,
    /// For how long requests in flight may go on after [`super::Server::stop`].
    pub stop_deadline: Duration,
    /// How long a confirmable request may wait for its answer before it gets an empty acknowledgement.
    pub acknowledge_after: Duration,
    /// The time within which answers to a group leave (RFC 7252 8.2).
    pub leisure: Duration,
    /// Tasks that receive, for each address.
    pub receivers: usize,
    /// What is remembered of requests that only read.
    pub reads: remembered::Room,
    /// What is remembered of all others.
    pub changes: remembered::Room,
    /// What is kept of requests that come in blocks.
    pub uploads: Room,
    /// What is kept of answers that leave in blocks.
    pub downloads: Room,
    /// Addresses of which is known that they receive what is sent to them.
    pub shown: usize,
    /// Limits of what is sent without having been asked for.
    pub limits: Limits,
}

/// MAX_TRANSMIT_WAIT (RFC 7252 4.8.2): who has not come by then has given up.
const TRANSFER_LIFETIME: Duration = Duration::from_secs(93);

impl Default for ServerSettings {
    fn default() -> Self {
        let mib = 1024 * 1024;
        let kept = |lifetime| Room { bytes: 64 * mib, bytes_per_address: 16 * mib, lifetime };
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 5683))],
            max_body: mib,
            block_exponent: block::LARGEST,
            rate: 5_000,
            max_pending: 20_000,
            stop_deadline: Duration::from_secs(10),
            acknowledge_after: Duration::from_millis(100),
            leisure: Duration::from_secs(5),
            receivers: std::thread::available_parallelism().map_or(1, usize::from),
            reads: remembered::Room { messages: 16_384, bytes: 8 * mib },
            changes: remembered::Room { messages: 65_536, bytes: 16 * mib },
            uploads: kept(TRANSFER_LIFETIME),
            downloads: kept(TRANSFER_LIFETIME),
            shown: 65_536,
            limits: Limits::default(),
        }
    }
}

/// The settings of the client.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The longest content of a response in bytes, all its blocks together.
    pub max_body: usize,
    /// The largest block that leaves, and that is asked for: 16 bytes shifted by this, 0 to 6.
    pub block_exponent: u8,
    /// Limits of what is sent.
    pub limits: Limits,
}

impl Default for ClientSettings {
    fn default() -> Self {
        // Notifications to one target follow each other anyway; several targets may share an address.
        let limits = Limits { waiting: 4096, ..Limits::default() };
        Self { max_body: 4 * 1024 * 1024, block_exponent: block::LARGEST, limits }
    }
}
