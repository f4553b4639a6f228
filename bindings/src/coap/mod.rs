//! The CoAP binding (TS-0008).
//!
//! Two halves that meet in [`resources::Resources`]. Below: datagrams become whole CoAP messages (RFC 7252, 7959,
//! 9175). Above: whole CoAP messages become primitives, which is pure. What a primitive means is left to the core.

pub mod address;
mod carried;
pub mod decode;
pub mod encode;
pub mod format;
pub mod links;
pub mod observe;
pub mod options;
pub mod primitives;
pub mod read;
pub mod resources;
pub mod status;
pub mod well_known;

pub use primitives::Primitives;
pub use resources::{Notifier, Origin, Outcome, RequestKey, Resources, Source};
