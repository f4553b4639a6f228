//! The settings of the HTTP server. Where they come from is left to the node.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dyad_protocol::serialization::{Codec, PARSER_LIMIT};

use super::decode::IsAttribute;
use super::doors::Door;
use super::media::{self, MediaType};
use crate::tls::TlsAcceptor;

/// Which web pages may use this node from a browser (the CORS protocol of the Fetch standard).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsSetting {
    /// None; OPTIONS is not allowed.
    #[default]
    Off,
    /// Those of any origin.
    Any,
    /// Those of the listed origins, `https://console.example.com`.
    Origins(Vec<String>),
}

/// The settings of one HTTP server.
#[derive(Clone)]
pub struct ServerSettings {
    /// Addresses to listen on; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Addresses to listen on for HTTPS, and how TLS is spoken there; none if it is not spoken.
    pub secure: Option<(Vec<SocketAddr>, TlsAcceptor)>,
    /// Prefix of all resource paths: `""`, or `/x/y` without a trailing slash. Doors are outside of it.
    pub root: String,
    /// Tolerates what clients in the field leave out, see [`super::decode::Rules::lenient`].
    pub lenient: bool,
    /// The longest body in bytes; a longer one is answered with BAD_REQUEST.
    pub max_body: usize,
    /// The longest start line and header section in bytes, up to 128 KiB; a longer one is answered with 431.
    pub max_header: usize,
    /// For how long the header section of the first request on a connection may take.
    pub header_timeout: Duration,
    /// For how long a body may take from the end of the headers.
    pub body_timeout: Duration,
    /// For how long a connection may stay idle between requests; zero closes it after each.
    pub keep_alive: Duration,
    /// For how long requests in flight may go on after [`super::Server::stop`]; whole seconds, at least one.
    pub stop_deadline: Duration,
    /// Which web pages may use this node.
    pub cors: CorsSetting,
    /// Threads that serve connections, 1 to 512.
    pub workers: usize,
    /// Connections at the same time; more wait in the queue of the operating system.
    pub max_connections: usize,
    /// Reads and writes contents.
    pub codec: Codec,
    /// The media type of responses when the originator accepts any and sent no content.
    pub default_content_type: &'static MediaType,
    /// Which query fields are attribute conditions: the short names of all attributes.
    pub is_attribute: IsAttribute,
    /// What is answered beside resources.
    pub doors: Vec<Door>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            secure: None,
            root: String::new(),
            lenient: true,
            max_body: 1024 * 1024,
            max_header: 32 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            stop_deadline: Duration::from_secs(10),
            cors: CorsSetting::Off,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            max_connections: 25_000,
            codec: Codec::new(Arc::default(), PARSER_LIMIT),
            default_content_type: &media::JSON,
            is_attribute: Arc::new(|_| false),
            doors: Vec::new(),
        }
    }
}

impl fmt::Debug for ServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSettings")
            .field("listen", &self.listen)
            .field("root", &self.root)
            .field("lenient", &self.lenient)
            .field("cors", &self.cors)
            .finish_non_exhaustive()
    }
}
