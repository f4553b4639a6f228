//! DTLS 1.2 for datagrams (RFC 6347), beneath CoAP: with certificates, and with pre-shared keys (RFC 7252 9.1).
//!
//! `dimpl` speaks the protocol and does no IO. Here: sockets, which sessions there are and for how long, cookies before a
//! session, and whom a certificate makes believable. What is in the datagrams is left to whoever takes them.

mod cookie;
mod endpoint;
pub mod hello;
mod psk;
mod secrets;
mod session;

pub use endpoint::{Endpoint, SessionLimits};
pub use secrets::{ClientSecrets, ServerSecrets};
