//! Doors: exact paths that are answered beside the resources, such as health and metrics.
//!
//! Responsible for their shape; what is behind one is left to the node.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// What came to a door.
#[derive(Clone, Debug)]
pub struct DoorRequest {
    /// `POST`
    pub method: String,
    /// As it came, without `?`.
    pub query: Option<String>,
    /// Names in lower case; values that are not UTF-8 are left out.
    pub headers: Vec<(String, String)>,
    /// The body, at most as long as that of a request.
    pub body: Bytes,
    /// Address of the sender.
    pub peer: Option<SocketAddr>,
}

impl DoorRequest {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// What a door answers.
#[derive(Clone, Debug)]
pub struct DoorReply {
    /// The HTTP status; one that is none becomes 500.
    pub status: u16,
    /// Any case; what cannot be a header is left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// Answers what comes to a door.
pub type DoorHandler = Arc<dyn Fn(DoorRequest) -> BoxFuture<'static, DoorReply> + Send + Sync>;

/// A path with a handler of its own. It takes precedence over a resource of the same path.
#[derive(Clone)]
pub struct Door {
    /// The whole path, `/__ut__`; the root is not put in front.
    pub path: String,
    /// Runs on a worker of the server, in the context of the runtime that started it.
    pub handler: DoorHandler,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("path", &self.path).finish_non_exhaustive()
    }
}
