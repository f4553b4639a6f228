//! The WebSocket binding (TS-0020): primitives as messages of RFC 6455, in both directions over one connection.
//!
//! `subprotocol`, `handshake` and `closing` are pure and hold the mapping. A `connection` moves the messages
//! of one connection, whichever side opened it, over any stream; `server` accepts connections and `client` opens them.
//! Whose connection it is, is noted in `entities`. What a primitive means is left to the core.

pub mod client;
mod closing;
mod connection;
pub mod dial;
mod entities;
mod greet;
pub mod handshake;
mod incoming;
mod io;
mod line;
pub mod server;
pub mod settings;
mod socket;
mod subprotocol;

pub use client::WsTransport;
pub use entities::Entities;
pub use server::{Admission, Server, Sessions, start};
pub use settings::{ClientSettings, Limits, ServerSettings, Shared};
