//! The CoAP binding (TS-0008).
//!
//! Two halves that meet in [`resources::Resources`]. Below: datagrams become whole CoAP messages (RFC 7252, 7959,
//! 9175). Above: whole CoAP messages become primitives, which is pure. What a primitive means is left to the core.
//!
//! Below, `wire`, `layer`, `remembered`, `uploads`, `downloads` and `guard` do no IO and get the time passed in;
//! `endpoint`, `burst`, `receiving`, `serving`, `reply` and `server` move the datagrams, as do `line`, `conversation` and
//! `client` for requests of this node.

pub mod address;
pub mod block;
mod burst;
mod call;
mod carried;
pub mod client;
mod conversation;
pub mod decode;
pub mod downloads;
pub mod encode;
mod endpoint;
pub mod format;
pub mod guard;
mod kept;
pub mod layer;
mod line;
pub mod link;
pub mod links;
mod multicast;
pub mod observe;
pub mod options;
pub mod primitives;
pub mod read;
mod receiving;
pub mod remembered;
mod reply;
pub mod resources;
mod secured;
pub mod server;
mod serving;
pub mod settings;
pub mod status;
pub mod uploads;
pub mod well_known;
pub mod wire;

pub use client::CoapTransport;
pub use kept::Room;
pub use primitives::Primitives;
pub use resources::{Notifier, Origin, Outcome, RequestKey, Resources, Source};
pub use secured::Secured;
pub use server::{Server, start};
pub use settings::{ClientSettings, ServerSettings};
