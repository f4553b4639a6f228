//! Protocol bindings: how primitives travel.
//!
//! Responsible for turning bytes into request primitives and response primitives into bytes, and the other way
//! round for requests that this node sends. A binding knows the vocabulary (`dyad-protocol`) and the two traits
//! of its `exchange` module; what a request does is left to whoever implements them.

pub mod coap;
pub mod discovery;
mod escape;
pub mod http;
mod identifiers;
mod listening;
pub mod mqtt;
pub mod query;
pub mod tls;
mod tokens;
pub mod ws;

pub use identifiers::identifiers;
