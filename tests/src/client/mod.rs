//! A blocking oneM2M client over every binding: what tests send, and what came back, in one shape.

mod coap;
mod http;
mod mqtt;
mod primitive;
mod websocket;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::request::Request;

pub(crate) use primitive::is_header_of_a_parameter;

/// Longest time that an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bindings over which tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TS-0009
    Http,
    /// TS-0008
    Coap,
    /// TS-0010
    Mqtt,
    /// TS-0020
    WebSocket,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Http, Self::Coap, Self::Mqtt, Self::WebSocket];

    /// Its name in the banner of the node.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Coap => "CoAP",
            Self::Mqtt => "MQTT",
            Self::WebSocket => "WebSocket",
        }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The code of the transport: the status of HTTP, the code of CoAP as three digits (`205`), 0 over other bindings.
    pub code: u16,
    /// Response status code; 0 if it is missing.
    pub rsc: u64,
    /// The headers of HTTP, names in lower case; the parameters of other bindings under the names that HTTP has.
    pub headers: Vec<(String, String)>,
    /// The content; `null` if there is none, a string if it is no JSON.
    pub body: Value,
    /// The request identifier that was sent.
    pub identifier: String,
}

impl Answer {
    /// The first header of a name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The answer itself, if it has the response status code; panics with the whole answer otherwise.
    #[track_caller]
    #[must_use]
    pub fn expect(self, rsc: u64) -> Self {
        assert_eq!(self.rsc, rsc, "response status code of {self:?}");
        self
    }

    /// A part of the content, by its JSON pointer, `/m2m:cnt/ri`; panics if it is not a text.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        let value = self.body.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("no text at {pointer} in {self:?}")).to_owned()
    }
}

#[derive(Debug)]
enum Wire {
    Http(http::Http),
    Coap(coap::Coap),
    Mqtt(mqtt::Mqtt),
    WebSocket(websocket::WebSocket),
}

/// A client; may be shared by threads. Connections are kept and used again.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
}

static IDENTIFIERS: AtomicU64 = AtomicU64::new(1);

impl Client {
    /// A client of the CSE that answers HTTP at an address.
    pub fn new(address: SocketAddr) -> Self {
        Self { wire: Wire::Http(http::Http::new(address)) }
    }

    /// A client over a binding. `cse` is the CSE-ID, which MQTT needs for its topics.
    pub fn over(transport: Transport, address: SocketAddr, cse: &str) -> Self {
        let wire = match transport {
            Transport::Http => Wire::Http(http::Http::new(address)),
            Transport::Coap => Wire::Coap(coap::Coap::new(address)),
            Transport::Mqtt => Wire::Mqtt(mqtt::Mqtt::new(address, cse)),
            Transport::WebSocket => Wire::WebSocket(websocket::WebSocket::new(address)),
        };
        Self { wire }
    }

    /// What it goes over.
    pub const fn transport(&self) -> Transport {
        match self.wire {
            Wire::Http(_) => Transport::Http,
            Wire::Coap(_) => Transport::Coap,
            Wire::Mqtt(_) => Transport::Mqtt,
            Wire::WebSocket(_) => Transport::WebSocket,
        }
    }

    /// Sends a request; panics if no answer comes.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Answer {
        self.try_send(request).unwrap_or_else(|error| panic!("{error} after {request:?}"))
    }

    /// Sends a request.
    pub fn try_send(&self, request: &Request) -> io::Result<Answer> {
        let number = IDENTIFIERS.fetch_add(1, Ordering::Relaxed);
        let identifier = request.identifier.clone().unwrap_or_else(|| format!("rq{number}"));
        match &self.wire {
            Wire::Http(wire) => wire.send(request, identifier),
            Wire::Coap(wire) => wire.send(request, identifier),
            Wire::Mqtt(wire) => wire.send(request, identifier),
            Wire::WebSocket(wire) => wire.send(request, identifier),
        }
    }

    /// Sends bytes as they are on a connection of their own and reads one answer; `None` if the connection is closed
    /// without. HTTP only.
    pub fn send_bytes(&self, bytes: &[u8]) -> io::Result<Option<Answer>> {
        match &self.wire {
            Wire::Http(wire) => wire.send_bytes(bytes),
            wire => Err(io::Error::other(format!("no bytes of HTTP over {wire:?}"))),
        }
    }
}
