//! The common services entity: what happens to a request, whichever binding it came by.
//!
//! Start reading at [`request`]: its `carry_out` is the receiver procedure of TS-0004 7.2.2.2, step by step. Below it
//! lie access control, the resource types, the tree and the store; beside it subscriptions and delivery. Service
//! functions ([`ServiceFunction`]) join in from outside; the core knows none by name. The core knows no binding, no
//! settings file and no clock but the one it is given.

pub mod access;
mod alarm;
pub mod clock;
pub mod config;
mod cse;
pub mod delivery;
mod expiry;
mod function;
pub mod geography;
pub mod network;
pub mod request;
pub mod resource;
pub mod schedule;
pub mod settings;
pub mod store;
pub mod subscription;
mod types;

#[cfg(test)]
mod tests;

pub use alarm::Alarms;
pub use clock::{Clock, SystemClock};
pub use config::Config;
pub use cse::{Builder, Cse};
pub use function::{
    Active, Change, Deferral, Departure, Described, Event, Facets, Reach, Report, Semantics, ServiceFunction,
    Stage, Standing, Stop, Tailor, TailorResponse, add_schemas,
};
pub use network::Network;

/// Number of the CSEBase, the root of the tree.
pub(crate) const CSE_BASE: resource::Id = 1;
