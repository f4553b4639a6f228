//! The vocabulary of oneM2M, shared by the core, the bindings and the service functions.
//!
//! Responsible for: identifiers and address forms, request and response primitives, response status codes, time
//! stamps, and the resource type tables with their validation. Everything here is a value: no IO, no clock, no
//! runtime. What a request *does* is left to `dyad-core`; how it travels is left to `dyad-bindings`.

pub mod exchange;
pub mod failure;
pub mod id;
pub mod precondition;
pub mod primitive;
pub mod rsc;
pub mod schema;
pub mod serialization;
pub mod time;

pub use failure::Failure;
pub use primitive::{Content, Operation, Request, Response, ResultContent};
pub use rsc::StatusCode;
pub use serialization::Serialization;
pub use time::Timestamp;

/// A JSON object as it travels in primitives: short names to values, in the order in which they were sent.
pub type Object = serde_json::Map<String, serde_json::Value>;
