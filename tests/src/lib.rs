//! What tests need to see the node as its clients do: the node as a process, a client, a target for notifications,
//! and conformance cases that are data.
//!
//! Nothing here uses the node's own crates: what is wrong in them cannot hide in the tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

pub mod case;
mod client;
mod database;
pub mod moment;
mod node;
mod request;
mod sink;
mod subject;
mod wire;

pub use client::{Answer, Client, Transport};
pub use node::{Builder, Node, Store, binary, everywhere, program};
pub use request::{Operation, Request};
pub use sink::{Received, Reply, Sink};
pub use subject::Subject;

/// A variable of the environment, if it is set and not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no settings but the environment; this is the one place"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The root of the workspace.
pub fn workspace() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
