//! The HTTP binding (TS-0009).
//!
//! `decode` and `encode` are pure and hold the mapping; `server` and `client` move the bytes. What a primitive
//! means, and whether its parameters suit its operation, is left to the core.

pub mod address;
pub mod client;
mod conditional;
mod cors;
pub mod decode;
pub mod doors;
pub mod encode;
mod headers;
pub mod media;
pub mod server;
mod service;
pub mod settings;
pub mod status;
mod wire;

pub use client::{ClientSettings, HttpTransport};
pub use doors::{Door, DoorReply, DoorRequest};
pub use server::{Server, start};
pub use settings::{CorsSetting, ServerSettings};
